//! Pure: from the detections of one picture to incidents: track, judge and incident as one. Live work and
//! replay both go through here, so that what is measured is what runs.
//!
//! Invariants: time comes with the pictures alone; pictures of a camera come in order; the same pictures give
//! the same output.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::geometry::{Point, Rect};
use base::ids::{CameraId, EnclosureId, IncidentId, ZoneId};
use base::incident::{Incident, Tier};
use base::observation::{Observation, ObservationSource};
use base::site::Site;
use base::time::Micros;
use base::wire::Light;
use serde::Serialize;
use vision::observe::Observer;
use vision::{Detection, Group, ModelCard, Track, Tracker, TrackerParams};

use crate::incident::evidence::{Frame, Kept};
use crate::incident::{self, Book, Boost, Change, IdSource, Sight, Watched};
use crate::judge;

/// Makes a pipeline that has seen nothing, with random ids: for late footage and drills, apart from live work.
pub type Fresh = dyn Fn() -> Pipeline + Send + Sync;

/// What was detected in one picture.
#[derive(Debug)]
pub struct Detected<'a> {
    /// Whose picture.
    pub camera: &'a CameraId,
    /// When it was captured.
    pub t: Micros,
    /// How it was lit.
    pub light: Light,
    /// Where something moves in it, normalised.
    pub motion: &'a [Rect],
    /// It carries a synthetic animal.
    pub drill: bool,
    /// What is in it.
    pub detections: &'a [Detection],
}

/// What follows from one picture.
#[derive(Debug, Default)]
pub struct Output {
    /// What happened to incidents.
    pub changes: Vec<Change>,
    /// What happened to what is only watched.
    pub watched: Vec<Watched>,
    /// Evidence to be stored with its incidents.
    pub evidence: Vec<Kept>,
    /// Cameras to look at more often.
    pub boosts: Vec<Boost>,
    /// Rows for the table.
    pub observations: Vec<Observation>,
    /// What the picture showed, for whoever watches.
    pub seen: Vec<Seen>,
}

/// Something that a picture shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// The tracker's number on that camera.
    pub track: u64,
    /// Where, normalised.
    #[serde(rename = "box")]
    pub rect: Rect,
    /// How it moves, shares of the picture a second: a newer picture than this one shows it farther on.
    pub velocity: Point,
    /// `animal`, `person`, `vehicle` or `other`.
    pub group: &'static str,
    /// The detector's best label.
    pub label: String,
    /// Mean score of that label.
    pub score: f32,
    /// What the judge says of it.
    pub tier: Option<Tier>,
    /// The zone that it stands in.
    pub zone: Option<ZoneId>,
    /// The escape that it belongs to.
    pub incident: Option<IncidentId>,
}

/// All that is remembered of one camera.
struct Camera {
    tracker: Tracker,
    lane: judge::Lane,
    observer: Observer,
    homes: BTreeMap<u64, EnclosureId>,
}

/// Tracks, judges and keeps incidents for all cameras of a site.
pub struct Pipeline {
    site: Arc<Site>,
    card: Arc<ModelCard>,
    judge: judge::Params,
    cameras: BTreeMap<CameraId, Camera>,
    book: Book,
}

impl Pipeline {
    /// A pipeline that has seen nothing.
    pub fn new(site: Arc<Site>, card: Arc<ModelCard>, judge: judge::Params, ids: IdSource) -> Self {
        let book = Book::new(Arc::clone(&site), incident::Params::default(), ids);
        Self { site, card, judge, cameras: BTreeMap::new(), book }
    }

    /// The incidents.
    pub fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    /// Goes by another site file from the next picture on. Tracks, evidence and incidents stay.
    pub fn set_site(&mut self, site: Arc<Site>) {
        self.book.set_site(Arc::clone(&site));
        self.site = site;
    }

    /// Takes over incidents from before a restart.
    pub fn load(&mut self, incidents: Vec<Incident>) {
        self.book.load(incidents);
    }

    /// Takes over what cameras knew of their views before a restart.
    pub fn remember(&mut self, views: Vec<(CameraId, judge::Memory)>) {
        for (id, memory) in views {
            let mut camera = Camera::new(&id, &self.card);
            camera.lane = judge::Lane::remembering(memory);
            self.cameras.insert(id, camera);
        }
    }

    /// What a camera knows of its view.
    pub fn memory(&self, camera: &CameraId) -> Option<&judge::Memory> {
        self.cameras.get(camera).map(|camera| camera.lane.memory())
    }

    /// Takes in one picture.
    pub fn take(&mut self, picture: &Detected<'_>) -> Output {
        let Self { site, card, judge, cameras, book } = self;
        let camera = cameras.entry(picture.camera.clone()).or_insert_with(|| Camera::new(picture.camera, card));
        let tracks = camera.tracker.update(picture.t, picture.detections);
        let ended = camera.tracker.take_ended();
        camera.lane.end(&ended);
        ended.iter().for_each(|track| drop(camera.homes.remove(&track.id)));
        let frame = judge::Frame {
            camera: picture.camera,
            t: picture.t,
            light: picture.light,
            motion: picture.motion,
            tracks: &tracks,
        };
        let verdicts = camera.lane.judge(judge, site, card, &frame);
        let sights: Vec<Sight> = verdicts
            .into_iter()
            .filter_map(|verdict| {
                let track = tracks.iter().find(|track| track.id == verdict.track)?;
                if let Some(home) = &verdict.at.home {
                    camera.homes.insert(track.id, home.clone());
                }
                let home = camera.homes.get(&track.id).cloned();
                let (needed, was_home) = (judge.escape_llr(), home.is_some());
                let evidence = Frame::of(card, picture.camera, picture.t, track, &verdict, was_home, needed);
                Some(Sight {
                    track: track.id,
                    since: verdict.since,
                    rect: track.rect,
                    velocity: track.velocity,
                    metres_per_width: None,
                    tier: verdict.tier,
                    moved: verdict.moved,
                    looks_animal: verdict.looks_animal,
                    confidence: verdict.confidence,
                    zone: verdict.at.zone,
                    home,
                    scores: verdict.scores,
                    evidence,
                })
            })
            .collect();
        let changes = book.observe(picture.camera, picture.t, picture.drill, &sights);
        let observations = camera.observer.update(site, card, picture.t, &tracks);
        let (watched, evidence) = (book.take_watched(), book.take_evidence(false));
        let seen =
            tracks.iter().filter(|t| t.confirmed).map(|t| seen(t, card, book, picture.camera, &sights)).collect();
        Output { changes, watched, evidence, boosts: book.boosts(picture.t), observations, seen }
    }

    /// Time goes on without pictures: what nobody sees any more is lost.
    pub fn pass(&mut self, t: Micros) -> Output {
        let changes = self.book.pass(t);
        let (watched, evidence) = (self.book.take_watched(), self.book.take_evidence(false));
        Output { changes, watched, evidence, ..Output::default() }
    }

    /// The rows that still wait for their second to be over, at the end.
    pub fn finish(&mut self) -> Vec<Observation> {
        self.cameras.values_mut().flat_map(|camera| camera.observer.finish()).collect()
    }
}

/// A track as people are shown it.
fn seen(track: &Track, card: &ModelCard, book: &Book, camera: &CameraId, sights: &[Sight]) -> Seen {
    let (label, score) = track.class_scores.first().copied().unwrap_or_default();
    let sight = sights.iter().find(|sight| sight.track == track.id);
    let incident = book.incident_of(camera, track.id).filter(|i| i.tier == Tier::Escape);
    Seen {
        track: track.id,
        rect: track.rect,
        velocity: track.velocity,
        group: match card.group(label) {
            Group::Animal => "animal",
            Group::Person => "person",
            Group::Vehicle => "vehicle",
            Group::Other => "other",
        },
        label: card.label_name(label).to_owned(),
        score,
        tier: sight.and_then(|sight| sight.tier),
        zone: sight.and_then(|sight| sight.zone.clone()),
        incident: incident.map(|incident| incident.id.clone()),
    }
}

impl Camera {
    fn new(id: &CameraId, card: &ModelCard) -> Self {
        Self {
            tracker: Tracker::new(TrackerParams::for_card(card)),
            lane: judge::Lane::default(),
            observer: Observer::new(id.clone(), card.name.clone(), ObservationSource::Live),
            homes: BTreeMap::new(),
        }
    }
}
