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
}

/// The desk. A std mutex and not a tokio one, because nothing is awaited while it is held and the detector's
/// threads are no tasks.
pub struct Desk {
    queue: Mutex<(Queue<Job>, bool)>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
}

impl Desk {
    /// An empty desk.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { queue: Mutex::default(), changed: Condvar::new(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, (Queue<Job>, bool)> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lays a frame down; returns the frame of the same camera that it replaces.
    pub fn put(&self, job: Job, motion: Motion) -> Option<Job> {
        let now = self.clock.now();
        let replaced = self.lock().0.put(&job.camera.clone(), job, motion, now);
        self.changed.notify_one();
        replaced
    }

    /// Waits for the most urgent frame; `None` when the desk is closed.
    pub fn take(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if queue.1 {
                return None;
            }
            if let Some((_, job)) = queue.0.take(self.clock.now()) {
                return Some(job);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The frame that was taken has been passed on.
    pub fn done(&self, camera: &CameraId) {
        self.lock().0.done(camera);
        self.changed.notify_one();
    }

    /// See [`Queue::raise_incident`] and [`Queue::raise_boost`].
    pub fn raise(&self, camera: &CameraId, until: Micros, sees_incident: bool) {
        let now = self.clock.now();
        let mut queue = self.lock();
        if sees_incident {
            queue.0.raise_incident(camera, until, now);
        } else {
            queue.0.raise_boost(camera, until, now);
        }
    }

    /// Frames that wait.
    pub fn waiting(&self) -> usize {
        self.lock().0.waiting()
    }

    /// Lets every waiting thread go.
    pub fn close(&self) {
        self.lock().1 = true;
        self.changed.notify_all();
    }
}
