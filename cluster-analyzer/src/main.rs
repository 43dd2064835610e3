//! `cluster-analyzer`: the commands. What they do is in the library.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use base::ids::CameraId;
use base::input::EXIT_BAD_INPUT;
use base::site::Site;
use clap::{Parser, Subcommand};
use cluster_analyzer::config::{Config, DEFAULT_MODEL, DetectConfig, RunFlags};
use cluster_analyzer::detect::Detector as _;
use cluster_analyzer::detect::onnx::OnnxDetector;
use cluster_analyzer::evaluate::EvaluateError;
use cluster_analyzer::evaluate::command::{self as evaluate, ModelId, judge_params};
use cluster_analyzer::replay;
use cluster_analyzer::replay::see::SeeParams;
use cluster_analyzer::{enroll, models, run};

/// Watches a site: raises the alarm when an animal is out of place, keeps and forwards the footage.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service.
    Run(RunFlags),
    /// Check a site file.
    Check {
        /// Site file.
        #[arg(long, value_name = "FILE")]
        site: PathBuf,
    },
    /// Run the live path over files, faster than real time, and write one line of JSON an event.
    Replay(ReplayFlags),
    /// Detectors: which there are, where they come from, whether they run.
    Models {
        #[command(subcommand)]
        command: models::ModelsCommand,
    },
    /// Measure on labelled sets what is found, missed and raised falsely, and fit the judge to them.
    Evaluate(evaluate::Flags),
    /// Write what one camera's agent needs into a file, for `install-agent` beside the camera.
    Enroll(EnrollFlags),
}

#[derive(clap::Args)]
struct EnrollFlags {
    /// The camera, as the site file names it.
    camera: String,
    /// Site file.
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    site: PathBuf,
    /// The broker as the agent reaches it, mqtt://host:1883 [default: this machine's name].
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// The camera's address, rtsp://…; without it, it is written into the agent's file there.
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// The tar file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(clap::Args)]
struct ReplayFlags {
    /// Site file.
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
    /// A camera and the clip that stands for it; may be given more than once.
    #[arg(long = "camera", value_name = "CAMERA=FILE", required = true, value_parser = camera_clip)]
    cameras: Vec<(CameraId, PathBuf)>,
    /// Model folder.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_MODEL)]
    model: PathBuf,
    /// Pictures a second while something moves.
    #[arg(long, value_name = "FPS", default_value_t = 5.0)]
    fps: f64,
    /// Judge by this calibration.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// File of the lines; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn camera_clip(text: &str) -> Result<(CameraId, PathBuf), String> {
    let (camera, path) = text.split_once('=').ok_or("write CAMERA=FILE, such as gate-3=clip.mp4")?;
    Ok((CameraId::new(camera).map_err(|e| e.to_string())?, path.into()))
}

/// A person's mistake: exit code 2.
#[derive(Debug)]
struct BadInput(anyhow::Error);

impl std::fmt::Display for BadInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for BadInput {}

fn bad_input(error: impl Into<anyhow::Error>) -> anyhow::Error {
    BadInput(error.into()).into()
}

fn main() -> ExitCode {
    base::logging::init();
    let result = match Cli::parse().command {
        Command::Run(flags) => run_service(&flags),
        Command::Check { site } => check(&site),
        Command::Replay(flags) => replay_clips(&flags),
        Command::Models { command } => manage_models(&command),
        Command::Evaluate(flags) => evaluate::run(&flags)
            .map_err(|e| if matches!(e, EvaluateError::BadInput(_)) { bad_input(e) } else { e.into() }),
        Command::Enroll(flags) => enroll_agent(&flags),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", base::input::one_line(&format!("{error:#}")));
            let bad_input = error.downcast_ref::<BadInput>().is_some();
            ExitCode::from(if bad_input { EXIT_BAD_INPUT as u8 } else { 1 })
        }
    }
}

fn run_service(flags: &RunFlags) -> anyhow::Result<()> {
    let config = Config::load(flags).map_err(bad_input)?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime does not start")?;
    let result = runtime.block_on(async {
        let stop = base::stop::on_signals().context("signals cannot be handled")?;
        run::run(config, stop).await.map_err(|e| if e.is_bad_input() { bad_input(e) } else { e.into() })
    });
    // A thread in a foreign library must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    result
}

fn manage_models(command: &models::ModelsCommand) -> anyhow::Result<()> {
    let done = models::run(command, &mut std::io::stdout());
    done.map_err(|e| if e.is_bad_input() { bad_input(e) } else { e.into() })
}

fn check(path: &Path) -> anyhow::Result<()> {
    let site = Site::load(path).map_err(bad_input)?;
    let zones: usize = site.cameras.iter().map(|c| c.zones.len()).sum();
    let (cameras, enclosures, species) = (site.cameras.len(), site.enclosures.len(), site.species.len());
    let count = |n: usize, one: &str, many: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
    println!(
        "{}: {}, {}, {}, {}, {}",
        site.name,
        count(cameras, "camera", "cameras"),
        count(zones, "zone", "zones"),
        count(enclosures, "enclosure", "enclosures"),
        count(species, "species", "species"),
        count(site.links.len(), "link", "links"),
    );
    Ok(())
}

fn enroll_agent(flags: &EnrollFlags) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let site = Site::load(&flags.site).map_err(bad_input)?;
    let here = || std::fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_owned();
    let broker = flags.broker.clone().unwrap_or_else(|| format!("mqtt://{}:1883", here()));
    let parcel = enroll::parcel(&site, &flags.camera, &broker, flags.source.as_deref());
    let parcel = parcel.map_err(|why| bad_input(anyhow::Error::msg(why)))?;
    // There may be a password in it.
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&flags.out);
    let mut file =
        file.with_context(|| format!("--out {} cannot be written", flags.out.display())).map_err(bad_input)?;
    file.write_all(&parcel).context("the parcel cannot be written")?;
    println!("{}: the agent of {} reaches {broker}", flags.out.display(), flags.camera);
    Ok(())
}

fn replay_clips(flags: &ReplayFlags) -> anyhow::Result<()> {
    let site = Arc::new(Site::load(&flags.site).map_err(bad_input)?);
    check_replay(flags, &site).map_err(bad_input)?;
    let mut detector = OnnxDetector::open(&flags.model, &DetectConfig::default()).map_err(bad_input)?;
    let model = ModelId::of(&flags.model, detector.card()).map_err(bad_input)?;
    let judge = judge_params(flags.calibration.as_deref(), &flags.model, &model).map_err(bad_input)?;
    let mut out: Box<dyn std::io::Write> = if flags.out == Path::new("-") {
        Box::new(std::io::stdout())
    } else {
        let file = std::fs::File::create(&flags.out);
        Box::new(file.with_context(|| format!("--out {} cannot be written", flags.out.display())).map_err(bad_input)?)
    };
    let params = replay::Params { site, clips: flags.cameras.clone(), see: SeeParams::at_fps(flags.fps), judge };
    let mut written = Ok(());
    let replayed = replay::run(&params, &mut detector, |event| {
        if written.is_ok() {
            written = writeln!(out, "{}", replay::line::Line::of(event).to_json());
        }
    });
    written.and_then(|()| out.flush()).context("the lines cannot be written")?;
    let replayed = replayed.map_err(|e| if e.source.is_bad_input() { bad_input(e) } else { e.into() })?;
    let seconds = replayed.duration_us as f64 / 1e6;
    tracing::info!("{} pictures of {seconds:.1} s, {} events", replayed.pictures, replayed.events.len());
    Ok(())
}

fn check_replay(flags: &ReplayFlags, site: &Site) -> anyhow::Result<()> {
    anyhow::ensure!((0.1..=60.0).contains(&flags.fps), "--fps is {}; it must be between 0.1 and 60", flags.fps);
    for (i, (camera, _)) in flags.cameras.iter().enumerate() {
        let known = site.cameras.iter().map(|c| c.id.as_str()).collect::<Vec<_>>().join(", ");
        anyhow::ensure!(
            site.camera(camera).is_some(),
            "--camera {camera}: the site file has no such camera, only {known}"
        );
        let twice = flags.cameras[..i].iter().any(|(other, _)| other == camera);
        anyhow::ensure!(!twice, "--camera {camera} is given twice; give one clip a camera");
    }
    Ok(())
}
