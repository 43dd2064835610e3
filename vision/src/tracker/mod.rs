//! Pure: detections of successive pictures into tracks.
//!
//! ByteTrack's two rounds (Zhang et al. 2022: boxes with a low score carry tracks on but begin none), a third
//! one in the manner of OC-SORT and C-BIoU (Cao et al. 2023, Yang et al. 2023: what is left is compared with
//! where the track was last *seen*, with boxes grown by half; a gap that ends is walked again between both ends; turning
//! back and another size cost something), and class scores fused along the track.
//!
//! **Parts.** Detectors see heads and hind halves as animals of their own, often with another label. A box that belongs to
//! no track begins none where it lies in an animal that is followed and seen (see [`TrackerParams::part_share`]).
//!
//! **Classes.** Boxes are matched whatever their labels are: a tiger is a cat, a dog and a horse in three
//! successive pictures and is one track. Where track and box are of different groups (animal, person,
//! vehicle), their overlap counts [`TrackerParams::other_group_penalty`] less; where neither is half of what the
//! other is by its scores, they go together only in exactly the same place
//! ([`TrackerParams::min_iou_foreign`]). So a walker who crosses an animal, or comes in where it went out, does
//! not take its track over, but an animal that is taken for a person in one picture keeps it.
//!
//! Invariants: ids are never used twice; no number in a track is NaN; time comes from the caller alone.

use base::geometry::{Point, Rect};
use base::time::Micros;

use crate::card::{Group, ModelCard};
use crate::detection::Detection;

pub mod assignment;
mod fusion;
pub mod kalman;
mod matching;
mod params;

use fusion::Fusion;
use kalman::BoxFilter;
use matching::Round;
pub use params::TrackerParams;

/// One thing followed through pictures of one camera.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Track {
    /// Never used twice by one [`Tracker`]; from 1.
    pub id: u64,
    /// Where it is, smoothed; where it should be, when it was not seen in the newest picture. Inside the picture.
    pub rect: Rect,
    /// When it was seen first.
    pub first_seen: Micros,
    /// When it was seen last.
    pub last_seen: Micros,
    /// Pictures it was seen in.
    pub hits: u32,
    /// Velocity of its centre, normalised units per second.
    pub velocity: Point,
    /// Mean score of each class over its last sightings, best first; a class that a sighting does not name
    /// counts as 0 there.
    pub class_scores: Vec<(u16, f32)>,
    /// Score of each class over its last sightings, fused: the mean of their log-odds, made a score again, best first,
    /// none below 0.02. A class that a sighting does not name counts there as one of 0.01. Where sightings agree it
    /// is what they say; a class seen a bit in each beats one that was seen surely once.
    pub fused: Vec<(u16, f32)>,
    /// Best class score of a single sighting.
    pub best_score: f32,
    /// The box of the newest picture; `None` when it was not seen there.
    pub last_detection: Option<Detection>,
    /// Seen often enough to be something.
    pub confirmed: bool,
    /// Where it stood when it was seen first.
    pub first_ground_point: Point,
    /// Distance of its ground point from the first one, normalised.
    pub moved: f32,
}

impl Track {
    /// How surely it is an animal over its last sightings, see [`ModelCard::animal_score`].
    pub fn animal_score(&self, card: &ModelCard) -> f32 {
        card.animal_score(&self.class_scores)
    }

    /// The same for a person.
    pub fn person_score(&self, card: &ModelCard) -> f32 {
        card.person_score(&self.class_scores)
    }

    /// The same for a vehicle.
    pub fn vehicle_score(&self, card: &ModelCard) -> f32 {
        card.vehicle_score(&self.class_scores)
    }

    /// The animal label it looks most like over its last sightings, and that label's mean score.
    pub fn best_animal<'c>(&self, card: &'c ModelCard) -> Option<(&'c str, f32)> {
        card.best_animal(&self.class_scores)
    }

    /// Where it stands.
    pub fn ground_point(&self) -> Point {
        self.rect.ground_point()
    }

    /// It was seen in the newest picture.
    pub fn is_seen(&self) -> bool {
        self.last_detection.is_some()
    }
}

/// A gap that is longer is walked again when it ends, µs.
const REPLAYED_GAP_US: i64 = 450_000;
/// In steps of about so long, s.
const REPLAYED_STEP_S: f64 = 0.2;
/// A track's heading is that of its last so many sightings.
const WAY_SIGHTINGS: usize = 4;

/// A track with what only the tracker needs.
#[derive(Debug, Clone)]
struct Slot {
    track: Track,
    filter: BoxFilter,
    /// The box as it was detected last.
    last_rect: Rect,
    /// The filter as it was when it had taken that box in.
    filter_then: BoxFilter,
    /// The boxes before, oldest first, at most [`WAY_SIGHTINGS`], with their times.
    way: Vec<(Micros, Point)>,
    fusion: Fusion,
    group: Option<Group>,
}

/// Follows everything in the pictures of one camera.
#[derive(Debug, Clone)]
pub struct Tracker {
    params: TrackerParams,
    slots: Vec<Slot>,
    ended: Vec<Track>,
    last_id: u64,
    now: Option<Micros>,
}

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new(params: TrackerParams) -> Self {
        Self { params, slots: Vec::new(), ended: Vec::new(), last_id: 0, now: None }
    }

    /// Takes in what was detected in the picture taken at `t`, and returns the tracks that were seen in it, new
    /// ones included. A picture older than the one before counts as taken with it.
    pub fn update(&mut self, t: Micros, detections: &[Detection]) -> Vec<Track> {
        let now = self.now.map_or(t, |before| before.max(t));
        let dt_s = self.now.map_or(0.0, |before| now.seconds_since(before));
        self.now = Some(now);
        self.end(|slot, params| now.since(slot.track.last_seen) > params.max_gap_us);
        for slot in &mut self.slots {
            slot.predict(dt_s);
        }
        let unmatched = self.match_all(now, detections);
        for detection in unmatched {
            if !self.slots.iter().any(|slot| slot.is_whole_of(detection, &self.params)) {
                self.begin(now, detection);
            }
        }
        self.end(|slot, params| {
            let limit_us = if slot.track.confirmed { params.max_lost_us } else { params.max_lost_unconfirmed_us };
            !slot.track.is_seen() && now.since(slot.track.last_seen) > limit_us
        });
        self.slots.iter().filter(|slot| slot.track.is_seen()).map(|slot| slot.track.clone()).collect()
    }

    /// All tracks that have not ended, those lost at present included.
    pub fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.slots.iter().map(|slot| &slot.track)
    }

    /// Tracks that ended since the last call, confirmed or not.
    pub fn take_ended(&mut self) -> Vec<Track> {
        std::mem::take(&mut self.ended)
    }

    /// Ends all tracks, as at the end of a clip; ids go on.
    pub fn finish(&mut self) -> Vec<Track> {
        self.end(|_, _| true);
        self.take_ended()
    }

    /// The three rounds; returns the boxes that no track took and that may begin one.
    fn match_all<'d>(&mut self, now: Micros, detections: &'d [Detection]) -> Vec<&'d Detection> {
        let strength = |d: &Detection| self.params.strength(d);
        let usable = detections.iter().filter(|d| d.rect.is_finite() && strength(d) >= self.params.low_score);
        let (mut high, mut low): (Vec<_>, Vec<_>) = usable.partition(|d| strength(d) >= self.params.high_score);
        self.match_round(now, &Round::high(&self.params), &mut high);
        self.match_round(now, &Round::low(&self.params), &mut low);
        high.append(&mut low);
        high.retain(|d| self.params.strength(d) >= self.params.new_track_score);
        self.match_round(now, &Round::recover(&self.params), &mut high);
        high
    }

    /// Gives boxes to tracks that have none yet, and leaves in `boxes` those that remain.
    fn match_round(&mut self, now: Micros, round: &Round, boxes: &mut Vec<&Detection>) {
        let open: Vec<usize> = (0..self.slots.len()).filter(|i| !self.slots[*i].track.is_seen()).collect();
        let open_slots: Vec<&Slot> = open.iter().map(|i| &self.slots[*i]).collect();
        let pairs = round.pairs(&self.params, &open_slots, boxes);
        for &(slot, found) in &pairs {
            self.slots[open[slot]].see(now, boxes[found], &self.params);
        }
        let mut index = 0;
        boxes.retain(|_| {
            index += 1;
            !pairs.iter().any(|(_, found)| *found == index - 1)
        });
    }

    fn begin(&mut self, now: Micros, detection: &Detection) {
        self.last_id += 1;
        let filter = BoxFilter::new(&detection.rect, self.params.strength(detection));
        let mut slot = Slot {
            track: Track { id: self.last_id, first_seen: now, ..Track::default() },
            filter_then: filter.clone(),
            filter,
            last_rect: detection.rect,
            way: Vec::new(),
            fusion: Fusion::default(),
            group: None,
        };
        slot.track.first_ground_point = detection.rect.ground_point();
        slot.record(now, detection, &self.params);
        self.slots.push(slot);
    }

    fn end(&mut self, over: impl Fn(&Slot, &TrackerParams) -> bool) {
        let (ended, kept) = std::mem::take(&mut self.slots).into_iter().partition(|slot| over(slot, &self.params));
        self.slots = kept;
        let ended: Vec<Slot> = ended;
        self.ended.extend(ended.into_iter().map(|slot| slot.track));
    }
}

impl Slot {
    fn predict(&mut self, dt_s: f64) {
        self.filter.predict(dt_s);
        self.track.last_detection = None;
        self.refresh();
    }

    fn see(&mut self, now: Micros, detection: &Detection, params: &TrackerParams) {
        let score = params.strength(detection);
        if now.since(self.track.last_seen) > REPLAYED_GAP_US {
            self.walk_again(now, &detection.rect, score);
        }
        self.filter.correct(&detection.rect, score);
        self.record(now, detection, params);
    }

    /// After a gap, what the filter believes of it is a guess that grew with each picture. Now that both ends are known
    /// the way between them is walked again in a straight line (OC-SORT's re-update, Cao et al. 2023).
    fn walk_again(&mut self, now: Micros, rect: &Rect, score: f32) {
        let gap_s = now.seconds_since(self.track.last_seen);
        let steps = ((gap_s / REPLAYED_STEP_S).round() as i32).clamp(1, 20);
        let between = |from: f32, to: f32, share: f32| from + (to - from) * share;
        self.filter = self.filter_then.clone();
        for step in 1..=steps {
            self.filter.predict(gap_s / f64::from(steps));
            let share = step as f32 / steps as f32;
            let from = &self.last_rect;
            let virtual_rect = Rect {
                x: between(from.x, rect.x, share),
                y: between(from.y, rect.y, share),
                w: between(from.w, rect.w, share),
                h: between(from.h, rect.h, share),
            };
            if step < steps {
                self.filter.correct(&virtual_rect, score);
            }
        }
    }

    fn record(&mut self, now: Micros, detection: &Detection, params: &TrackerParams) {
        self.last_rect = detection.rect;
        self.filter_then = self.filter.clone();
        if self.way.len() == WAY_SIGHTINGS {
            self.way.remove(0);
        }
        self.way.push((now, detection.rect.center()));
        self.fusion.add(&detection.scores, params.class_memory_hits);
        let track = &mut self.track;
        track.fused = self.fusion.scores();
        track.hits += 1;
        track.last_seen = now;
        track.confirmed |= track.hits >= params.confirm_hits;
        track.best_score = track.best_score.max(detection.score);
        fuse(&mut track.class_scores, &detection.scores, track.hits.min(params.class_memory_hits.max(1)));
        track.last_detection = Some(detection.clone());
        self.group = params.group(&self.track.class_scores);
        self.refresh();
    }

    /// A box that belongs to no track lies in this one's animal, which was seen in the same picture: its head or its hind
    /// half, which the detector sees as an animal of its own. Another animal that comes out from behind it begins its
    /// track when it is far enough out, and one that was followed before it went behind keeps the track it has.
    fn is_whole_of(&self, part: &Detection, params: &TrackerParams) -> bool {
        let animals = self.group == Some(Group::Animal) && params.group(&part.scores) == Some(Group::Animal);
        let whole = self.last_rect;
        let inside = part.rect.intersection(&whole).area() / part.rect.area().max(f32::MIN_POSITIVE);
        let ratio = whole.area() / part.rect.area().max(f32::MIN_POSITIVE);
        let score = self.track.last_detection.as_ref().map_or(0.0, |seen| params.strength(seen));
        animals
            && inside > params.part_share
            && ratio < params.part_times
            && params.strength(part) < params.part_score * score
    }

    /// What follows from the filter's state.
    fn refresh(&mut self) {
        self.track.rect = inside(&self.filter.rect());
        self.track.velocity = self.filter.velocity();
        let (first, here) = (self.track.first_ground_point, self.track.rect.ground_point());
        self.track.moved = (here.x - first.x).hypot(here.y - first.y);
    }
}

/// The part of a box inside the picture; of one that has left it, the place at the edge where it left.
fn inside(rect: &Rect) -> Rect {
    let edges = [rect.x, rect.y, rect.right(), rect.bottom()].map(|v| v.clamp(0.0, 1.0));
    Rect::from_edges(edges[0], edges[1], edges[2], edges[3])
}

/// A running mean of each class's score; the newest sighting weighs one part in `hits`.
fn fuse(means: &mut Vec<(u16, f32)>, scores: &[(u16, f32)], hits: u32) {
    let weight = 1.0 / hits as f32;
    means.iter_mut().for_each(|(_, mean)| *mean *= 1.0 - weight);
    for &(label, score) in scores {
        match means.iter_mut().find(|(l, _)| *l == label) {
            Some((_, mean)) => *mean += weight * score,
            None => means.push((label, weight * score)),
        }
    }
    // What has faded to nothing would be carried along for ever.
    means.retain(|(_, mean)| *mean >= 1e-4);
    means.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

#[cfg(test)]
mod tests;
