//! Pure: what was seen of a clip, and its compact form on disk.
//!
//! Numbers are kept bit by bit, so that judging what was kept gives what judging it at once gave.

use base::geometry::Rect;
use base::time::Micros;
use base::wire::Light;
use vision::Detection;

/// One picture that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Time from the clip's start.
    pub t: Micros,
    /// How it was lit.
    pub light: Light,
    /// Where something moved, normalised, largest first.
    pub motion: Vec<Rect>,
    /// What is in it, best first.
    pub detections: Vec<Detection>,
}

/// All that was seen of one clip.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeenClip {
    /// Pixels of the clip.
    pub width: u32,
    /// Pixels of the clip.
    pub height: u32,
    /// Frames that were decoded.
    pub frames: u64,
    /// Length, µs.
    pub duration_us: i64,
    /// Pictures that were looked at, in order of time.
    pub seen: Vec<Seen>,
}

/// First bytes of the form; the last one is its version.
const MAGIC: &[u8; 8] = b"PADSEEN\x01";
/// The checksum at the end, bytes.
const SUM_BYTES: usize = 8;

/// Writes what was seen under `key`, which says of what and by what.
pub fn encode(key: &str, clip: &SeenClip) -> Vec<u8> {
    let mut out = Writer(MAGIC.to_vec());
    out.count(key.len());
    out.0.extend_from_slice(key.as_bytes());
    out.u32(clip.width);
    out.u32(clip.height);
    out.i64(clip.frames as i64);
    out.i64(clip.duration_us);
    out.count(clip.seen.len());
    for seen in &clip.seen {
        out.i64(seen.t.0);
        out.0.push(u8::from(seen.light == Light::Infrared));
        out.count(seen.motion.len());
        seen.motion.iter().for_each(|rect| out.rect(rect));
        out.count(seen.detections.len());
        for detection in &seen.detections {
            out.rect(&detection.rect);
            out.count(detection.scores.len());
            for (label, score) in &detection.scores {
                out.0.extend_from_slice(&label.to_le_bytes());
                out.f32(*score);
            }
        }
    }
    let sum = checksum(&out.0);
    out.0.extend_from_slice(&sum.to_le_bytes());
    out.0
}

/// Reads it back; `None` when it is another key's, another version's, or damaged.
pub fn decode(key: &str, bytes: &[u8]) -> Option<SeenClip> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM_BYTES)?)?;
    if checksum(body) != u64::from_le_bytes(sum.try_into().ok()?) {
        return None;
    }
    let mut from = Reader(body);
    if from.take(MAGIC.len())? != MAGIC {
        return None;
    }
    let length = from.u32()? as usize;
    if from.take(length)? != key.as_bytes() {
        return None;
    }
    let (width, height) = (from.u32()?, from.u32()?);
    let (frames, duration_us) = (from.i64()? as u64, from.i64()?);
    let seen = from.many(Reader::seen)?;
    from.0.is_empty().then_some(SeenClip { width, height, frames, duration_us, seen })
}

/// FNV-1a over words of eight bytes: it finds a torn file, and is as fast as reading one.
fn checksum(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8]| chunk.iter().rev().fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
    let step = |hash: u64, chunk: &[u8]| (hash ^ word(chunk)).wrapping_mul(0x100_0000_01b3);
    bytes.chunks(8).fold(0xcbf2_9ce4_8422_2325 ^ bytes.len() as u64, step)
}

struct Writer(Vec<u8>);

impl Writer {
    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn count(&mut self, value: usize) {
        self.u32(value as u32);
    }

    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn f32(&mut self, value: f32) {
        self.u32(value.to_bits());
    }

    fn rect(&mut self, rect: &Rect) {
        [rect.x, rect.y, rect.w, rect.h].into_iter().for_each(|v| self.f32(v));
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn i64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn f32(&mut self) -> Option<f32> {
        self.u32().map(f32::from_bits)
    }

    fn rect(&mut self) -> Option<Rect> {
        Some(Rect { x: self.f32()?, y: self.f32()?, w: self.f32()?, h: self.f32()? })
    }

    /// A count and so many values; what the count promises is not believed before it is there.
    fn many<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()? as usize;
        (0..count).map(|_| one(self)).collect()
    }

    fn score(&mut self) -> Option<(u16, f32)> {
        let label = u16::from_le_bytes(self.take(2)?.try_into().ok()?);
        Some((label, self.f32()?))
    }

    fn detection(&mut self) -> Option<Detection> {
        let (rect, scores) = (self.rect()?, self.many(Self::score)?);
        let (label, score) = scores.first().copied().unwrap_or_default();
        Some(Detection { rect, scores, score, label })
    }

    fn seen(&mut self) -> Option<Seen> {
        let t = Micros(self.i64()?);
        let light = if self.take(1)? == [0] { Light::Day } else { Light::Infrared };
        Some(Seen { t, light, motion: self.many(Self::rect)?, detections: self.many(Self::detection)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rects() -> impl Strategy<Value = Rect> {
        [0.0..1.0f32, 0.0..1.0f32, 0.0..1.0f32, 0.0..1.0f32].prop_map(Rect::from)
    }

    fn clips() -> impl Strategy<Value = SeenClip> {
        let scores = prop::collection::vec((0..80u16, 0.0..1.0f32), 0..4);
        let detection = (rects(), scores).prop_map(|(rect, scores)| Detection::new(rect, scores));
        let parts = (0..1i64 << 40, any::<bool>());
        let lists = (prop::collection::vec(rects(), 0..3), prop::collection::vec(detection, 0..4));
        let seen = (parts, lists).prop_map(|((t, infrared), (motion, detections))| {
            let light = if infrared { Light::Infrared } else { Light::Day };
            Seen { t: Micros(t), light, motion, detections }
        });
        prop::collection::vec(seen, 0..5).prop_map(|seen| SeenClip {
            width: 768,
            height: 576,
            frames: 100,
            duration_us: 9_900_000,
            seen,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_bit_by_bit(clip in clips()) {
            let bytes = encode("key", &clip);
            prop_assert_eq!(decode("key", &bytes), Some(clip));
        }

        #[test]
        fn damage_and_other_keys_are_noticed(clip in clips(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
            let mut bytes = encode("key", &clip);
            prop_assert_eq!(decode("kez", &bytes), None);
            prop_assert_eq!(decode("key", &bytes[..bytes.len() - 1]), None);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert_eq!(decode("key", &bytes), None);
        }
    }
}
