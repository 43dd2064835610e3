//! The live path over files, on media time: faster than real time, and the same twice.
//!
//! - [`run`]: clips of several cameras, merged on media time, through the detector and the [`Pipeline`].
//! - [`line`]: one event as one line of JSON.
//! - [`clip`] (adapter): pictures of a file at a rate.

use std::path::PathBuf;
use std::sync::Arc;

use base::ids::CameraId;
use base::incident::{AlertType, Incident};
use base::site::Site;
use base::time::Micros;
use base::wire::Light;
use media::{MediaError, Picture};

use crate::detect::{DetectError, Detector};
use crate::incident::IdSource;
use crate::judge;
use crate::pipeline::{Detected, Pipeline};

pub mod clip;
pub mod line;

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A clip cannot be read.
    #[error("camera {camera}")]
    Clip {
        /// Whose.
        camera: CameraId,
        /// What is wrong with it.
        #[source]
        source: MediaError,
    },
    /// The network failed.
    #[error("camera {camera} at {t_s:.1} s")]
    Detect {
        /// Whose picture.
        camera: CameraId,
        /// Which.
        t_s: f64,
        /// What it says.
        #[source]
        source: DetectError,
    },
}

/// One event, with its time from the clips' start.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayEvent {
    /// What happened.
    pub kind: AlertType,
    /// Media time of the picture that decided it.
    pub t: Micros,
    /// The incident after it.
    pub incident: Incident,
}

/// What a replay found.
#[derive(Debug, Default)]
pub struct Replayed {
    /// In the order of media time.
    pub events: Vec<ReplayEvent>,
    /// Pictures looked at.
    pub frames: u64,
    /// Media time of the last picture, µs, of the longest clip.
    pub duration_us: i64,
}

/// What a replay is made of.
#[derive(Debug, Clone)]
pub struct Params {
    /// The site.
    pub site: Arc<Site>,
    /// Which clip stands for which camera; all begin at the same moment.
    pub clips: Vec<(CameraId, PathBuf)>,
    /// Pictures a second.
    pub fps: f64,
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
    let mut pipeline = Pipeline::new(Arc::clone(&params.site), card, params.judge.clone(), IdSource::Counted(0));
    let mut lanes = Vec::new();
    for (camera, path) in &params.clips {
        let failed = |source| ReplayError::Clip { camera: camera.clone(), source };
        let mut clip = clip::Clip::open(path, params.fps).map_err(failed)?;
        let next = clip.next_picture().map_err(failed)?;
        lanes.push(Lane { camera: camera.clone(), clip, next });
    }
    let mut replayed = Replayed::default();
    while let Some((camera, picture)) = next_picture(&mut lanes)? {
        let t = Micros(picture.pts_us);
        let detections = detector.detect(&picture, &[]).map_err(|source| ReplayError::Detect {
            camera: camera.clone(),
            t_s: t.seconds_since(Micros(0)),
            source,
        })?;
        let output = pipeline.take(&Detected {
            camera: &camera,
            t,
            light: Light::Day,
            motion: &[],
            drill: false,
            detections: &detections,
        });
        for change in output.changes {
            if let Some(kind) = change.alert {
                let event = ReplayEvent { kind, t, incident: change.after };
                told(&event);
                replayed.events.push(event);
            }
        }
        replayed.frames += 1;
        replayed.duration_us = replayed.duration_us.max(t.0);
    }
    Ok(replayed)
}

struct Lane {
    camera: CameraId,
    clip: clip::Clip,
    next: Option<Picture>,
}

/// The earliest picture of all clips; of equally early ones that of the camera named first.
fn next_picture(lanes: &mut [Lane]) -> Result<Option<(CameraId, Picture)>, ReplayError> {
    let earliest = lanes.iter_mut().filter(|lane| lane.next.is_some());
    let Some(lane) = earliest.min_by_key(|lane| lane.next.as_ref().map(|p| p.pts_us)) else { return Ok(None) };
    let following =
        lane.clip.next_picture().map_err(|source| ReplayError::Clip { camera: lane.camera.clone(), source })?;
    let picture = std::mem::replace(&mut lane.next, following);
    Ok(picture.map(|picture| (lane.camera.clone(), picture)))
}

#[cfg(test)]
mod tests;
