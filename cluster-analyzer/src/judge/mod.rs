//! Pure: when a track is an animal out of place.
//!
//! Each picture in which a track is seen gives a log-likelihood ratio of "an animal out of place" against
//! "anything else"; the ratios of a track are added up, never below a floor, and Wald's sequential test
//! decides: at `ln((1 - miss_rate) / false_alarm_rate)` it is an escape, at half of that it is watched.
//!
//! - [`place`]: how surely a ground point is out, given how a box jitters.
//! - [`scale`]: how large things are, learnt from people; [`company`]: what stands with what.
//! - [`motion`]: whether a box has moved as a whole.
//! - [`calibration`]: what a score is worth, as measured for a model.
//! - [`evidence`]: one picture's ratio, and what a track has gathered.
//! - [`lane`]: the tracks of one camera, with the memory of what has always stood there; [`store`] (adapter) keeps
//!   that memory in SQLite.
//!
//! Invariants: a label names an alarm and never silences one outside of enclosures; what has not moved by
//! itself is never an escape; two judges that are given the same tracks say the same.

pub mod calibration;
pub mod company;
pub mod evidence;
pub mod lane;
pub mod motion;
pub mod place;
pub mod scale;
pub mod store;

pub use calibration::Calibration;
pub use lane::{Frame, Lane, Memory, Verdict};

/// When a track is an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// Share of the tracks of other things that may become an escape.
    pub false_alarm_rate: f64,
    /// Share of the approaches to a fence that may be taken for a way out.
    pub place_error_rate: f64,
    /// Share of the tracks of animals out of place that may be missed.
    pub miss_rate: f64,
    /// Least and most that one picture can say of what it is.
    pub llr_range: [f32; 2],
    /// Weight of where it stands: a box's lower edge errs in the same way in successive pictures.
    pub place_weight: f32,
    /// Most that one picture can say of where it stands.
    pub most_out: f32,
    /// Pictures closer together than this say the less the closer they are, µs.
    pub independent_us: i64,
    /// A track's sum never falls below this, so that an animal which was at home for hours and steps out is
    /// not judged by those hours.
    pub floor: f32,
    /// Jitter of a box's lower edge in box sizes, one standard deviation.
    pub jitter: f32,
    /// A box has moved when it has gone this far, in box sizes.
    pub moved_sizes: f32,
    /// The same for a track that begins where something has always stood.
    pub moved_fixture_sizes: f32,
    /// Pictures that must speak for an escape.
    pub min_sightings: u32,
    /// What is unmoved for so long belongs to the scene, µs.
    pub fixture_after_us: i64,
    /// A new track this soon after one was lost may be the same animal, µs.
    pub inherit_within_us: i64,
    /// What a picture's score is worth.
    pub calibration: Calibration,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            false_alarm_rate: 3e-3,
            place_error_rate: 1e-2,
            miss_rate: 0.05,
            llr_range: [-1.5, 2.6],
            place_weight: 1.0,
            most_out: 5.0,
            independent_us: 180_000,
            floor: -1.0,
            jitter: 0.08,
            moved_sizes: 0.3,
            moved_fixture_sizes: 1.0,
            min_sightings: 3,
            fixture_after_us: 15_000_000,
            inherit_within_us: 10_000_000,
            calibration: Calibration::default(),
        }
    }
}

impl Params {
    /// The sum at which a track is an escape (Wald 1945).
    pub fn escape_llr(&self) -> f32 {
        ((1.0 - self.miss_rate) / self.false_alarm_rate).ln() as f32
    }

    /// The sum of places at which it is surely out: an inhabitant who leans over its fence is seen again and again.
    pub fn place_llr(&self) -> f32 {
        ((1.0 - self.miss_rate) / self.place_error_rate).ln() as f32
    }

    /// The sum at which a track is watched.
    pub fn watch_llr(&self) -> f32 {
        self.escape_llr() / 2.0
    }
}

/// ln(p / (1 - p)), kept finite.
pub(crate) fn logit(p: f32) -> f32 {
    let p = p.clamp(1e-4, 1.0 - 1e-4);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests;
