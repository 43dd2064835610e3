//! Pure: the set `crowd`: the people of three other moments join those of the footage, and hide the animal now and
//! then. Twenty escapes, and seven minutes in which nothing is wrong.

use crate::plan::SetPlan;
use crate::site_file::Grounds;

use super::stage::{Draft, Entry, Stage, Wish, any_view, escape, spread, walker};

const ESCAPES: usize = 20;
const QUIET: usize = 14;
const QUIET_S: f32 = 30.0;
/// Moments of the footage whose people join.
const OTHERS: usize = 3;

pub(super) fn plan(seed: u64) -> SetPlan {
    let mut stage = Stage::new("crowd", seed);
    let offset = stage.chance("offset").between(0.0, 1.0);
    let first = stage.chance("first").whole(0, 33) as usize;
    for i in 0..ESCAPES + QUIET {
        let quiet = i >= ESCAPES;
        let animal = walker(first + 11 * i);
        let name =
            if quiet { format!("quiet-{:02}", i - ESCAPES + 1) } else { format!("{:02}-{}", i + 1, animal.species) };
        let mut chance = stage.chance(&name);
        let stays = i % 5 == 3;
        let draft = if quiet {
            let grounds = if i % 2 == 0 { Grounds::Path } else { Grounds::Yard(animal) };
            Some(Draft { view: any_view(&mut chance), grounds, actors: Vec::new(), seconds: QUIET_S })
        } else {
            let entry = if i % 3 == 0 { Entry::Yard } else { Entry::Street };
            let size_px = 55.0 * 4.0f32.powf(spread(i * 3 + 1, offset));
            let speed_mps = chance.between(0.7, 1.8);
            escape(&Wish { animal, entry, speed_mps, size_px, stays, cover: false }, &mut chance)
        };
        let Some(draft) = draft else { continue };
        let Some(clip) = stage.shoot(&name, draft, &mut chance) else { continue };
        clip.also = (0..OTHERS).map(|_| chance.whole(0, 1500)).collect();
        clip.conditions = vec!["crowd"];
        clip.conditions.extend((stays && !quiet).then_some("still"));
    }
    stage.done()
}
