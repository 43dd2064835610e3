//! Footage of all cameras on disk: chunks come in, whole segments are stored, and only then acknowledged.
//!
//! Modules in reading order: [`assembly`] (pure: chunks become segments), [`retention`] (pure: what leaves
//! the disk), [`files`] and [`index`] (the disk and `state.db`), [`worker`] (the thread that joins them).
//!
//! Invariants:
//! - A segment is named in an acknowledgement only after its file, its folder and its row are fsynced, in that
//!   order.
//! - Footage that is not verified in object storage is never deleted, unless the operator said so.
//! - A disk that fails stops acknowledgements, not the analyzer: agents keep their copies and send again.

pub mod assembly;
pub mod files;
pub mod index;
pub mod retention;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use base::ids::{CameraId, SegmentId};
use base::time::Clock;
use base::wire::{SegmentAck, SegmentHeader};
use bytes::Bytes;
use tokio::sync::mpsc;

pub use assembly::Limits;
pub use retention::Keep;

use crate::metrics::Metrics;

/// What the archive needs to know.
#[derive(Debug, Clone)]
pub struct Params {
    /// `state.db`.
    pub state_db: PathBuf,
    /// The folder of footage.
    pub folder: PathBuf,
    /// How much stays.
    pub keep: Keep,
    /// How much may be in assembly.
    pub limits: Limits,
}

impl Params {
    /// Everything under `data_dir`, at most `max_bytes` and `max_age_days` of it.
    pub fn new(data_dir: &std::path::Path, max_bytes: u64, max_age_days: u32) -> Self {
        let max_age_us = i64::from(max_age_days) * 86_400_000_000;
        Self {
            state_db: data_dir.join("state.db"),
            folder: data_dir.join("archive"),
            keep: Keep { max_bytes, max_age_us, delete_unverified: false },
            limits: Limits::default(),
        }
    }
}

/// Why the archive cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The folder cannot be used.
    #[error("the archive's folder {} cannot be used", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The index cannot be used.
    #[error("the database {} cannot be used", file.display())]
    Index {
        /// The file.
        file: PathBuf,
        /// What SQLite says.
        #[source]
        source: index::Error,
    },
}

/// A chunk as it came; its header is checked.
#[derive(Debug, Clone)]
pub struct SegmentChunk {
    /// Which camera.
    pub camera: CameraId,
    /// Which segment.
    pub id: SegmentId,
    /// What it says of itself.
    pub header: SegmentHeader,
    /// Its bytes.
    pub payload: Bytes,
}

/// What to tell a camera's agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AckOut {
    /// Whose.
    pub camera: CameraId,
    /// What is stored durably, and what is refused for good.
    pub ack: SegmentAck,
}

/// Hands chunks to the archive; the archive ends, with everything whole stored, when the last one goes.
#[derive(Debug, Clone)]
pub struct ArchiveHandle {
    chunks: mpsc::Sender<SegmentChunk>,
}

impl ArchiveHandle {
    /// Hands a chunk over, and waits while the disk is behind. False when the archive has ended.
    pub async fn offer(&self, chunk: SegmentChunk) -> bool {
        self.chunks.send(chunk).await.is_ok()
    }
}

/// Chunks that wait for the disk: at 120 KiB each, 16 MiB.
const CHUNKS_WAITING: usize = 128;

/// Acknowledgements that wait for the broker; more are dropped, and given when the agent sends again.
const ACKS_WAITING: usize = 1024;

/// Starts the archive on a thread of its own, after checking files and rows against each other. Must be
/// called within a tokio runtime; blocks for as long as the check takes.
///
/// # Errors
/// The folder or the database cannot be used.
pub fn spawn(
    params: Params,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
) -> Result<(ArchiveHandle, mpsc::Receiver<AckOut>, JoinHandle<()>), ArchiveError> {
    let (chunks, from_handle) = mpsc::channel(CHUNKS_WAITING);
    let (acks, to_caller) = mpsc::channel(ACKS_WAITING);
    let folder = params.folder.clone();
    let worker = worker::Worker::open(params, clock, metrics, acks)?;
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new()
        .name("archive".into())
        .spawn(move || worker.run(from_handle, &runtime))
        .map_err(|source| ArchiveError::Folder { folder, source })?;
    Ok((ArchiveHandle { chunks }, to_caller, thread))
}

#[cfg(test)]
pub(crate) mod tests;
