//! Pure: the set `night`: infrared. Grey, dim at the corners, noisy; insects before the lens. Twenty-four escapes, and
//! six minutes in which nothing is wrong.

use crate::effects::{Effects, Night};
use crate::plan::{Chance, ClipPlan, SetPlan};
use crate::site_file::Grounds;

use super::decoys::insects;
use super::stage::{Draft, Entry, Stage, Wish, any_view, escape, speed, spread, walker};

const ESCAPES: usize = 24;
const QUIET: usize = 12;
const QUIET_S: f32 = 30.0;

pub(super) fn plan(seed: u64) -> SetPlan {
    let mut stage = Stage::new("night", seed);
    let offset = stage.chance("offset").between(0.0, 1.0);
    let first = stage.chance("first").whole(0, 33) as usize;
    for i in 0..ESCAPES {
        let animal = walker(first + 7 * i);
        let name = format!("{:02}-{}", i + 1, animal.species);
        let mut chance = stage.chance(&name);
        let entry = if i % 2 == 0 { Entry::Yard } else { Entry::Edge };
        let stays = i % 6 == 4;
        let speed_mps = if stays { 1.1 } else { speed(spread(i, offset * 0.7), &mut chance) };
        let size_px = 48.0 * 6.0f32.powf(spread(i * 3 + 1, offset));
        let wish = Wish { animal, entry, speed_mps, size_px, stays, cover: false };
        let Some(draft) = escape(&wish, &mut chance) else { continue };
        let Some(clip) = stage.shoot(&name, draft, &mut chance) else { continue };
        dark(clip, i % 4 == 3, &mut chance);
        clip.conditions.extend(stays.then_some("still"));
    }
    for i in 0..QUIET {
        let name = format!("quiet-{:02}", i + 1);
        let mut chance = stage.chance(&name);
        let grounds = if i % 2 == 0 { Grounds::Path } else { Grounds::Yard(walker(i)) };
        let draft = Draft { view: any_view(&mut chance), grounds, actors: Vec::new(), seconds: QUIET_S };
        let Some(clip) = stage.shoot(&name, draft, &mut chance) else { continue };
        dark(clip, i % 3 != 0, &mut chance);
    }
    stage.done()
}

/// Turns a clip into one by infrared.
fn dark(clip: &mut ClipPlan, flies: bool, chance: &mut Chance) {
    clip.look.warmth = 0.0;
    clip.look.gain = chance.between(0.85, 1.1);
    clip.look.noise = chance.between(3.0, 8.0);
    let night = Night { gain: chance.between(0.6, 1.0), corners: chance.between(0.25, 0.55) };
    let flying = if flies { insects(clip.seconds(), chance) } else { Vec::new() };
    clip.effects = Effects { night: Some(night), insects: flying, ..Effects::default() };
    clip.conditions = vec!["night"];
    clip.conditions.extend(flies.then_some("insects"));
}
