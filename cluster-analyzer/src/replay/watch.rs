//! Adapter: many clips seen on several threads, each with a detector of its own, the same in any number of them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::cache::Cache;
use super::see::{SeeError, SeeParams, Viewer};
use super::seen::SeenClip;
use crate::detect::Detector;

/// Opens a detector; called once a thread, and only when a clip has to be looked at.
pub type Open<'a> = dyn Fn() -> Result<Box<dyn Detector>, Box<dyn std::error::Error + Send + Sync>> + Sync + 'a;

/// What is needed to look at clips.
pub struct Watch<'a> {
    /// How an agent looks.
    pub params: &'a SeeParams,
    /// Opens a detector.
    pub open: &'a Open<'a>,
    /// Where what was seen is kept.
    pub cache: Option<&'a Cache>,
    /// How many threads.
    pub jobs: usize,
    /// Told with the number of clips done and what came of the newest one.
    pub progress: &'a (dyn Fn(usize, &Looked) + Sync),
}

/// One clip that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// What was seen.
    pub clip: SeenClip,
    /// Processor time that decoding and looking took; `None` where it was kept from before.
    pub took: Option<Duration>,
}

/// Processor time of this thread, so that what something costs does not depend on what else runs.
pub fn thread_cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.max(0) as u64, now.tv_nsec.clamp(0, 999_999_999) as u32)
}

/// Which clip failed, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}", clip.display())]
pub struct WatchError {
    /// The clip.
    pub clip: PathBuf,
    /// What is wrong.
    #[source]
    pub source: SeeError,
}

impl Watch<'_> {
    /// What is seen of each clip, in their order.
    ///
    /// # Errors
    /// Of all clips that fail the first is told.
    pub fn all(&self, clips: &[PathBuf]) -> Result<Vec<Looked>, WatchError> {
        let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let results: Mutex<Vec<Option<Result<Looked, SeeError>>>> = Mutex::new(clips.iter().map(|_| None).collect());
        let work = || {
            let mut detector = None;
            while !failed.load(Ordering::Relaxed) {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(clip) = clips.get(i) else { return };
                let looked = self.one(clip, &mut detector);
                match &looked {
                    Ok(looked) => (self.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, looked),
                    Err(_) => failed.store(true, Ordering::Relaxed),
                }
                results.lock().unwrap_or_else(PoisonError::into_inner)[i] = Some(looked);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.clamp(1, clips.len().max(1)) {
                scope.spawn(work);
            }
        });
        // Clips are begun in their order, so that before the first failed one all are there.
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let told = clips.iter().zip(results).filter_map(|(clip, result)| Some((clip, result?)));
        told.map(|(clip, result)| result.map_err(|source| WatchError { clip: clip.clone(), source })).collect()
    }

    fn one(&self, clip: &Path, detector: &mut Option<Box<dyn Detector>>) -> Result<Looked, SeeError> {
        // A clip that cannot be read is told better by who decodes it.
        let kept = self.cache.and_then(|cache| Some((cache, cache.key(clip).ok()?)));
        if let Some(clip) = kept.as_ref().and_then(|(cache, key)| cache.get(key)) {
            return Ok(Looked { clip, took: None });
        }
        let detector = match detector {
            Some(detector) => detector,
            None => detector.insert((self.open)().map_err(SeeError::Open)?),
        };
        let began = thread_cpu();
        let seen = Viewer::open(clip, self.params)?.rest(detector.as_mut())?;
        let took = Some(thread_cpu().saturating_sub(began));
        if let Some((cache, key)) = &kept
            && let Err(error) = cache.put(key, &seen)
        {
            tracing::warn!("what was seen of {} cannot be kept: {error}", clip.display());
        }
        Ok(Looked { clip: seen, took })
    }
}
