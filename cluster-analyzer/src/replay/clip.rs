//! Adapter: pictures of a video file at a rate, as an agent would send them.

use std::collections::VecDeque;
use std::path::Path;

use media::{Decoder, MediaError, OpenOptions, Picture, Source, SourceUrl};

/// Longest side of an analysis frame, pixels (DESIGN §4).
const MAX_SIDE_PX: u32 = 640;

/// A clip that is being read.
pub struct Clip {
    source: Source,
    decoder: Decoder,
    ready: VecDeque<Picture>,
    ended: bool,
    first_us: Option<i64>,
    next_due_us: i64,
    every_us: i64,
}

impl Clip {
    /// Opens a file; its pictures come at `fps` a second, counted from its first.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn open(path: &Path, fps: f64) -> Result<Self, MediaError> {
        let source = Source::open(&SourceUrl::file(path)?, &OpenOptions::default())?;
        let decoder = source.decoder(Some(MAX_SIDE_PX))?;
        let every_us = (1e6 / fps) as i64;
        Ok(Self { source, decoder, ready: VecDeque::new(), ended: false, first_us: None, next_due_us: 0, every_us })
    }

    /// The next picture, its time counted from the clip's start.
    ///
    /// # Errors
    /// The file cannot be read on. Damaged pictures are left out.
    pub fn next_picture(&mut self) -> Result<Option<Picture>, MediaError> {
        loop {
            if let Some(picture) = self.ready.pop_front() {
                return Ok(Some(picture));
            }
            if self.ended {
                return Ok(None);
            }
            match self.source.read() {
                Ok(Some(packet)) => match self.decoder.decode_frames(&packet) {
                    Ok(frames) => self.keep(frames),
                    Err(MediaError::Corrupt { .. }) => {}
                    Err(error) => return Err(error),
                },
                Ok(None) => {
                    self.ended = true;
                    let frames = self.decoder.flush_frames();
                    self.keep(frames);
                }
                Err(MediaError::Truncated { url }) => tracing::warn!("{url} is cut short; going on with what is there"),
                Err(error) => return Err(error),
            }
        }
    }

    fn keep(&mut self, frames: Vec<media::Frame>) {
        for frame in frames {
            let first_us = *self.first_us.get_or_insert(frame.pts_us());
            let t_us = frame.pts_us() - first_us;
            // Half a millisecond of grace: times of a container are rounded.
            if t_us + 500 < self.next_due_us {
                continue;
            }
            self.next_due_us = (self.next_due_us + self.every_us).max(t_us - self.every_us / 2);
            self.ready.push_back(Picture { pts_us: t_us, ..frame.bgr(MAX_SIDE_PX) });
        }
    }
}
