//! Pure: what the large sets share. A scene is drawn at random (who, how fast, how large in the picture, where
//! out), then looked at: a draft in which the animal is out twice, or too shortly, or too early, is drawn again.

use base::geometry::{Point, Polygon};
use base::ids::CameraId;

use crate::animals::Animal;
use crate::catalogue::{COVER, WALKERS};
use crate::effects::Effects;
use crate::look::Look;
use crate::path::Path;
use crate::plan::{Actor, Chance, ClipPlan, Coding, Role, SetPlan, Tint};
use crate::site_file::{Grounds, SiteFile};
use crate::truth::SHOWS_FROM;
use crate::view::View;
use crate::world::{self, FPS, FRAMES, HEIGHT, Metres, Px, WIDTH};

/// Drafts before giving up; the tests of the sets see that it never comes to that.
const DRAFTS: u32 = 400;
/// A crop this narrow is blown up to more than twice its size.
const NARROWEST_VIEW: f32 = 330.0;
/// Pixels of a metre's length at the line y = 1, in a picture of the whole street.
const PX_PER_M_AND_PX: f32 = 0.157;

/// A set in the making.
pub(super) struct Stage {
    set: &'static str,
    seed: u64,
    pub(super) site: SiteFile,
    pub(super) clips: Vec<ClipPlan>,
    /// Where the next camera stands, metres, if not in the next place of a grid.
    pub(super) position: Option<[f32; 2]>,
}

/// How an animal comes to be out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// Over the edge of the lawn before the street.
    Yard,
    /// Out of the pen on the far lawn.
    Pen,
    /// From the picture's edge, never seen inside.
    Edge,
    /// The same, on the part of the street where most people walk.
    Street,
}

/// What is asked of a scene.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) animal: &'static Animal,
    pub(super) entry: Entry,
    pub(super) speed_mps: f32,
    /// Its longer side in the picture.
    pub(super) size_px: f32,
    /// It stops outside and stays.
    pub(super) stays: bool,
    /// Something stands or walks in front of it.
    pub(super) cover: bool,
}

/// What a camera sees and who is there, before it becomes a clip.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) view: View,
    pub(super) grounds: Grounds,
    pub(super) actors: Vec<Actor>,
    pub(super) seconds: f32,
}

impl Stage {
    pub(super) fn new(set: &'static str, seed: u64) -> Self {
        Self { set, seed, site: SiteFile::new(set), clips: Vec::new(), position: None }
    }

    /// Chance for one clip.
    pub(super) fn chance(&self, clip: &str) -> Chance {
        Chance::new(self.seed, &format!("{}/{clip}", self.set))
    }

    /// Adds a camera and its clip, which begins anywhere in the footage. The caller may change it.
    pub(super) fn shoot(&mut self, name: &str, draft: Draft, chance: &mut Chance) -> Option<&mut ClipPlan> {
        let id = format!("{}-{name}", self.set);
        let camera = CameraId::new(id.as_str()).ok()?;
        let grid = [30.0 * (self.clips.len() % 20) as f32, 40.0 * (self.clips.len() / 20) as f32];
        let position = self.position.take().unwrap_or(grid);
        self.site.camera(&id, position, &draft.view, draft.grounds);
        draft.actors.iter().filter(|actor| actor.counts()).for_each(|actor| self.site.species(actor.animal));
        let look = Look {
            gain: chance.between(0.86, 1.1),
            contrast: chance.between(0.88, 1.02),
            warmth: chance.between(-0.05, 0.05),
            noise: chance.between(0.9, 2.0),
        };
        self.clips.push(ClipPlan {
            camera,
            view: draft.view,
            look,
            first_frame: chance.whole(0, 2 * FRAMES - 3),
            frames: (draft.seconds * FPS as f32).round() as u32,
            actors: draft.actors,
            also: Vec::new(),
            effects: Effects::default(),
            coding: Coding { crf: 26, fast: true },
            conditions: Vec::new(),
            scene: None,
        });
        self.clips.last_mut()
    }

    pub(super) fn done(self) -> SetPlan {
        SetPlan { site: self.site, clips: self.clips }
    }
}

/// The i-th of numbers that fill 0 to 1 evenly, however many are taken.
pub(super) fn spread(i: usize, offset: f32) -> f32 {
    (i as f32 * 0.618_034 + offset).fract()
}

/// Metres per second, from stalking to running; most walk.
pub(super) fn speed(share: f32, chance: &mut Chance) -> f32 {
    match share {
        s if s < 0.12 => chance.between(0.3, 0.5),
        s if s < 0.30 => chance.between(0.6, 0.9),
        s if s < 0.72 => chance.between(1.0, 1.5),
        s if s < 0.88 => chance.between(2.0, 3.0),
        _ => chance.between(4.0, 6.0),
    }
}

/// An animal that walks out, by its number in the set: every species in turn.
pub(super) fn walker(number: usize) -> &'static Animal {
    static ALL: [Animal; WALKERS.len()] = WALKERS;
    &ALL[number % ALL.len()]
}

/// A thing that hides what is behind it.
fn cover(chance: &mut Chance) -> &'static Animal {
    static ALL: [Animal; COVER.len()] = COVER;
    chance.one(&ALL)
}

/// A thing that stands at a place, facing either way.
pub(super) fn standing(thing: &'static Animal, place: Px, right: bool, role: Role, tint: Tint) -> Actor {
    let before = Px::new(place.x + if right { -0.5 } else { 0.5 }, place.y);
    Actor::thing(thing, Path::from(-20.0, before).to(place, 1.0), role, tint)
}

/// Draws a scene in which an animal gets out, as wished. Where the wish cannot be had, another size is tried.
pub(super) fn escape(wish: &Wish, chance: &mut Chance) -> Option<Draft> {
    (0..DRAFTS).find_map(|attempt| {
        let size_px = if attempt < 40 { wish.size_px } else { chance.log_between(40.0, 300.0) };
        // What cannot walk out so large or so fast comes from the edge at a walk.
        let wish = match attempt {
            0..200 => Wish { size_px, ..*wish },
            _ => Wish { size_px, entry: Entry::Edge, speed_mps: wish.speed_mps.clamp(0.8, 1.5), ..*wish },
        };
        let draft = match wish.entry {
            Entry::Edge | Entry::Street => from_the_edge(&wish, chance),
            Entry::Yard | Entry::Pen => out_of_a_home(&wish, chance),
        }?;
        good(&draft).then_some(draft)
    })
}

/// The camera's crop in which a length in metres at a line of the street has its size in pixels, with the place at
/// these shares of the picture.
fn view_at(place: Px, width: f32, shares: [f32; 2], mirrored: bool) -> View {
    let width = width.round().clamp(NARROWEST_VIEW, WIDTH as f32) as u32;
    let height = width * HEIGHT / WIDTH;
    let x = (place.x - shares[0] * width as f32).clamp(0.0, (WIDTH - width) as f32) as u32;
    let y = (place.y - shares[1] * height as f32).clamp(0.0, (HEIGHT - height) as f32) as u32;
    View { x, y, width, mirrored }
}

/// The longer side of an animal, metres.
fn length_m(animal: &Animal) -> f32 {
    animal.height_m * animal.aspect.max(1.0)
}

/// A line of the street between two, and the width of the crop in which the animal has its size there.
fn line_and_width(wish: &Wish, lines: [f32; 2], chance: &mut Chance) -> Option<(f32, f32)> {
    let width_per_y = length_m(wish.animal) * PX_PER_M_AND_PX * WIDTH as f32 / wish.size_px;
    let low = (lines[0] * width_per_y).max(NARROWEST_VIEW);
    let high = (lines[1] * width_per_y).min(WIDTH as f32);
    let width = (low <= high).then(|| chance.between(low, high))?;
    Some((width / width_per_y, width))
}

fn out_of_a_home(wish: &Wish, chance: &mut Chance) -> Option<Draft> {
    let yard = wish.entry == Entry::Yard;
    let lines = if yard { [256.0, 486.0] } else { [151.0, 167.0] };
    let (y, width) = line_and_width(wish, lines, chance)?;
    let edge_x = |y: f32| if yard { lawn_edge_x(y) } else { 36.0 + (y - 146.0) * 309.0 / 22.0 };
    let (here, beside) = (Px::new(edge_x(y), y), Px::new(edge_x(y + 2.0), y + 2.0));
    let (from, along) = (here.on_ground(), beside.on_ground());
    // The way out, at a right angle to the edge, then turned by up to 55 degrees.
    let norm = from.distance(along);
    let (tx, ty) = ((along.right - from.right) / norm, (along.away - from.away) / norm);
    let outward = if (tx > 0.0) == yard { 1.0 } else { -1.0 };
    let (nx, ny) = (-ty * outward, tx * outward);
    let (sin, cos) = chance.between(-0.95, 0.95).sin_cos();
    let (hx, hy) = (nx * cos - ny * sin, nx * sin + ny * cos);
    let at = |metres: f32| Metres { right: from.right + hx * metres, away: from.away + hy * metres };
    let inside_s = chance.between(2.2, 4.0);
    let inside_m = (wish.speed_mps * inside_s).clamp(0.5, 7.0);
    let begin = at(-inside_m).in_picture();
    let waits_s = (inside_s - inside_m / wish.speed_mps).max(0.0) + chance.between(0.0, 1.0);
    let outside_m =
        if wish.stays { chance.between(1.5, 4.0) } else { (wish.speed_mps * chance.between(6.0, 9.0)).max(2.0) };
    let end = at(outside_m);
    if end.away < 10.3 || end.away > 48.0 {
        return None;
    }
    let path = Path::from(-1.0, begin).wait(1.0 + waits_s).to(end.in_picture(), wish.speed_mps);
    let view = view_at(here, width, [chance.between(0.3, 0.7), chance.between(0.45, 0.75)], chance.happens(0.5));
    let grounds = if yard { Grounds::Yard(wish.animal) } else { Grounds::FarPen(wish.animal) };
    Some(finish(wish, view, grounds, path, end.in_picture(), chance))
}

fn from_the_edge(wish: &Wish, chance: &mut Chance) -> Option<Draft> {
    let lines = match (wish.entry, chance.happens(0.15)) {
        (Entry::Street, _) => [215.0, 350.0],
        (_, true) => [126.0, 158.0],
        (_, false) => [212.0, 555.0],
    };
    let (y, width) = line_and_width(wish, lines, chance)?;
    let place = Px::new(chance.between(0.0, WIDTH as f32), y);
    let view = view_at(place, width, [0.5, chance.between(0.5, 0.9)], chance.happens(0.5));
    let half = 0.55 * length_m(wish.animal) * place.px_per_m();
    let (left, right) = (view.x as f32 - half, (view.x + view.width) as f32 + half);
    let to_the_right = chance.happens(0.5);
    let (begin_x, end_x) = if to_the_right { (left, right) } else { (right, left) };
    let begin = Px::new(begin_x, y * chance.between(0.95, 1.05));
    let end = if wish.stays {
        Px::new(view.x as f32 + view.width as f32 * chance.between(0.3, 0.7), y * chance.between(0.95, 1.05))
    } else {
        Px::new(end_x + (end_x - begin_x).signum() * half, y * chance.between(0.92, 1.08))
    };
    let path = Path::from(chance.between(1.6, 3.0), begin).to(end, wish.speed_mps);
    Some(finish(wish, view, Grounds::Path, path, end, chance))
}

/// Adds what hides the animal, and how it rests.
fn finish(wish: &Wish, view: View, grounds: Grounds, path: Path, end: Px, chance: &mut Chance) -> Draft {
    let arrives_s = path.end_s();
    let entry = if matches!(wish.entry, Entry::Yard | Entry::Pen) { "walked-out" } else { "edge" };
    let mut animal =
        Actor { entry: Some(entry), size: chance.between(0.94, 1.06), ..Actor::new(wish.animal, path.clone()) };
    if wish.stays {
        animal.lies_from_s = Some(arrives_s + chance.between(0.6, 1.5));
    }
    let seconds = if wish.stays { (arrives_s + 5.5).clamp(10.0, 16.0) } else { chance.between(10.5, 14.0) };
    let mut actors = vec![animal];
    if wish.cover {
        let middle_s = if wish.stays { arrives_s } else { arrives_s * chance.between(0.5, 0.75) };
        let place = path.at(middle_s).map_or(end, |pose| pose.foot);
        let thing = cover(chance);
        let aside_px = length_m(wish.animal) * place.px_per_m() * chance.between(-0.35, 0.35);
        let before = Px::new(place.x + aside_px, place.y + chance.between(3.0, 9.0));
        let tall = wish.animal.height_m * chance.between(0.75, 1.1) / thing.height_m;
        actors.push(Actor {
            size: tall.clamp(0.6, 1.6),
            ..standing(thing, before, chance.happens(0.5), Role::Thing, Tint::Natural)
        });
    }
    Draft { view, grounds, actors, seconds }
}

/// Whether every animal of a draft that gets out does so once, late enough to be believed and for long enough.
pub(super) fn good(draft: &Draft) -> bool {
    draft.view.is_inside() && draft.actors.iter().filter(|actor| actor.counts()).all(|actor| out_once(actor, draft))
}

fn out_once(actor: &Actor, draft: &Draft) -> bool {
    let frames = (draft.seconds * FPS as f32).round() as u32;
    let home = home(draft.grounds, &draft.view);
    let states: Vec<State> =
        (0..frames).map(|frame| state(actor, &draft.view, home.as_ref(), ClipPlan::time_s(frame))).collect();
    let out: Vec<usize> = (0..states.len()).filter(|&i| states[i].out).collect();
    let (Some(&first), Some(&last)) = (out.first(), out.last()) else { return false };
    let runs = actor.at(ClipPlan::time_s(first as u32 + 3)).is_some_and(|(pose, _)| pose.speed_mps > 1.8);
    let least = if runs { 18 } else { 42 };
    let wholly = states.iter().position(|state| state.wholly_out);
    let long = states.iter().filter(|state| state.wholly_out).count();
    let largest = actor
        .whole_box(&draft.view, ClipPlan::time_s(first as u32))
        .map_or(0.0, |b| (b.w * WIDTH as f32).max(b.h * HEIGHT as f32));
    first >= 15
        && last - first + 1 == out.len()
        && out.len() >= least
        && wholly.is_some_and(|at| (first..=first + 50).contains(&at))
        && long >= least * 2 / 3
        && (38.0..420.0).contains(&largest)
        && (actor.entry == Some("edge") || states[..first].iter().all(|state| state.home))
}

#[derive(Debug, Clone, Copy)]
struct State {
    out: bool,
    wholly_out: bool,
    home: bool,
}

fn state(actor: &Actor, view: &View, home: Option<&Polygon>, t_s: f32) -> State {
    let nowhere = State { out: false, wholly_out: false, home: false };
    let Some(whole) = actor.whole_box(view, t_s) else { return nowhere };
    let seen = whole.clamped();
    let at_home = |point: Point| home.is_some_and(|home| home.contains(point));
    let shows = whole.area() > 0.0 && seen.area() / whole.area() >= SHOWS_FROM;
    let ground = whole.ground_point();
    let inside = (0.0..1.0).contains(&ground.x) && (0.0..1.0).contains(&ground.y);
    State {
        out: shows && !at_home(seen.ground_point()),
        wholly_out: inside && !at_home(ground),
        home: shows && inside && at_home(ground),
    }
}

/// The polygon of an enclosure in a camera's picture.
pub(super) fn home(grounds: Grounds, view: &View) -> Option<Polygon> {
    let corners = match grounds {
        Grounds::Yard(_) => world::lawn(),
        Grounds::FarPen(_) => world::FAR_PEN.to_vec(),
        Grounds::Path => return None,
    };
    Some(Polygon(view.polygon(&corners).into_iter().map(Point::from).collect()))
}

/// Whether an animal is in its home, or out of the picture, in all frames of a draft.
pub(super) fn stays_home(actor: &Actor, draft: &Draft) -> bool {
    let home = home(draft.grounds, &draft.view);
    (0..(draft.seconds * FPS as f32) as u32)
        .all(|frame| !state(actor, &draft.view, home.as_ref(), ClipPlan::time_s(frame)).out)
}

/// A crop with a place in it, as wide as the two numbers allow.
pub(super) fn view_around(place: Px, widths: [f32; 2], chance: &mut Chance) -> View {
    let shares = [chance.between(0.3, 0.7), chance.between(0.5, 0.8)];
    view_at(place, chance.between(widths[0], widths[1]), shares, chance.happens(0.5))
}

/// Any part of the street, never only sky and walls.
pub(super) fn any_view(chance: &mut Chance) -> View {
    let place = Px::new(chance.between(100.0, 700.0), chance.between(210.0, 430.0));
    view_around(place, [360.0, 768.0], chance)
}

/// Where the lawn's edge has this line.
pub(super) fn lawn_edge_x(y: f32) -> f32 {
    let edge = &world::LAWN_EDGE;
    edge.windows(2).find(|pair| y <= pair[1][1]).map_or(WIDTH as f32, |pair| {
        let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
        x0 + (x1 - x0) * (y - y0) / (y1 - y0)
    })
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
