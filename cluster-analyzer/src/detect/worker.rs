//! The detector's threads: `run` until the desk is closed, around one frame at a time.
//!
//! Threads of their own and no tasks: a network computes for tens of milliseconds. One that fails or panics is
//! opened again, with growing waits, while the rest of the service goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use base::input::chain;
use base::retry::Backoff;
use base::time::Clock;
use vision::Detection;

use super::desk::{Desk, Job};
use super::{DetectError, Detector, jpeg};
use crate::metrics::Metrics;

/// A frame that was looked at.
#[derive(Debug)]
pub struct Done {
    /// The frame.
    pub job: Job,
    /// What is in it.
    pub detections: Vec<Detection>,
}

/// Opens a detector; called again after it has failed.
pub type Open = dyn Fn() -> Result<Box<dyn Detector>, Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// What a thread needs.
#[derive(Clone)]
pub struct Worker {
    /// Where frames wait.
    pub desk: Arc<Desk>,
    /// Opens the network.
    pub open: Arc<Open>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// After so many failures in a row the network is opened again.
const FAILURES_TO_REOPEN: u32 = 3;

impl Worker {
    /// Looks at frames until the desk is closed; `pass_on` returns false when nobody takes what was seen.
    /// `detector` is the first network, opened already, so that a person's mistake is told at the start.
    pub fn run(&self, mut detector: Option<Box<dyn Detector>>, pass_on: impl Fn(Done) -> bool) {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        let mut failures = 0;
        if detector.is_some() {
            self.metrics.detector_up.set(1);
        }
        while let Some(job) = self.desk.take() {
            if detector.is_none() {
                detector = self.reopen(&mut backoff);
            }
            let Some(network) = detector.as_mut() else {
                self.metrics.frames_failed.inc();
                self.desk.done(&job.camera);
                continue;
            };
            let camera = job.camera.clone();
            match self.look(network.as_mut(), &job) {
                Ok(detections) => {
                    failures = 0;
                    backoff.reset();
                    if !pass_on(Done { job, detections }) {
                        return;
                    }
                }
                Err(error) => {
                    self.metrics.frames_failed.inc();
                    tracing::warn!(%camera, seq = job.header.seq, "frame not analysed: {}", chain(&error));
                    failures += u32::from(matches!(error, DetectError::Network { .. }));
                    if failures >= FAILURES_TO_REOPEN {
                        self.metrics.detector_up.set(0);
                        (detector, failures) = (None, 0);
                    }
                }
            }
            self.desk.done(&camera);
        }
    }

    /// Opens the network of a thread beside the first; when that fails, it is tried again with the first frame.
    pub fn open_first(&self) -> Option<Box<dyn Detector>> {
        (self.open)().inspect_err(|e| tracing::error!("a detector cannot be opened: {}", chain(e.as_ref()))).ok()
    }

    /// Decodes and looks. A panic in a foreign library is a failure of this frame and of nothing else.
    fn look(&self, detector: &mut dyn Detector, job: &Job) -> Result<Vec<Detection>, DetectError> {
        let begun = self.clock.now();
        let picture = jpeg::decode(&job.jpeg, (job.header.width, job.header.height))?;
        let detections = catch_unwind(AssertUnwindSafe(|| detector.detect(&picture)))
            .unwrap_or_else(|_| Err(DetectError::Network { source: "it panicked".into() }))?;
        let now = self.clock.now();
        self.metrics.frames_analysed.inc();
        self.metrics.detection_seconds.observe(now.seconds_since(begun));
        self.metrics.detection_lag_ms.set(now.since(job.header.captured_at) / 1000);
        self.metrics.capture_to_detection_seconds.observe(now.seconds_since(job.header.captured_at));
        Ok(detections)
    }

    /// Frames go on being replaced by newer ones while this waits.
    fn reopen(&self, backoff: &mut Backoff) -> Option<Box<dyn Detector>> {
        std::thread::sleep(backoff.wait());
        match (self.open)() {
            Ok(detector) => {
                tracing::info!("the detector works again");
                self.metrics.detector_up.set(1);
                Some(detector)
            }
            Err(error) => {
                tracing::error!("detection is down, recording goes on: {}", chain(error.as_ref()));
                None
            }
        }
    }
}
