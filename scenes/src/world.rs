//! Pure: the street in the footage (`vtest.avi`), measured from its pictures.
//!
//! The people in it give the scale: 80 px where their feet are at y = 290, 110 px at y = 400, so a metre is
//! 0.157 y pixels, and the horizon lies at the top edge. All scenes are laid out in this one street, in its
//! pixels; a [`crate::view::View`] makes a camera of a part of it.

use base::geometry::{Point, Polygon};

/// Pixels across.
pub const WIDTH: u32 = 768;
/// Pixels down.
pub const HEIGHT: u32 = 576;
/// Frames per second, of the footage and of all clips.
pub const FPS: u32 = 10;
/// How many frames the footage has.
pub const FRAMES: u32 = 795;

/// A place in the street's picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Px {
    /// From the left edge; may lie outside the picture.
    pub x: f32,
    /// From the top edge; on the ground, so always below the horizon at 0.
    pub y: f32,
}

/// A place on the ground, in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metres {
    /// To the right of the camera.
    pub right: f32,
    /// Away from the camera.
    pub away: f32,
}

const PX_PER_M_AND_PX: f32 = 0.157;
/// The lens that a scale of 0.157 y means for a camera of 45 degrees across: metres away times y.
const AWAY_M_PX: f32 = 5905.0;

impl Px {
    /// A place from its pixels.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// How many pixels a metre has here, across and up.
    pub fn px_per_m(self) -> f32 {
        PX_PER_M_AND_PX * self.y
    }

    /// Where on the ground this is.
    pub fn on_ground(self) -> Metres {
        Metres { right: (self.x - WIDTH as f32 / 2.0) / self.px_per_m(), away: AWAY_M_PX / self.y }
    }
}

impl Metres {
    /// Where in the picture this is.
    pub fn in_picture(self) -> Px {
        let y = AWAY_M_PX / self.away;
        Px { x: WIDTH as f32 / 2.0 + self.right * PX_PER_M_AND_PX * y, y }
    }

    /// Metres to another place.
    pub fn distance(self, other: Self) -> f32 {
        (self.right - other.right).hypot(self.away - other.away)
    }

    /// The place at `share` (0 to 1) of the way to another.
    pub fn towards(self, other: Self, share: f32) -> Self {
        Self {
            right: self.right + (other.right - self.right) * share,
            away: self.away + (other.away - self.away) * share,
        }
    }
}

/// Where the lawn at the lower left ends and the street begins, from the left edge to the right one.
pub const LAWN_EDGE: [[f32; 2]; 14] = [
    [0.0, 241.0],
    [60.0, 249.0],
    [130.0, 259.0],
    [200.0, 270.0],
    [250.0, 282.0],
    [300.0, 299.0],
    [350.0, 320.0],
    [400.0, 344.0],
    [450.0, 365.0],
    [500.0, 384.0],
    [540.0, 403.0],
    [600.0, 429.0],
    [680.0, 457.0],
    [768.0, 497.0],
];

/// A pen on the far lawn, between the building and the parking places.
pub const FAR_PEN: [[f32; 2]; 6] =
    [[36.0, 146.0], [170.0, 116.0], [300.0, 103.0], [372.0, 112.0], [372.0, 150.0], [345.0, 168.0]];

/// The lawn, as a closed polygon in the street's pixels.
pub fn lawn() -> Vec<[f32; 2]> {
    let below = [[WIDTH as f32, HEIGHT as f32], [0.0, HEIGHT as f32]];
    LAWN_EDGE.iter().chain(&below).copied().collect()
}

/// All that is not lawn.
pub fn street() -> Vec<[f32; 2]> {
    let above = [[WIDTH as f32, 0.0], [0.0, 0.0]];
    LAWN_EDGE.iter().chain(&above).copied().collect()
}

/// How far a place lies inside the lawn, in pixels down from its edge; negative on the street.
pub fn depth_in_lawn_px(place: Px) -> f32 {
    let x = place.x.clamp(0.0, WIDTH as f32);
    let edge = LAWN_EDGE.windows(2).find(|pair| x <= pair[1][0]).map_or(LAWN_EDGE[13][1], |pair| {
        let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
        y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    });
    place.y - edge
}

/// Something that stands in the street and hides what passes behind it.
struct Standing {
    /// Where it meets the ground: what is nearer passes in front of it.
    ground_y_px: f32,
    outline: &'static [[f32; 2]],
}

const LAMP_Y: f32 = 390.0;
const TRIPOD_Y: f32 = 470.0;

const STANDING: [Standing; 8] = [
    // The lamp post and its sign.
    Standing {
        ground_y_px: LAMP_Y,
        outline: &[
            [423.5, 102.0],
            [429.0, 102.0],
            [430.0, 200.0],
            [433.5, 250.0],
            [436.0, 340.0],
            [438.5, 392.0],
            [429.0, 392.0],
            [428.5, 340.0],
            [426.5, 250.0],
        ],
    },
    Standing { ground_y_px: LAMP_Y, outline: &[[412.0, 202.0], [444.0, 203.0], [444.5, 244.0], [412.5, 242.5]] },
    // The near tripod: head, hub and three legs.
    Standing { ground_y_px: TRIPOD_Y, outline: &[[505.0, 337.0], [510.0, 337.0], [511.5, 355.0], [500.5, 351.0]] },
    Standing { ground_y_px: TRIPOD_Y, outline: &[[503.5, 350.0], [507.0, 350.0], [509.0, 390.0], [500.0, 388.0]] },
    Standing { ground_y_px: TRIPOD_Y, outline: &[[499.0, 378.0], [502.0, 380.0], [462.0, 471.0], [458.0, 470.0]] },
    Standing { ground_y_px: TRIPOD_Y, outline: &[[504.0, 386.0], [507.5, 386.0], [509.5, 452.0], [506.0, 452.0]] },
    Standing { ground_y_px: TRIPOD_Y, outline: &[[506.0, 384.0], [508.5, 383.0], [525.5, 481.0], [521.5, 482.0]] },
    // The rock at the edge of the lawn.
    Standing {
        ground_y_px: 280.0,
        outline: &[
            [163.0, 272.0],
            [170.0, 259.0],
            [180.0, 251.0],
            [189.0, 254.0],
            [194.0, 270.0],
            [186.0, 277.0],
            [172.0, 279.0],
        ],
    },
];

/// For each pixel of the street the ground line (pixels from the top) of what stands there; 0 where nothing
/// does. What stands farther than that line is hidden.
pub fn standing_map() -> Vec<u16> {
    let mut map = vec![0; (WIDTH * HEIGHT) as usize];
    for thing in &STANDING {
        let outline = Polygon(thing.outline.iter().map(|c| Point::from(*c)).collect());
        let span = |axis: usize| {
            let (low, high) =
                thing.outline.iter().fold((f32::MAX, f32::MIN), |(l, h), c| (l.min(c[axis]), h.max(c[axis])));
            low.floor() as u32..=high.ceil() as u32
        };
        for y in span(1) {
            for x in span(0) {
                if outline.contains(Point { x: x as f32 + 0.5, y: y as f32 + 0.5 }) {
                    map[(y * WIDTH + x) as usize] = thing.ground_y_px as u16;
                }
            }
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_goes_to_the_ground_and_back() {
        for place in [Px::new(0.0, 200.0), Px::new(384.0, 300.0), Px::new(900.0, 560.0)] {
            let back = place.on_ground().in_picture();
            assert!((back.x - place.x).abs() < 0.01 && (back.y - place.y).abs() < 0.01, "{place:?} {back:?}");
        }
    }

    #[test]
    fn a_person_is_as_tall_as_the_walkers_in_the_footage() {
        assert!((Px::new(0.0, 400.0).px_per_m() * 1.75 - 110.0).abs() < 2.0);
        assert!((Px::new(0.0, 290.0).px_per_m() * 1.75 - 80.0).abs() < 2.0);
    }

    #[test]
    fn the_lamp_post_hides_only_where_it_stands() {
        let map = standing_map();
        let at = |x: u32, y: u32| map[(y * WIDTH + x) as usize];
        assert_eq!((at(432, 300), at(400, 300), at(425, 220)), (390, 0, 390));
    }

    #[test]
    fn depth_in_the_lawn_is_measured_from_its_edge() {
        assert_eq!(depth_in_lawn_px(Px::new(400.0, 354.0)), 10.0);
        assert!(depth_in_lawn_px(Px::new(700.0, 300.0)) < 0.0);
    }
}
