//! Pure: from a batch's footage to rows; what is asked, what is answered, and who can answer it.
//!
//! Reading order: [`sample`] (which pictures), [`follow`] (pictures to rows), [`footage`] (the real analyser),
//! [`function`] (the SQL function `analyse_footage`), [`engine`] (the DataFusion plan that calls it).

pub mod engine;
pub mod follow;
pub mod footage;
pub mod function;
pub mod sample;

use std::sync::atomic::{AtomicI64, Ordering};

use base::ids::{CameraId, SegmentId};
use base::observation::Observation;
use tables::Outcome;

use crate::plan::Footage;

/// How the analysis of one segment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentOutcome {
    /// Which segment.
    pub segment: SegmentId,
    /// How.
    pub outcome: Outcome,
    /// Frames decoded.
    pub frames_decoded: u64,
    /// Time spent on it by the analysing thread, µs.
    pub cpu_us: i64,
}

/// What a batch's footage shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    /// By second, then track.
    pub observations: Vec<Observation>,
    /// One a segment, in the order asked.
    pub outcomes: Vec<SegmentOutcome>,
}

/// Why a batch could not be analysed now, and may be later: the store or the machine failed, not the footage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Outage(pub String);

/// Whoever can analyse footage. Called from several threads at a time, and may block.
pub trait Analyser: Send + Sync + 'static {
    /// Analyses segments of one camera, by start. A segment at fault (missing, damaged) has its
    /// [`Outcome::Failed`] and does not end the batch.
    ///
    /// # Errors
    /// An outage: nothing of the batch is to be committed.
    fn analyse(&self, camera: &CameraId, footage: &[Footage]) -> Result<Findings, Outage>;
}

/// How far all workers of this process are.
#[derive(Debug, Default)]
pub struct Progress {
    segments: AtomicI64,
    footage_us: AtomicI64,
}

impl Progress {
    /// One more segment is done.
    pub fn add(&self, footage_us: i64) {
        self.segments.fetch_add(1, Ordering::Relaxed);
        self.footage_us.fetch_add(footage_us, Ordering::Relaxed);
    }

    /// Length of the footage that is done, µs.
    pub fn footage_us(&self) -> i64 {
        self.footage_us.load(Ordering::Relaxed)
    }

    /// Segments that are done.
    pub fn segments(&self) -> i64 {
        self.segments.load(Ordering::Relaxed)
    }
}
