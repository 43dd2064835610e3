//! Adapter: a folder with what was seen of clips, so that judging them again needs no detector.

use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use vision::LookParams;

use super::see::SeeParams;
use super::seen::{SeenClip, decode, encode};
use crate::config::DetectConfig;

/// Raised when detector or gate see something else in the same picture under the same settings: what was kept
/// before is then looked at anew.
const SEES_AS: u32 = 1;

/// The folder, and by what was looked.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
    looked_by: String,
}

impl Cache {
    /// Takes a folder, which is made where it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(dir: &Path, model_sha256: &str, detect: &DetectConfig, see: &SeeParams) -> std::io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        // How many threads look changes nothing in what they see.
        let detect = DetectConfig { threads: 1, sessions: 1, ..detect.clone() };
        // The parts of the second look that no file sets are settings all the same.
        let looks = LookParams { windows: detect.windows, ..LookParams::default() };
        Ok(Self { dir: dir.to_owned(), looked_by: format!("{SEES_AS} {model_sha256} {detect:?} {looks:?} {see:?}") })
    }

    /// What a clip is kept under: its content, and by what it was looked at.
    ///
    /// # Errors
    /// The clip cannot be read.
    pub fn key(&self, clip: &Path) -> std::io::Result<String> {
        Ok(format!("{} {}", content_sha256(clip)?, self.looked_by))
    }

    /// What was seen under a key; `None` when it is not there or damaged.
    pub fn get(&self, key: &str) -> Option<SeenClip> {
        decode(key, &std::fs::read(self.path(key)).ok()?)
    }

    /// Keeps what was seen. It is there whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn put(&self, key: &str, clip: &SeenClip) -> std::io::Result<()> {
        let path = self.path(key);
        let part = path.with_extension(format!("part-{}", std::process::id()));
        File::create(&part)?.write_all(&encode(key, clip))?;
        std::fs::rename(part, path)
    }

    fn path(&self, key: &str) -> PathBuf {
        let name = hex(&Sha256::digest(key));
        self.dir.join(format!("{}.seen", &name[..32]))
    }
}

/// The checksum of a model folder's network, which its card need not name.
///
/// # Errors
/// The file cannot be read.
pub fn network_sha256(model: &Path) -> std::io::Result<String> {
    content_sha256(&model.join("model.onnx"))
}

fn content_sha256(path: &Path) -> std::io::Result<String> {
    let mut file = BufReader::with_capacity(1 << 18, File::open(path)?);
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
