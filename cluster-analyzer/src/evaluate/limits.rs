//! Pure: figures that must not get worse, from a small TOML file.

use serde::Deserialize;

use super::figures::Figures;

/// What is the least and the most. Keys that are not given are not looked at.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Least recall, 0..1.
    pub recall: Option<f64>,
    /// Least precision, 0..1.
    pub precision: Option<f64>,
    /// Least F1, 0..1.
    pub f1: Option<f64>,
    /// Most false alarms.
    pub false_alarms: Option<u64>,
    /// Most seconds to alarm from when the ground point is out, median.
    pub p50_s: Option<f64>,
    /// The same, of the slowest of twenty.
    pub p95_s: Option<f64>,
    /// Least events that must have been looked at, so that an empty set does not pass.
    pub events: Option<u64>,
}

impl Limits {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The line, and one sentence that names the key.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        toml::from_str(text).map_err(|e| base::input::toml_fault(text, &e))
    }

    /// What is worse than it may be, one sentence each.
    pub fn faults(&self, f: &Figures) -> Vec<String> {
        // Recorded figures are written with three digits.
        const ROUNDED: f64 = 0.0005;
        let mut faults = Vec::new();
        let mut least = |name: &str, limit: Option<f64>, value: Option<f64>| {
            if let Some(limit) = limit
                && value.is_none_or(|value| value < limit - ROUNDED)
            {
                let value = value.map_or("unknown".into(), |v| format!("{v:.3}"));
                faults.push(format!("{name} is {value} and must be at least {limit}"));
            }
        };
        least("events", self.events.map(|n| n as f64), Some(f.events as f64));
        least("recall", self.recall, f.recall.value);
        least("precision", self.precision, f.precision.value);
        least("F1", self.f1, f.f1.value);
        let mut most = |name: &str, limit: Option<f64>, value: Option<f64>| {
            if let Some(limit) = limit
                && value.is_none_or(|value| value > limit + ROUNDED)
            {
                let value = value.map_or("unknown".into(), |v| format!("{v:.3}"));
                faults.push(format!("{name} is {value} and may be at most {limit}"));
            }
        };
        most("the number of false alarms", self.false_alarms.map(|n| n as f64), Some(f.false_alarms as f64));
        most("seconds to alarm p50", self.p50_s, f.from_out_s.p50.value);
        most("seconds to alarm p95", self.p95_s, f.from_out_s.p95.value);
        faults
    }
}
