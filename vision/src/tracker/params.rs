//! Pure: how tracks are made.

use crate::card::{Group, ModelCard, best_group, group_score};
use crate::detection::Detection;

/// How tracks are made. The three scores are compared with a box's [`TrackerParams::strength`].
///
/// The defaults are for the default detector: of 49 cut-outs pasted at 90 and 150 px into CCTV, 82 %
/// have a strength of 0.3 in a single picture, but only 58 % a class score of 0.3.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerParams {
    /// Boxes with at least this score are matched first, and with what is left of them last.
    pub high_score: f32,
    /// Boxes with at least this score may carry a track on.
    pub low_score: f32,
    /// Boxes with at least this score may begin a track.
    pub new_track_score: f32,
    /// Least overlap of the predicted box with a box of high score.
    pub min_iou: f32,
    /// The same for a box of low score.
    pub min_iou_low: f32,
    /// Least overlap in the third round, where both boxes are grown by half.
    pub min_iou_recover: f32,
    /// Taken off the overlap where track and box are of different groups.
    pub other_group_penalty: f32,
    /// Least overlap of a track and a box that are clearly of different groups, as they are, not grown.
    pub min_iou_foreign: f32,
    /// Taken off the overlap where one of track and box is twice as high as the other, and in part where less.
    pub size_penalty: f32,
    /// Taken off where the track would have to turn back, and in part where less.
    pub turn_penalty: f32,
    /// A track that was not seen for longer, and not in the newest picture either, ends.
    pub max_lost_us: i64,
    /// The same for one that is not confirmed yet.
    pub max_lost_unconfirmed_us: i64,
    /// A track ends without a look at the picture when no picture came for so long. Still cameras send one
    /// every few seconds, and what sits there goes on being the same.
    pub max_gap_us: i64,
    /// Sightings that make a track confirmed.
    pub confirm_hits: u32,
    /// Class scores are averaged over about so many last sightings.
    pub class_memory_hits: u32,
    /// An animal's box that belongs to no track begins none where this share of it lies in a followed animal's box,
    pub part_share: f32,
    /// which is less than so many times as large,
    pub part_times: f32,
    /// and it has less than so many times that one's strength.
    pub part_score: f32,
    /// What each label stands for; empty when that is unknown, and then no penalty applies.
    pub groups: Vec<Group>,
}

impl Default for TrackerParams {
    fn default() -> Self {
        Self {
            high_score: 0.3,
            low_score: 0.1,
            new_track_score: 0.25,
            min_iou: 0.2,
            min_iou_low: 0.3,
            min_iou_recover: 0.15,
            other_group_penalty: 0.15,
            min_iou_foreign: 0.6,
            size_penalty: 0.1,
            turn_penalty: 0.1,
            max_lost_us: 2_000_000,
            max_lost_unconfirmed_us: 1_000_000,
            max_gap_us: 30_000_000,
            confirm_hits: 2,
            class_memory_hits: 50,
            part_share: 0.7,
            part_times: 5.0,
            part_score: 1.3,
            groups: Vec::new(),
        }
    }
}

impl TrackerParams {
    /// The defaults, with the groups of a model's labels.
    pub fn for_card(card: &ModelCard) -> Self {
        Self { groups: card.groups.clone(), ..Self::default() }
    }

    /// What a box counts: its best class score, or what the labels of its best group say together, whichever is
    /// more. A tiger that is 0.2 cat, 0.15 dog and 0.1 zebra is surely something.
    pub fn strength(&self, detection: &Detection) -> f32 {
        let groups = [Group::Animal, Group::Person, Group::Vehicle];
        let together = groups.map(|group| group_score(&self.groups, group, &detection.scores));
        together.into_iter().fold(detection.score, f32::max)
    }

    /// What these class scores stand for most.
    pub(super) fn group(&self, scores: &[(u16, f32)]) -> Option<Group> {
        if self.groups.is_empty() { None } else { Some(best_group(&self.groups, scores)) }
    }
}
