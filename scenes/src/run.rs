//! One set into one folder.

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base::site::Site;
use media::{ClipOptions, ClipWriter};
use serde::{Deserialize, Serialize};

use crate::compose::{Composer, Settings};
use crate::effects::Prepared;
use crate::error::ScenesError;
use crate::footage::{Footage, Reel, to_and_fro};
use crate::look::Develop;
use crate::plan::{ClipPlan, SetPlan};
use crate::progress::Progress;
use crate::sets::SetName;
use crate::tracks::Seen;
use crate::world::{FPS, HEIGHT, WIDTH};
use crate::{stamps, tracks, truth};

/// Raised when the same plan makes other pixels than before.
const RENDER_VERSION: u32 = 2;
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
    /// Only so many clips, the first ones.
    pub clips: Option<usize>,
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
    let mut plan = request.set.plan(request.seed);
    plan.clips.truncate(request.clips.unwrap_or(usize::MAX));
    let site_text = site_text(&plan, request)?;
    let site_path = request.out.join("site.toml");
    let site = Site::parse(&site_text, &site_path).map_err(|e| ScenesError::Plan(e.to_string()))?;
    let truth = truth::of(&plan, &site);
    let done =
        Rendered { clips: plan.clips.len(), events: truth.iter().map(|t| t.events.len()).sum(), already_there: true };
    let stamp = Stamp { set: request.set.to_string(), seed: request.seed, version: version(&plan) };
    if is_there(request, &plan, &stamp)? {
        return Ok(done);
    }
    let footage = Footage::find(request.footage.as_deref())?;
    let folder = request.stamps.as_deref().unwrap_or(Path::new(stamps::PACKAGED));
    // One thread a picture: the same sums in the same order. The clips share the cores.
    opencv::core::set_num_threads(1)?;
    let empty = footage.background()?;
    let mut composer = Composer::new(empty.clone(), folder);
    plan.clips.iter().try_for_each(|clip| composer.prepare(clip))?;
    let reel = footage.reel(&plan.clips.iter().flat_map(pictures_of).collect())?;
    write(&site_path, &site_text)?;
    let progress = progress(plan.clips.iter().map(|clip| clip.frames).sum());
    let seen = all_clips(&plan, request, &reel, || Composer::new(empty.clone(), folder), &progress)?;
    progress.end();
    let tracks: Vec<_> = plan.clips.iter().zip(&seen).map(|(clip, seen)| tracks::of(clip, &site, seen)).collect();
    let truth: Vec<_> = truth.into_iter().zip(&tracks).map(|(t, tracks)| truth::with_hidden(t, tracks)).collect();
    write(&request.out.join("truth.json"), &pretty(&truth)?)?;
    write(&request.out.join("tracks.json"), &compact(&tracks)?)?;
    write(&request.out.join(STAMP), &(compact(&stamp)? + "\n"))?;
    Ok(Rendered { already_there: false, ..done })
}

/// The settings of a camera made ready, with the noise of this seed.
pub fn settings(clip: &ClipPlan, seed: u64) -> Settings {
    let seed = seed.wrapping_mul(31).wrapping_add(u64::from(clip.first_frame));
    let rows = clip.view.height() as f32 / HEIGHT as f32;
    let street_y = |row: u32| clip.view.y as f32 + row as f32 * rows;
    Settings { effects: Prepared::new(&clip.effects, seed, street_y), develop: Develop::new(&clip.look, seed) }
}

/// The numbers of the footage's pictures that a clip needs.
fn pictures_of(clip: &ClipPlan) -> impl Iterator<Item = u32> {
    let begins = [clip.first_frame].into_iter().chain(clip.also.iter().copied());
    begins.flat_map(|first| (first..first + clip.frames).map(to_and_fro))
}

/// Renders all clips on all cores; what each shows does not depend on which core made it.
fn all_clips(
    plan: &SetPlan,
    request: &Request,
    reel: &Reel,
    composer: impl Fn() -> Composer + Sync,
    progress: &Progress,
) -> Result<Vec<Vec<Seen>>, ScenesError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let worker = || -> Result<Vec<(usize, Vec<Seen>)>, ScenesError> {
        let mut composer = composer();
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(clip) = plan.clips.get(number) else { return Ok(done) };
            progress.begin(&format!("{} ({} of {}, {} s)", clip.camera, number + 1, plan.clips.len(), clip.seconds()));
            let seen = clip_file(&mut composer, reel, clip, request, progress).inspect_err(|_| {
                // The others need not go on.
                next.store(plan.clips.len(), Ordering::Relaxed);
            })?;
            done.push((number, seen));
        }
    };
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores.min(plan.clips.len()).max(1)).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let mut seen = vec![Vec::new(); plan.clips.len()];
    for result in results {
        for (number, frames) in result? {
            seen[number] = frames;
        }
    }
    Ok(seen)
}

fn clip_file(
    composer: &mut Composer,
    reel: &Reel,
    clip: &ClipPlan,
    request: &Request,
    progress: &Progress,
) -> Result<Vec<Seen>, ScenesError> {
    let settings = settings(clip, request.seed);
    // One thread, because the coded bytes depend on their number.
    let (crf, preset) = (clip.coding.crf, if clip.coding.fast { "ultrafast" } else { "superfast" }.into());
    let options = ClipOptions { threads: 1, crf, preset, ..ClipOptions::default() };
    let mut writer = ClipWriter::create(request.out.join(clip.file()), WIDTH, HEIGHT, f64::from(FPS), &options)?;
    let mut seen = Vec::with_capacity(clip.frames as usize);
    for frame in 0..clip.frames {
        let begins = [clip.first_frame].into_iter().chain(clip.also.iter().copied());
        let streets: Vec<&[u8]> = begins.map(|first| reel.at(first + frame)).collect::<Result<_, _>>()?;
        let composed = composer.picture(clip, &settings, frame, &streets)?;
        writer.write(&composed.picture)?;
        composer.reuse(composed.picture);
        seen.push(Seen { shows: composed.shows, shake_px: composed.shake_px });
        progress.frame();
    }
    writer.finish()?;
    Ok(seen)
}

fn compact(value: &impl Serialize) -> Result<String, ScenesError> {
    serde_json::to_string(value).map_err(|e| ScenesError::Plan(e.to_string()))
}

fn pretty(value: &impl Serialize) -> Result<String, ScenesError> {
    let text = serde_json::to_string_pretty(value).map_err(|e| ScenesError::Plan(e.to_string()))?;
    Ok(text + "\n")
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
        let labelled = ["site.toml", "truth.json", "tracks.json"].iter().all(|name| request.out.join(name).is_file());
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
