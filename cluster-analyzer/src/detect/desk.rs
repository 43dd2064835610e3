//! Where frames wait for a detector: the schedule's queue, shared between threads.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use base::ids::CameraId;
use base::time::{Clock, Micros};
use base::wire::FrameHeader;
use bytes::Bytes;

use crate::schedule::{Motion, Queue};

/// One frame that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Whose.
    pub camera: CameraId,
    /// What it says of itself.
    pub header: FrameHeader,
    /// The picture.
    pub jpeg: Bytes,
    /// When it came.
    pub received_at: Micros,
    /// From footage that arrived late: it goes behind every live frame, and no live frame waits for its end.
    pub late: bool,
}

#[derive(Default)]
struct State {
    queue: Queue<Job>,
    late: Option<Job>,
    closed: bool,
}

/// The desk. A std mutex and not a tokio one, because nothing is awaited while it is held and the detector's
/// threads are no tasks.
pub struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
}

impl Desk {
    /// An empty desk.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lays a frame down; returns the frame of the same camera that it replaces.
    pub fn put(&self, job: Job, motion: Motion) -> Option<Job> {
        let now = self.clock.now();
        let replaced = self.lock().queue.put(&job.camera.clone(), job, motion, now);
        self.changed.notify_one();
        replaced
    }

    /// Lays down a late picture, which is taken when no live frame waits; one lies there at a time.
    pub fn put_late(&self, job: Job) {
        self.lock().late = Some(job);
        self.changed.notify_one();
    }

    /// Whether a late picture waits.
    pub fn has_late(&self) -> bool {
        self.lock().late.is_some()
    }

    /// Waits for the most urgent frame; `None` when the desk is closed.
    pub fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some((_, job)) = state.queue.take(self.clock.now()) {
                return Some(job);
            }
            if let Some(job) = state.late.take() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The frame that was taken has been passed on.
    pub fn done(&self, camera: &CameraId) {
        self.lock().queue.done(camera);
        self.changed.notify_one();
    }

    /// See [`Queue::raise_incident`] and [`Queue::raise_boost`].
    pub fn raise(&self, camera: &CameraId, until: Micros, sees_incident: bool) {
        let now = self.clock.now();
        let queue = &mut self.lock().queue;
        if sees_incident {
            queue.raise_incident(camera, until, now);
        } else {
            queue.raise_boost(camera, until, now);
        }
    }

    /// Frames that wait.
    pub fn waiting(&self) -> usize {
        self.lock().queue.waiting()
    }

    /// Lets every waiting thread go.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use base::time::SimClock;
    use base::wire::{Light, VERSION};

    use super::*;

    fn job(camera: &str, late: bool) -> Job {
        let header = FrameHeader {
            v: VERSION,
            seq: 1,
            captured_at: Micros(0),
            width: 16,
            height: 16,
            motion: vec![],
            light: Light::Day,
            drill: false,
        };
        let camera = CameraId::new(camera).unwrap();
        Job { camera, header, jpeg: Bytes::new(), received_at: Micros(0), late }
    }

    #[test]
    fn a_late_picture_is_taken_when_no_live_frame_waits() {
        let desk = Desk::new(Arc::new(SimClock::default()));
        desk.put_late(job("gate", true));
        desk.put(job("gate", false), Motion::None);
        desk.put(job("plaza", false), Motion::None);
        let late: Vec<bool> = (0..2).map(|_| desk.take().unwrap().late).collect();
        assert_eq!((late, desk.has_late()), (vec![false, false], true));
        assert!(desk.take().unwrap().late && !desk.has_late());
    }
}
