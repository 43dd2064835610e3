//! The stage of the page's tests: a broker, a store and an analyzer over a rendered set, driven by lines.
//!
//! ```text
//! stage [SET]            smoke where no set is named
//!   play CAMERA [CLIP]   an agent of that camera plays its clip (or another camera's), over and over
//!   once CAMERA [CLIP]   the same, once
//!   stop CAMERA          that agent stops; `kill CAMERA` ends it as a power cut would
//!   restart              the analyzer is killed and started again over the same data
//!   flood N FPS          so many made-up cameras send the last picture that came, so often
//!   end                  so does the end of the input
//! ```
//!
//! Each line of output is a JSON object: `ready` and `restarted` with the address, `mqtt` for what is said on the
//! broker about incidents, `refused` for a line that cannot be followed.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base::time::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tests::scenes::{self, Set};
use tests::watch::Outgoing;
use tests::{Agent, Analyzer, Mosquitto, MqttWatch, Scratch, Weed};

fn main() -> Result<()> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "smoke".into());
    let mut stage = Stage::build(&name)?;
    stage.tell_ready("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => {}
            ["end"] => break,
            _ => {
                if let Err(error) = stage.follow(&words) {
                    tell(&json!({ "event": "refused", "line": line, "why": format!("{error:#}") }));
                }
            }
        }
    }
    Ok(())
}

fn tell(value: &Value) {
    println!("{value}");
}

/// Fields end in this order: whoever speaks first, the broker last.
struct Stage {
    flooding: Arc<AtomicBool>,
    agents: HashMap<String, Agent>,
    analyzer: Analyzer,
    watch: Arc<MqttWatch>,
    set: Set,
    site: String,
    site_file: PathBuf,
    _files: Scratch,
    _weed: Weed,
    broker: Mosquitto,
}

impl Stage {
    fn build(name: &str) -> Result<Self> {
        let set = scenes::set(name)?;
        let files = Scratch::new("stage")?;
        // The page changes it.
        let site_file = files.write("site.toml", std::fs::read_to_string(set.site())?)?;
        let site = base::site::Site::load(&site_file)?.name.to_string();
        let (broker, weed) = (Mosquitto::start()?, Weed::start()?);
        let bucket = weed.create_bucket("zoo")?;
        let watch = Arc::new(MqttWatch::connect(&broker.url(), &["paddock/+/alert", "paddock/+/incident/#"])?);
        let analyzer = Analyzer::builder(&site_file)
            .broker(&broker.url())
            .store(bucket.config())
            .set("lake", "commit_every_s", 1)
            .start()?;
        std::thread::spawn({
            let watch = Arc::clone(&watch);
            move || tell_messages(&watch)
        });
        let (agents, flooding) = (HashMap::new(), Arc::default());
        Ok(Self { flooding, agents, analyzer, watch, set, site, site_file, _files: files, _weed: weed, broker })
    }

    fn tell_ready(&self, event: &str) {
        let clips = self.set.clips.iter().map(|c| json!({ "camera": c.camera, "escapes": c.events.len() }));
        tell(&json!({
            "event": event,
            "url": self.analyzer.url(""),
            "mqtt": self.broker.url(),
            "site": self.site_file,
            "clips": clips.collect::<Vec<_>>(),
        }));
    }

    fn follow(&mut self, words: &[&str]) -> Result<()> {
        match words {
            ["play" | "once", camera] => self.play(camera, camera, words[0] == "once"),
            ["play" | "once", camera, clip] => self.play(camera, clip, words[0] == "once"),
            ["stop", camera] => self.agents.remove(*camera).context("no such agent")?.stop().map(drop),
            ["kill", camera] => {
                self.agents.remove(*camera).context("no such agent")?.kill9();
                Ok(())
            }
            ["restart"] => {
                self.analyzer.restart()?;
                self.tell_ready("restarted");
                Ok(())
            }
            ["flood", count, fps] => self.flood(count.parse()?, fps.parse()?),
            _ => bail!("unknown; see the page of this program"),
        }
    }

    fn play(&mut self, camera: &str, clip: &str, once: bool) -> Result<()> {
        let clip = self.set.clips.iter().find(|c| c.camera.as_str() == clip).context("the set has no such clip")?;
        let source = self.set.path(clip).display().to_string();
        let mut flags = vec!["--segment-seconds", "2"];
        flags.extend(once.then_some("--once"));
        let agent = Agent::builder(&self.site, camera, &source, &self.broker.url()).flags(&flags).start()?;
        self.agents.insert(camera.to_owned(), agent);
        Ok(())
    }

    /// Frames of cameras that nobody has to decode: the page's burden without the agents'.
    fn flood(&mut self, count: usize, fps: f64) -> Result<()> {
        self.flooding.store(false, Ordering::Relaxed);
        if count == 0 {
            return Ok(());
        }
        let clip = self.set.path(self.set.clips.first().context("the set is empty")?);
        let jpegs = (0..3).map(|i| still(&clip, f64::from(i))).collect::<Result<Vec<_>>>()?;
        let going = Arc::new(AtomicBool::new(true));
        self.flooding = Arc::clone(&going);
        let (watch, site) = (Arc::clone(&self.watch), self.site.clone());
        std::thread::spawn(move || {
            let clock = SystemClock::new();
            let (began, mut seq) = (Instant::now(), 0_u64);
            while going.load(Ordering::Relaxed) {
                for camera in 1..=count {
                    let header = json!({
                        "v": 1, "seq": seq, "captured_at": clock.now(), "width": 640, "height": 480,
                    });
                    let jpeg = jpegs[seq as usize % jpegs.len()].clone();
                    let topic = format!("paddock/{site}/camera/flood-{camera}/frame");
                    let _ = watch.publish(Outgoing::new(topic, jpeg).header(header.to_string()).at_most_once());
                }
                seq += 1;
                let due = Duration::from_secs_f64(seq as f64 / fps);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
        });
        Ok(())
    }
}

fn still(clip: &std::path::Path, at_s: f64) -> Result<Vec<u8>> {
    let output = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-ss", &at_s.to_string(), "-i"])
        .arg(clip)
        .args(["-frames:v", "1", "-vf", "scale=640:480", "-q:v", "5", "-f", "mjpeg", "-"])
        .output()?;
    anyhow::ensure!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Everything said about incidents, as it comes.
fn tell_messages(watch: &MqttWatch) {
    let mut told = 0;
    loop {
        let new = watch.wait_until(Duration::from_secs(3600), |messages| {
            messages.get(told..).filter(|m| !m.is_empty()).map(<[_]>::to_vec)
        });
        let Ok(new) = new else { return };
        told += new.len();
        for message in new {
            let (topic, at) = (&message.topic, message.received_at);
            tell(&json!({ "event": "mqtt", "topic": topic, "at": at, "payload": message.json() }));
        }
    }
}
