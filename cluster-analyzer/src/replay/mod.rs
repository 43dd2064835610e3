//! The live path over files, on media time: faster than real time, and the same twice.
//!
//! Two halves: SEE takes a clip through the agent's gate and the detector, JUDGE takes what was seen on all
//! cameras through the [`Pipeline`](crate::pipeline::Pipeline). Seeing costs tens of milliseconds a picture and
//! judging microseconds, so that what was seen can be kept and judged again.
//!
//! - [`seen`]: what was seen of a clip, and its form on disk; [`cache`] (adapter): the folder of those.
//! - [`clip`] (adapter): frames of a file; [`see`] (adapter): one clip through gate and detector;
//!   [`watch`] (adapter): many clips on several threads.
//! - [`judged`]: what was seen, merged on media time and judged.
//! - [`run`]: both halves at once, picture by picture.
//! - [`line`]: one event as one line of JSON.
//!
//! Invariants: the same clips give the same events, seen just now or kept, on one thread or several.

use std::path::PathBuf;
use std::sync::Arc;

use base::ids::CameraId;
use base::site::Site;

use crate::detect::Detector;
use crate::judge;
use judged::{Judged, earliest};
use see::{SeeError, SeeParams, Viewer};
use seen::Seen;

pub mod cache;
pub mod clip;
pub mod judged;
pub mod line;
pub mod see;
pub mod seen;
pub mod watch;

pub use judged::ReplayEvent;

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
#[error("camera {camera}")]
pub struct ReplayError {
    /// Whose clip.
    pub camera: CameraId,
    /// What is wrong with it.
    #[source]
    pub source: SeeError,
}

/// What a replay found.
#[derive(Debug, Default)]
pub struct Replayed {
    /// In the order of media time.
    pub events: Vec<ReplayEvent>,
    /// Pictures looked at.
    pub pictures: u64,
    /// Length of the longest clip, µs.
    pub duration_us: i64,
}

/// What a replay is made of.
#[derive(Debug, Clone)]
pub struct Params {
    /// The site.
    pub site: Arc<Site>,
    /// Which clip stands for which camera; all begin at the same moment.
    pub clips: Vec<(CameraId, PathBuf)>,
    /// How an agent looks.
    pub see: SeeParams,
    /// When a track is an alarm.
    pub judge: judge::Params,
}

/// Replays clips. `told` is called with each event as it happens.
///
/// # Errors
/// A clip that cannot be opened or read, or a network that fails.
pub fn run(
    params: &Params,
    detector: &mut dyn Detector,
    mut told: impl FnMut(&ReplayEvent),
) -> Result<Replayed, ReplayError> {
    let card = Arc::new(detector.card().clone());
    let mut judged = Judged::new(Arc::clone(&params.site), card, params.judge.clone());
    let mut lanes = Vec::new();
    for (camera, path) in &params.clips {
        let failed = |source| ReplayError { camera: camera.clone(), source };
        let viewer = Viewer::open(path, &params.see).map_err(failed)?;
        lanes.push(Lane { camera: camera.clone(), viewer, next: None });
    }
    for lane in &mut lanes {
        lane.advance(detector)?;
    }
    while let Some(i) = earliest(lanes.iter().map(|lane| lane.next.as_ref().map(|seen| seen.t))) {
        let lane = &mut lanes[i];
        if let Some(seen) = lane.advance(detector)? {
            judged.take(&lane.camera, &seen).iter().for_each(&mut told);
        }
    }
    let duration_us = lanes.iter().map(|lane| lane.viewer.duration_us()).max().unwrap_or_default();
    Ok(Replayed { events: judged.events, pictures: judged.pictures, duration_us })
}

struct Lane {
    camera: CameraId,
    viewer: Viewer,
    next: Option<Seen>,
}

impl Lane {
    /// The picture that waits; the one after it takes its place.
    fn advance(&mut self, detector: &mut dyn Detector) -> Result<Option<Seen>, ReplayError> {
        let following = self.viewer.next_seen(detector);
        let following = following.map_err(|source| ReplayError { camera: self.camera.clone(), source })?;
        Ok(std::mem::replace(&mut self.next, following))
    }
}

#[cfg(test)]
mod tests;
