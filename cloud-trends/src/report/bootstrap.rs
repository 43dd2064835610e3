//! Pure: how sure a rate is. Days are drawn, never seconds: what an animal does at one second says much about
//! the next one and little about tomorrow (Efron 1979; Künsch 1989 for the block).

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// How often the days are drawn.
pub const DRAWS: usize = 1000;

/// The same numbers for the same table, today and tomorrow.
const SEED: u64 = 0x0070_6164_646f_636b;

/// One day: what was seen, and out of how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// Numerator, such as seconds seen.
    pub seen: f64,
    /// Denominator, such as seconds covered; above zero.
    pub covered: f64,
}

/// The ratio of the sums over all days; `None` where nothing was covered.
pub fn ratio(days: &[Day]) -> Option<f64> {
    let covered: f64 = days.iter().map(|d| d.covered).sum();
    (covered > 0.0).then(|| days.iter().map(|d| d.seen).sum::<f64>() / covered)
}

/// The 95 % interval of [`ratio`] by the percentile bootstrap over days; `None` with fewer than two days.
pub fn interval(days: &[Day]) -> Option<(f64, f64)> {
    if days.len() < 2 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut drawn: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let (mut seen, mut covered) = (0.0, 0.0);
            for _ in 0..days.len() {
                let day = days[rng.random_range(0..days.len())];
                seen += day.seen;
                covered += day.covered;
            }
            (covered > 0.0).then(|| seen / covered)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| drawn.get(((drawn.len() - 1) as f64 * share).round() as usize).copied();
    if drawn.is_empty() { None } else { Some((at(0.025)?, at(0.975)?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(seen: &[f64]) -> Vec<Day> {
        seen.iter().map(|s| Day { seen: *s, covered: 10.0 }).collect()
    }

    #[test]
    fn one_day_says_nothing_about_another() {
        assert_eq!(interval(&days(&[5.0])), None);
        assert_eq!((ratio(&days(&[5.0])), ratio(&[])), (Some(0.5), None));
    }

    #[test]
    fn days_that_are_all_alike_leave_no_doubt() {
        let (low, high) = interval(&days(&[5.0, 5.0, 5.0])).unwrap();
        assert!((low - 0.5).abs() < 1e-12 && (high - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_interval_holds_the_rate_and_repeats() {
        let sample = days(&[0.0, 2.0, 4.0, 6.0, 8.0, 1.0, 3.0]);
        let (low, high) = interval(&sample).unwrap();
        let rate = ratio(&sample).unwrap();
        assert!(low < rate && rate < high && low > 0.0 && high < 0.8, "{low} {rate} {high}");
        assert_eq!(interval(&sample), Some((low, high)));
    }

    /// Of normal days the bootstrap's width must come near the textbook's, 2 x 1.96 x s / sqrt(n).
    #[test]
    fn its_width_is_that_of_the_mean() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let noise = |rng: &mut ChaCha8Rng| (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let sample: Vec<Day> = (0..200).map(|_| Day { seen: 50.0 + 5.0 * noise(&mut rng), covered: 1.0 }).collect();
        let (low, high) = interval(&sample).unwrap();
        let expected = 2.0 * 1.96 * 5.0 / 200f64.sqrt();
        assert!(((high - low) / expected - 1.0).abs() < 0.2, "{} against {expected}", high - low);
    }
}
