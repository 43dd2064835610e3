//! Pure: the set `weather`: rain from the first picture on or from the middle, a shaking camera, shadows of clouds and
//! steps of brightness, strong compression, fog. Thirty-two escapes, and eight minutes in which nothing is wrong.

use crate::effects::{Effects, Rain};
use crate::plan::{Chance, ClipPlan, Coding, SetPlan};
use crate::site_file::Grounds;

use super::stage::{Draft, Entry, Stage, Wish, any_view, escape, speed, spread, walker};
use super::walkers::light;

const ESCAPES: usize = 32;
const QUIET: usize = 16;
const QUIET_S: f32 = 30.0;

pub(super) fn plan(seed: u64) -> SetPlan {
    let mut stage = Stage::new("weather", seed);
    let offset = stage.chance("offset").between(0.0, 1.0);
    let first = stage.chance("first").whole(0, 33) as usize;
    for i in 0..ESCAPES {
        let animal = walker(first + 5 * i);
        let name = format!("{:02}-{}", i + 1, animal.species);
        let mut chance = stage.chance(&name);
        let entry = [Entry::Yard, Entry::Edge, Entry::Yard, Entry::Pen][i / 6 % 4];
        let stays = i % 9 == 4;
        let speed_mps = if stays { 1.1 } else { speed(spread(i, offset * 0.7), &mut chance) };
        let size_px = 48.0 * 6.0f32.powf(spread(i * 3 + 1, offset));
        let wish = Wish { animal, entry, speed_mps, size_px, stays, cover: false };
        let Some(draft) = escape(&wish, &mut chance) else { continue };
        let Some(clip) = stage.shoot(&name, draft, &mut chance) else { continue };
        rough(clip, i, &mut chance);
        clip.conditions.extend(stays.then_some("still"));
    }
    for i in 0..QUIET {
        let name = format!("quiet-{:02}", i + 1);
        let mut chance = stage.chance(&name);
        let grounds = if i % 2 == 0 { Grounds::Path } else { Grounds::Yard(walker(i)) };
        let draft = Draft { view: any_view(&mut chance), grounds, actors: Vec::new(), seconds: QUIET_S };
        let Some(clip) = stage.shoot(&name, draft, &mut chance) else { continue };
        rough(clip, i, &mut chance);
    }
    stage.done()
}

/// Gives a clip its weather; the kinds take turns.
fn rough(clip: &mut ClipPlan, turn: usize, chance: &mut Chance) {
    let rain = |from_s: f32, chance: &mut Chance| {
        Some(Rain { from_s, drops: chance.whole(450, 1300), slant: chance.between(-0.3, 0.3) })
    };
    let (words, effects): (&[&'static str], Effects) = match turn % 6 {
        0 => (&["rain"], Effects { rain: rain(0.0, chance), fog: 0.15, ..Effects::default() }),
        1 => (&["rain"], Effects { rain: rain(clip.seconds() * 0.3, chance), fog: 0.1, ..Effects::default() }),
        2 => (&["shake"], Effects { shake_px: chance.between(1.5, 6.0), ..Effects::default() }),
        3 => (&["clouds"], light(chance)),
        4 => (&["compression"], Effects::default()),
        _ => (&["fog"], Effects { fog: chance.between(0.35, 0.65), ..Effects::default() }),
    };
    if turn % 6 == 4 {
        clip.coding = Coding { crf: 36 + (chance.whole(0, 4) as u8), fast: true };
    }
    if turn % 6 < 2 {
        clip.look.gain *= 0.88;
    }
    clip.effects = effects;
    clip.conditions = words.to_vec();
}
