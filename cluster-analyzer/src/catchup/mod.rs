//! Footage that arrives late is judged too: what an agent kept through an outage may show an escape that nobody
//! saw.
//!
//! - [`spans`] (pure): when live frames of a camera were looked at, and what that leaves out.
//! - [`queue`] (adapter): what still has to be judged, in SQLite.
//! - [`footage`] (adapter): the pictures of an archived segment that are worth looking at.
//! - [`worker`]: the thread that judges them, one picture at a time, behind all live work.
//!
//! Invariants: a late picture never goes before a live one, and takes at most half of the time that is left;
//! late footage has tracks of its own; a segment that has to be judged is written down before it is judged and
//! struck out after, so that a crash loses none; what it finds goes through the thread that owns the incidents.

use base::ids::{CameraId, IncidentId};
use base::time::Micros;
use bytes::Bytes;

use crate::incident::Change;
use crate::incident::evidence::Kept;

pub mod footage;
pub mod queue;
pub mod spans;
#[cfg(test)]
mod tests;
pub mod worker;

/// What counts as late.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// A segment that is stored so long after its end, µs.
    pub late_after_us: i64,
    /// And no longer ago than this, µs.
    pub max_age_us: i64,
    /// Pictures of footage a second, where something moves.
    pub fps: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { late_after_us: 30_000_000, max_age_us: 86_400_000_000, fps: 5.0 }
    }
}

/// What was found in one late picture.
#[derive(Debug)]
pub struct Found {
    /// Whose.
    pub camera: CameraId,
    /// When it was captured.
    pub t: Micros,
    /// What happened to incidents, as far as late footage knows.
    pub changes: Vec<Change>,
    /// Evidence of them.
    pub evidence: Vec<Kept>,
    /// The picture, of those that were opened.
    pub stills: Vec<(IncidentId, Bytes)>,
}

/// What people are told of an incident that was found late.
pub fn sentence(late_by_us: i64) -> String {
    let seconds = late_by_us / 1_000_000;
    let late = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) };
    format!("found {late} late, in footage that arrived after an outage; the animal may be elsewhere by now")
}
