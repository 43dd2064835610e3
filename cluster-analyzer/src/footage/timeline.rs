//! Pure: what was recorded of a camera, and the gaps with their reasons.

use base::ids::SegmentId;
use base::segment::SegmentMeta;
use base::time::Micros;
use base::wire::Gap;
use serde::Serialize;

/// One segment as the index has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub meta: SegmentMeta,
    /// Verified in object storage.
    pub uploaded: bool,
    /// Its file is on the archive's disk.
    pub on_disk: bool,
}

impl Row {
    /// It can still be had.
    pub fn is_there(&self) -> bool {
        self.uploaded || self.on_disk
    }
}

/// A span with footage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recorded {
    /// Capture time of its first picture.
    pub start: Micros,
    /// Capture time of its end.
    pub end: Micros,
    /// Which segment.
    pub segment: SegmentId,
    /// Share of it in which something moved, 0..1.
    pub motion: f32,
    /// It is in object storage.
    pub uploaded: bool,
}

/// Less than this between two segments is no gap, µs.
pub const NO_GAP_US: i64 = 500_000;

/// What is there of `rows`, in the order of time.
pub fn recorded(rows: &[Row]) -> Vec<Recorded> {
    let there = rows.iter().filter(|row| row.is_there());
    let recorded = there.map(|Row { meta, uploaded, .. }| Recorded {
        start: meta.start,
        end: meta.end(),
        segment: meta.id.clone(),
        motion: meta.motion,
        uploaded: *uploaded,
    });
    recorded.collect()
}

/// The gaps between the first and the last segment of `rows` (in the order of time). `told`: those that the agent
/// has told, with its reasons; `waiting_until`: it still holds footage from then on.
pub fn gaps(rows: &[Row], told: &[Gap], waiting_from: Option<Micros>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut end: Option<Micros> = None;
    for row in rows.iter().filter(|row| row.is_there()) {
        let start = row.meta.start;
        if let Some(end) = end.filter(|end| start.since(*end) > NO_GAP_US) {
            gaps.push(Gap { start: end, end: start, why: reason(rows, told, waiting_from, end, start) });
        }
        end = Some(end.map_or(row.meta.end(), |end| end.max(row.meta.end())));
    }
    gaps
}

fn reason(rows: &[Row], told: &[Gap], waiting_from: Option<Micros>, start: Micros, end: Micros) -> String {
    let lost = rows.iter().any(|row| !row.is_there() && row.meta.start < end && row.meta.end() > start);
    if lost {
        return "its file was removed before it was in object storage".into();
    }
    if let Some(gap) = told.iter().find(|gap| gap.start < end && gap.end > start) {
        return gap.why.clone();
    }
    if waiting_from.is_some_and(|from| from < end) {
        return "the agent may still hold it and send it later".into();
    }
    "nothing was recorded: the camera or its agent was off, or its source was lost".into()
}

/// Up to when `rows` (in the order of time) cover the time from `from` on without a gap; `from` when they do not
/// begin there.
pub fn covered_until(rows: &[Row], from: Micros) -> Micros {
    rows.iter().filter(|row| row.is_there()).fold(from, |covered, row| {
        if row.meta.start.since(covered) <= NO_GAP_US { covered.max(row.meta.end()) } else { covered }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::segment;

    /// Segments of four seconds; `n` counts them.
    fn row(n: i64) -> Row {
        let meta = segment(&format!("s{n}"), Micros(n * 4_000_000));
        Row { meta, uploaded: false, on_disk: true }
    }

    #[test]
    fn gaps_are_between_segments_and_have_the_agents_reason_where_it_gave_one() {
        let rows = [row(0), row(1), row(3), row(6), row(9)];
        let told = [Gap { start: Micros(8_500_000), end: Micros(11_000_000), why: "spool full".into() }];
        let gaps = gaps(&rows, &told, Some(Micros(30_000_000)));
        let spans: Vec<_> = gaps.iter().map(|g| (g.start.0 / 4_000_000, g.end.0 / 4_000_000)).collect();
        assert_eq!(spans, [(2, 3), (4, 6), (7, 9)]);
        assert_eq!(gaps[0].why, "spool full");
        assert!(gaps[1].why.contains("nothing was recorded"), "{}", gaps[1].why);
        assert!(gaps[2].why.contains("still hold"), "{}", gaps[2].why);
    }

    #[test]
    fn a_segment_that_is_nowhere_any_more_is_a_gap() {
        let lost = Row { on_disk: false, ..row(1) };
        let stored = Row { on_disk: false, uploaded: true, ..row(2) };
        let rows = [row(0), lost, stored];
        assert_eq!(recorded(&rows).len(), 2);
        assert!(gaps(&rows, &[], None)[0].why.contains("removed"));
    }

    #[test]
    fn footage_is_covered_up_to_its_first_gap() {
        let rows = [row(1), row(2), row(4)];
        assert_eq!(covered_until(&rows, Micros(5_000_000)), Micros(12_000_000));
        assert_eq!(covered_until(&rows, Micros(1_000_000)), Micros(1_000_000));
        assert_eq!(covered_until(&[], Micros(7)), Micros(7));
    }
}
