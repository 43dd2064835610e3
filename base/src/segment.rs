//! Pure: one footage segment as it is indexed, and where it lies in object storage.

use serde::{Deserialize, Serialize};

use crate::ids::{CameraId, SegmentId, SiteId};
use crate::time::Micros;
use crate::wire::SegmentHeader;

/// One footage segment: the row of the `segments` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentMeta {
    /// Which camera.
    pub camera: CameraId,
    /// Which segment of it.
    pub id: SegmentId,
    /// Capture time of its first frame.
    pub start: Micros,
    /// Length, µs.
    pub duration_us: i64,
    /// Size.
    pub bytes: u64,
    /// 64 hexadecimal digits, lower case.
    pub sha256: String,
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
    /// Share of its gate frames in which something moved, 0..1.
    pub motion: f32,
    /// Carries a synthetic animal.
    pub drill: bool,
}

impl SegmentMeta {
    /// What a chunk's header says of the whole segment.
    pub fn from_header(camera: CameraId, id: SegmentId, header: &SegmentHeader) -> Self {
        Self {
            camera,
            id,
            start: header.start,
            duration_us: header.duration_us,
            bytes: header.bytes,
            sha256: header.sha256.to_ascii_lowercase(),
            codec: header.codec.clone(),
            width: header.width,
            height: header.height,
            fps: header.fps,
            frames: header.frames,
            motion: header.motion,
            drill: header.drill,
        }
    }

    /// The header of chunk `chunk` (from 0).
    pub fn header(&self, chunk: u32) -> SegmentHeader {
        SegmentHeader {
            v: crate::wire::VERSION,
            chunk,
            chunks: self.chunks(),
            bytes: self.bytes,
            sha256: self.sha256.clone(),
            start: self.start,
            duration_us: self.duration_us,
            codec: self.codec.clone(),
            width: self.width,
            height: self.height,
            fps: self.fps,
            frames: self.frames,
            motion: self.motion,
            drill: self.drill,
        }
    }

    /// How many chunks carry it.
    pub fn chunks(&self) -> u32 {
        self.bytes.div_ceil(crate::wire::MAX_CHUNK_BYTES as u64) as u32
    }

    /// Capture time of the end of its last frame.
    pub fn end(&self) -> Micros {
        self.start.plus_us(self.duration_us)
    }

    /// Its object key: `footage/site={s}/camera={c}/date={YYYY-MM-DD}/hour={HH}/{start_us}-{id}.mp4`, UTC.
    pub fn key(&self, site: &SiteId) -> String {
        let Self { camera, id, start, .. } = self;
        format!(
            "footage/site={site}/camera={camera}/date={}/hour={:02}/{}-{id}.mp4",
            start.date(),
            start.hour(),
            start.0
        )
    }
}

/// The sha256 of `bytes`, 64 hexadecimal digits, lower case.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_partitioned_by_site_camera_date_and_hour() {
        let meta = SegmentMeta {
            camera: CameraId::new("gate-3").unwrap(),
            id: SegmentId::new("s1").unwrap(),
            start: Micros(1_700_000_000_123_456),
            duration_us: 4_000_000,
            bytes: 250_000,
            sha256: sha256_hex(b"x"),
            codec: "h264".into(),
            width: 768,
            height: 576,
            fps: 10.0,
            frames: 40,
            motion: 0.5,
            drill: false,
        };
        let site = SiteId::new("demo").unwrap();
        let expected = "footage/site=demo/camera=gate-3/date=2023-11-14/hour=22/1700000000123456-s1.mp4";
        assert_eq!(meta.key(&site), expected);
        assert_eq!(meta.chunks(), 3);
        assert_eq!(SegmentMeta::from_header(meta.camera.clone(), meta.id.clone(), &meta.header(2)), meta);
    }
}
