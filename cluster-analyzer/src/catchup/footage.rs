//! Adapter: the pictures of an archived segment that are worth looking at, chosen as an agent chooses its frames.

use std::path::Path;

use base::ids::CameraId;
use base::input::chain;
use base::segment::SegmentMeta;
use base::time::Micros;
use base::wire::{FrameHeader, Light, VERSION};
use gate::motion::light;
use gate::{Background, Brightness, Detector as _, FrameGate, GATE_SIDE_PX, Motion, frames, motion};
use media::{MediaError, SegmentReader};

use crate::detect::desk::Job;
use crate::detect::jpeg;

/// Longest side of an analysis frame, pixels (DESIGN §4).
const MAX_SIDE_PX: u32 = 640;
/// As an agent encodes.
const QUALITY: i32 = 85;
/// Until the gate knows what is usual, everything is worth a look, µs.
const LEARN_US: i64 = 3_000_000;

/// The gate of one camera's late footage, which goes on from segment to segment.
pub struct Chooser {
    camera: CameraId,
    gate: FrameGate,
    motion: Background,
    seq: u64,
}

/// Why a segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FootageError {
    /// Its file cannot be read.
    #[error("the file cannot be read")]
    File(#[from] std::io::Error),
    /// It is no video.
    #[error("the footage cannot be decoded")]
    Media(#[from] MediaError),
}

impl Chooser {
    /// A gate that begins at `from`.
    pub fn new(camera: CameraId, fps: f64, from: Micros) -> Self {
        let mut gate = FrameGate::new(frames::Params { fps, ..frames::Params::default() });
        gate.boost(fps, from.plus_us(LEARN_US));
        Self { camera, gate, motion: Background::new(motion::Params::default()), seq: 0 }
    }

    /// Calls `look` with each picture of a segment that is worth it, until it returns false.
    ///
    /// # Errors
    /// The file is gone or is no video. What is damaged in it is left out.
    pub fn pictures(
        &mut self,
        file: &Path,
        meta: &SegmentMeta,
        mut look: impl FnMut(Job) -> bool,
    ) -> Result<(), FootageError> {
        let mut reader = SegmentReader::open(std::fs::read(file)?)?;
        while let Some(frame) = reader.next_frame()? {
            let at = meta.start.plus_us(reader.since_start_us(&frame));
            if !self.gate.wants_look(at) {
                continue;
            }
            let luma = frame.brightness(GATE_SIDE_PX);
            let small = Brightness { width: luma.width, height: luma.height, data: &luma.data };
            let moved = self.motion.look(small).unwrap_or_else(|error| {
                tracing::warn!("{}", chain(&error));
                Motion { boxes: vec![base::geometry::Rect::FULL], score: 1.0 }
            });
            if self.gate.decide(at, moved.moving(), moved.score)
                && let Some(job) = self.job(&frame.bgr(MAX_SIDE_PX), at, moved, meta.drill)
                && !look(job)
            {
                return Ok(());
            }
        }
        Ok(())
    }

    fn job(&mut self, picture: &media::Picture, at: Micros, moved: Motion, drill: bool) -> Option<Job> {
        self.seq += 1;
        let jpeg = jpeg::encode(picture, QUALITY).inspect_err(|e| tracing::warn!("{}", chain(e))).ok()?;
        let lit: Light = light(&picture.bgr);
        let header = FrameHeader {
            v: VERSION,
            seq: self.seq,
            captured_at: at,
            width: picture.width,
            height: picture.height,
            motion: moved.boxes,
            light: lit,
            drill,
        };
        Some(Job { camera: self.camera.clone(), header, jpeg: jpeg.into(), received_at: at, late: true })
    }
}
