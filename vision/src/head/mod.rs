//! Pure: from the network's output arrays to detections, one module per kind of head.
//!
//! What the heads share is here: one object gives several boxes (a tiger is a cat and, one cell further, a
//! dog), and [`merge`] makes one detection of them that keeps every class's score.

use base::geometry::Rect;

use crate::card::{Group, best_group};
use crate::detection::{Detection, SCORE_FLOOR};

pub mod centernet;
pub mod detr;
pub mod megadetector;
pub mod yolox;

/// Boxes of one group that overlap by more are one object: two animals side by side overlap less.
pub const SAME_GROUP_IOU: f32 = 0.45;
/// Boxes of different groups must agree better before they are one object: a keeper who leans on an elephant is
/// none, an ape that is half a person to the model is.
pub const OTHER_GROUP_IOU: f32 = 0.6;

/// An animal's box of which more lies inside another animal's is a part of it. Detectors see heads and hind halves
/// as animals of their own, and each would be followed as one; two animals of which one is that much hidden
/// by the other are one until they part.
pub const PART_SHARE: f32 = 0.7;
/// How alike their class scores must be then.
const PART_LIKENESS: f32 = 0.6;
/// Where the part scored better than the whole, the whole's box counts if it has this share of the part's score,
const WHOLE_SCORE_SHARE: f32 = 0.6;
/// and so many times its area.
const WHOLE_AREA: std::ops::Range<f32> = 1.2..3.0;

/// What every head needs to know beside its arrays.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadParams {
    /// Best class score under which nothing is reported.
    pub min_score: f32,
    /// At most so many detections, the best ones.
    pub max_detections: usize,
    /// What each label stands for.
    pub groups: Vec<Group>,
}

/// One box that a head proposes: a local maximum of a class, or an anchor.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Where: normalised, may reach over the picture's edge.
    pub rect: Rect,
    /// Its own class.
    pub label: u16,
    /// That class's score.
    pub score: f32,
    /// Every class's score at that place, its own among them, in any order; those under the floor may be missing.
    pub scores: Vec<(u16, f32)>,
}

impl Candidate {
    /// By all its scores: on an animal that no label fits, something that stands for nothing may score best.
    fn group(&self, params: &HeadParams) -> Group {
        best_group(&params.groups, &self.scores)
    }
}

/// Makes detections of candidates: the best candidate first, and every weaker one that is the same object (see
/// [`SAME_GROUP_IOU`], [`PART_SHARE`]) adds its class scores to it, the higher one of each class counting.
/// Boxes that are not finite or have nothing inside the picture are dropped.
pub fn merge(mut candidates: Vec<Candidate>, params: &HeadParams) -> Vec<Detection> {
    candidates.retain(|c| c.rect.is_finite() && c.rect.clamped().area() > 0.0 && c.score >= SCORE_FLOOR);
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        match kept.iter_mut().find_map(|known| absorbed(known, &candidate, params)) {
            Some(()) => {}
            None if kept.len() < params.max_detections => kept.push(candidate),
            None => {}
        }
    }
    kept.into_iter().map(|c| Detection::new(c.rect, c.scores)).collect()
}

/// Adds a weaker candidate to a known one where both are the same object.
fn absorbed(known: &mut Candidate, weaker: &Candidate, params: &HeadParams) -> Option<()> {
    let whole = is_whole(known, weaker, params);
    if !(overlaps(known, weaker, params) || whole || is_part(known, weaker, params)) {
        return None;
    }
    if whole && weaker.score >= WHOLE_SCORE_SHARE * known.score {
        known.rect = weaker.rect;
    }
    known.scores.extend_from_slice(&weaker.scores);
    Some(())
}

fn overlaps(a: &Candidate, b: &Candidate, params: &HeadParams) -> bool {
    let (group_a, group_b) = (a.group(params), b.group(params));
    // Two labels that stand for nothing (a chair, a bottle) have nothing in common by that.
    let same = a.label == b.label || (group_a == group_b && group_a != Group::Other);
    a.rect.iou(&b.rect) > if same { SAME_GROUP_IOU } else { OTHER_GROUP_IOU }
}

/// The weaker animal lies in the known one: its head, its hind half.
fn is_part(known: &Candidate, weaker: &Candidate, params: &HeadParams) -> bool {
    are_alike_animals(known, weaker, params) && share_inside(&weaker.rect, &known.rect) > PART_SHARE
}

/// The known animal is a part of the weaker one. Not where that is much larger: a tiger that passes a lamp
/// post which looks like a bird is not that bird.
fn is_whole(known: &Candidate, weaker: &Candidate, params: &HeadParams) -> bool {
    are_alike_animals(known, weaker, params)
        && share_inside(&known.rect, &weaker.rect) > PART_SHARE
        && WHOLE_AREA.contains(&(weaker.rect.area() / known.rect.area()))
}

/// Both are animals, and look like the same mixture of them: a zebra before a giraffe is none of its parts.
fn are_alike_animals(a: &Candidate, b: &Candidate, params: &HeadParams) -> bool {
    [a, b].iter().all(|c| c.group(params) == Group::Animal) && likeness(&a.scores, &b.scores) > PART_LIKENESS
}

/// The cosine between two vectors of class scores: 0 where they have no class in common, 1 where they agree.
fn likeness(a: &[(u16, f32)], b: &[(u16, f32)]) -> f32 {
    let product = |a: &[(u16, f32)], b: &[(u16, f32)]| -> f32 {
        let of = |label: u16| b.iter().filter(|(l, _)| *l == label).map(|(_, s)| *s).fold(0.0, f32::max);
        a.iter().map(|(label, score)| score * of(*label)).sum()
    };
    let length = (product(a, a) * product(b, b)).sqrt();
    if length > 0.0 { product(a, b) / length } else { 0.0 }
}

/// How much of `part` lies in `whole`.
fn share_inside(part: &Rect, whole: &Rect) -> f32 {
    part.intersection(whole).area() / part.area()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Labels: person, cat, dog, car, chair.
    pub(crate) fn params() -> HeadParams {
        let groups = vec![Group::Person, Group::Animal, Group::Animal, Group::Vehicle, Group::Other];
        HeadParams { min_score: 0.1, max_detections: 100, groups }
    }

    fn candidate(x: f32, label: u16, score: f32) -> Candidate {
        Candidate { rect: Rect { x, y: 0.2, w: 0.2, h: 0.2 }, label, score, scores: vec![(label, score)] }
    }

    #[test]
    fn one_animal_that_looks_like_two_species_is_one_detection_with_both_scores() {
        // Shifted by a quarter of its width: an IoU of 0.6.
        let found = merge(vec![candidate(0.25, 2, 0.3), candidate(0.2, 1, 0.4)], &params());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scores, vec![(1, 0.4), (2, 0.3)]);
        assert!((found[0].rect.x - 0.2).abs() < 1e-6);
    }

    #[test]
    fn a_person_beside_an_animal_stays_a_detection_of_its_own() {
        // An IoU of 0.54: enough for two labels of one group, not for two groups.
        let (animal, person) = (candidate(0.2, 1, 0.4), candidate(0.26, 0, 0.6));
        assert_eq!(merge(vec![animal, person], &params()).len(), 2);
        let (animal, other_animal) = (candidate(0.2, 1, 0.4), candidate(0.26, 2, 0.6));
        assert_eq!(merge(vec![animal, other_animal], &params()).len(), 1);
    }

    #[test]
    fn an_ape_that_is_half_a_person_keeps_its_animal_score() {
        let found = merge(vec![candidate(0.2, 1, 0.2), candidate(0.21, 0, 0.6)], &params());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scores, vec![(0, 0.6), (1, 0.2)]);
    }

    /// An animal that is a bit more of `label` and a bit less of the other animal label.
    fn boxed(rect: [f32; 4], label: u16, score: f32) -> Candidate {
        let scores = if label == 0 { vec![(0, score)] } else { vec![(label, score), (3 - label, 0.9 * score)] };
        Candidate { rect: rect.into(), label, score, scores }
    }

    #[test]
    fn an_animal_s_head_is_no_animal_of_its_own_even_where_it_scores_better() {
        let (whole, head) = ([0.2, 0.2, 0.4, 0.3], [0.21, 0.2, 0.15, 0.2]);
        let found = merge(vec![boxed(whole, 1, 0.5), boxed(head, 2, 0.4)], &params());
        assert_eq!(found.len(), 1);
        assert!(found[0].rect.iou(&whole.into()) > 0.999);
        assert_eq!(found[0].scores, [(1, 0.5), (2, 0.45)]);
        let half = [0.2, 0.2, 0.2, 0.3];
        let found = merge(vec![boxed(half, 1, 0.5), boxed(whole, 2, 0.4)], &params());
        assert!(found.len() == 1 && found[0].rect.iou(&whole.into()) > 0.999);
        let found = merge(vec![boxed(half, 1, 0.5), boxed(whole, 2, 0.2)], &params());
        assert!(found.len() == 1 && found[0].rect.iou(&half.into()) > 0.999, "a weak whole does not widen a sure box");
    }

    #[test]
    fn an_animal_before_a_larger_one_of_another_kind_is_one_of_its_own() {
        let only =
            |rect: [f32; 4], label| Candidate { rect: rect.into(), label, score: 0.6, scores: vec![(label, 0.6)] };
        let found = merge(vec![only([0.2, 0.2, 0.4, 0.6], 1), only([0.3, 0.5, 0.2, 0.25], 2)], &params());
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_small_thing_that_looks_like_an_animal_does_not_swallow_the_animal_that_passes_it() {
        let (tiger, lamp) = ([0.2, 0.2, 0.4, 0.3], [0.3, 0.3, 0.05, 0.05]);
        assert_eq!(merge(vec![boxed(lamp, 1, 0.5), boxed(tiger, 2, 0.4)], &params()).len(), 2);
        let (rider, horse) = (boxed([0.3, 0.2, 0.1, 0.2], 0, 0.4), boxed(tiger, 2, 0.5));
        assert_eq!(merge(vec![rider, horse], &params()).len(), 2, "nor an animal the person before it");
    }

    #[test]
    fn only_the_best_are_kept_and_nonsense_is_dropped() {
        let mut many: Vec<_> = (0..5).map(|i| candidate(0.2 * i as f32, 1, 0.1 + 0.1 * i as f32)).collect();
        many.push(candidate(f32::NAN, 1, 0.9));
        many.push(candidate(5.0, 1, 0.9));
        let found = merge(many, &HeadParams { max_detections: 2, ..params() });
        assert_eq!(found.iter().map(|d| d.score).collect::<Vec<_>>(), [0.5, 0.4]);
    }
}
