//! From the capture of the frame that decides, and from the moment the animal is out, to the alert on the wire:
//! with 1, 4 and 16 cameras on which something moves all the time, and with real agents.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use base::ids::CameraId;
use base::incident::{Alert, AlertType, Tier};
use base::site::Site;
use base::time::{Clock as _, Micros, SystemClock};
use base::topic::Topic;
use base::wire::{FRAME_EXPIRY_S, Form as _, FrameHeader, Light, SegmentHeader, VERSION};
use bytes::Bytes;

use super::{Row, median, progress, quantile};
use crate::agent::Agent;
use crate::analyzer::Analyzer;
use crate::mosquitto::Mosquitto;
use crate::place::Scratch;
use crate::process::Start;
use crate::scenes::{self, Clip, Set};
use crate::site;
use crate::wait::secs;
use crate::watch::{Message, MqttWatch, Outgoing};

/// Frames a second of each camera, as agents send them while something moves.
const FPS: u32 = 5;
/// The cameras begin one after the other, so that not all animals get out at the same time.
const STAGGER_US: i64 = 370_000;

pub fn measure(rounds: usize) -> Result<Vec<Row>> {
    let set = scenes::set("smoke")?;
    let mut lanes =
        [Lane::new(1, false), Lane::new(4, false), Lane::new(16, false), Lane::new(1, true), Lane::new(4, true)];
    for round in 0..rounds {
        for lane in &mut lanes {
            lane.run(&set, round)?;
            progress(&format!("latency, round {}: {}", round + 1, lane.summary()));
        }
    }
    Ok(lanes.iter().flat_map(Lane::rows).collect())
}

/// One number of cameras.
struct Lane {
    cameras: usize,
    agents: bool,
    frame_ms: Vec<f64>,
    event_ms: Vec<f64>,
    missed: usize,
}

impl Lane {
    fn new(cameras: usize, agents: bool) -> Self {
        Self { cameras, agents, frame_ms: Vec::new(), event_ms: Vec::new(), missed: 0 }
    }

    fn name(&self) -> String {
        let plural = if self.cameras == 1 { "" } else { "s" };
        let how = if self.agents { ", real agents" } else { "" };
        format!("{} camera{plural}{how}", self.cameras)
    }

    fn summary(&self) -> String {
        let (frame, event) = (median(&self.frame_ms), median(&self.event_ms));
        format!("{}: frame {frame:.0} ms, event {event:.0} ms, missed {}", self.name(), self.missed)
    }

    fn rows(&self) -> Vec<Row> {
        let alerts = self.frame_ms.len();
        let missed = if self.missed == 0 { String::new() } else { format!(", {} escapes missed", self.missed) };
        let text = |values: &[f64]| {
            format!("{:.0} ms (p95 {:.0} ms, {alerts} alerts{missed})", median(values), quantile(values, 0.95))
        };
        vec![
            Row::alone(format!("frame to alert, {}", self.name()), text(&self.frame_ms)),
            Row::alone(format!("event to alert, {}", self.name()), text(&self.event_ms)),
        ]
    }

    fn run(&mut self, set: &Set, round: usize) -> Result<()> {
        let stage = Stage::start(set, self.cameras, round)?;
        let zero = if self.agents { stage.film_with_agents(set)? } else { stage.publish(set)? };
        // An alert that has not come long after the last clip is one that does not come.
        let wanted = stage.cast.len();
        let _ = stage.watch.wait_until(secs(5), |all| (alerts(all).len() >= wanted).then_some(()));
        let found = alerts(&stage.watch.messages());
        for ((camera, clip), zero) in stage.cast.iter().zip(zero) {
            let event = clip.events.first().context("an escape has an event")?;
            let out_at = zero.plus_us((event.start * 1e6) as i64);
            match found.iter().find(|(alert, _)| alert.after.sightings.iter().any(|s| s.camera == *camera)) {
                Some((alert, received_at)) => {
                    self.frame_ms.push(received_at.since(alert.after.opened_at) as f64 / 1e3);
                    self.event_ms.push(received_at.since(out_at) as f64 / 1e3);
                }
                None => self.missed += 1,
            }
        }
        Ok(())
    }
}

/// The opened escapes among these messages, and when they came.
fn alerts(messages: &[Message]) -> Vec<(Alert, Micros)> {
    let read = |m: &Message| Some((Alert::from_json(&m.payload).ok()?, m.received_at));
    let on_topic = messages.iter().filter(|m| m.topic.ends_with("/alert"));
    on_topic.filter_map(read).filter(|(a, _)| a.kind == AlertType::Opened && a.after.tier == Tier::Escape).collect()
}

/// An analyzer with so many cameras, each of which sees an escape.
struct Stage {
    watch: MqttWatch,
    cast: Vec<(CameraId, Clip)>,
    broker: Mosquitto,
    site: Site,
    _analyzer: Analyzer,
    _files: Scratch,
}

impl Stage {
    fn start(set: &Set, cameras: usize, round: usize) -> Result<Self> {
        let escapes = set.escapes();
        let mut text = std::fs::read_to_string(set.site())?;
        let mut cast = Vec::new();
        // A camera that is filmed more than once gets copies with zones of their own.
        for i in 0..cameras {
            let clip = escapes[(round + i) % escapes.len()];
            let copy = i / escapes.len();
            let id = if copy == 0 {
                clip.camera.clone()
            } else {
                text = site::with_copy(&text, clip.camera.as_str(), copy)?;
                site::copy_id(clip.camera.as_str(), copy).parse()?
            };
            cast.push((id, clip.clone()));
        }
        let files = Scratch::new("bench")?;
        let path = files.write("site.toml", text)?;
        let site = Site::load(&path)?;
        let broker = Mosquitto::start()?;
        let analyzer = Analyzer::builder(&path).broker(&broker.url()).store(&site::no_store()).start()?;
        let watch = MqttWatch::connect(&broker.url(), &["paddock/+/alert", "paddock/+/camera/+/segment/#"])?;
        Ok(Self { watch, cast, broker, site, _analyzer: analyzer, _files: files })
    }

    /// Sends all clips' frames at their time; gives when each clip began.
    fn publish(&self, set: &Set) -> Result<Vec<Micros>> {
        let clips: Vec<Vec<Bytes>> = self.cast.iter().map(|(_, clip)| jpegs(&set.path(clip))).collect::<Result<_>>()?;
        let clock = SystemClock::new();
        let zero = clock.now().plus_us(200_000);
        let began: Vec<Micros> = (0..clips.len()).map(|i| zero.plus_us(i as i64 * STAGGER_US)).collect();
        let mut frames: Vec<(Micros, usize, usize)> = Vec::new();
        for (camera, jpegs) in clips.iter().enumerate() {
            let at = |i: usize| began[camera].plus_us(i as i64 * 1_000_000 / i64::from(FPS));
            frames.extend((0..jpegs.len()).map(|i| (at(i), camera, i)));
        }
        frames.sort();
        let origin = Instant::now();
        let now = clock.now();
        for (captured_at, camera, i) in frames {
            let due = Duration::from_micros(captured_at.since(now).max(0).cast_unsigned());
            // This is the camera's clock, not a wait for something to happen.
            std::thread::sleep(due.saturating_sub(origin.elapsed()));
            self.watch.publish(self.frame(camera, i, captured_at, &clips[camera][i])?)?;
        }
        Ok(began)
    }

    fn frame(&self, camera: usize, i: usize, captured_at: Micros, jpeg: &Bytes) -> Result<Outgoing> {
        let (width, height) = size(jpeg).context("ffmpeg wrote a JPEG without a size")?;
        let header = FrameHeader {
            v: VERSION,
            seq: i as u64 + 1,
            captured_at,
            width,
            height,
            motion: Vec::new(),
            light: Light::Day,
            drill: false,
        };
        let topic = Topic::Frame(self.cast[camera].0.clone()).name(&self.site.name);
        let message = Outgoing::new(topic, jpeg.clone()).header(header.to_json()).at_most_once();
        Ok(Outgoing { expiry_s: Some(FRAME_EXPIRY_S), ..message })
    }

    /// Plays all clips through agents, in real time; gives when each clip began.
    fn film_with_agents(&self, set: &Set) -> Result<Vec<Micros>> {
        let mut agents = Vec::new();
        for (camera, clip) in &self.cast {
            let source = set.path(clip).display().to_string();
            let agent = Agent::builder(self.site.name.as_str(), camera.as_str(), &source, &self.broker.url());
            agents.push(agent.flags(&["--once", "--segment-seconds", "2"]).start()?);
        }
        for agent in &mut agents {
            agent.process().wait(secs(60))?;
        }
        self.cast.iter().map(|(camera, _)| self.first_footage(camera)).collect()
    }

    /// Capture time of the first frame of a camera's footage: the clip's beginning.
    fn first_footage(&self, camera: &CameraId) -> Result<Micros> {
        let of_camera = format!("/camera/{camera}/segment/");
        let messages = self.watch.messages();
        let headers = messages.iter().filter(|m| m.topic.contains(&of_camera));
        let starts = headers.filter_map(|m| SegmentHeader::from_json(m.header.as_bytes()).ok()).map(|h| h.start);
        starts.min().with_context(|| format!("no footage of {camera} came"))
    }
}

/// A clip's frames at the rate and size at which an agent sends them.
fn jpegs(clip: &Path) -> Result<Vec<Bytes>> {
    let scratch = Scratch::new("jpegs")?;
    Start::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .args([clip])
        .args(["-vf", &format!("fps={FPS},scale='min(640,iw)':-2"), "-q:v", "4"])
        .args([scratch.join("%05d.jpg")])
        .run(secs(60))?
        .success()?;
    let mut files: Vec<_> = std::fs::read_dir(scratch.path())?.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    files.iter().map(|path| Ok(Bytes::from(std::fs::read(path)?))).collect()
}

/// Width and height, from a baseline or progressive JPEG's frame header.
fn size(jpeg: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let (marker, length) = (*jpeg.get(at + 1)?, u16::from_be_bytes([*jpeg.get(at + 2)?, *jpeg.get(at + 3)?]));
        if matches!(marker, 0xC0..=0xC2) {
            let word = |i: usize| Some(u32::from(u16::from_be_bytes([*jpeg.get(i)?, *jpeg.get(i + 1)?])));
            return Some((word(at + 7)?, word(at + 5)?));
        }
        at += 2 + usize::from(length);
    }
}
