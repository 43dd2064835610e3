//! Pure: footage as it is kept: with its capture time, its hash, and how much of it moved.

use std::collections::VecDeque;

use base::ids::{CameraId, SegmentId};
use base::segment::{SegmentMeta, sha256_hex};
use base::time::Micros;
use bytes::Bytes;

/// How long footage is kept when there is no room for all of it. Later ones go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Worth {
    /// Nothing moved in it.
    Still,
    /// Something moved in it.
    Motion,
    /// Someone asked for more of this camera meanwhile: an incident.
    Boosted,
}

/// One segment on its way to the spool.
#[derive(Debug, Clone)]
pub struct Footage {
    /// What it is.
    pub meta: SegmentMeta,
    /// How long it is kept.
    pub worth: Worth,
    /// A fragmented MP4.
    pub data: Bytes,
}

/// What the segmenter says of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// Capture time of its first frame.
    pub start: Micros,
    /// Length, µs.
    pub duration_us: i64,
    /// `h264` or `hevc`.
    pub codec: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: f64,
    /// How many frames it holds.
    pub frames: u32,
}

impl Footage {
    /// Gives a segment its id, its hash, and the motion that was seen meanwhile.
    pub fn new(camera: CameraId, cut: Cut, data: Bytes, tally: &mut MotionTally) -> Self {
        let Cut { start, duration_us, codec, width, height, fps, frames } = cut;
        let duration_us = duration_us.max(0);
        let seen = tally.take(start, start.plus_us(duration_us));
        let worth = match seen {
            Seen { boosted: true, .. } => Worth::Boosted,
            Seen { motion, .. } if motion > 0.0 => Worth::Motion,
            _ => Worth::Still,
        };
        let meta = SegmentMeta {
            camera,
            id: SegmentId::generate(start),
            start,
            duration_us,
            bytes: data.len() as u64,
            sha256: sha256_hex(&data),
            codec,
            width,
            height,
            fps,
            frames,
            motion: seen.motion,
            drill: false,
        };
        Self { meta, worth, data }
    }
}

/// What the gate saw during one segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Share of its looks in which something moved, 0..1.
    pub motion: f32,
    /// A boost was on.
    pub boosted: bool,
}

/// Remembers the gate's looks until the segment that they belong to is cut.
#[derive(Debug, Default)]
pub struct MotionTally {
    looks: VecDeque<(Micros, bool, bool)>,
}

impl MotionTally {
    /// A segment is never so long that it has more looks than this; a segmenter that cuts nothing must
    /// not fill the memory.
    const MOST: usize = 10_000;

    /// Takes note of one look.
    pub fn note(&mut self, at: Micros, moving: bool, boosted: bool) {
        if self.looks.len() == Self::MOST {
            self.looks.pop_front();
        }
        self.looks.push_back((at, moving, boosted));
    }

    /// What was seen from `start` to before `end`. Forgets what is older.
    pub fn take(&mut self, start: Micros, end: Micros) -> Seen {
        let inside = |at: Micros| start <= at && at < end;
        let (mut looks, mut moving, mut boosted) = (0u32, 0u32, false);
        for (_, moved, boost) in self.looks.iter().filter(|(at, ..)| inside(*at)) {
            looks += 1;
            moving += u32::from(*moved);
            boosted |= boost;
        }
        self.looks.retain(|(at, ..)| *at >= end);
        Seen { motion: if looks > 0 { moving as f32 / looks as f32 } else { 0.0 }, boosted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(start: i64, duration_us: i64) -> Cut {
        let codec = "h264".into();
        Cut { start: Micros(start), duration_us, codec, width: 64, height: 48, fps: 10.0, frames: 20 }
    }

    #[test]
    fn a_segment_carries_the_motion_of_its_own_time_alone() {
        let mut tally = MotionTally::default();
        (0..40).for_each(|i| tally.note(Micros(i * 100_000), i >= 15, i >= 38));
        let camera = CameraId::new("c").unwrap();
        let mut footage =
            |start, us| Footage::new(camera.clone(), cut(start, us), Bytes::from_static(b"mp4"), &mut tally);
        let (first, second) = (footage(0, 1_000_000), footage(1_000_000, 1_000_000));
        let third = footage(2_000_000, 2_000_000);
        assert_eq!([first.meta.motion, second.meta.motion, third.meta.motion], [0.0, 0.5, 1.0]);
        assert_eq!([first.worth, second.worth, third.worth], [Worth::Still, Worth::Motion, Worth::Boosted]);
        assert_eq!(first.meta.sha256, sha256_hex(b"mp4"));
        assert!(first.meta.id < second.meta.id, "ids sort by time");
    }

    #[test]
    fn a_segment_without_looks_counts_as_still() {
        let seen = MotionTally::default().take(Micros(0), Micros(1));
        assert_eq!((seen.motion, seen.boosted), (0.0, false));
    }
}
