//! Pure: what one picture says about a track, and what a track has gathered.
//!
//! It takes both, an animal and a place where it does not belong, and the two are learnt apart: an animal that
//! was watched in its yard for an hour is known to be one when it steps out, so that only the place is to be
//! decided then; one that comes in from the picture's edge is surely outside, so that only what it is remains.

use base::geometry::Rect;
use base::time::Micros;
use base::wire::Light;
use vision::{Detection, Group, ModelCard};

use super::calibration::animal_evidence;
use super::motion::{moved_sizes, reveals};
use super::place::Standing;
use super::{Params, logit};

/// What a track has gathered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    /// Sum of the log-likelihood ratios of "an animal" against "anything else".
    pub animal: f32,
    /// Sum of those of "out of place" against "where it belongs".
    pub out: f32,
    /// Pictures that spoke for an animal out of place.
    pub positive: u32,
    /// Pictures in which it stood at home.
    pub at_home: u32,
    /// Pictures in which it was surely outside of all enclosures.
    pub outside: u32,
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
    pub(super) anchor_hits: u32,
    pub(super) away: u32,
    pub(super) stirred: u32,
}

/// The anchor is the mean of so many first sightings.
const ANCHOR_HITS: u32 = 5;
/// A box must be away from its anchor in so many successive sightings: one is jitter.
const AWAY_HITS: u32 = 3;
/// What stirs in so many sightings moves by itself when it has gone a part of the usual way.
const STIRRED_HITS: u32 = 3;
/// That part.
const STIRRED_PART: f32 = 0.6;
/// Who was seen outside of all enclosures so often is no inhabitant whom the detector takes for another.
const OUTSIDE_SIGHTINGS: u32 = 3;

impl Evidence {
    /// A track seen for the first time.
    pub fn new(t: Micros, rect: Rect) -> Self {
        Self { anchor: rect, anchored_at: t, since: t, last_seen: t, last_rect: rect, ..Self::default() }
    }

    /// A track that goes on where `lost` ended. What is in between was not seen, so a little of the sum goes.
    pub fn heir(lost: &Evidence, t: Micros, rect: Rect) -> Self {
        let less = |sum: f32| sum.min(sum * 0.8);
        let (animal, out) = (less(lost.animal), less(lost.out));
        Self { animal, out, last_seen: t, last_rect: rect, ..lost.clone() }
    }

    /// Takes in one picture.
    pub fn add(
        &mut self,
        params: &Params,
        card: &ModelCard,
        (t, light): (Micros, Light),
        detection: &Detection,
        at: &Standing,
    ) {
        let gap_us = t.since(self.last_seen).max(0);
        let first = self.positive == 0 && self.at_home == 0;
        let weight = if first { 1.0 } else { (gap_us as f32 / params.independent_us as f32).clamp(0.3, 1.0) };
        self.last_seen = t;
        if at.home.is_some() {
            self.at_home += 1;
        } else if at.p_clear > 0.95 {
            self.outside += 1;
        }
        // A part of an animal, or what somebody carries, says nothing of itself.
        if at.part || at.carried {
            return;
        }
        let animal = animal_llr(params, card, light, detection, at);
        let out = out_llr(params, at, self.outside >= OUTSIDE_SIGHTINGS);
        if animal > 0.0 && out > 0.0 {
            self.positive += 1;
        }
        if self.llr() <= 0.0 {
            self.since = t;
        }
        // What moved so far was somebody else: a visitor whose track a statue has taken over.
        if self.animal <= 0.0 {
            self.put_down(t, detection.rect);
            self.moved = false;
        }
        let most = params.escape_llr() + 3.0;
        self.animal = (self.animal + animal * weight).clamp(params.floor, most);
        self.out = (self.out + out * weight).clamp(params.floor, most);
    }

    /// The log-odds of both together.
    pub fn llr(&self) -> f32 {
        let (a, o) = (f64::from(-self.animal), f64::from(-self.out));
        -((a.exp() + o.exp() + (a + o).exp()).ln() as f32)
    }

    /// Compares where the box is with where it was first. `stirs`: the picture changes where it is.
    pub fn watch_motion(&mut self, params: &Params, rect: &Rect, stirs: bool) {
        self.stirred = if stirs { self.stirred + 1 } else { 0 };
        // Hidden on one side first and on the other later, what stands still would seem to have moved.
        if !self.moved && reveals(&self.anchor, rect) {
            self.anchor = self.anchor.union(rect);
        }
        let whole = if self.fixture { params.moved_fixture_sizes } else { params.moved_sizes };
        let stirred = !self.fixture && self.stirred >= STIRRED_HITS;
        let needed = if stirred { STIRRED_PART * whole } else { whole };
        let is_away = moved_sizes(&self.anchor, rect) >= needed;
        self.away = if is_away { self.away + 1 } else { 0 };
        self.moved |= self.away >= if stirred { 2 } else { AWAY_HITS };
        if self.anchor_hits < ANCHOR_HITS && self.away == 0 {
            let mean = |a: f32, b: f32| a + (b - a) / (self.anchor_hits + 1) as f32;
            let Rect { x, y, w, h } = self.anchor;
            self.anchor = Rect { x: mean(x, rect.x), y: mean(y, rect.y), w: mean(w, rect.w), h: mean(h, rect.h) };
            self.anchor_hits += 1;
        }
    }

    /// Measures motion from here on: until now it was carried.
    pub fn put_down(&mut self, t: Micros, rect: Rect) {
        (self.anchor, self.anchored_at, self.anchor_hits, self.away, self.stirred) = (rect, t, 0, 0, 0);
    }

    /// Probability that it is an animal out of place.
    pub fn confidence(&self) -> f32 {
        1.0 / (1.0 + (-self.llr()).exp())
    }
}

/// In this picture it looks more like an animal than like a person or a cart.
pub fn looks_animal(detection: &Detection, card: &ModelCard) -> bool {
    fused_animal(detection, card) > detection.person_score(card).max(detection.vehicle_score(card)).max(0.05)
}

/// A label's score below this is what the network gives to anything, so that only what is above it counts: ten
/// labels of nothing would add up to an animal.
const NOISE_SCORE: f32 = 0.04;

/// How surely it is an animal: what a foreign species spreads over several labels is put together again.
pub fn fused_animal(detection: &Detection, card: &ModelCard) -> f32 {
    let animals = detection.scores.iter().filter(|(label, _)| card.group(*label) == Group::Animal);
    1.0 - animals.map(|(_, score)| 1.0 - (score - NOISE_SCORE).max(0.0)).product::<f32>()
}

/// The log-likelihood ratio of "an animal" in one picture.
fn animal_llr(params: &Params, card: &ModelCard, light: Light, detection: &Detection, at: &Standing) -> f32 {
    let [least, most] = params.llr_range;
    // What is a person or a cart to the detector as well is that much less an animal. This is about the scores
    // of one box: a person beside an animal is a box of its own.
    let llr = params.calibration.llr(animal_evidence(detection, card), light).clamp(least, most);
    // A toy looks like an animal, but is none.
    if at.too_small { llr.min(0.0) } else { llr }
}

/// The log-likelihood ratio of "out of place" in one picture.
fn out_llr(params: &Params, at: &Standing, been_outside: bool) -> f32 {
    let [least, _] = params.llr_range;
    // In an enclosure the detector may take an inhabitant for anything; only who has been outside is an intruder.
    let p_out = match at {
        Standing { roaming: true, .. } => return least,
        _ if been_outside => at.p_out,
        _ => at.p_clear,
    };
    (params.place_weight * logit(p_out)).clamp(2.0 * least, params.most_out)
}
