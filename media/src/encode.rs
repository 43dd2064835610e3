//! H.264 by libx264, for what is not H.264 or H.265 yet.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

use crate::error::MediaError;
use crate::scale::Scalers;

/// How pictures are encoded.
#[derive(Debug, Clone)]
pub(crate) struct EncoderSettings {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) fps: f64,
    pub(crate) time_base: ffmpeg::Rational,
    /// Frames from key frame to key frame at most.
    pub(crate) gop: u32,
    pub(crate) preset: String,
    /// Each picture comes out before the next goes in.
    pub(crate) zero_latency: bool,
    pub(crate) crf: u8,
    /// Bits per second, in place of `crf`.
    pub(crate) bit_rate: Option<u64>,
    pub(crate) threads: usize,
}

pub(crate) struct H264Encoder {
    encoder: ffmpeg::encoder::video::Encoder,
    scalers: Scalers,
    size: (u32, u32),
}

impl H264Encoder {
    pub(crate) fn open(settings: &EncoderSettings) -> Result<Self, MediaError> {
        let codec = ffmpeg::encoder::find_by_name("libx264").ok_or_else(|| MediaError::Unsupported {
            what: "encoding H.264".into(),
            instead: "install an FFmpeg that has libx264, or use a camera that sends H.264",
        })?;
        // 4:2:0 has one colour sample for two by two pixels: an odd last row or column is left out.
        let size = ((settings.width & !1).max(2), (settings.height & !1).max(2));
        let failed = MediaError::codec("open the H.264 encoder");
        let mut context = ffmpeg::codec::Context::new_with_codec(codec);
        context.set_flags(ffmpeg::codec::Flags::GLOBAL_HEADER | ffmpeg::codec::Flags::CLOSED_GOP);
        context.set_threading(ffmpeg::threading::Config::count(settings.threads));
        context.set_time_base(settings.time_base);
        context.set_frame_rate(Some(rational(settings.fps)));
        let mut video = context.encoder().video().map_err(&failed)?;
        video.set_width(size.0);
        video.set_height(size.1);
        video.set_format(Pixel::YUV420P);
        video.set_gop(settings.gop.max(1));
        video.set_max_b_frames(0);
        video.set_colorspace(ffmpeg::color::Space::SMPTE170M);
        video.set_color_range(ffmpeg::color::Range::MPEG);
        let mut options = ffmpeg::Dictionary::new();
        options.set("preset", &settings.preset);
        if settings.zero_latency {
            options.set("tune", "zerolatency");
        }
        // A forced key frame is one that decoding can begin at, and no other comes by chance of the picture.
        options.set("forced-idr", "1");
        options.set("x264-params", "scenecut=0:open-gop=0");
        match settings.bit_rate {
            Some(bit_rate) => video.set_bit_rate(usize::try_from(bit_rate).unwrap_or(usize::MAX)),
            None => options.set("crf", &settings.crf.to_string()),
        }
        let encoder = video.open_with(options).map_err(&failed)?;
        Ok(Self { encoder, scalers: Scalers::default(), size })
    }

    /// The size of what comes out: even.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.size
    }

    pub(crate) fn parameters(&self) -> ffmpeg::codec::Parameters {
        ffmpeg::codec::Parameters::from(&self.encoder)
    }

    /// Encodes one picture of any format and size, shown at `pts` ticks.
    pub(crate) fn encode(
        &mut self,
        picture: &frame::Video,
        pts: i64,
        key: bool,
    ) -> Result<Vec<ffmpeg::Packet>, MediaError> {
        let failed = MediaError::codec("encode a picture");
        let mut yuv = self.scalers.scaled(picture, Pixel::YUV420P, self.size).map_err(&failed)?;
        yuv.set_pts(Some(pts));
        yuv.set_kind(if key { ffmpeg::picture::Type::I } else { ffmpeg::picture::Type::None });
        yuv.set_color_space(ffmpeg::color::Space::SMPTE170M);
        yuv.set_color_range(ffmpeg::color::Range::MPEG);
        self.encoder.send_frame(&yuv).map_err(&failed)?;
        self.drain()
    }

    /// What is still inside.
    pub(crate) fn finish(&mut self) -> Result<Vec<ffmpeg::Packet>, MediaError> {
        self.encoder.send_eof().map_err(MediaError::codec("end the encoding"))?;
        self.drain()
    }

    fn drain(&mut self) -> Result<Vec<ffmpeg::Packet>, MediaError> {
        let mut packets = Vec::new();
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => packets.push(packet),
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => return Ok(packets),
                Err(error) => return Err(MediaError::codec("encode a picture")(error)),
            }
        }
    }
}

/// A frame rate as a fraction, exact to a thousandth; 25 where it makes no sense.
pub(crate) fn rational(fps: f64) -> ffmpeg::Rational {
    let fps = if fps.is_finite() && (0.1..=1000.0).contains(&fps) { fps } else { 25.0 };
    ffmpeg::Rational((fps * 1000.0).round() as i32, 1000).reduce()
}

/// A BGR picture as a frame.
pub(crate) fn bgr_frame(bgr: &[u8], width: u32, height: u32) -> Result<frame::Video, MediaError> {
    let row_bytes = width as usize * 3;
    if width == 0 || height == 0 || bgr.len() != row_bytes * height as usize {
        return Err(MediaError::Unsupported {
            what: format!("a picture of {width}x{height} with {} bytes", bgr.len()),
            instead: "a picture has 3 bytes a pixel and at least one pixel",
        });
    }
    let mut video = frame::Video::new(Pixel::BGR24, width, height);
    let stride = video.stride(0);
    for (to, from) in video.data_mut(0).chunks_mut(stride).zip(bgr.chunks(row_bytes)) {
        to[..row_bytes].copy_from_slice(from);
    }
    Ok(video)
}
