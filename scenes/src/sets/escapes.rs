//! Pure: the set `escapes`: seventy escapes by day. Animals walk out of a yard or a pen, or come from the picture's
//! edge; stalk, walk and run; stop outside and lie down; pass behind things and people; some come in pairs. Apes,
//! which the default detector calls people, have four clips of their own.

use crate::animals::Animal;
use crate::catalogue::APES;
use crate::plan::{Actor, Chance, ClipPlan, SetPlan};

use super::stage::{Draft, Entry, Stage, Wish, escape, good, speed, spread, walker};

/// Clips with one animal or two.
const CLIPS: usize = 66;
/// Every so many clips there are two animals.
const PAIR_EVERY: usize = 16;

pub(super) fn plan(seed: u64) -> SetPlan {
    let mut stage = Stage::new("escapes", seed);
    let offset = stage.chance("offset").between(0.0, 1.0);
    let first = stage.chance("first").whole(0, 33) as usize;
    for i in 0..CLIPS {
        let animal = walker(first + i);
        let name = format!("{:02}-{}", i + 1, animal.species);
        let mut chance = stage.chance(&name);
        let wish = wish(i, offset, animal, &mut chance);
        let pair = i % PAIR_EVERY == PAIR_EVERY - 1;
        let Some(mut draft) = escape(&wish, &mut chance) else { continue };
        if pair {
            second(&mut draft, &mut chance);
        }
        let pair = draft.actors.iter().filter(|actor| actor.counts()).count() > 1;
        let people = wish.cover && chance.happens(0.5);
        let Some(clip) = stage.shoot(&name, draft, &mut chance) else { continue };
        if people {
            clip.also.push(chance.whole(0, 1500));
        }
        clip.conditions = vec!["day"];
        clip.conditions.extend(wish.cover.then_some("hidden"));
        clip.conditions.extend(wish.stays.then_some("still"));
        clip.conditions.extend(pair.then_some("two"));
    }
    apes(&mut stage);
    stage.done()
}

fn wish(i: usize, offset: f32, animal: &'static Animal, chance: &mut Chance) -> Wish {
    let entry = match i % 5 {
        0 | 2 => Entry::Yard,
        3 => Entry::Pen,
        _ => Entry::Edge,
    };
    let stays = i % 7 == 2 || i % 7 == 5;
    let speed_mps = if stays { chance.between(0.8, 1.6) } else { speed(spread(i, offset * 0.7), chance) };
    let size_px = 40.0 * 7.5f32.powf(spread(i * 3 + 1, offset));
    Wish { animal, entry, speed_mps, size_px, stays, cover: i % 4 == 1 }
}

/// Another of the same kind a little behind and far enough aside to be told from the first.
fn second(draft: &mut Draft, chance: &mut Chance) {
    let Some(first) = draft.actors.first().cloned() else { return };
    let Some(length_px) = first.at(first.path.end_s()).map(|(_, stance)| stance.width_px.max(stance.height_px)) else {
        return;
    };
    for _ in 0..200 {
        let side = if chance.happens(0.5) { 1.0 } else { -1.0 };
        let (dx, dy) = (side * chance.between(0.6, 1.8) * length_px, chance.between(-40.0, 40.0));
        let path = first.path.beside(chance.between(0.2, 1.6), dx, dy);
        let other = Actor { path, size: first.size * chance.between(0.9, 1.0), ..first.clone() };
        let both = Draft { actors: vec![first.clone(), other.clone()], ..draft.clone() };
        if apart(&first, &other, &both) && good(&both) {
            draft.actors.push(other);
            return;
        }
    }
}

/// Whether the boxes of two animals hardly overlap in four pictures of five in which both are.
fn apart(first: &Actor, other: &Actor, draft: &Draft) -> bool {
    let boxes = (0..(draft.seconds * 10.0) as u32).filter_map(|frame| {
        let t_s = ClipPlan::time_s(frame);
        let (a, b) = (first.whole_box(&draft.view, t_s)?.clamped(), other.whole_box(&draft.view, t_s)?.clamped());
        (a.area() > 0.0 && b.area() > 0.0).then(|| a.intersection(&b).area() / a.area().min(b.area()))
    });
    let overlaps: Vec<f32> = boxes.collect();
    overlaps.len() >= 30 && overlaps.iter().filter(|share| **share < 0.3).count() * 5 >= overlaps.len() * 4
}

fn apes(stage: &mut Stage) {
    static BOTH: [Animal; 2] = APES;
    for i in 0..4 {
        let animal = &BOTH[i % 2];
        let name = format!("{:02}-{}", CLIPS + i + 1, animal.species);
        let mut chance = stage.chance(&name);
        let entry = if i < 2 { Entry::Yard } else { Entry::Edge };
        let size_px = chance.log_between(70.0, 180.0);
        let wish = Wish { animal, entry, speed_mps: 1.1, size_px, stays: false, cover: false };
        let Some(draft) = escape(&wish, &mut chance) else { continue };
        if let Some(clip) = stage.shoot(&name, draft, &mut chance) {
            clip.conditions = vec!["day", "ape"];
        }
    }
}
