//! Pure: the tracks of one camera, judged, with the memory of what has always stood there.

use std::collections::BTreeMap;

use base::geometry::Rect;
use base::ids::CameraId;
use base::incident::Tier;
use base::site::Site;
use base::time::Micros;
use base::wire::Light;
use serde::{Deserialize, Serialize};
use vision::{Group, ModelCard, Track};

use super::Params;
use super::company::{is_carried, is_part, is_person, stirs};
use super::evidence::{Evidence, looks_animal};
use super::place::{self, Scores, Standing, standing};
use super::scale::Scale;

/// A camera remembers at most so many places.
const MOST_FIXTURES: usize = 64;
/// A track begins at a remembered place when the boxes overlap by this much.
const FIXTURE_IOU: f32 = 0.4;
/// A new track is the heir of one that was lost within so many box sizes.
const HEIR_SIZES: f32 = 1.5;
/// Seen at home so often, it is an inhabitant.
const KNOWN_AT_HOME: u32 = 5;
/// Width of a picture in its heights, where only normalised sizes are known.
const ASPECT: f32 = 4.0 / 3.0;
/// What is larger than this many times the largest free-roaming species is none of them.
const ROAMER_TIMES: f32 = 1.8;
/// What is smaller than this part of the site's smallest species is a toy.
const SMALLEST_PART: f32 = 0.5;

/// What is thought of one track after one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The tracker's number.
    pub track: u64,
    /// `None`: nothing to say.
    pub tier: Option<Tier>,
    /// Probability that it is an animal out of place.
    pub confidence: f32,
    /// Log-odds of "an animal out of place".
    pub llr: f32,
    /// Since when it has been taken for an animal out of place.
    pub since: Micros,
    /// It has moved by itself.
    pub moved: bool,
    /// In this picture it looks more like an animal than like a person or a cart.
    pub looks_animal: bool,
    /// Where it stands.
    pub at: Standing,
    /// Animal labels with their mean scores over the track, best first.
    pub scores: Vec<(String, f32)>,
}

/// What was seen in one picture.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Whose picture.
    pub camera: &'a CameraId,
    /// When it was captured.
    pub t: Micros,
    /// How it was lit.
    pub light: Light,
    /// Where something moves in it, normalised.
    pub motion: &'a [Rect],
    /// The tracks that were seen in it.
    pub tracks: &'a [Track],
}

/// What a camera knows of its view, for longer than the program runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Where something that looks like an animal has always stood, oldest first.
    pub fixtures: Vec<Rect>,
    /// How large things are.
    pub scale: Scale,
}

/// The judge of one camera.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    tracks: BTreeMap<u64, Evidence>,
    lost: Vec<Evidence>,
    memory: Memory,
}

impl Lane {
    /// A judge who has known the view before.
    pub fn remembering(memory: Memory) -> Self {
        Self { memory, ..Self::default() }
    }

    /// What outlasts a restart.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Takes in the tracks that were seen in a picture.
    pub fn judge(&mut self, params: &Params, site: &Site, card: &ModelCard, frame: &Frame<'_>) -> Vec<Verdict> {
        self.lost.retain(|lost| frame.t.since(lost.last_seen) <= params.inherit_within_us);
        let people = frame.tracks.iter().filter(|track| track.confirmed && is_person(card, track));
        people.for_each(|track| self.memory.scale.learn(&track.rect));
        self.memory.scale.refresh();
        let scene = Scene { params, site, card, frame };
        frame.tracks.iter().filter_map(|track| self.judge_track(&scene, track)).collect()
    }

    fn judge_track(&mut self, scene: &Scene<'_>, track: &Track) -> Option<Verdict> {
        let Scene { params, card, frame, .. } = *scene;
        let (t, rect) = (frame.t, track.rect);
        let detection = track.last_detection.as_ref()?;
        let scores = animal_scores(card, track);
        let at = scene.standing(track, &scores, &self.memory.scale);
        if !self.tracks.contains_key(&track.id) {
            let begun = self.begin(t, rect);
            self.tracks.insert(track.id, begun);
        }
        let evidence = self.tracks.get_mut(&track.id)?;
        evidence.add(params, card, (t, frame.light), detection, &at);
        evidence.last_rect = rect;
        if at.carried && !evidence.moved {
            evidence.put_down(t, rect);
        } else {
            evidence.watch_motion(params, &rect, stirs(card, track, frame.tracks, frame.motion));
        }
        // Who rests at home is no fixture.
        let still = !evidence.moved && at.p_clear > 0.5;
        let remember = still && t.since(evidence.anchored_at) >= params.fixture_after_us;
        evidence.fixture |= remember;
        let (tier, anchor) = (tier(params, evidence, &at), evidence.anchor);
        let verdict = Verdict {
            track: track.id,
            tier,
            confidence: evidence.confidence(),
            llr: evidence.llr(),
            since: evidence.since,
            moved: evidence.moved,
            looks_animal: looks_animal(detection, card),
            at,
            scores,
        };
        if remember {
            self.remember(anchor);
        }
        Some(verdict)
    }

    /// Forgets tracks that have ended; a new track near one of them may be its heir.
    pub fn end(&mut self, ended: &[Track]) {
        for track in ended {
            if let Some(evidence) = self.tracks.remove(&track.id)
                && evidence.moved
            {
                self.lost.push(evidence);
            }
        }
    }

    fn begin(&mut self, t: Micros, rect: Rect) -> Evidence {
        let size = (rect.w + rect.h) / 2.0;
        let distance = |lost: &Evidence| {
            let (a, b) = (lost.last_rect.center(), rect.center());
            (a.x - b.x).hypot(a.y - b.y) / size.max((lost.last_rect.w + lost.last_rect.h) / 2.0).max(1e-4)
        };
        let nearest =
            self.lost.iter().enumerate().map(|(i, lost)| (i, distance(lost))).min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((i, sizes)) = nearest
            && sizes <= HEIR_SIZES
        {
            return Evidence::heir(&self.lost.swap_remove(i), t, rect);
        }
        let fixture = self.memory.fixtures.iter().any(|place| place.iou(&rect) >= FIXTURE_IOU);
        Evidence { fixture, ..Evidence::new(t, rect) }
    }

    fn remember(&mut self, place: Rect) {
        let fixtures = &mut self.memory.fixtures;
        // What is seen again is the youngest again.
        fixtures.retain(|known| known.iou(&place) < 0.7);
        if fixtures.len() == MOST_FIXTURES {
            fixtures.remove(0);
        }
        fixtures.push(place);
    }
}

/// One picture, as its tracks are judged.
struct Scene<'a> {
    params: &'a Params,
    site: &'a Site,
    card: &'a ModelCard,
    frame: &'a Frame<'a>,
}

impl Scene<'_> {
    /// Where a track stands, with whom, and how large it is.
    fn standing(&self, track: &Track, scores: &Scores, scale: &Scale) -> Standing {
        let Self { params, site, card, frame } = *self;
        let rect = track.rect;
        let sigma = params.jitter * rect.w.max(rect.h) + 0.004;
        let at = standing(site, frame.camera, scores, rect.ground_point(), sigma);
        let size_m = scale.size_m(&rect, ASPECT);
        let could_roam = size_m.is_none_or(|size| size <= ROAMER_TIMES * place::largest_roamer_m(site));
        Standing {
            part: is_part(card, track, frame.tracks),
            carried: is_carried(card, track, frame.tracks),
            too_small: size_m.is_some_and(|size| size < SMALLEST_PART * place::smallest_m(site)),
            roaming: at.roaming && could_roam,
            ..at
        }
    }
}

fn tier(params: &Params, evidence: &Evidence, at: &Standing) -> Option<Tier> {
    let out_now = at.p_out > 0.5;
    let llr = evidence.llr();
    let sure = evidence.animal >= params.escape_llr() && evidence.out >= params.place_llr();
    // Who has been watched at home needs one sighting less.
    let sightings = evidence.positive + u32::from(evidence.at_home >= KNOWN_AT_HOME);
    if sure && evidence.moved && sightings >= params.min_sightings && out_now {
        Some(Tier::Escape)
    } else if llr >= params.watch_llr() && evidence.moved && evidence.positive >= 2 && out_now {
        Some(Tier::Watch)
    } else {
        None
    }
}

/// Animal labels of a track with their mean scores, best first.
fn animal_scores(card: &ModelCard, track: &Track) -> Vec<(String, f32)> {
    let animals = track.class_scores.iter().filter(|(label, _)| card.group(*label) == Group::Animal);
    animals.map(|&(label, score)| (card.label_name(label).to_owned(), score)).collect()
}
