//! Where things are: the repository, the built programs, folders for one test.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The repository's root.
pub fn repo_root() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.parent().unwrap_or(crate_dir).to_path_buf()
}

/// The folder of build products that this program itself was built into, such as `target/debug`.
pub fn build_dir() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let dir = own.parent().unwrap_or(Path::new("."));
    // A test lies one folder deeper than a program.
    let dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
    dir.to_path_buf()
}

/// A built program of this workspace.
///
/// # Errors
/// It is not built.
pub fn bin(name: &str) -> Result<PathBuf> {
    let path = build_dir().join(name);
    if !path.is_file() {
        bail!("{} is not built; run `cargo build -p {name}` first", path.display());
    }
    Ok(path)
}

/// What `deploy/setup` puts in, such as `setup_file("bin/weed")`.
///
/// # Errors
/// It is not there.
pub fn setup_file(name: &str) -> Result<PathBuf> {
    let path = repo_root().join(".setup").join(name);
    if !path.exists() {
        bail!("{} is missing; run deploy/setup first", path.display());
    }
    Ok(path)
}

/// The packaged CCTV: 768x576, 10 fps, 795 frames of walkers.
///
/// # Errors
/// `deploy/setup` has not been run.
pub fn cctv() -> Result<PathBuf> {
    setup_file("footage/vtest.avi")
}

/// A folder that goes when this goes; with `PADDOCK_TEST_KEEP` set it stays and says where it is.
#[derive(Debug)]
pub struct Scratch {
    dir: Option<tempfile::TempDir>,
    path: PathBuf,
}

impl Scratch {
    /// A new empty folder.
    ///
    /// # Errors
    /// The temporary folder is not writable.
    pub fn new(name: &str) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix(&format!("paddock-{name}-"))
            .tempdir()
            .context("a temporary folder cannot be made")?;
        let path = dir.path().to_path_buf();
        if std::env::var_os("PADDOCK_TEST_KEEP").is_some() {
            eprintln!("kept: {}", path.display());
            return Ok(Self { path: dir.keep(), dir: None });
        }
        Ok(Self { dir: Some(dir), path })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.as_ref().map_or(self.path.as_path(), tempfile::TempDir::path)
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file in it.
    ///
    /// # Errors
    /// The disk.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    }
}
