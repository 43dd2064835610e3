//! Pure: `truth.json`: when an animal is out, by the containment rule of the set's own site file.

use base::geometry::Point;
use base::ids::CameraId;
use base::site::{Containment, Site};
use serde::{Deserialize, Serialize};

use crate::plan::{Actor, ClipPlan, SetPlan};
use crate::view::View;
use crate::world::FPS;

/// An animal that comes in from the picture's edge is there once this share of it shows.
pub const SHOWS_FROM: f32 = 0.1;

/// One clip and what happens in it; no event means that any alarm is false.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipTruth {
    /// The clip's file.
    pub clip: String,
    /// Its camera in the site file.
    pub camera: CameraId,
    /// In order of time.
    pub events: Vec<Event>,
}

/// An animal is out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Seconds from the clip's start: its ground point leaves the enclosure, or it comes into the picture.
    pub start: f64,
    /// Seconds: it is home again, out of the picture, or the clip ends.
    pub end: f64,
    /// Which species.
    pub species: String,
}

/// The truth of a whole set.
pub fn of(plan: &SetPlan, site: &Site) -> Vec<ClipTruth> {
    plan.clips
        .iter()
        .map(|clip| {
            let mut events: Vec<Event> = clip.actors.iter().flat_map(|actor| events(clip, actor, site)).collect();
            events.sort_by(|a, b| a.start.total_cmp(&b.start));
            ClipTruth { clip: clip.file(), camera: clip.camera.clone(), events }
        })
        .collect()
}

/// Where an animal stands in a camera's picture: the middle of the lower edge of what shows of it. None while
/// too little shows.
pub fn ground_point(actor: &Actor, view: &View, t_s: f32) -> Option<Point> {
    let whole = actor.whole_box(view, t_s)?;
    let seen = whole.clamped();
    (whole.area() > 0.0 && seen.area() / whole.area() >= SHOWS_FROM).then(|| seen.ground_point())
}

/// Whether an animal is out of place in a camera's picture at a time.
pub fn is_out(actor: &Actor, clip: &ClipPlan, site: &Site, t_s: f32) -> bool {
    let label = actor.animal.looks_like.first().copied().unwrap_or(actor.animal.species);
    ground_point(actor, &clip.view, t_s)
        .is_some_and(|ground| matches!(site.containment(&clip.camera, label, ground), Containment::Out(_)))
}

fn events(clip: &ClipPlan, actor: &Actor, site: &Site) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut out_before = false;
    for frame in 0..clip.frames {
        let out = is_out(actor, clip, site, ClipPlan::time_s(frame));
        let (start, end) = (f64::from(frame) / f64::from(FPS), f64::from(frame + 1) / f64::from(FPS));
        match events.last_mut() {
            Some(event) if out && out_before => event.end = end,
            _ if out => events.push(Event { start, end, species: actor.animal.species.into() }),
            _ => {}
        }
        out_before = out;
    }
    events
}
