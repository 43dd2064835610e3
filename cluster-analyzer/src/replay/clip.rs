//! Adapter: the decoded frames of a video file, with their times from its start.

use std::collections::VecDeque;
use std::path::Path;

use base::time::Micros;
use media::{Decoder, Frame, MediaError, OpenOptions, Source, SourceUrl};

/// A clip that is being read.
pub struct Clip {
    source: Source,
    decoder: Decoder,
    ready: VecDeque<Frame>,
    ended: bool,
    first_us: Option<i64>,
    last_us: i64,
    frames: u64,
}

impl Clip {
    /// Opens a file.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn open(path: &Path) -> Result<Self, MediaError> {
        let source = Source::open(&SourceUrl::file(path)?, &OpenOptions::default())?;
        let decoder = source.analysis_decoder(640, false)?;
        Ok(Self { source, decoder, ready: VecDeque::new(), ended: false, first_us: None, last_us: 0, frames: 0 })
    }

    /// Pixels of its pictures.
    pub fn size(&self) -> (u32, u32) {
        let info = self.source.info();
        (info.width, info.height)
    }

    /// Frames that were decoded up to now.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Length of what was decoded up to now, its last frame included, µs.
    pub fn duration_us(&self) -> i64 {
        let fps = self.source.info().fps;
        let frame_us = if fps > 0.0 { (1e6 / fps) as i64 } else { 0 };
        if self.frames == 0 { 0 } else { self.last_us + frame_us }
    }

    /// The next frame, its time counted from the clip's first.
    ///
    /// # Errors
    /// The file cannot be read on. Damaged frames are left out.
    pub fn next_frame(&mut self) -> Result<Option<(Micros, Frame)>, MediaError> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                let first_us = *self.first_us.get_or_insert(frame.pts_us());
                self.last_us = frame.pts_us() - first_us;
                self.frames += 1;
                return Ok(Some((Micros(self.last_us), frame)));
            }
            if self.ended {
                return Ok(None);
            }
            match self.source.read() {
                Ok(Some(packet)) => match self.decoder.decode_frames(&packet) {
                    Ok(frames) => self.ready.extend(frames),
                    Err(MediaError::Corrupt { .. }) => {}
                    Err(error) => return Err(error),
                },
                Ok(None) => {
                    self.ended = true;
                    self.ready.extend(self.decoder.flush_frames());
                }
                Err(MediaError::Truncated { url }) => tracing::warn!("{url} is cut short; going on with what is there"),
                Err(error) => return Err(error),
            }
        }
    }
}
