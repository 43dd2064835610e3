//! The archive's thread: takes what waits, writes it, makes it durable, then acknowledges it, all in rounds, so
//! that many segments share one commit.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use base::ids::CameraId;
use base::segment::SegmentMeta;
use base::time::{Clock, Micros};
use base::wire::{SegmentAck, VERSION};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::assembly::{Assembly, Key, Step};
use super::files::Files;
use super::index::{Index, Totals};
use super::retention::must_go;
use super::{AckOut, ArchiveError, Params, SegmentChunk};
use crate::metrics::{Metrics, Reason};

/// How often a segment may come with a wrong checksum before it is refused for good.
const WRONG_CHECKSUMS: u32 = 3;

/// How long rows outlive their files.
const REMEMBER_REMOVED_US: i64 = 7 * 86_400_000_000;

/// Chunks a round.
const ROUND: usize = 64;

/// How often what is idle is given up and retention is looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

pub(super) struct Worker {
    params: Params,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    acks: mpsc::Sender<AckOut>,
    files: Files,
    index: Index,
    assembly: Assembly,
    totals: Totals,
    /// Segments whose checksum was wrong: how often, and when last.
    wrong: HashMap<Key, (u32, Micros)>,
    /// The disk was failing at the last try; said once.
    failing: bool,
    next_housekeeping: Micros,
}

/// What a round has to answer.
#[derive(Default)]
struct Round {
    whole: Vec<SegmentMeta>,
    stored_before: HashSet<Key>,
    rejected: HashSet<Key>,
}

impl Worker {
    pub(super) fn open(
        params: Params,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        acks: mpsc::Sender<AckOut>,
    ) -> Result<Self, ArchiveError> {
        let folder = |source| ArchiveError::Folder { folder: params.folder.clone(), source };
        let database = |source| ArchiveError::Index { file: params.state_db.clone(), source };
        if let Some(dir) = params.state_db.parent() {
            std::fs::create_dir_all(dir).map_err(folder)?;
        }
        let files = Files::open(&params.folder).map_err(folder)?;
        let mut index = Index::open(&params.state_db).map_err(database)?;
        let now = clock.now();
        files_without_rows(&files, &mut index, now).map_err(folder)?.map_err(database)?;
        rows_without_files(&files, &mut index, now).map_err(database)?;
        let totals = index.totals().map_err(database)?;
        let assembly = Assembly::new(params.limits);
        metrics.archive_up.set(1);
        let worker = Self {
            params,
            clock,
            metrics,
            acks,
            files,
            index,
            assembly,
            totals,
            wrong: HashMap::new(),
            failing: false,
            next_housekeeping: now,
        };
        worker.show_totals();
        Ok(worker)
    }

    /// Until every handle is gone.
    pub(super) fn run(mut self, mut chunks: mpsc::Receiver<SegmentChunk>, runtime: &Handle) {
        let mut taken = Vec::with_capacity(ROUND);
        loop {
            let waited = runtime
                .block_on(async { tokio::time::timeout(HOUSEKEEPING, chunks.recv_many(&mut taken, ROUND)).await });
            if waited == Ok(0) {
                return;
            }
            self.round(std::mem::take(&mut taken));
        }
    }

    /// Takes chunks in, makes what is whole durable, answers.
    pub(super) fn round(&mut self, chunks: Vec<SegmentChunk>) {
        let now = self.clock.now();
        let mut round = Round::default();
        for chunk in chunks {
            self.metrics.segment_chunks.inc();
            if let Err(error) = self.take(chunk, &mut round, now) {
                self.disk_fails(&error, now);
            }
        }
        if let Err(error) = self.store(&mut round, now) {
            // Nothing of the round is acknowledged; its agents send it again.
            round.whole.drain(..).for_each(|m| self.files.drop_part(&(m.camera, m.id)));
            self.disk_fails(&error, now);
        }
        self.answer(round);
        if now >= self.next_housekeeping {
            self.next_housekeeping = now.plus_us(HOUSEKEEPING.as_micros() as i64);
            self.housekeeping(now);
        }
    }

    fn take(&mut self, chunk: SegmentChunk, round: &mut Round, now: Micros) -> Result<(), Failure> {
        let key = (chunk.camera, chunk.id);
        let header = chunk.header;
        // Whole already, and about to be stored: its part file must stay as it is.
        if round.whole.iter().any(|m| m.camera == key.0 && m.id == key.1) {
            return Ok(());
        }
        if !self.assembly.knows(&key)
            && let Some(stored) = self.index.stored(&key.0, &key.1)?
        {
            if stored.sha256.eq_ignore_ascii_case(&header.sha256) {
                round.stored_before.insert(key);
            } else {
                self.refuse("id_reused");
                round.rejected.insert(key);
            }
            return Ok(());
        }
        let (offset, fresh) = match self.assembly.step(&key, &header, chunk.payload.len(), now) {
            Step::Duplicate => return Ok(()),
            Step::Refuse(reason) => {
                self.refuse(reason);
                return Ok(());
            }
            Step::Write { offset, fresh } => (offset, fresh),
        };
        if let Err(error) = self.files.write(&key, offset, &chunk.payload, fresh) {
            self.give_up(&key);
            return Err(error.into());
        }
        if let Some(meta) = self.assembly.wrote(&key, header.chunk, now) {
            self.whole(meta, key, round, now)?;
        }
        Ok(())
    }

    /// Every chunk is here: is it what its header says?
    fn whole(&mut self, meta: SegmentMeta, key: Key, round: &mut Round, now: Micros) -> Result<(), Failure> {
        match self.files.seal(&meta) {
            Ok(Ok(())) => {
                self.wrong.remove(&key);
                round.whole.push(meta);
                Ok(())
            }
            Ok(Err(_wrong_checksum)) => {
                self.files.drop_part(&key);
                self.refuse("wrong_checksum");
                let (times, last) = self.wrong.entry(key.clone()).or_insert((0, now));
                (*times, *last) = (*times + 1, now);
                tracing::warn!(camera = %key.0, id = %key.1, times, "segment came with a wrong checksum");
                if *times >= WRONG_CHECKSUMS {
                    round.rejected.insert(key);
                }
                Ok(())
            }
            Err(error) => {
                self.files.drop_part(&key);
                Err(error.into())
            }
        }
    }

    /// File, folder, row: in this order, each on the disk before the next.
    fn store(&mut self, round: &mut Round, now: Micros) -> Result<(), Failure> {
        if round.whole.is_empty() {
            return Ok(());
        }
        self.files.publish(&round.whole)?;
        self.index.insert(&round.whole, now)?;
        let bytes: u64 = round.whole.iter().map(|m| m.bytes).sum();
        self.totals.segments += round.whole.len() as u64;
        self.totals.bytes += bytes;
        self.metrics.segments_stored.inc_by(round.whole.len() as u64);
        self.metrics.segment_bytes.inc_by(bytes);
        self.show_totals();
        self.disk_works();
        Ok(())
    }

    fn answer(&self, round: Round) {
        self.metrics.segments_repeated.inc_by(round.stored_before.len() as u64);
        let mut acks: BTreeMap<CameraId, SegmentAck> = BTreeMap::new();
        let mut of = |camera: CameraId, id, stored: bool| {
            let ack = acks.entry(camera).or_insert(SegmentAck { v: VERSION, ids: vec![], rejected: vec![] });
            if stored { ack.ids.push(id) } else { ack.rejected.push(id) }
        };
        round.whole.into_iter().for_each(|m| of(m.camera, m.id, true));
        round.stored_before.into_iter().for_each(|(camera, id)| of(camera, id, true));
        round.rejected.into_iter().for_each(|(camera, id)| of(camera, id, false));
        for (camera, ack) in acks {
            // Full or closed: the agent sends again, and is answered then.
            if self.acks.try_send(AckOut { camera, ack }).is_err() {
                tracing::debug!("acknowledgements wait for the broker");
            }
        }
    }

    fn housekeeping(&mut self, now: Micros) {
        for key in self.assembly.expire(now) {
            self.refuse("incomplete");
            self.files.drop_part(&key);
        }
        self.wrong.retain(|_, (_, last)| now.since(*last) < 3_600_000_000);
        self.metrics.segments_in_assembly.set(self.assembly.len() as i64);
        if let Err(error) = self.retain(now) {
            self.disk_fails(&error, now);
        } else if self.failing && self.probe() {
            self.disk_works();
        }
    }

    /// Takes the oldest away while there is too much or it is too old.
    fn retain(&mut self, now: Micros) -> Result<(), Failure> {
        loop {
            let oldest = self.index.oldest(!self.params.keep.delete_unverified, 256)?;
            let mut bytes = self.totals.bytes;
            let gone: Vec<SegmentMeta> = oldest
                .into_iter()
                .take_while(|(_, candidate)| {
                    let go = must_go(&self.params.keep, candidate, bytes, now);
                    bytes -= if go { candidate.bytes.min(bytes) } else { 0 };
                    go
                })
                .map(|(meta, _)| meta)
                .collect();
            if gone.is_empty() {
                return Ok(self.index.prune(now.plus_us(-REMEMBER_REMOVED_US))?);
            }
            self.remove(&gone, now)?;
        }
    }

    fn remove(&mut self, gone: &[SegmentMeta], now: Micros) -> Result<(), Failure> {
        gone.iter().try_for_each(|meta| self.files.remove(meta))?;
        self.index.removed(gone, now)?;
        self.metrics.archive_removed.inc_by(gone.len() as u64);
        self.totals = self.index.totals()?;
        self.show_totals();
        Ok(())
    }

    /// Says so once, and makes room when that is what is missing and something may go.
    fn disk_fails(&mut self, failure: &Failure, now: Micros) {
        self.refuse("disk");
        self.metrics.archive_up.set(0);
        if !std::mem::replace(&mut self.failing, true) {
            let why = base::input::chain(failure);
            tracing::error!(why, "the archive cannot write; agents keep their footage and send it again");
        }
        if failure.is_full()
            && let Ok(oldest) = self.index.oldest(!self.params.keep.delete_unverified, 8)
            && !oldest.is_empty()
        {
            let oldest: Vec<SegmentMeta> = oldest.into_iter().map(|(meta, _)| meta).collect();
            if self.remove(&oldest, now).is_ok() {
                tracing::warn!(segments = oldest.len(), "the disk is full: removed the oldest verified footage");
            }
        }
    }

    fn disk_works(&mut self) {
        self.metrics.archive_up.set(1);
        if std::mem::replace(&mut self.failing, false) {
            tracing::info!("the archive can write again");
        }
    }

    /// Whether the disk takes a chunk's worth of bytes.
    fn probe(&self) -> bool {
        let file = self.params.folder.join(".parts").join("probe");
        let works = std::fs::write(&file, [0; 128 * 1024]).is_ok();
        let _ = std::fs::remove_file(&file);
        works
    }

    fn give_up(&mut self, key: &Key) {
        self.assembly.forget(key);
        self.files.drop_part(key);
    }

    fn refuse(&self, reason: &'static str) {
        self.metrics.segments_rejected.get_or_create(&Reason { reason }).inc();
    }

    fn show_totals(&self) {
        self.metrics.archive_bytes.set(self.totals.bytes as i64);
        self.metrics.archive_segments.set(self.totals.segments as i64);
    }
}

/// The disk or the database failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("a footage file cannot be written")]
    File(#[from] std::io::Error),
    #[error("the index cannot be written")]
    Index(#[from] super::index::Error),
}

impl Failure {
    fn is_full(&self) -> bool {
        match self {
            Failure::File(e) => matches!(e.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded),
            Failure::Index(e) => e.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
        }
    }
}

/// A crash between file and row, or a lost database: what the file says of itself makes the row. Nothing of
/// it was acknowledged after a crash, so that a file without a word of its own can be set apart.
fn files_without_rows(
    files: &Files,
    index: &mut Index,
    now: Micros,
) -> std::io::Result<Result<(), super::index::Error>> {
    let (mut unknown, mut broken) = (vec![], None);
    files.all(|key, path| match index.stored(&key.0, &key.1) {
        Ok(None) => unknown.push((key, path)),
        Ok(Some(_)) => {}
        Err(error) => broken = Some(error),
    })?;
    if let Some(error) = broken {
        return Ok(Err(error));
    }
    for (key, path) in unknown {
        match files.recover(&key, &path) {
            Some(meta) => {
                tracing::info!(camera = %key.0, id = %key.1, "footage without a row is indexed again");
                if let Err(error) = index.insert(&[meta], now) {
                    return Ok(Err(error));
                }
            }
            None => {
                let to = files.set_apart(&key, &path)?;
                tracing::warn!(file = %to.display(), "footage of which nothing is known is set apart");
            }
        }
    }
    Ok(Ok(()))
}

fn rows_without_files(files: &Files, index: &mut Index, now: Micros) -> Result<(), super::index::Error> {
    let mut after = None;
    loop {
        let page = index.page(after.as_ref(), 1000)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some((last.camera.clone(), last.id.clone()));
        let (mut gone, mut lost) = (vec![], 0);
        for (meta, verified) in page {
            if !files.path(&meta).exists() {
                lost += u64::from(!verified);
                gone.push(meta);
            }
        }
        if lost > 0 {
            tracing::error!(segments = lost, "footage files that were not uploaded yet are gone from the archive");
        }
        index.removed(&gone, now)?;
    }
}
