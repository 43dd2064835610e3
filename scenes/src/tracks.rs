//! Pure: `tracks.json`: the true box of every animal in every frame, for scoring a tracker.

use base::geometry::Rect;
use base::site::Site;
use serde::{Deserialize, Serialize};

use crate::plan::ClipPlan;
use crate::truth;
use crate::world::{HEIGHT, WIDTH};

/// Less of an animal than this share of its box in the picture is no box.
const SHOWS_FROM: f32 = 0.05;

/// One clip's animals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipTracks {
    /// The clip's file.
    pub clip: String,
    /// Its camera.
    pub camera: String,
    /// One entry an animal, allowed ones and those at home too.
    pub animals: Vec<Track>,
}

/// One animal in one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// Which animal; the same in all clips of a scene.
    pub animal: String,
    /// Its species.
    pub species: String,
    /// In order of time; frames in which it is not in the picture are left out.
    pub frames: Vec<Boxed>,
}

/// One animal in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boxed {
    /// The frame's number from 0, ten a second.
    pub frame: u32,
    /// Left, top, width, height, as shares of the picture: all of the animal that lies in the picture, hidden or not.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
    /// Whether it is out of place.
    pub out: bool,
    /// The share of it that nothing in front hides, 0 to 1.
    pub shows: f32,
}

/// What the renderer saw of a frame: for each actor the share that shows, and how far the camera shook, pixels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// One for each actor.
    pub shows: Vec<f32>,
    /// Right and down.
    pub shake_px: [f32; 2],
}

/// The tracks of a clip. `seen` has one entry a frame.
pub fn of(clip: &ClipPlan, site: &Site, seen: &[Seen]) -> ClipTracks {
    let animals = clip.actors.iter().enumerate().filter(|(_, actor)| actor.counts()).map(|(i, actor)| {
        let boxed = |(frame, seen): (usize, &Seen)| {
            let t_s = ClipPlan::time_s(frame as u32);
            let whole = actor.whole_box(&clip.view, t_s)?;
            let shaken = Rect {
                x: whole.x + seen.shake_px[0] / WIDTH as f32,
                y: whole.y + seen.shake_px[1] / HEIGHT as f32,
                ..whole
            };
            let inside = shaken.clamped();
            let there = whole.area() > 0.0 && inside.area() / whole.area() >= SHOWS_FROM;
            there.then(|| Boxed {
                frame: frame as u32,
                rect: [inside.x, inside.y, inside.w, inside.h].map(thousandths),
                out: truth::is_out(actor, clip, site, t_s),
                shows: thousandths(seen.shows.get(i).copied().unwrap_or(0.0)),
            })
        };
        let frames = seen.iter().enumerate().filter_map(boxed).collect();
        Track { animal: truth::animal_id(clip, i), species: actor.animal.species.into(), frames }
    });
    ClipTracks { clip: clip.file(), camera: clip.camera.to_string(), animals: animals.collect() }
}

fn thousandths(value: f32) -> f32 {
    (value * 1e4).round() / 1e4
}
