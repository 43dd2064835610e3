//! Pure: what changes the answer of an analysis. Another value of any of it is another analysis, whose
//! rows stand beside those of the old one.

use base::segment::sha256_hex;

/// Raised whenever the same footage, model and settings give other rows than before.
const ANALYSIS_VERSION: u32 = 1;

/// Length of the time windows (from the Unix epoch, UTC) at whose borders tracks end, µs. It is no
/// option: rows depend on it, and nobody needs to choose it.
pub const WINDOW_US: i64 = 600_000_000;

/// What an analysis is done with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The model's name.
    pub model: String,
    /// SHA-256 of the network, 64 hexadecimal digits.
    pub model_sha256: String,
    /// Pictures analysed per second of footage.
    pub fps: f64,
}

impl Settings {
    /// Twelve hexadecimal digits that stand for all of it: the column `settings` of `analyses`.
    pub fn hash(&self) -> String {
        let Self { model, model_sha256, fps } = self;
        let text = format!("{ANALYSIS_VERSION}\n{model}\n{model_sha256}\n{fps:.6}\n{WINDOW_US}\n");
        sha256_hex(text.as_bytes()).chars().take(12).collect()
    }

    /// The column `model` of `observations` and so what a report asks for: `{model}@{hash}`. Two analyses by one
    /// model at different rates must not be added up, and this tells them apart.
    pub fn tag(&self) -> String {
        tag(&self.model, &self.hash())
    }

    /// Shortest time between two analysed pictures, µs.
    pub fn interval_us(&self) -> i64 {
        ((1e6 / self.fps) as i64).max(1)
    }
}

/// See [`Settings::tag`].
pub fn tag(model: &str, settings_hash: &str) -> String {
    format!("{model}@{settings_hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_rate_or_network_is_another_analysis() {
        let one = Settings { model: "m".into(), model_sha256: "a".repeat(64), fps: 2.0 };
        let faster = Settings { fps: 5.0, ..one.clone() };
        let other = Settings { model_sha256: "b".repeat(64), ..one.clone() };
        assert_ne!(one.hash(), faster.hash());
        assert_ne!(one.hash(), other.hash());
        assert_eq!(one.hash(), one.clone().hash());
        assert_eq!(one.tag(), format!("m@{}", one.hash()));
        assert_eq!((one.hash().len(), one.interval_us()), (12, 500_000));
    }
}
