//! The model folders: what each card says, and whether its network lies beside it.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use vision::{ModelCard, ModelError};

use super::ModelsError;

/// Whether a model's network is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is not.
    Missing,
    /// It is, and it is the one that the card names, or any will do.
    Installed,
    /// It is there, but the card names no checksum; this is the file's.
    Unverified(String),
    /// It is another file than the card names; this is its checksum.
    Wrong(String),
    /// It cannot be read.
    Unreadable(String),
}

/// One model folder.
#[derive(Debug)]
pub struct Entry {
    /// Its name, by which it is asked for.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// Its card, or what is wrong with it.
    pub card: Result<ModelCard, ModelError>,
}

impl Entry {
    /// Where its network lies.
    pub fn network(&self) -> PathBuf {
        self.path.join("model.onnx")
    }

    /// Whether its network is there. Reads the whole file.
    pub fn state(&self) -> State {
        let found = match sha256_of(&self.network()) {
            Ok(found) => found,
            Err(e) if e.kind() == ErrorKind::NotFound => return State::Missing,
            Err(e) => return State::Unreadable(e.to_string()),
        };
        match self.card.as_ref().ok().and_then(|card| card.vouches_for(&found)) {
            Some(true) => State::Installed,
            Some(false) => State::Wrong(found),
            None => State::Unverified(found),
        }
    }
}

/// All model folders below one.
#[derive(Debug)]
pub struct Catalogue {
    /// By name.
    pub entries: Vec<Entry>,
}

impl Catalogue {
    /// Reads the cards; one with a mistake harms none of the others.
    ///
    /// # Errors
    /// The folder is not there, or holds none.
    pub fn read(dir: &Path) -> Result<Self, ModelsError> {
        let none = || ModelsError::NoModels { path: dir.to_path_buf() };
        let folders = std::fs::read_dir(dir).map_err(|_| none())?.flatten().map(|entry| entry.path());
        let mut entries: Vec<Entry> = folders
            .filter(|path| path.join("model.toml").is_file())
            .filter_map(|path| {
                let name = path.file_name()?.to_str()?.to_owned();
                Some(Entry { name, card: ModelCard::read(&path), path })
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        if entries.is_empty() { Err(none()) } else { Ok(Self { entries }) }
    }

    /// A model by its folder's name, or by the name that its card gives it.
    ///
    /// # Errors
    /// There is none; the error names those that there are.
    pub fn entry(&self, name: &str) -> Result<&Entry, ModelsError> {
        let by_card = |entry: &&Entry| entry.card.as_ref().is_ok_and(|card| card.name == name);
        let found = self.entries.iter().find(|entry| entry.name == name).or_else(|| self.entries.iter().find(by_card));
        found.ok_or_else(|| {
            let known: Vec<&str> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
            ModelsError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }
}

/// SHA-256 of a file, 64 lower-case hexadecimal digits.
///
/// # Errors
/// It cannot be read.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect()),
            read => hash.update(&buffer[..read]),
        }
    }
}
