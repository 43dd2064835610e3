//! Footage as people ask for it: what was recorded and what is missing, a span as one video, a span as files.
//!
//! - [`timeline`] (pure): what was recorded, and the gaps with their reasons.
//! - [`tar`] (pure): the headers of an archive of files.
//! - [`shelf`] (adapter): segments from the archive's disk, or from object storage when they are only there.
//! - [`video`] (adapter): a span of segments as one video, in parts of any range.
//! - [`export`] (adapter): a span of segments as they are, with checksums.
//!
//! Invariants: footage is only read here; a video is never held in memory as a whole; what cannot be had is said
//! before the first byte, as far as it is known then.

pub mod export;
pub mod shelf;
pub mod tar;
pub mod timeline;
pub mod video;

pub use shelf::Shelf;

/// Why footage cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum FootageError {
    /// Nothing was recorded then.
    #[error("there is no footage of camera {camera} in this span")]
    Nothing {
        /// Whose.
        camera: base::ids::CameraId,
    },
    /// It was recorded, and its file is neither on the disk nor in object storage.
    #[error("segment {id} of camera {camera} is neither in the archive nor in object storage")]
    Gone {
        /// Whose.
        camera: base::ids::CameraId,
        /// Which.
        id: base::ids::SegmentId,
    },
    /// Object storage does not give it now.
    #[error("the footage is only in object storage, and that does not answer: {0}")]
    Store(#[from] crate::upload::s3::StoreError),
    /// The index cannot be read.
    #[error("the index of footage cannot be read")]
    Index(#[from] rusqlite::Error),
    /// A file cannot be read, or is no segment.
    #[error("a footage file cannot be read")]
    File(#[from] std::io::Error),
}
