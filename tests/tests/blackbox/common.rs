//! What several tests start and read in the same way.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base::ids::{CameraId, SegmentId, SiteId};
use base::incident::{Alert, AlertType, Tier};
use base::site::Site;
use base::time::Micros;
use base::topic::Topic;
use base::wire::{CameraStatus, Form as _, FrameHeader, SegmentAck, SegmentHeader};
use tests::http::{metric, metric_sum};
use tests::scenes::{Clip, Set};
use tests::wait::{eventually_ok, secs};
use tests::weed::S3;
use tests::{Agent, Analyzer, Message, Mosquitto, MqttWatch, Scratch, Weed, scenes, site};

/// The site of tests that use the packaged street: no animal comes by.
pub const STREET: &str = "street";
/// Its camera.
pub const STREET_CAMERA: &str = "corner";

/// A broker, an S3 server, an analyzer and somebody who watches.
pub struct Stage {
    /// Everything said on the broker.
    pub watch: MqttWatch,
    /// The analyzer.
    pub analyzer: Analyzer,
    /// The bucket that it fills.
    pub bucket: S3,
    /// The S3 server.
    pub weed: Weed,
    /// The broker.
    pub broker: Mosquitto,
    /// Whose site it is.
    pub site: SiteId,
    _site_file: Scratch,
}

impl Stage {
    /// Over the site file's text.
    pub fn over(site_text: &str) -> Result<Self> {
        let files = Scratch::new("site")?;
        let path = files.write("site.toml", site_text)?;
        let site = Site::load(&path)?.name;
        let (broker, weed) = (Mosquitto::start()?, Weed::start()?);
        let bucket = weed.create_bucket("zoo")?;
        let watch = MqttWatch::connect(&broker.url(), &["paddock/#"])?;
        let analyzer = Analyzer::builder(&path)
            .broker(&broker.url())
            .store(bucket.config())
            .set("lake", "commit_every_s", 1)
            .start()?;
        Ok(Self { watch, analyzer, bucket, weed, broker, site, _site_file: files })
    }

    /// Over the street.
    pub fn street() -> Result<Self> {
        Self::over(&site::open_ground(STREET, &[STREET_CAMERA]))
    }

    /// Over the rendered set `smoke`.
    pub fn smoke() -> Result<(Self, Set)> {
        let set = scenes::set("smoke")?;
        let text = std::fs::read_to_string(set.site())?;
        Ok((Self::over(&text)?, set))
    }

    /// An agent on a clip of a set, played once in real time, in footage segments of two seconds.
    pub fn agent_on(&self, set: &Set, clip: &Clip, flags: &[&str]) -> Result<Agent> {
        let source = set.path(clip).display().to_string();
        self.agent(clip.camera.as_str(), &source, flags)
    }

    /// An agent on any source.
    pub fn agent(&self, camera: &str, source: &str, flags: &[&str]) -> Result<Agent> {
        Agent::builder(self.site.as_str(), camera, source, &self.broker.url())
            .flags(&["--segment-seconds", "2"])
            .flags(flags)
            .start()
    }

    /// Every segment of the agents' on the broker, put together from its chunks.
    pub fn cut(&self) -> BTreeMap<SegmentId, (SegmentHeader, Vec<u8>)> {
        let mut chunks: BTreeMap<SegmentId, BTreeMap<u32, (SegmentHeader, Vec<u8>)>> = BTreeMap::new();
        for message in self.watch.messages() {
            if let Some(Topic::Segment(_, id)) = Topic::parse(&self.site, &message.topic)
                && let Ok(header) = SegmentHeader::from_json(message.header.as_bytes())
            {
                chunks.entry(id).or_default().insert(header.chunk, (header, message.payload.to_vec()));
            }
        }
        let whole = chunks.into_iter().filter_map(|(id, parts)| {
            let header = parts.values().next()?.0.clone();
            let bytes: Vec<u8> = parts.into_values().flat_map(|(_, bytes)| bytes).collect();
            (bytes.len() as u64 == header.bytes).then_some((id, (header, bytes)))
        });
        whole.collect()
    }

    /// Every segment that was acknowledged.
    pub fn acknowledged(&self) -> Vec<SegmentId> {
        all_acks(&self.watch.messages(), &self.site)
    }

    /// Waits until so many segments were acknowledged.
    pub fn wait_acknowledged(&self, count: usize, deadline: Duration) -> Result<Vec<SegmentId>> {
        let enough = self.watch.wait_until(deadline, |messages| {
            let ids = all_acks(messages, &self.site);
            (ids.len() >= count).then_some(ids)
        });
        enough.with_context(|| format!("{count} segments were not acknowledged"))
    }

    /// Waits until so many segments lie in the bucket, and gives their keys.
    pub fn wait_uploaded(&self, count: usize, deadline: Duration) -> Result<Vec<String>> {
        eventually_ok(deadline, "all footage was uploaded", || {
            let keys = self.bucket.list("footage/")?;
            anyhow::ensure!(keys.len() >= count, "{} of {count} objects", keys.len());
            Ok(keys)
        })
    }
}

/// The segments that these messages acknowledge, each once.
fn all_acks(messages: &[Message], site: &SiteId) -> Vec<SegmentId> {
    let mut ids: Vec<SegmentId> = messages.iter().flat_map(|m| acks(m, site)).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// The segments that a message acknowledges.
fn acks(message: &Message, site: &SiteId) -> Vec<SegmentId> {
    match Topic::parse(site, &message.topic) {
        Some(Topic::SegmentAck(_)) => SegmentAck::from_json(&message.payload).map(|a| a.ids).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The alert that a message is, where it opens an escape.
pub fn opened(message: &Message) -> Option<Alert> {
    let alert = message.topic.ends_with("/alert").then(|| Alert::from_json(&message.payload).ok())??;
    (alert.kind == AlertType::Opened && alert.after.tier == Tier::Escape).then_some(alert)
}

/// Waits for the alert that opens an escape on a camera: it, and when it came.
pub fn wait_opened(watch: &MqttWatch, camera: &CameraId, deadline: Duration) -> Result<(Alert, Micros)> {
    let of_camera = |m: &Message| opened(m).filter(|a| a.after.sightings.iter().any(|s| s.camera == *camera));
    let message = watch.wait_for(deadline, |m| of_camera(m).is_some()).with_context(|| format!("alert of {camera}"))?;
    let alert = of_camera(&message).context("the message was an alert before")?;
    Ok((alert, message.received_at))
}

/// The headers of a camera's frames so far.
pub fn frames(watch: &MqttWatch, site: &SiteId, camera: &CameraId) -> Vec<FrameHeader> {
    let topic = Topic::Frame(camera.clone()).name(site);
    let messages = watch.messages();
    let headers = messages.iter().filter(|m| m.topic == topic);
    headers.filter_map(|m| FrameHeader::from_json(m.header.as_bytes()).ok()).collect()
}

/// Waits for a status of a camera of which `wanted` is true.
pub fn wait_status(
    watch: &MqttWatch,
    site: &SiteId,
    camera: &CameraId,
    deadline: Duration,
    wanted: impl Fn(&CameraStatus) -> bool,
) -> Result<CameraStatus> {
    let topic = Topic::CameraStatus(camera.clone()).name(site);
    let read = |m: &Message| {
        let status = (m.topic == topic).then(|| CameraStatus::from_json(&m.payload).ok()).flatten();
        status.filter(|s| wanted(s))
    };
    let message = watch.wait_for(deadline, |m| read(m).is_some())?;
    read(&message).context("the message was a status before")
}

/// Waits until a series of `/metrics` is at least `least`.
pub fn wait_metric(analyzer: &Analyzer, series: &str, least: f64, deadline: Duration) -> Result<f64> {
    eventually_ok(deadline, &format!("{series} reached {least}"), || {
        let page = analyzer.metrics()?;
        let value = if series.contains('{') { metric(&page, series).unwrap_or(0.0) } else { metric_sum(&page, series) };
        anyhow::ensure!(value >= least, "{series} is {value}");
        Ok(value)
    })
}

/// How long an alert may take from the capture of the frame that decides it.
pub const ALERT_WITHIN_US: i64 = 1_000_000;

/// Long enough for anything that comes at all.
pub const SOON: Duration = secs(30);
