//! Whole MP4 files, for rendered scenes.

use std::path::Path;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Rational;

use crate::Picture;
use crate::encode::{EncoderSettings, H264Encoder, bgr_frame, rational};
use crate::error::{FfmpegError, MediaError};

/// How a clip is encoded.
#[derive(Debug, Clone)]
pub struct ClipOptions {
    /// Quality, 0 to 51, less is better and larger.
    pub crf: u8,
    /// Bits per second, in place of `crf`.
    pub bit_rate: Option<u64>,
    /// Frames from key frame to key frame; `None` is two seconds.
    pub gop: Option<u32>,
    /// x264's preset.
    pub preset: String,
    /// Threads. What comes out depends on their number, so it is fixed and not the machine's.
    pub threads: usize,
}

impl Default for ClipOptions {
    fn default() -> Self {
        Self { crf: 20, bit_rate: None, gop: None, preset: "veryfast".into(), threads: 2 }
    }
}

/// Writes pictures at an even rate into an H.264 MP4 file.
pub struct ClipWriter {
    output: ffmpeg::format::context::Output,
    encoder: H264Encoder,
    path: String,
    size: (u32, u32),
    time_base: Rational,
    frame_ticks: i64,
    frames: i64,
}

impl ClipWriter {
    /// Creates the file. Width and height must be even.
    ///
    /// # Errors
    /// [`MediaError::Write`] when the file cannot be created, [`MediaError::Unsupported`] for an odd size.
    pub fn create(
        path: impl AsRef<Path>,
        width: u32,
        height: u32,
        fps: f64,
        options: &ClipOptions,
    ) -> Result<Self, MediaError> {
        crate::init();
        if width == 0 || height == 0 || !width.is_multiple_of(2) || !height.is_multiple_of(2) {
            return Err(MediaError::Unsupported {
                what: format!("a clip of {width}x{height}"),
                instead: "width and height must be even and above zero",
            });
        }
        let shown = path.as_ref().display().to_string();
        let failed = |error: ffmpeg::Error| MediaError::Write { path: shown.clone(), source: FfmpegError::from(error) };
        let text = path.as_ref().to_str().filter(|text| !text.contains('\0'));
        let text = text.ok_or_else(|| failed(ffmpeg::Error::Other { errno: ffmpeg::error::EINVAL }))?;
        let rate = rational(fps);
        // 1000 ticks a frame: exact, and fine enough that the muxer need not choose another.
        let time_base = Rational(rate.1, rate.0.saturating_mul(1000)).reduce();
        let frame_ticks =
            (f64::from(time_base.1) / f64::from(time_base.0) * f64::from(rate.1) / f64::from(rate.0)).round() as i64;
        let encoder = H264Encoder::open(&EncoderSettings {
            width,
            height,
            fps,
            time_base,
            gop: options.gop.unwrap_or((fps * 2.0).round().clamp(1.0, 1000.0) as u32),
            preset: options.preset.clone(),
            zero_latency: false,
            crf: options.crf,
            bit_rate: options.bit_rate,
            threads: options.threads.max(1),
        })?;
        let mut output = ffmpeg::format::output_as(&format!("file:{text}"), "mp4").map_err(failed)?;
        {
            let mut stream = output.add_stream(ffmpeg::codec::Id::None).map_err(failed)?;
            stream.set_parameters(encoder.parameters());
            stream.set_time_base(time_base);
            stream.set_avg_frame_rate(rate);
        }
        output.write_header().map_err(failed)?;
        Ok(Self { output, encoder, path: shown, size: (width, height), time_base, frame_ticks, frames: 0 })
    }

    /// Appends one picture; its time follows from its place, not from `pts_us`.
    ///
    /// # Errors
    /// [`MediaError::Unsupported`] for another size than the clip's, [`MediaError::Write`] when the disk is full.
    pub fn write(&mut self, picture: &Picture) -> Result<(), MediaError> {
        if (picture.width, picture.height) != self.size {
            return Err(MediaError::Unsupported {
                what: format!("a picture of {}x{} in this clip", picture.width, picture.height),
                instead: "all pictures of a clip have the size that it was created with",
            });
        }
        let video = bgr_frame(&picture.bgr, picture.width, picture.height)?;
        let packets = self.encoder.encode(&video, self.frames * self.frame_ticks, false)?;
        self.frames += 1;
        self.append(packets)
    }

    /// Pictures written so far.
    pub fn frames(&self) -> i64 {
        self.frames
    }

    /// Completes the file. Without it the file cannot be played.
    ///
    /// # Errors
    /// [`MediaError::Write`] when the disk is full.
    pub fn finish(mut self) -> Result<(), MediaError> {
        let packets = self.encoder.finish()?;
        self.append(packets)?;
        let path = std::mem::take(&mut self.path);
        self.output.write_trailer().map_err(|error| MediaError::Write { path, source: error.into() })
    }

    fn append(&mut self, packets: Vec<ffmpeg::Packet>) -> Result<(), MediaError> {
        let written_in = self.output.stream(0).map_or(self.time_base, |stream| stream.time_base());
        for mut packet in packets {
            packet.set_stream(0);
            packet.set_duration(self.frame_ticks);
            packet.rescale_ts(self.time_base, written_in);
            packet
                .write(&mut self.output)
                .map_err(|error| MediaError::Write { path: self.path.clone(), source: error.into() })?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for ClipWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClipWriter({}, {} frames)", self.path, self.frames)
    }
}
