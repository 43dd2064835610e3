//! Packets into frames, and frames into pictures.
//!
//! Decoding is one step and converting another: a caller that wants one picture in five, or a small
//! brightness picture first and the colour one only sometimes, pays for no more than that.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

use crate::error::MediaError;
use crate::packet::Packet;
use crate::raw;
use crate::scale::{Scalers, scaled_size};
use crate::{Luma, Picture};

/// One decoded frame, not yet converted. It shares its memory with the decoder: convert it and let it go.
pub struct Frame {
    video: frame::Video,
    pts_us: i64,
    scalers: Arc<Mutex<Scalers>>,
}

impl Frame {
    /// When it is shown, in microseconds on the stream's own timeline.
    pub fn pts_us(&self) -> i64 {
        self.pts_us
    }

    /// Pixels across, as decoded.
    pub fn width(&self) -> u32 {
        self.video.width()
    }

    /// Pixels down, as decoded.
    pub fn height(&self) -> u32 {
        self.video.height()
    }

    /// Whether it was coded as a key frame.
    pub fn key(&self) -> bool {
        self.video.is_key()
    }

    /// The picture in colour, its long side at most `max_side` ([`scaled_size`]); `None` keeps its size.
    pub fn bgr(&self, max_side: impl Into<Option<u32>>) -> Picture {
        let (width, height) = scaled_size(self.width(), self.height(), max_side.into());
        let bgr = self.packed(Pixel::BGR24, (width, height), 3);
        Picture { width, height, bgr, pts_us: self.pts_us, key: self.key() }
    }

    /// The picture's brightness, its long side at most `max_side`.
    pub fn luma(&self, max_side: impl Into<Option<u32>>) -> Luma {
        let (width, height) = scaled_size(self.width(), self.height(), max_side.into());
        let data = self.packed(Pixel::GRAY8, (width, height), 1);
        Luma { width, height, data, pts_us: self.pts_us }
    }

    /// The picture's brightness, made small by a whole factor so that its long side is at most `max_side`: each
    /// pixel is the mean of a square. It is read straight from the decoder's memory where that has a plane of
    /// 8-bit brightness, and then has that plane's range (16 to 235 from most cameras).
    pub fn brightness(&self, max_side: u32) -> Luma {
        if !raw::has_luma_plane(self.video.format()) {
            return self.luma(max_side);
        }
        let (width, height) = (self.width() as usize, self.height() as usize);
        let factor = width.max(height).div_ceil(max_side.max(1) as usize).max(1);
        let (data, out_width, out_height) =
            area_mean(self.video.data(0), self.video.stride(0), (width, height), factor);
        Luma { width: out_width as u32, height: out_height as u32, data, pts_us: self.pts_us }
    }

    pub(crate) fn video(&self) -> &frame::Video {
        &self.video
    }

    #[expect(
        clippy::expect_used,
        reason = "the decoder lets only convertible formats through; what is left is no memory"
    )]
    fn packed(&self, format: Pixel, size: (u32, u32), channels: usize) -> Vec<u8> {
        let mut scalers = self.scalers.lock().unwrap_or_else(PoisonError::into_inner);
        scalers.packed(&self.video, format, size, channels).expect("a scaler for a convertible format")
    }
}

/// The means of `factor` by `factor` pixels, and how many there are across and down; what is left over at the right
/// and below is left out.
fn area_mean(plane: &[u8], stride: usize, size: (usize, usize), factor: usize) -> (Vec<u8>, usize, usize) {
    let (width, height) = (size.0 / factor, size.1 / factor);
    let mut out = Vec::with_capacity(width * height);
    let area = (factor * factor) as u32;
    // Sums of up to 257 rows fit 16 bits; no picture is made so much smaller.
    let mut sums = vec![0u16; width * factor];
    for band in 0..height {
        sums.fill(0);
        for row in 0..factor.min(257) {
            let line = &plane[(band * factor + row) * stride..][..width * factor];
            sums.iter_mut().zip(line).for_each(|(sum, &value)| *sum += u16::from(value));
        }
        let mean = |square: &[u16]| (square.iter().map(|&sum| u32::from(sum)).sum::<u32>() / area) as u8;
        out.extend(sums.chunks_exact(factor).map(mean));
    }
    (out, width, height)
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({}x{} at {} us)", self.width(), self.height(), self.pts_us)
    }
}

/// A decoder for the packets of one source.
pub struct Decoder {
    decoder: ffmpeg::decoder::Video,
    time_base: ffmpeg::Rational,
    max_side: Option<u32>,
    scalers: Arc<Mutex<Scalers>>,
    /// Frames that came out together with an error: they go out with the next call.
    ready: VecDeque<Frame>,
    next_pts_us: i64,
    frame_us: i64,
}

impl Decoder {
    pub(crate) fn open(
        parameters: &ffmpeg::codec::Parameters,
        time_base: ffmpeg::Rational,
        fps: f64,
        settings: DecoderSettings,
    ) -> Result<Self, MediaError> {
        let codec = parameters.id();
        let mut context = ffmpeg::codec::Context::from_parameters(parameters.clone())
            .map_err(MediaError::codec("read the stream's parameters"))?;
        context.set_threading(ffmpeg::threading::Config {
            kind: if settings.threads == 1 { ffmpeg::threading::Type::None } else { ffmpeg::threading::Type::Frame },
            count: settings.threads,
            ..Default::default()
        });
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(time_base);
        if settings.key_frames_only {
            decoder.skip_frame(ffmpeg::Discard::NonKey);
        }
        if settings.rough {
            decoder.skip_loop_filter(ffmpeg::Discard::All);
        }
        let decoder = decoder.video().map_err(|_| MediaError::Unsupported {
            what: format!("the codec `{}`", codec.name()),
            instead: "set the camera to H.264, H.265 or MJPEG",
        })?;
        Ok(Self {
            decoder,
            time_base,
            max_side: settings.max_side,
            scalers: Arc::default(),
            ready: VecDeque::new(),
            next_pts_us: 0,
            frame_us: frame_us(fps),
        })
    }

    /// Decodes one packet into pictures of the size that the decoder was opened with. Mostly one comes out;
    /// none at first when the stream has B-frames.
    ///
    /// # Errors
    /// [`MediaError::Corrupt`] leaves the decoder usable: go on with the next packet.
    pub fn decode(&mut self, packet: &Packet) -> Result<Vec<Picture>, MediaError> {
        self.decode_if(packet, |_| true)
    }

    /// Decodes one packet, and converts only the pictures whose time `wanted` takes.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_if(
        &mut self,
        packet: &Packet,
        mut wanted: impl FnMut(i64) -> bool,
    ) -> Result<Vec<Picture>, MediaError> {
        let max_side = self.max_side;
        let frames = self.decode_frames(packet)?;
        Ok(frames.iter().filter(|frame| wanted(frame.pts_us())).map(|frame| frame.bgr(max_side)).collect())
    }

    /// Decodes one packet into brightness pictures whose long side is at most `max_side`.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn luma(&mut self, packet: &Packet, max_side: impl Into<Option<u32>>) -> Result<Vec<Luma>, MediaError> {
        let max_side = max_side.into();
        Ok(self.decode_frames(packet)?.iter().map(|frame| frame.luma(max_side)).collect())
    }

    /// Decodes one packet into frames, converting nothing.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_frames(&mut self, packet: &Packet) -> Result<Vec<Frame>, MediaError> {
        let damaged = |_| MediaError::Corrupt { what: format!("the packet at {:.3} s", packet.pts_us() as f64 / 1e6) };
        match self.decoder.send_packet(packet.raw()) {
            // Full: what is inside comes out first. It cannot be full twice.
            Err(ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {
                self.drain()?;
                self.decoder.send_packet(packet.raw()).map_err(damaged)?;
            }
            Err(error) => {
                self.drain()?;
                return Err(damaged(error));
            }
            Ok(()) => {}
        }
        if let Err(error) = self.drain() {
            return Err(match error {
                MediaError::Codec { .. } => damaged(ffmpeg::Error::InvalidData),
                other => other,
            });
        }
        Ok(self.ready.drain(..).collect())
    }

    /// The pictures that are still inside, at the end of a stream. Afterwards the decoder takes a new one.
    pub fn flush(&mut self) -> Vec<Picture> {
        let max_side = self.max_side;
        self.flush_frames().iter().map(|frame| frame.bgr(max_side)).collect()
    }

    /// The frames that are still inside, at the end of a stream. Afterwards the decoder takes a new one.
    pub fn flush_frames(&mut self) -> Vec<Frame> {
        if self.decoder.send_eof().is_ok() {
            // What cannot be decoded at the very end is gone either way.
            let _ = self.drain();
        }
        self.decoder.flush();
        self.ready.drain(..).collect()
    }

    fn drain(&mut self) -> Result<(), MediaError> {
        loop {
            let mut video = frame::Video::empty();
            match self.decoder.receive_frame(&mut video) {
                Ok(()) => {
                    if !raw::can_scale(video.format()) {
                        return Err(MediaError::Unsupported {
                            what: format!("the pixel format {:?}", video.format()),
                            instead: "set the camera to 8-bit 4:2:0 colour",
                        });
                    }
                    let pts_us = video.timestamp().map_or(self.next_pts_us, |pts| to_us(pts, self.time_base));
                    self.next_pts_us = pts_us + self.frame_us;
                    self.ready.push_back(Frame { video, pts_us, scalers: self.scalers.clone() });
                }
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => return Ok(()),
                Err(error) => return Err(MediaError::codec("decode a frame")(error)),
            }
        }
    }
}

/// How a decoder is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecoderSettings {
    pub(crate) max_side: Option<u32>,
    pub(crate) threads: usize,
    pub(crate) key_frames_only: bool,
    /// Without the filter that smooths the edges of blocks.
    pub(crate) rough: bool,
}

/// `ticks` of `time_base` in microseconds.
pub(crate) fn to_us(ticks: i64, time_base: ffmpeg::Rational) -> i64 {
    use ffmpeg_next::Rescale as _;
    ticks.rescale(time_base, ffmpeg::Rational(1, 1_000_000))
}

/// Microseconds in `time_base` ticks.
pub(crate) fn from_us(us: i64, time_base: ffmpeg::Rational) -> i64 {
    use ffmpeg_next::Rescale as _;
    us.rescale(ffmpeg::Rational(1, 1_000_000), time_base)
}

/// The time between two frames; 40 ms where the rate is not known.
pub(crate) fn frame_us(fps: f64) -> i64 {
    if fps.is_finite() && (0.1..=1000.0).contains(&fps) { (1e6 / fps).round() as i64 } else { 40_000 }
}
