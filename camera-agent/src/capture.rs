//! Adapter: the source through `media`, on a thread of its own, opened again for ever.
//!
//! [`Capture::run`] retries around [`Capture::run_once`]. What comes out goes to a [`Sink`], on the same
//! thread: frames as soon as they are decoded, segments as soon as they are cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base::input::chain;
use base::retry::Backoff;
use base::time::{Clock, Micros};
use base::wire::SourceState;
use media::{
    Decoder, Frame, MediaError, OpenOptions, Segment, SegmentOptions, Segmenter, Source, SourceInfo, SourceUrl,
};

use crate::timeline::{Pace, Timeline};

/// What is to be captured, and how.
#[derive(Debug, Clone)]
pub struct Params {
    /// From where.
    pub url: SourceUrl,
    /// Where time comes from.
    pub pace: Pace,
    /// Play a file again when it ends. A stream that ends is always opened again, unless `once`.
    pub once: bool,
    /// Length of a segment, µs.
    pub segment_us: i64,
    /// How long a source may say nothing.
    pub timeout: Duration,
    /// The long side of analysis pictures, pixels.
    pub analysis_px: u32,
    /// Only key frames are looked at.
    pub key_frames_only: bool,
    /// How the source is opened, beside the timeout.
    pub open: OpenOptions,
    /// What it is opened for.
    pub role: Role,
}

/// What a stream is captured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Footage and pictures to look at, from one stream.
    Both,
    /// Footage alone: nothing is decoded.
    Footage,
    /// Pictures to look at alone: the camera's smaller stream.
    Analysis,
}

/// Takes what is captured.
pub trait Sink {
    /// Whether pictures come.
    fn state(&mut self, state: SourceState);
    /// The source was opened and is this.
    fn opened(&mut self, info: &SourceInfo);
    /// One decoded frame of capture time `at`. `late`: captured more than a second ago, catching up.
    fn frame(&mut self, frame: &Frame, at: Micros, late: bool);
    /// One segment whose first frame was captured at `start`.
    fn segment(&mut self, segment: Segment, start: Micros);
}

/// How a run over an open source ended without an error.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    Stopped,
    Ended,
}

/// A file frame is late when it is this far behind: look at newer ones instead.
const LATE_US: i64 = 1_000_000;
/// What streamed this long was well; begin the backoff anew.
const WELL: Duration = Duration::from_secs(10);
/// A file of more packets than this without one picture is none.
const FIRST_PICTURE_PACKETS: usize = 500;

/// Captures one source.
pub struct Capture {
    params: Params,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
    backoff: Backoff,
}

impl Capture {
    /// Captures until `stop` is raised, or until the end where the source is to be played once.
    pub fn new(params: Params, clock: Arc<dyn Clock>, stop: Arc<AtomicBool>) -> Self {
        let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
        Self { params, clock, stop, backoff }
    }

    /// Runs until it is over; never gives up on a source.
    pub fn run(&mut self, sink: &mut dyn Sink) {
        sink.state(SourceState::Opening);
        while !self.stopped() {
            let begun = Instant::now();
            let why = match self.run_once(sink) {
                Ok(Over::Stopped) | Err(MediaError::Stopped { .. }) => return,
                Ok(Over::Ended) if self.params.once => return sink.state(SourceState::Ended),
                Ok(Over::Ended) => format!("`{}` ended", self.params.url),
                Err(error) => chain(&error),
            };
            if begun.elapsed() > WELL {
                self.backoff.reset();
            }
            sink.state(SourceState::Retrying(why));
            let wait = self.backoff.wait();
            self.sleep(self.clock.now(), wait);
        }
    }

    fn run_once(&mut self, sink: &mut dyn Sink) -> Result<Over, MediaError> {
        let mut source = Source::open(&self.params.url, &options(&self.params, Some(self.stop.clone())))?;
        let mut stream = Stream::new(&source, &self.params)?;
        sink.opened(source.info());
        let over = self.stream(&mut source, &mut stream, sink);
        // What was filmed before the connection broke is footage like any other.
        let flushed = stream.flush(sink);
        let over = over?;
        flushed.map(|()| over)
    }

    fn stream(&mut self, source: &mut Source, stream: &mut Stream, sink: &mut dyn Sink) -> Result<Over, MediaError> {
        let mut streaming = false;
        loop {
            if self.stopped() {
                return Ok(Over::Stopped);
            }
            let packet = match source.read() {
                Ok(Some(packet)) => packet,
                Err(error @ MediaError::Truncated { .. }) => {
                    tracing::warn!("{error}");
                    continue;
                }
                Ok(None) if self.params.once || !self.params.url.is_file() || stream.since_rewind == 0 => {
                    return Ok(Over::Ended);
                }
                Ok(None) => {
                    stream.rewind(source, sink)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let now = self.clock.now();
            let before = stream.timeline;
            let stamp = stream.timeline.on_packet(packet.pts_us(), now);
            if stamp.jumped {
                stream.flush_at(&before, sink)?;
            }
            if stamp.wait_us > 0 && !self.sleep(now, Duration::from_micros(stamp.wait_us.unsigned_abs())) {
                return Ok(Over::Stopped);
            }
            stream.take(&packet, stamp.wait_us < -LATE_US, sink)?;
            if !streaming {
                streaming = true;
                sink.state(SourceState::Streaming);
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sleeps until `wait` after `from`; whether it was not stopped meanwhile.
    fn sleep(&self, from: Micros, wait: Duration) -> bool {
        const SLICE: Duration = Duration::from_millis(100);
        loop {
            let passed = Duration::from_micros(self.clock.now().since(from).max(0).unsigned_abs());
            if self.stopped() {
                return false;
            }
            if passed >= wait {
                return true;
            }
            std::thread::sleep((wait - passed).min(SLICE));
        }
    }
}

fn options(params: &Params, stop: Option<Arc<AtomicBool>>) -> OpenOptions {
    OpenOptions { timeout: params.timeout, stop, ..params.open.clone() }
}

/// One opened source: its decoder, its segmenter and its timeline.
struct Stream {
    decoder: Decoder,
    segmenter: Segmenter,
    timeline: Timeline,
    /// Whether packets are decoded, and whether they are kept.
    looks: bool,
    keeps: bool,
    frame_us: i64,
    first_pts_us: Option<i64>,
    end_pts_us: Option<i64>,
    /// A file that gives nothing any more must not be read in a circle.
    since_rewind: u64,
}

impl Stream {
    fn new(source: &Source, params: &Params) -> Result<Self, MediaError> {
        let target_us = params.segment_us;
        let segmenter =
            source.segmenter(SegmentOptions { target_us, gop_us: target_us.min(2_000_000), ..Default::default() })?;
        let fps = source.info().fps;
        // What is not copied is encoded from the decoder's frames: then they have to be whole.
        let decoder = match segmenter.remux() {
            true => source.analysis_decoder(params.analysis_px, params.key_frames_only)?,
            false => source.decoder(None)?,
        };
        Ok(Self {
            decoder,
            // What is not copied is encoded from decoded frames.
            looks: params.role != Role::Footage || !segmenter.remux(),
            keeps: params.role != Role::Analysis,
            segmenter,
            timeline: Timeline::new(params.pace),
            frame_us: if fps > 0.0 { (1e6 / fps) as i64 } else { 40_000 },
            first_pts_us: None,
            end_pts_us: None,
            since_rewind: 0,
        })
    }

    fn take(&mut self, packet: &media::Packet, late: bool, sink: &mut dyn Sink) -> Result<(), MediaError> {
        let pts_us = packet.pts_us();
        self.since_rewind += 1;
        self.first_pts_us = Some(self.first_pts_us.map_or(pts_us, |first| first.min(pts_us)));
        let end_us = pts_us.saturating_add(self.frame_us);
        self.end_pts_us = Some(self.end_pts_us.map_or(end_us, |end| end.max(end_us)));
        // The frame first: an alarm does not wait for footage.
        if self.looks
            && let Some(frames) = usable(self.decoder.decode_frames(packet))?
        {
            self.show(&frames, late, sink)?;
        }
        if self.keeps
            && self.segmenter.remux()
            && let Some(Some(segment)) = usable(self.segmenter.push(packet))?
        {
            sink.segment(segment.clone(), self.timeline.at(segment.start_pts_us));
        }
        Ok(())
    }

    fn show(&mut self, frames: &[Frame], late: bool, sink: &mut dyn Sink) -> Result<(), MediaError> {
        for frame in frames {
            sink.frame(frame, self.timeline.at(frame.pts_us()), late);
            // Decoded once: what is not copied is encoded from the same frame.
            if self.keeps
                && !self.segmenter.remux()
                && let Some(Some(segment)) = usable(self.segmenter.push_frame(frame))?
            {
                let start = self.timeline.at(segment.start_pts_us);
                sink.segment(segment, start);
            }
        }
        Ok(())
    }

    fn flush(&mut self, sink: &mut dyn Sink) -> Result<(), MediaError> {
        self.flush_at(&self.timeline.clone(), sink)
    }

    /// Hands out what is inside, stamped by `timeline`.
    fn flush_at(&mut self, timeline: &Timeline, sink: &mut dyn Sink) -> Result<(), MediaError> {
        let after = std::mem::replace(&mut self.timeline, *timeline);
        let frames = self.decoder.flush_frames();
        let shown = self.show(&frames, true, sink);
        while let Some(segment) = self.segmenter.finish()? {
            sink.segment(segment.clone(), timeline.at(segment.start_pts_us));
        }
        self.timeline = after;
        shown
    }

    fn rewind(&mut self, source: &mut Source, sink: &mut dyn Sink) -> Result<(), MediaError> {
        self.flush(sink)?;
        source.rewind()?;
        self.since_rewind = 0;
        if let (Some(first), Some(end)) = (self.first_pts_us, self.end_pts_us) {
            self.timeline.rewound(end, first);
        }
        Ok(())
    }
}

/// What is damaged is left out; the stream goes on.
fn usable<T>(result: Result<T, MediaError>) -> Result<Option<T>, MediaError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error @ MediaError::Corrupt { .. }) => {
            tracing::debug!("{error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether a file can be played: opens it and decodes its first picture.
///
/// # Errors
/// What is wrong with it, in a sentence for the person who named it.
pub fn check(params: &Params) -> Result<SourceInfo, MediaError> {
    let url = &params.url;
    let mut source = Source::open(url, &options(params, None))?;
    let mut decoder = source.decoder(None)?;
    for _ in 0..FIRST_PICTURE_PACKETS {
        let Some(packet) = source.read()? else { break };
        if usable(decoder.decode_frames(&packet))?.is_some_and(|frames| !frames.is_empty()) {
            return Ok(source.info().clone());
        }
    }
    if decoder.flush_frames().is_empty() {
        return Err(MediaError::NoVideo { url: url.to_string() });
    }
    Ok(source.info().clone())
}
