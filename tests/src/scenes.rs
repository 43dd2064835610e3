//! Labelled footage, rendered once for all tests.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base::ids::CameraId;
use serde::Deserialize;

use crate::place::{bin, build_dir, cctv};
use crate::process::Start;
use crate::wait::secs;

/// A labelled set: `site.toml`, clips, `truth.json`.
#[derive(Debug, Clone)]
pub struct Set {
    /// The folder.
    pub dir: PathBuf,
    /// What happens in which clip.
    pub clips: Vec<Clip>,
}

/// One clip of a set.
#[derive(Debug, Clone, Deserialize)]
pub struct Clip {
    /// File name in the set's folder.
    pub clip: String,
    /// Which camera's view it is.
    pub camera: CameraId,
    /// Escapes; empty: any alert is false.
    pub events: Vec<TruthEvent>,
}

/// One escape.
#[derive(Debug, Clone, Deserialize)]
pub struct TruthEvent {
    /// Seconds from the clip's start.
    pub start: f64,
    /// Seconds from the clip's start.
    pub end: f64,
    /// Which species.
    pub species: String,
}

impl Set {
    /// Reads a rendered set.
    ///
    /// # Errors
    /// `truth.json` is missing or wrong.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("truth.json");
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let clips = serde_json::from_str(&text).with_context(|| format!("{} is no truth file", path.display()))?;
        Ok(Self { dir: dir.to_owned(), clips })
    }

    /// Its site file.
    pub fn site(&self) -> PathBuf {
        self.dir.join("site.toml")
    }

    /// Where a clip lies.
    pub fn path(&self, clip: &Clip) -> PathBuf {
        self.dir.join(&clip.clip)
    }

    /// The clips with an escape, the earliest escape first.
    pub fn escapes(&self) -> Vec<&Clip> {
        let mut clips: Vec<&Clip> = self.clips.iter().filter(|c| !c.events.is_empty()).collect();
        clips.sort_by(|a, b| a.events[0].start.total_cmp(&b.events[0].start));
        clips
    }

    /// The clips on which any alert is false.
    pub fn quiet(&self) -> Vec<&Clip> {
        self.clips.iter().filter(|c| c.events.is_empty()).collect()
    }
}

/// The set `name`, rendered once into `target/scenes/{name}`; others who want it meanwhile wait.
///
/// # Errors
/// `scenes` is not built or fails.
pub fn set(name: &str) -> Result<Set> {
    let all = build_dir().parent().unwrap_or(Path::new("target")).join("scenes");
    std::fs::create_dir_all(&all)?;
    let dir = all.join(name);
    let lock = std::fs::File::create(all.join(format!("{name}.lock")))?;
    lock.lock()?;
    let program = bin("scenes")?;
    if !is_fresh(&dir, &program) {
        let parts = all.join(format!("{name}.part"));
        for old in [&parts, &dir] {
            match std::fs::remove_dir_all(old) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
                _ => {}
            }
        }
        Start::new(program)
            .args(["render", "--set", name, "--out"])
            .args([&parts])
            .run(secs(300))?
            .success()
            .with_context(|| format!("scenes render --set {name}"))?;
        std::fs::rename(&parts, &dir)?;
    }
    Set::open(&dir)
}

/// Rendered after the program that renders was built.
fn is_fresh(dir: &Path, program: &Path) -> bool {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    modified(&dir.join("truth.json")).zip(modified(program)).is_some_and(|(set, program)| set >= program)
}

/// The first seconds of the packaged CCTV as H.264 with a key frame each second, made once.
///
/// # Errors
/// ffmpeg fails, or `deploy/setup` has not been run.
pub fn street_clip(seconds: u32) -> Result<PathBuf> {
    let all = build_dir().parent().unwrap_or(Path::new("target")).join("scenes");
    std::fs::create_dir_all(&all)?;
    let path = all.join(format!("street-{seconds}s.mp4"));
    let lock = std::fs::File::create(all.join("street.lock"))?;
    lock.lock()?;
    if !path.exists() {
        let part = all.join("street.part.mp4");
        let encode = ["-an", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10", "-t"];
        Start::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y", "-i"])
            .args([cctv()?])
            .args(encode)
            .args([seconds.to_string()])
            .args([&part])
            .run(secs(60))?
            .success()?;
        std::fs::rename(&part, &path)?;
    }
    Ok(path)
}
