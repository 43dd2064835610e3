//! The only crate that links FFmpeg: it opens sources, decodes pictures, cuts footage into segments
//! that play alone, reads them back from memory and writes clips.
//!
//! What belongs here is whatever needs a codec or a container. What does not: clocks (times here are
//! the stream's own, in microseconds), networking beyond what FFmpeg opens, decisions about motion.
//!
//! Modules in reading order:
//! - `url`: what may be opened, and how it is shown without its password
//! - `error`: what can go wrong, one sentence each
//! - `watchdog`: how a blocking call ends at a deadline or on a stop flag
//! - `options`, `source`, `packet`: open, read packets, rewind
//! - `info`: what a source says of itself; `probe`: what it is like, measured
//! - `decode`: packets into frames; `scale`: frames into pictures of a size, scalers kept; `jpeg`: into JPEGs
//! - `cut`, `timing`, `nal`: pure: where a segment ends, times put right, parameter sets
//! - `encode`, `encoding`: H.264 for what is not yet; `mux`: packets into one MP4 in memory
//! - `assembly`, `segment`: the segmenter that joins those; `reader`: segments back into pictures
//! - `cutout`: pure: a cut-out laid into a picture
//! - `clip`: whole MP4 files, for rendered scenes
//! - `join`: segments as one video, byte by byte
//! - `raw`: all `unsafe` of the crate
//!
//! Invariants:
//! - No password is ever in a message: [`SourceUrl`] shows itself redacted and errors carry only that.
//! - A segment begins with a key frame and plays alone.
//! - Everything is `Send`: a source runs on a thread of its own.

mod assembly;
mod clip;
mod cut;
mod cutout;
mod decode;
mod encode;
mod encoding;
mod error;
mod info;
mod join;
mod jpeg;
mod mux;
mod nal;
mod options;
mod packet;
mod probe;
mod raw;
mod reader;
mod scale;
mod segment;
mod source;
mod timing;
mod url;
mod watchdog;

pub use clip::{ClipOptions, ClipWriter};
pub use cutout::CutOut;
pub use decode::{Decoder, Frame};
pub use error::{FfmpegError, MediaError};
pub use info::SourceInfo;
pub use join::{Joined, Layout, Piece, join};
pub use jpeg::{Jpeg, JpegEncoder};
pub use options::OpenOptions;
pub use packet::Packet;
pub use probe::{Probe, probe};
pub use reader::{ReadOptions, SegmentReader};
pub use scale::scaled_size;
pub use segment::{Segment, SegmentOptions, Segmenter};
pub use source::Source;
pub use url::{SourceKind, SourceUrl};

use std::sync::Once;

/// One decoded picture, BGR, 8 bits a channel, interleaved; a row is exactly `3 * width` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// `3 * width * height` bytes.
    pub bgr: Vec<u8>,
    /// When it is shown, in microseconds on the stream's own timeline.
    pub pts_us: i64,
    /// Whether it was coded as a key frame.
    pub key: bool,
}

/// The brightness of one decoded picture, 8 bits a pixel, full range; a row is exactly `width` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Luma {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// `width * height` bytes.
    pub data: Vec<u8>,
    /// When it is shown, in microseconds on the stream's own timeline.
    pub pts_us: i64,
}

/// Sets FFmpeg up. May be called any number of times; everything that opens something calls it.
///
/// FFmpeg's own log lines are silenced, because they carry addresses with passwords and come from inside
/// threads. To see them while looking for a fault, set `PADDOCK_FFMPEG_LOG` to `error`, `warning`,
/// `info` or `debug`: they then go to standard error, passwords included.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Not `ffmpeg_next::init`, which would load libavdevice: see `raw::register_devices`.
        ffmpeg_next::util::error::register_all();
        ffmpeg_next::format::network::init();
        let level = match std::env::var("PADDOCK_FFMPEG_LOG").as_deref() {
            Ok("error") => ffmpeg_next::log::Level::Error,
            Ok("warning") => ffmpeg_next::log::Level::Warning,
            Ok("info") => ffmpeg_next::log::Level::Info,
            Ok("debug") => ffmpeg_next::log::Level::Debug,
            _ => ffmpeg_next::log::Level::Quiet,
        };
        ffmpeg_next::log::set_level(level);
    });
}
