//! Pure: what a track is, by all its sightings together.

/// A class that a sighting does not name has about this score there: detectors leave out what is less.
const UNNAMED: f32 = 0.01;
/// One sure sighting must not outweigh all others: scores count as between this and one minus this.
const SUREST: f32 = 0.01;
/// What is fused below this is left out.
const FLOOR: f32 = 0.02;

/// Mean log-odds of each class over the last sightings.
///
/// The mean of log-odds is the log-linear pool of opinions (Genest and Zidek 1986): a class that is named a bit in every
/// sighting ends above one that is named strongly once, which the mean of scores would prefer. The newest sighting weighs
/// one part in so many, so that what was seen far off counts less the longer the track is seen near by.
#[derive(Debug, Clone, Default)]
pub(super) struct Fusion {
    /// By label.
    log_odds: Vec<(u16, f32)>,
    hits: u32,
}

impl Fusion {
    /// Takes a sighting's class scores in; `memory` sightings are remembered.
    pub(super) fn add(&mut self, scores: &[(u16, f32)], memory: u32) {
        self.hits = (self.hits + 1).min(memory.max(1));
        let weight = 1.0 / self.hits as f32;
        let unnamed = log_odds(UNNAMED);
        for &(label, _) in scores {
            if !self.log_odds.iter().any(|(known, _)| *known == label) {
                self.log_odds.push((label, unnamed));
            }
        }
        for (label, mean) in &mut self.log_odds {
            let named = scores.iter().find(|(named, _)| named == label);
            *mean += weight * (named.map_or(unnamed, |(_, score)| log_odds(*score)) - *mean);
        }
        // What is as good as never named would be carried along for ever.
        self.log_odds.retain(|(_, mean)| *mean > unnamed + 1e-3);
    }

    /// The classes as scores again, best first.
    pub(super) fn scores(&self) -> Vec<(u16, f32)> {
        let score = |mean: f32| 1.0 / (1.0 + (-mean).exp());
        let all = self.log_odds.iter().map(|(label, mean)| (*label, score(*mean)));
        let mut scores: Vec<_> = all.filter(|(_, score)| *score >= FLOOR).collect();
        scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        scores
    }
}

fn log_odds(score: f32) -> f32 {
    // A NaN, which no detection has, counts as least.
    let score = if score.is_nan() { SUREST } else { score.clamp(SUREST, 1.0 - SUREST) };
    (score / (1.0 - score)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fused(sightings: &[Vec<(u16, f32)>], memory: u32) -> Vec<(u16, f32)> {
        let mut fusion = Fusion::default();
        sightings.iter().for_each(|scores| fusion.add(scores, memory));
        fusion.scores()
    }

    #[test]
    fn sightings_that_agree_give_their_score() {
        let found = fused(&vec![vec![(3, 0.6), (1, 0.2)]; 10], 50);
        assert_eq!(found.iter().map(|(label, _)| *label).collect::<Vec<_>>(), [3, 1]);
        assert!((found[0].1 - 0.6).abs() < 1e-4 && (found[1].1 - 0.2).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn what_is_seen_a_bit_always_beats_what_is_seen_once_surely() {
        let (steady, flash) = (vec![(1, 0.3)], vec![(1, 0.3), (2, 0.99)]);
        let found = fused(&[steady.clone(), steady.clone(), flash, steady], 50);
        assert_eq!(found[0].0, 1, "{found:?}");
        assert!(found.iter().all(|(label, score)| *label != 2 || *score < 0.1), "{found:?}");
    }

    #[test]
    fn the_first_look_from_afar_fades_and_unnamed_classes_go() {
        let mut sightings = vec![vec![(2, 0.8)]; 5];
        sightings.extend(vec![vec![(1, 0.7)]; 60]);
        let found = fused(&sightings, 10);
        assert_eq!(found.iter().map(|(label, _)| *label).collect::<Vec<_>>(), [1]);
        assert!((found[0].1 - 0.7).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn no_score_makes_a_number_that_is_none() {
        let found = fused(&vec![vec![(1, f32::NAN), (2, 0.0), (3, 1.0), (4, -5.0), (5, f32::INFINITY)]; 3], 2);
        assert!(found.iter().all(|(_, score)| (0.0..=1.0).contains(score)), "{found:?}");
    }
}
