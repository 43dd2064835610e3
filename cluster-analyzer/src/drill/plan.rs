//! Pure: when the next drill is due, and where it walks.

use base::geometry::Point;
use base::ids::CameraId;
use base::site::{Site, ZoneKind};
use base::time::Micros;

use super::Params;

/// Heights of ground that are tried, the best first.
const GROUNDS: [f32; 9] = [0.8, 0.85, 0.75, 0.9, 0.7, 0.95, 0.65, 0.6, 0.5];
/// Places along a line.
const STEPS: u16 = 45;
/// A walk is at least so long, and at most, of the picture's width.
const SHORTEST: f32 = 0.15;
const LONGEST: f32 = 0.5;

/// A walk on ground where an animal is out: the longest level line through one kind of ground. It goes from right
/// to left, or the other way.
pub fn walk(site: &Site, camera: &CameraId, to_the_right: bool) -> Option<(Point, Point)> {
    let place = |step: u16| 0.05 + 0.9 * f32::from(step) / f32::from(STEPS);
    let is_out = |x: f32, y: f32| {
        let kind = site.zone_at(camera, Point { x, y }).map(|zone| zone.kind);
        !matches!(kind, Some(ZoneKind::Enclosure | ZoneKind::Ignore))
    };
    let mut best: Option<(f32, f32, f32)> = None;
    for y in GROUNDS {
        let mut begin: Option<f32> = None;
        for step in 0..=STEPS {
            let x = place(step);
            if !is_out(x, y) {
                begin = None;
                continue;
            }
            let from = *begin.get_or_insert(x);
            if best.is_none_or(|(a, b, _)| x - from > b - a + 0.05) {
                best = Some((from, x, y));
            }
        }
    }
    let (left, right, y) = best.filter(|(left, right, _)| right - left >= SHORTEST)?;
    let (middle, half) = ((left + right) / 2.0, ((right - left) / 2.0).min(LONGEST / 2.0));
    let ends = (Point { x: middle - half, y }, Point { x: middle + half, y });
    Some(if to_the_right { ends } else { (ends.1, ends.0) })
}

/// When the next drill is due, after `last`; `None`: there is no schedule.
pub fn due(params: &Params, last: Micros, timezone: &str) -> Option<Micros> {
    let often = params.every_us.map(|us| last.plus_us(us));
    let daily = params.at.and_then(|(hour, minute)| last.next_daily(timezone, hour, minute));
    often.into_iter().chain(daily).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn it_walks_where_an_animal_is_out() {
        // The left half of `gate` is an enclosure.
        let (from, to) = walk(&testkit::site(), &testkit::camera("gate"), false).unwrap();
        assert!(from.x > to.x && to.x >= 0.5 && from.x <= 0.95, "{from:?} {to:?}");
        let (from, to) = walk(&testkit::site(), &testkit::camera("plaza"), true).unwrap();
        assert!(to.x - from.x > 0.49 && from.y == 0.8, "{from:?} {to:?}");
    }

    #[test]
    fn the_earlier_of_two_schedules_is_next() {
        let params = |every_us, at| Params {
            every_us,
            at,
            cameras: vec![],
            seconds: 8.0,
            height: 0.3,
            deadline_us: 1,
            place: super::super::Where::Agent,
        };
        // 2026-01-01 00:00 UTC is one o'clock in Berlin.
        let midnight = Micros(1_767_225_600_000_000);
        let hours = |h: i64| midnight.plus_us(h * 3_600_000_000);
        let berlin = "Europe/Berlin";
        assert_eq!(due(&params(None, Some((3, 0))), midnight, berlin), Some(hours(2)));
        assert_eq!(due(&params(None, Some((0, 30))), midnight, berlin), Some(hours(23).plus_us(1_800_000_000)));
        assert_eq!(due(&params(Some(3_600_000_000), Some((3, 0))), midnight, berlin), Some(hours(1)));
        assert_eq!(due(&params(None, None), midnight, berlin), None);
    }
}
