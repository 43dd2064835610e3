//! Adapter: the command `evaluate`: reads sets, looks, judges, prints and writes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vision::ModelCard;

use super::calibrate::Labelled;
use super::figures::{Apes, ClipScore, figures, tables};
use super::limits::Limits;
use super::report::{Evaluation, Speed, alarm_lines, to_json};
use super::score::{self, Bench};
use super::set::Set;
use super::sheet::Sheet;
use super::{EvaluateError, text};
use crate::config::calibration_beside;
use crate::config::{DEFAULT_MODEL, DetectConfig};
use crate::detect::Detector;
use crate::detect::onnx::OnnxDetector;
use crate::judge::{self, Calibration};
use crate::replay::cache::{Cache, network_sha256};
use crate::replay::see::SeeParams;
use crate::replay::seen::SeenClip;
use crate::replay::watch::{Looked, Watch, thread_cpu};

/// What `evaluate` takes on the command line.
#[derive(Debug, Clone, clap::Args)]
pub struct Flags {
    /// Folder of a labelled set: site.toml, truth.json, clips; may be given more than once.
    #[arg(long = "set", value_name = "DIR", required = true)]
    pub sets: Vec<PathBuf>,
    /// Another site file than the sets' own.
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
    /// Model folder.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_MODEL)]
    pub model: PathBuf,
    /// Keep what was seen of each clip in this folder, and take it from there the next time.
    #[arg(long, value_name = "DIR")]
    pub seen: Option<PathBuf>,
    /// Write evaluation.json, alarms.jsonl and a contact sheet of every miss and false alarm into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// At most so many clips of each set, evenly spread.
    #[arg(long, value_name = "N")]
    pub clips: Option<usize>,
    /// Pictures a second while something moves.
    #[arg(long, value_name = "FPS", default_value_t = 5.0)]
    pub fps: f64,
    /// Judge by this calibration.
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// Fit a calibration to the sets and write it.
    #[arg(long, value_name = "FILE")]
    pub calibrate: Option<PathBuf>,
    /// Write tracks, detections and truth in the format of MOTChallenge, as TrackEval reads it.
    #[arg(long, value_name = "DIR")]
    pub mot: Option<PathBuf>,
    /// Clips that are looked at side by side; all cores when it is not given.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Fail when the figures are worse than those in this TOML file.
    #[arg(long, value_name = "FILE")]
    pub at_least: Option<PathBuf>,
}

/// One clip of all sets, with what was seen of it.
struct Case<'a> {
    set: &'a Set,
    clip: usize,
    seen: &'a SeenClip,
}

impl Case<'_> {
    fn labelled(&self) -> Labelled<'_> {
        let truth = &self.set.clips[self.clip];
        Labelled { truth, tracks: self.set.tracks.get(&truth.clip), seen: self.seen }
    }
}

/// Evaluates. The figures go to standard output.
///
/// # Errors
/// A person's mistake in flags, sets or files; a network that fails; figures that are worse than they may be.
pub fn run(flags: &Flags) -> Result<(), EvaluateError> {
    let bad = EvaluateError::BadInput;
    if !(0.1..=60.0).contains(&flags.fps) || flags.clips == Some(0) || flags.jobs == Some(0) {
        return Err(bad("--fps must be between 0.1 and 60, --clips and --jobs at least 1".into()));
    }
    let limits = flags.at_least.as_deref().map(|path| read_toml(path, Limits::parse)).transpose()?;
    let card = Arc::new(ModelCard::read(&flags.model).map_err(|e| bad(base::input::chain(&e)))?);
    let model = ModelId::of(&flags.model, &card)?;
    let judge = judge_params(flags.calibration.as_deref(), &flags.model, &model)?;
    let open = |dir: &PathBuf| Set::open(dir, flags.site.as_deref(), flags.clips);
    let sets = flags.sets.iter().map(open).collect::<Result<Vec<Set>, _>>()?;
    let jobs = flags.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    // In the order of scenes, set after set.
    let scenes: Vec<(&Set, &[usize])> = sets.iter().flat_map(|s| s.scenes.iter().map(move |c| (s, &c[..]))).collect();
    let clips: Vec<PathBuf> = scenes.iter().flat_map(|(set, clips)| clips.iter().map(|i| set.path(*i))).collect();
    let looked = look(flags, &model, &clips, jobs)?;
    let mut rest = looked.iter();
    let cases: Vec<Vec<Case<'_>>> = scenes
        .iter()
        .map(|(set, clips)| {
            clips.iter().zip(rest.by_ref()).map(|(i, looked)| Case { set, clip: *i, seen: &looked.clip }).collect()
        })
        .collect();
    let (scores, judged) = judge_all(&cases, &card, &judge, jobs);
    let evaluation = evaluation(&model, &scores, speed(&looked, judged));
    print(&evaluation, clips.len());
    write(flags, &evaluation, &scores, &cases, &card, &model)?;
    let faults = limits.map(|limits| limits.faults(&evaluation.headline)).unwrap_or_default();
    if faults.is_empty() { Ok(()) } else { Err(EvaluateError::Worse(faults.join("; "))) }
}

/// Which network it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelId {
    /// The model's name.
    pub name: String,
    /// SHA-256 of its network.
    pub sha256: String,
}

impl ModelId {
    /// That of a model folder.
    ///
    /// # Errors
    /// The network cannot be read.
    pub fn of(dir: &Path, card: &ModelCard) -> Result<Self, EvaluateError> {
        let sha256 = network_sha256(dir).map_err(|e| {
            EvaluateError::BadInput(format!(
                "{}: model.onnx cannot be read ({e}); --model names a folder",
                dir.display()
            ))
        })?;
        Ok(Self { name: card.name.clone(), sha256 })
    }
}

/// The judge's settings, with the calibration file that is named, or the one in the model folder `dir`.
///
/// # Errors
/// The file cannot be read, has a mistake, or is another model's.
pub fn judge_params(calibration: Option<&Path>, dir: &Path, model: &ModelId) -> Result<judge::Params, EvaluateError> {
    let brought = calibration_beside(dir);
    let Some(path) = calibration.or(brought.as_deref()) else { return Ok(judge::Params::default()) };
    let calibration = read_toml(path, Calibration::parse)?;
    if !calibration.fits(&model.sha256) {
        let (path, of, model) = (path.display(), &calibration.model, &model.name);
        return Err(EvaluateError::BadInput(format!(
            "{path}: key `model_sha256` is that of another network ({of}) and not of {model}'s; run `evaluate --calibrate` \
             with the model that is used"
        )));
    }
    Ok(judge::Params { calibration, ..judge::Params::default() })
}

fn read_toml<T>(path: &Path, parse: impl Fn(&str) -> Result<T, (usize, String)>) -> Result<T, EvaluateError> {
    let bad = |why: String| EvaluateError::BadInput(format!("{}{why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| bad(format!(": it cannot be read ({e})")))?;
    parse(&text).map_err(|(line, message)| bad(format!(":{line}: {message}")))
}

fn look(flags: &Flags, model: &ModelId, clips: &[PathBuf], jobs: usize) -> Result<Vec<Looked>, EvaluateError> {
    // One thread a network: as many networks as cores are faster than one on all of them.
    let detect = DetectConfig { threads: 1, ..DetectConfig::default() };
    let see = SeeParams::at_fps(flags.fps);
    let cache = flags.seen.as_deref().map(|dir| {
        Cache::open(dir, &model.sha256, &detect, &see)
            .map_err(|e| EvaluateError::BadInput(format!("--seen {} cannot be made: {e}", dir.display())))
    });
    let cache = cache.transpose()?;
    let open = || -> Result<Box<dyn Detector>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Box::new(OnnxDetector::open(&flags.model, &detect)?))
    };
    let progress = |done: usize, looked: &Looked| {
        if looked.took.is_some() && (done.is_multiple_of(10) || done == clips.len()) {
            tracing::info!("{done} of {} clips seen", clips.len());
        }
    };
    let watch = Watch { params: &see, open: &open, cache: cache.as_ref(), jobs, progress: &progress };
    watch.all(clips).map_err(|e| {
        let text = base::input::chain(&e);
        if e.source.is_bad_input() { EvaluateError::BadInput(text) } else { EvaluateError::Failed(text) }
    })
}

/// The score of each clip, and the processor time that judging took.
fn judge_all(
    cases: &[Vec<Case<'_>>],
    card: &Arc<ModelCard>,
    judge: &judge::Params,
    jobs: usize,
) -> (Vec<ClipScore>, Duration) {
    let next = AtomicUsize::new(0);
    let scored = Mutex::new(Vec::new());
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(scene) = cases.get(i) else { return };
            let Some(set) = scene.first().map(|case| case.set) else { continue };
            let began = thread_cpu();
            let bench = Bench { site: Arc::clone(&set.site), card: Arc::clone(card), judge: judge.clone() };
            let clips: Vec<_> = scene.iter().map(|case| (&set.clips[case.clip], case.seen)).collect();
            let scores = score::scene(&bench, &set.name(), i, &clips);
            scored.lock().unwrap_or_else(PoisonError::into_inner).push((i, scores, thread_cpu().saturating_sub(began)));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, cases.len().max(1)) {
            scope.spawn(work);
        }
    });
    let mut scored = scored.into_inner().unwrap_or_else(PoisonError::into_inner);
    scored.sort_by_key(|(i, ..)| *i);
    let took = scored.iter().map(|(_, _, took)| *took).sum();
    (scored.into_iter().flat_map(|(_, scores, _)| scores).collect(), took)
}

fn speed(looked: &[Looked], judged: Duration) -> Speed {
    let fresh = || looked.iter().filter_map(|l| Some((l.took?.as_secs_f64(), &l.clip)));
    let seconds = fresh().map(|(took, _)| took).sum::<f64>();
    let a_second = |count: f64, seconds: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
    let all: usize = looked.iter().map(|l| l.clip.seen.len()).sum();
    Speed {
        clips_looked_at: fresh().count(),
        frames_per_s: a_second(fresh().map(|(_, clip)| clip.frames as f64).sum(), seconds),
        pictures_per_s: a_second(fresh().map(|(_, clip)| clip.seen.len() as f64).sum(), seconds),
        judged_per_s: a_second(all as f64, judged.as_secs_f64()),
    }
}

fn evaluation(model: &ModelId, scores: &[ClipScore], speed: Speed) -> Evaluation {
    let of = |apes| figures(scores, apes, |_, _| true);
    Evaluation {
        model: model.name.clone(),
        model_sha256: model.sha256.clone(),
        headline: of(Apes::Without),
        apes: of(Apes::Only),
        with_apes: of(Apes::With),
        tables: tables(scores),
        speed,
    }
}

fn print(evaluation: &Evaluation, clips: usize) {
    let Evaluation { model, headline, apes, with_apes, tables, speed, .. } = evaluation;
    println!("{}", text::figures(&format!("{model}, {clips} clips"), headline).trim_end());
    if apes.events > 0 {
        println!("  {} events with apes are not in these figures:", apes.events);
        println!("{}", text::figures("apes alone", apes).lines().take(3).collect::<Vec<_>>().join("\n"));
        println!("{}", text::figures("apes included", with_apes).trim_end());
    }
    for table in tables {
        println!("\n{}", text::table(table).trim_end());
    }
    let kept = clips - speed.clips_looked_at;
    let Speed { frames_per_s, pictures_per_s, judged_per_s, .. } = speed;
    println!("\n  looked at {} clips, {kept} kept from before", speed.clips_looked_at);
    if speed.clips_looked_at > 0 {
        println!(
            "  a core: {frames_per_s:.0} frames/s decoded and gated, {pictures_per_s:.1} pictures/s of them detected"
        );
    }
    println!("  a core: {judged_per_s:.0} pictures/s judged");
}

fn write(
    flags: &Flags,
    evaluation: &Evaluation,
    scores: &[ClipScore],
    cases: &[Vec<Case<'_>>],
    card: &ModelCard,
    model: &ModelId,
) -> Result<(), EvaluateError> {
    let json = to_json(evaluation, scores);
    if let Some(path) = &flags.json {
        put(path, &json)?;
    }
    let cases: Vec<&Case<'_>> = cases.iter().flatten().collect();
    if let Some(dir) = &flags.out {
        std::fs::create_dir_all(dir).map_err(|e| unwritable(dir, &e))?;
        put(&dir.join("evaluation.json"), &json)?;
        put(&dir.join("alarms.jsonl"), &alarm_lines(scores))?;
        sheets(dir, scores, &cases, card)?;
    }
    if let Some(dir) = &flags.mot {
        let named: Vec<_> =
            scores.iter().zip(&cases).map(|(score, case)| (score.set.as_str(), case.labelled())).collect();
        super::mot::write(dir, &named, card).map_err(|e| unwritable(dir, &e))?;
    }
    if let Some(path) = &flags.calibrate {
        let labelled: Vec<_> = cases.iter().map(|case| case.labelled()).collect();
        let fit = super::calibrate::fit(&labelled, card, &model.sha256).map_err(EvaluateError::BadInput)?;
        put(path, &fit.to_file())?;
        println!("\n{}", fit.table());
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<(), EvaluateError> {
    std::fs::write(path, text).map_err(|e| unwritable(path, &e))
}

fn unwritable(path: &Path, error: &std::io::Error) -> EvaluateError {
    EvaluateError::BadInput(format!("{} cannot be written: {error}", path.display()))
}

/// A sheet of every miss and every false alarm; those of an earlier run go.
fn sheets(dir: &Path, scores: &[ClipScore], cases: &[&Case<'_>], card: &ModelCard) -> Result<(), EvaluateError> {
    for entry in std::fs::read_dir(dir).map_err(|e| unwritable(dir, &e))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ["miss-", "false-", "hand-off-"].iter().any(|kind| name.starts_with(kind)) && name.ends_with(".png") {
            std::fs::remove_file(entry.path()).map_err(|e| unwritable(&entry.path(), &e))?;
        }
    }
    for (score, case) in scores.iter().zip(cases) {
        let clip = case.set.path(case.clip);
        let stem = clip.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let draw = |kind: &str, t_s: f64, title: String, span_s: [f64; 2], alarm| {
            let name = format!("{kind}-{}-{stem}-{t_s:06.1}.png", score.set);
            let (camera, truth) = (case.set.site.camera(&score.camera), case.set.tracks.get(&score.clip));
            let sheet = Sheet { title, clip: &clip, span_s, seen: case.seen, card, camera, truth, alarm };
            sheet.write(&dir.join(name)).map_err(|e| EvaluateError::Failed(base::input::chain(&e)))
        };
        let place = format!("{}/{} {:?}", score.set, score.clip, score.conditions);
        for missed in score.events.iter().filter(|event| event.found_at.is_none()) {
            let event = &missed.event;
            let (from, to) = (event.start, event.end.min(event.start + super::matching::WITHIN_S));
            let size = event.size_px.map_or(String::new(), |px| format!(", {px:.0} px"));
            let title = format!("MISSED {}{size}, out from {from:.1} to {:.1} s  {place}", event.species, event.end);
            draw("miss", from, title, [from, to], None)?;
        }
        for alarm in score
            .alarms
            .iter()
            .filter(|alarm| alarm.verdict.is_false() || alarm.verdict == super::matching::Verdict::HandOff)
        {
            let (line, t_s) = (&alarm.line, alarm.line.t);
            let kind = if alarm.verdict.is_false() { "false" } else { "hand-off" };
            let zone = line.zone.as_ref().map_or("no zone", |zone| zone.as_str());
            let title = format!(
                "{:?} at {t_s:.1} s: {} in {zone}, confidence {:.3}  {place}",
                alarm.verdict, line.label, line.confidence
            );
            draw(kind, t_s, title, [t_s - 4.0, t_s + 1.0], Some((t_s, line.rect)))?;
        }
    }
    Ok(())
}
