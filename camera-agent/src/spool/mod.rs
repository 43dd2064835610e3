//! Footage on disk until it is acknowledged end to end.
//!
//! [`format`] is one file, [`index`] is what is there and what goes first, [`disk`] is the only place
//! that touches the medium, [`worker`] is the thread that owns the [`Spool`].
//!
//! Invariants: a segment is in the index only after it and its name are on the medium; what is given up
//! is counted and its time noted as a gap; a full or failing disk is never a panic.

pub mod disk;
pub mod format;
pub mod index;
pub mod worker;

use std::path::{Path, PathBuf};

use base::ids::SegmentId;
use base::input::chain;
use base::segment::SegmentMeta;
use base::time::Micros;
use base::wire::{Gap, SpoolStatus};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::segments::{Footage, Worth};
use disk::{Disk, is_full};
use index::{Entry, Gaps, Index, Victim};

/// Why the spool cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It cannot be made or written.
    #[error("the spool folder `{}` cannot be used: give one that can be written", .dir.display())]
    Open {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another agent holds it.
    #[error("the spool folder `{}` is in use by another agent: give each camera a folder of its own", .dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
}

/// What must survive a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Ledger {
    lost_segments: u64,
    rejected_segments: u64,
    gaps: Gaps,
}

const SPOOL_FULL: &str = "the spool was full";
const DISK_FULL: &str = "the disk was full";
const DISK_FAILED: &str = "the disk failed";
const TORN: &str = "the agent was cut off while it wrote";

/// The footage that waits.
#[derive(Debug)]
pub struct Spool {
    disk: Disk,
    index: Index,
    capacity_bytes: u64,
    ledger: Ledger,
    acknowledged: u64,
    /// Said once per change, not once per segment.
    disk_fault: Option<String>,
}

impl Spool {
    /// Opens the folder and takes over what is whole in it. Whatever was torn is counted as lost.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(dir: &Path, capacity_bytes: u64) -> Result<Self, SpoolError> {
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::WouldBlock => SpoolError::InUse { dir: dir.to_owned() },
            _ => SpoolError::Open { dir: dir.to_owned(), source },
        };
        let disk = Disk::open(dir).map_err(failed)?;
        let found = disk.scan().map_err(failed)?;
        let ledger = disk.read_ledger().unwrap_or_default();
        let mut spool =
            Self { disk, index: Index::default(), capacity_bytes, ledger, acknowledged: 0, disk_fault: None };
        for (head, file_bytes) in found.segments {
            spool.insert(&head.meta, head.worth, file_bytes);
        }
        found.rejected.into_iter().for_each(|(id, bytes)| spool.index.insert_rejected(id, bytes));
        if !found.torn.is_empty() {
            tracing::warn!("{} torn segment files were discarded", found.torn.len());
        }
        for head in &found.torn {
            spool.lost(head.as_ref().map(|head| (head.meta.start, head.meta.end())), TORN);
        }
        while spool.index.all_bytes() > capacity_bytes && spool.give_up_one(None, SPOOL_FULL) {}
        Ok(spool)
    }

    fn insert(&mut self, meta: &SegmentMeta, worth: Worth, file_bytes: u64) {
        let entry = Entry { file_bytes, worth, start: meta.start, end: meta.end() };
        self.index.insert(meta.id.clone(), entry);
    }

    /// Keeps a segment, giving up others where there is no room; whether it is kept.
    pub fn put(&mut self, footage: &Footage) -> bool {
        let head = format::encode_head(footage);
        let file_bytes = (head.len() + footage.data.len()) as u64;
        let newcomer = Some((footage.worth, footage.meta.start));
        let span = Some((footage.meta.start, footage.meta.end()));
        if file_bytes > self.capacity_bytes {
            self.lost(span, SPOOL_FULL);
            return false;
        }
        while self.index.all_bytes() + file_bytes > self.capacity_bytes {
            if !self.give_up_one(newcomer, SPOOL_FULL) {
                self.lost(span, SPOOL_FULL);
                return false;
            }
        }
        loop {
            match self.disk.write(&footage.meta.id, &head, &footage.data) {
                Ok(file_bytes) => {
                    self.insert(&footage.meta, footage.worth, file_bytes);
                    self.note_disk(None);
                    return true;
                }
                Err(error) => {
                    let (full, why) = if is_full(&error) { (true, DISK_FULL) } else { (false, DISK_FAILED) };
                    self.note_disk(Some(format!("{why}: {error}")));
                    if !(full && self.give_up_one(newcomer, DISK_FULL)) {
                        self.lost(span, why);
                        return false;
                    }
                }
            }
        }
    }

    /// Makes room by one segment; `false` when the newcomer is worth least or nothing is left.
    fn give_up_one(&mut self, newcomer: Option<(Worth, Micros)>, why: &str) -> bool {
        match self.index.victim(newcomer) {
            Some(Victim::Rejected(id)) => {
                self.index.remove_rejected(&id);
                self.on_disk(&id, Disk::remove_rejected);
                true
            }
            Some(Victim::Waiting(id)) => {
                self.give_up(&id, why);
                true
            }
            Some(Victim::Newcomer) | None => false,
        }
    }

    fn give_up(&mut self, id: &SegmentId, why: &str) {
        if let Some(entry) = self.index.remove(id) {
            self.on_disk(id, Disk::remove);
            self.lost(Some((entry.start, entry.end)), why);
        }
    }

    /// Counts a segment that is lost; its span becomes a gap.
    pub fn lost(&mut self, span: Option<(Micros, Micros)>, why: &str) {
        self.ledger.lost_segments += 1;
        if let Some((start, end)) = span {
            self.ledger.gaps.add(Gap { start, end, why: why.into() });
        }
        self.keep_ledger();
    }

    /// These are stored durably elsewhere: frees their room. What is not here any more is fine.
    pub fn acknowledge(&mut self, ids: &[SegmentId]) {
        for id in ids {
            if self.index.remove(id).is_some() {
                self.on_disk(id, Disk::remove);
                self.acknowledged += 1;
            }
        }
    }

    /// These were refused for good: puts them apart, where they are the first to go.
    pub fn reject(&mut self, ids: &[SegmentId]) {
        for id in ids {
            if let Some(entry) = self.index.remove(id) {
                tracing::warn!(
                    "segment {id} was refused by the analyzer and is kept in {}/rejected",
                    self.disk.dir().display()
                );
                if self.on_disk(id, Disk::reject) {
                    self.index.insert_rejected(id.clone(), entry.file_bytes);
                }
                self.ledger.rejected_segments += 1;
                self.keep_ledger();
            }
        }
    }

    /// A segment as it was put; `None` when it is not here any more or was damaged meanwhile, which is counted.
    pub fn read(&mut self, id: &SegmentId) -> Option<(SegmentMeta, Bytes)> {
        match self.disk.read(id) {
            Ok((head, data)) => Some((head.meta, data)),
            Err(error) => {
                if self.index.remove(id).is_some_and(|entry| {
                    self.lost(Some((entry.start, entry.end)), DISK_FAILED);
                    true
                }) {
                    tracing::error!("segment {id} is lost: {}", chain(&error));
                    self.on_disk(id, Disk::remove);
                }
                None
            }
        }
    }

    /// The `count` oldest segments that wait.
    pub fn oldest(&self, count: usize) -> Vec<SegmentId> {
        self.index.oldest(count)
    }

    /// What the status says.
    pub fn status(&self) -> SpoolStatus {
        SpoolStatus {
            segments: self.index.len() as u64,
            bytes: self.index.bytes(),
            capacity_bytes: self.capacity_bytes,
            oldest: self.index.oldest_start(),
            lost_segments: self.ledger.lost_segments,
            rejected_segments: self.ledger.rejected_segments,
            acknowledged_segments: self.acknowledged,
            gaps: self.ledger.gaps.list().to_vec(),
        }
    }

    fn on_disk(&mut self, id: &SegmentId, act: fn(&Disk, &SegmentId) -> std::io::Result<()>) -> bool {
        let result = act(&self.disk, id);
        if let Err(error) = &result {
            self.note_disk(Some(format!("{DISK_FAILED}: {error}")));
        }
        result.is_ok()
    }

    fn keep_ledger(&mut self) {
        // A full disk is what is being noted: then the count lives in memory until there is room.
        if let Err(error) = self.disk.write_ledger(&self.ledger) {
            tracing::debug!("the spool's ledger cannot be written: {error}");
        }
    }

    fn note_disk(&mut self, fault: Option<String>) {
        if self.disk_fault != fault {
            match &fault {
                Some(why) => tracing::error!("footage cannot be kept as it should, {why}"),
                None => tracing::info!("footage is kept again"),
            }
            self.disk_fault = fault;
        }
    }
}

#[cfg(test)]
mod tests;
