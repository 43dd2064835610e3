//! Starting and stopping the programs of the demo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context as _, Result, bail};
use base::ids::{CameraId, SiteId};
use base::site::Site;
use rand::Rng as _;

use super::story::Story;
use crate::http;
use crate::place::{bin, repo_root};
use crate::process::{Finished, Proc, Start};
use crate::scenes::{Clip, Set};
use crate::wait::{eventually, secs};
use crate::watch::MqttWatch;

/// Who plays: the site and what each camera sees.
#[derive(Debug)]
pub struct Cast {
    /// Site file.
    pub site_file: PathBuf,
    /// The site file, read.
    pub site: Site,
    /// Camera and source.
    pub cameras: Vec<(CameraId, String)>,
    /// What is true of the clips; empty where nobody knows.
    pub truth: Vec<Clip>,
    /// The sources are files, which are played once.
    pub ends_by_itself: bool,
}

impl Cast {
    /// The rendered demo set.
    pub fn rendered(story: &Story) -> Result<Self> {
        let dir = repo_root().join("target/scenes/demo");
        story.tell("rendering three cameras from packaged CCTV and photographs (once)");
        let status = std::process::Command::new(bin("scenes")?)
            .args(["render", "--set", "demo", "--out"])
            .arg(&dir)
            .current_dir(repo_root())
            .status()?;
        if !status.success() {
            bail!("`scenes render --set demo` failed ({status}); its reason is above");
        }
        let set = Set::open(&dir)?;
        let cameras = set.clips.iter().map(|c| (c.camera.clone(), set.path(c).display().to_string())).collect();
        let site_file = set.site();
        Ok(Self { site: Site::load(&site_file)?, site_file, cameras, truth: set.clips, ends_by_itself: true })
    }

    /// One camera or file of the user's: all of its view is public ground, so that any animal is out.
    pub fn of_source(source: &str, out: &Path) -> Result<Self> {
        let is_file = Path::new(source).is_file();
        if !is_file && !source.contains("://") && !source.starts_with("/dev/") && !source.starts_with("v4l2:") {
            bail!("the source {source} is no file and no URL; name a clip, rtsp://… or /dev/video0");
        }
        let source = if is_file { fs::canonicalize(source)?.display().to_string() } else { source.to_owned() };
        fs::create_dir_all(out)?;
        let site_file = out.join("site.toml");
        let text = "[site]\nname = \"demo\"\ntimezone = \"UTC\"\n\n[[camera]]\nid = \"camera-1\"\n";
        fs::write(&site_file, text)?;
        let site = Site::load(&site_file)?;
        let cameras = vec![(CameraId::new("camera-1")?, source)];
        Ok(Self { site, site_file: fs::canonicalize(site_file)?, cameras, truth: Vec::new(), ends_by_itself: is_file })
    }
}

/// The running programs.
pub struct Stage {
    analyzer: Proc,
    agents: Vec<(CameraId, Proc)>,
    /// What is said on the broker.
    pub watch: MqttWatch,
    broker: String,
    http: String,
    out: PathBuf,
    site: SiteId,
    once: bool,
}

impl Stage {
    /// Starts the analyzer in an empty folder and listens to its broker.
    pub fn build(out: &Path, cast: &Cast) -> Result<Self> {
        for left in ["data", "logs", "spool"] {
            let dir = out.join(left);
            if dir.exists() {
                fs::remove_dir_all(&dir).with_context(|| format!("{} cannot be emptied", dir.display()))?;
            }
        }
        fs::create_dir_all(out.join("logs"))?;
        let out = fs::canonicalize(out)?;
        let (analyzer, mqtt_port) = start_analyzer(&out, cast)?;
        let broker = format!("mqtt://127.0.0.1:{mqtt_port}");
        let http = fs::read_to_string(out.join("data/http.addr"))?.trim().to_owned();
        let topics = ["paddock/+/camera/+/status", "paddock/+/alert", "paddock/+/camera/+/segment-ack"];
        let watch = MqttWatch::connect(&broker, &topics)?;
        let http = format!("http://{http}");
        let (site, once) = (cast.site.name.clone(), cast.ends_by_itself);
        Ok(Self { analyzer, agents: Vec::new(), watch, broker, http, out, site, once })
    }

    /// The analyzer's page.
    pub fn http(&self) -> &str {
        &self.http
    }

    /// The broker's address.
    pub fn broker(&self) -> &str {
        &self.broker
    }

    /// The analyzer's process.
    pub fn analyzer_pid(&self) -> u32 {
        self.analyzer.pid()
    }

    /// Whose site it is.
    pub fn site(&self) -> &SiteId {
        &self.site
    }

    /// Starts one agent a camera, all at the same time.
    pub fn start_agents(&mut self, cast: &Cast) -> Result<()> {
        for (camera, source) in &cast.cameras {
            let mut args = vec!["run", "--site", self.site.as_str(), "--camera", camera.as_str(), "--source", source];
            args.extend(["--broker", &self.broker, "--spool"]);
            let spool = self.out.join("spool").join(camera.as_str()).display().to_string();
            args.extend([spool.as_str(), "--segment-seconds", "2"]);
            args.extend(self.once.then_some("--once"));
            let log = self.out.join(format!("logs/agent-{camera}.log"));
            self.agents.push((camera.clone(), Start::new(bin("camera-agent")?).args(args).spawn(&log)?));
        }
        Ok(())
    }

    /// Every agent has played its clip and has had all of its footage acknowledged.
    pub fn agents_have_ended(&mut self) -> bool {
        self.agents.iter_mut().all(|(_, agent)| !agent.is_running())
    }

    /// Asks the agents to stop; they flush first.
    pub fn stop_agents(&mut self) -> Result<()> {
        self.agents.iter_mut().for_each(|(_, agent)| agent.terminate());
        for (camera, agent) in &mut self.agents {
            agent.wait(secs(20)).with_context(|| format!("agent of {camera}"))?;
        }
        Ok(())
    }

    /// How each agent ended.
    pub fn agent_exits(&mut self) -> Result<Vec<(CameraId, ExitStatus)>> {
        self.agents.iter_mut().map(|(camera, agent)| Ok((camera.clone(), agent.wait(secs(1))?))).collect()
    }

    /// The analyzer's metrics.
    pub fn metrics(&self) -> Result<String> {
        http::get_text(&format!("{}/metrics", self.http))
    }

    /// Where things are, in one line.
    pub fn progress(&self) -> String {
        let Ok(page) = self.metrics() else { return "the analyzer's metrics do not answer".into() };
        let sum = |name: &str| http::metric_sum(&page, name);
        format!(
            "{} frames looked at; footage: {} segments stored, {} in the object store, {} on their way",
            sum("paddock_frames_analysed_total"),
            sum("paddock_segments_stored_total"),
            sum("paddock_segments_uploaded_total"),
            sum("paddock_upload_backlog"),
        )
    }

    /// Runs cloud-trends against the store that the analyzer started.
    pub fn trends(&self, args: &[&str]) -> Result<Finished> {
        let config = self.out.join("data/trends.toml").display().to_string();
        Start::new(bin("cloud-trends")?).args(args).args(["--config", &config]).run(secs(90))
    }

    /// Asks the analyzer to stop and waits for it.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.analyzer.terminate_and_wait(secs(20))
    }
}

/// Starts the analyzer on ports that are free; where one is taken it ends at once and others are tried.
fn start_analyzer(out: &Path, cast: &Cast) -> Result<(Proc, u16)> {
    let mut last = String::new();
    for attempt in 0..5 {
        let mqtt_port: u16 = rand::rng().random_range(20_000..30_000);
        let s3_port: u16 = rand::rng().random_range(30_000..40_000);
        let config = out.join("analyzer.toml");
        // A demo does not wait long before it writes tables; a zoo does.
        let text = format!(
            "site = {site:?}\ndata_dir = \"data\"\nmodel = {model:?}\nlisten = \"127.0.0.1:0\"\n\n\
             [children]\nmqtt_port = {mqtt_port}\ns3_port = {s3_port}\n\n[lake]\ncommit_every_s = 2\n",
            site = cast.site_file,
            model = repo_root().join("models/centernet"),
        );
        fs::write(&config, text)?;
        let log = out.join(format!("logs/analyzer-{attempt}.log"));
        let args = ["run".into(), "--config".into(), config.into_os_string()];
        let mut analyzer = Start::new(bin("cluster-analyzer")?).args::<std::ffi::OsString>(args).spawn(&log)?;
        let address = out.join("data/http.addr");
        let ready = eventually(secs(40), "the analyzer was ready", || {
            let healthy = || {
                let address = fs::read_to_string(&address).ok()?;
                http::get_text(&format!("http://{}/healthz", address.trim())).ok()
            };
            if analyzer.is_running() { healthy().map(|_| true) } else { Some(false) }
        });
        match ready {
            Ok(true) => return Ok((analyzer, mqtt_port)),
            Ok(false) => last = analyzer.log(),
            Err(error) => return Err(error.context(analyzer.log())),
        }
    }
    bail!("the analyzer does not start:\n{last}")
}
