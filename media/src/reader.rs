//! Segments back into pictures, from memory.

use std::collections::VecDeque;
use std::io::Cursor;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::StreamIo;

use crate::Picture;
use crate::decode::{Decoder, DecoderSettings, Frame, to_us};
use crate::error::MediaError;
use crate::info::{SourceInfo, describe};
use crate::packet::Packet;
use crate::raw;
use crate::url::SourceKind;

/// How a segment is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// The long side of the pictures is at most this; `None` keeps their size.
    pub max_side: Option<u32>,
    /// Decode key frames only, and skip the rest unread: many times faster, one picture in some seconds.
    pub key_frames_only: bool,
    /// Threads of the decoder. One is right where many segments are read side by side.
    pub threads: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { max_side: None, key_frames_only: false, threads: 1 }
    }
}

/// Decodes a segment held in memory. It is an iterator over its pictures, whose times count from the
/// segment's first picture (0).
pub struct SegmentReader {
    input: ffmpeg::format::context::Input,
    decoder: Decoder,
    info: SourceInfo,
    options: ReadOptions,
    stream: usize,
    time_base: ffmpeg::Rational,
    origin_us: Option<i64>,
    ready: VecDeque<Frame>,
    next_us: i64,
    damaged: u64,
    ended: bool,
}

impl SegmentReader {
    /// Opens a segment: the bytes of an MP4, or of anything else that FFmpeg knows.
    ///
    /// # Errors
    /// [`MediaError::Corrupt`] when it is no video.
    pub fn open(bytes: impl AsRef<[u8]> + Send + 'static) -> Result<Self, MediaError> {
        Self::open_with(bytes, ReadOptions::default())
    }

    /// Opens a segment to be read in a certain way.
    ///
    /// # Errors
    /// As [`SegmentReader::open`].
    pub fn open_with(bytes: impl AsRef<[u8]> + Send + 'static, options: ReadOptions) -> Result<Self, MediaError> {
        crate::init();
        let size = bytes.as_ref().len();
        let damaged = || MediaError::Corrupt { what: format!("the segment of {size} bytes") };
        let io = StreamIo::from_read_seek(Cursor::new(bytes)).map_err(MediaError::codec("read from memory"))?;
        let mut input = ffmpeg::format::input_from_stream(io, None, None).map_err(|_| damaged())?;
        let best = input.streams().best(ffmpeg::media::Type::Video).ok_or_else(damaged)?;
        let info = describe(SourceKind::File, &input, &best);
        if info.width == 0 || info.height == 0 {
            return Err(damaged());
        }
        let (stream, time_base, parameters) = (best.index(), best.time_base(), best.parameters().clone());
        let settings = DecoderSettings {
            max_side: options.max_side,
            threads: options.threads.max(1),
            key_frames_only: options.key_frames_only,
            rough: false,
        };
        let decoder = Decoder::open(&parameters, time_base, info.fps, settings)?;
        raw::discard_others(&mut input, stream);
        Ok(Self {
            input,
            decoder,
            info,
            options,
            stream,
            time_base,
            origin_us: None,
            ready: VecDeque::new(),
            next_us: 0,
            damaged: 0,
            ended: false,
        })
    }

    /// What is in it. `kind` is [`SourceKind::File`].
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// Packets that could not be decoded so far. They are left out; reading goes on behind them.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The next frame, not yet converted; `None` at the end. Its time counts from the stream's start, not the
    /// segment's: [`SegmentReader::since_start_us`] converts it.
    ///
    /// # Errors
    /// [`MediaError::Unsupported`] for pictures that cannot be converted.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, MediaError> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(Some(frame));
            }
            if self.ended {
                return Ok(None);
            }
            match self.next_packet() {
                Some(packet) => match self.decoder.decode_frames(&packet) {
                    Ok(frames) => self.ready.extend(frames),
                    Err(MediaError::Corrupt { .. }) => self.damaged += 1,
                    Err(error) => return Err(error),
                },
                None => {
                    self.ended = true;
                    self.ready.extend(self.decoder.flush_frames());
                }
            }
        }
    }

    /// Microseconds from the segment's first picture to `frame`.
    pub fn since_start_us(&self, frame: &Frame) -> i64 {
        frame.pts_us() - self.origin_us.unwrap_or(0)
    }

    /// The next picture; `None` at the end.
    ///
    /// # Errors
    /// As [`SegmentReader::next_frame`].
    pub fn next_picture(&mut self) -> Result<Option<Picture>, MediaError> {
        let frame = self.next_frame()?;
        Ok(frame.map(|frame| {
            let pts_us = self.since_start_us(&frame);
            Picture { pts_us, ..frame.bgr(self.options.max_side) }
        }))
    }

    fn next_packet(&mut self) -> Option<Packet> {
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream || packet.size() == 0 => {}
                Ok(()) if self.options.key_frames_only && !packet.is_key() => {}
                Ok(()) => {
                    let dts_us = packet.dts().map(|dts| to_us(dts, self.time_base));
                    let pts_us = packet.pts().map(|pts| to_us(pts, self.time_base)).or(dts_us).unwrap_or(self.next_us);
                    self.next_us = pts_us + crate::decode::frame_us(self.info.fps);
                    self.origin_us.get_or_insert(pts_us);
                    return Some(Packet::new(packet, pts_us, dts_us));
                }
                Err(ffmpeg::Error::Eof) => return None,
                // From memory nothing comes later: what cannot be read is missing.
                Err(_) => {
                    self.damaged += 1;
                    return None;
                }
            }
        }
    }
}

impl Iterator for SegmentReader {
    type Item = Result<Picture, MediaError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_picture().transpose()
    }
}

impl std::fmt::Debug for SegmentReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentReader").field("info", &self.info).finish_non_exhaustive()
    }
}
