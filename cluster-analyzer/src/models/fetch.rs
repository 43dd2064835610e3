//! Adapter: `models fetch` puts a model's network into its folder.
//!
//! First what is there, then the cache, then the address. A download goes into `model.onnx.part`, which stays when it
//! is cut off, and gets its name only when it is whole and has the checksum of the card.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use url::{Host, Url};
use vision::ModelCard;

use super::ModelsError;
use super::catalogue::{Entry, State, sha256_of};
use super::download::{DownloadError, download};

/// How a model is fetched.
#[derive(Debug, Clone)]
pub struct Params {
    /// A folder with files NAME.onnx that is looked at first.
    pub cache: Option<PathBuf>,
    /// Waited for before a download that was cut off goes on.
    pub pause: Duration,
    /// How often it is begun or goes on at most; at least once.
    pub tries: u32,
}

/// What `models fetch` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where the file comes from; `None` where it was there already.
    pub from: Option<String>,
    /// Its SHA-256, where the card vouches for none: it is not run until the card names it.
    pub unverified: Option<String>,
}

impl Fetched {
    /// One sentence for a person.
    pub fn sentence(&self, entry: &Entry) -> String {
        let network = entry.network();
        let there = match &self.from {
            None => format!("{} is there already: {}", entry.name, network.display()),
            Some(from) => format!("{} is installed: {}, from {from}", entry.name, network.display()),
        };
        match &self.unverified {
            None => there,
            Some(found) => format!(
                "{there}; its sha256 is {found}, and model.toml names none, so it is not run: compare it with what the \
                 publisher says, then write sha256 = \"{found}\" into {}",
                entry.path.join("model.toml").display()
            ),
        }
    }
}

/// Puts the model's network into its folder.
///
/// # Errors
/// A card with a mistake, a damaged file in the cache, no address, a download that is refused, is cut off again and
/// again, or is not what the card names.
pub fn fetch(entry: &Entry, params: &Params) -> Result<Fetched, ModelsError> {
    let card = match &entry.card {
        Ok(card) => card,
        // Read again for the error, which cannot be copied.
        Err(_) => &ModelCard::read(&entry.path)?,
    };
    match entry.state() {
        State::Installed => return Ok(Fetched { from: None, unverified: None }),
        State::Unverified(found) => return Ok(Fetched { from: None, unverified: Some(found) }),
        State::Missing | State::Wrong(_) | State::Unreadable(_) => {}
    }
    if let Some(cached) = cached(entry, params) {
        return from_cache(entry, card, &cached);
    }
    let Some(url) = &card.url else {
        let (name, from) = (entry.name.clone(), card.source.clone());
        return Err(ModelsError::NoAddress { name, from, path: entry.network() });
    };
    from_address(entry, card, url, params)
}

fn cached(entry: &Entry, params: &Params) -> Option<PathBuf> {
    let file = params.cache.as_ref()?.join(format!("{}.onnx", entry.name));
    file.is_file().then_some(file)
}

/// A damaged file there is an error: whoever filled the cache wanted that file to be used.
fn from_cache(entry: &Entry, card: &ModelCard, cached: &Path) -> Result<Fetched, ModelsError> {
    let found = sha256_of(cached).map_err(|e| file_error(cached, "read", e))?;
    let vouched = card.vouches_for(&found);
    if vouched == Some(false) {
        let (name, wanted) = (entry.name.clone(), card.sha256.clone());
        return Err(ModelsError::Damaged { path: cached.to_path_buf(), name, found, wanted });
    }
    let part = Part::open(entry)?;
    let copied = File::open(cached).and_then(|mut from| {
        part.file.set_len(0)?;
        io::copy(&mut from, &mut &part.file)
    });
    copied.map_err(|e| file_error(&part.path, "written", e))?;
    part.finish(entry)?;
    let unverified = vouched.is_none().then_some(found);
    Ok(Fetched { from: Some(cached.display().to_string()), unverified })
}

fn from_address(entry: &Entry, card: &ModelCard, url: &str, params: &Params) -> Result<Fetched, ModelsError> {
    // Any file would do: then at least nobody on the way may choose which.
    let any = card.vouches_for("").is_none_or(|any| any);
    if any && is_open(url) {
        return Err(ModelsError::Open { url: url.to_owned(), name: entry.name.clone() });
    }
    let mut part = Part::open(entry)?;
    // Of a file without a checksum nobody could tell whether its halves belong together.
    let mut resumed = get(url, &mut part.file, !any, params).map_err(|source| refused(entry, url, source))?;
    let mut found = sha256_of(&part.path).map_err(|e| file_error(&part.path, "read", e))?;
    if resumed && card.vouches_for(&found) == Some(false) {
        // The first half was of another file.
        resumed = get(url, &mut part.file, false, params).map_err(|source| refused(entry, url, source))?;
        found = sha256_of(&part.path).map_err(|e| file_error(&part.path, "read", e))?;
    }
    tracing::debug!(url, resumed, found, "downloaded");
    if card.vouches_for(&found) == Some(false) {
        part.discard();
        let (url, name, wanted) = (url.to_owned(), entry.name.clone(), card.sha256.clone());
        return Err(ModelsError::WrongFile { url, name, found, wanted, instead: instead(entry) });
    }
    part.finish(entry)?;
    let unverified = card.vouches_for(&found).is_none().then_some(found);
    Ok(Fetched { from: Some(url.to_owned()), unverified })
}

/// Downloads, and goes on while something comes. Returns whether the beginning is of an earlier run.
fn get(url: &str, file: &mut File, resume: bool, params: &Params) -> Result<bool, DownloadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(DownloadError::Disk)?;
    runtime.block_on(async {
        let (mut tries, mut resume, mut earlier) = (1, resume, None);
        loop {
            let before = if resume { file.metadata().map_or(0, |m| m.len()) } else { 0 };
            match download(url, file, resume).await {
                Ok(resumed) => return Ok(earlier.unwrap_or(resumed)),
                Err(DownloadError::Cut { got_bytes, .. }) if tries < params.tries && got_bytes > 0 => {
                    earlier.get_or_insert(before > 0);
                    // What came in this run is of this file, whatever its checksum is.
                    (tries, resume) = (tries + 1, true);
                    tokio::time::sleep(params.pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    })
}

/// Not encrypted, and not on this machine.
fn is_open(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return true };
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() != "https" && !is_here
}

fn refused(entry: &Entry, url: &str, source: DownloadError) -> ModelsError {
    ModelsError::Refused { url: url.to_owned(), instead: instead(entry), source }
}

fn instead(entry: &Entry) -> String {
    format!(
        "where the internet cannot be reached, fetch it elsewhere and put it at {} or as {}.onnx into \
         $PADDOCK_MODEL_CACHE, then run `cluster-analyzer models check {}`",
        entry.network().display(),
        entry.name,
        entry.name
    )
}

fn file_error(path: &Path, what: &'static str, source: io::Error) -> ModelsError {
    ModelsError::File { path: path.to_path_buf(), what, source }
}

/// The half file, held by this process alone.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn open(entry: &Entry) -> Result<Self, ModelsError> {
        let path = entry.path.join("model.onnx.part");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| file_error(&path, "written", e))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => Err(ModelsError::Busy { path }),
            // Network file systems may have no locks; the checksum guards all the same.
            Ok(()) | Err(_) => Ok(Self { path, file }),
        }
    }

    /// Gives it its name, when it is on the disk itself.
    fn finish(self, entry: &Entry) -> Result<(), ModelsError> {
        let network = entry.network();
        let named = self.file.sync_all().and_then(|()| fs::rename(&self.path, &network));
        named.and_then(|()| File::open(&entry.path)?.sync_all()).map_err(|e| file_error(&network, "written", e))
    }

    fn discard(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("{} cannot be removed: {error}", self.path.display());
        }
    }
}
