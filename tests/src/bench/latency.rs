//! From the capture of the frame that decides, and from the moment the animal is out, to the alert on the wire:
//! with 1, 4 and 16 cameras on which something moves all the time, and with real agents.

use std::time::Duration;

use anyhow::{Context as _, Result};
use base::ids::CameraId;
use base::incident::{Alert, AlertType, Tier};
use base::site::Site;
use base::time::{Clock as _, Micros, SystemClock};
use base::topic::Topic;
use base::wire::{FRAME_EXPIRY_S, Form as _, FrameHeader, SegmentHeader};
use bytes::Bytes;

use super::{Row, median, progress, quantile};
use crate::agent::Agent;
use crate::analyzer::Analyzer;
use crate::mosquitto::Mosquitto;
use crate::place::Scratch;
use crate::scenes::{self, Clip, Set};
use crate::site;
use crate::wait::secs;
use crate::watch::{Message, MqttWatch, Outgoing};

/// The cameras begin one after the other, so that not all animals get out at the same time.
const STAGGER_US: i64 = 370_000;

pub fn measure(rounds: usize) -> Result<Vec<Row>> {
    let set = scenes::set("smoke")?;
    let takes = record(&set)?;
    let mut lanes =
        [Lane::new(1, false), Lane::new(4, false), Lane::new(16, false), Lane::new(1, true), Lane::new(4, true)];
    for round in 0..rounds {
        for lane in &mut lanes {
            lane.run(&set, &takes, round)?;
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

    fn run(&mut self, set: &Set, takes: &[Take], round: usize) -> Result<()> {
        let stage = Stage::start(set, self.cameras, round)?;
        let zero = if self.agents { stage.film_with_agents(set)? } else { stage.publish(takes)? };
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

    /// Sends what agents sent of each clip, at the same moments of it; gives when each clip began.
    fn publish(&self, takes: &[Take]) -> Result<Vec<Micros>> {
        let clock = SystemClock::new();
        let zero = clock.now().plus_us(200_000);
        let began: Vec<Micros> = (0..self.cast.len()).map(|i| zero.plus_us(i as i64 * STAGGER_US)).collect();
        let mut frames: Vec<(Micros, &CameraId, &Frame)> = Vec::new();
        for ((camera, clip), began) in self.cast.iter().zip(&began) {
            let take = takes.iter().find(|t| t.clip == clip.clip).context("a clip that was not recorded")?;
            frames.extend(take.frames.iter().map(|f| (began.plus_us(f.offset_us), camera, f)));
        }
        frames.sort_by_key(|(at, ..)| *at);
        for (captured_at, camera, frame) in frames {
            // This is the camera's clock, not a wait for something to happen.
            let due_us = captured_at.since(clock.now()).max(0).cast_unsigned();
            std::thread::sleep(Duration::from_micros(due_us));
            let header = FrameHeader { captured_at, ..frame.header.clone() };
            let topic = Topic::Frame(camera.clone()).name(&self.site.name);
            let message = Outgoing::new(topic, frame.jpeg.clone()).header(header.to_json()).at_most_once();
            self.watch.publish(Outgoing { expiry_s: Some(FRAME_EXPIRY_S), ..message })?;
        }
        Ok(began)
    }

    /// Plays all clips through agents, in real time; gives when each clip began.
    fn film_with_agents(&self, set: &Set) -> Result<Vec<Micros>> {
        let cast = self.cast.iter().map(|(camera, clip)| (camera, clip));
        play(set, cast, self.site.name.as_str(), &self.broker)?;
        self.cast.iter().map(|(camera, _)| began(&self.watch.messages(), camera)).collect()
    }
}

/// Plays clips through an agent each, all at the same time.
fn play<'a>(
    set: &Set,
    cast: impl Iterator<Item = (&'a CameraId, &'a Clip)>,
    site: &str,
    broker: &Mosquitto,
) -> Result<()> {
    let start = |(camera, clip): (&CameraId, &Clip)| {
        let source = set.path(clip).display().to_string();
        let agent = Agent::builder(site, camera.as_str(), &source, &broker.url());
        agent.flags(&["--once", "--segment-seconds", "2", "--drain-timeout", "2"]).start()
    };
    let mut agents = cast.map(start).collect::<Result<Vec<_>>>()?;
    // Without an analyzer nothing is acknowledged, and that is how they end; here it does not matter.
    agents.iter_mut().try_for_each(|agent| agent.process().wait(secs(60)).map(drop))
}

/// Capture time of the first frame of a camera's footage: the clip's beginning.
fn began(messages: &[Message], camera: &CameraId) -> Result<Micros> {
    let of_camera = format!("/camera/{camera}/segment/");
    let headers = messages.iter().filter(|m| m.topic.contains(&of_camera));
    let starts = headers.filter_map(|m| SegmentHeader::from_json(m.header.as_bytes()).ok()).map(|h| h.start);
    starts.min().with_context(|| format!("no footage of {camera} came"))
}

/// One frame as an agent sent it.
struct Frame {
    /// From the clip's beginning.
    offset_us: i64,
    header: FrameHeader,
    jpeg: Bytes,
}

/// All frames that an agent sent of one clip.
struct Take {
    clip: String,
    frames: Vec<Frame>,
}

/// Records what agents send of the escapes, so that any number of cameras can be played from one thread.
fn record(set: &Set) -> Result<Vec<Take>> {
    let broker = Mosquitto::start()?;
    let watch = MqttWatch::connect(&broker.url(), &["paddock/record/camera/#"])?;
    let escapes = set.escapes();
    play(set, escapes.iter().map(|clip| (&clip.camera, *clip)), "record", &broker)?;
    let messages = watch.messages();
    let take = |clip: &&Clip| {
        let zero = began(&messages, &clip.camera)?;
        let topic = format!("paddock/record/camera/{}/frame", clip.camera);
        let read = |m: &Message| {
            let header = FrameHeader::from_json(m.header.as_bytes()).ok()?;
            Some(Frame { offset_us: header.captured_at.since(zero), header, jpeg: m.payload.clone() })
        };
        let frames: Vec<Frame> = messages.iter().filter(|m| m.topic == topic).filter_map(read).collect();
        anyhow::ensure!(frames.len() > 10, "an agent sent only {} frames of {}", frames.len(), clip.clip);
        Ok(Take { clip: clip.clip.clone(), frames })
    };
    escapes.iter().map(take).collect()
}
