//! The config file and the flags, in two steps: what was typed ([`File`], [`RunFlags`]), then what is needed
//! ([`Config`]). Only this module knows the file; a part of the service gets its own small `Params`.
//!
//! Flags win over the file. Paths in the file are relative to the file's folder, paths in flags to the
//! current directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base::ids::CameraId;
use base::input::toml_fault;
use serde::Deserialize;
use tables::StoreConfig;

use crate::judge::{self, Calibration};
use crate::{catchup, drill, health};

pub mod alert;

/// Where a person's mistake is: one sentence with the file, the line or the flag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: the config file cannot be read: {why}; name an existing analyzer.toml", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The file says something that cannot be.
    #[error("{}:{line}: {message}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong, with the key, and what would be right.
        message: String,
    },
    /// A flag is missing or wrong.
    #[error("{0}")]
    Flag(String),
}

/// What `run` takes on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RunFlags {
    /// Config file (analyzer.toml).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Site file (site.toml).
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
    /// Folder of all state and footage; made where it is missing.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Model folder.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Address of the HTTP page; port 0 takes a free one and writes it to DATA_DIR/http.addr.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// MQTT broker, mqtt://[user:password@]host[:port]; without it mosquitto is started as a child.
    #[arg(long, value_name = "URL")]
    pub broker: Option<String>,
    /// Port of the mosquitto child.
    #[arg(long, value_name = "PORT")]
    pub mqtt_port: Option<u16>,
    /// Port of the object store child.
    #[arg(long, value_name = "PORT")]
    pub s3_port: Option<u16>,
    /// How many networks run side by side.
    #[arg(long, value_name = "N")]
    pub detect_sessions: Option<usize>,
}

/// `analyzer.toml` as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    site: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    model: Option<PathBuf>,
    listen: Option<SocketAddr>,
    broker: Option<BrokerSection>,
    store: Option<StoreConfig>,
    detect: DetectConfig,
    judge: JudgeSection,
    archive: ArchiveConfig,
    lake: LakeConfig,
    health: HealthConfig,
    catch_up: CatchUpConfig,
    drill: DrillConfig,
    children: ChildrenConfig,
    alert: alert::AlertSection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BrokerSection {
    url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct JudgeSection {
    false_alarm_rate: Option<f64>,
    miss_rate: Option<f64>,
    calibration: Option<PathBuf>,
}

/// `[detect]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectConfig {
    /// Threads of one network.
    pub threads: usize,
    /// Networks side by side.
    pub sessions: usize,
    /// Best class score under which nothing is reported.
    pub min_score: f32,
    /// At most so many closer looks a picture, 0 to 4: all of them together cost as much as the first look.
    pub windows: usize,
}

impl Default for DetectConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // Half of the cores: the rest is for decoding, the broker, the disk and the store.
        Self { threads: 1, sessions: (cores / 2).max(1), min_score: 0.1, windows: 4 }
    }
}

/// `[archive]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveConfig {
    /// Most bytes of footage on disk.
    pub max_bytes: u64,
    /// Footage that is older goes, days.
    pub max_age_days: u32,
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        Self { max_bytes: 50_000_000_000, max_age_days: 30 }
    }
}

/// `[lake]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LakeConfig {
    /// Seconds between commits to the tables: each commit is a file, and many small files are slow to read.
    pub commit_every_s: u64,
}

impl Default for LakeConfig {
    fn default() -> Self {
        Self { commit_every_s: 10 }
    }
}

/// `[drill]`: whether an alarm would arrive.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrillConfig {
    /// A drill every so many hours.
    pub every_h: Option<f64>,
    /// A drill a day at this time of the site, `HH:MM`.
    pub at: Option<String>,
    /// On these cameras in turn; all of the site where none is named.
    pub cameras: Vec<CameraId>,
    /// A PNG with transparency; a packaged photograph where none is named.
    pub sprite: Option<PathBuf>,
    /// Whether the animal in `sprite` faces right.
    pub sprite_faces_right: bool,
    /// How long it walks.
    pub seconds: f64,
    /// Its height, a share of the picture's.
    pub height: f32,
    /// So soon after its begin its alert must be delivered.
    pub deadline_s: f64,
    /// Who puts the animal into the picture.
    pub inject: drill::Where,
}

impl Default for DrillConfig {
    fn default() -> Self {
        Self {
            every_h: None,
            at: None,
            cameras: Vec::new(),
            sprite: None,
            sprite_faces_right: true,
            seconds: 10.0,
            height: 0.3,
            deadline_s: 20.0,
            inject: drill::Where::Agent,
        }
    }
}

impl DrillConfig {
    /// What the thread that holds them needs.
    pub fn params(&self) -> drill::Params {
        let us = |seconds: f64| (seconds * 1e6) as i64;
        drill::Params {
            every_us: self.every_h.map(|hours| us(hours * 3600.0)),
            at: self.at.as_deref().and_then(clock),
            cameras: self.cameras.clone(),
            seconds: self.seconds,
            height: self.height,
            deadline_us: us(self.deadline_s),
            place: self.inject,
        }
    }

    fn check(&self) -> Result<(), String> {
        if let Some(at) = self.at.as_deref().filter(|at| clock(at).is_none()) {
            return Err(format!("`drill.at` is '{at}'; write a time of day such as 03:00"));
        }
        if self.every_h.is_some_and(|hours| !(0.01..=8760.0).contains(&hours)) {
            return Err("`drill.every_h` must be between 0.01 and 8760".into());
        }
        if !(1.0..=base::drill::MAX_SECONDS).contains(&self.seconds) || !(0.02..=1.0).contains(&self.height) {
            return Err("`drill.seconds` must be between 1 and 60, `drill.height` between 0.02 and 1".into());
        }
        if !(1.0..=600.0).contains(&self.deadline_s) {
            return Err(format!("`drill.deadline_s` is {}; it must be between 1 and 600", self.deadline_s));
        }
        Ok(())
    }
}

/// `HH:MM`.
fn clock(text: &str) -> Option<(u8, u8)> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some((hour, minute))
}

/// `[catch_up]`: which footage is judged after the event.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatchUpConfig {
    /// Footage that is stored so many seconds after its end is late.
    pub late_after_s: f64,
    /// Footage that is older is not judged any more, hours.
    pub max_age_h: f64,
}

impl Default for CatchUpConfig {
    fn default() -> Self {
        Self { late_after_s: 30.0, max_age_h: 24.0 }
    }
}

impl CatchUpConfig {
    /// What the worker needs.
    pub fn params(&self) -> catchup::Params {
        let us = |seconds: f64| (seconds * 1e6) as i64;
        catchup::Params {
            late_after_us: us(self.late_after_s),
            max_age_us: us(self.max_age_h * 3600.0),
            ..catchup::Params::default()
        }
    }

    fn check(&self) -> Result<(), String> {
        if !(1.0..=86_400.0).contains(&self.late_after_s) || !(0.1..=8760.0).contains(&self.max_age_h) {
            return Err(
                "`catch_up.late_after_s` must be between 1 and 86400, `catch_up.max_age_h` between 0.1 and 8760".into(),
            );
        }
        Ok(())
    }
}

/// `[health]`: when something counts as wrong with a camera.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// Seconds without a word of the agent, or without a picture from its source.
    pub offline_after_s: f64,
    /// Seconds of darkness.
    pub black_after_s: f64,
    /// Seconds without detail.
    pub covered_after_s: f64,
    /// Seconds of the same picture.
    pub frozen_after_s: f64,
    /// Seconds of another view.
    pub moved_after_s: f64,
}

impl Default for HealthConfig {
    fn default() -> Self {
        let default = health::Params::default();
        let seconds = |us: i64| us as f64 / 1e6;
        Self {
            offline_after_s: seconds(default.offline_after_us),
            black_after_s: seconds(default.black_after_us),
            covered_after_s: seconds(default.covered_after_us),
            frozen_after_s: seconds(default.frozen_after_us),
            moved_after_s: seconds(default.moved_after_us),
        }
    }
}

impl HealthConfig {
    /// What the watch needs.
    pub fn params(&self) -> health::Params {
        let us = |seconds: f64| (seconds * 1e6) as i64;
        health::Params {
            offline_after_us: us(self.offline_after_s),
            black_after_us: us(self.black_after_s),
            covered_after_us: us(self.covered_after_s),
            frozen_after_us: us(self.frozen_after_s),
            moved_after_us: us(self.moved_after_s),
            ..health::Params::default()
        }
    }

    fn check(&self) -> Result<(), String> {
        let keys = [
            ("offline_after_s", self.offline_after_s),
            ("black_after_s", self.black_after_s),
            ("covered_after_s", self.covered_after_s),
            ("frozen_after_s", self.frozen_after_s),
            ("moved_after_s", self.moved_after_s),
        ];
        match keys.into_iter().find(|(_, seconds)| !(1.0..=86_400.0).contains(seconds)) {
            Some((key, seconds)) => Err(format!("`health.{key}` is {seconds}; it must be between 1 and 86400")),
            None => Ok(()),
        }
    }
}

/// `[children]`: the programs that are started where no broker and no store are configured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChildrenConfig {
    /// Port of mosquitto.
    pub mqtt_port: u16,
    /// Port of the object store.
    pub s3_port: u16,
    /// Bucket made in the object store.
    pub bucket: String,
}

impl Default for ChildrenConfig {
    fn default() -> Self {
        Self { mqtt_port: 1883, s3_port: 8333, bucket: "paddock".into() }
    }
}

/// Where the broker is.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User and password.
    pub login: Option<(String, String)>,
}

impl BrokerUrl {
    /// Reads `mqtt://[user:password@]host[:port]`.
    ///
    /// # Errors
    /// One sentence that shows no password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            |why: &str| format!("the broker's address {why}; write mqtt://host:port or mqtt://user:password@host:port");
        let url = url::Url::parse(text).map_err(|e| wrong(&format!("is no URL ({e})")))?;
        if url.scheme() != "mqtt" {
            return Err(wrong(&format!("begins with '{}:'", url.scheme())));
        }
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or_else(|| wrong("names no host"))?;
        let login = (!url.username().is_empty())
            .then(|| (url.username().to_owned(), url.password().unwrap_or_default().to_owned()));
        Ok(Self { host: host.to_owned(), port: url.port().unwrap_or(1883), login })
    }
}

/// Without the password.
impl std::fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mqtt://{}:{}", self.host, self.port)
    }
}

impl std::fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What `run` needs, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Site file.
    pub site: PathBuf,
    /// Folder of all state and footage.
    pub data_dir: PathBuf,
    /// Model folder.
    pub model: PathBuf,
    /// Address of the HTTP page.
    pub listen: SocketAddr,
    /// `None`: start mosquitto.
    pub broker: Option<BrokerUrl>,
    /// `None`: start an object store.
    pub store: Option<StoreConfig>,
    /// The detector's threads.
    pub detect: DetectConfig,
    /// When a track is an alarm.
    pub judge: judge::Params,
    /// Retention of footage.
    pub archive: ArchiveConfig,
    /// How often tables are written.
    pub lake: LakeConfig,
    /// When something is wrong with a camera.
    pub health: HealthConfig,
    /// Which footage is judged after the event.
    pub catch_up: CatchUpConfig,
    /// Whether an alarm would arrive.
    pub drill: DrillConfig,
    /// Ports of children.
    pub children: ChildrenConfig,
    /// Who is told of what.
    pub alerts: alert::Alerts,
}

/// Where the default model lies, relative to the current directory.
pub const DEFAULT_MODEL: &str = "models/centernet";

impl Config {
    /// Reads the file where one is named, lays the flags over it and checks the whole.
    ///
    /// # Errors
    /// One sentence that names the file and line, or the flag, and what would be right.
    pub fn load(flags: &RunFlags) -> Result<Self, ConfigError> {
        let Some(path) = &flags.config else { return Self::of(File::default(), "", None, flags) };
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::Unreadable { file: path.clone(), why: e.to_string() })?;
        Self::of(parse(&text, path)?, &text, Some(path), flags)
    }

    fn of(file: File, text: &str, path: Option<&Path>, flags: &RunFlags) -> Result<Self, ConfigError> {
        let beside =
            |given: Option<PathBuf>| given.map(|p| path.and_then(Path::parent).map_or(p.clone(), |dir| dir.join(p)));
        let mut children = file.children;
        children.mqtt_port = flags.mqtt_port.unwrap_or(children.mqtt_port);
        children.s3_port = flags.s3_port.unwrap_or(children.s3_port);
        let mut detect = file.detect;
        detect.sessions = flags.detect_sessions.unwrap_or(detect.sessions);
        let broker = flags.broker.clone().or(file.broker.map(|b| b.url));
        let broker = broker.map(|url| BrokerUrl::parse(&url)).transpose().map_err(ConfigError::Flag)?;
        let model = flags.model.clone().or(beside(file.model)).unwrap_or_else(|| DEFAULT_MODEL.into());
        let calibration = calibration(beside(file.judge.calibration.clone()).as_deref(), &model)?;
        let config = Self {
            site: needed(flags.site.clone().or(beside(file.site)), "site", "--site site.toml")?,
            data_dir: needed(flags.data_dir.clone().or(beside(file.data_dir)), "data_dir", "--data-dir DIR")?,
            model,
            listen: flags.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8420))),
            broker,
            store: file.store,
            detect,
            judge: judge::Params { calibration, ..judge_params(&file.judge) },
            archive: file.archive,
            lake: file.lake,
            health: file.health,
            catch_up: file.catch_up,
            drill: DrillConfig { sprite: beside(file.drill.sprite), ..file.drill },
            children,
            alerts: path.map(|path| alert::Alerts::of(file.alert, text, path)).transpose()?.unwrap_or_default(),
        };
        config.check().map_err(ConfigError::Flag)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=64).contains(&self.detect.sessions) || !(1..=64).contains(&self.detect.threads) {
            return Err("`detect.sessions` and `detect.threads` must be between 1 and 64".into());
        }
        if !(0.02..=0.9).contains(&self.detect.min_score) {
            return Err(format!("`detect.min_score` is {}; it must be between 0.02 and 0.9", self.detect.min_score));
        }
        let rates = [("false_alarm_rate", self.judge.false_alarm_rate), ("miss_rate", self.judge.miss_rate)];
        if let Some((key, rate)) = rates.into_iter().find(|(_, rate)| !(1e-12..=0.5).contains(rate)) {
            return Err(format!("`judge.{key}` is {rate}; it must be between 1e-12 and 0.5"));
        }
        if self.archive.max_bytes < 10_000_000 || self.archive.max_age_days == 0 {
            return Err("`archive.max_bytes` must be at least 10000000 and `archive.max_age_days` at least 1".into());
        }
        if let Some(store) = &self.store {
            store.check()?;
        }
        if !(1..=3600).contains(&self.lake.commit_every_s) {
            return Err(format!(
                "`lake.commit_every_s` is {}; it must be between 1 and 3600",
                self.lake.commit_every_s
            ));
        }
        self.health.check()?;
        self.catch_up.check()?;
        self.drill.check()?;
        if self.children.mqtt_port == 0 || self.children.s3_port == 0 {
            return Err(
                "`children.mqtt_port` and `children.s3_port` must be between 1 and 65535: agents must know them".into(),
            );
        }
        Ok(())
    }
}

fn parse(text: &str, path: &Path) -> Result<File, ConfigError> {
    let at = |(line, message)| ConfigError::File { file: path.to_owned(), line, message };
    let file: File = toml::from_str(text).map_err(|e| at(toml_fault(text, &e)))?;
    if let Some(broker) = &file.broker {
        let offset = text.find(&broker.url).unwrap_or_default();
        let line = base::input::line_of(text, offset);
        BrokerUrl::parse(&broker.url).map_err(|why| at((line, format!("key `broker.url`: {why}"))))?;
    }
    Ok(file)
}

/// The calibration that a model folder brings.
pub fn calibration_beside(model: &Path) -> Option<PathBuf> {
    Some(model.join("calibration.toml")).filter(|path| path.is_file())
}

/// What `evaluate --calibrate` has written for the network that is used.
fn calibration(path: Option<&Path>, model: &Path) -> Result<Calibration, ConfigError> {
    let brought = calibration_beside(model);
    let Some(path) = path.or(brought.as_deref()) else { return Ok(Calibration::default()) };
    let at = |(line, message)| ConfigError::File { file: path.to_owned(), line, message };
    let text = std::fs::read_to_string(path).map_err(|e| {
        ConfigError::Flag(format!("{}: it cannot be read ({e}); key `judge.calibration` names it", path.display()))
    })?;
    let calibration = Calibration::parse(&text).map_err(at)?;
    // A network that cannot be read is told by who opens it.
    let fits = crate::replay::cache::network_sha256(model).map_or(true, |sha256| calibration.fits(&sha256));
    let other = format!("key `model_sha256` is not that of the network in {}; calibrate with that", model.display());
    if fits { Ok(calibration) } else { Err(at((1, other))) }
}

fn judge_params(section: &JudgeSection) -> judge::Params {
    let default = judge::Params::default();
    judge::Params {
        false_alarm_rate: section.false_alarm_rate.unwrap_or(default.false_alarm_rate),
        miss_rate: section.miss_rate.unwrap_or(default.miss_rate),
        ..default
    }
}

fn needed(given: Option<PathBuf>, key: &str, flag: &str) -> Result<PathBuf, ConfigError> {
    given.ok_or_else(|| {
        ConfigError::Flag(format!("no {key} is given: add `{flag}`, or the key `{key}` to the file of --config"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        match parse(text, Path::new("analyzer.toml")).and_then(|f| Config::of(f, text, None, &RunFlags::default())) {
            Ok(_) => panic!("accepted: {text}"),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn each_mistake_names_the_file_and_line_or_the_key() {
        assert!(fault("site = 'a'\nbrocker = 1\n").starts_with("analyzer.toml:2: unknown field `brocker`"));
        assert!(fault("[detect]\nthreads = 'two'\n").starts_with("analyzer.toml:2: "));
        assert!(
            fault("site='s'\ndata_dir='d'\n\n[broker]\nurl = 'http://x'\n")
                .starts_with("analyzer.toml:5: key `broker.url`")
        );
        assert!(fault("site = 's'\n").contains("no data_dir is given: add `--data-dir DIR`"));
        assert!(fault("site='s'\ndata_dir='d'\n[detect]\nsessions=0\n").contains("`detect.sessions`"));
        assert!(fault("site='s'\ndata_dir='d'\n[judge]\nmiss_rate=2.0\n").contains("`judge.miss_rate` is 2"));
        let missing = fault("site='s'\ndata_dir='d'\n[judge]\ncalibration='/nowhere/c.toml'\n");
        assert!(missing.contains("/nowhere/c.toml") && missing.contains("`judge.calibration`"), "{missing}");
        assert!(fault("site='s'\ndata_dir='d'\n[drill]\nat='25:00'\n").contains("`drill.at` is '25:00'"));
        assert!(fault("site='s'\ndata_dir='d'\n[health]\nfrozen_after_s=0\n").contains("`health.frozen_after_s` is 0"));
    }

    #[test]
    fn flags_win_over_the_file_and_its_paths_lie_beside_it() {
        let text = "site = 'site.toml'\ndata_dir = '/var/lib/p'\n[children]\nmqtt_port = 1900\n";
        let path = Path::new("/etc/paddock/analyzer.toml");
        let flags = RunFlags { mqtt_port: Some(2000), ..RunFlags::default() };
        let config = Config::of(parse(text, path).unwrap(), text, Some(path), &flags).unwrap();
        assert_eq!(config.site, Path::new("/etc/paddock/site.toml"));
        assert_eq!(config.data_dir, Path::new("/var/lib/p"));
        assert_eq!((config.children.mqtt_port, config.children.s3_port), (2000, 8333));
        assert_eq!(config.model, Path::new(DEFAULT_MODEL));
    }

    #[test]
    fn a_brokers_password_is_never_shown() {
        let url = BrokerUrl::parse("mqtt://u:secret@host").unwrap();
        assert_eq!((url.port, format!("{url} {url:?}").contains("secret")), (1883, false));
        assert!(BrokerUrl::parse("mqtts://host").is_err());
        assert!(BrokerUrl::parse("localhost:1883").is_err());
    }
}
