//! Pure: a camera as a part of the street. A crop, blown up to the full size and perhaps mirrored, makes one
//! piece of footage look like several cameras.

use base::geometry::{Point, Rect};

use crate::world::{HEIGHT, Px, WIDTH};

/// Which part of the street a camera shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Left edge of the crop, in the street's pixels.
    pub x: u32,
    /// Top edge of the crop.
    pub y: u32,
    /// Width of the crop; its height follows, so that nothing is stretched.
    pub width: u32,
    /// Left and right exchanged.
    pub mirrored: bool,
}

impl View {
    /// Height of the crop.
    pub fn height(&self) -> u32 {
        self.width * HEIGHT / WIDTH
    }

    /// Whether the crop lies inside the street.
    pub fn is_inside(&self) -> bool {
        self.width > 0 && self.x + self.width <= WIDTH && self.y + self.height() <= HEIGHT
    }

    /// A place of the street in the camera's normalised picture.
    pub fn point(&self, place: Px) -> Point {
        let x = (place.x - self.x as f32) / self.width as f32;
        let y = (place.y - self.y as f32) / self.height() as f32;
        Point { x: if self.mirrored { 1.0 - x } else { x }, y }
    }

    /// A box of the street (left, top, width, height in its pixels) in the camera's normalised picture.
    pub fn rect(&self, left: f32, top: f32, width: f32, height: f32) -> Rect {
        let (a, b) = (self.point(Px::new(left, top)), self.point(Px::new(left + width, top + height)));
        Rect::from_edges(a.x.min(b.x), a.y, a.x.max(b.x), b.y)
    }

    /// A polygon of the street, cut at the picture's edges; empty when none of it shows.
    pub fn polygon(&self, corners: &[[f32; 2]]) -> Vec<[f32; 2]> {
        let mut points: Vec<[f32; 2]> = corners.iter().map(|c| self.point(Px::new(c[0], c[1])).into()).collect();
        for (axis, limit, above) in [(0, 0.0, true), (0, 1.0, false), (1, 0.0, true), (1, 1.0, false)] {
            points = clip(&points, axis, limit, above);
        }
        let mut rounded: Vec<[f32; 2]> =
            points.iter().map(|p| p.map(|v| ((v * 1e4).round() / 1e4).clamp(0.0, 1.0))).collect();
        rounded.dedup();
        rounded
    }
}

/// Sutherland and Hodgman's clipping against one line.
fn clip(points: &[[f32; 2]], axis: usize, limit: f32, keep_above: bool) -> Vec<[f32; 2]> {
    let inside = |p: &[f32; 2]| if keep_above { p[axis] >= limit } else { p[axis] <= limit };
    let mut out = Vec::with_capacity(points.len() + 4);
    for (a, b) in points.iter().zip(points.iter().cycle().skip(1)) {
        if inside(a) {
            out.push(*a);
        }
        if inside(a) != inside(b) {
            let share = (limit - a[axis]) / (b[axis] - a[axis]);
            let mut cut = [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
            cut[axis] = limit;
            out.push(cut);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: View = View { x: 384, y: 288, width: 384, mirrored: false };

    #[test]
    fn the_crop_fills_the_picture_and_a_mirror_exchanges_its_sides() {
        assert_eq!(HALF.point(Px::new(768.0, 576.0)), Point { x: 1.0, y: 1.0 });
        let mirrored = View { mirrored: true, ..HALF };
        assert_eq!(mirrored.point(Px::new(384.0, 288.0)), Point { x: 1.0, y: 0.0 });
        assert_eq!(mirrored.rect(384.0, 288.0, 192.0, 144.0), Rect { x: 0.5, y: 0.0, w: 0.5, h: 0.5 });
    }

    #[test]
    fn a_polygon_is_cut_at_the_edges() {
        let all = [[0.0, 0.0], [768.0, 0.0], [768.0, 576.0], [0.0, 576.0]];
        let mut cut = HALF.polygon(&all);
        cut.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(cut, [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
        assert!(HALF.polygon(&[[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]]).is_empty());
    }
}
