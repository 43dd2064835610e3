//! Sources: opened, read packet by packet, rewound.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Rational;
use ffmpeg_next::error as errno;

use crate::decode::{Decoder, DecoderSettings, frame_us, to_us};
use crate::error::MediaError;
use crate::info::{SourceInfo, describe};
use crate::options::{OpenOptions, demuxer_options};
use crate::packet::Packet;
use crate::raw;
use crate::segment::{SegmentOptions, Segmenter};
use crate::url::{SourceKind, SourceUrl};
use crate::watchdog::{Fired, Watchdog};

/// An open source. It may be moved to the thread that reads it.
pub struct Source {
    url: SourceUrl,
    options: OpenOptions,
    info: SourceInfo,
    input: ffmpeg::format::context::Input,
    parameters: ffmpeg::codec::Parameters,
    stream: usize,
    start: i64,
    time_base: Rational,
    /// For streams whose times FFmpeg makes up (MJPEG over HTTP): packets are stamped as they arrive.
    arrival: Option<Instant>,
    watchdog: Arc<Watchdog>,
    next_pts_us: i64,
    bad_in_a_row: u32,
    ended: bool,
}

/// The time base of packets that are stamped on arrival.
const MICROSECONDS: Rational = Rational(1, 1_000_000);
/// So many unreadable packets without a good one between: the source is broken, not the packet.
const BAD_LIMIT: u32 = 200;

impl Source {
    /// Opens a source and learns what it is. Takes at most `options.timeout`, looking up the host name apart.
    ///
    /// # Errors
    /// One of [`MediaError`]'s that says what is wrong with the source.
    pub fn open(url: &SourceUrl, options: &OpenOptions) -> Result<Self, MediaError> {
        crate::init();
        let watchdog = Watchdog::new(options.stop.clone());
        watchdog.arm(options.timeout);
        let asked = watchdog.clone();
        let device = url.kind() == SourceKind::V4l2;
        if device && !raw::register_devices() {
            return Err(MediaError::Unsupported {
                what: format!("the camera device `{url}`"),
                instead: "install FFmpeg's libavdevice (Debian: libavdevice59)",
            });
        }
        let format = if device { Some("v4l2") } else { options.input_format.as_deref() };
        let dictionary: ffmpeg::Dictionary = demuxer_options(url.kind(), options).into_iter().collect();
        let mut input = raw::open_input(&url.for_ffmpeg(), format, dictionary, device, move || asked.expired())
            .map_err(|error| open_error(url, options, &watchdog, error))?;
        let no_video = || MediaError::NoVideo { url: url.to_string() };
        let best = input.streams().best(ffmpeg::media::Type::Video).ok_or_else(no_video)?;
        let (stream, start) = (best.index(), best.start_time());
        let parameters = best.parameters().clone();
        let arrival = (url.kind() == SourceKind::Http && made_up_times(input.format().name())).then(Instant::now);
        let time_base = if arrival.is_some() { MICROSECONDS } else { best.time_base() };
        let info = describe(url.kind(), &input, &best);
        if info.width == 0 || info.height == 0 {
            return Err(if watchdog.fired().is_some() {
                open_error(url, options, &watchdog, ffmpeg::Error::Exit)
            } else {
                no_video()
            });
        }
        raw::discard_others(&mut input, stream);
        Ok(Self {
            url: url.clone(),
            options: options.clone(),
            info,
            input,
            parameters,
            stream,
            start: if start == i64::MIN { 0 } else { start },
            time_base,
            arrival,
            watchdog,
            next_pts_us: 0,
            bad_in_a_row: 0,
            ended: false,
        })
    }

    /// What the source is.
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// Where it came from.
    pub fn url(&self) -> &SourceUrl {
        &self.url
    }

    /// The next video packet; `None` at the end.
    ///
    /// # Errors
    /// [`MediaError::Stalled`] when none comes within the timeout, [`MediaError::Stopped`] when the stop flag
    /// is raised, [`MediaError::Lost`] when the connection breaks, [`MediaError::Truncated`] once, before the
    /// end, for a file that is cut short.
    pub fn read(&mut self) -> Result<Option<Packet>, MediaError> {
        if self.ended {
            return Ok(None);
        }
        self.watchdog.arm(self.options.timeout);
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream || packet.size() == 0 => {
                    if self.watchdog.expired() {
                        return Err(self.read_error(ffmpeg::Error::Exit));
                    }
                }
                Ok(()) => {
                    self.bad_in_a_row = 0;
                    return Ok(Some(self.stamp(packet)));
                }
                Err(error) => match self.survive(error) {
                    Ok(()) => {}
                    Err(None) => return Ok(None),
                    Err(Some(error)) => return Err(error),
                },
            }
        }
    }

    /// Whether reading goes on after `error`; else the end, or why it ended.
    fn survive(&mut self, error: ffmpeg::Error) -> Result<(), Option<MediaError>> {
        if self.watchdog.fired().is_some() {
            return Err(Some(self.read_error(error)));
        }
        match error {
            ffmpeg::Error::Eof => {
                self.ended = true;
                Err(self.is_cut_short().then(|| MediaError::Truncated { url: self.url.to_string() }))
            }
            // Only a device in non-blocking mode says so: it has no frame yet.
            ffmpeg::Error::Other { errno: errno::EAGAIN } => {
                std::thread::sleep(Duration::from_millis(2));
                if self.watchdog.expired() { Err(Some(self.read_error(error))) } else { Ok(()) }
            }
            ffmpeg::Error::InvalidData if self.bad_in_a_row < BAD_LIMIT => {
                self.bad_in_a_row += 1;
                Ok(())
            }
            ffmpeg::Error::InvalidData if self.url.is_file() => {
                self.ended = true;
                Err(Some(MediaError::Truncated { url: self.url.to_string() }))
            }
            other => Err(Some(self.read_error(other))),
        }
    }

    /// Whether the file, now read to its end, should have had more.
    fn is_cut_short(&self) -> bool {
        let missing = || raw::index_end_bytes(&self.input, self.stream) > self.input.io_size();
        self.url.is_file() && (self.bad_in_a_row > 0 || missing())
    }

    fn read_error(&self, error: ffmpeg::Error) -> MediaError {
        match fired_error(&self.url, &self.options, &self.watchdog) {
            Some(fired) => fired,
            None => MediaError::Lost { url: self.url.to_string(), source: error.into() },
        }
    }

    fn stamp(&mut self, mut packet: ffmpeg::Packet) -> Packet {
        if let Some(opened) = self.arrival {
            let now_us = i64::try_from(opened.elapsed().as_micros()).unwrap_or(i64::MAX);
            let pts_us = now_us.max(self.next_pts_us);
            packet.set_pts(Some(pts_us));
            packet.set_dts(Some(pts_us));
            packet.set_duration(0);
            self.next_pts_us = pts_us + 1;
            return Packet::new(packet, pts_us, Some(pts_us));
        }
        let dts_us = packet.dts().map(|dts| to_us(dts, self.time_base));
        let pts_us = packet.pts().map(|pts| to_us(pts, self.time_base)).or(dts_us).unwrap_or(self.next_pts_us);
        let lasts_us = to_us(packet.duration(), self.time_base);
        self.next_pts_us = pts_us + if lasts_us > 0 { lasts_us } else { frame_us(self.info.fps) };
        Packet::new(packet, pts_us, dts_us)
    }

    /// Back to the first packet of a file. Its timeline begins again.
    ///
    /// # Errors
    /// [`MediaError::Unsupported`] for anything but a file, [`MediaError::Codec`] when it cannot be sought in.
    pub fn rewind(&mut self) -> Result<(), MediaError> {
        if !self.url.is_file() {
            return Err(MediaError::Unsupported {
                what: format!("rewinding `{}`", self.url),
                instead: "only a file can be read again from its start",
            });
        }
        self.watchdog.arm(self.options.timeout);
        raw::seek_to_start(&mut self.input, self.stream, self.start).map_err(MediaError::codec("rewind the file"))?;
        self.ended = false;
        self.bad_in_a_row = 0;
        self.next_pts_us = to_us(self.start, self.time_base);
        Ok(())
    }

    /// A decoder for this source's packets, whose pictures have a long side of at most `max_side`.
    ///
    /// # Errors
    /// [`MediaError::Unsupported`] when FFmpeg has no decoder for the codec.
    pub fn decoder(&self, max_side: Option<u32>) -> Result<Decoder, MediaError> {
        let settings = DecoderSettings {
            max_side,
            threads: self.options.decoder_threads.max(1),
            key_frames_only: false,
            rough: false,
        };
        Decoder::open(&self.parameters, self.time_base, self.info.fps, settings)
    }

    /// A decoder for pictures that are made smaller and looked at, not kept.
    ///
    /// `key_frames_only` decodes nothing else. `shown_px` is the long side that they are made to: where that is
    /// much less than what comes, the smoothing of block edges is left out, for it would be scaled away (on 720p
    /// CCTV at 0.7 to 3 Mbit/s the pictures at 640 pixels then differ by 42 dB or less, which is far less than what
    /// JPEG does to them) and is a sixth to a third of the decoding.
    ///
    /// # Errors
    /// As [`Source::decoder`].
    pub fn analysis_decoder(&self, shown_px: u32, key_frames_only: bool) -> Result<Decoder, MediaError> {
        let settings = DecoderSettings {
            max_side: None,
            threads: self.options.decoder_threads.max(1),
            key_frames_only,
            rough: self.info.width.max(self.info.height) * 2 >= shown_px.saturating_mul(3),
        };
        Decoder::open(&self.parameters, self.time_base, self.info.fps, settings)
    }

    /// What cuts this source's packets into segments: copying where [`SourceInfo::remux`], else encoding once.
    ///
    /// # Errors
    /// [`MediaError::Unsupported`] when FFmpeg has no decoder for the codec.
    pub fn segmenter(&self, options: SegmentOptions) -> Result<Segmenter, MediaError> {
        if self.info.remux {
            Ok(Segmenter::copying(self.parameters.clone(), self.time_base, self.info.fps, options))
        } else {
            Ok(Segmenter::encoding(self.decoder(None)?, self.info.fps, options))
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.watchdog.arm_closing();
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("url", &self.url).field("info", &self.info).finish_non_exhaustive()
    }
}

/// Demuxers that count frames at a rate of their own invention instead of taking times from the stream.
fn made_up_times(demuxer: &str) -> bool {
    matches!(demuxer, "mpjpeg" | "mjpeg" | "jpeg_pipe" | "h264" | "hevc")
}

fn fired_error(url: &SourceUrl, options: &OpenOptions, watchdog: &Watchdog) -> Option<MediaError> {
    Some(match watchdog.fired()? {
        Fired::Stalled => MediaError::Stalled { url: url.to_string(), after: options.timeout },
        Fired::Stopped => MediaError::Stopped { url: url.to_string() },
    })
}

/// What FFmpeg's error at opening means to whoever gave the address.
fn open_error(url: &SourceUrl, options: &OpenOptions, watchdog: &Watchdog, error: ffmpeg::Error) -> MediaError {
    if let Some(fired) = fired_error(url, options, watchdog) {
        return fired;
    }
    let shown = url.to_string();
    let source = error.into();
    match error {
        ffmpeg::Error::HttpNotFound | ffmpeg::Error::Other { errno: errno::ENOENT | errno::ENODEV | errno::ENXIO } => {
            MediaError::NotFound { url: shown }
        }
        ffmpeg::Error::HttpUnauthorized | ffmpeg::Error::HttpForbidden => MediaError::Denied {
            url: shown,
            hint: "give the user name and password that the camera expects, as in rtsp://user:password@host/path",
        },
        ffmpeg::Error::Other { errno: errno::EACCES | errno::EPERM } => {
            MediaError::Denied { url: shown, hint: "let this user read it (a camera device wants the group `video`)" }
        }
        ffmpeg::Error::Other { errno: errno::EISDIR } => MediaError::Unreadable { url: shown, source },
        ffmpeg::Error::InvalidData if url.is_file() && looks_truncated(url) => MediaError::Truncated { url: shown },
        ffmpeg::Error::Other { .. } if !url.is_file() => MediaError::Unreachable { url: shown, source },
        ffmpeg::Error::DemuxerNotFound if options.input_format.is_some() => MediaError::Unsupported {
            what: format!("the input format `{}`", options.input_format.as_deref().unwrap_or_default()),
            instead: "leave it out, or name one that `ffmpeg -demuxers` lists",
        },
        _ => MediaError::Unreadable { url: shown, source },
    }
}

/// Whether a file that FFmpeg refuses begins like an MP4: then what is missing is its end, where the index is.
fn looks_truncated(url: &SourceUrl) -> bool {
    use std::io::Read as _;
    let mut head = [0; 8];
    let read = std::fs::File::open(url.expose_secret()).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && &head[4..] == b"ftyp"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_camera_device_is_said_to_be_missing() {
        let url = SourceUrl::parse("v4l2:/dev/video-that-is-not-there").unwrap();
        let error = Source::open(&url, &OpenOptions::default()).unwrap_err();
        assert!(matches!(error, MediaError::NotFound { .. }), "{error}");
    }

    #[test]
    fn a_source_and_its_parts_may_move_to_another_thread() {
        fn send<T: Send>() {}
        send::<Source>();
        send::<Packet>();
        send::<Decoder>();
        send::<crate::Frame>();
        send::<Segmenter>();
        send::<crate::SegmentReader>();
        send::<crate::ClipWriter>();
    }
}
