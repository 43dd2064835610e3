//! Footage files: parts while they come, segments when they are whole.
//!
//! Invariant: a file under its final name is whole, has the right checksum, and is on the disk itself (file
//! and folder fsynced) before anyone hears of it.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use base::ids::{CameraId, SegmentId};
use base::segment::SegmentMeta;
use base::wire::{Form as _, SegmentHeader};
use sha2::{Digest as _, Sha256};

use super::assembly::Key;

/// The header travels with the file as this extended attribute, so that a lost index can be made again. File
/// systems that have none go without.
const XATTR: &str = "user.paddock.header";

/// The folder of footage.
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
}

/// A whole file is not what its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongChecksum;

impl Files {
    /// Opens the folder and empties what was in assembly: none of it was acknowledged.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(root: &Path) -> io::Result<Self> {
        let files = Self { root: root.to_owned() };
        let parts = files.parts();
        if parts.exists() {
            fs::remove_dir_all(&parts)?;
        }
        fs::create_dir_all(&parts)?;
        Ok(files)
    }

    /// Where a segment lies.
    pub fn path(&self, s: &SegmentMeta) -> PathBuf {
        path(&self.root, s)
    }

    fn parts(&self) -> PathBuf {
        self.root.join(".parts")
    }

    fn part(&self, (camera, id): &Key) -> PathBuf {
        // Ids hold no dot, so that no two pairs share a name.
        self.parts().join(format!("{camera}.{id}.part"))
    }

    /// Writes a chunk into the part file, a new one when `fresh`.
    ///
    /// # Errors
    /// The disk is full or broken.
    pub fn write(&self, key: &Key, offset: u64, bytes: &[u8], fresh: bool) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(fresh).open(self.part(key))?;
        file.write_all_at(bytes, offset)
    }

    /// Drops a part file.
    pub fn drop_part(&self, key: &Key) {
        // What is left behind goes at the next start.
        let _ = fs::remove_file(self.part(key));
    }

    /// Checks a whole part file and fsyncs it. It keeps its name as a part: see [`Files::publish`].
    ///
    /// # Errors
    /// The disk fails. A wrong checksum is `Ok(Err(_))`: the sender's fault, not the disk's.
    pub fn seal(&self, meta: &SegmentMeta) -> io::Result<Result<(), WrongChecksum>> {
        let file = File::options().read(true).write(true).open(self.part(&key(meta)))?;
        if file.metadata()?.len() != meta.bytes || sha256_of(&file)? != meta.sha256 {
            return Ok(Err(WrongChecksum));
        }
        let header = meta.header(0).to_json();
        // Best effort: tmpfs of older kernels and some network file systems have no such attributes.
        let _ = rustix::fs::fsetxattr(&file, XATTR, header.as_bytes(), rustix::fs::XattrFlags::empty());
        file.sync_all()?;
        Ok(Ok(()))
    }

    /// Gives sealed parts their final names, and fsyncs the folders.
    ///
    /// # Errors
    /// The disk fails; some may have their names, and none may be acknowledged.
    pub fn publish(&self, segments: &[SegmentMeta]) -> io::Result<()> {
        let mut folders = BTreeSet::from([self.parts()]);
        for meta in segments {
            let path = self.path(meta);
            let folder = path.parent().unwrap_or(&self.root).to_owned();
            // Folders that are new must be on the disk too, up to one that is not.
            folders.extend(self.make_folder(&folder)?);
            fs::rename(self.part(&key(meta)), &path)?;
            folders.insert(folder);
        }
        // The deepest first, so that a name never leads to nothing.
        folders.iter().rev().try_for_each(|folder| File::open(folder)?.sync_all())
    }

    fn make_folder(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let missing: Vec<&Path> = folder.ancestors().take_while(|f| !f.exists()).collect();
        fs::create_dir_all(folder)?;
        Ok(missing.iter().filter_map(|f| f.parent()).map(Path::to_owned).collect())
    }

    /// Removes a segment's file and, when they are empty now, its folders. One that is not there is removed.
    ///
    /// # Errors
    /// It is there and cannot be removed.
    pub fn remove(&self, meta: &SegmentMeta) -> io::Result<()> {
        let path = self.path(meta);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        // Hour, date, camera: an error means that it is not empty.
        path.ancestors().skip(1).take(3).try_for_each(fs::remove_dir).ok();
        Ok(())
    }

    /// Every segment file there is, as camera, id and path; a file that cannot be one is passed over.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn all(&self, mut each: impl FnMut(Key, PathBuf)) -> io::Result<()> {
        for camera in folders(&self.root)? {
            let Some(id) = name(&camera).and_then(|n| CameraId::new(n).ok()) else { continue };
            for hour in folders(&camera)?.iter().map(|date| folders(date)).collect::<io::Result<Vec<_>>>()?.concat() {
                for entry in fs::read_dir(&hour)? {
                    let path = entry?.path();
                    if let Some(segment) = segment_id(&path) {
                        each((id.clone(), segment), path);
                    }
                }
            }
        }
        Ok(())
    }

    /// What the file itself says of the segment, when it says so and its content agrees.
    pub fn recover(&self, (camera, id): &Key, path: &Path) -> Option<SegmentMeta> {
        let file = File::open(path).ok()?;
        let mut text = vec![0; 4096];
        let len = rustix::fs::fgetxattr(&file, XATTR, &mut text[..]).ok()?;
        let header = SegmentHeader::from_json(text.get(..len)?).ok()?;
        let meta = SegmentMeta::from_header(camera.clone(), id.clone(), &header);
        let sound = self.path(&meta) == path && sha256_of(&file).ok()? == meta.sha256;
        sound.then_some(meta)
    }

    /// Sets a file apart of which nothing is known; nothing is ever thrown away for that.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn set_apart(&self, (camera, _): &Key, path: &Path) -> io::Result<PathBuf> {
        let folder = self.root.join(".unknown");
        fs::create_dir_all(&folder)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let to = folder.join(format!("{camera}.{file}"));
        fs::rename(path, &to)?;
        Ok(to)
    }
}

/// Where a segment lies below the archive's folder: `{camera}/{date}/{hour}/{start_us}-{id}.mp4`, UTC.
pub fn path(root: &Path, s: &SegmentMeta) -> PathBuf {
    let hour = format!("{:02}", s.start.hour());
    root.join(s.camera.as_str()).join(s.start.date()).join(hour).join(format!("{}-{}.mp4", s.start.0, s.id))
}

fn key(meta: &SegmentMeta) -> Key {
    (meta.camera.clone(), meta.id.clone())
}

fn segment_id(path: &Path) -> Option<SegmentId> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".mp4")?;
    let (start, id) = stem.split_once('-')?;
    start.parse::<i64>().ok()?;
    SegmentId::new(id).ok()
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn folders(of: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![];
    for entry in fs::read_dir(of)? {
        let entry = entry?;
        let ours = !matches!(entry.file_name().to_str(), Some(".parts" | ".unknown"));
        if ours && entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn sha256_of(file: &File) -> io::Result<String> {
    let (mut hash, mut buffer, mut offset) = (Sha256::new(), vec![0; 256 * 1024], 0);
    loop {
        let read = file.read_at(&mut buffer, offset)?;
        if read == 0 {
            return Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect());
        }
        hash.update(&buffer[..read]);
        offset += read as u64;
    }
}
