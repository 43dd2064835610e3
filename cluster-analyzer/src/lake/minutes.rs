//! Pure: time spans become seconds by minute, and frames become time spans.

use std::collections::HashMap;

use base::ids::CameraId;
use base::time::Micros;

/// One minute, µs.
pub const MINUTE_US: i64 = 60_000_000;

/// A frame stands for the time since the one before it, at most this long: a still scene sends one frame
/// every few seconds, and is watched all the same.
const FRAME_STANDS_FOR_US: i64 = 10_000_000;

/// How much of each minute a span covers: the minute's beginning, and µs.
pub fn by_minute(start: Micros, duration_us: i64) -> impl Iterator<Item = (Micros, i64)> {
    let end = start.plus_us(duration_us.max(0)).0;
    let first = start.0.div_euclid(MINUTE_US);
    let last = (end - 1).div_euclid(MINUTE_US);
    (first..=last).map(move |minute| {
        let begin = minute * MINUTE_US;
        (Micros(begin), end.min(begin + MINUTE_US) - start.0.max(begin))
    })
}

/// The newest analysed frame of each camera.
#[derive(Debug, Default)]
pub struct FrameMarks {
    newest: HashMap<CameraId, Micros>,
}

impl FrameMarks {
    /// The span that a frame adds to what is analysed: its start and length, µs. `None` for a camera's first
    /// frame, one that came late, and one after a gap.
    pub fn mark(&mut self, camera: &CameraId, captured_at: Micros) -> Option<(Micros, i64)> {
        let before = self.newest.insert(camera.clone(), captured_at)?;
        if captured_at <= before {
            self.newest.insert(camera.clone(), before);
            return None;
        }
        let span_us = captured_at.since(before);
        (span_us <= FRAME_STANDS_FOR_US).then_some((before, span_us))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_minutes_of_a_span_add_up_to_it(start in 0i64..10_000_000_000, duration in 0i64..400_000_000) {
            let minutes: Vec<_> = by_minute(Micros(start), duration).collect();
            prop_assert_eq!(minutes.iter().map(|(_, us)| us).sum::<i64>(), duration);
            prop_assert!(minutes.iter().all(|(m, us)| m.0 % MINUTE_US == 0 && (1..=MINUTE_US).contains(us)));
        }
    }

    #[test]
    fn a_segment_over_the_turn_of_the_minute_counts_in_both() {
        let minutes: Vec<_> = by_minute(Micros(58_000_000), 4_000_000).collect();
        assert_eq!(minutes, [(Micros(0), 2_000_000), (Micros(60_000_000), 2_000_000)]);
    }

    #[test]
    fn frames_cover_the_time_between_them_and_no_gap() {
        let camera = CameraId::new("a").unwrap();
        let mut marks = FrameMarks::default();
        let s = |t: i64| Micros(t * 1_000_000);
        assert_eq!(marks.mark(&camera, s(0)), None);
        assert_eq!(marks.mark(&camera, s(5)), Some((s(0), 5_000_000)));
        assert_eq!(marks.mark(&camera, s(4)), None, "late");
        assert_eq!(marks.mark(&camera, s(60)), None, "a gap");
        assert_eq!(marks.mark(&camera, s(61)), Some((s(60), 1_000_000)));
    }
}
