//! One set into one folder.

use std::fs;
use std::path::{Path, PathBuf};

use base::site::Site;
use media::{ClipOptions, ClipWriter};
use serde::{Deserialize, Serialize};

use crate::compose::Composer;
use crate::error::ScenesError;
use crate::footage::Footage;
use crate::look::Develop;
use crate::plan::{ClipPlan, SetPlan};
use crate::progress::Progress;
use crate::sets::SetName;
use crate::world::{FPS, HEIGHT, WIDTH};
use crate::{stamps, truth};

/// Raised when the same plan makes other pixels than before.
const RENDER_VERSION: u32 = 1;
/// Says what the folder holds; written last, so that a set without it is not whole.
const STAMP: &str = "rendered.json";

/// What to render, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which set.
    pub set: SetName,
    /// All chance in the set comes from it.
    pub seed: u64,
    /// The folder; it is created.
    pub out: PathBuf,
    /// The CCTV, if not the packaged one.
    pub footage: Option<PathBuf>,
    /// The folder of photographs, if not the packaged one.
    pub stamps: Option<PathBuf>,
}

/// What was rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// How many clips the set has.
    pub clips: usize,
    /// How many events its truth has.
    pub events: usize,
    /// It was there already.
    pub already_there: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    set: String,
    seed: u64,
    /// Of the renderer and of the plan's numbers.
    version: String,
}

/// Renders a set, unless the folder holds it already.
///
/// # Errors
/// One of [`ScenesError`]: a package is missing, or the folder cannot be written.
pub fn render(request: &Request, progress: impl FnOnce(u32) -> Progress) -> Result<Rendered, ScenesError> {
    let plan = request.set.plan(request.seed);
    let site_text = site_text(&plan, request)?;
    let site_path = request.out.join("site.toml");
    let site = Site::parse(&site_text, &site_path).map_err(|e| ScenesError::Plan(e.to_string()))?;
    let truth = truth::of(&plan, &site);
    let truth_text = serde_json::to_string_pretty(&truth).map_err(|e| ScenesError::Plan(e.to_string()))? + "\n";
    let done =
        Rendered { clips: plan.clips.len(), events: truth.iter().map(|t| t.events.len()).sum(), already_there: true };
    let stamp = Stamp { set: request.set.to_string(), seed: request.seed, version: version(&plan) };
    if is_there(request, &plan, &stamp)? {
        return Ok(done);
    }
    let footage = Footage::find(request.footage.as_deref())?;
    let folder = request.stamps.as_deref().unwrap_or(Path::new(stamps::PACKAGED));
    // One thread: the same sums in the same order, and no fight over the cores with whatever else runs.
    opencv::core::set_num_threads(1)?;
    let mut composer = Composer::new(footage.background()?, folder);
    plan.clips.iter().try_for_each(|clip| composer.prepare(clip))?;
    write(&site_path, &site_text)?;
    write(&request.out.join("truth.json"), &truth_text)?;
    let progress = progress(plan.clips.iter().map(|clip| clip.frames).sum());
    for (i, clip) in plan.clips.iter().enumerate() {
        progress.begin(&format!("{} ({} of {}, {} s)", clip.camera, i + 1, plan.clips.len(), clip.seconds()));
        clip_file(&mut composer, &footage, clip, request, &progress)?;
    }
    progress.end();
    let stamp = serde_json::to_string(&stamp).map_err(|e| ScenesError::Plan(e.to_string()))?;
    write(&request.out.join(STAMP), &(stamp + "\n"))?;
    Ok(Rendered { already_there: false, ..done })
}

/// The settings of a camera made ready, with the noise of this seed.
pub fn develop(clip: &ClipPlan, seed: u64) -> Develop {
    Develop::new(&clip.look, seed.wrapping_mul(31).wrapping_add(u64::from(clip.first_frame)))
}

fn clip_file(
    composer: &mut Composer,
    footage: &Footage,
    clip: &ClipPlan,
    request: &Request,
    progress: &Progress,
) -> Result<(), ScenesError> {
    let (mut player, develop) = (footage.play(clip.first_frame)?, develop(clip, request.seed));
    // About a megabit per second, as CCTV is set; one thread, because the coded bytes depend on their number.
    let options = ClipOptions { threads: 1, crf: 24, preset: "superfast".into(), ..ClipOptions::default() };
    let mut writer = ClipWriter::create(request.out.join(clip.file()), WIDTH, HEIGHT, f64::from(FPS), &options)?;
    for frame in 0..clip.frames {
        let street = player.next_picture()?.ok_or_else(|| ScenesError::Plan(format!("{} is too long", clip.camera)))?;
        writer.write(&composer.picture(clip, &develop, frame, &street)?)?;
        progress.frame();
    }
    Ok(writer.finish()?)
}

/// Whether the folder holds this very set; makes it, and its old stamp go, when not.
fn is_there(request: &Request, plan: &SetPlan, stamp: &Stamp) -> Result<bool, ScenesError> {
    let path = request.out.join(STAMP);
    let found: Option<Stamp> = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
    if let Some(found) = &found {
        if found.set != stamp.set {
            return Err(ScenesError::OtherSet { path: request.out.clone(), found: found.set.clone() });
        }
        let whole = plan.clips.iter().all(|clip| request.out.join(clip.file()).is_file());
        let labelled = ["site.toml", "truth.json"].iter().all(|name| request.out.join(name).is_file());
        if found == stamp && whole && labelled {
            return Ok(true);
        }
        fs::remove_file(&path).map_err(|source| ScenesError::Out { path, source })?;
    }
    let failed = |source| ScenesError::Out { path: request.out.clone(), source };
    fs::create_dir_all(&request.out).map_err(failed)?;
    Ok(false)
}

fn write(path: &Path, text: &str) -> Result<(), ScenesError> {
    fs::write(path, text).map_err(|source| ScenesError::Out { path: path.to_owned(), source })
}

fn site_text(plan: &SetPlan, request: &Request) -> Result<String, ScenesError> {
    let head = format!(
        "# The site of the set `{}`, seed {}; written by `scenes render`, which overwrites it.\n",
        request.set, request.seed
    );
    plan.site.to_toml(&head).map_err(|e| ScenesError::Plan(e.to_string()))
}

/// Changes with the renderer's version and with every number of the plan.
fn version(plan: &SetPlan) -> String {
    let text = format!("{plan:?}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    format!("{RENDER_VERSION}-{hash:016x}")
}
