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
    /// Is shown each decoded frame, so that nobody decodes it again.
    pub shown: Arc<Shown>,
}

/// Is shown a frame that was decoded.
pub type Shown = dyn Fn(&Job, &media::Picture) + Send + Sync;

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
            self.metrics.frames_waiting.set(self.desk.waiting() as i64);
            if detector.is_none() {
                detector = self.reopen(&mut backoff);
            }
            let (camera, late) = (job.camera.clone(), job.late);
            let Some(network) = detector.as_mut() else {
                self.metrics.frames_failed.inc();
                self.done(&camera, late);
                continue;
            };
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
            self.done(&camera, late);
        }
    }

    /// A late picture keeps no live frame of its camera waiting.
    fn done(&self, camera: &base::ids::CameraId, late: bool) {
        if !late {
            self.desk.done(camera);
        }
    }

    /// Opens the network of a thread beside the first; when that fails, it is tried again with the first frame.
    pub fn open_first(&self) -> Option<Box<dyn Detector>> {
        (self.open)().inspect_err(|e| tracing::error!("a detector cannot be opened: {}", chain(e.as_ref()))).ok()
    }

    /// Decodes and looks. A panic in a foreign library is a failure of this frame and of nothing else.
    fn look(&self, detector: &mut dyn Detector, job: &Job) -> Result<Vec<Detection>, DetectError> {
        let begun = self.clock.now();
        let mut picture = jpeg::decode(&job.jpeg, (job.header.width, job.header.height))?;
        picture.pts_us = job.header.captured_at.0;
        if !job.late {
            (self.shown)(job, &picture);
        }
        let detections = catch_unwind(AssertUnwindSafe(|| detector.detect(&picture, &job.header.motion)))
            .unwrap_or_else(|_| Err(DetectError::Network { source: "it panicked".into() }))?;
        let now = self.clock.now();
        self.metrics.frames_analysed.inc();
        self.metrics.detection_seconds.observe(now.seconds_since(begun));
        if !job.late {
            self.metrics.detection_lag_ms.set(now.since(job.header.captured_at) / 1000);
            self.metrics.capture_to_detection_seconds.observe(now.seconds_since(job.header.captured_at));
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use base::geometry::Rect;
    use base::ids::CameraId;
    use base::time::{Micros, SimClock};
    use base::wire::{FrameHeader, VERSION};
    use media::Picture;
    use vision::ModelCard;

    use super::*;
    use crate::schedule::Motion;
    use crate::testkit;

    /// Panics on its first picture, fails on the next two, and is well after it was opened again.
    struct Fragile(Arc<ModelCard>, Arc<AtomicU32>);

    impl Detector for Fragile {
        fn card(&self) -> &ModelCard {
            &self.0
        }

        fn detect(&mut self, _: &Picture, _: &[Rect]) -> Result<Vec<Detection>, DetectError> {
            match self.1.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("a bug in a foreign library"),
                1 | 2 => Err(DetectError::Network { source: "out of order".into() }),
                _ => Ok(vec![]),
            }
        }
    }

    fn job(seq: u64, jpeg: &[u8]) -> Job {
        let header = FrameHeader {
            v: VERSION,
            seq,
            captured_at: Micros(seq as i64),
            width: 16,
            height: 16,
            motion: vec![],
            light: Default::default(),
            drill: false,
        };
        let camera = CameraId::new("gate").unwrap();
        Job { camera, header, jpeg: jpeg.to_vec().into(), received_at: Micros(0), late: false }
    }

    #[test]
    fn a_network_that_panics_and_fails_is_opened_again_and_frames_go_on() {
        let picture = Picture { width: 16, height: 16, bgr: vec![99; 768], pts_us: 0, key: true };
        let good = jpeg::encode(&picture, 90).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SimClock::default());
        let desk = Arc::new(Desk::new(Arc::clone(&clock)));
        let (calls, opened) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (calls_in, opened_in) = (Arc::clone(&calls), Arc::clone(&opened));
        let open: Arc<Open> = Arc::new(move || {
            opened_in.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(Fragile(testkit::card(), Arc::clone(&calls_in))) as Box<dyn Detector>)
        });
        let metrics = Metrics::new();
        let worker =
            Worker { desk: Arc::clone(&desk), open, metrics: Arc::clone(&metrics), clock, shown: Arc::new(|_, _| {}) };
        let (seen, seen_in) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let first = worker.open_first();
            worker.run(first, move |done| seen.send(done.job.header.seq).is_ok());
        });
        // A frame that is none, then good ones; each waits until the one before was taken.
        for seq in 0..6 {
            desk.put(job(seq, if seq == 0 { b"none" } else { &good }), Motion::None);
            let deadline = std::time::Instant::now() + Duration::from_secs(20);
            while desk.waiting() > 0 {
                assert!(std::time::Instant::now() < deadline, "the frame was not taken");
                std::thread::yield_now();
            }
        }
        assert_eq!(seen_in.recv_timeout(Duration::from_secs(20)), Ok(4));
        assert_eq!(seen_in.recv_timeout(Duration::from_secs(20)), Ok(5));
        desk.close();
        thread.join().unwrap();
        assert_eq!((opened.load(Ordering::SeqCst), metrics.frames_failed.get(), metrics.detector_up.get()), (2, 4, 1));
    }
}
