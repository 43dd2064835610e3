//! Pure: the set `crossing`: ten scenes of two or three linked cameras. An animal gets out before the first, goes to
//! the next and, where there is one, to the third; in three scenes another animal is before the last camera
//! meanwhile. Links join the cameras of one scene only, and its clips begin at the same moment.

use crate::animals::Animal;
use crate::plan::{Actor, Chance, SetPlan};
use crate::world::Px;

use super::stage::{Draft, Entry, Stage, Wish, escape, good, walker};

const SCENES: usize = 10;
/// So many scenes have three cameras, the others two.
const OF_THREE: usize = 4;
/// So many scenes have a second animal.
const OF_TWO_ANIMALS: usize = 3;
const DRAFTS: u32 = 400;
const LONGEST_S: f32 = 48.0;
const LETTERS: [&str; 3] = ["a", "b", "c"];

/// The drafts of one scene, and how long the ways between its cameras take.
struct Scene {
    drafts: Vec<Draft>,
    travel_s: Vec<f32>,
    speed_mps: f32,
}

pub(super) fn plan(seed: u64) -> SetPlan {
    let mut stage = Stage::new("crossing", seed);
    let first = stage.chance("first").whole(0, 33) as usize;
    for i in 0..SCENES {
        let mut chance = stage.chance(&format!("{i}"));
        let cameras = if i < OF_THREE { 3 } else { 2 };
        let other = (i % 4 == 0 && i / 4 < OF_TWO_ANIMALS).then(|| walker(first + 13 * i + 6));
        let animal = walker(first + 13 * i);
        let Some(scene) = (0..DRAFTS).find_map(|_| scene(animal, other, cameras, &mut chance)) else { continue };
        add(&mut stage, i, scene, &mut chance);
    }
    stage.done()
}

fn add(stage: &mut Stage, i: usize, scene: Scene, chance: &mut Chance) {
    let two = scene.drafts.last().is_some_and(|draft| draft.actors.len() > 1);
    let mut along_m = 0.0;
    let ids: Vec<String> = (0..scene.drafts.len()).map(|k| format!("{:02}-{}", i + 1, LETTERS[k])).collect();
    for (k, draft) in scene.drafts.into_iter().enumerate() {
        stage.position = Some([along_m, 200.0 * i as f32]);
        along_m += scene.travel_s.get(k).copied().unwrap_or(0.0) * scene.speed_mps + 12.0;
        if let Some(clip) = stage.shoot(&ids[k], draft, chance) {
            clip.conditions = vec!["crossing"];
            clip.conditions.extend(two.then_some("two"));
            clip.scene = Some(format!("crossing-{:02}", i + 1));
        }
    }
    for (pair, travel_s) in ids.windows(2).zip(scene.travel_s) {
        let camera = |k: usize| format!("crossing-{}", pair[k]);
        stage.site.link(&camera(0), &camera(1), [(travel_s * 0.4).floor().max(1.0), (travel_s * 2.0).ceil() + 8.0]);
    }
}

fn scene(
    animal: &'static Animal,
    other: Option<&'static Animal>,
    cameras: usize,
    chance: &mut Chance,
) -> Option<Scene> {
    let speed_mps = chance.between(1.4, 2.4);
    let wish = |entry, chance: &mut Chance, animal| {
        let size_px = chance.log_between(60.0, 220.0);
        Wish { animal, entry, speed_mps, size_px, stays: false, cover: false }
    };
    let (mut drafts, mut travel_s) = (Vec::new(), Vec::new());
    let mut begin = escape(&wish(Entry::Yard, chance, animal), chance)?;
    let mut free_s = leave(&mut begin, speed_mps)?;
    drafts.push(begin);
    for _ in 1..cameras {
        let mut next = escape(&wish(Entry::Edge, chance, animal), chance)?;
        let way_s = chance.between(4.0, 9.0);
        // It comes into the next picture a moment after its way there begins.
        later(next.actors.first_mut()?, free_s + way_s);
        free_s = next.actors.first()?.path.end_s();
        travel_s.push(way_s);
        drafts.push(next);
    }
    if let Some(other) = other {
        let same_time = escape(&wish(Entry::Edge, chance, other), chance)?;
        let last = drafts.last_mut()?;
        // In the other's picture its size is what that picture makes of it.
        let mut actor = same_time.actors.into_iter().next()?;
        actor.path = last.actors.first()?.path.clone();
        later(&mut actor, chance.between(3.0, 5.0));
        last.actors.push(actor);
    }
    let seconds = free_s + 1.5;
    drafts.iter_mut().for_each(|draft| draft.seconds = seconds);
    (seconds <= LONGEST_S && drafts.iter().all(good)).then_some(Scene { drafts, travel_s, speed_mps })
}

/// Moves an animal's way so that it begins at a time of the clip.
fn later(actor: &mut Actor, begins_s: f32) {
    actor.path = actor.path.beside(begins_s - actor.path.begin_s(), 0.0, 0.0);
}

/// Lets the animal walk on out of the picture, by the side that it heads for; when it is gone.
fn leave(draft: &mut Draft, speed_mps: f32) -> Option<f32> {
    let view = draft.view;
    let actor = draft.actors.first_mut()?;
    let (pose, stance) = actor.at(actor.path.end_s())?;
    let half = 0.6 * stance.width_px.max(stance.height_px) + 8.0;
    let (left, right) = (view.x as f32 - half, (view.x + view.width) as f32 + half);
    let heads_right = actor.at(actor.path.end_s() - 0.5).is_some_and(|(before, _)| before.foot.x < pose.foot.x);
    let out = if heads_right { right.max(pose.foot.x + 5.0) } else { left.min(pose.foot.x - 5.0) };
    actor.path = actor.path.clone().to(Px::new(out, pose.foot.y), speed_mps);
    Some(actor.path.end_s())
}

#[cfg(test)]
mod tests {
    use base::site::Site;

    use super::*;
    use crate::truth;

    #[test]
    fn an_animal_comes_to_the_next_camera_inside_the_window_of_its_link() {
        for seed in 0..20 {
            let plan = plan(seed);
            let site = Site::parse(&plan.site.to_toml("").unwrap(), std::path::Path::new("site.toml")).unwrap();
            let truth = truth::of(&plan, &site);
            assert_eq!(truth.len(), 3 * OF_THREE + 2 * (SCENES - OF_THREE), "seed {seed}");
            for pair in truth.windows(2).filter(|pair| pair[0].scene == pair[1].scene) {
                let main = |k: usize| {
                    pair[k].events.iter().find(|e| e.animal.as_ref().is_some_and(|id| id.ends_with("-0"))).unwrap()
                };
                let way_s = (main(1).start - main(0).end) as f32;
                let linked = |l: &&base::site::Link| l.from == pair[0].camera && l.to == pair[1].camera;
                let window = site.links.iter().find(linked).unwrap().seconds;
                assert!((window[0]..window[1]).contains(&way_s), "seed {seed} {}: {way_s} {window:?}", pair[0].clip);
            }
        }
    }
}
