//! The site file on disk, its older versions in `data_dir/site-history`, and who has to know of a new one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::site::{Site, SiteError};
use base::time::Micros;
use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::merge;

/// So many older versions are kept.
const MOST_VERSIONS: usize = 500;

/// A site on its way to the parts that go by it, and where they say that they do.
#[derive(Debug)]
pub struct NewSite {
    /// The site.
    pub site: Arc<Site>,
    /// Told when it is in use.
    pub done: oneshot::Sender<()>,
}

/// The file as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// Its text.
    pub text: String,
    /// Names this very text.
    pub version: String,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub enum Change {
    /// All of the text.
    Text(String),
    /// What it has to say, as JSON with the file's keys.
    Site(Json),
    /// What an older version said.
    Restore(String),
}

/// An older version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Old {
    /// Names it.
    pub id: String,
    /// Until when it was in use.
    pub until: Micros,
    /// Who changed it then.
    pub by: String,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// It would be no site file.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// It cannot be put into the file.
    #[error("{0}")]
    Bad(String),
    /// Somebody else has changed the file.
    #[error("the site file has been changed since you opened it; load it again and repeat your change")]
    Conflict,
    /// Nothing like that was kept.
    #[error("there is no such older version")]
    Unknown,
    /// The disk.
    #[error("{}: {why}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The file, and what runs by it.
#[derive(Debug)]
pub struct Desk {
    path: PathBuf,
    history: PathBuf,
    current: watch::Sender<Arc<Site>>,
    /// Of the text that runs.
    version: watch::Sender<String>,
    apply: mpsc::Sender<NewSite>,
    /// One change at a time.
    writing: Mutex<()>,
}

impl Desk {
    /// The file at `path`, of which `site` was read; new ones are sent to `apply`.
    pub fn new(path: &Path, data_dir: &Path, site: Arc<Site>, apply: mpsc::Sender<NewSite>) -> Self {
        let version = std::fs::read_to_string(path).map(|text| version(&text)).unwrap_or_default();
        Self {
            path: path.to_owned(),
            history: data_dir.join("site-history"),
            current: watch::Sender::new(site),
            version: watch::Sender::new(version),
            apply,
            writing: Mutex::new(()),
        }
    }

    /// The site that runs.
    pub fn current(&self) -> Arc<Site> {
        Arc::clone(&self.current.borrow())
    }

    /// The same for whoever wants to know of a new one.
    pub fn watch(&self) -> watch::Receiver<Arc<Site>> {
        self.current.subscribe()
    }

    /// Names the text that runs.
    pub fn version(&self) -> String {
        self.version.borrow().clone()
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file as it is on disk, which somebody may have changed since the service began.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self) -> Result<Saved, SaveError> {
        let text = std::fs::read_to_string(&self.path).map_err(|e| disk(&self.path, &e))?;
        Ok(Saved { version: version(&text), text })
    }

    /// The text that `change` makes of the file, checked; nothing is written.
    ///
    /// # Errors
    /// It would be no site file, or not this one's.
    pub fn draft(&self, base_version: &str, change: &Change) -> Result<(String, Site), SaveError> {
        let saved = self.read()?;
        if saved.version != base_version {
            return Err(SaveError::Conflict);
        }
        let text = match change {
            Change::Text(text) => text.clone(),
            Change::Site(wanted) => merge::merged(&saved.text, wanted).map_err(SaveError::Bad)?,
            Change::Restore(id) => self.old(id)?,
        };
        let site = Site::parse(&text, &self.path)?;
        if site.name != self.current().name {
            let running = &self.current().name;
            return Err(SaveError::Bad(format!(
                "site.name is part of every topic and cannot change while the service runs; it must stay '{running}'"
            )));
        }
        Ok((text, site))
    }

    /// Writes a change and waits until everything goes by it.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn save(&self, base_version: &str, change: &Change, by: &str, at: Micros) -> Result<Saved, SaveError> {
        let _one_at_a_time = self.writing.lock().await;
        let (text, site) = self.draft(base_version, change)?;
        self.keep(by, at)?;
        write_whole(&self.path, text.as_bytes())?;
        let saved = Saved { version: version(&text), text };
        let site = Arc::new(site);
        self.version.send_replace(saved.version.clone());
        self.current.send_replace(Arc::clone(&site));
        let (done, used) = oneshot::channel();
        if self.apply.send(NewSite { site, done }).await.is_ok() {
            // The service is stopping otherwise, and goes by the new file when it starts again.
            let _ = used.await;
        }
        Ok(saved)
    }

    /// Older versions, newest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn history(&self) -> Result<Vec<Old>, SaveError> {
        let entries = match std::fs::read_dir(&self.history) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(disk(&self.history, &e)),
        };
        let name = |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned);
        let mut versions: Vec<Old> = entries.flatten().filter_map(name).filter_map(|id| old_of(&id)).collect();
        versions.sort_by_key(|old| std::cmp::Reverse(old.until));
        Ok(versions)
    }

    /// The text of an older version.
    ///
    /// # Errors
    /// There is none.
    pub fn old(&self, id: &str) -> Result<String, SaveError> {
        // The id becomes a file name: only those that the folder lists are taken.
        let known = self.history()?.into_iter().any(|old| old.id == id);
        let path = self.history.join(format!("{id}.toml"));
        if known { std::fs::read_to_string(&path).map_err(|e| disk(&path, &e)) } else { Err(SaveError::Unknown) }
    }

    /// Keeps the file as it is before somebody changes it.
    fn keep(&self, by: &str, at: Micros) -> Result<(), SaveError> {
        std::fs::create_dir_all(&self.history).map_err(|e| disk(&self.history, &e))?;
        let by: String = by.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(40).collect();
        // A clock that was set back, or two changes at once, must not write over what is kept.
        let name = |at: i64| self.history.join(format!("{at:016}_{by}.toml"));
        let path = (at.0..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(at.0));
        write_whole(&path, self.read()?.text.as_bytes())?;
        for old in self.history()?.into_iter().skip(MOST_VERSIONS) {
            let _ = std::fs::remove_file(self.history.join(format!("{}.toml", old.id)));
        }
        Ok(())
    }
}

fn old_of(id: &str) -> Option<Old> {
    let (at, by) = id.split_once('_')?;
    Some(Old { id: id.to_owned(), until: Micros(at.parse().ok()?), by: by.to_owned() })
}

fn version(text: &str) -> String {
    Sha256::digest(text.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn disk(path: &Path, error: &std::io::Error) -> SaveError {
    SaveError::Disk { path: path.to_owned(), why: error.to_string() }
}

/// A reader sees the old file or the new one, never half of it; after a power cut too.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), SaveError> {
    let part = path.with_extension("part");
    let write = || {
        let mut file = std::fs::File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if let Ok(old) = std::fs::metadata(path) {
            std::fs::set_permissions(&part, old.permissions())?;
        }
        std::fs::rename(&part, path)?;
        std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|e| disk(path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[site]\nname = \"z\"\ntimezone = \"UTC\"\n\n# kept\n[[camera]]\nid = \"a\"\n";

    fn desk(dir: &Path) -> (Desk, mpsc::Receiver<NewSite>) {
        let path = dir.join("site.toml");
        std::fs::write(&path, TEXT).unwrap();
        let (apply, applied) = mpsc::channel(4);
        (Desk::new(&path, dir, Arc::new(Site::load(&path).unwrap()), apply), applied)
    }

    async fn save(desk: &Desk, applied: &mut mpsc::Receiver<NewSite>, change: Change) -> Result<Saved, SaveError> {
        let version = desk.read()?.version;
        let use_it = async {
            let new = applied.recv().await.unwrap();
            new.done.send(()).unwrap();
            new.site
        };
        tokio::select! {
            saved = desk.save(&version, &change, "Kim O'Neil", Micros(7)) => saved,
            // The save is told only afterwards.
            _ = async { drop(use_it.await); std::future::pending::<()>().await } => unreachable!(),
        }
    }

    #[tokio::test]
    async fn a_change_is_in_use_when_it_is_saved_and_can_be_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let (desk, mut applied) = desk(dir.path());
        let mut site = merge::to_json(TEXT).unwrap();
        site["camera"][0]["position"] = serde_json::json!([1.5, 2]);
        let saved = save(&desk, &mut applied, Change::Site(site)).await.unwrap();
        assert_eq!(saved.text, format!("{TEXT}position = [1.5, 2.0]\n"));
        assert_eq!((desk.read().unwrap(), desk.current().cameras[0].position), (saved, Some([1.5, 2.0])));
        let [old] = &desk.history().unwrap()[..] else { panic!("one older version") };
        assert_eq!((old.by.as_str(), old.until), ("Kim-O-Neil", Micros(7)));
        let back = save(&desk, &mut applied, Change::Restore(old.id.clone())).await.unwrap();
        assert_eq!((back.text.as_str(), desk.current().cameras[0].position), (TEXT, None));
    }

    #[tokio::test]
    async fn a_mistake_names_its_line_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (desk, mut applied) = desk(dir.path());
        let wrong = Change::Text(TEXT.replace("UTC", "Moon"));
        let error = save(&desk, &mut applied, wrong).await.unwrap_err().to_string();
        assert!(error.contains("site.toml:3: timezone 'Moon' is unknown"), "{error}");
        let renamed = Change::Text(TEXT.replace("\"z\"", "\"y\""));
        let error = save(&desk, &mut applied, renamed).await.unwrap_err().to_string();
        assert!(error.contains("site.name"), "{error}");
        assert_eq!(desk.read().unwrap().text, TEXT);
        assert!(desk.history().unwrap().is_empty());
        assert!(matches!(desk.old("../site"), Err(SaveError::Unknown)));
    }

    #[tokio::test]
    async fn a_change_by_somebody_else_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let (desk, _applied) = desk(dir.path());
        let version = desk.read().unwrap().version;
        std::fs::write(dir.path().join("site.toml"), format!("# by hand\n{TEXT}")).unwrap();
        let refused = desk.save(&version, &Change::Text(TEXT.into()), "kim", Micros(7)).await;
        assert!(matches!(refused, Err(SaveError::Conflict)), "{refused:?}");
    }
}
