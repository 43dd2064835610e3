//! Pure: what a picture's animal score is worth, as `evaluate --calibrate` has measured it for one model.
//!
//! A curve gives the log-likelihood ratio of "an animal" against "anything else that moves" for the fused score
//! of one box. Pictures of one track resemble each other, so that ten of them do not say ten times as much:
//! [`Calibration::weight`] says how much a picture counts that comes so long after the last one.

use base::wire::Light;
use serde::{Deserialize, Serialize};
use vision::{Detection, ModelCard};

use super::evidence::fused_animal;

/// The version of the file's form.
pub const CALIBRATION_VERSION: u32 = 1;

/// How surely one box is an animal and nothing else, 0..1: what a foreign species spreads over several labels is
/// put together, and what is a person or a cart as well is that much less an animal. Curves are over this score.
pub fn animal_evidence(detection: &Detection, card: &ModelCard) -> f32 {
    let other = detection.person_score(card).max(detection.vehicle_score(card));
    fused_animal(detection, card) * (1.0 - other)
}

/// A curve through points, straight between them and level beyond its ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Scores, 0..1, rising.
    pub score: Vec<f32>,
    /// The log-likelihood ratio at each, natural logarithm, never falling.
    pub llr: Vec<f32>,
}

impl Curve {
    /// The log-likelihood ratio of a score.
    pub fn at(&self, score: f32) -> f32 {
        let after = self.score.partition_point(|x| *x <= score);
        let last = self.llr.len().min(self.score.len());
        match (after, last) {
            (_, 0) => 0.0,
            (0, _) => self.llr[0],
            (after, last) if after >= last => self.llr[last - 1],
            (after, _) => {
                let (x0, x1) = (self.score[after - 1], self.score[after]);
                let (y0, y1) = (self.llr[after - 1], self.llr[after]);
                y0 + (y1 - y0) * (score - x0) / (x1 - x0).max(1e-6)
            }
        }
    }

    fn check(&self, name: &str) -> Result<(), String> {
        let sane = |values: &[f32]| values.iter().all(|v| v.is_finite());
        if self.score.len() < 2 || self.score.len() != self.llr.len() {
            return Err(format!("key `{name}` must have as many values in `score` as in `llr`, and at least two"));
        }
        if !sane(&self.score) || !self.score.is_sorted_by(|a, b| a < b) {
            return Err(format!("key `{name}.score` must rise from value to value"));
        }
        if !sane(&self.llr) || !self.llr.is_sorted() {
            return Err(format!("key `{name}.llr` must be finite and must not fall from value to value"));
        }
        Ok(())
    }
}

/// What `evaluate --calibrate` has found for one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// [`CALIBRATION_VERSION`].
    pub v: u32,
    /// The model's name; empty in the default, which is no model's.
    pub model: String,
    /// SHA-256 of its network; empty in the default.
    pub model_sha256: String,
    /// Pictures this far apart are alike by 1/e, seconds.
    pub correlation_s: f32,
    /// By daylight.
    pub day: Curve,
    /// By infrared light.
    pub infrared: Curve,
}

impl Default for Calibration {
    /// What was assumed before anything was measured: 1.5 times the logit of the score against that of 0.14,
    /// between -1.5 and 2.6; alike by 1/e within a third of a second.
    fn default() -> Self {
        let score = vec![0.056, 0.075, 0.1, 0.14, 0.2, 0.28, 0.37, 0.48];
        let logit = |p: f32| (p / (1.0 - p)).ln();
        let llr = score.iter().map(|s| (1.5 * (logit(*s) - logit(0.14))).clamp(-1.5, 2.6)).collect();
        let curve = Curve { score, llr };
        Self {
            v: CALIBRATION_VERSION,
            model: String::new(),
            model_sha256: String::new(),
            correlation_s: 0.33,
            day: curve.clone(),
            infrared: curve,
        }
    }
}

impl Calibration {
    /// The log-likelihood ratio of [`animal_evidence`] in a picture so lit.
    pub fn llr(&self, score: f32, light: Light) -> f32 {
        match light {
            Light::Day => self.day.at(score),
            Light::Infrared => self.infrared.at(score),
        }
    }

    /// How much a picture counts that comes `gap_s` after the last one of its track, 0..1: of n pictures with a
    /// correlation r between neighbours, n (1 - r) / (1 + r) are independent (Bayley and Hammersley 1946).
    pub fn weight(&self, gap_s: f32) -> f32 {
        let alike = (-gap_s.max(0.0) / self.correlation_s.max(1e-3)).exp();
        (1.0 - alike) / (1.0 + alike)
    }

    /// Whether it was measured for the network with this checksum; the default was for none and does for all.
    pub fn fits(&self, model_sha256: &str) -> bool {
        self.model_sha256.is_empty() || self.model_sha256 == model_sha256
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// The line, and one sentence that names the key and what would be right.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let read: Self = toml::from_str(text).map_err(|e| base::input::toml_fault(text, &e))?;
        read.check().map_err(|message| (1, message))?;
        Ok(read)
    }

    /// As it is written.
    pub fn to_toml(&self) -> String {
        // Strings and finite numbers only: this cannot fail.
        toml::to_string(self).unwrap_or_default()
    }

    fn check(&self) -> Result<(), String> {
        if self.v != CALIBRATION_VERSION {
            return Err(format!("key `v` is {}; this build reads {CALIBRATION_VERSION}", self.v));
        }
        if !(0.0..=60.0).contains(&self.correlation_s) {
            return Err(format!("key `correlation_s` is {}; it must be between 0 and 60", self.correlation_s));
        }
        self.day.check("day")?;
        self.infrared.check("infrared")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_straight_between_its_points_and_level_beyond_them() {
        let curve = Curve { score: vec![0.1, 0.3, 0.5], llr: vec![-2.0, 0.0, 3.0] };
        let at = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9].map(|score| curve.at(score));
        for (found, wanted) in at.into_iter().zip([-2.0, -2.0, -1.0, 0.0, 1.5, 3.0, 3.0]) {
            assert!((found - wanted).abs() < 1e-5, "{at:?}");
        }
    }

    #[test]
    fn the_default_is_what_was_assumed_before() {
        let default = Calibration::default();
        assert_eq!(default.check(), Ok(()));
        assert!(default.llr(0.14, Light::Day).abs() < 1e-5);
        assert!((default.llr(0.01, Light::Infrared) + 1.5).abs() < 1e-3 && default.llr(0.9, Light::Day) > 2.5);
        assert!(default.weight(0.2) < 0.4 && default.weight(2.0) > 0.95 && default.weight(0.0) == 0.0);
        assert!(default.fits("anything"));
    }

    #[test]
    fn what_is_written_is_read_back_and_mistakes_name_the_key() {
        let written = Calibration { model: "m".into(), model_sha256: "ab".into(), ..Calibration::default() };
        assert_eq!(Calibration::parse(&written.to_toml()), Ok(written.clone()));
        assert!(written.fits("ab") && !written.fits("cd"));
        let fault = |from: &str, to: &str| Calibration::parse(&written.to_toml().replacen(from, to, 1)).unwrap_err().1;
        assert!(fault("v = 1", "v = 2").contains("`v` is 2"));
        assert!(fault("correlation_s", "corelation_s").contains("corelation_s"));
        assert!(fault("0.056", "0.5").contains("`day.score` must rise"));
        assert!(fault("llr = [-1.5", "llr = [2.5").contains("`day.llr`"));
    }
}
