//! Segments joined to one fragmented MP4 that browsers play, without touching a coded picture and without
//! holding the video in memory: the head is made anew, each fragment is copied with its time and number put right.
//!
//! Times follow the capture clock: where footage is missing, the video's time goes on without pictures.

mod boxes;
mod layout;

use std::io;

use boxes::{Found, children, find, u32_at, version_flags};
pub use layout::Layout;

/// One fragment of the video: bytes of a segment that have to be put right by [`Piece::put_right`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Of which segment, as they were given.
    pub segment: usize,
    /// Where in the segment.
    pub offset: u64,
    /// How many bytes; as many in the video.
    pub bytes: u64,
    /// Capture time of its first picture, µs.
    pub start_us: i64,
    /// Capture time of its end, µs.
    pub end_us: i64,
    sequence: u32,
    decode_time: u64,
}

/// A video: first `head`, then the pieces one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// `ftyp`, `moov` and `sidx`.
    pub head: Vec<u8>,
    /// In the order of time.
    pub pieces: Vec<Piece>,
    /// Segments that are coded otherwise than the first and are left out: one video has one set of parameters.
    pub left_out: Vec<usize>,
    /// Capture time of the video's time 0, µs.
    pub start_us: i64,
    /// Capture time of its end, µs.
    pub end_us: i64,
}

impl Joined {
    /// The video's size.
    pub fn bytes(&self) -> u64 {
        self.head.len() as u64 + self.pieces.iter().map(|p| p.bytes).sum::<u64>()
    }
}

/// Joins segments, given with the capture time of their first picture (µs) in the order of time: all fragments
/// that show something between `from_us` and `until_us`. `None` when there are none.
pub fn join(segments: &[(i64, &Layout)], from_us: i64, until_us: i64) -> Option<Joined> {
    let wanted = |&(_, start_us, layout): &(usize, i64, &Layout)| {
        layout.fragments.iter().any(|f| shows(layout, start_us, f.decode_time, f.duration, from_us, until_us))
    };
    let all = segments.iter().enumerate().map(|(n, (start_us, layout))| (n, *start_us, *layout));
    let segments: Vec<(usize, i64, &Layout)> = all.filter(wanted).collect();
    let first = segments.first()?.2;
    let (same, other): (Vec<_>, Vec<_>) = segments.iter().partition(|(_, _, layout)| layout.coding == first.coding);
    let mut pieces: Vec<(Piece, u64)> = Vec::new();
    let (mut origin_us, mut end) = (None, 0);
    for (segment, start_us, layout) in same {
        for f in &layout.fragments {
            if !shows(layout, start_us, f.decode_time, f.duration, from_us, until_us) {
                continue;
            }
            let shown_us = start_us + to_us(layout, f.decode_time);
            let origin_us = *origin_us.get_or_insert(shown_us);
            // The first segment's edit list holds for all.
            let ticks = to_ticks(first, shown_us - origin_us) + first.media_time - layout.media_time;
            let decode_time = u64::try_from(ticks).unwrap_or(0).max(end);
            end = decode_time + f.duration;
            let piece = Piece {
                segment,
                offset: f.offset,
                bytes: f.bytes,
                start_us: shown_us,
                end_us: shown_us + to_us(layout, f.duration),
                sequence: pieces.len() as u32 + 1,
                decode_time,
            };
            pieces.push((piece, f.duration));
        }
    }
    let head = head(first, &pieces)?;
    let left_out = other.into_iter().map(|(n, ..)| n).collect();
    let start_us = origin_us?;
    let end_us = pieces.iter().map(|(p, _)| p.end_us).max()?;
    Some(Joined { head, pieces: pieces.into_iter().map(|(p, _)| p).collect(), left_out, start_us, end_us })
}

impl Piece {
    /// Puts number and time right in the piece's bytes, as they were read from the segment.
    ///
    /// # Errors
    /// These are not the bytes that the layout was read from.
    pub fn put_right(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.try_put_right(bytes)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the segment is not what it was"))
    }

    fn try_put_right(&self, bytes: &mut [u8]) -> Option<()> {
        let moof = children(bytes, 0, bytes.len()).into_iter().next().filter(|b| b.kind == *b"moof")?;
        let mfhd = find(bytes, moof, &[b"mfhd"])?;
        let tfdt = find(bytes, moof, &[b"traf", b"tfdt"])?;
        bytes.get_mut(mfhd.body + 4..mfhd.body + 8)?.copy_from_slice(&self.sequence.to_be_bytes());
        match version_flags(bytes, tfdt)? {
            (1, _) => bytes.get_mut(tfdt.body + 4..tfdt.body + 12)?.copy_from_slice(&self.decode_time.to_be_bytes()),
            _ => {
                let short = u32::try_from(self.decode_time).ok()?;
                bytes.get_mut(tfdt.body + 4..tfdt.body + 8)?.copy_from_slice(&short.to_be_bytes());
            }
        }
        Some(())
    }
}

fn to_us(layout: &Layout, ticks: u64) -> i64 {
    (i128::from(ticks) * 1_000_000 / i128::from(layout.timescale)) as i64
}

fn to_ticks(layout: &Layout, us: i64) -> i64 {
    (i128::from(us) * i128::from(layout.timescale) / 1_000_000) as i64
}

fn shows(layout: &Layout, start_us: i64, decode_time: u64, duration: u64, from_us: i64, until_us: i64) -> bool {
    let begin_us = start_us + to_us(layout, decode_time);
    begin_us < until_us && begin_us + to_us(layout, duration).max(1) > from_us
}

/// `ftyp` and `moov` of the first segment with the length written in, and an index of all fragments, so that a
/// player knows how long the video is and where to seek.
fn head(first: &Layout, pieces: &[(Piece, u64)]) -> Option<Vec<u8>> {
    let mut head = first.init.clone();
    let moov = children(&head, 0, head.len()).into_iter().find(|b| b.kind == *b"moov")?;
    let mvhd = find(&head, moov, &[b"mvhd"])?;
    let ticks_per_s = match version_flags(&head, mvhd)? {
        (1, _) => u32_at(&head, mvhd.body + 20)?,
        _ => u32_at(&head, mvhd.body + 12)?,
    };
    let (last, last_duration) = pieces.last()?;
    let length = u128::from(last.decode_time + last_duration) * u128::from(ticks_per_s) / u128::from(first.timescale);
    let mvex = find(&head, moov, &[b"mvex"])?;
    if find(&head, mvex, &[b"mehd"]).is_none() {
        let mut mehd = full_box(*b"mehd", 1, &[]);
        mehd.extend((length as u64).to_be_bytes());
        let size = mehd.len() as u32;
        mehd[..4].copy_from_slice(&size.to_be_bytes());
        for outer in [moov, mvex] {
            grow(&mut head, outer, size)?;
        }
        head.splice(mvex.body..mvex.body, mehd);
    }
    head.extend(sidx(first, pieces));
    Some(head)
}

fn grow(bytes: &mut [u8], of: Found, by: u32) -> Option<()> {
    let size = u32_at(bytes, of.start)?.checked_add(by)?;
    bytes.get_mut(of.start..of.start + 4)?.copy_from_slice(&size.to_be_bytes());
    Some(())
}

fn full_box(kind: [u8; 4], version: u8, body: &[u8]) -> Vec<u8> {
    let size = 12 + body.len() as u32;
    [&size.to_be_bytes()[..], &kind, &[version, 0, 0, 0], body].concat()
}

/// The segment index (ISO 14496-12, 8.16.3): each fragment begins with a key frame (SAP type 1).
fn sidx(first: &Layout, pieces: &[(Piece, u64)]) -> Vec<u8> {
    let mut body = Vec::with_capacity(28 + 12 * pieces.len());
    body.extend(1u32.to_be_bytes());
    body.extend(first.timescale.to_be_bytes());
    body.extend((first.media_time.max(0) as u64).to_be_bytes());
    body.extend(0u64.to_be_bytes());
    body.extend(0u16.to_be_bytes());
    body.extend((pieces.len().min(usize::from(u16::MAX)) as u16).to_be_bytes());
    for (n, (piece, duration)) in pieces.iter().enumerate().take(usize::from(u16::MAX)) {
        // A gap counts to the fragment before it.
        let lasts = pieces.get(n + 1).map_or(*duration, |(next, _)| next.decode_time - piece.decode_time);
        body.extend((piece.bytes as u32 & 0x7fff_ffff).to_be_bytes());
        body.extend((lasts.min(u64::from(u32::MAX)) as u32).to_be_bytes());
        body.extend(0x9000_0000u32.to_be_bytes());
    }
    full_box(*b"sidx", 1, &body)
}
