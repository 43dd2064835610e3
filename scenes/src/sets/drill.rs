//! Pure: the set `drill`: six clips with an animal as a drill puts it into the picture: the cut-out glides across,
//! without a shadow, and nothing hides it.

use crate::plan::{Role, SetPlan};

use super::stage::{Entry, Stage, Wish, escape, walker};

const CLIPS: usize = 6;

pub(super) fn plan(seed: u64) -> SetPlan {
    let mut stage = Stage::new("drill", seed);
    for i in 0..CLIPS {
        let animal = walker(i);
        let name = format!("{:02}-{}", i + 1, animal.species);
        let mut chance = stage.chance(&name);
        let size_px = chance.log_between(90.0, 200.0);
        let wish = Wish { animal, entry: Entry::Edge, speed_mps: 1.4, size_px, stays: false, cover: false };
        let Some(draft) = escape(&wish, &mut chance) else { continue };
        let Some(clip) = stage.shoot(&name, draft, &mut chance) else { continue };
        for actor in &mut clip.actors {
            actor.role = Role::Drill;
            actor.entry = Some("drill");
        }
        clip.conditions = vec!["drill"];
    }
    stage.done()
}
