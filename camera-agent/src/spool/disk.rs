//! Adapter: spool files on disk. A file has its name only when all of it is on the medium.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base::ids::SegmentId;

use super::format::{self, Head, Torn};

/// The folder that one agent keeps its footage in.
#[derive(Debug)]
pub struct Disk {
    dir: PathBuf,
    /// Held for as long as the agent runs: two agents in one folder would free each other's footage.
    _lock: File,
    /// Tests: a medium with room for so many bytes.
    #[cfg(test)]
    pub room_bytes: Option<u64>,
}

/// What was found at the start.
#[derive(Debug, Default)]
pub struct Found {
    /// Whole segments, and the bytes of their files.
    pub segments: Vec<(Head, u64)>,
    /// Refused segments that are kept apart, oldest first, and the bytes of their files.
    pub rejected: Vec<(SegmentId, u64)>,
    /// What the head of torn files still says; `None` where it says nothing. They are gone now.
    pub torn: Vec<Option<Head>>,
}

/// Why a spool file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk fails, or the file is gone.
    #[error("the spool file cannot be read")]
    Io(#[from] io::Error),
    /// The file is damaged.
    #[error("the spool file is damaged")]
    Torn(#[from] Torn),
}

const WHOLE: &str = "seg";
const PART: &str = "part";
const LEDGER: &str = "ledger.json";

impl Disk {
    /// Opens the folder, makes it where it is missing, and locks it.
    ///
    /// # Errors
    /// It cannot be made or written; [`io::ErrorKind::WouldBlock`]: another agent holds it.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir.join("rejected"))?;
        let lock = File::create(dir.join("lock"))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self {
            dir: dir.to_owned(),
            _lock: lock,
            #[cfg(test)]
            room_bytes: None,
        })
    }

    /// Looks through the folder; removes what is torn. Reads heads only: footage is checked when it is sent,
    /// so that an agent with a full card does not read all of it before it begins.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn scan(&self) -> io::Result<Found> {
        let mut found = Found::default();
        for item in fs::read_dir(&self.dir)? {
            let path = item?.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some(WHOLE) => match read_head(&path) {
                    Ok((head, bytes)) if path == self.path(&head.meta.id) => found.segments.push((head, bytes)),
                    Ok((head, _)) => self.discard(&path, Some(head), &mut found),
                    Err(_) => self.discard(&path, None, &mut found),
                },
                Some(PART) => self.discard(&path, read_head_alone(&path), &mut found),
                _ => {}
            }
        }
        for item in fs::read_dir(self.dir.join("rejected"))? {
            let path = item?.path();
            let id = path.file_stem().and_then(|s| s.to_str()).and_then(|s| SegmentId::new(s).ok());
            found.rejected.extend(id.zip(path.metadata().ok().map(|m| m.len())));
        }
        found.rejected.sort();
        Ok(found)
    }

    fn discard(&self, path: &Path, head: Option<Head>, found: &mut Found) {
        found.torn.push(head);
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!("torn spool file {} cannot be removed: {error}", path.display());
        }
    }

    /// Writes a segment so that it survives a power cut once this returns. On an error nothing is left of it.
    ///
    /// # Errors
    /// The disk is full ([`is_full`]) or fails.
    pub fn write(&self, id: &SegmentId, head: &[u8], data: &[u8]) -> io::Result<u64> {
        let part = self.dir.join(format!("{id}.{PART}"));
        let result = self.write_part(&part, head, data).and_then(|()| {
            fs::rename(&part, self.path(id))?;
            self.sync_dir()
        });
        if result.is_err() {
            let _ = fs::remove_file(&part);
            let _ = fs::remove_file(self.path(id));
        }
        result.map(|()| (head.len() + data.len()) as u64)
    }

    fn write_part(&self, part: &Path, head: &[u8], data: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.check_room(head.len() + data.len())?;
        let mut file = File::create(part)?;
        file.write_all(head)?;
        file.write_all(data)?;
        file.sync_all()
    }

    #[cfg(test)]
    fn check_room(&self, bytes: usize) -> io::Result<()> {
        let used: u64 = fs::read_dir(&self.dir)?
            .filter_map(|e| e.ok()?.metadata().ok())
            .filter(|m| m.is_file())
            .map(|m| m.len())
            .sum();
        match self.room_bytes {
            Some(room) if used + bytes as u64 > room => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    /// The file's name is on the medium only after this.
    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// A whole spool file, checked.
    ///
    /// # Errors
    /// It is gone, cannot be read, or is damaged.
    pub fn read(&self, id: &SegmentId) -> Result<(Head, bytes::Bytes), ReadError> {
        let file = bytes::Bytes::from(fs::read(self.path(id))?);
        let (head, data_at) = format::decode(&file)?;
        Ok((head, file.slice(data_at..)))
    }

    /// Frees a segment's room.
    ///
    /// # Errors
    /// The disk fails; not that it is gone already.
    pub fn remove(&self, id: &SegmentId) -> io::Result<()> {
        gone_is_fine(fs::remove_file(self.path(id)))
    }

    /// Puts a refused segment apart.
    ///
    /// # Errors
    /// The disk fails.
    pub fn reject(&self, id: &SegmentId) -> io::Result<()> {
        fs::rename(self.path(id), self.rejected_path(id))
    }

    /// Frees a refused segment's room.
    ///
    /// # Errors
    /// The disk fails; not that it is gone already.
    pub fn remove_rejected(&self, id: &SegmentId) -> io::Result<()> {
        gone_is_fine(fs::remove_file(self.rejected_path(id)))
    }

    /// What was noted last; `None` where nothing was, or it is torn.
    pub fn read_ledger<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&fs::read(self.dir.join(LEDGER)).ok()?).ok()
    }

    /// Notes what must survive a restart.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn write_ledger<T: serde::Serialize>(&self, ledger: &T) -> io::Result<()> {
        let new = self.dir.join("ledger.new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(ledger)?)?;
        file.sync_all()?;
        fs::rename(new, self.dir.join(LEDGER))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn path(&self, id: &SegmentId) -> PathBuf {
        self.dir.join(format!("{id}.{WHOLE}"))
    }

    fn rejected_path(&self, id: &SegmentId) -> PathBuf {
        self.dir.join("rejected").join(format!("{id}.{WHOLE}"))
    }
}

/// Whether an error says that there is no room.
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn read_json(path: &Path) -> Result<(Vec<u8>, u32, u64), ReadError> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut prefix = Vec::new();
    (&file).take(format::PREFIX_BYTES as u64).read_to_end(&mut prefix)?;
    let (length, crc) = format::decode_prefix(&prefix)?;
    let mut json = Vec::new();
    (&file).take(length as u64).read_to_end(&mut json)?;
    Ok((json, crc, bytes))
}

fn read_head(path: &Path) -> Result<(Head, u64), ReadError> {
    let (json, crc, bytes) = read_json(path)?;
    Ok((format::decode_head(&json, crc, bytes)?, bytes))
}

/// The head of a file whose footage may be cut: it still says which time is lost.
fn read_head_alone(path: &Path) -> Option<Head> {
    let (json, crc, _) = read_json(path).ok()?;
    (crc32fast::hash(&json) == crc).then(|| serde_json::from_slice(&json).ok()).flatten()
}
