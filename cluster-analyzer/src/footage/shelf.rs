//! Adapter: segments from the archive's disk, or from object storage when they are only there.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Cursor};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use base::ids::{CameraId, SegmentId, SiteId};
use base::segment::SegmentMeta;
use base::time::Micros;
use bytes::Bytes;
use media::Layout;
use rusqlite::params;
use tables::StoreConfig;

use super::FootageError;
use super::timeline::Row;
use crate::archive::{files, index};
use crate::upload::s3::{Bucket, Multipart};

/// A segment is never longer than this, µs: what begins earlier is not looked at.
const LONGEST_US: i64 = 600_000_000;
/// Layouts that are remembered.
const MOST_LAYOUTS: usize = 4096;
/// Bytes of segments from object storage that are remembered.
const MOST_FETCHED_BYTES: usize = 64 << 20;

type Key = (CameraId, SegmentId);

/// Where segments are.
#[derive(Debug)]
pub struct Shelf {
    site: SiteId,
    state_db: PathBuf,
    folder: PathBuf,
    bucket: Bucket,
    layouts: Mutex<HashMap<Key, Arc<Layout>>>,
    fetched: Mutex<VecDeque<(Key, Bytes)>>,
}

/// A segment that can be read.
#[derive(Debug, Clone)]
pub enum Content {
    /// On the archive's disk.
    OnDisk(Arc<File>),
    /// From object storage.
    Fetched(Bytes),
}

impl Content {
    /// `bytes` bytes from `offset`. Blocks.
    ///
    /// # Errors
    /// The disk fails, or the segment is shorter.
    pub fn read(&self, offset: u64, bytes: u64) -> io::Result<Vec<u8>> {
        match self {
            Content::OnDisk(file) => {
                let mut part = vec![0; bytes as usize];
                file.read_exact_at(&mut part, offset)?;
                Ok(part)
            }
            Content::Fetched(all) => {
                let part = all.get(offset as usize..offset.saturating_add(bytes) as usize);
                part.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
        }
    }

    fn layout(&self) -> io::Result<Layout> {
        match self {
            Content::OnDisk(file) => Layout::read(io::BufReader::with_capacity(4096, file.as_ref())),
            Content::Fetched(all) => Layout::read(Cursor::new(all)),
        }
    }
}

impl Shelf {
    /// The footage of `site` under `data_dir`, and in `store`.
    pub fn new(site: SiteId, data_dir: &std::path::Path, store: &StoreConfig) -> Self {
        Self {
            site,
            state_db: data_dir.join("state.db"),
            folder: data_dir.join("archive"),
            bucket: Bucket::new(store, Multipart::default()),
            layouts: Mutex::default(),
            fetched: Mutex::default(),
        }
    }

    /// The segments of `camera` that hold something between the two times, in the order of time; those that can
    /// no longer be had too.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn rows(&self, camera: &CameraId, from: Micros, until: Micros) -> Result<Vec<Row>, FootageError> {
        let (state_db, camera) = (self.state_db.clone(), camera.clone());
        let read = move || -> Result<Vec<Row>, rusqlite::Error> {
            let db = index::open_state(&state_db)?;
            let mut query = db.prepare_cached(&format!(
                "SELECT {}, uploaded_at_us IS NOT NULL, removed_at_us IS NULL FROM segments
                 WHERE camera = ?1 AND start_us > ?4 AND start_us < ?3 AND start_us + duration_us > ?2
                 ORDER BY start_us, id",
                index::COLUMNS
            ))?;
            let earliest = from.plus_us(-LONGEST_US);
            let rows = query.query_map(params![camera.as_str(), from.0, until.0, earliest.0], |row| {
                let (uploaded, on_disk) = (row.get(index::COLUMN_COUNT)?, row.get(index::COLUMN_COUNT + 1)?);
                Ok(Row { meta: index::meta(row)?, uploaded, on_disk })
            })?;
            rows.collect()
        };
        Ok(blocking(read).await??)
    }

    /// The segment's content.
    ///
    /// # Errors
    /// It is nowhere, or object storage does not answer.
    pub async fn content(&self, row: &Row) -> Result<Content, FootageError> {
        let path = files::path(&self.folder, &row.meta);
        match tokio::fs::File::open(&path).await {
            Ok(file) => return Ok(Content::OnDisk(Arc::new(file.into_std().await))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let gone = || FootageError::Gone { camera: row.meta.camera.clone(), id: row.meta.id.clone() };
        let key = (row.meta.camera.clone(), row.meta.id.clone());
        let known = self.lock_fetched().iter().find(|(k, _)| *k == key).map(|(_, bytes)| bytes.clone());
        if let Some(bytes) = known {
            return Ok(Content::Fetched(bytes));
        }
        let bytes = self.bucket.get(&row.meta.key(&self.site)).await?.ok_or_else(gone)?;
        self.remember(key, &row.meta, bytes.clone());
        Ok(Content::Fetched(bytes))
    }

    /// Where the segment's parts lie.
    ///
    /// # Errors
    /// As [`Shelf::content`], and what is no segment.
    pub async fn layout(&self, row: &Row) -> Result<Arc<Layout>, FootageError> {
        let key = (row.meta.camera.clone(), row.meta.id.clone());
        if let Some(known) = self.lock_layouts().get(&key) {
            return Ok(Arc::clone(known));
        }
        let content = self.content(row).await?;
        let layout = Arc::new(blocking(move || content.layout()).await??);
        let mut layouts = self.lock_layouts();
        if layouts.len() >= MOST_LAYOUTS {
            layouts.clear();
        }
        layouts.insert(key, Arc::clone(&layout));
        Ok(layout)
    }

    fn remember(&self, key: Key, meta: &SegmentMeta, bytes: Bytes) {
        if meta.bytes as usize > MOST_FETCHED_BYTES / 2 {
            return;
        }
        let mut fetched = self.lock_fetched();
        fetched.push_back((key, bytes));
        while fetched.iter().map(|(_, b)| b.len()).sum::<usize>() > MOST_FETCHED_BYTES {
            fetched.pop_front();
        }
    }

    fn lock_layouts(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Layout>>> {
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_fetched(&self) -> std::sync::MutexGuard<'_, VecDeque<(Key, Bytes)>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work of a disk, away from the runtime's own threads.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, io::Error> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}
