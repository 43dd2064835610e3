//! Pure: the set `walkers`: nothing but people, and now and then a cart or a car, on every part of the street in
//! changing light. Any alarm is false.

use crate::animals::Animal;
use crate::catalogue::{COVER, VEHICLES};
use crate::effects::{Clouds, Effects};
use crate::path::Path;
use crate::plan::{Actor, Chance, Role, SetPlan, Tint};
use crate::site_file::Grounds;
use crate::world::{Px, WIDTH};

use super::stage::{Draft, Stage, any_view, standing, walker};

const CLIPS: usize = 45;
const SECONDS: f32 = 60.0;

pub(super) fn plan(seed: u64) -> SetPlan {
    let mut stage = Stage::new("walkers", seed);
    for i in 0..CLIPS {
        let name = format!("{:02}", i + 1);
        let mut chance = stage.chance(&name);
        let view = any_view(&mut chance);
        // Every third camera looks at a yard whose animals are inside.
        let grounds = if i % 3 == 0 { Grounds::Yard(walker(i / 3)) } else { Grounds::Path };
        let carts = i % 5 == 3;
        let mut actors = Vec::new();
        if carts {
            actors.extend((0..2).map(|k| vehicle(i + k, 8.0 + 24.0 * k as f32, &mut chance)));
        }
        if i % 4 == 2 {
            actors.push(bin(i, &mut chance));
        }
        let draft = Draft { view, grounds, actors, seconds: SECONDS };
        let Some(clip) = stage.shoot(&name, draft, &mut chance) else { continue };
        clip.look.gain = chance.between(0.7, 1.15);
        clip.conditions = vec!["day"];
        clip.conditions.extend(carts.then_some("vehicles"));
        if i % 6 == 1 {
            clip.also.push(chance.whole(0, 1500));
            clip.conditions.push("crowd");
        }
        if i % 3 == 1 {
            clip.effects = light(&mut chance);
            clip.conditions.push("clouds");
        }
    }
    stage.done()
}

/// The sun goes and comes.
pub(super) fn light(chance: &mut Chance) -> Effects {
    let clouds = Clouds {
        depth: chance.between(0.15, 0.4),
        per_s: chance.between(0.04, 0.15),
        step_s: chance.between(5.0, 25.0),
        step_gain: chance.between(0.8, 1.2),
    };
    Effects { clouds: Some(clouds), ..Effects::default() }
}

/// A car, a cart or a truck that drives along the street, either way.
pub(super) fn vehicle(number: usize, from_s: f32, chance: &mut Chance) -> Actor {
    static ALL: [Animal; VEHICLES.len()] = VEHICLES;
    let vehicle = &ALL[number % ALL.len()];
    let half = vehicle.height_m * vehicle.aspect * 32.0;
    let begin = chance.near(-half, 224.0, 6.0);
    let middle = chance.near(330.0, 262.0, 10.0);
    let end = Px::new(WIDTH as f32 + 1.4 * half, chance.between(350.0, 400.0));
    let speed_mps = chance.between(2.5, 5.5);
    let path = if chance.happens(0.5) {
        Path::from(from_s, begin).to(middle, speed_mps).to(end, speed_mps)
    } else {
        Path::from(from_s, end).to(middle, speed_mps).to(begin, speed_mps)
    };
    Actor::thing(vehicle, path, Role::Thing, Tint::Natural)
}

/// Something that has always stood there.
fn bin(number: usize, chance: &mut Chance) -> Actor {
    static ALL: [Animal; COVER.len()] = COVER;
    let place = chance.near(450.0, 300.0, 160.0);
    standing(&ALL[number % ALL.len()], place, chance.happens(0.5), Role::Thing, Tint::Natural)
}
