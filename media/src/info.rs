//! What a source says of itself.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Rational;
use ffmpeg_next::codec::Id;

use crate::raw;
use crate::url::SourceKind;

/// What a source says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// How it is reached.
    pub kind: SourceKind,
    /// FFmpeg's name of the codec: `h264`, `hevc`, `mjpeg`, `rawvideo`.
    pub codec: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames per second as announced; 0 where nothing is.
    pub fps: f64,
    /// How long it is, where it has an end.
    pub duration_us: Option<i64>,
    /// Bits per second as announced.
    pub bit_rate: Option<i64>,
    /// Whether there is sound, which is never recorded.
    pub has_audio: bool,
    /// Whether footage is copied without re-encoding: H.264 and H.265 with times of their own.
    pub remux: bool,
    /// FFmpeg's name of the pixel format.
    pub pixel_format: Option<String>,
}

/// What an opened container says of itself and of its video stream.
pub(crate) fn describe(
    kind: SourceKind,
    input: &ffmpeg::format::context::Input,
    stream: &ffmpeg::Stream<'_>,
) -> SourceInfo {
    let parameters = stream.parameters();
    let view = raw::view(&parameters);
    let rate = |rate: Rational| (rate.0 > 0 && rate.1 > 0).then(|| f64::from(rate.0) / f64::from(rate.1));
    let fps = rate(stream.avg_frame_rate()).or_else(|| rate(stream.rate())).filter(|fps| (0.01..=1000.0).contains(fps));
    // Raw streams and AVI store no presentation times: with B-frames the order would be lost in copying.
    let untimed = raw::lacks_timestamps(input) || matches!(input.format().name(), "avi" | "h264" | "hevc");
    SourceInfo {
        kind,
        codec: view.codec.name().to_owned(),
        width: view.width,
        height: view.height,
        fps: fps.unwrap_or(0.0),
        duration_us: Some(input.duration()).filter(|&us| us > 0 && us != i64::MIN),
        bit_rate: [parameters.bit_rate(), input.bit_rate()].into_iter().find(|&rate| rate > 0),
        has_audio: input.streams().any(|stream| stream.parameters().medium() == ffmpeg::media::Type::Audio),
        remux: matches!(view.codec, Id::H264 | Id::HEVC) && !(untimed && view.delay > 0),
        pixel_format: view.pixel_format,
    }
}
