//! Pure: how well a box goes with a track, and one round of giving boxes to tracks.

use base::geometry::Rect;

use super::assignment::assign;
use super::{Slot, TrackerParams};
use crate::card::{Group, group_score};
use crate::detection::Detection;

/// One round of matching.
pub(super) struct Round {
    /// Boxes are grown by this share of their size on every side before they are compared.
    grow: f32,
    /// Least overlap.
    min_iou: f32,
    /// Also compare with where the track was seen last: it may have stood still while it was predicted on.
    last_seen_too: bool,
}

impl Round {
    pub(super) fn high(params: &TrackerParams) -> Self {
        Self { grow: 0.1, min_iou: params.min_iou, last_seen_too: false }
    }

    pub(super) fn low(params: &TrackerParams) -> Self {
        Self { grow: 0.1, min_iou: params.min_iou_low, last_seen_too: false }
    }

    pub(super) fn recover(params: &TrackerParams) -> Self {
        Self { grow: 0.5, min_iou: params.min_iou_recover, last_seen_too: true }
    }

    /// Pairs of (index into `slots`, index into `boxes`), each used once at most.
    pub(super) fn pairs(&self, params: &TrackerParams, slots: &[&Slot], boxes: &[&Detection]) -> Vec<(usize, usize)> {
        let mut costs = Vec::with_capacity(slots.len() * boxes.len());
        for slot in slots {
            costs.extend(boxes.iter().map(|found| 1.0 - self.overlap(slot, found, params)));
        }
        let assigned = assign(&costs, slots.len(), boxes.len(), 1.0 - self.min_iou);
        assigned.into_iter().enumerate().filter_map(|(slot, found)| Some((slot, found?))).collect()
    }

    fn overlap(&self, slot: &Slot, detection: &Detection, params: &TrackerParams) -> f32 {
        let found = grown(&detection.rect, self.grow);
        let predicted = grown(&slot.filter.rect(), self.grow).iou(&found);
        let overlap = match self.last_seen_too {
            true => predicted.max(grown(&slot.last_rect, self.grow).iou(&found)),
            false => predicted,
        };
        let overlap = overlap - params.size_penalty * size_ratio(&slot.last_rect, &detection.rect);
        let overlap = overlap - params.turn_penalty * slot.turn_to(&detection.rect);
        match relation(slot, detection, params) {
            Relation::Same => overlap,
            Relation::Near => overlap - params.other_group_penalty,
            Relation::Foreign if self.last_seen_too => 0.0,
            Relation::Foreign if slot.filter.rect().iou(&detection.rect) < params.min_iou_foreign => 0.0,
            Relation::Foreign => overlap - params.other_group_penalty,
        }
    }
}

/// How differently large two boxes are: 0 alike, 1 where one is twice as high as the other or more.
fn size_ratio(a: &Rect, b: &Rect) -> f32 {
    let least = f32::MIN_POSITIVE;
    (a.h.max(least) / b.h.max(least)).log2().abs().min(1.0)
}

impl Slot {
    /// How much a track would turn to come to a box: 0 straight on or standing, 1 back (OC-SORT's momentum: the way
    /// of what was seen, which a filter's velocity lags behind).
    fn turn_to(&self, rect: &Rect) -> f32 {
        let (Some(first), Some(last), to) = (self.way.first(), self.way.last(), rect.center()) else { return 0.0 };
        let size = (self.last_rect.w + self.last_rect.h) / 2.0;
        let way = (last.1.x - first.1.x, last.1.y - first.1.y);
        let step = (to.x - last.1.x, to.y - last.1.y);
        let lengths = (way.0.hypot(way.1), step.0.hypot(step.1));
        // What stands or has not gone on jitters, and jitter has no direction.
        if lengths.0 < 0.5 * size || lengths.1 < 0.25 * size {
            return 0.0;
        }
        let cosine = (way.0 * step.0 + way.1 * step.1) / (lengths.0 * lengths.1);
        (1.0 - cosine) / 2.0
    }
}

/// What a box is to a track by their class scores.
enum Relation {
    /// Of one group, or nothing is known of groups.
    Same,
    /// Of different groups, and one of them is as good as half of the other too; or one of no group of interest.
    Near,
    /// An animal here and a person there, both clearly.
    Foreign,
}

fn relation(slot: &Slot, detection: &Detection, params: &TrackerParams) -> Relation {
    let (Some(own), Some(other)) = (slot.group, params.group(&detection.scores)) else { return Relation::Same };
    if own == other {
        return Relation::Same;
    }
    let score = |group, scores: &[(u16, f32)]| group_score(&params.groups, group, scores);
    let is_half = |weak, strong, scores: &[(u16, f32)]| 2.0 * score(weak, scores) >= score(strong, scores);
    let near = [own, other].contains(&Group::Other)
        || is_half(own, other, &detection.scores)
        || is_half(other, own, &slot.track.class_scores);
    if near { Relation::Near } else { Relation::Foreign }
}

/// Not cut at the picture's edge: two boxes there must overlap as much as anywhere else.
fn grown(rect: &Rect, share: f32) -> Rect {
    let (dx, dy) = (rect.w * share, rect.h * share);
    Rect { x: rect.x - dx, y: rect.y - dy, w: rect.w + 2.0 * dx, h: rect.h + 2.0 * dy }
}
