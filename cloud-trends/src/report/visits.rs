//! Pure: tracks become visits.

use base::time::Micros;

/// A track that begins within this time of another one's end is the same visit, µs: animals pass behind trees,
/// and tracks end at the borders of batches.
pub const GAP_US: i64 = 60_000_000;

/// A track from its first second to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its first second.
    pub first: Micros,
    /// Its last second.
    pub last: Micros,
}

/// Which spans begin a visit, in order of time. Two tracks at the same time are two animals and so two visits; one
/// that begins soon after another has ended goes on with it, with the one that ended last where several did.
pub fn starts(spans: &[Span]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|i| (spans[*i], *i));
    let mut ends: Vec<Micros> = Vec::new();
    let mut starts = Vec::new();
    for index in order {
        let span = spans[index];
        // Whatever ended long ago is over for all that follow.
        ends.retain(|end| span.first.since(*end) <= GAP_US);
        let before = ends.iter().enumerate().filter(|(_, end)| **end <= span.first);
        match before.max_by_key(|(_, end)| **end).map(|(i, _)| i) {
            Some(i) => ends[i] = ends[i].max(span.last),
            None => {
                starts.push(index);
                ends.push(span.last);
            }
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn begun(spans: &[(i64, i64)]) -> Vec<i64> {
        let span = |(a, b): &(i64, i64)| Span { first: Micros(a * 1_000_000), last: Micros(b * 1_000_000) };
        let spans: Vec<Span> = spans.iter().map(span).collect();
        starts(&spans).into_iter().map(|i| spans[i].first.0 / 1_000_000).collect()
    }

    #[test]
    fn tracks_that_follow_each_other_are_one_visit() {
        assert_eq!(begun(&[(0, 10), (12, 20), (75, 80)]), [0]);
        assert_eq!(begun(&[(0, 10), (10, 20)]), [0], "a track that is taken over within one second");
        assert_eq!(begun(&[(0, 10), (71, 80)]), [0, 71]);
    }

    #[test]
    fn tracks_at_the_same_time_are_visits_of_their_own() {
        assert_eq!(begun(&[(0, 10), (5, 20)]), [0, 5]);
        assert_eq!(begun(&[(0, 10), (5, 20), (25, 30), (26, 40)]), [0, 5]);
    }

    proptest! {
        #[test]
        fn there_are_never_more_visits_than_tracks_nor_fewer_than_at_one_time(
            spans in prop::collection::vec((0i64..500, 1i64..100), 1..40)
        ) {
            let spans: Vec<_> = spans.into_iter().map(|(a, n)| (a, a + n)).collect();
            let at_once = |t: i64| spans.iter().filter(|(a, b)| *a <= t && t < *b).count();
            let most = (0..600).map(at_once).max().unwrap_or(0);
            let visits = begun(&spans).len();
            prop_assert!(most <= visits && visits <= spans.len());
        }
    }
}
