//! Footage cut into segments: copied when it is H.264 or H.265, else encoded once.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Rational;
use ffmpeg_next::frame;

use crate::Picture;
use crate::assembly::Assembly;
use crate::cut::{Sample, Step};
use crate::decode::{Decoder, DecoderSettings, Frame};
use crate::encode::bgr_frame;
use crate::encoding::{ENCODED_TIME_BASE, Encoding};
use crate::error::MediaError;
use crate::packet::Packet;
use crate::{nal, raw};

/// How footage is cut, and how it is encoded where it must be.
#[derive(Debug, Clone)]
pub struct SegmentOptions {
    /// Cut at the first key frame this long after the segment's start, or later.
    pub target_us: i64,
    /// Cut here even without a key frame; what follows until the next one is lost and counted.
    pub max_us: i64,
    /// The same by size: what one segment may hold in memory.
    pub max_bytes: usize,
    /// Frames per second, where the source does not say.
    pub fps_hint: Option<f64>,
    /// Encoding: a key frame at least this often.
    pub gop_us: i64,
    /// Encoding: quality, 0 to 51, less is better and larger.
    pub crf: u8,
    /// Encoding: x264's preset. The default costs least.
    pub preset: String,
    /// Encoding: threads.
    pub encoder_threads: usize,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self {
            target_us: 4_000_000,
            max_us: 60_000_000,
            max_bytes: 64 << 20,
            fps_hint: None,
            gop_us: 2_000_000,
            crf: 25,
            preset: "ultrafast".into(),
            encoder_threads: 1,
        }
    }
}

/// A piece of footage that plays alone.
#[derive(Clone, PartialEq)]
pub struct Segment {
    /// A whole fragmented MP4.
    pub bytes: Vec<u8>,
    /// When its first picture is shown, in microseconds on the stream's own timeline.
    pub start_pts_us: i64,
    /// From its first picture to the next segment's, or to the end of its last picture.
    pub duration_us: i64,
    /// Coded pictures.
    pub frames: u32,
    /// `h264` or `hevc`.
    pub codec: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames per second, measured.
    pub fps: f64,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { start_pts_us, duration_us, frames, codec, width, height, .. } = self;
        let bytes = self.bytes.len();
        write!(f, "Segment({codec} {width}x{height}, {frames} frames, {bytes} bytes, {start_pts_us}+{duration_us} us)")
    }
}

/// Cuts one source's packets, or pictures, into segments.
///
/// Copied footage with open groups of pictures (rare in cameras) keeps all its packets, but the few pictures
/// that are shown just before a segment's first key frame need the segment before it, and do not show.
pub struct Segmenter {
    assembly: Assembly,
    mode: Mode,
}

enum Mode {
    Copy(Copying),
    Encode(Box<Encoding>),
}

/// Copied footage: which parameters are in force.
struct Copying {
    codec: nal::Codec,
    /// Parameter sets come inside the stream (RTSP, MPEG-TS).
    annex_b: bool,
    sets: Option<Vec<u8>>,
}

impl Segmenter {
    pub(crate) fn copying(
        parameters: ffmpeg::codec::Parameters,
        time_base: Rational,
        fps: f64,
        options: SegmentOptions,
    ) -> Self {
        let view = raw::view(&parameters);
        let codec = if view.codec == ffmpeg::codec::Id::HEVC { nal::Codec::Hevc } else { nal::Codec::H264 };
        let annex_b = view.extradata.is_empty() || nal::is_annex_b(&view.extradata);
        let sets = match annex_b {
            true => nal::parameter_sets(codec, &view.extradata),
            false => Some(view.extradata),
        };
        let fps = if fps > 0.0 { fps } else { options.fps_hint.unwrap_or(0.0) };
        let assembly = Assembly::new(&options, parameters, time_base, fps, view.delay > 0);
        Self { assembly, mode: Mode::Copy(Copying { codec, annex_b, sets }) }
    }

    pub(crate) fn encoding(decoder: Decoder, fps: f64, options: SegmentOptions) -> Self {
        Self::encode_with(Some(decoder), fps, options)
    }

    /// A segmenter for pictures that are drawn or come from elsewhere: see [`Segmenter::push_picture`].
    pub fn for_pictures(fps: f64, options: SegmentOptions) -> Self {
        crate::init();
        Self::encode_with(None, fps, options)
    }

    fn encode_with(decoder: Option<Decoder>, fps: f64, options: SegmentOptions) -> Self {
        let fps = if fps > 0.0 { fps } else { options.fps_hint.unwrap_or(25.0) };
        // The encoder's parameters come with its first packet.
        let parameters = ffmpeg::codec::Parameters::new();
        let assembly = Assembly::new(&options, parameters, ENCODED_TIME_BASE, fps, false);
        Self { assembly, mode: Mode::Encode(Box::new(Encoding::new(decoder, fps, options))) }
    }

    /// Whether footage is copied. When not, a caller that decodes anyway should give its frames to
    /// [`Segmenter::push_frame`], so that nothing is decoded twice.
    pub fn remux(&self) -> bool {
        matches!(self.mode, Mode::Copy(_))
    }

    /// Packets left out because no key frame came before them.
    pub fn dropped(&self) -> u64 {
        self.assembly.cutter.dropped()
    }

    /// Takes the next packet; a segment comes out when the packet begins the next one.
    ///
    /// # Errors
    /// [`MediaError::Corrupt`] for a packet that must be decoded and cannot; the segmenter stays usable.
    pub fn push(&mut self, packet: &Packet) -> Result<Option<Segment>, MediaError> {
        let frames = match &mut self.mode {
            Mode::Copy(copying) => {
                let change = copying.change(packet, &self.assembly.parameters)?;
                // Without parameter sets there is nothing to begin a segment with.
                let playable = copying.sets.is_some();
                self.assembly.take(packet.clone(), packet.key() && playable, change)?;
                return Ok(self.assembly.ready.pop_front());
            }
            Mode::Encode(encoding) => match &mut encoding.decoder {
                Some(decoder) => decoder.decode_frames(packet)?,
                None => return Err(wrong_input("a packet", "this segmenter was made for pictures")),
            },
        };
        for frame in frames {
            self.encode(frame.video(), frame.pts_us())?;
        }
        Ok(self.assembly.ready.pop_front())
    }

    /// Takes the next frame, already decoded, when the source is not copied ([`Segmenter::remux`]).
    ///
    /// # Errors
    /// [`MediaError::Unsupported`] when it is.
    pub fn push_frame(&mut self, frame: &Frame) -> Result<Option<Segment>, MediaError> {
        self.encode(frame.video(), frame.pts_us())?;
        Ok(self.assembly.ready.pop_front())
    }

    /// Takes the next picture, when the source is not copied.
    ///
    /// # Errors
    /// As [`Segmenter::push_frame`].
    pub fn push_picture(&mut self, picture: &Picture) -> Result<Option<Segment>, MediaError> {
        self.encode(&bgr_frame(&picture.bgr, picture.width, picture.height)?, picture.pts_us)?;
        Ok(self.assembly.ready.pop_front())
    }

    /// Hands out what is left; the next packet begins anew. Call it until it gives `None`: a last picture that
    /// comes out of the decoder late may have begun a segment of its own.
    ///
    /// # Errors
    /// [`MediaError::Codec`] when FFmpeg cannot write it.
    pub fn finish(&mut self) -> Result<Option<Segment>, MediaError> {
        if let Mode::Encode(encoding) = &mut self.mode {
            let frames = encoding.decoder.as_mut().map(Decoder::flush_frames).unwrap_or_default();
            for frame in frames {
                self.encode(frame.video(), frame.pts_us())?;
            }
        }
        if let Mode::Encode(encoding) = &mut self.mode {
            for packet in encoding.close()? {
                let key = packet.key();
                self.assembly.take(packet, key, None)?;
            }
        }
        self.assembly.close(None)?;
        self.assembly.cutter.reset();
        Ok(self.assembly.ready.pop_front())
    }

    fn encode(&mut self, video: &frame::Video, pts_us: i64) -> Result<(), MediaError> {
        let Mode::Encode(encoding) = &mut self.mode else {
            return Err(wrong_input("a picture", "this segmenter copies packets"));
        };
        let mut coded = encoding.prepare(video)?;
        let sample = Sample { pts_us, dts_us: Some(pts_us), key: true, changed: false, bytes: 0 };
        let begins = encoding.opened.is_some() || matches!(self.assembly.cutter.decide(&sample), Step::Begin { .. });
        coded.extend(encoding.encode(video, pts_us, begins)?);
        for packet in coded {
            let key = packet.key();
            let change = if key { encoding.opened.take() } else { None };
            self.assembly.take(packet, key, change)?;
        }
        Ok(())
    }
}

fn wrong_input(what: &str, instead: &'static str) -> MediaError {
    MediaError::Unsupported { what: what.into(), instead }
}

impl Copying {
    /// New parameters that `packet` brings, if any.
    fn change(
        &mut self,
        packet: &Packet,
        current: &ffmpeg::codec::Parameters,
    ) -> Result<Option<ffmpeg::codec::Parameters>, MediaError> {
        let found = match (self.annex_b, packet.key()) {
            (true, true) => nal::parameter_sets(self.codec, packet.data()),
            (false, true) => raw::new_extradata(packet.raw()),
            (_, false) => None,
        };
        let Some(sets) = found.filter(|sets| self.sets.as_ref() != Some(sets)) else {
            return Ok(None);
        };
        let failed = MediaError::codec("take over new stream parameters");
        let mut fresh = current.clone();
        raw::set_extradata(&mut fresh, &sets, None).map_err(&failed)?;
        let size = size_of(&fresh, packet);
        raw::set_extradata(&mut fresh, &sets, size).map_err(&failed)?;
        self.sets = Some(sets);
        Ok(Some(fresh))
    }
}

/// The size of the picture in `packet`, found by decoding it: the parameters as they were may lie.
fn size_of(parameters: &ffmpeg::codec::Parameters, packet: &Packet) -> Option<(u32, u32)> {
    let settings = DecoderSettings { max_side: None, threads: 1, key_frames_only: false, rough: false };
    let mut decoder = Decoder::open(parameters, Rational(1, 1_000_000), 0.0, settings).ok()?;
    let mut frames = decoder.decode_frames(packet).ok()?;
    frames.extend(decoder.flush_frames());
    frames.first().map(|frame| (frame.width(), frame.height()))
}
