//! Footage to object storage: the queue is the index's rows that are not uploaded, so that a crash loses
//! nothing and forgets nothing. Footage of incidents goes first, then the oldest.
//!
//! Invariants: a row is marked only after the store has confirmed size and checksum; a retry never makes a
//! second copy nor overwrites another object; no failure here stops the archive or the alarm.

pub mod s3;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::ids::{CameraId, SiteId};
use base::retry::Backoff;
use base::segment::SegmentMeta;
use base::stop::Stop;
use base::time::{Clock, Micros};
use bytes::Bytes;
use futures::StreamExt as _;
use tables::StoreConfig;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::archive::files;
use crate::archive::index::{Error as IndexError, Index};
use crate::metrics::Metrics;
use s3::{Bucket, Multipart, Put, StoreError};

/// What the upload needs to know.
#[derive(Debug, Clone)]
pub struct Params {
    /// Goes into the keys.
    pub site: SiteId,
    /// `state.db`.
    pub state_db: PathBuf,
    /// The folder of footage.
    pub folder: PathBuf,
    /// Where to.
    pub store: StoreConfig,
    /// The bucket is ours to make: the built-in store. A configured bucket never is.
    pub create_bucket: bool,
    /// Uploads side by side.
    pub parallel: usize,
    /// When an object goes in parts.
    pub multipart: Multipart,
    /// How long to wait when there is nothing to do.
    pub idle: Duration,
}

impl Params {
    /// The footage under `data_dir` to `store`.
    pub fn new(site: SiteId, data_dir: &std::path::Path, store: StoreConfig, create_bucket: bool) -> Self {
        Self {
            site,
            state_db: data_dir.join("state.db"),
            folder: data_dir.join("archive"),
            store,
            create_bucket,
            parallel: 4,
            multipart: Multipart::default(),
            idle: Duration::from_millis(300),
        }
    }
}

/// Why the upload cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("the upload queue in {} cannot be opened", file.display())]
pub struct UploadError {
    /// The database.
    pub file: PathBuf,
    /// What SQLite says.
    #[source]
    pub source: IndexError,
}

/// How the store does, and what to upload first.
#[derive(Debug, Clone)]
pub struct UploadHandle {
    windows: mpsc::UnboundedSender<(CameraId, Micros, Micros)>,
    trouble: watch::Receiver<Option<String>>,
}

impl UploadHandle {
    /// Footage of `camera` from `from` to `until`, stored already or yet to come, goes first.
    pub fn prioritise(&self, camera: CameraId, from: Micros, until: Micros) {
        // Closed means that the upload has ended: nothing goes first then.
        let _ = self.windows.send((camera, from, until));
    }

    /// What keeps footage from object storage, in one sentence; `None` while all is well.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }
}

/// Starts the upload. It ends after what is under way when it is asked to stop.
///
/// # Errors
/// The queue cannot be opened.
pub fn spawn(
    params: Params,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    stop: Stop,
) -> Result<(UploadHandle, JoinHandle<()>), UploadError> {
    let open = || Index::open(&params.state_db);
    let index = open().map_err(|source| UploadError { file: params.state_db.clone(), source })?;
    let (windows, asked) = mpsc::unbounded_channel();
    let (say, trouble) = watch::channel(None);
    let bucket = Bucket::new(&params.store, params.multipart);
    let uploader = Uploader { params, clock, metrics, bucket, index: Arc::new(Mutex::new(index)), say };
    tokio::spawn(uploader.clone().take_windows(asked));
    let task = tokio::spawn(uploader.run(stop));
    Ok((UploadHandle { windows, trouble }, task))
}

#[derive(Clone)]
struct Uploader {
    params: Params,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    bucket: Bucket,
    index: Arc<Mutex<Index>>,
    say: watch::Sender<Option<String>>,
}

/// An object that is refused is tried again after this long; the others do not wait for it.
const SET_ASIDE_US: i64 = 600_000_000;

/// A trouble that lasts is said again after this long.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// What became of one segment.
enum Outcome {
    /// Confirmed by the store.
    Verified,
    /// Its file is gone: there is nothing left to upload.
    Lost,
    /// The store refuses this one.
    Refused(String),
    /// The store, not the segment, is the trouble.
    Down(StoreError),
}

impl Uploader {
    async fn run(self, mut stop: Stop) {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        let mut said: Option<(String, tokio::time::Instant)> = None;
        // Ask for the bucket before there is footage: a mistake is said at once.
        let mut checked = false;
        while !stop.is_asked() {
            let done = tokio::select! {
                done = async { if checked { self.round().await } else { self.check().await } } => done,
                // What is under way may be cut off anywhere: the next start finds it in the queue.
                () = leave(stop.clone()) => return,
            };
            let wait = match done {
                Ok(settled) => {
                    self.well(&mut said);
                    backoff.reset();
                    if settled > 0 || !std::mem::replace(&mut checked, true) {
                        continue;
                    }
                    self.params.idle
                }
                Err(trouble) => {
                    self.unwell(trouble, &mut said);
                    backoff.wait()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.asked() => {}
            }
        }
    }

    async fn check(&self) -> Result<usize, String> {
        let checked = match self.bucket.check().await {
            Err(StoreError::NoBucket { .. }) if self.params.create_bucket => self.bucket.ensure().await,
            checked => checked,
        };
        checked.map(|()| 0).map_err(|e| e.to_string())
    }

    /// Uploads what is first in the queue. Returns how many rows it could settle.
    async fn round(&self) -> Result<usize, String> {
        let parallel = self.params.parallel.max(1);
        let now = self.clock.now();
        let (queue, backlog) =
            self.on_index(move |index| Ok((index.upload_queue(now, parallel * 4)?, index.upload_backlog()?))).await?;
        self.metrics.upload_backlog.set(backlog as i64);
        let outcomes: Vec<(SegmentMeta, Outcome)> = futures::stream::iter(queue)
            .map(|meta| async move {
                let outcome = self.upload(&meta).await;
                (meta, outcome)
            })
            .buffer_unordered(parallel)
            .collect()
            .await;
        self.settle(outcomes).await
    }

    async fn upload(&self, meta: &SegmentMeta) -> Outcome {
        let path = files::path(&self.params.folder, meta);
        let content = match tokio::fs::read(&path).await {
            Ok(content) => Bytes::from(content),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Outcome::Lost,
            Err(error) => return Outcome::Refused(format!("{} cannot be read: {error}", path.display())),
        };
        if content.len() as u64 != meta.bytes || sha256(content.clone()).await != meta.sha256 {
            return Outcome::Refused(format!("{} is no longer what was stored: its checksum differs", path.display()));
        }
        match self.send(meta, content).await {
            Ok(()) => Outcome::Verified,
            Err(StoreError::Object { why, .. }) => Outcome::Refused(why),
            Err(error) => Outcome::Down(error),
        }
    }

    async fn send(&self, meta: &SegmentMeta, content: Bytes) -> Result<(), StoreError> {
        let key = meta.key(&self.params.site);
        let put = match self.bucket.put(&key, content.clone(), &meta.sha256).await {
            Err(StoreError::NoBucket { .. }) if self.params.create_bucket => {
                self.bucket.ensure().await?;
                self.bucket.put(&key, content, &meta.sha256).await?
            }
            other => other?,
        };
        // Ask in either case: what the store says of the object it has is what counts as verified.
        let same = |head: &s3::Head| head.bytes == meta.bytes && head.sha256.as_deref() == Some(&meta.sha256);
        match (self.bucket.head(&key).await?, put) {
            (Some(head), _) if same(&head) => Ok(()),
            (Some(head), Put::Exists) => Err(StoreError::Object {
                key,
                why: format!("another object of {} bytes has this key; it is left as it is", head.bytes),
            }),
            (Some(head), Put::Created) => {
                let why = format!("the store has {} bytes of it, not {}, or another checksum", head.bytes, meta.bytes);
                Err(StoreError::Object { key, why })
            }
            (None, _) => Err(StoreError::Object { key, why: "the store took it and has it not".into() }),
        }
    }

    async fn settle(&self, outcomes: Vec<(SegmentMeta, Outcome)>) -> Result<usize, String> {
        let now = self.clock.now();
        let (mut verified, mut lost, mut refused, mut down) = (vec![], vec![], vec![], None);
        for (meta, outcome) in outcomes {
            match outcome {
                Outcome::Verified => verified.push(meta),
                Outcome::Lost => lost.push(meta),
                Outcome::Refused(why) => {
                    let key = meta.key(&self.params.site);
                    tracing::error!(key, why, "footage is not uploaded; trying again in ten minutes");
                    refused.push(meta);
                }
                Outcome::Down(error) => {
                    self.metrics.upload_retries.inc();
                    down = Some(error.to_string());
                }
            }
        }
        if !lost.is_empty() {
            tracing::error!(segments = lost.len(), "footage files went before they were uploaded");
        }
        self.metrics.upload_retries.inc_by(refused.len() as u64);
        let settled = verified.len() + lost.len() + refused.len();
        let bytes: u64 = verified.iter().map(|m| m.bytes).sum();
        let waited = self
            .on_index(move |index| {
                for meta in &refused {
                    index.retry_at(meta, now.plus_us(SET_ASIDE_US))?;
                }
                index.removed(&lost, now)?;
                index.uploaded(&verified, now)
            })
            .await?;
        self.metrics.segments_uploaded.inc_by(waited.len() as u64);
        self.metrics.uploaded_bytes.inc_by(bytes);
        waited.iter().for_each(|us| self.metrics.upload_seconds.observe(*us as f64 / 1e6));
        let left = self.on_index(|index| index.upload_backlog()).await?;
        self.metrics.upload_backlog.set(left as i64);
        down.map_or(Ok(settled), Err)
    }

    fn well(&self, said: &mut Option<(String, tokio::time::Instant)>) {
        self.metrics.store_up.set(1);
        if said.take().is_some() {
            tracing::info!("footage is uploaded again");
        }
        self.say.send_replace(None);
    }

    fn unwell(&self, trouble: String, said: &mut Option<(String, tokio::time::Instant)>) {
        self.metrics.store_up.set(0);
        let again = said.as_ref().is_none_or(|(text, when)| *text != trouble || when.elapsed() > SAY_AGAIN);
        if again {
            tracing::error!("{trouble}; footage stays in the archive until then");
            *said = Some((trouble.clone(), tokio::time::Instant::now()));
        }
        self.say.send_replace(Some(trouble));
    }

    async fn take_windows(self, mut asked: mpsc::UnboundedReceiver<(CameraId, Micros, Micros)>) {
        while let Some((camera, from, until)) = asked.recv().await {
            let marked = self.on_index(move |index| index.prioritise(&camera, from, until)).await;
            if let Err(why) = marked {
                tracing::warn!(why, "footage of an incident does not go first");
            }
        }
    }

    /// SQLite blocks: away from the runtime's own threads.
    async fn on_index<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Index) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, String> {
        let index = self.index.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut index.lock().unwrap_or_else(PoisonError::into_inner)));
        match done.await {
            Ok(result) => result.map_err(|e| format!("the upload queue cannot be used: {e}")),
            Err(panic) => Err(format!("the upload queue failed: {panic}")),
        }
    }
}

/// Asked to stop, and what was under way had its time.
async fn leave(mut stop: Stop) {
    stop.asked().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
}

async fn sha256(content: Bytes) -> String {
    // A hash of megabytes is a blocking computation.
    tokio::task::spawn_blocking(move || base::segment::sha256_hex(&content)).await.unwrap_or_default()
}

#[cfg(test)]
mod tests;
