//! One coded picture, with its times in microseconds.

use std::sync::Arc;

use ffmpeg_next as ffmpeg;

/// One coded picture. Cloning shares the data.
#[derive(Clone)]
pub struct Packet {
    raw: Arc<ffmpeg::Packet>,
    pts_us: i64,
    dts_us: Option<i64>,
}

impl Packet {
    /// When it is shown, in microseconds on the stream's own timeline.
    pub fn pts_us(&self) -> i64 {
        self.pts_us
    }

    /// When it is decoded, where the stream says.
    pub fn dts_us(&self) -> Option<i64> {
        self.dts_us
    }

    /// Whether decoding can begin here.
    pub fn key(&self) -> bool {
        self.raw.is_key()
    }

    /// Bytes of coded data.
    pub fn size(&self) -> usize {
        self.raw.size()
    }

    /// The coded data.
    pub fn data(&self) -> &[u8] {
        self.raw.data().unwrap_or_default()
    }

    pub(crate) fn new(raw: ffmpeg::Packet, pts_us: i64, dts_us: Option<i64>) -> Self {
        Self { raw: Arc::new(raw), pts_us, dts_us }
    }

    pub(crate) fn raw(&self) -> &ffmpeg::Packet {
        &self.raw
    }
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = if self.key() { ", key" } else { "" };
        write!(f, "Packet({} bytes at {} us{key})", self.size(), self.pts_us)
    }
}
