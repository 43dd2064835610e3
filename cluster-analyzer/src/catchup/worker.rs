//! The thread that judges late footage.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use base::ids::CameraId;
use base::incident::AlertType;
use base::input::chain;
use base::segment::SegmentMeta;
use base::stop::Stop;
use base::time::{Clock, Micros};

use super::footage::Chooser;
use super::queue::Queue;
use super::spans::Spans;
use super::{Found, Params};
use crate::archive::files;
use crate::detect::desk::{Desk, Job};
use crate::detect::worker::Done;
use crate::metrics::Metrics;
use crate::pipeline::{Detected, Fresh, Pipeline};

/// What comes from the detectors.
#[derive(Debug)]
pub enum Seen {
    /// A live frame was looked at.
    Live(CameraId, Micros),
    /// A late one.
    Late(Box<Done>),
}

/// New segments are looked for, and spans written down, this often.
const EVERY: Duration = Duration::from_secs(1);
/// A picture of which nothing is heard for so long is given to the detector once more.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// And so often.
const TRIES: u32 = 3;
/// Footage that begins so long after the last of its camera is another stretch, µs.
const STRETCH_US: i64 = 10_000_000;

/// More of a stretch may come for so long.
const STRETCH_OPEN: Duration = Duration::from_secs(30);
/// After the end of its footage an animal counts as lost, µs.
const LOST_US: i64 = 60_000_000;

/// What the thread is made of.
pub struct Worker {
    /// What counts as late.
    pub params: Params,
    /// Where footage lies.
    pub archive: PathBuf,
    /// What still has to be judged.
    pub queue: Queue,
    /// Where pictures wait for a detector.
    pub desk: Arc<Desk>,
    /// What detectors have seen.
    pub seen: Receiver<Seen>,
    /// Makes tracks and evidence of their own.
    pub fresh: Arc<Fresh>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ends it.
    pub stop: Stop,
}

/// One camera's late footage: tracks, evidence and gate of their own.
struct Stretch {
    pipeline: Pipeline,
    chooser: Chooser,
    until: Micros,
    touched: Instant,
}

/// What is kept between segments.
#[derive(Default)]
struct State {
    spans: BTreeMap<CameraId, Spans>,
    changed: BTreeMap<CameraId, (Micros, Micros)>,
    stretches: BTreeMap<CameraId, Stretch>,
    waiting: Option<Instant>,
}

impl Worker {
    /// Works until it is stopped or nobody takes what is `found`.
    pub fn run(mut self, found: impl Fn(Found) -> bool) {
        let mut state = State::default();
        match self.queue.looked() {
            Ok(spans) => state.spans = spans,
            Err(error) => tracing::error!("state.db cannot be read: {}", chain(&error)),
        }
        while !self.stop.is_asked() {
            let next = self.housekeeping(&mut state).unwrap_or_else(|error| {
                tracing::error!("late footage waits, for state.db cannot be used: {}", chain(&error));
                None
            });
            let Some(segment) = next else {
                self.close(&mut state, &found);
                match self.seen.recv_timeout(EVERY) {
                    Ok(seen) => drop(self.note(&mut state, seen)),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                continue;
            };
            if !self.judge(&mut state, &segment, &found) {
                break;
            }
        }
        let _ = self.queue.note(&state.changed, Micros(0));
    }

    /// Takes in what was heard and stored; the next segment to judge.
    fn housekeeping(&mut self, state: &mut State) -> rusqlite::Result<Option<SegmentMeta>> {
        while let Ok(seen) = self.seen.try_recv() {
            self.note(state, seen);
        }
        if state.waiting.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(None);
        }
        let forget_before = self.clock.now().plus_us(-self.params.max_age_us);
        self.queue.note(&state.changed, forget_before)?;
        state.changed.clear();
        state.spans.values_mut().for_each(|spans| spans.forget(forget_before));
        let (params, spans) = (&self.params, &state.spans);
        let came = self.queue.take_in(|meta, stored_at| {
            let end = meta.start.plus_us(meta.duration_us);
            stored_at.since(end) > params.late_after_us
                && stored_at.since(end) < params.max_age_us
                && spans.get(&meta.camera).is_none_or(|spans| spans.leave_out(meta.start, end))
        })?;
        if came > 0 {
            tracing::info!(segments = came, "footage came late and is judged behind live work");
        }
        self.metrics.catch_up_waiting.set(self.queue.waiting()? as i64);
        let next = self.queue.next()?;
        state.waiting = next.is_none().then(Instant::now);
        Ok(next)
    }

    fn note(&self, state: &mut State, seen: Seen) -> Option<Done> {
        match seen {
            Seen::Live(camera, t) => {
                let span = state.spans.entry(camera.clone()).or_default().note(t);
                state.changed.insert(camera, span);
                None
            }
            Seen::Late(done) => Some(*done),
        }
    }

    /// Judges one segment; false when it was interrupted.
    fn judge(&self, state: &mut State, segment: &SegmentMeta, found: &impl Fn(Found) -> bool) -> bool {
        let mut stretch = self.stretch(state, segment);
        let mut whole = true;
        let file = files::path(&self.archive, segment);
        let Stretch { pipeline, chooser, until, touched } = &mut stretch;
        let read = chooser.pictures(&file, segment, |job| {
            let begun = Instant::now();
            let Some(done) = self.look(state, job) else {
                whole = !self.stop.is_asked();
                return whole;
            };
            self.metrics.catch_up_frames.inc();
            whole = self.pass(pipeline, done, found);
            // Half of the time that live work leaves.
            whole && !self.pause(begun.elapsed())
        });
        if let Err(error) = read {
            tracing::warn!(camera = %segment.camera, id = %segment.id, "late footage is left out: {}", chain(&error));
        }
        if !whole || self.stop.is_asked() {
            return false;
        }
        (*until, *touched) = (segment.start.plus_us(segment.duration_us), Instant::now());
        state.stretches.insert(segment.camera.clone(), stretch);
        self.metrics.catch_up_segments.inc();
        if let Err(error) = self.queue.judged(&segment.camera, &segment.id) {
            tracing::error!("state.db cannot be written: {}", chain(&error));
        }
        true
    }

    /// Stretches of which nothing more has come for a while are over: what they followed is lost from sight.
    fn close(&self, state: &mut State, found: &impl Fn(Found) -> bool) {
        let over = |stretch: &Stretch| stretch.touched.elapsed() > STRETCH_OPEN;
        let cameras: Vec<CameraId> = state.stretches.iter().filter(|(_, s)| over(s)).map(|(c, _)| c.clone()).collect();
        for camera in cameras {
            let Some(mut stretch) = state.stretches.remove(&camera) else { continue };
            let t = stretch.until.plus_us(LOST_US);
            let output = stretch.pipeline.pass(t);
            let evidence: Vec<_> =
                output.evidence.into_iter().chain(stretch.pipeline.book().take_evidence(true)).collect();
            found(Found { camera, t, changes: output.changes, evidence, stills: Vec::new() });
        }
    }

    /// The camera's tracks go on where its footage does.
    fn stretch(&self, state: &mut State, segment: &SegmentMeta) -> Stretch {
        let camera = &segment.camera;
        let goes_on = |s: &Stretch| (-1_000_000..STRETCH_US).contains(&segment.start.since(s.until));
        if let Some(stretch) = state.stretches.remove(camera).filter(goes_on) {
            return stretch;
        }
        let chooser = Chooser::new(camera.clone(), self.params.fps, segment.start);
        Stretch { pipeline: (self.fresh)(), chooser, until: segment.start, touched: Instant::now() }
    }

    /// Has a picture looked at; `None` when the detector cannot, or the end has come.
    fn look(&self, state: &mut State, job: Job) -> Option<Done> {
        let at = job.header.captured_at;
        let mut tries = 0;
        self.desk.put_late(job.clone());
        let mut asked = Instant::now();
        while !self.stop.is_asked() {
            match self.seen.recv_timeout(Duration::from_millis(200)) {
                Ok(seen) => match self.note(state, seen) {
                    Some(done) if done.job.header.captured_at == at && done.job.camera == job.camera => {
                        return Some(done);
                    }
                    _ => {}
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
            // While it lies on the desk, live work goes before it: for as long as that takes.
            if self.desk.has_late() {
                asked = Instant::now();
            } else if asked.elapsed() > ANSWER_WITHIN {
                // A detector that is down comes back; a picture that it cannot see is left out.
                tries += u32::from(self.metrics.detector_up.get() == 1);
                if tries >= TRIES {
                    return None;
                }
                self.desk.put_late(job.clone());
                asked = Instant::now();
            }
        }
        None
    }

    /// Tracks and judges; false when nobody takes what was found.
    fn pass(&self, pipeline: &mut Pipeline, done: Done, found: &impl Fn(Found) -> bool) -> bool {
        let Done { job, detections } = done;
        let t = job.header.captured_at;
        let output = pipeline.take(&Detected {
            camera: &job.camera,
            t,
            light: job.header.light,
            motion: &job.header.motion,
            drill: job.header.drill,
            detections: &detections,
        });
        let opened = output.changes.iter().filter(|change| change.alert == Some(AlertType::Opened));
        let stills = opened.map(|change| (change.after.id.clone(), job.jpeg.clone())).collect();
        let (changes, evidence) = (output.changes, output.evidence);
        if changes.is_empty() && evidence.is_empty() {
            return true;
        }
        found(Found { camera: job.camera, t, changes, evidence, stills })
    }

    /// Rests; whether it was stopped meanwhile.
    fn pause(&self, how_long: Duration) -> bool {
        std::thread::sleep(how_long.min(EVERY));
        self.stop.is_asked()
    }
}
