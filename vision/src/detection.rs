//! Pure: what a detector says about one object in one picture.

use base::geometry::Rect;

use crate::card::ModelCard;

/// Class scores below this are noise and are left out of [`Detection::scores`].
pub const SCORE_FLOOR: f32 = 0.02;

/// One object in one picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detection {
    /// Where it is: normalised, finite, inside the picture.
    pub rect: Rect,
    /// Score of each class at this place, label index first, best first, none under [`SCORE_FLOOR`]. A tiger
    /// is a bit of a cat, a dog and a zebra at once: whoever judges it needs all of them.
    pub scores: Vec<(u16, f32)>,
    /// The best class's score, 0..1.
    pub score: f32,
    /// The best class: an index into the card's labels.
    pub label: u16,
}

impl Detection {
    /// Makes a detection of class scores in any order. Scores are clamped to 0..1, those under the floor are
    /// dropped, of a class named twice the higher one counts, and the box is cut at the picture's edge.
    pub fn new(rect: Rect, mut scores: Vec<(u16, f32)>) -> Self {
        scores.retain(|(_, score)| *score >= SCORE_FLOOR);
        scores.iter_mut().for_each(|(_, score)| *score = score.min(1.0));
        scores.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        scores.dedup_by_key(|(label, _)| *label);
        scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let (label, score) = scores.first().copied().unwrap_or_default();
        Self { rect: rect.clamped(), scores, score, label }
    }

    /// How surely it is an animal, see [`ModelCard::animal_score`].
    pub fn animal_score(&self, card: &ModelCard) -> f32 {
        card.animal_score(&self.scores)
    }

    /// How surely it is a person, see [`ModelCard::person_score`].
    pub fn person_score(&self, card: &ModelCard) -> f32 {
        card.person_score(&self.scores)
    }

    /// How surely it is a vehicle, see [`ModelCard::vehicle_score`].
    pub fn vehicle_score(&self, card: &ModelCard) -> f32 {
        card.vehicle_score(&self.scores)
    }

    /// The animal label it looks most like, and that label's score.
    pub fn best_animal<'c>(&self, card: &'c ModelCard) -> Option<(&'c str, f32)> {
        card.best_animal(&self.scores)
    }

    /// The name of the best class.
    pub fn label_name<'c>(&self, card: &'c ModelCard) -> &'c str {
        card.label_name(self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_sorted_unique_and_above_the_floor() {
        let d = Detection::new(Rect::FULL, vec![(3, 0.2), (1, 0.01), (2, 1.5), (3, 0.4)]);
        assert_eq!(d.scores, vec![(2, 1.0), (3, 0.4)]);
        assert_eq!((d.label, d.score), (2, 1.0));
    }

    #[test]
    fn a_box_is_cut_at_the_pictures_edge() {
        let d = Detection::new(Rect { x: -0.5, y: 0.5, w: 1.0, h: 1.0 }, vec![(0, 0.5)]);
        assert_eq!(d.rect, Rect { x: 0.0, y: 0.5, w: 0.5, h: 0.5 });
    }
}
