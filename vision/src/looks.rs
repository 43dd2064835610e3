//! Pure: where to look closer, and what follows from having looked twice.
//!
//! A network sees little of what is small in its input. What moves, and what it was not sure of in the whole
//! picture, is cut out, enlarged, and laid side by side into one more input: a second look costs as much as
//! the first, however many places it is for. Windows are placed by [`plan`], [`Tile`]s carry boxes back, and
//! [`together`] makes one set of detections of both looks.
//!
//! After "motion crops" of video analytics on embedded boards; packing several into one input as in
//! DESIGN §5.

use base::geometry::Rect;

use crate::card::ModelCard;
use crate::detection::Detection;
use crate::head::{Candidate, HeadParams, merge};

/// How closer looks are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LookParams {
    /// At most so many windows a picture, in one input of 2x2; 0: the whole picture only.
    pub windows: usize,
    /// A thing should fill this share of its window's side.
    pub fill: f32,
    /// No window is smaller, picture pixels: below that there is nothing more to be seen.
    pub least_window_px: f32,
    /// A window must enlarge by this much against the whole picture to be worth looking at.
    pub least_gain: f32,
    /// A box whose animal or person score is at least this needs no closer look,
    pub sure: f32,
    /// one whose score is below this neither.
    pub nothing: f32,
    /// Larger moving regions than this share of the picture are light or shake, not a thing.
    pub largest_motion: f32,
}

impl Default for LookParams {
    fn default() -> Self {
        Self {
            windows: 4,
            fill: 0.55,
            least_window_px: 64.0,
            least_gain: 1.2,
            sure: 0.75,
            nothing: 0.03,
            largest_motion: 0.3,
        }
    }
}

/// A window and its place in the second input, both normalised: of the picture, and of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tile {
    /// The part of the picture.
    pub window: Rect,
    /// Where it lies in the input.
    pub place: Rect,
}

/// A thing that may deserve a closer look.
#[derive(Debug, Clone, Copy)]
struct Interest {
    rect: Rect,
    weight: f32,
}

/// A picture that may deserve closer looks.
#[derive(Debug, Clone, Copy)]
pub struct Glance<'a> {
    /// Width and height, pixels.
    pub picture: (u32, u32),
    /// Those of the network's input.
    pub input: (u32, u32),
    /// Where something moves, normalised.
    pub motion: &'a [Rect],
    /// What the whole picture showed.
    pub seen: &'a [Detection],
    /// Counts up from picture to picture: which part of a still one is looked at next.
    pub turn: u64,
}

/// Windows for closer looks at a picture, most interesting first. In a still picture, of which there is one every
/// few seconds only, windows that are left over go over the whole of it by and by: what lies there is small, too.
pub fn plan(params: &LookParams, card: &ModelCard, glance: &Glance<'_>) -> Vec<Tile> {
    let Glance { picture, input, motion, seen, turn } = *glance;
    let mut interests: Vec<Interest> = seen.iter().filter_map(|d| of_detection(params, card, d)).collect();
    interests.extend(motion.iter().filter_map(|rect| of_motion(params, card, rect, seen)));
    interests.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let mut windows: Vec<Rect> = Vec::new();
    for interest in &interests {
        if windows.len() == params.windows {
            break;
        }
        // It is in a window already.
        if windows.iter().any(|w| share_inside(&interest.rect, w) > 0.95) {
            continue;
        }
        windows.extend(window(params, picture, input, &interest.rect));
    }
    if motion.is_empty() {
        let left = params.windows.saturating_sub(windows.len());
        let first = (turn as usize).wrapping_mul(SCAN.len() / 2);
        let next = (0..left.min(SCAN.len())).filter_map(|i| scan(params, picture, input, first.wrapping_add(i)));
        windows.extend(next);
    }
    tiles(&windows)
}

/// Middles of the windows that cover a picture, in the order in which they are looked at.
const SCAN: [[f32; 2]; 8] =
    [[0.2, 0.25], [0.6, 0.25], [0.2, 0.75], [0.6, 0.75], [0.4, 0.25], [0.8, 0.25], [0.4, 0.75], [0.8, 0.75]];

/// A window of half of the picture's height; `None` where it would enlarge too little.
fn scan(params: &LookParams, picture: (u32, u32), input: (u32, u32), turn: usize) -> Option<Rect> {
    let [x, y] = SCAN[turn % SCAN.len()];
    let side = params.fill * 0.5 * picture.1 as f32;
    let (w, h) = (side / picture.0 as f32, side / picture.1 as f32);
    window(params, picture, input, &Rect { x: x - w / 2.0, y: y - h / 2.0, w, h })
}

/// What the detector was not sure of: the less it knows, the more there is to learn. A sure person or cart is
/// left alone, a sure animal as well.
fn of_detection(params: &LookParams, card: &ModelCard, detection: &Detection) -> Option<Interest> {
    let animal = detection.animal_score(card);
    let other = detection.person_score(card).max(detection.vehicle_score(card));
    if animal < params.nothing || animal.max(other) >= params.sure || other > 4.0 * animal {
        return None;
    }
    Some(Interest { rect: detection.rect, weight: 1.0 + animal * (1.0 - other) })
}

/// What moves and is explained by nothing that was seen.
fn of_motion(params: &LookParams, card: &ModelCard, rect: &Rect, seen: &[Detection]) -> Option<Interest> {
    if rect.area() > params.largest_motion || rect.area() <= 0.0 {
        return None;
    }
    let is_known = |d: &&Detection| {
        let scores = [d.animal_score(card), d.person_score(card), d.vehicle_score(card)];
        scores.into_iter().fold(0.0, f32::max) >= 0.35
    };
    let explained: f32 = seen.iter().filter(is_known).map(|d| share_inside(rect, &d.rect)).sum();
    // Large things first: they are nearer, and people are in more danger.
    (explained < 0.5).then(|| Interest { rect: *rect, weight: (1.0 - explained) * (0.3 + rect.area().sqrt()) })
}

/// The square window around a thing; `None` where it would enlarge too little.
fn window(params: &LookParams, picture: (u32, u32), input: (u32, u32), rect: &Rect) -> Option<Rect> {
    let (width, height) = (picture.0 as f32, picture.1 as f32);
    let long_px = (rect.w * width).max(rect.h * height);
    let side_px = (long_px / params.fill).max(params.least_window_px).min(width.min(height));
    // Four windows share the input, so that each has half of its side.
    let closer = input.0.min(input.1) as f32 / 2.0 / side_px;
    let whole = (input.0 as f32 / width).min(input.1 as f32 / height);
    if closer < params.least_gain * whole {
        return None;
    }
    let (w, h) = (side_px / width, side_px / height);
    let center = rect.center();
    let (x, y) = ((center.x - w / 2.0).clamp(0.0, 1.0 - w), (center.y - h / 2.0).clamp(0.0, 1.0 - h));
    Some(Rect { x, y, w, h })
}

/// Lays windows out in rows of two.
fn tiles(windows: &[Rect]) -> Vec<Tile> {
    let place = |i: usize| Rect { x: 0.5 * (i % 2) as f32, y: 0.5 * (i / 2) as f32, w: 0.5, h: 0.5 };
    windows.iter().take(4).enumerate().map(|(i, window)| Tile { window: *window, place: place(i) }).collect()
}

impl Tile {
    /// A box of the second input in picture coordinates: `None` where its middle lies in another tile, and where
    /// it is cut off by the window's edge, for then it is a part of something.
    pub fn to_picture(&self, found: &Rect) -> Option<Rect> {
        let center = found.center();
        let p = &self.place;
        if !(p.x..p.right()).contains(&center.x) || !(p.y..p.bottom()).contains(&center.y) {
            return None;
        }
        let inner = found.intersection(p);
        let x = |v: f32| (v - p.x) / p.w;
        let y = |v: f32| (v - p.y) / p.h;
        let edges = [x(inner.x), y(inner.y), x(inner.right()), y(inner.bottom())];
        let w = &self.window;
        // A window that ends where the picture ends cuts nothing off.
        let cut = [
            edges[0] < CUT && w.x > 0.001,
            edges[1] < CUT && w.y > 0.001,
            edges[2] > 1.0 - CUT && w.right() < 0.999,
            edges[3] > 1.0 - CUT && w.bottom() < 0.999,
        ];
        if cut.iter().any(|c| *c) {
            return None;
        }
        let [left, top, right, bottom] = edges;
        Some(Rect::from_edges(w.x + left * w.w, w.y + top * w.h, w.x + right * w.w, w.y + bottom * w.h))
    }
}

/// A box that comes this near to its window's edge is cut off there.
const CUT: f32 = 0.012;

/// One set of detections of both looks. What both saw is one detection with the higher score of each class.
pub fn together(whole: Vec<Detection>, closer: Vec<Detection>, params: &HeadParams) -> Vec<Detection> {
    if closer.is_empty() {
        return whole;
    }
    let candidate = |d: Detection| Candidate { rect: d.rect, label: d.label, score: d.score, scores: d.scores };
    merge(whole.into_iter().chain(closer).map(candidate).collect(), params)
}

fn share_inside(part: &Rect, whole: &Rect) -> f32 {
    let area = part.area();
    if area > 0.0 { part.intersection(whole).area() / area } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn card() -> ModelCard {
        let text = "name = \"t\"\nhead = \"yolox\"\nlicense = \"MIT\"\nsource = \"t\"\nsha256 = \"".to_owned()
            + &"0".repeat(64)
            + "\"\n[input]\nwidth = 512\nheight = 512\nlayout = \"nchw\"\nchannels = \"rgb\"\nfit = \"stretch\"\n"
            + "[output]\noutput = \"o\"\n[labels]\nnames = [\"person\", \"cat\"]\nanimals = [\"cat\"]\n"
            + "people = [\"person\"]\nvehicles = []\n";
        ModelCard::parse(Path::new("model.toml"), &text).unwrap()
    }

    fn seen(rect: [f32; 4], label: u16, score: f32) -> Detection {
        Detection::new(rect.into(), vec![(label, score)])
    }

    fn planned(motion: &[Rect], seen: &[Detection]) -> Vec<Tile> {
        let glance = Glance { picture: (640, 480), input: (512, 512), motion, seen, turn: 0 };
        plan(&LookParams::default(), &card(), &glance)
    }

    const HERE: [f32; 4] = [0.5, 0.5, 0.05, 0.06];
    /// The light changes: something moves, but nothing that could be looked at.
    const ELSEWHERE: Rect = Rect::FULL;

    #[test]
    fn a_still_picture_is_gone_over_by_and_by() {
        let glance = |turn| Glance { picture: (640, 480), input: (512, 512), motion: &[], seen: &[], turn };
        let windows = |turn| plan(&LookParams::default(), &card(), &glance(turn));
        let all: Vec<Rect> = (0..2).flat_map(windows).map(|tile| tile.window).collect();
        assert_eq!(all.len(), 8);
        for (x, y) in (0..20).flat_map(|x| (0..20).map(move |y| (x as f32 / 20.0, y as f32 / 20.0))) {
            let here = Rect { x, y, w: 0.05, h: 0.05 };
            assert!(all.iter().any(|w| share_inside(&here, w) > 0.5), "{x} {y}");
        }
    }

    #[test]
    fn an_unsure_animal_is_looked_at_again_and_a_sure_one_or_a_person_is_not() {
        let [tile] = planned(&[ELSEWHERE], &[seen(HERE, 1, 0.2)])[..] else { panic!() };
        assert!(share_inside(&HERE.into(), &tile.window) > 0.999);
        assert!((tile.window.w * 640.0 - tile.window.h * 480.0).abs() < 0.1, "square in pixels");
        for sure in [seen(HERE, 1, 0.9), seen(HERE, 0, 0.5), seen(HERE, 0, 0.95)] {
            assert_eq!(planned(&[ELSEWHERE], &[sure]), []);
        }
    }

    #[test]
    fn what_moves_is_looked_at_unless_it_is_a_person_who_walks() {
        assert_eq!(planned(&[HERE.into()], &[]).len(), 1);
        assert_eq!(planned(&[HERE.into()], &[seen(HERE, 0, 0.6)]), []);
        assert_eq!(planned(&[Rect::FULL], &[]), [], "that is the light");
    }

    #[test]
    fn what_is_large_already_is_not_worth_a_second_look() {
        assert_eq!(planned(&[ELSEWHERE], &[seen([0.2, 0.2, 0.5, 0.6], 1, 0.2)]), []);
    }

    #[test]
    fn there_are_at_most_four_windows_and_none_twice() {
        let many: Vec<Rect> = (0..8).map(|i| Rect { x: 0.12 * i as f32, y: 0.1, w: 0.04, h: 0.05 }).collect();
        assert_eq!(planned(&many, &[]).len(), 4);
        assert_eq!(planned(&[HERE.into(), HERE.into()], &[seen(HERE, 1, 0.2)]).len(), 1);
    }

    #[test]
    fn a_box_comes_back_to_where_it_was_and_one_that_is_cut_off_does_not() {
        let window = Rect { x: 0.4, y: 0.2, w: 0.2, h: 0.2 };
        let tile = Tile { window, place: Rect { x: 0.5, y: 0.0, w: 0.5, h: 0.5 } };
        let back = tile.to_picture(&Rect { x: 0.6, y: 0.1, w: 0.1, h: 0.2 }).unwrap();
        for (found, wanted) in [(back.x, 0.44), (back.y, 0.24), (back.w, 0.04), (back.h, 0.08)] {
            assert!((found - wanted).abs() < 1e-5, "{back:?}");
        }
        assert_eq!(tile.to_picture(&Rect { x: 0.1, y: 0.1, w: 0.1, h: 0.2 }), None, "of another tile");
        assert_eq!(tile.to_picture(&Rect { x: 0.6, y: 0.3, w: 0.1, h: 0.2 }), None, "cut at the lower edge");
        let at_border = Tile { window: Rect { y: 0.8, ..window }, ..tile };
        assert!(at_border.to_picture(&Rect { x: 0.6, y: 0.3, w: 0.1, h: 0.2 }).is_some(), "the picture ends there");
    }

    #[test]
    fn what_both_looks_saw_is_one_thing_with_the_better_scores() {
        let params = HeadParams { min_score: 0.1, max_detections: 10, groups: card().groups };
        let found = together(vec![seen(HERE, 1, 0.2)], vec![seen(HERE, 1, 0.6), seen([0.1; 4], 0, 0.5)], &params);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].score, 0.6);
    }
}
