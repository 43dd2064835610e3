//! Footage through the analyzer to its acknowledgement, each segment fsynced, against the broker alone with a
//! subscriber that drops everything.

use std::collections::HashSet;
use std::time::Instant;

use anyhow::Result;
use base::ids::SegmentId;
use base::segment::{SegmentMeta, sha256_hex};
use base::time::{Clock as _, SystemClock};
use base::wire::{Form as _, MAX_CHUNK_BYTES, SegmentAck};

use super::{Row, median, progress};
use crate::analyzer::Analyzer;
use crate::mosquitto::Mosquitto;
use crate::place::Scratch;
use crate::site;
use crate::wait::secs;
use crate::watch::{Message, MqttWatch, Outgoing};

/// Segments of a round: 32 MiB in all, each four seconds at a megabit a second.
const SEGMENTS: usize = 64;
const SEGMENT_BYTES: usize = 512 * 1024;

pub fn measure(rounds: usize) -> Result<Vec<Row>> {
    let files = Scratch::new("bench")?;
    let site = files.write("site.toml", site::open_ground("bench", &["c"]))?;
    let broker = Mosquitto::start()?;
    let analyzer = Analyzer::builder(&site).broker(&broker.url()).store(&site::no_store()).start()?;
    let alone = Mosquitto::start()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        ours.push(through_the_analyzer(&broker)?);
        theirs.push(through_the_broker(&alone)?);
        progress(&format!("ingest, round {}: {:.0} MB/s against {:.0} MB/s", round + 1, ours[round], theirs[round]));
    }
    drop(analyzer);
    let (ours, theirs) = (median(&ours), median(&theirs));
    Ok(vec![Row::against(
        "footage to the archive, fsynced and acknowledged",
        format!("{ours:.0} MB/s"),
        format!("mosquitto alone {theirs:.0} MB/s"),
        ours / theirs,
    )])
}

/// A segment's chunks, ready to be sent.
fn segments() -> Vec<(SegmentId, Vec<Outgoing>)> {
    let now = SystemClock::new().now();
    let content: Vec<u8> = (0..SEGMENT_BYTES as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sha256 = sha256_hex(&content);
    let one = |i: usize| {
        let start = now.plus_us(4_000_000 * i as i64);
        let meta = SegmentMeta {
            camera: "c".parse().ok()?,
            id: SegmentId::generate(start),
            start,
            duration_us: 4_000_000,
            bytes: content.len() as u64,
            sha256: sha256.clone(),
            codec: "h264".into(),
            width: 768,
            height: 576,
            fps: 10.0,
            frames: 40,
            motion: 0.5,
            drill: false,
        };
        let topic = format!("paddock/bench/camera/c/segment/{}", meta.id);
        let chunks = content.chunks(MAX_CHUNK_BYTES).enumerate();
        let chunk = |(i, bytes): (usize, &[u8])| {
            Outgoing::new(topic.clone(), bytes.to_vec()).header(meta.header(i as u32).to_json())
        };
        Some((meta.id.clone(), chunks.map(chunk).collect()))
    };
    (0..SEGMENTS).filter_map(one).collect()
}

/// Megabytes a second until the last segment is acknowledged.
fn through_the_analyzer(broker: &Mosquitto) -> Result<f64> {
    let watch = MqttWatch::connect(&broker.url(), &["paddock/bench/camera/c/segment-ack"])?;
    let sent = segments();
    let ids: HashSet<SegmentId> = sent.iter().map(|(id, _)| id.clone()).collect();
    rate(&watch, sent, |messages| {
        let acks = messages.iter().filter_map(|m| SegmentAck::from_json(&m.payload).ok());
        acks.flat_map(|ack| ack.ids).filter(|id| ids.contains(id)).collect::<HashSet<_>>().len() == ids.len()
    })
}

/// Megabytes a second until the last chunk is there.
fn through_the_broker(broker: &Mosquitto) -> Result<f64> {
    let subscriber = MqttWatch::connect(&broker.url(), &["paddock/bench/camera/c/segment/#"])?;
    let sent = segments();
    let chunks: usize = sent.iter().map(|(_, chunks)| chunks.len()).sum();
    let publisher = MqttWatch::connect(&broker.url(), &[])?;
    let began = Instant::now();
    for message in sent.into_iter().flat_map(|(_, chunks)| chunks) {
        publisher.publish(message)?;
    }
    subscriber.wait_until(secs(60), |messages| (messages.len() == chunks).then_some(()))?;
    Ok(megabytes() / began.elapsed().as_secs_f64())
}

fn rate(watch: &MqttWatch, sent: Vec<(SegmentId, Vec<Outgoing>)>, done: impl Fn(&[Message]) -> bool) -> Result<f64> {
    let began = Instant::now();
    for message in sent.into_iter().flat_map(|(_, chunks)| chunks) {
        watch.publish(message)?;
    }
    watch.wait_until(secs(60), |messages| done(messages).then_some(()))?;
    Ok(megabytes() / began.elapsed().as_secs_f64())
}

fn megabytes() -> f64 {
    (SEGMENTS * SEGMENT_BYTES) as f64 / 1e6
}
