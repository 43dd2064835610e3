//! Pure: which pictures are analysed.

use base::time::Micros;

/// Takes the first picture of each interval of a grid that begins at the Unix epoch. The grid does not depend
/// on where a segment begins, so the same footage gives the same pictures however it was cut.
#[derive(Debug, Clone)]
pub struct Sampler {
    interval_us: i64,
    last: Option<i64>,
}

impl Sampler {
    /// One picture in `interval_us`.
    pub fn new(interval_us: i64) -> Self {
        Self { interval_us: interval_us.max(1), last: None }
    }

    /// Whether the picture captured at `t` is to be analysed. Pictures come in order of time.
    pub fn wants(&mut self, t: Micros) -> bool {
        let slot = t.0.div_euclid(self.interval_us);
        let wanted = self.last.is_none_or(|last| slot > last);
        if wanted {
            self.last = Some(slot);
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(from_us: i64, pictures: i64) -> Vec<i64> {
        let mut sampler = Sampler::new(500_000);
        (0..pictures).map(|i| from_us + i * 100_000).filter(|t| sampler.wants(Micros(*t))).collect()
    }

    #[test]
    fn ten_pictures_a_second_become_two() {
        assert_eq!(taken(0, 20), [0, 500_000, 1_000_000, 1_500_000]);
    }

    #[test]
    fn where_the_footage_begins_does_not_move_the_grid() {
        assert_eq!(taken(300_000, 17)[1..], taken(0, 20)[1..]);
    }

    #[test]
    fn footage_slower_than_the_rate_is_taken_whole() {
        let mut sampler = Sampler::new(500_000);
        assert!((0..5).all(|i| sampler.wants(Micros(i * 2_000_000))));
    }
}
