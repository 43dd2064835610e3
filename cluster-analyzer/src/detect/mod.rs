//! From pictures to detections.
//!
//! - [`Detector`]: what a detector is; [`onnx`] (adapter) is the one that runs a model folder.
//! - [`jpeg`] (adapter): JPEGs into pictures.
//! - [`desk`]: where frames wait for a detector, and [`worker`]: the threads that take them from there.
//!
//! Invariants: a frame on which decoding or the network fails is counted and never stops the thread; frames of
//! a camera come out in the order in which they went in.

use base::geometry::Rect;
use media::Picture;
use vision::{Detection, ModelCard};

pub mod desk;
pub mod jpeg;
pub mod onnx;
pub mod worker;

/// Why a picture has no detections.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The bytes are no picture.
    #[error("the frame is no readable JPEG")]
    Jpeg {
        /// What the decoder says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The picture is not as large as its header says.
    #[error("the frame is {found:?} pixels, but its header says {wanted:?}")]
    Size {
        /// Of the header.
        wanted: (u32, u32),
        /// Of the picture.
        found: (u32, u32),
    },
    /// The network failed.
    #[error("the detector failed")]
    Network {
        /// What it says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Something that sees what is in a picture.
pub trait Detector {
    /// Its labels, and what they stand for.
    fn card(&self) -> &ModelCard;

    /// What is in the picture, best first. `motion`: where something moves in it, normalised, largest first.
    ///
    /// # Errors
    /// The network fails.
    fn detect(&mut self, picture: &Picture, motion: &[Rect]) -> Result<Vec<Detection>, DetectError>;
}
