//! Pure: `truth.json`: when an animal is out, by the containment rule of the set's own site file.

use base::geometry::Point;
use base::ids::CameraId;
use base::site::{Containment, Site};
use serde::{Deserialize, Serialize};

use crate::catalogue;
use crate::plan::{Actor, ClipPlan, SetPlan};
use crate::tracks::ClipTracks;
use crate::view::View;
use crate::world::{FPS, HEIGHT, WIDTH};

/// An animal that comes in from the picture's edge is there once this share of it shows.
pub const SHOWS_FROM: f32 = 0.1;
/// An animal of which less than this share shows is half hidden.
pub const HALF_HIDDEN: f32 = 0.6;

/// One clip and what happens in it; no event means that any alarm is false.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipTruth {
    /// The clip's file.
    pub clip: String,
    /// Its camera in the site file.
    pub camera: CameraId,
    /// The set's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// Words for what makes it hard: "night", "rain", "compression" …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// Clips of one scene begin at the same moment, and links join their cameras.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
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
    /// Seconds: the ground point of all of the animal, not only of what shows of it, is in the picture and out. What an
    /// alarm takes is counted from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground_out: Option<f64>,
    /// The root of its box's area at `ground_out`, pixels of the clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_px: Option<f64>,
    /// "walked-out", "edge" or "drill".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Its mean speed while it walks, metres per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_m_s: Option<f64>,
    /// The share of the event's time in which it is half hidden, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<f64>,
    /// An ape or a monkey, which the default detector calls a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ape: bool,
    /// Which animal; the same in all clips of a scene, and in `tracks.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub animal: Option<String>,
}

/// The truth of a whole set. What only rendering shows (`hidden`) is left open.
pub fn of(plan: &SetPlan, site: &Site) -> Vec<ClipTruth> {
    plan.clips
        .iter()
        .map(|clip| {
            let counted = clip.actors.iter().enumerate().filter(|(_, actor)| actor.counts());
            let mut events: Vec<Event> = counted.flat_map(|(i, actor)| events(clip, i, actor, site)).collect();
            events.sort_by(|a, b| a.start.total_cmp(&b.start));
            ClipTruth {
                clip: clip.file(),
                camera: clip.camera.clone(),
                set: Some(plan.site.name().to_owned()),
                conditions: clip.conditions.iter().map(|c| (*c).to_owned()).collect(),
                scene: clip.scene.clone(),
                events,
            }
        })
        .collect()
}

/// Adds what rendering showed: the share of each event in which its animal is half hidden.
pub fn with_hidden(mut truth: ClipTruth, tracks: &ClipTracks) -> ClipTruth {
    for event in &mut truth.events {
        let track = tracks.animals.iter().find(|track| Some(&track.animal) == event.animal.as_ref());
        let inside = |frame: u32| {
            let t_s = f64::from(frame) / f64::from(FPS);
            t_s >= event.start - 0.01 && t_s < event.end - 0.01
        };
        let frames: Vec<_> = track.iter().flat_map(|t| &t.frames).filter(|f| inside(f.frame)).collect();
        let hidden = frames.iter().filter(|f| f.shows < HALF_HIDDEN).count();
        event.hidden = Some(hundredths(hidden as f64 / frames.len().max(1) as f64));
    }
    truth
}

/// The name of an animal: that of its scene or clip, and its number.
pub fn animal_id(clip: &ClipPlan, number: usize) -> String {
    format!("{}-{number}", clip.scene.as_deref().unwrap_or(clip.camera.as_str()))
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
    ground_point(actor, &clip.view, t_s).is_some_and(|ground| is_out_at(actor, clip, site, ground))
}

fn is_out_at(actor: &Actor, clip: &ClipPlan, site: &Site, ground: Point) -> bool {
    let label = actor.animal.looks_like.first().copied().unwrap_or(actor.animal.species);
    matches!(site.containment(&clip.camera, label, ground), Containment::Out(_))
}

/// Whether the ground point of the whole animal is in the picture and out of place.
fn is_wholly_out(actor: &Actor, clip: &ClipPlan, site: &Site, t_s: f32) -> bool {
    let ground = actor.whole_box(&clip.view, t_s).map(|whole| whole.ground_point());
    ground.is_some_and(|p| (0.0..1.0).contains(&p.x) && (0.0..1.0).contains(&p.y) && is_out_at(actor, clip, site, p))
}

fn events(clip: &ClipPlan, number: usize, actor: &Actor, site: &Site) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut out_before = false;
    for frame in 0..clip.frames {
        let out = is_out(actor, clip, site, ClipPlan::time_s(frame));
        let (start, end) = (f64::from(frame) / f64::from(FPS), f64::from(frame + 1) / f64::from(FPS));
        match events.last_mut() {
            Some(event) if out && out_before => event.end = end,
            _ if out => events.push(Event {
                start,
                end,
                species: actor.animal.species.into(),
                ground_out: None,
                size_px: None,
                entry: actor.entry.map(str::to_owned),
                speed_m_s: None,
                hidden: None,
                ape: catalogue::is_ape(actor.animal.species),
                animal: Some(animal_id(clip, number)),
            }),
            _ => {}
        }
        out_before = out;
    }
    events.iter_mut().for_each(|event| measure(event, clip, actor, site));
    events
}

fn measure(event: &mut Event, clip: &ClipPlan, actor: &Actor, site: &Site) {
    let frames = (event.start * f64::from(FPS)).round() as u32..(event.end * f64::from(FPS)).round() as u32;
    let times = frames.map(ClipPlan::time_s);
    if let Some(t_s) = times.clone().find(|t_s| is_wholly_out(actor, clip, site, *t_s)) {
        let rect = actor.whole_box(&clip.view, t_s).map(|whole| whole.clamped()).unwrap_or_default();
        event.ground_out = Some(hundredths(f64::from(t_s)));
        event.size_px = Some(f64::from((rect.area() * (WIDTH * HEIGHT) as f32).sqrt()).round());
    }
    let speeds: Vec<f32> =
        times.filter_map(|t_s| Some(actor.at(t_s)?.0.speed_mps)).filter(|speed| *speed > 0.05).collect();
    event.speed_m_s = Some(hundredths(f64::from(speeds.iter().sum::<f32>() / speeds.len().max(1) as f32)));
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
