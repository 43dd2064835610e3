//! Pure: which footage leaves the disk. The oldest first, by age and by bytes; what is not verified in
//! object storage stays, unless the operator said otherwise.

use base::time::Micros;

/// How much may stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep {
    /// Most bytes on disk.
    pub max_bytes: u64,
    /// Oldest, µs.
    pub max_age_us: i64,
    /// Footage that is nowhere else may go too.
    pub delete_unverified: bool,
}

/// Footage of incidents counts as so much younger than it is, µs: it stays 90 days longer than other footage.
pub const INCIDENT_STAYS_US: i64 = 90 * 86_400_000_000;

/// One segment on disk, as the index lists them: oldest first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Capture time of its first frame; that of an incident's footage is [`INCIDENT_STAYS_US`] later.
    pub start: Micros,
    /// Size.
    pub bytes: u64,
    /// It is verified in object storage.
    pub verified: bool,
}

/// Whether the oldest deletable segment must go now, with `bytes_on_disk` in the archive.
pub fn must_go(keep: &Keep, oldest: &Candidate, bytes_on_disk: u64, now: Micros) -> bool {
    let allowed = oldest.verified || keep.delete_unverified;
    allowed && (bytes_on_disk > keep.max_bytes || now.since(oldest.start) > keep.max_age_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Keep = Keep { max_bytes: 1000, max_age_us: 50, delete_unverified: false };

    fn candidate(verified: bool) -> Candidate {
        Candidate { start: Micros(0), bytes: 10, verified }
    }

    #[test]
    fn footage_goes_when_it_is_too_old_or_too_much() {
        assert!(!must_go(&KEEP, &candidate(true), 1000, Micros(50)));
        assert!(must_go(&KEEP, &candidate(true), 1001, Micros(0)));
        assert!(must_go(&KEEP, &candidate(true), 0, Micros(51)));
    }

    #[test]
    fn footage_that_is_nowhere_else_goes_only_when_the_operator_said_so() {
        assert!(!must_go(&KEEP, &candidate(false), 5000, Micros(99)));
        assert!(must_go(&Keep { delete_unverified: true, ..KEEP }, &candidate(false), 5000, Micros(99)));
    }
}
