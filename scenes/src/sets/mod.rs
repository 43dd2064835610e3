//! Pure: which sets there are. Each is one function from a seed to a plan; a new set is a new file here, a
//! word in [`SetName`] and an arm in [`SetName::plan`].

mod crossing;
mod crowd;
mod decoys;
mod demo;
mod drill;
mod escapes;
mod night;
mod smoke;
mod stage;
mod walkers;
mod weather;

use base::ids::CameraId;
use clap::ValueEnum;

use crate::effects::Effects;
use crate::look::Look;
use crate::plan::{Actor, Chance, ClipPlan, Coding, SetPlan};
use crate::site_file::{Grounds, SiteFile};
use crate::view::View;
use crate::world::FPS;

/// A set's name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum SetName {
    /// Three linked cameras: a tiger walks out and on to the next camera, a bear stays where it belongs.
    Demo,
    /// Eight short clips: four escapes, and four in which nothing is wrong.
    Smoke,
    /// Seventy escapes by day: many species, sizes, speeds and ways out.
    Escapes,
    /// Forty-five minutes of nothing but people.
    Walkers,
    /// Infrared: escapes, and insects on the lens.
    Night,
    /// Rain, fog, clouds, shaking, strong compression; with escapes and without.
    Weather,
    /// What looks like an escape and is none.
    Decoys,
    /// Animals that go from one linked camera to the next.
    Crossing,
    /// Many people before the animal.
    Crowd,
    /// Animals as a drill puts them into the picture.
    Drill,
}

impl SetName {
    /// The set for a seed.
    pub fn plan(self, seed: u64) -> SetPlan {
        match self {
            SetName::Demo => demo::plan(seed),
            SetName::Smoke => smoke::plan(seed),
            SetName::Escapes => escapes::plan(seed),
            SetName::Walkers => walkers::plan(seed),
            SetName::Night => night::plan(seed),
            SetName::Weather => weather::plan(seed),
            SetName::Decoys => decoys::plan(seed),
            SetName::Crossing => crossing::plan(seed),
            SetName::Crowd => crowd::plan(seed),
            SetName::Drill => drill::plan(seed),
        }
    }
}

impl std::fmt::Display for SetName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SetName::Demo => "demo",
            SetName::Smoke => "smoke",
            SetName::Escapes => "escapes",
            SetName::Walkers => "walkers",
            SetName::Night => "night",
            SetName::Weather => "weather",
            SetName::Decoys => "decoys",
            SetName::Crossing => "crossing",
            SetName::Crowd => "crowd",
            SetName::Drill => "drill",
        })
    }
}

/// A camera of a set, and what its clip takes from the footage.
struct Shot {
    camera: &'static str,
    position_m: [f32; 2],
    view: View,
    grounds: Grounds,
    seconds: u32,
    /// First and last frame of the footage at which it may begin.
    begins: [u32; 2],
    /// How bright the camera is.
    gain: f32,
    warmth: f32,
}

/// Adds a camera and its clip. `actors` gets the clip's own chance.
fn shoot(
    seed: u64,
    site: &mut SiteFile,
    clips: &mut Vec<ClipPlan>,
    shot: &Shot,
    actors: impl FnOnce(&mut Chance) -> Vec<Actor>,
) {
    // Names here are constants that the tests of each set check.
    let Ok(camera) = CameraId::new(shot.camera) else { return };
    let mut chance = Chance::new(seed, shot.camera);
    let first_frame = chance.whole(shot.begins[0], shot.begins[1]);
    let look = Look {
        gain: shot.gain * chance.between(0.97, 1.03),
        contrast: chance.between(0.94, 1.0),
        warmth: shot.warmth + chance.between(-0.01, 0.01),
        noise: 1.6,
    };
    site.camera(shot.camera, shot.position_m, &shot.view, shot.grounds);
    let actors = actors(&mut chance);
    actors.iter().for_each(|actor| site.species(actor.animal));
    clips.push(ClipPlan {
        camera,
        view: shot.view,
        look,
        first_frame,
        frames: shot.seconds * FPS,
        actors,
        also: Vec::new(),
        effects: Effects::default(),
        coding: Coding::default(),
        conditions: Vec::new(),
        scene: None,
    });
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::world::FRAMES;

    #[test]
    fn every_clip_fits_into_the_footage_and_every_view_into_the_street() {
        for (set, seed) in [SetName::Demo, SetName::Smoke].iter().flat_map(|set| (0..40).map(move |seed| (set, seed))) {
            for clip in set.plan(seed).clips {
                assert!(clip.first_frame + clip.frames <= FRAMES, "{set} {seed} {}", clip.camera);
                assert!(clip.view.is_inside(), "{set} {}", clip.camera);
            }
        }
    }

    #[test]
    fn every_set_has_all_its_cameras_once_and_the_same_plan_for_the_same_seed() {
        for (set, cameras) in [(SetName::Demo, 3), (SetName::Smoke, 8)] {
            let plan = set.plan(7);
            assert_eq!(plan.clips.iter().map(|clip| clip.camera.clone()).collect::<HashSet<_>>().len(), cameras);
            assert_eq!(plan, set.plan(7));
            assert_ne!(plan, set.plan(8));
        }
    }
}
