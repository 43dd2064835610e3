//! What tests of several modules need: a site, a model's card, detections of a made-up animal.

use std::path::Path;
use std::sync::Arc;

use base::geometry::Rect;
use base::ids::{CameraId, IncidentId};
use base::incident::{Alert, AlertType, Incident, IncidentState};
use base::site::Site;
use base::time::Micros;
use base::wire::{Form as _, Light, VERSION};
use vision::{Detection, ModelCard};

use crate::incident::evidence::Kept;
use crate::incident::{Change, IdSource, Watched};
use crate::judge;
use crate::pipeline::{Detected, Output, Pipeline};

/// Labels by index.
pub const PERSON: u16 = 0;
/// Looks like the tiger.
pub const CAT: u16 = 1;
/// Looks like the tiger.
pub const DOG: u16 = 2;
/// Looks like the peafowl, which may roam.
pub const BIRD: u16 = 3;
/// No species looks like it.
pub const BEAR: u16 = 4;

const CARD: &str = r#"
name = "test"
head = "centernet"
license = "MIT"
source = "test"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[input]
width = 512
height = 512
layout = "nchw"
channels = "rgb"
fit = "stretch"
[output]
scores = "s"
wh = "w"
stride = 4
[labels]
names = ["person", "cat", "dog", "bird", "bear", "car"]
animals = ["cat", "dog", "bird", "bear"]
people = ["person"]
vehicles = ["car"]
"#;

/// The left half of `gate` is the tigers' yard, the right half is public; `plaza` is all public; an animal
/// takes 4 to 40 s from one to the other.
const SITE: &str = r#"
[site]
name = "demo"
timezone = "Europe/Berlin"
[[species]]
id = "tiger"
danger = "red"
looks_like = ["cat", "dog"]
height_m = 1.0
[[species]]
id = "peafowl"
danger = "yellow"
looks_like = ["bird"]
free_roaming = true
[[enclosure]]
id = "tigers"
species = ["tiger"]
[[camera]]
id = "gate"
[[camera.zone]]
id = "yard"
kind = "enclosure"
enclosure = "tigers"
polygon = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]
[[camera.zone]]
id = "path"
kind = "public"
polygon = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]
[[camera]]
id = "plaza"
[[camera]]
id = "far"
[[link]]
from = "gate"
to = "plaza"
seconds = [4, 40]
"#;

pub fn site() -> Arc<Site> {
    Arc::new(Site::parse(SITE, Path::new("site.toml")).unwrap())
}

pub fn card() -> Arc<ModelCard> {
    Arc::new(ModelCard::parse(Path::new("model.toml"), CARD).unwrap())
}

pub fn camera(name: &str) -> CameraId {
    CameraId::new(name).unwrap()
}

pub fn seconds(s: f64) -> Micros {
    Micros((s * 1e6) as i64)
}

/// A thing of a tenth of the picture that stands at (`x`, 0.6).
pub fn thing(x: f32, scores: &[(u16, f32)]) -> Detection {
    Detection::new(Rect { x: x - 0.05, y: 0.5, w: 0.1, h: 0.1 }, scores.to_vec())
}

/// A pipeline and what came out of it.
pub struct Sim {
    pub pipeline: Pipeline,
    pub changes: Vec<Change>,
    pub watched: Vec<Watched>,
    pub evidence: Vec<Kept>,
}

impl Sim {
    pub fn new() -> Self {
        let pipeline = Pipeline::new(site(), card(), judge::Params::default(), IdSource::Counted(0));
        Self { pipeline, changes: Vec::new(), watched: Vec::new(), evidence: Vec::new() }
    }

    /// One picture.
    pub fn picture(&mut self, camera_name: &str, at_s: f64, detections: &[Detection]) -> Output {
        self.stirred(camera_name, at_s, &[], detections)
    }

    /// One picture in which something moves.
    pub fn stirred(&mut self, camera_name: &str, at_s: f64, motion: &[Rect], detections: &[Detection]) -> Output {
        let camera = camera(camera_name);
        let output = self.pipeline.take(&Detected {
            camera: &camera,
            t: seconds(at_s),
            light: Light::Day,
            motion,
            drill: false,
            detections,
        });
        self.changes.extend(output.changes.clone());
        self.watched.extend(output.watched.clone());
        self.evidence.extend(output.evidence.clone());
        output
    }

    /// Five pictures a second from `from_s` to `to_s`; `at` says what is in each.
    pub fn play(&mut self, camera: &str, from_s: f64, to_s: f64, at: impl Fn(f64) -> Vec<Detection>) -> &mut Self {
        let pictures = ((to_s - from_s) * 5.0).round() as u32;
        for i in 0..pictures {
            let t = from_s + f64::from(i) / 5.0;
            self.picture(camera, t, &at(t));
        }
        self
    }

    pub fn alerts(&self, kind: AlertType) -> Vec<&Change> {
        self.changes.iter().filter(|c| c.alert == Some(kind)).collect()
    }

    pub fn opened(&self) -> Vec<&Change> {
        self.alerts(AlertType::Opened)
    }
}

/// A tiger at `gate`, on the path, just opened at `at`.
pub fn incident(at: Micros) -> Incident {
    let example = include_str!("../../base/testdata/incident.json");
    let example = Incident::from_json(example.as_bytes()).unwrap();
    Incident {
        id: IncidentId::derived(at, 1),
        state: IncidentState::Open,
        opened_at: at,
        updated_at: at,
        camera: camera("gate"),
        zone: Some("path".parse().unwrap()),
        next: vec![],
        sightings: vec![],
        acknowledged: None,
        resolved: None,
        notes: vec![],
        ..example
    }
}

/// The alert that opens [`incident`], sent `latency_us` after its capture.
pub fn opened_alert(at: Micros, latency_us: i64) -> Alert {
    Alert { v: VERSION, kind: AlertType::Opened, at, latency_us, before: None, after: incident(at) }
}
