//! Pure: which incident a new track belongs to.

use base::geometry::{Point, Rect};
use base::ids::CameraId;
use base::site::Site;
use base::time::Micros;

use super::{Params, Sight};

/// Nothing walks across more of the picture in a second.
const MOST_WIDTHS_PER_S: f32 = 0.5;
/// Two boxes of one picture that overlap by this much are one animal,
const SAME_ANIMAL_IOU: f32 = 0.3;
/// and so is a box of which this share lies in the other.
const SAME_ANIMAL_SHARE: f32 = 0.6;
/// Boxes whose gap is at most this, in sizes of the smaller one, touch.
const TOUCH_SIZES: f32 = 0.15;
/// Boxes that move together differ in velocity by at most this share of the faster one's.
const TOGETHER_SHARE: f32 = 0.35;
/// What is slower than this, widths a second, moves with nothing.
const STANDS_WIDTHS_PER_S: f32 = 0.02;
/// A tracker that has lost an animal finds it again within this, µs, and near where it was going.
const TRACKER_GAP_US: i64 = 1_000_000;
/// How near, in box sizes.
const TRACKER_SIZES: f32 = 0.75;
/// Boxes of one picture whose gap is larger than this, in sizes of the smaller one, are two animals.
const APART_SIZES: f32 = 0.5;

/// A sighting that a new track is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Camera.
    pub camera: CameraId,
    /// Track; `None` for one of before a restart.
    pub track: Option<u64>,
    /// When.
    pub at: Micros,
    /// Where.
    pub rect: Rect,
    /// Velocity of its centre, normalised units per second.
    pub velocity: Point,
    /// When its incident was opened.
    pub opened_at: Micros,
}

/// How badly a new track fits an incident that was last seen as `seen`; `None` when it cannot be the same animal.
pub fn fit(site: &Site, params: &Params, seen: &Seen, camera: &CameraId, t: Micros, sight: &Sight) -> Option<f32> {
    if seen.camera == *camera {
        fit_here(params, seen, t, sight)
    } else {
        fit_linked(site, params, seen, camera, sight)
    }
}

/// On the same camera: in the same picture only a box that is the same animal's, for a moment only what is where
/// it must be by now, later whatever is near enough for the time that passed.
fn fit_here(params: &Params, seen: &Seen, t: Micros, sight: &Sight) -> Option<f32> {
    let gap_us = t.since(seen.at);
    if gap_us > params.rejoin_within_us {
        return None;
    }
    let gap_s = gap_us.max(0) as f32 / 1e6;
    let size = mean_size(&seen.rect, &sight.rect);
    if gap_us <= TRACKER_GAP_US {
        let expected = moved(&seen.rect, seen.velocity, gap_s);
        let away = distance(&expected, &sight.rect);
        let young = t.since(seen.opened_at) <= params.double_within_us;
        let double = is_one_animal(&expected, &sight.rect)
            || (young && touch(&expected, &sight.rect) && together(seen.velocity, sight.velocity));
        let found_again = gap_us > 0 && away <= TRACKER_SIZES * size;
        return (double || found_again).then_some(away);
    }
    let away = distance(&seen.rect, &sight.rect);
    let reach = MOST_WIDTHS_PER_S * gap_s + 2.0 * size;
    (away <= reach).then_some(away / reach)
}

/// On a linked camera: it came into view within the travel window. Paths are walked both ways.
fn fit_linked(site: &Site, params: &Params, seen: &Seen, camera: &CameraId, sight: &Sight) -> Option<f32> {
    let gap_us = sight.since.since(seen.at);
    let joins = |from: &CameraId, to: &CameraId| {
        (*from == seen.camera && to == camera) || (from == camera && *to == seen.camera)
    };
    let links = site.links.iter().filter(|link| joins(&link.from, &link.to));
    let fits = links.filter_map(|link| {
        let [least_us, most_us] = link.seconds.map(|s| (f64::from(s) * 1e6) as i64);
        let within = least_us - params.link_slack_us <= gap_us && gap_us <= most_us + params.link_slack_us;
        let middle_us = (least_us + most_us) / 2;
        let half_us = (most_us - least_us).max(1_000_000) as f32 / 2.0;
        // Worse than anything on the same camera.
        within.then(|| 1.0 + (gap_us - middle_us).abs() as f32 / half_us)
    });
    fits.min_by(f32::total_cmp)
}

/// Two boxes of one picture that overlap so strongly that they are one animal's.
pub fn is_one_animal(a: &Rect, b: &Rect) -> bool {
    let smaller = a.area().min(b.area()).max(1e-9);
    a.iou(b) >= SAME_ANIMAL_IOU || a.intersection(b).area() / smaller >= SAME_ANIMAL_SHARE
}

/// Two boxes of one picture that cannot be one animal's.
pub fn are_apart(a: &Rect, b: &Rect) -> bool {
    gap(a, b) > APART_SIZES * size(a).min(size(b))
}

fn touch(a: &Rect, b: &Rect) -> bool {
    gap(a, b) <= TOUCH_SIZES * size(a).min(size(b))
}

/// Two velocities of things that move as one.
fn together(a: Point, b: Point) -> bool {
    let fastest = a.x.hypot(a.y).max(b.x.hypot(b.y));
    fastest >= STANDS_WIDTHS_PER_S && (a.x - b.x).hypot(a.y - b.y) <= TOGETHER_SHARE * fastest
}

/// From edge to edge; 0 where they overlap.
fn gap(a: &Rect, b: &Rect) -> f32 {
    let dx = (a.x.max(b.x) - a.right().min(b.right())).max(0.0);
    let dy = (a.y.max(b.y) - a.bottom().min(b.bottom())).max(0.0);
    dx.hypot(dy)
}

fn moved(rect: &Rect, velocity: Point, seconds: f32) -> Rect {
    Rect { x: rect.x + velocity.x * seconds, y: rect.y + velocity.y * seconds, ..*rect }
}

fn distance(a: &Rect, b: &Rect) -> f32 {
    let (a, b) = (a.center(), b.center());
    (a.x - b.x).hypot(a.y - b.y)
}

fn size(rect: &Rect) -> f32 {
    (rect.w + rect.h) / 2.0
}

fn mean_size(a: &Rect, b: &Rect) -> f32 {
    (size(a) + size(b)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANIMAL: Rect = Rect { x: 0.4, y: 0.4, w: 0.2, h: 0.1 };

    #[test]
    fn a_head_in_the_box_of_its_animal_is_one_animal_and_a_neighbour_is_not() {
        assert!(is_one_animal(&ANIMAL, &Rect { x: 0.55, y: 0.38, w: 0.04, h: 0.05 }));
        assert!(is_one_animal(&ANIMAL, &Rect { x: 0.45, ..ANIMAL }));
        let behind = Rect { x: 0.55, ..ANIMAL };
        assert!(!is_one_animal(&ANIMAL, &behind));
        assert!(!are_apart(&ANIMAL, &behind), "it may be a part of it all the same");
        assert!(are_apart(&ANIMAL, &Rect { x: 0.7, ..ANIMAL }));
    }

    #[test]
    fn two_halves_move_together_and_an_animal_that_stands_moves_with_nothing() {
        let v = |x, y| Point { x, y };
        assert!(together(v(0.1, 0.0), v(0.08, 0.01)));
        assert!(!together(v(0.1, 0.0), v(-0.1, 0.0)));
        assert!(!together(v(0.1, 0.0), v(0.0, 0.0)));
        assert!(!together(v(0.0, 0.0), v(0.0, 0.0)));
    }
}
