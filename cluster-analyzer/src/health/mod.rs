//! Whether cameras see: an alarm of its own beside those of animals.
//!
//! - [`picture`] (pure): one small picture against what the camera is known to show.
//! - [`lane`] (pure): pictures, statuses and time into verdicts, one lane a camera.
//! - [`small`] (adapter): the small picture, by OpenCV.
//! - [`store`] (adapter): reference views and last verdicts in SQLite.
//! - [`watch`]: the thread that owns all of it; [`Handle`] is how others reach it.
//! - [`told`]: verdicts on their way to the broker and the page.
//!
//! Invariants: detection never waits for this (what does not fit into the channel is left out); a verdict needs
//! several pictures over a time, in both directions; the reference view of a camera changes only on request or
//! when its zones are drawn anew.

use base::ids::CameraId;
use base::time::Micros;
use base::wire::{CameraStatus, Light};
use std::sync::mpsc::SyncSender;

pub mod lane;
pub mod picture;
pub mod small;
pub mod store;
#[cfg(test)]
mod tests;
pub mod told;
pub mod watch;

/// When something counts as wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// Neither status nor frame for so long, or no pictures from the source for so long, µs.
    pub offline_after_us: i64,
    /// Dark for so long, µs.
    pub black_after_us: i64,
    /// Without detail for so long, µs.
    pub covered_after_us: i64,
    /// The same picture for so long, µs.
    pub frozen_after_us: i64,
    /// Another view for so long, µs.
    pub moved_after_us: i64,
    /// Capture may lie so long before arrival, µs. Frames expire on their way after two seconds.
    pub clock_behind_us: i64,
    /// Capture may lie so long after arrival, µs.
    pub clock_ahead_us: i64,
    /// Another time for so long, µs.
    pub clock_after_us: i64,
    /// Good again for so long, µs.
    pub recovered_after_us: i64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            // Agents say how they are every 5 s.
            offline_after_us: 15_000_000,
            black_after_us: 5_000_000,
            covered_after_us: 10_000_000,
            frozen_after_us: 30_000_000,
            moved_after_us: 20_000_000,
            clock_behind_us: 5_000_000,
            clock_ahead_us: 1_000_000,
            clock_after_us: 10_000_000,
            recovered_after_us: 2_000_000,
        }
    }
}

/// What the watch hears.
#[derive(Debug)]
pub enum Heard {
    /// A picture.
    Seen {
        /// Whose.
        camera: CameraId,
        /// Brightness, [`picture::WIDTH`] x [`picture::HEIGHT`].
        luma: Vec<u8>,
        /// How it was lit.
        light: Light,
        /// When the agent says that it was captured.
        captured_at: Micros,
        /// When it came.
        received_at: Micros,
    },
    /// What an agent says of itself.
    Status(CameraId, Box<CameraStatus>),
    /// The camera's view of now is the one that its zones were drawn in.
    Relearn(CameraId),
    /// Something about the analyzer itself: `None` is well.
    Analyzer(Option<String>),
}

/// Reaches the watch; it ends when the last handle goes.
#[derive(Debug, Clone)]
pub struct Handle {
    to: SyncSender<Heard>,
}

impl Handle {
    /// Tells the watch, unless it is far behind.
    pub fn hear(&self, heard: Heard) {
        let _ = self.to.try_send(heard);
    }

    /// A camera's reference view is learnt anew; false when the watch is too busy to take it.
    pub fn relearn(&self, camera: CameraId) -> bool {
        self.to.try_send(Heard::Relearn(camera)).is_ok()
    }
}

#[cfg(test)]
impl Handle {
    /// Nobody listens: for tests of what only holds one.
    pub(crate) fn deaf() -> Self {
        Self { to: std::sync::mpsc::sync_channel(1).0 }
    }
}
