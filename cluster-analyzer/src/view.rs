//! What the page shows of cameras: the last status and the last frame of each, and what is only watched there.
//! Bounded: at most [`MOST_CAMERAS`] cameras, one frame each; what is watched goes when it is gone.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use base::ids::{CameraId, IncidentId};
use base::incident::Incident;
use base::site::Site;
use base::time::Micros;
use base::wire::{CameraStatus, FrameHeader};
use bytes::Bytes;
use tokio::sync::watch;

/// Cameras of the site file and others together. More are refused, since whoever can publish could make up names.
pub const MOST_CAMERAS: usize = 1024;
/// A frame whose capture is this much older than the newest of its camera means that the agent's clock was set
/// back, not that the frame came late, µs.
const CLOCK_SET_BACK_US: i64 = 10_000_000;

/// Why a frame is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not newer than the newest of its camera: it came twice, or late.
    Stale,
    /// The table of cameras is full.
    TooMany,
}

impl Refused {
    /// One word for the counter.
    pub fn reason(self) -> &'static str {
        match self {
            Refused::Stale => "stale_frame",
            Refused::TooMany => "too_many_cameras",
        }
    }
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct LastFrame {
    /// What it says of itself.
    pub header: FrameHeader,
    /// The picture.
    pub jpeg: Bytes,
    /// When it came.
    pub received_at: Micros,
}

/// What is known of a camera.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CameraView {
    /// In the site file.
    pub in_site: bool,
    /// Its last status.
    pub status: Option<CameraStatus>,
    /// Its last frame.
    pub frame: Option<LastFrame>,
}

/// All cameras. A std lock: nothing is awaited while it is held.
#[derive(Debug)]
pub struct View {
    cameras: RwLock<BTreeMap<CameraId, CameraView>>,
    watched: RwLock<BTreeMap<IncidentId, Incident>>,
    /// Counts the frames taken, for whoever waits for one.
    taken: watch::Sender<u64>,
}

impl View {
    /// The cameras of the site file, not seen yet.
    pub fn new(cameras: impl IntoIterator<Item = CameraId>) -> Self {
        let known = cameras.into_iter().map(|id| (id, CameraView { in_site: true, ..CameraView::default() }));
        Self { cameras: RwLock::new(known.collect()), watched: RwLock::default(), taken: watch::Sender::new(0) }
    }

    /// The newest state of an incident of tier `watch`.
    pub fn watch(&self, incident: Incident) {
        self.watched.write().unwrap_or_else(PoisonError::into_inner).insert(incident.id.clone(), incident);
    }

    /// It is gone, or an escape now.
    pub fn unwatch(&self, id: &IncidentId) {
        self.watched.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// What is only watched now, the newest first.
    pub fn watched(&self) -> Vec<Incident> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        watched.values().rev().cloned().collect()
    }

    /// Another site file: which cameras are in it, from now on.
    pub fn set_site(&self, site: &Site) {
        let mut cameras = self.cameras.write().unwrap_or_else(PoisonError::into_inner);
        cameras.values_mut().for_each(|view| view.in_site = false);
        for camera in &site.cameras {
            cameras.entry(camera.id.clone()).or_default().in_site = true;
        }
        // What neither the file names nor anybody has been heard of is of the old file.
        cameras.retain(|_, view| view.in_site || view.status.is_some() || view.frame.is_some());
    }

    /// Changes whenever a frame was taken.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.taken.subscribe()
    }

    /// Looks at the newest frame of each camera.
    pub fn each_frame(&self, mut look: impl FnMut(&CameraId, &LastFrame)) {
        let cameras = self.cameras.read().unwrap_or_else(PoisonError::into_inner);
        for (id, view) in cameras.iter() {
            if let Some(frame) = &view.frame {
                look(id, frame);
            }
        }
    }

    /// Takes a status; false when there are too many cameras.
    pub fn status(&self, camera: &CameraId, status: CameraStatus) -> bool {
        self.change(camera, |view| view.status = Some(status)).is_some()
    }

    /// Takes a frame when it is newer than the camera's newest.
    ///
    /// # Errors
    /// It is not, or there are too many cameras.
    pub fn frame(&self, camera: &CameraId, frame: LastFrame) -> Result<(), Refused> {
        let take = |view: &mut CameraView| {
            let newest = view.frame.as_ref().map(|f| f.header.captured_at);
            let behind_us = newest.map_or(-1, |newest| newest.since(frame.header.captured_at));
            if (0..CLOCK_SET_BACK_US).contains(&behind_us) {
                return Err(Refused::Stale);
            }
            view.frame = Some(frame);
            Ok(())
        };
        self.change(camera, take).unwrap_or(Err(Refused::TooMany))?;
        self.taken.send_modify(|count| *count += 1);
        Ok(())
    }

    fn change<R>(&self, camera: &CameraId, change: impl FnOnce(&mut CameraView) -> R) -> Option<R> {
        let mut cameras = self.cameras.write().unwrap_or_else(PoisonError::into_inner);
        if !cameras.contains_key(camera) && cameras.len() >= MOST_CAMERAS {
            return None;
        }
        Some(change(cameras.entry(camera.clone()).or_default()))
    }

    /// Everything about one camera.
    pub fn camera(&self, camera: &CameraId) -> Option<CameraView> {
        self.cameras.read().unwrap_or_else(PoisonError::into_inner).get(camera).cloned()
    }

    /// Everything about all cameras.
    pub fn cameras(&self) -> Vec<(CameraId, CameraView)> {
        let cameras = self.cameras.read().unwrap_or_else(PoisonError::into_inner);
        cameras.iter().map(|(id, view)| (id.clone(), view.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use base::wire::VERSION;

    use super::*;

    fn frame(captured_at: i64) -> LastFrame {
        let header = FrameHeader {
            v: VERSION,
            seq: 1,
            captured_at: Micros(captured_at),
            width: 64,
            height: 64,
            motion: vec![],
            light: Default::default(),
            drill: false,
        };
        LastFrame { header, jpeg: Bytes::new(), received_at: Micros(captured_at) }
    }

    #[test]
    fn a_frame_that_comes_twice_or_late_is_refused_and_a_clock_that_was_set_back_is_followed() {
        let camera = CameraId::new("a").unwrap();
        let view = View::new([camera.clone()]);
        assert_eq!(view.frame(&camera, frame(100_000_000)), Ok(()));
        assert_eq!(view.frame(&camera, frame(100_000_000)), Err(Refused::Stale));
        assert_eq!(view.frame(&camera, frame(99_000_000)), Err(Refused::Stale));
        assert_eq!(view.frame(&camera, frame(10_000_000)), Ok(()));
    }

    #[test]
    fn made_up_cameras_cannot_fill_the_memory() {
        let view = View::new([]);
        for i in 0..MOST_CAMERAS {
            assert!(view.status(&CameraId::new(format!("c{i}")).unwrap(), CameraStatus::last_will()));
        }
        assert!(!view.status(&CameraId::new("one-more").unwrap(), CameraStatus::last_will()));
        assert_eq!(view.frame(&CameraId::new("one-more").unwrap(), frame(1)), Err(Refused::TooMany));
    }
}
