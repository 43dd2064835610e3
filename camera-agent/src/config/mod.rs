//! Settings in two steps: what was typed ([`RunArgs`] and the file, where unknown keys are refused), then
//! what is needed ([`Config`], every value checked).

mod broker;
mod secrets;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::ids::{CameraId, SiteId};
use base::input::toml_fault;
use clap::ValueEnum;
use gate::{frames, motion};
use media::{OpenOptions, SourceKind, SourceUrl};
use serde::Deserialize;

pub use broker::{BrokerUrl, BrokerUrlError};

use crate::capture::{self, Role};
use crate::cli::RunArgs;
use crate::control::{self, Settings, outside};
use crate::publish::window;
use crate::timeline::Pace;

/// A mistake in what was typed: one sentence that says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file `{}` cannot be read: give the path of an agent.toml", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not as it should be.
    #[error("{} line {line}: {what}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A value is not as it should be.
    #[error("{0}")]
    Value(String),
}

/// How fast a file is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PaceName {
    /// As fast as it was filmed.
    Realtime,
    /// As fast as it can be read.
    None,
}

/// Which frames of the camera are decoded and looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Analyse {
    /// All of them.
    All,
    /// Key frames alone: a tenth of the work, and something that moves is seen only at the next one.
    Keyframes,
}

/// What happens when a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Repeat {
    Loop,
    Once,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    site: Option<String>,
    camera: Option<String>,
    source: Option<String>,
    analysis_source: Option<String>,
    source_password_file: Option<PathBuf>,
    source_timeout_s: Option<f64>,
    broker: Option<String>,
    broker_password_file: Option<PathBuf>,
    #[serde(default)]
    capture: CaptureTable,
    #[serde(default)]
    spool: SpoolTable,
    #[serde(default)]
    segments: SegmentsTable,
    #[serde(default)]
    frames: FramesTable,
    #[serde(default)]
    motion: MotionTable,
    #[serde(default)]
    playback: PlaybackTable,
}

/// How an RTSP camera is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Transport {
    Tcp,
    Udp,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaptureTable {
    transport: Option<Transport>,
    format: Option<String>,
    size: Option<(u32, u32)>,
    fps: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpoolTable {
    dir: Option<PathBuf>,
    max_bytes: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentsTable {
    seconds: Option<f64>,
    in_flight: Option<usize>,
    resend_after_s: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FramesTable {
    fps: Option<f64>,
    still_interval_s: Option<f64>,
    hold_s: Option<f64>,
    boost_max_fps: Option<f64>,
    jpeg_quality: Option<u8>,
    max_side_px: Option<u32>,
    analyse: Option<Analyse>,
    #[serde(default)]
    ladder: Vec<frames::Rung>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MotionTable {
    min_area: Option<f32>,
    threshold: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaybackTable {
    repeat: Option<Repeat>,
    pace: Option<PaceName>,
    drain_timeout_s: Option<f64>,
}

/// Everything the agent needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The site.
    pub site: SiteId,
    /// The camera.
    pub camera: CameraId,
    /// The broker.
    pub broker: BrokerUrl,
    /// What is captured, and how.
    pub capture: capture::Params,
    /// The camera's smaller stream, where it has one to look at.
    pub analysis: Option<capture::Params>,
    /// Which frames go out, and as what.
    pub settings: Settings,
    /// How motion is looked for.
    pub motion: motion::Params,
    /// Where footage waits.
    pub spool_dir: PathBuf,
    /// How much of it.
    pub spool_max_bytes: u64,
    /// How much of it may be under way.
    pub window: window::Params,
    /// How long to wait for acknowledgements after the source's end.
    pub drain_timeout: Duration,
}

impl Config {
    /// What follows from the flags and the file they name.
    ///
    /// # Errors
    /// The first mistake, in one sentence.
    pub fn load(args: &RunArgs) -> Result<Self, ConfigError> {
        let file = args.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let File { site, camera, source, analysis_source, source_password_file, source_timeout_s, .. } = file;
        let File { broker, broker_password_file, capture: table, spool, segments, frames, motion, playback, .. } = file;
        let site: SiteId = id("site", args.site.clone().or(site))?;
        let camera: CameraId = id("camera", args.camera.clone().or(camera))?;
        let source = needed("source", args.source.clone().or(source))?;
        let secret = secrets::password("source", source_password_file.as_deref())?;
        let url = secrets::source("source", &source, secret.as_deref())?;
        let small = args.analysis_source.clone().or(analysis_source);
        let small = small.map(|text| secrets::source("analysis_source", &text, secret.as_deref())).transpose()?;
        let broker = needed("broker", args.broker.clone().or(broker))?;
        let mut broker: BrokerUrl =
            broker.parse().map_err(|error: BrokerUrlError| ConfigError::Value(error.to_string()))?;
        if let Some(password) = secrets::password("broker", broker_password_file.as_deref())? {
            broker = broker.with_password(password).ok_or_else(|| secrets::no_place("broker"))?;
        }
        let segment_s =
            within("segments.seconds", args.segment_seconds.or(segments.seconds).unwrap_or(4.0), 0.5..=60.0)?;
        let once = args.once || (!args.again && playback.repeat == Some(Repeat::Once));
        let pace = match args.pace.or(playback.pace).unwrap_or(PaceName::Realtime) {
            _ if url.kind() != SourceKind::File => Pace::Live,
            PaceName::Realtime => Pace::Realtime,
            PaceName::None => Pace::Unpaced,
        };
        let key_frames_only = args.analyse.or(frames.analyse).unwrap_or(Analyse::All) == Analyse::Keyframes;
        let settings = settings(args, frames)?;
        let drain_s = args.drain_timeout.or(playback.drain_timeout_s).unwrap_or(60.0);
        let udp = args.rtsp_udp || table.transport == Some(Transport::Udp);
        let open = OpenOptions {
            rtsp_tcp: !udp,
            input_format: table.format,
            size: table.size,
            fps: table.fps,
            ..OpenOptions::default()
        };
        let whole = if small.is_some() { Role::Footage } else { Role::Both };
        let capture = capture::Params {
            url,
            pace,
            once,
            segment_us: (segment_s * 1e6) as i64,
            timeout: seconds("source_timeout_s", source_timeout_s.unwrap_or(10.0), 0.5..=300.0)?,
            analysis_px: settings.max_side_px,
            key_frames_only,
            open,
            role: whole,
        };
        let looked_at = |url: SourceUrl| {
            let pace = if url.is_file() { Pace::Realtime } else { Pace::Live };
            capture::Params { url, pace, role: Role::Analysis, ..capture.clone() }
        };
        Ok(Self {
            analysis: small.map(looked_at),
            capture,
            settings,
            motion: motion_params(&motion)?,
            spool_dir: args
                .spool
                .clone()
                .or(spool.dir)
                .unwrap_or_else(|| Path::new("paddock-spool").join(camera.as_str())),
            spool_max_bytes: within(
                "spool.max_bytes",
                args.spool_max_bytes.or(spool.max_bytes).unwrap_or(2_000_000_000),
                65_536..=u64::MAX,
            )?,
            window: window::Params {
                segments: within("segments.in_flight", segments.in_flight.unwrap_or(4), 1..=32)?,
                resend_after: seconds(
                    "segments.resend_after_s",
                    segments.resend_after_s.unwrap_or(10.0),
                    0.5..=3600.0,
                )?,
            },
            drain_timeout: seconds("playback.drain_timeout_s", drain_s, 0.0..=86_400.0)?,
            site,
            camera,
            broker,
        })
    }
}

fn settings(args: &RunArgs, table: FramesTable) -> Result<Settings, ConfigError> {
    let default = frames::Params::default();
    let still = args.still_interval.or(table.still_interval_s).unwrap_or(default.still_interval_s);
    for rung in &table.ladder {
        within("frames.ladder.fps", rung.fps, control::FPS)?;
        within("frames.ladder.motion", rung.motion, 0.0..=1.0)?;
    }
    Ok(Settings {
        frames: frames::Params {
            fps: within("frames.fps", args.fps.or(table.fps).unwrap_or(default.fps), control::FPS)?,
            still_interval_s: within("frames.still_interval_s", still, control::STILL_INTERVAL_S)?,
            hold_s: within("frames.hold_s", table.hold_s.unwrap_or(default.hold_s), 0.0..=3600.0)?,
            boost_max_fps: within(
                "frames.boost_max_fps",
                table.boost_max_fps.unwrap_or(default.boost_max_fps),
                control::FPS,
            )?,
            ladder: table.ladder,
        },
        jpeg_quality: within("frames.jpeg_quality", table.jpeg_quality.unwrap_or(80), control::JPEG_QUALITY)?,
        max_side_px: within("frames.max_side_px", table.max_side_px.unwrap_or(640), control::MAX_SIDE_PX)?,
    })
}

fn motion_params(table: &MotionTable) -> Result<motion::Params, ConfigError> {
    let default = motion::Params::default();
    Ok(motion::Params {
        min_area: within("motion.min_area", table.min_area.unwrap_or(default.min_area), 0.0..=1.0)?,
        threshold: within("motion.threshold", table.threshold.unwrap_or(default.threshold), 1.0..=1000.0)?,
    })
}

fn read(path: &Path) -> Result<File, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error| {
        let (line, what) = toml_fault(&text, &error);
        ConfigError::File { path: path.to_owned(), line, what }
    })
}

fn needed(key: &str, value: Option<String>) -> Result<String, ConfigError> {
    value.ok_or_else(|| {
        ConfigError::Value(format!("`{key}` is missing: give --{key}, or `{key} = \"…\"` in the file of --config"))
    })
}

fn id<T: std::str::FromStr<Err = base::ids::IdError>>(key: &str, value: Option<String>) -> Result<T, ConfigError> {
    needed(key, value)?.parse().map_err(|error| ConfigError::Value(format!("`{key}`: {error}")))
}

fn within<T: PartialOrd + std::fmt::Display>(key: &str, value: T, range: RangeInclusive<T>) -> Result<T, ConfigError> {
    if range.contains(&value) { Ok(value) } else { Err(ConfigError::Value(outside(&format!("`{key}`"), value, range))) }
}

fn seconds(key: &str, value: f64, range: RangeInclusive<f64>) -> Result<Duration, ConfigError> {
    within(key, value, range).map(Duration::from_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> RunArgs {
        RunArgs {
            site: Some("demo".into()),
            camera: Some("gate-3".into()),
            source: Some("clip.mp4".into()),
            broker: Some("mqtt://127.0.0.1:1883".into()),
            ..RunArgs::default()
        }
    }

    fn with_file(text: &str, args: RunArgs) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&RunArgs { config: Some(path), ..args })
    }

    #[test]
    fn flags_alone_are_enough_and_defaults_are_as_documented() {
        let config = Config::load(&args()).unwrap();
        assert_eq!(config.spool_dir, Path::new("paddock-spool/gate-3"));
        assert_eq!((config.settings.frames.fps, config.settings.frames.still_interval_s), (5.0, 2.0));
        assert_eq!((config.capture.segment_us, config.capture.once), (4_000_000, false));
        assert_eq!(config.capture.pace, Pace::Realtime);
    }

    #[test]
    fn a_flag_goes_before_the_file() {
        let file = "site = \"demo\"\ncamera = \"a\"\nsource = \"rtsp://u:p@cam/1\"\nbroker = \"mqtt://b\"\n\
                    [frames]\nfps = 3.0\n[playback]\nrepeat = \"once\"\n[spool]\ndir = \"/x\"\nmax_bytes = 1000000\n";
        let config = with_file(file, RunArgs { fps: Some(8.0), ..RunArgs::default() }).unwrap();
        assert_eq!((config.settings.frames.fps, config.capture.once, config.capture.pace), (8.0, true, Pace::Live));
        assert_eq!((config.spool_dir.as_path(), config.spool_max_bytes), (Path::new("/x"), 1_000_000));
        assert!(!format!("{config:?}").contains(":p@"), "{config:?}");
        let config = with_file(file, RunArgs { again: true, ..RunArgs::default() }).unwrap();
        assert!(!config.capture.once);
    }

    #[test]
    fn the_example_has_the_defaults() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("agent.example.toml");
        let from_file =
            Config::load(&RunArgs { config: Some(example), source: args().source, ..RunArgs::default() }).unwrap();
        let from_flags = Config::load(&args()).unwrap();
        assert_eq!(from_file.settings, from_flags.settings);
        assert_eq!((from_file.motion, from_file.window), (from_flags.motion, from_flags.window));
        assert_eq!(format!("{:?}", from_file.capture), format!("{:?}", from_flags.capture));
        assert_eq!(from_file.spool_max_bytes, from_flags.spool_max_bytes);
        assert_eq!(from_file.drain_timeout, from_flags.drain_timeout);
    }

    #[test]
    fn passwords_come_from_files_and_a_small_stream_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("password");
        std::fs::write(&secret, "geh/eim\n").unwrap();
        let text = format!(
            "site = \"demo\"\ncamera = \"a\"\nsource = \"rtsp://root@cam/1\"\nanalysis_source = \"rtsp://root@cam/2\"\n\
             source_password_file = {secret:?}\nbroker = \"mqtt://agent@b\"\nbroker_password_file = {secret:?}\n\
             [capture]\ntransport = \"udp\"\n"
        );
        let config = with_file(&text, RunArgs::default()).unwrap();
        assert_eq!(config.capture.url.expose_secret(), "rtsp://root:geh%2Feim@cam/1");
        let small = config.analysis.as_ref().unwrap();
        assert_eq!(small.url.expose_secret(), "rtsp://root:geh%2Feim@cam/2");
        assert_eq!((config.capture.role, small.role, small.open.rtsp_tcp), (Role::Footage, Role::Analysis, false));
        assert_eq!(config.broker.login(), Some(("agent", "geh/eim")));
        assert!(!format!("{config:?}").contains("eim"), "{config:?}");
        for (from, to, part) in [
            ("root@cam/1", "cam/1", "`source` names no user"),
            ("agent@b", "b", "`broker` names no user"),
            ("password\"\nbroker", "nothing\"\nbroker", "cannot be read"),
            ("udp", "carrier pigeon", "unknown variant"),
        ] {
            let error = with_file(&text.replace(from, to), RunArgs::default()).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("eim"), "{error}");
        }
    }

    #[test]
    fn each_mistake_is_one_sentence_that_names_its_place() {
        let error = with_file("site = \"demo\"\nspoool = 1\n", args()).unwrap_err().to_string();
        assert!(error.contains("agent.toml line 2: unknown field `spoool`"), "{error}");
        let error = with_file("site = \"demo\"\n[frames]\nfps = \"many\"\n", args()).unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
        for (wrong, part) in [
            (RunArgs { site: None, ..args() }, "`site` is missing: give --site"),
            (RunArgs { camera: Some("Gate 3".into()), ..args() }, "`camera`: 'Gate 3' is not an id"),
            (RunArgs { source: Some("ftp://x/y".into()), ..args() }, "scheme"),
            (RunArgs { broker: Some("http://x".into()), ..args() }, "mqtt://"),
            (RunArgs { fps: Some(0.0), ..args() }, "`frames.fps` 0 is not between 0.1 and 60"),
            (RunArgs { fps: Some(f64::NAN), ..args() }, "frames.fps"),
            (RunArgs { segment_seconds: Some(1e9), ..args() }, "segments.seconds"),
            (RunArgs { spool_max_bytes: Some(1), ..args() }, "spool.max_bytes"),
            (RunArgs { config: Some("/nowhere/agent.toml".into()), ..args() }, "cannot be read"),
        ] {
            let error = Config::load(&wrong).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{error}");
        }
    }
}
