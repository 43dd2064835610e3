//! Decoded frames into JPEGs, straight from their brightness and colour planes.
//!
//! A camera's picture is 4:2:0 and so is a JPEG: going through BGR would cost two conversions and a library.
//! JPEG knows one colour matrix (BT.601); a BT.709 picture keeps its planes as they are, and its greens come out
//! a little yellower.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{ffi, frame};

use crate::decode::Frame;
use crate::encode::bgr_frame;
use crate::error::MediaError;
use crate::scale::{Scalers, scaled_size};

/// One picture as a JPEG.
#[derive(Debug, Clone, PartialEq)]
pub struct Jpeg {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// From `FF D8` to `FF D9`.
    pub bytes: Vec<u8>,
    /// How far its colours are from grey on average, levels of 256: a camera under infrared light gives none.
    pub colour: f32,
}

/// Makes JPEGs; keeps what it needs for pictures of one size.
#[derive(Default)]
pub struct JpegEncoder {
    open: Option<Open>,
    scalers: Scalers,
}

struct Open {
    encoder: ffmpeg::encoder::video::Encoder,
    size: (u32, u32),
    yuv: frame::Video,
    pts: i64,
}

impl JpegEncoder {
    /// Encodes `frame` with its long side at most `max_side` ([`scaled_size`]), at `quality` 1 to 100, which
    /// means about what it means to libjpeg.
    ///
    /// # Errors
    /// [`MediaError::Codec`] when FFmpeg cannot.
    pub fn encode(&mut self, frame: &Frame, max_side: u32, quality: u8) -> Result<Jpeg, MediaError> {
        let size = scaled_size(frame.width(), frame.height(), Some(max_side));
        self.encode_video(frame.video(), size, quality)
    }

    /// Encodes interleaved BGR, `3 * width` bytes a row.
    ///
    /// # Errors
    /// [`MediaError::Unsupported`] when the size does not fit the data.
    pub fn encode_bgr(&mut self, bgr: &[u8], width: u32, height: u32, quality: u8) -> Result<Jpeg, MediaError> {
        crate::init();
        self.encode_video(&bgr_frame(bgr, width, height)?, (width, height), quality)
    }

    fn encode_video(&mut self, video: &frame::Video, size: (u32, u32), quality: u8) -> Result<Jpeg, MediaError> {
        let failed = MediaError::codec("encode a JPEG");
        if self.open.as_ref().is_none_or(|open| open.size != size) {
            self.open = Some(Open::new(size).map_err(&failed)?);
        }
        let Some(open) = &mut self.open else { return Err(MediaError::Ended) };
        if !open.is_free() {
            open.yuv = frame::Video::new(Pixel::YUVJ420P, size.0, size.1);
        }
        self.scalers.scale_into(video, &mut open.yuv).map_err(&failed)?;
        let colour = colour(&open.yuv);
        let bytes = open.encode(quality).map_err(&failed)?;
        Ok(Jpeg { width: size.0, height: size.1, bytes, colour })
    }
}

impl Open {
    fn new(size: (u32, u32)) -> Result<Self, ffmpeg::Error> {
        let codec = ffmpeg::encoder::find(ffmpeg::codec::Id::MJPEG).ok_or(ffmpeg::Error::EncoderNotFound)?;
        let mut context = ffmpeg::codec::Context::new_with_codec(codec);
        context.set_flags(ffmpeg::codec::Flags::QSCALE);
        context.set_threading(ffmpeg::threading::Config::count(1));
        let mut video = context.encoder().video()?;
        video.set_width(size.0);
        video.set_height(size.1);
        video.set_format(Pixel::YUVJ420P);
        video.set_color_range(ffmpeg::color::Range::JPEG);
        video.set_time_base(ffmpeg::Rational(1, 1000));
        let mut options = ffmpeg::Dictionary::new();
        // Tables made for each picture save a few per cent of bytes and cost a second pass.
        options.set("huffman", "default");
        let encoder = video.open_with(options)?;
        Ok(Self { encoder, size, yuv: frame::Video::new(Pixel::YUVJ420P, size.0, size.1), pts: 0 })
    }

    /// Whether the encoder has let go of the picture's memory.
    fn is_free(&self) -> bool {
        crate::raw::is_writable(&self.yuv)
    }

    fn encode(&mut self, quality: u8) -> Result<Vec<u8>, ffmpeg::Error> {
        self.pts += 1;
        self.yuv.set_pts(Some(self.pts));
        crate::raw::set_quality(&mut self.yuv, scale_of(quality) * ffi::FF_QP2LAMBDA);
        self.encoder.send_frame(&self.yuv)?;
        let mut packet = ffmpeg::Packet::empty();
        self.encoder.receive_packet(&mut packet)?;
        Ok(packet.data().unwrap_or_default().to_vec())
    }
}

/// FFmpeg's quantiser scale, 2 to 31 and less is better, for a quality as libjpeg counts it.
fn scale_of(quality: u8) -> i32 {
    let quality = i32::from(quality.clamp(1, 100));
    // libjpeg scales its tables to so many per cent; measured on CCTV at 640 pixels, FFmpeg's scale 4 is a little
    // better and smaller than libjpeg's 80, and so along the range.
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    ((percent + 5) / 11).clamp(2, 31)
}

/// The mean distance of the colour planes from grey, from every third row.
fn colour(yuv: &frame::Video) -> f32 {
    let (width, height) = (yuv.plane_width(1) as usize, yuv.plane_height(1) as usize);
    let rows = |plane: usize| yuv.data(plane).chunks(yuv.stride(plane)).take(height).step_by(3);
    let sum: u64 =
        [1, 2].into_iter().flat_map(rows).flat_map(|row| &row[..width]).map(|v| u64::from(v.abs_diff(128))).sum();
    sum as f32 / (2 * width * height.div_ceil(3)).max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_quality_is_a_finer_scale() {
        let scales: Vec<i32> = [10, 30, 50, 70, 80, 90, 100].map(scale_of).into();
        assert!(scales.is_sorted_by(|a, b| a >= b), "{scales:?}");
        assert_eq!((scale_of(0), scale_of(100)), (31, 2));
    }
}
