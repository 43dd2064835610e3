//! Adapter: footage fetched from the lake, checked, decoded and looked at by a neural network.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use base::ids::CameraId;
use base::segment::sha256_hex;
use base::site::Site;
use media::{ReadOptions, SegmentReader};
use tables::{Lake, Outcome, TableError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use vision::{ImageRef, Model, ModelCard, ModelError, ModelOptions};

use super::follow::{Follower, Look};
use super::sample::Sampler;
use super::{Analyser, Findings, Outage, Progress, SegmentOutcome};
use crate::error::sentence;
use crate::plan::Footage;
use crate::settings::Settings;

/// Analyses footage of a lake by a model.
pub struct FootageAnalyser {
    lake: Lake,
    site: Arc<Site>,
    settings: Settings,
    model_dir: PathBuf,
    card: ModelCard,
    /// Opened models that nobody uses at the moment: a model serves one thread at a time.
    idle: Mutex<Vec<Model>>,
    runtime: Handle,
    progress: Arc<Progress>,
}

/// Why a segment gives no looks.
enum Fault {
    /// Its own: what is wrong with it, in words.
    Segment(String),
    /// Not its own.
    Outage(Outage),
}

type Fetched = JoinHandle<Result<bytes::Bytes, TableError>>;

impl FootageAnalyser {
    /// Opens the model once, so that a mistake in its folder is found before any footage is fetched. Must be
    /// called within a tokio runtime, which then fetches the footage.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn open(
        lake: Lake,
        site: Arc<Site>,
        model_dir: PathBuf,
        fps: f64,
        progress: Arc<Progress>,
    ) -> Result<Self, ModelError> {
        let model = Model::open(&model_dir, &ModelOptions::default())?;
        let card = model.card().clone();
        let settings = Settings { model: card.name.clone(), model_sha256: card.sha256.clone(), fps };
        let idle = Mutex::new(vec![model]);
        Ok(Self { lake, site, settings, model_dir, card, idle, runtime: Handle::current(), progress })
    }

    /// What it analyses with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn take_model(&self) -> Result<Model, Outage> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let opened = idle.map_or_else(|| Model::open(&self.model_dir, &ModelOptions::default()), Ok);
        opened.map_err(|error| Outage(sentence(&error)))
    }

    fn fetch(&self, footage: Option<&Footage>) -> Option<Fetched> {
        let (lake, key) = (self.lake.clone(), footage?.key.clone());
        Some(self.runtime.spawn(async move { lake.get(&key).await }))
    }

    fn run(&self, model: &mut Model, camera: &CameraId, footage: &[Footage]) -> Result<Findings, Outage> {
        let mut follower = Follower::new(&self.site, &self.card, camera, &self.settings.tag());
        let mut sampler = Sampler::new(self.settings.interval_us());
        let mut outcomes = Vec::with_capacity(footage.len());
        // The next segment is under way while this one is decoded.
        let mut coming = self.fetch(footage.first());
        for (index, segment) in footage.iter().enumerate() {
            let fetched = coming.take();
            coming = self.fetch(footage.get(index + 1));
            let began_us = thread_cpu_us();
            let looked =
                self.received(fetched, segment).and_then(|bytes| self.look(model, &mut sampler, segment, bytes));
            let (outcome, frames_decoded) = match looked {
                Ok((looks, frames_decoded)) => {
                    follower.see(&looks);
                    (Outcome::Ok, frames_decoded)
                }
                Err(Fault::Segment(why)) => (Outcome::Failed(why), 0),
                Err(Fault::Outage(outage)) => return Err(outage),
            };
            let cpu_us = thread_cpu_us() - began_us;
            outcomes.push(SegmentOutcome { segment: segment.id.clone(), outcome, frames_decoded, cpu_us });
            self.progress.add(segment.duration_us);
        }
        Ok(Findings { observations: follower.finish(), outcomes })
    }

    /// The bytes that the table promises, or what is wrong with them.
    fn received(&self, fetched: Option<Fetched>, segment: &Footage) -> Result<bytes::Bytes, Fault> {
        let Some(fetched) = fetched else { return Err(Fault::Outage(Outage("the fetch was not begun".into()))) };
        let got = self.runtime.block_on(fetched).map_err(|e| Fault::Outage(Outage(e.to_string())))?;
        let bytes = got.map_err(|error| match error {
            TableError::NoObject { .. } => Fault::Segment("the object is missing".into()),
            other => Fault::Outage(Outage(sentence(&other))),
        })?;
        if bytes.len() as u64 != segment.bytes {
            let (has, wanted) = (bytes.len(), segment.bytes);
            return Err(Fault::Segment(format!("the object has {has} bytes where the table says {wanted}")));
        }
        if sha256_hex(&bytes) != segment.sha256 {
            return Err(Fault::Segment("the object's sha256 is not the one in the table".into()));
        }
        Ok(bytes)
    }

    /// What is in the segment's pictures, and how many frames were decoded for it. All or nothing: a segment that fails half way leaves no rows.
    fn look(
        &self,
        model: &mut Model,
        sampler: &mut Sampler,
        segment: &Footage,
        bytes: bytes::Bytes,
    ) -> Result<(Vec<Look>, u64), Fault> {
        let undecodable = |e: media::MediaError| Fault::Segment(format!("not decodable: {}", sentence(&e)));
        let side = self.card.input.width.max(self.card.input.height);
        let options = ReadOptions { max_side: Some(side), ..ReadOptions::default() };
        let mut reader = SegmentReader::open_with(bytes, options).map_err(undecodable)?;
        let (mut looks, mut decoded) = (Vec::new(), 0_u64);
        let mut sampling = sampler.clone();
        while let Some(frame) = reader.next_frame().map_err(undecodable)? {
            decoded += 1;
            let t = segment.start.plus_us(reader.since_start_us(&frame));
            if !sampling.wants(t) {
                continue;
            }
            let picture = frame.bgr(Some(side));
            let image = ImageRef { width: picture.width, height: picture.height, bgr: &picture.bgr };
            let detections = model.detect(image).map_err(|e| match e {
                ModelError::Run { .. } => Fault::Outage(Outage(sentence(&e))),
                other => Fault::Segment(format!("not analysable: {}", sentence(&other))),
            })?;
            looks.push(Look { t, detections });
        }
        if decoded == 0 {
            return Err(Fault::Segment("not decodable: it holds no picture".into()));
        }
        *sampler = sampling;
        Ok((looks, decoded))
    }
}

impl Analyser for FootageAnalyser {
    fn analyse(&self, camera: &CameraId, footage: &[Footage]) -> Result<Findings, Outage> {
        let mut model = self.take_model()?;
        // A panic in a codec or in the network must cost this batch, never the run.
        let answer = catch_unwind(AssertUnwindSafe(|| self.run(&mut model, camera, footage)));
        let answer = answer.unwrap_or_else(|_| Err(Outage("the analysis panicked".into())));
        if answer.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(model);
        }
        answer
    }
}

/// CPU time of the calling thread, µs.
fn thread_cpu_us() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}
