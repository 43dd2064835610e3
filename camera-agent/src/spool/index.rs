//! Pure: which segments are on disk, oldest first, and which goes when there is no room.

use std::collections::{BTreeMap, HashMap, VecDeque};

use base::ids::SegmentId;
use base::time::Micros;
use base::wire::Gap;

use crate::segments::Worth;

/// What is known of a segment on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Bytes of its file.
    pub file_bytes: u64,
    /// How long it is kept.
    pub worth: Worth,
    /// Capture time of its first frame.
    pub start: Micros,
    /// Capture time of its end.
    pub end: Micros,
}

/// What goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Victim {
    /// A segment that the analyzer refused, kept apart.
    Rejected(SegmentId),
    /// A segment that waits.
    Waiting(SegmentId),
    /// The one that is to be added: everything else is worth more.
    Newcomer,
}

/// The segments on disk.
#[derive(Debug, Default)]
pub struct Index {
    by_time: BTreeMap<(Micros, SegmentId), Entry>,
    starts: HashMap<SegmentId, Micros>,
    rejected: VecDeque<(SegmentId, u64)>,
    bytes: u64,
    rejected_bytes: u64,
}

impl Index {
    /// Adds a segment that is safely on disk.
    pub fn insert(&mut self, id: SegmentId, entry: Entry) {
        self.remove(&id);
        self.bytes += entry.file_bytes;
        self.starts.insert(id.clone(), entry.start);
        self.by_time.insert((entry.start, id), entry);
    }

    /// Forgets a segment.
    pub fn remove(&mut self, id: &SegmentId) -> Option<Entry> {
        let start = self.starts.remove(id)?;
        let entry = self.by_time.remove(&(start, id.clone()))?;
        self.bytes -= entry.file_bytes;
        Some(entry)
    }

    /// Adds a refused segment that is kept apart.
    pub fn insert_rejected(&mut self, id: SegmentId, file_bytes: u64) {
        self.rejected_bytes += file_bytes;
        self.rejected.push_back((id, file_bytes));
    }

    /// Forgets a refused segment.
    pub fn remove_rejected(&mut self, id: &SegmentId) {
        if let Some(at) = self.rejected.iter().position(|(other, _)| other == id)
            && let Some((_, bytes)) = self.rejected.remove(at)
        {
            self.rejected_bytes -= bytes;
        }
    }

    /// What goes first: what was refused, then the oldest of the least worth, the newcomer among them.
    /// `None`: nothing is left that could go.
    pub fn victim(&self, newcomer: Option<(Worth, Micros)>) -> Option<Victim> {
        if let Some((id, _)) = self.rejected.front() {
            return Some(Victim::Rejected(id.clone()));
        }
        let rank = |entry: &Entry| (entry.worth, entry.start);
        let least = self.by_time.iter().min_by_key(|(_, entry)| rank(entry));
        match (least, newcomer) {
            (Some((_, entry)), Some(new)) if new < rank(entry) => Some(Victim::Newcomer),
            (Some(((_, id), _)), _) => Some(Victim::Waiting(id.clone())),
            (None, Some(_)) => Some(Victim::Newcomer),
            (None, None) => None,
        }
    }

    /// The `count` oldest.
    pub fn oldest(&self, count: usize) -> Vec<SegmentId> {
        self.by_time.keys().take(count).map(|(_, id)| id.clone()).collect()
    }

    /// Capture time of the oldest.
    pub fn oldest_start(&self) -> Option<Micros> {
        self.by_time.keys().next().map(|(start, _)| *start)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.by_time.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }

    /// Bytes of those that wait.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of everything, the refused ones included.
    pub fn all_bytes(&self) -> u64 {
        self.bytes + self.rejected_bytes
    }
}

/// The most recent gaps; one that goes on is one.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Gaps(Vec<Gap>);

impl Gaps {
    /// As many as a status carries.
    pub const MOST: usize = 32;

    /// Adds a gap.
    pub fn add(&mut self, gap: Gap) {
        const NEAR_US: i64 = 1_000_000;
        match self.0.iter_mut().rev().find(|last| last.why == gap.why && gap.start.since(last.end).abs() <= NEAR_US) {
            Some(last) => last.end = last.end.max(gap.end),
            None => self.0.push(gap),
        }
        let over = self.0.len().saturating_sub(Self::MOST);
        self.0.drain(..over);
    }

    /// Oldest first.
    pub fn list(&self) -> &[Gap] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: i64) -> SegmentId {
        SegmentId::new(format!("s{n:06}")).unwrap()
    }

    fn entry(start: i64, worth: Worth) -> Entry {
        Entry { file_bytes: 10, worth, start: Micros(start), end: Micros(start + 1) }
    }

    #[test]
    fn the_oldest_without_motion_goes_first_and_a_boosted_one_last() {
        let mut index = Index::default();
        for (n, worth) in
            [(1, Worth::Boosted), (2, Worth::Motion), (3, Worth::Still), (4, Worth::Still), (5, Worth::Motion)]
        {
            index.insert(id(n), entry(n, worth));
        }
        index.insert_rejected(id(9), 10);
        let mut order = Vec::new();
        while let Some(victim) = index.victim(None) {
            match &victim {
                Victim::Rejected(id) => index.remove_rejected(id),
                Victim::Waiting(id) => drop(index.remove(id)),
                Victim::Newcomer => unreachable!(),
            }
            order.push(victim);
        }
        let waiting = |n| Victim::Waiting(id(n));
        assert_eq!(order, [Victim::Rejected(id(9)), waiting(3), waiting(4), waiting(2), waiting(5), waiting(1)]);
        assert_eq!(index.all_bytes(), 0);
    }

    #[test]
    fn a_still_newcomer_does_not_push_out_footage_of_motion() {
        let mut index = Index::default();
        index.insert(id(1), entry(1, Worth::Motion));
        assert_eq!(index.victim(Some((Worth::Still, Micros(9)))), Some(Victim::Newcomer));
        assert_eq!(index.victim(Some((Worth::Motion, Micros(9)))), Some(Victim::Waiting(id(1))));
    }

    #[test]
    fn a_gap_that_goes_on_is_one_gap_and_only_the_last_ones_are_kept() {
        let mut gaps = Gaps::default();
        let gap = |start, end| Gap { start: Micros(start), end: Micros(end), why: "full".into() };
        gaps.add(gap(0, 4_000_000));
        gaps.add(gap(4_000_000, 8_000_000));
        assert_eq!(gaps.list(), [gap(0, 8_000_000)]);
        (1..100).for_each(|n| gaps.add(gap(n * 100_000_000, n * 100_000_000 + 1)));
        assert_eq!((gaps.list().len(), gaps.list()[31].start), (32, Micros(9_900_000_000)));
    }

    proptest! {
        #[test]
        fn bytes_are_the_sum_of_what_is_there(steps in proptest::collection::vec((0i64..20, any::<bool>(), 1u64..100), 0..100)) {
            let mut index = Index::default();
            let mut model = BTreeMap::new();
            for (n, add, file_bytes) in steps {
                if add {
                    index.insert(id(n), Entry { file_bytes, ..entry(n, Worth::Still) });
                    model.insert(n, file_bytes);
                } else {
                    prop_assert_eq!(index.remove(&id(n)).map(|e| e.file_bytes), model.remove(&n));
                }
                prop_assert_eq!(index.bytes(), model.values().sum::<u64>());
                prop_assert_eq!(index.oldest(100), model.keys().map(|n| id(*n)).collect::<Vec<_>>());
            }
        }
    }
}
