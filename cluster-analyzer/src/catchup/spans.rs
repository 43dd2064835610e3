//! Pure: when live frames of a camera were looked at.

use base::time::Micros;

/// Frames closer than this leave nothing out between them: a still scene gives one every two seconds.
const GAP_US: i64 = 5_000_000;
/// A segment of which less than this was not looked at is not late.
const LEAST_US: i64 = 1_000_000;

/// Spans that were looked at, oldest first, none closer to the next than [`GAP_US`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spans(Vec<(Micros, Micros)>);

impl Spans {
    /// Spans that were written down.
    pub fn new(mut spans: Vec<(Micros, Micros)>) -> Self {
        spans.sort();
        Self(spans)
    }

    /// A frame of `t` was looked at; returns its span.
    pub fn note(&mut self, t: Micros) -> (Micros, Micros) {
        // Nearly always the last one.
        let near = |(from, until): &(Micros, Micros)| from.since(t) <= GAP_US && t.since(*until) <= GAP_US;
        if let Some(span) = self.0.iter_mut().rev().find(|span| near(span)) {
            *span = (span.0.min(t), span.1.max(t));
            return *span;
        }
        let at = self.0.partition_point(|(from, _)| *from < t);
        self.0.insert(at, (t, t));
        (t, t)
    }

    /// Whether enough of a stretch of footage was not looked at.
    pub fn leave_out(&self, from: Micros, until: Micros) -> bool {
        let seen = self.0.iter().map(|(a, b)| until.min(b.plus_us(GAP_US / 2)).since(from.max(a.plus_us(-GAP_US / 2))));
        let seen_us: i64 = seen.map(|us| us.max(0)).sum();
        until.since(from) - seen_us > LEAST_US.min(until.since(from) / 2)
    }

    /// Forgets what ended before.
    pub fn forget(&mut self, before: Micros) {
        self.0.retain(|(_, until)| *until >= before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Micros {
        Micros((seconds * 1e6) as i64)
    }

    #[test]
    fn footage_between_two_outages_is_seen_and_footage_within_one_is_not() {
        let mut spans = Spans::default();
        let live = (0..100).map(|i| s(f64::from(i) * 0.2)).chain((0..30).map(|i| s(60.0 + f64::from(i) * 2.0)));
        for t in live {
            spans.note(t);
        }
        assert_eq!(spans.0.len(), 2, "{spans:?}");
        let left_out = |from, until| spans.leave_out(s(from), s(until));
        assert!(!left_out(4.0, 8.0) && !left_out(18.0, 22.0) && !left_out(70.0, 80.0));
        assert!(left_out(24.0, 28.0) && left_out(20.0, 60.0) && left_out(118.0, 130.0));
        assert!(left_out(200.0, 200.4), "a short one, too");
        spans.forget(s(30.0));
        assert!(spans.leave_out(s(4.0), s(8.0)), "what was forgotten is not known");
    }

    #[test]
    fn frames_out_of_order_make_the_same_spans() {
        let mut spans = Spans::default();
        for t in [50.0, 10.0, 53.0, 12.0, 48.0] {
            spans.note(s(t));
        }
        assert_eq!(spans.0, [(s(10.0), s(12.0)), (s(48.0), s(53.0))]);
    }
}
