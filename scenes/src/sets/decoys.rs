//! Pure: the set `decoys`: what looks like an escape and is none. Statues and posters that were always there, a
//! statue or a plush toy that a person carries in, birds that may go anywhere, animals along their own fence,
//! keepers among the animals, vehicles, flags and trees in the wind, shadows of clouds, insects on the lens.

use crate::animals::{Animal, BEAR, LION, TIGER};
use crate::catalogue::{FOX, FREE_BIRDS, PLUSH_BEAR, STONE_MAN, SWAYING};
use crate::effects::{Effects, Insect, Night};
use crate::path::Path;
use crate::plan::{Actor, Chance, ClipPlan, Role, SetPlan, Tint};
use crate::site_file::Grounds;
use crate::world::{HEIGHT, Px, WIDTH, depth_in_lawn_px};

use super::stage::{Draft, Stage, any_view, lawn_edge_x, standing, stays_home, view_around, walker};
use super::walkers::{light, vehicle};

const CLIPS: usize = 110;
const SECONDS: f32 = 30.0;
/// Drafts of an animal at home before the clip goes without.
const DRAFTS: u32 = 60;

/// People of the footage that were followed by hand: the frame at which each begins, and where the feet are then and
/// every second after.
const CARRIERS: [(u32, &[[f32; 2]]); 4] = [
    (195, &[[261.0, 277.0], [201.0, 263.0], [144.0, 256.0], [80.0, 252.0]]),
    (305, &[[614.0, 244.0], [620.0, 261.0], [633.0, 277.0], [655.0, 297.0], [680.0, 313.0]]),
    (519, &[[239.0, 252.0], [207.0, 244.0], [168.0, 238.0], [135.0, 234.0]]),
    (57, &[[646.0, 351.0], [614.0, 322.0], [589.0, 295.0], [580.0, 268.0]]),
];

pub(super) fn plan(seed: u64) -> SetPlan {
    let mut stage = Stage::new("decoys", seed);
    for i in 0..CLIPS {
        // The kinds take turns, so that the first few clips already have one of each.
        let (kind, turn) = (i % 11, i / 11);
        let mut chance = stage.chance(&format!("{i}"));
        let (word, draft) = draft(kind, turn, &mut chance);
        let name = format!("{:03}-{word}", i + 1);
        let carrier = (kind == 3 || kind == 4).then(|| CARRIERS[(turn + kind) % CARRIERS.len()].0);
        let Some(clip) = stage.shoot(&name, draft, &mut chance) else { continue };
        clip.conditions = vec![word];
        if let Some(first_frame) = carrier {
            clip.first_frame = first_frame;
        }
        if kind == 7 {
            // When people walk on the lawn.
            clip.first_frame = chance.whole(505, 560);
        }
        if kind == 10 {
            darken(clip, turn, &mut chance);
        }
    }
    stage.done()
}

fn draft(kind: usize, turn: usize, chance: &mut Chance) -> (&'static str, Draft) {
    match kind {
        0 => ("statue", statue(turn, if turn.is_multiple_of(2) { Tint::Stone } else { Tint::Bronze }, chance)),
        1 => ("painted-statue", statue(turn, Tint::Natural, chance)),
        2 => ("poster", statue(turn, Tint::Poster, chance)),
        3 => ("carried-statue", carried(turn + kind, false, chance)),
        4 => ("plush-toy", carried(turn + kind, true, chance)),
        5 => ("free-birds", birds(turn, chance)),
        6 => ("own-fence", at_home(turn, true, chance)),
        7 => ("keepers", at_home(turn, false, chance)),
        8 => ("vehicles", vehicles(turn, chance)),
        9 => ("wind", wind(turn, chance)),
        _ => (if turn.is_multiple_of(2) { "insects" } else { "clouds" }, nobody(chance)),
    }
}

fn nobody(chance: &mut Chance) -> Draft {
    Draft { view: any_view(chance), grounds: Grounds::Path, actors: Vec::new(), seconds: SECONDS }
}

/// A place on the street or the lawn where something may stand.
fn ground(chance: &mut Chance) -> Px {
    Px::new(chance.between(140.0, 660.0), chance.between(235.0, 470.0))
}

fn statue(turn: usize, tint: Tint, chance: &mut Chance) -> Draft {
    let place = ground(chance);
    let shape: &'static Animal = match (tint, turn % 4) {
        (Tint::Natural | Tint::Poster, 0) => &TIGER,
        (Tint::Natural, 1) => &LION,
        (Tint::Natural, 2) => &BEAR,
        (Tint::Bronze, 3) => &STONE_MAN,
        _ => walker(turn * 5 + 1),
    };
    let size = if tint == Tint::Poster { chance.between(0.9, 1.5) / shape.height_m } else { chance.between(0.7, 1.1) };
    let actor = Actor { size, ..standing(shape, place, chance.happens(0.5), Role::Thing, tint) };
    let view = view_around(place, [420.0, 768.0], chance);
    Draft { view, grounds: Grounds::Path, actors: vec![actor], seconds: SECONDS }
}

/// In a person's hands from the first picture on, then put down for good.
fn carried(number: usize, plush: bool, chance: &mut Chance) -> Draft {
    let (_, way) = CARRIERS[number % CARRIERS.len()];
    let shape: &'static Animal = match (plush, chance.whole(0, 2)) {
        (true, 0) => &PLUSH_BEAR,
        (true, _) => &TIGER,
        (false, 0) => &FOX,
        (false, 1) => &LION,
        (false, _) => &BEAR,
    };
    // What one person can carry: a plush tiger is as long as a tiger is high.
    let length_m = if plush { chance.between(0.5, 0.9) } else { chance.between(0.7, 1.1) };
    let height_m = length_m / shape.aspect.max(1.0);
    let side = if way[1][0] < way[0][0] { -1.0 } else { 1.0 };
    // Before the person, and nearer to the camera than the person's feet.
    let held = |p: &[f32; 2]| Px::new(p[0] + side * 0.28 * Px::new(p[0], p[1]).px_per_m(), p[1] + 7.0);
    let mut path = Path::from(0.0, held(&way[0]));
    for pair in way.windows(2) {
        let metres = held(&pair[0]).on_ground().distance(held(&pair[1]).on_ground());
        path = path.to(held(&pair[1]), metres.max(0.05));
    }
    let down_s = (way.len() - 1) as f32;
    let tint = if plush { Tint::Natural } else { Tint::Stone };
    let actor = Actor {
        size: height_m / shape.height_m,
        carried: Some([down_s, 0.6]),
        ..Actor::thing(shape, path, Role::Thing, tint)
    };
    let middle = way[way.len() / 2];
    let view = view_around(Px::new(middle[0], middle[1]), [400.0, 560.0], chance);
    Draft { view, grounds: Grounds::Path, actors: vec![actor], seconds: SECONDS }
}

fn birds(turn: usize, chance: &mut Chance) -> Draft {
    static ALL: [Animal; FREE_BIRDS.len()] = FREE_BIRDS;
    let view = view_around(ground(chance), [360.0, 620.0], chance);
    let actors = (0..1 + turn % 3).map(|k| {
        let bird = &ALL[(turn + k / 2) % ALL.len()];
        let somewhere = |chance: &mut Chance| {
            Px::new(
                view.x as f32 + view.width as f32 * chance.between(0.08, 0.92),
                (view.y as f32 + view.height() as f32 * chance.between(0.45, 0.95)).max(215.0),
            )
        };
        let mut path = Path::from(-1.0, somewhere(chance));
        while path.end_s() < SECONDS {
            path = path.to(somewhere(chance), chance.between(0.3, 0.9)).wait(chance.between(0.5, 4.0));
        }
        Actor { size: chance.between(0.9, 1.1), ..Actor::new(bird, path) }
    });
    Draft { view, grounds: Grounds::Path, actors: actors.collect(), seconds: SECONDS }
}

/// An animal in its own yard: up and down along the fence, or about.
fn at_home(turn: usize, along_the_fence: bool, chance: &mut Chance) -> Draft {
    let animal = walker(turn * 3 + usize::from(along_the_fence));
    let grounds = Grounds::Yard(animal);
    for _ in 0..DRAFTS {
        let y = chance.between(290.0, 420.0);
        let view = view_around(Px::new(lawn_edge_x(y), y), [420.0, 768.0], chance);
        let path = if along_the_fence { pacing(y, chance) } else { about(chance) };
        let draft = Draft { view, grounds, actors: vec![Actor::new(animal, path)], seconds: SECONDS };
        if draft.actors.iter().all(|actor| stays_home(actor, &draft)) {
            return draft;
        }
    }
    Draft { grounds, ..nobody(chance) }
}

fn pacing(y: f32, chance: &mut Chance) -> Path {
    let inside = chance.between(10.0, 26.0);
    let (y0, y1) = (y - chance.between(20.0, 60.0), y + chance.between(20.0, 60.0));
    let (a, b) = (Px::new(lawn_edge_x(y0), y0 + inside), Px::new(lawn_edge_x(y1), y1 + inside));
    let speed_mps = chance.between(0.7, 1.4);
    let mut path = Path::from(-1.0, a);
    while path.end_s() < SECONDS {
        path = path.to(b, speed_mps).wait(0.3).to(a, speed_mps).wait(0.3);
    }
    path
}

fn about(chance: &mut Chance) -> Path {
    let somewhere = |chance: &mut Chance| loop {
        let place = Px::new(chance.between(60.0, 620.0), chance.between(330.0, 540.0));
        if depth_in_lawn_px(place) > 30.0 {
            return place;
        }
    };
    let mut path = Path::from(-1.0, somewhere(chance));
    while path.end_s() < SECONDS {
        path = path.to(somewhere(chance), chance.between(0.5, 1.2)).wait(chance.between(0.5, 5.0));
    }
    path
}

fn vehicles(turn: usize, chance: &mut Chance) -> Draft {
    let actors = (0..3).map(|k| vehicle(turn + k, 2.0 + 9.0 * k as f32, chance)).collect();
    Draft { actors, ..nobody(chance) }
}

fn wind(turn: usize, chance: &mut Chance) -> Draft {
    static ALL: [Animal; SWAYING.len()] = SWAYING;
    let place = ground(chance);
    let actors = (0..2).map(|k| {
        let aside = Px::new(place.x + 150.0 * k as f32, place.y + chance.between(-20.0, 40.0));
        let size = chance.between(0.8, 1.2);
        Actor { size, ..standing(&ALL[(turn + k) % ALL.len()], aside, true, Role::Swaying, Tint::Natural) }
    });
    let actors = actors.collect();
    Draft { view: view_around(place, [480.0, 768.0], chance), grounds: Grounds::Path, actors, seconds: SECONDS }
}

fn darken(clip: &mut ClipPlan, turn: usize, chance: &mut Chance) {
    if turn % 2 == 1 {
        clip.effects = light(chance);
        return;
    }
    clip.conditions.push("night");
    clip.look.warmth = 0.0;
    clip.look.noise = chance.between(3.0, 6.0);
    let night = Night { gain: chance.between(0.7, 1.0), corners: chance.between(0.25, 0.5) };
    clip.effects = Effects { night: Some(night), insects: insects(clip.seconds(), chance), ..Effects::default() };
}

/// Insects in the lamp's light: many that pass in a moment, and one that crawls over the glass.
pub(super) fn insects(seconds: f32, chance: &mut Chance) -> Vec<Insect> {
    let place =
        |chance: &mut Chance| [chance.between(-60.0, WIDTH as f32 + 60.0), chance.between(-60.0, HEIGHT as f32 + 60.0)];
    let mut all = Vec::new();
    let mut at_s = chance.between(0.5, 2.0);
    while at_s < seconds {
        let lasts_s = chance.between(0.4, 1.6);
        all.push(Insect {
            from_s: at_s,
            to_s: at_s + lasts_s,
            way: [place(chance), place(chance), place(chance)],
            radius_px: chance.log_between(8.0, 38.0),
            light: chance.between(50.0, 150.0),
        });
        at_s += chance.between(0.5, 3.5);
    }
    let from_s = chance.between(2.0, seconds / 2.0);
    let way = [place(chance), place(chance), place(chance)];
    let (to_s, light) = (from_s + chance.between(8.0, 15.0), if chance.happens(0.5) { -70.0 } else { 90.0 });
    all.push(Insect { from_s, to_s, way, radius_px: chance.between(16.0, 40.0), light });
    all
}
