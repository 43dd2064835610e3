//! Adapter: a model folder run by `vision`.

use std::path::Path;

use base::geometry::Rect;
use media::Picture;
use vision::{Detection, ImageRef, LookParams, Model, ModelCard, ModelError, ModelOptions};

use super::{DetectError, Detector};
use crate::config::DetectConfig;

/// A still picture comes about this often, µs.
const TURN_US: u64 = 2_000_000;

/// A network of a model folder.
#[derive(Debug)]
pub struct OnnxDetector {
    model: Model,
    looks: LookParams,
}

impl OnnxDetector {
    /// Opens a model folder.
    ///
    /// # Errors
    /// One sentence that names the file, line or key.
    pub fn open(dir: &Path, config: &DetectConfig) -> Result<Self, ModelError> {
        let options = ModelOptions { threads: config.threads, min_score: config.min_score, ..ModelOptions::default() };
        let looks = LookParams { windows: config.windows, ..LookParams::default() };
        Ok(Self { model: Model::open(dir, &options)?, looks })
    }
}

impl Detector for OnnxDetector {
    fn card(&self) -> &ModelCard {
        self.model.card()
    }

    fn detect(&mut self, picture: &Picture, motion: &[Rect]) -> Result<Vec<Detection>, DetectError> {
        // By the picture's own time, so that the same footage is looked at in the same way again.
        let turn = picture.pts_us.max(0) as u64 / TURN_US;
        let image = ImageRef { width: picture.width, height: picture.height, bgr: &picture.bgr };
        self.model
            .detect_closely(image, &self.looks, motion, turn)
            .map_err(|e| DetectError::Network { source: Box::new(e) })
    }
}
