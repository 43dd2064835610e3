//! What a source is like, measured over its first seconds.

use std::time::{Duration, Instant};

use crate::error::MediaError;
use crate::info::SourceInfo;
use crate::options::OpenOptions;
use crate::source::Source;
use crate::url::SourceUrl;

/// What a source says of itself, and what its first seconds show.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// What it says.
    pub info: SourceInfo,
    /// Over how much of the stream was measured.
    pub measured_us: i64,
    /// Packets seen.
    pub packets: u32,
    /// Key frames seen.
    pub key_frames: u32,
    /// The longest time from key frame to key frame; `None` when fewer than two were seen.
    pub gop_us: Option<i64>,
    /// The same in frames.
    pub gop_frames: Option<u32>,
    /// Frames per second as measured; 0 when fewer than two were seen.
    pub fps: f64,
    /// Bits per second as measured.
    pub bit_rate: i64,
    /// Whether frames are shown in another order than sent.
    pub b_frames: bool,
    /// Whether decoding times only ever rise.
    pub monotonic: bool,
}

/// Measured at least, in stream time.
const AT_LEAST_US: i64 = 3_000_000;
/// Measured at most when no second key frame comes, in stream time and in real time.
const AT_MOST: Duration = Duration::from_secs(12);

/// Opens a source and measures its first seconds, more where it has few key frames.
///
/// # Errors
/// As [`Source::open`] and [`Source::read`].
pub fn probe(url: &SourceUrl, options: &OpenOptions) -> Result<Probe, MediaError> {
    let mut source = Source::open(url, options)?;
    let began = Instant::now();
    let mut seen = Vec::new();
    while let Some(packet) = source.read()? {
        seen.push(Seen {
            pts_us: packet.pts_us(),
            dts_us: packet.dts_us(),
            key: packet.key(),
            bytes: packet.size() as i64,
        });
        let span_us = span_us(&seen);
        let enough = span_us >= AT_LEAST_US && seen.iter().filter(|packet| packet.key).count() > 1;
        if enough || span_us >= AT_MOST.as_micros() as i64 || began.elapsed() >= AT_MOST {
            break;
        }
    }
    Ok(measure(source.info().clone(), &seen))
}

struct Seen {
    pts_us: i64,
    dts_us: Option<i64>,
    key: bool,
    bytes: i64,
}

fn span_us(seen: &[Seen]) -> i64 {
    let times = || seen.iter().map(|packet| packet.pts_us);
    times().max().unwrap_or(0) - times().min().unwrap_or(0)
}

fn measure(info: SourceInfo, seen: &[Seen]) -> Probe {
    let keys: Vec<usize> = (0..seen.len()).filter(|&at| seen[at].key).collect();
    let between = |f: &dyn Fn(usize, usize) -> i64| keys.windows(2).map(|pair| f(pair[0], pair[1])).max();
    let measured_us = span_us(seen);
    let fps = if measured_us > 0 { (seen.len() - 1) as f64 * 1e6 / measured_us as f64 } else { 0.0 };
    let bytes: i64 = seen.iter().map(|packet| packet.bytes).sum();
    Probe {
        info,
        measured_us,
        packets: seen.len() as u32,
        key_frames: keys.len() as u32,
        gop_us: between(&|from, to| seen[to].pts_us - seen[from].pts_us),
        gop_frames: between(&|from, to| (to - from) as i64).map(|frames| frames as u32),
        fps,
        bit_rate: if measured_us > 0 { (bytes as f64 * 8e6 / measured_us as f64) as i64 } else { 0 },
        b_frames: seen.windows(2).any(|pair| pair[1].pts_us < pair[0].pts_us),
        monotonic: seen.windows(2).all(|pair| match (pair[0].dts_us, pair[1].dts_us) {
            (Some(before), Some(after)) => before < after,
            _ => true,
        }),
    }
}
