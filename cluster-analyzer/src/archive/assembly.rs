//! Pure: chunks become segments. What arrived of which segment, what is whole, what to give up; the bytes
//! themselves are [`super::files`]' business.
//!
//! Invariants: a segment is whole when each of its chunks came, in whatever order and however often; what is
//! kept is bounded by [`Limits`], whatever comes; nothing is answered for a segment that is not whole.

use std::collections::HashMap;

use base::ids::{CameraId, SegmentId};
use base::segment::SegmentMeta;
use base::time::Micros;
use base::wire::{MAX_CHUNK_BYTES, SegmentHeader};

/// Names a segment: ids are unique within a camera.
pub type Key = (CameraId, SegmentId);

/// How much may be in assembly.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Segments at a time; the one without progress for longest goes first.
    pub segments: usize,
    /// Bytes at a time.
    pub bytes: u64,
    /// A segment without a new chunk for this long is given up: its agent sends all of it again.
    pub idle_us: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segments: 4096, bytes: 2 << 30, idle_us: 60_000_000 }
    }
}

/// What to do with a chunk.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Write its bytes at `offset`; `fresh` begins a new file.
    Write {
        /// Where in the segment.
        offset: u64,
        /// It is the first chunk of this segment.
        fresh: bool,
    },
    /// It came before.
    Duplicate,
    /// It cannot be; why, as a counter's label.
    Refuse(&'static str),
}

#[derive(Debug)]
struct Parts {
    header: SegmentHeader,
    here: Vec<bool>,
    missing: u32,
    touched: Micros,
}

/// All segments that are not whole yet.
#[derive(Debug)]
pub struct Assembly {
    limits: Limits,
    parts: HashMap<Key, Parts>,
    bytes: u64,
}

impl Assembly {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, parts: HashMap::new(), bytes: 0 }
    }

    /// How many segments are in assembly.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// None is.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether chunks of this segment are here already.
    pub fn knows(&self, key: &Key) -> bool {
        self.parts.contains_key(key)
    }

    /// What to do with a chunk of `payload_len` bytes. Its bytes count as here only after [`Assembly::wrote`].
    pub fn step(&mut self, key: &Key, header: &SegmentHeader, payload_len: usize, now: Micros) -> Step {
        let expected = chunk_len(header);
        if payload_len as u64 != expected {
            return Step::Refuse("chunk_length");
        }
        // The same id with another content: the newer word counts, the older parts go.
        if self.parts.get(key).is_some_and(|p| !same_segment(&p.header, header)) {
            self.forget(key);
        }
        let fresh = !self.parts.contains_key(key);
        if fresh {
            self.bytes += header.bytes;
            let here = vec![false; header.chunks as usize];
            let parts = Parts { header: header.clone(), here, missing: header.chunks, touched: now };
            self.parts.insert(key.clone(), parts);
        }
        let here = self.parts.get(key).is_some_and(|p| p.here[header.chunk as usize]);
        if here {
            return Step::Duplicate;
        }
        Step::Write { offset: u64::from(header.chunk) * MAX_CHUNK_BYTES as u64, fresh }
    }

    /// The chunk's bytes are written. Returns the segment when it is whole now; it is forgotten here then.
    pub fn wrote(&mut self, key: &Key, chunk: u32, now: Micros) -> Option<SegmentMeta> {
        let parts = self.parts.get_mut(key)?;
        parts.touched = now;
        let here = parts.here.get_mut(chunk as usize)?;
        if !std::mem::replace(here, true) {
            parts.missing -= 1;
        }
        if parts.missing > 0 {
            return None;
        }
        let whole = SegmentMeta::from_header(key.0.clone(), key.1.clone(), &parts.header);
        self.forget(key);
        Some(whole)
    }

    /// Drops what is known of a segment.
    pub fn forget(&mut self, key: &Key) {
        if let Some(parts) = self.parts.remove(key) {
            self.bytes -= parts.header.bytes;
        }
    }

    /// Gives up what is idle, and the idlest while there is more than the limits allow. Returns what was
    /// given up, so that its file can go.
    pub fn expire(&mut self, now: Micros) -> Vec<Key> {
        let idle_us = self.limits.idle_us;
        let mut gone: Vec<Key> =
            self.parts.iter().filter(|(_, p)| now.since(p.touched) > idle_us).map(|(k, _)| k.clone()).collect();
        gone.iter().for_each(|key| self.forget(key));
        // A segment larger than the limit alone is still taken, alone.
        while self.parts.len() > self.limits.segments || (self.bytes > self.limits.bytes && self.parts.len() > 1) {
            let Some(idlest) = self.parts.iter().min_by_key(|(_, p)| p.touched).map(|(k, _)| k.clone()) else { break };
            self.forget(&idlest);
            gone.push(idlest);
        }
        gone
    }
}

fn chunk_len(header: &SegmentHeader) -> u64 {
    let before = u64::from(header.chunk) * MAX_CHUNK_BYTES as u64;
    (header.bytes - before.min(header.bytes)).min(MAX_CHUNK_BYTES as u64)
}

fn same_segment(a: &SegmentHeader, b: &SegmentHeader) -> bool {
    a.bytes == b.bytes && a.chunks == b.chunks && a.sha256.eq_ignore_ascii_case(&b.sha256) && a.start == b.start
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(id: &str) -> Key {
        (CameraId::new("gate-3").unwrap(), SegmentId::new(id).unwrap())
    }

    fn header(bytes: u64, chunk: u32, sha256: &str) -> SegmentHeader {
        SegmentHeader {
            v: 1,
            chunk,
            chunks: bytes.div_ceil(MAX_CHUNK_BYTES as u64) as u32,
            bytes,
            sha256: sha256.to_owned(),
            start: Micros(1),
            duration_us: 1,
            codec: "h264".into(),
            width: 64,
            height: 64,
            fps: 1.0,
            frames: 1,
            motion: 0.0,
            drill: false,
        }
    }

    /// A receiver in memory: what the files would hold.
    fn deliver(assembly: &mut Assembly, content: &[u8], order: &[usize]) -> Vec<Vec<u8>> {
        let sha256 = base::segment::sha256_hex(content);
        let (mut file, mut whole) = (vec![], vec![]);
        for (now, &chunk) in order.iter().enumerate() {
            let header = header(content.len() as u64, chunk as u32, &sha256);
            let payload = content.chunks(MAX_CHUNK_BYTES).nth(chunk).unwrap();
            let now = Micros(now as i64);
            if let Step::Write { offset, fresh } = assembly.step(&key("s1"), &header, payload.len(), now) {
                if fresh {
                    file = vec![0; content.len()];
                }
                file[offset as usize..offset as usize + payload.len()].copy_from_slice(payload);
                if assembly.wrote(&key("s1"), chunk as u32, now).is_some() {
                    whole.push(file.clone());
                }
            }
        }
        whole
    }

    proptest! {
        #[test]
        fn whatever_the_order_repeats_and_losses_a_whole_segment_is_its_bytes(
            len in 1usize..400_000,
            mut order in proptest::collection::vec(0usize..4, 0..24),
        ) {
            let content: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
            let chunks = len.div_ceil(MAX_CHUNK_BYTES);
            order.retain(|c| *c < chunks);
            let mut assembly = Assembly::new(Limits::default());
            let whole = deliver(&mut assembly, &content, &order);
            prop_assert!(whole.iter().all(|bytes| *bytes == content));
            let complete = (0..chunks).all(|c| order.contains(&c));
            prop_assert_eq!(!whole.is_empty(), complete);
            prop_assert!(assembly.len() <= 1 && assembly.bytes == assembly.len() as u64 * len as u64);
        }

        #[test]
        fn what_is_in_assembly_never_exceeds_the_limits(ids in proptest::collection::vec(0u32..50, 1..200)) {
            let limits = Limits { segments: 5, bytes: 1_000_000, idle_us: 10 };
            let mut assembly = Assembly::new(limits);
            for (now, id) in ids.into_iter().enumerate() {
                let now = Micros(now as i64);
                let header = header(300_000, 0, &"0".repeat(64));
                assembly.step(&key(&format!("s{id}")), &header, MAX_CHUNK_BYTES, now);
                assembly.expire(now);
                prop_assert!(assembly.len() <= 3 && assembly.bytes <= 1_000_000);
            }
        }
    }

    #[test]
    fn a_chunk_of_the_wrong_length_is_refused() {
        let mut assembly = Assembly::new(Limits::default());
        let sha = "0".repeat(64);
        assert_eq!(assembly.step(&key("s"), &header(130_000, 0, &sha), 10, Micros(0)), Step::Refuse("chunk_length"));
        let last = 130_000 - MAX_CHUNK_BYTES;
        let step = assembly.step(&key("s"), &header(130_000, 1, &sha), last, Micros(0));
        assert_eq!(step, Step::Write { offset: MAX_CHUNK_BYTES as u64, fresh: true });
    }

    #[test]
    fn a_segment_that_comes_with_another_content_begins_anew() {
        let mut assembly = Assembly::new(Limits::default());
        let (old, new) = ("0".repeat(64), "1".repeat(64));
        assembly.step(&key("s"), &header(200_000, 0, &old), MAX_CHUNK_BYTES, Micros(0));
        assembly.wrote(&key("s"), 0, Micros(0));
        let step = assembly.step(&key("s"), &header(200_000, 0, &new), MAX_CHUNK_BYTES, Micros(1));
        assert_eq!(step, Step::Write { offset: 0, fresh: true });
    }

    #[test]
    fn a_segment_without_progress_is_given_up_after_its_time() {
        let mut assembly = Assembly::new(Limits { idle_us: 100, ..Limits::default() });
        let sha = "0".repeat(64);
        assembly.step(&key("s"), &header(200_000, 0, &sha), MAX_CHUNK_BYTES, Micros(0));
        assert!(assembly.expire(Micros(100)).is_empty());
        assert_eq!(assembly.expire(Micros(101)), [key("s")]);
        assert!(assembly.is_empty());
    }
}
