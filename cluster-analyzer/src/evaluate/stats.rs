//! Pure: shares, rates and percentiles with their intervals, all at 95 %.

/// The normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;
/// Weight of precision in [`f1`]: i-LIDS, operational alert.
pub const ALPHA: f64 = 0.65;
/// Samples that a bootstrap draws.
const RESAMPLES: usize = 1000;

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// The value; `None` where there is nothing to compute it from.
    pub value: Option<f64>,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

impl Interval {
    /// Nothing to say.
    pub const NONE: Interval = Interval { value: None, low: None, high: None };

    fn of(value: f64, low: f64, high: f64) -> Self {
        Self { value: Some(value), low: Some(low), high: Some(high) }
    }
}

/// `hits` of `n`, with Wilson's interval (1927).
pub fn wilson(hits: u64, n: u64) -> Interval {
    if n == 0 {
        return Interval::NONE;
    }
    let (count, p) = (n as f64, hits as f64 / n as f64);
    let middle = (p + Z * Z / (2.0 * count)) / (1.0 + Z * Z / count);
    let half = Z / (1.0 + Z * Z / count) * (p * (1.0 - p) / count + Z * Z / (4.0 * count * count)).sqrt();
    Interval::of(p, (middle - half).max(0.0), (middle + half).min(1.0))
}

/// `count` events in `exposure` units of time, with the exact interval of a Poisson rate (Garwood 1936).
pub fn poisson(count: u64, exposure: f64) -> Interval {
    if exposure <= 0.0 {
        return Interval::NONE;
    }
    // P(X <= k | m) falls with m.
    let mean_where = |k: u64, p: f64| {
        let (mut low, mut high) = (0.0, 10.0 + 3.0 * (k as f64 + 1.0));
        for _ in 0..100 {
            let middle = (low + high) / 2.0;
            if poisson_at_most(k, middle) > p { low = middle } else { high = middle }
        }
        (low + high) / 2.0
    };
    let low = if count == 0 { 0.0 } else { mean_where(count - 1, 0.975) };
    Interval::of(count as f64 / exposure, low / exposure, mean_where(count, 0.025) / exposure)
}

/// P(X <= k) of a Poisson variable.
fn poisson_at_most(k: u64, mean: f64) -> f64 {
    let mut log_term = -mean;
    let mut sum = log_term.exp();
    for i in 1..=k {
        log_term += mean.ln() - (i as f64).ln();
        sum += log_term.exp();
    }
    sum.min(1.0)
}

/// F1 = (a+1) R P / (R + a P), a = [`ALPHA`]; 0 where both are.
pub fn f1(recall: f64, precision: f64) -> f64 {
    let below = recall + ALPHA * precision;
    if below > 0.0 { (ALPHA + 1.0) * recall * precision / below } else { 0.0 }
}

/// The value below which a share `q` of the values lies, straight between neighbours; `None` where there is none.
pub fn percentile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(below + (above - below) * at.fract())
}

/// The value of `of` over all items, with the interval that drawing as many of the items again and again gives.
/// The draws are the same every time.
pub fn bootstrap<T>(items: &[T], of: impl Fn(&[&T]) -> Option<f64>) -> Interval {
    let all: Vec<&T> = items.iter().collect();
    let Some(value) = of(&all) else { return Interval::NONE };
    let mut chance = Chance(0x5eed);
    let mut drawn = Vec::with_capacity(RESAMPLES);
    let mut sample: Vec<&T> = Vec::with_capacity(all.len());
    for _ in 0..RESAMPLES {
        sample.clear();
        sample.extend((0..all.len()).map(|_| all[chance.below(all.len())]));
        drawn.extend(of(&sample));
    }
    Interval { value: Some(value), low: percentile(&drawn, 0.025), high: percentile(&drawn, 0.975) }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(interval: Interval) -> [f64; 3] {
        [interval.value, interval.low, interval.high].map(|v| v.unwrap())
    }

    #[track_caller]
    fn near(found: [f64; 3], wanted: [f64; 3]) {
        assert!(found.iter().zip(wanted).all(|(f, w)| (f - w).abs() < 1e-4), "{found:?}, wanted {wanted:?}");
    }

    #[test]
    fn wilsons_interval_is_that_of_the_tables() {
        // 81 of 263: Newcombe (1998), table I.
        near(ends(wilson(81, 263)), [0.3080, 0.2553, 0.3662]);
        // 15 of 148 and 0 of 20, the same table.
        near(ends(wilson(15, 148)), [0.1014, 0.0624, 0.1605]);
        near(ends(wilson(0, 20)), [0.0, 0.0, 0.1611]);
        assert_eq!(wilson(0, 0), Interval::NONE);
    }

    #[test]
    fn a_poisson_rate_has_its_exact_interval() {
        // Garwood's table: 0 events (0, 3.6889), 1 (0.0253, 5.5716), 10 (4.7954, 18.3904).
        near(ends(poisson(0, 1.0)), [0.0, 0.0, 3.6889]);
        near(ends(poisson(1, 1.0)), [1.0, 0.0253, 5.5716]);
        near(ends(poisson(10, 2.0)), [5.0, 2.3977, 9.1952]);
        let many = ends(poisson(2000, 1.0));
        assert!((1913.0..1915.0).contains(&many[1]) && (2088.0..2091.0).contains(&many[2]), "{many:?}");
    }

    #[test]
    fn f1_weighs_precision_as_i_lids_does() {
        assert!((f1(1.0, 1.0) - 1.0).abs() < 1e-12);
        // 1.65 * 0.79 * 0.61 / (0.79 + 0.65 * 0.61).
        assert!((f1(0.79, 0.61) - 0.670_14).abs() < 1e-4, "{}", f1(0.79, 0.61));
        assert_eq!(f1(0.0, 0.0), 0.0);
    }

    #[test]
    fn percentiles_lie_straight_between_neighbours() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!((percentile(&values, 0.5), percentile(&values, 1.0)), (Some(2.5), Some(4.0)));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn a_bootstrap_is_the_same_twice_and_holds_the_mean() {
        let items: Vec<f64> = (0..50).map(|i| f64::from(i % 10)).collect();
        let mean = |sample: &[&f64]| Some(sample.iter().copied().sum::<f64>() / sample.len() as f64);
        let first = bootstrap(&items, mean);
        assert_eq!(first, bootstrap(&items, mean));
        // Standard error 2.87 / sqrt(50) = 0.41, twice that to each side.
        let [value, low, high] = ends(first);
        assert!((value - 4.5).abs() < 1e-9 && (3.5..3.9).contains(&low) && (5.1..5.5).contains(&high), "{first:?}");
        assert_eq!(bootstrap(&items, |_| None), Interval::NONE);
    }
}
