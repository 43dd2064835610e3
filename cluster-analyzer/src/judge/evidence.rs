//! Pure: what one picture says about a track, and what a track has gathered.

use base::geometry::Rect;
use base::time::Micros;
use vision::{Detection, Group, ModelCard};

use super::motion::moved_sizes;
use super::place::Standing;
use super::{Params, logit};

/// Pictures closer together than this say the less the closer they are, µs.
const INDEPENDENT_US: i64 = 180_000;
/// What walking out of an enclosure says, once.
const WALKED_OUT_LLR: f32 = 1.5;

/// What a track has gathered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    /// Sum of the log-likelihood ratios.
    pub llr: f32,
    /// Pictures that spoke for an animal out of place.
    pub positive: u32,
    /// Pictures in which it stood at home.
    pub at_home: u32,
    /// It was seen outside of all enclosures.
    pub been_outside: bool,
    /// It has moved by itself.
    pub moved: bool,
    /// It begins where something has always stood.
    pub fixture: bool,
    /// Where its motion is measured from.
    pub anchor: Rect,
    /// When the anchor was set.
    pub anchored_at: Micros,
    /// Since when the sum has been above zero: the likeliest begin of the animal, since a track may have been a
    /// visitor before.
    pub since: Micros,
    /// When it was seen last.
    pub last_seen: Micros,
    /// Where it was seen last.
    pub last_rect: Rect,
    pub(super) walked_out: bool,
    pub(super) anchor_hits: u32,
    pub(super) away: u32,
}

/// The anchor is the mean of so many first sightings.
const ANCHOR_HITS: u32 = 5;
/// A box must be away from its anchor in so many successive sightings: one is jitter.
const AWAY_HITS: u32 = 3;

impl Evidence {
    /// A track seen for the first time.
    pub fn new(t: Micros, rect: Rect) -> Self {
        Self { anchor: rect, anchored_at: t, since: t, last_seen: t, last_rect: rect, ..Self::default() }
    }

    /// A track that goes on where `lost` ended. What is in between was not seen, so a little of the sum goes.
    pub fn heir(lost: &Evidence, t: Micros, rect: Rect) -> Self {
        Self { llr: lost.llr.min(lost.llr * 0.8), last_seen: t, last_rect: rect, ..lost.clone() }
    }

    /// Takes in one picture.
    pub fn add(&mut self, params: &Params, card: &ModelCard, t: Micros, detection: &Detection, at: &Standing) {
        let gap_us = t.since(self.last_seen).max(0);
        let weight = if self.positive == 0 { 1.0 } else { (gap_us as f32 / INDEPENDENT_US as f32).clamp(0.3, 1.0) };
        self.last_seen = t;
        let llr = frame_llr(params, card, detection, at, self.been_outside);
        if at.home.is_some() {
            self.at_home += 1;
        } else if at.p_out > 0.9 && !at.foreign {
            self.been_outside = true;
        }
        if llr > 0.0 {
            self.positive += 1;
            if self.at_home >= 2 && at.p_out > 0.9 && !self.walked_out {
                self.walked_out = true;
                self.llr += WALKED_OUT_LLR;
            }
        }
        if self.llr <= 0.0 {
            self.since = t;
        }
        self.llr = (self.llr + llr * weight).clamp(params.floor, params.escape_llr() + 3.0);
    }

    /// Compares where the box is with where it was first.
    pub fn watch_motion(&mut self, params: &Params, rect: &Rect) {
        let needed = if self.fixture { params.moved_fixture_sizes } else { params.moved_sizes };
        let is_away = moved_sizes(&self.anchor, rect) >= needed;
        self.away = if is_away { self.away + 1 } else { 0 };
        self.moved |= self.away >= AWAY_HITS;
        if self.anchor_hits < ANCHOR_HITS && self.away == 0 {
            let mean = |a: f32, b: f32| a + (b - a) / (self.anchor_hits + 1) as f32;
            let Rect { x, y, w, h } = self.anchor;
            self.anchor = Rect { x: mean(x, rect.x), y: mean(y, rect.y), w: mean(w, rect.w), h: mean(h, rect.h) };
            self.anchor_hits += 1;
        }
    }

    /// Probability that it is an animal out of place.
    pub fn confidence(&self) -> f32 {
        1.0 / (1.0 + (-self.llr).exp())
    }
}

/// A label's score below this is what the network gives to anything, so that only what is above it counts: ten
/// labels of nothing would add up to an animal.
const NOISE_SCORE: f32 = 0.04;

/// In this picture it looks more like an animal than like a person or a cart.
pub fn looks_animal(detection: &Detection, card: &ModelCard) -> bool {
    fused_animal(detection, card) > detection.person_score(card).max(detection.vehicle_score(card)).max(0.05)
}

/// How surely it is an animal: what a foreign species spreads over several labels is put together again.
pub(crate) fn fused_animal(detection: &Detection, card: &ModelCard) -> f32 {
    let animals = detection.scores.iter().filter(|(label, _)| card.group(*label) == Group::Animal);
    1.0 - animals.map(|(_, score)| 1.0 - (score - NOISE_SCORE).max(0.0)).product::<f32>()
}

/// The log-likelihood ratio of one picture. It takes both, an animal and a place where it does not belong, so
/// the weaker of the two counts.
fn frame_llr(params: &Params, card: &ModelCard, detection: &Detection, at: &Standing, been_outside: bool) -> f32 {
    let [least, most] = params.llr_range;
    // What is a person or a cart to the detector as well is that much less an animal. This is about the scores
    // of one box: a person beside an animal is a box of its own.
    let other = detection.person_score(card).max(detection.vehicle_score(card));
    let animal = fused_animal(detection, card) * (1.0 - other);
    let is_animal = params.score_weight * (logit(animal) - logit(params.neutral_score));
    let is_out = params.score_weight * logit(at.p_out);
    let llr = is_animal.min(is_out).clamp(least, most);
    // In an enclosure the detector may take an inhabitant for anything; only who has been outside is an intruder.
    if at.roaming || at.part || (at.foreign && !been_outside) { llr.min(0.0) } else { llr }
}
