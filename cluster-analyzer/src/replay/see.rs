//! SEE (adapter): what an agent would send of a clip, and what the detector finds in it.
//!
//! The gate is the agent's own, the picture goes through a JPEG of the agent's size and quality, and the
//! detector gets what the live path gives it. Only the boost is missing: an agent is asked for more frames when
//! an incident is open, which here nobody knows yet.

use std::path::Path;

use base::geometry::Rect;
use base::input::chain;
use base::time::Micros;
use gate::{Background, Brightness, Detector as _, FrameGate, GATE_SIDE_PX, Motion, frames, motion};
use media::{Frame, Jpeg, JpegEncoder, MediaError, Picture};

use super::clip::Clip;
use super::seen::{Seen, SeenClip};
use crate::detect::{DetectError, Detector, jpeg};

/// How an agent looks.
#[derive(Debug, Clone, PartialEq)]
pub struct SeeParams {
    /// Which frames go out.
    pub frames: frames::Params,
    /// What counts as motion.
    pub motion: motion::Params,
    /// Longest side of an analysis frame, pixels.
    pub max_side_px: u32,
    /// Its JPEG quality, 1 to 100.
    pub jpeg_quality: u8,
}

impl SeeParams {
    /// An agent's defaults, with so many frames a second while something moves.
    pub fn at_fps(fps: f64) -> Self {
        let frames = frames::Params { fps, ..frames::Params::default() };
        Self { frames, motion: motion::Params::default(), max_side_px: 640, jpeg_quality: 80 }
    }
}

/// Why a clip was not seen to its end.
#[derive(Debug, thiserror::Error)]
pub enum SeeError {
    /// The clip cannot be read.
    #[error(transparent)]
    Clip(#[from] MediaError),
    /// A picture could not be looked at.
    #[error("at {t_s:.1} s")]
    Detect {
        /// Which, from the clip's start.
        t_s: f64,
        /// What is wrong.
        #[source]
        source: DetectError,
    },
    /// The detector cannot be opened.
    #[error(transparent)]
    Open(Box<dyn std::error::Error + Send + Sync>),
}

impl SeeError {
    /// A person can put it right: a clip or a model that is not there or is broken.
    pub fn is_bad_input(&self) -> bool {
        matches!(self, SeeError::Clip(_) | SeeError::Open(_))
    }
}

/// One clip, on its way through gate and detector.
pub struct Viewer {
    clip: Clip,
    params: SeeParams,
    gate: FrameGate,
    motion: Background,
    jpegs: JpegEncoder,
}

impl Viewer {
    /// Opens a clip.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn open(path: &Path, params: &SeeParams) -> Result<Self, SeeError> {
        let clip = Clip::open(path)?;
        let motion = Background::new(params.motion.clone());
        let gate = FrameGate::new(params.frames.clone());
        Ok(Self { clip, params: params.clone(), gate, motion, jpegs: JpegEncoder::default() })
    }

    /// The next picture that the gate lets through, looked at; `None` at the end of the clip.
    ///
    /// # Errors
    /// A file that cannot be read on; a network that fails.
    pub fn next_seen(&mut self, detector: &mut dyn Detector) -> Result<Option<Seen>, SeeError> {
        while let Some((t, frame)) = self.clip.next_frame()? {
            if !self.gate.wants_look(t) {
                continue;
            }
            let moved = self.look(&frame);
            if self.gate.decide(t, moved.moving(), moved.score) {
                let failed = |source| SeeError::Detect { t_s: t.seconds_since(Micros(0)), source };
                let sent = self.jpegs.encode(&frame, self.params.max_side_px, self.params.jpeg_quality)?;
                return detect(detector, t, &sent, moved.boxes).map(Some).map_err(failed);
            }
        }
        Ok(None)
    }

    /// The rest of the clip.
    ///
    /// # Errors
    /// As [`Viewer::next_seen`].
    pub fn rest(mut self, detector: &mut dyn Detector) -> Result<SeenClip, SeeError> {
        let mut seen = Vec::new();
        while let Some(one) = self.next_seen(detector)? {
            seen.push(one);
        }
        let (clip, (width, height)) = (&self.clip, self.clip.size());
        Ok(SeenClip { width, height, frames: clip.frames(), duration_us: clip.duration_us(), seen })
    }

    /// Length of what was read up to now, µs.
    pub fn duration_us(&self) -> i64 {
        self.clip.duration_us()
    }

    fn look(&mut self, frame: &Frame) -> Motion {
        let luma = frame.brightness(GATE_SIDE_PX);
        let picture = Brightness { width: luma.width, height: luma.height, data: &luma.data };
        self.motion.look(picture).unwrap_or_else(|error| {
            // As in the agent: better a frame too many than an animal unseen.
            tracing::warn!("{}", chain(&error));
            Motion { boxes: vec![Rect::FULL], score: 1.0 }
        })
    }
}

fn detect(detector: &mut dyn Detector, t: Micros, sent: &Jpeg, motion: Vec<Rect>) -> Result<Seen, DetectError> {
    let light = motion::light_of_colour(sent.colour);
    let picture = Picture { pts_us: t.0, ..jpeg::decode(&sent.bytes, (sent.width, sent.height))? };
    let detections = detector.detect(&picture, &motion)?;
    Ok(Seen { t, light, motion, detections })
}
