//! Footage that is encoded: pictures in, packets with the pictures' own times out.

use std::collections::VecDeque;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Rational;
use ffmpeg_next::frame;

use crate::decode::{Decoder, frame_us, from_us};
use crate::encode::{EncoderSettings, H264Encoder};
use crate::error::MediaError;
use crate::packet::Packet;
use crate::segment::SegmentOptions;

/// An encoder over the changes of its source: of size, and of time.
pub(crate) struct Encoding {
    pub(crate) decoder: Option<Decoder>,
    encoder: Option<H264Encoder>,
    options: SegmentOptions,
    fps: f64,
    /// The encoder's own clock, which never jumps.
    ticks: i64,
    last_us: Option<i64>,
    last_key_us: i64,
    /// The real times of the pictures inside the encoder.
    inside_us: VecDeque<i64>,
    /// The parameters of the encoder opened last, until its first packet has taken them along.
    pub(crate) opened: Option<ffmpeg::codec::Parameters>,
}

/// The ticks of encoded segments: what RTP uses for video.
pub(crate) const ENCODED_TIME_BASE: Rational = Rational(1, 90_000);

impl Encoding {
    pub(crate) fn new(decoder: Option<Decoder>, fps: f64, options: SegmentOptions) -> Self {
        Self {
            decoder,
            encoder: None,
            options,
            fps,
            ticks: 0,
            last_us: None,
            last_key_us: 0,
            inside_us: VecDeque::new(),
            opened: None,
        }
    }

    /// Opens the encoder for `video`, or opens it again when the size has changed; what was inside comes out.
    pub(crate) fn prepare(&mut self, video: &frame::Video) -> Result<Vec<Packet>, MediaError> {
        let size = (video.width() & !1, video.height() & !1);
        if self.encoder.as_ref().is_some_and(|encoder| encoder.size() == (size.0.max(2), size.1.max(2))) {
            return Ok(Vec::new());
        }
        let left = self.close()?;
        let encoder = H264Encoder::open(&EncoderSettings {
            width: video.width(),
            height: video.height(),
            fps: self.fps,
            time_base: ENCODED_TIME_BASE,
            // Key frames are asked for by time; this only bounds what a stream with odd times could do.
            gop: ((self.options.gop_us.max(1) as f64 / 1e6 * self.fps).ceil() as u32).saturating_mul(2).clamp(1, 3000),
            preset: self.options.preset.clone(),
            zero_latency: true,
            crf: self.options.crf,
            bit_rate: None,
            threads: self.options.encoder_threads.max(1),
        })?;
        self.opened = Some(encoder.parameters());
        self.encoder = Some(encoder);
        Ok(left)
    }

    /// Encodes one picture, as a key frame where it begins a segment or the last one is too long ago.
    pub(crate) fn encode(
        &mut self,
        video: &frame::Video,
        pts_us: i64,
        begins: bool,
    ) -> Result<Vec<Packet>, MediaError> {
        let frame_us = frame_us(self.fps);
        let moved_us = self.last_us.map_or(frame_us, |last| pts_us.saturating_sub(last));
        let moved_us = if (1..10_000_000).contains(&moved_us) { moved_us } else { frame_us };
        self.ticks += from_us(moved_us, ENCODED_TIME_BASE).max(1);
        self.last_us = Some(pts_us);
        let key = begins || pts_us.saturating_sub(self.last_key_us) >= self.options.gop_us - frame_us / 2;
        if key {
            self.last_key_us = pts_us;
        }
        let Some(encoder) = &mut self.encoder else { return Ok(Vec::new()) };
        let coded = encoder.encode(video, self.ticks, key)?;
        self.inside_us.push_back(pts_us);
        Ok(self.stamped(coded))
    }

    /// Ends the encoding and gives what was inside.
    pub(crate) fn close(&mut self) -> Result<Vec<Packet>, MediaError> {
        let Some(mut encoder) = self.encoder.take() else { return Ok(Vec::new()) };
        let coded = encoder.finish()?;
        Ok(self.stamped(coded))
    }

    /// Gives packets the times of their pictures. Without B-frames they come in the order of the pictures.
    fn stamped(&mut self, coded: Vec<ffmpeg::Packet>) -> Vec<Packet> {
        let stamp = |mut packet: ffmpeg::Packet| {
            let pts_us = self.inside_us.pop_front()?;
            let ticks = from_us(pts_us, ENCODED_TIME_BASE);
            packet.set_pts(Some(ticks));
            packet.set_dts(Some(ticks));
            Some(Packet::new(packet, pts_us, Some(pts_us)))
        };
        coded.into_iter().filter_map(stamp).collect()
    }
}
