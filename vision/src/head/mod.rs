//! Pure: from the network's output arrays to detections, one module per kind of head.
//!
//! What the heads share is here: one object gives several boxes (a tiger is a cat and, one cell further, a
//! dog), and [`merge`] makes one detection of them that keeps every class's score.

use base::geometry::Rect;

use crate::card::Group;
use crate::detection::{Detection, SCORE_FLOOR};

pub mod centernet;
pub mod yolox;

/// Boxes of one group that overlap by more are one object: two animals side by side overlap less.
pub const SAME_GROUP_IOU: f32 = 0.5;
/// Boxes of different groups must agree better before they are one object: a keeper who leans on an elephant is
/// none, an ape that is half a person to the model is.
pub const OTHER_GROUP_IOU: f32 = 0.6;

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

impl HeadParams {
    fn group(&self, label: u16) -> Group {
        self.groups.get(usize::from(label)).copied().unwrap_or_default()
    }
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
    /// Every class's score at that place, in any order; those under the floor may be missing.
    pub scores: Vec<(u16, f32)>,
}

/// Makes detections of candidates: the best candidate first, and every weaker one that overlaps it enough
/// (see [`SAME_GROUP_IOU`]) adds its class scores to it, the higher one of each class counting. Boxes that are
/// not finite or have nothing inside the picture are dropped.
pub fn merge(mut candidates: Vec<Candidate>, params: &HeadParams) -> Vec<Detection> {
    candidates.retain(|c| c.rect.is_finite() && c.rect.clamped().area() > 0.0 && c.score >= SCORE_FLOOR);
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        match kept.iter().position(|k| is_one_object(k, &candidate, params)) {
            Some(known) => {
                kept[known].scores.extend(candidate.scores);
                kept[known].scores.push((candidate.label, candidate.score));
            }
            None if kept.len() < params.max_detections => kept.push(candidate),
            None => {}
        }
    }
    let detection = |mut c: Candidate| {
        c.scores.push((c.label, c.score));
        Detection::new(c.rect, c.scores)
    };
    kept.into_iter().map(detection).collect()
}

fn is_one_object(a: &Candidate, b: &Candidate, params: &HeadParams) -> bool {
    let same = a.label == b.label || params.group(a.label) == params.group(b.label);
    // Two labels that stand for nothing (a chair, a bottle) have nothing in common by that.
    let same = same && (a.label == b.label || params.group(a.label) != Group::Other);
    a.rect.iou(&b.rect) > if same { SAME_GROUP_IOU } else { OTHER_GROUP_IOU }
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
        Candidate { rect: Rect { x, y: 0.2, w: 0.2, h: 0.2 }, label, score, scores: vec![] }
    }

    #[test]
    fn one_animal_that_looks_like_two_species_is_one_detection_with_both_scores() {
        // Shifted by a fifth of its width: an IoU of 2/3.
        let found = merge(vec![candidate(0.24, 2, 0.3), candidate(0.2, 1, 0.4)], &params());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scores, vec![(1, 0.4), (2, 0.3)]);
        assert_eq!(found[0].rect.x, 0.2);
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

    #[test]
    fn only_the_best_are_kept_and_nonsense_is_dropped() {
        let mut many: Vec<_> = (0..5).map(|i| candidate(0.2 * i as f32, 1, 0.1 + 0.1 * i as f32)).collect();
        many.push(candidate(f32::NAN, 1, 0.9));
        many.push(candidate(5.0, 1, 0.9));
        let found = merge(many, &HeadParams { max_detections: 2, ..params() });
        assert_eq!(found.iter().map(|d| d.score).collect::<Vec<_>>(), [0.5, 0.4]);
    }
}
