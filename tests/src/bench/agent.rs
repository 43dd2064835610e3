//! What an agent costs on one camera, against `ffmpeg` that decodes the same stream and does nothing with it.

use std::path::Path;

use anyhow::Result;
use base::ids::SegmentId;
use base::wire::{Form as _, SegmentAck, VERSION};

use super::{Row, median, progress};
use crate::agent::Agent;
use crate::mosquitto::Mosquitto;
use crate::place::Scratch;
use crate::process::{Proc, Start, Usage};
use crate::scenes;
use crate::wait::{eventually, secs};
use crate::watch::{MqttWatch, Outgoing};

/// All of the packaged CCTV: 768x576, 10 fps.
const CLIP_S: u32 = 79;
/// Long enough in real time for the largest size.
const LIVE_S: u32 = 10;

pub fn measure(rounds: usize) -> Result<Vec<Row>> {
    let clip = scenes::street_clip(CLIP_S)?;
    let (mut agent_s, mut ffmpeg_s) = (Vec::new(), Vec::new());
    let (mut peak_mib, mut own_mib) = (Vec::new(), Vec::new());
    let short = scenes::street_clip(LIVE_S)?;
    for round in 0..rounds {
        let used = agent(&clip, "none")?;
        agent_s.push(used.cpu_s);
        // As a camera sends it: read as fast as it can be, several frames wait at a time.
        let live = agent(&short, "realtime")?;
        peak_mib.push(mib(live.peak_bytes));
        own_mib.push(mib(live.own_bytes));
        ffmpeg_s.push(ffmpeg(&clip)?.cpu_s);
        progress(&format!("agent, round {}: {:.2} s against {:.2} s", round + 1, used.cpu_s, ffmpeg_s[round]));
    }
    let percent = |cpu_s: f64| 100.0 * cpu_s / f64::from(CLIP_S);
    let (ours, alone) = (median(&agent_s), median(&ffmpeg_s));
    Ok(vec![
        Row::against(
            "agent on one camera, 768x576 at 10 fps: share of a core",
            format!("{:.1} %", percent(ours)),
            format!("`ffmpeg -f null` {:.1} %", percent(alone)),
            ours / alone,
        ),
        Row::alone(
            "agent on one camera: largest resident size",
            format!("{:.0} MiB, {:.0} MiB of it without libraries", median(&peak_mib), median(&own_mib)),
        ),
    ])
}

fn mib(bytes: Option<u64>) -> f64 {
    bytes.unwrap_or_default() as f64 / f64::from(1 << 20)
}

/// The whole clip, every segment sent and acknowledged.
fn agent(clip: &Path, pace: &str) -> Result<Usage> {
    let broker = Mosquitto::start()?;
    let watch = MqttWatch::connect(&broker.url(), &["paddock/bench/camera/c/segment/#"])?;
    let mut agent = Agent::builder("bench", "c", &clip.display().to_string(), &broker.url())
        .flags(&["--once", "--pace", pace])
        .start()?;
    let used = until_ended(agent.process(), || acknowledge(&watch))?;
    anyhow::ensure!(agent.process().wait(secs(5))?.success(), "the agent failed: {}", agent.log());
    Ok(used)
}

/// Acknowledges every segment whose last chunk has come, as an analyzer that costs nothing would.
fn acknowledge(watch: &MqttWatch) {
    let messages = watch.messages();
    if messages.is_empty() {
        return;
    }
    watch.clear();
    let is_last = |m: &crate::Message| {
        let header = base::wire::SegmentHeader::from_json(m.header.as_bytes());
        header.is_ok_and(|h| h.chunk + 1 == h.chunks)
    };
    let ids = messages.iter().filter(|m| is_last(m)).filter_map(|m| m.topic.rsplit('/').next()?.parse().ok());
    let ids: Vec<SegmentId> = ids.collect();
    if !ids.is_empty() {
        let ack = SegmentAck { v: VERSION, ids, rejected: Vec::new() };
        // A broker that is gone ends the agent's run too, and that is told.
        let _ = watch.publish(Outgoing::new("paddock/bench/camera/c/segment-ack", ack.to_json()));
    }
}

fn ffmpeg(clip: &Path) -> Result<Usage> {
    let scratch = Scratch::new("ffmpeg")?;
    let mut process = Start::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-threads", "1", "-i"])
        .args([clip])
        .args(["-f", "null", "-"])
        .spawn(&scratch.join("log"))?;
    until_ended(&mut process, || {})
}

/// What a process has used when it ends: its time is still told then, its size no more.
fn until_ended(process: &mut Proc, mut meanwhile: impl FnMut()) -> Result<Usage> {
    let (mut peak_bytes, mut own_bytes) = (None, None);
    eventually(secs(120), "the process ended", || {
        meanwhile();
        let used = process.usage().ok()?;
        peak_bytes = used.peak_bytes.max(peak_bytes);
        own_bytes = used.own_bytes.max(own_bytes);
        used.ended.then_some(Usage { peak_bytes, own_bytes, ..used })
    })
}
