//! Where the parts of a segment lie, read from its boxes alone.

use std::io::{self, Read, Seek, SeekFrom};

use super::boxes::{Found, children, find, header, u16_at, u32_at, u64_at, version_flags};

/// An index box larger than this is none of ours, bytes.
const MOST_BOX_BYTES: u64 = 4 << 20;

/// One fragment of a segment (`moof` and its `mdat`): it begins with a key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// Decoding time of its first picture, ticks from the segment's begin.
    pub(super) decode_time: u64,
    pub(super) duration: u64,
}

/// Where the parts of a segment lie: what joining needs to know of it without its pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// `ftyp` and `moov`.
    pub(super) init: Vec<u8>,
    /// Ticks a second.
    pub(super) timescale: u32,
    /// What the edit list cuts off at the begin, ticks.
    pub(super) media_time: i64,
    /// Codec, size and parameter sets: what must be the same in all segments of one video.
    pub(super) coding: Vec<u8>,
    pub(super) fragments: Vec<Fragment>,
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the segment has {what}"))
}

impl Layout {
    /// Reads the boxes of a segment; pictures are skipped unread.
    ///
    /// # Errors
    /// It cannot be read, or is no fragmented MP4 with one video track.
    pub fn read(mut file: impl Read + Seek) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let (mut at, mut init, mut fragments, mut open) = (0, Vec::new(), Vec::new(), None::<Fragment>);
        let mut about: Option<(About, u32)> = None;
        while at < length {
            let mut head = [0; 16];
            let known = (length - at).min(16) as usize;
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut head[..known])?;
            let (size, _, kind) = header(&head[..known]).ok_or_else(|| bad("a damaged box"))?;
            if size > length - at {
                return Err(bad("a box that is cut off"));
            }
            match &kind {
                b"ftyp" | b"moov" => init.extend(body(&mut file, at, size)?),
                b"moof" => {
                    let usual = match &about {
                        Some((_, usual)) => *usual,
                        None => about.insert(About::read(&init).ok_or_else(|| bad("no video track"))?).1,
                    };
                    let moof = body(&mut file, at, size)?;
                    let (decode_time, duration) = times(&moof, usual).ok_or_else(|| bad("a fragment without times"))?;
                    open = Some(Fragment { offset: at, bytes: size, decode_time, duration });
                }
                b"mdat" => {
                    let fragment = open.take().ok_or_else(|| bad("pictures without an index"))?;
                    fragments.push(Fragment { bytes: fragment.bytes + size, ..fragment });
                }
                _ => {}
            }
            at += size;
        }
        let (about, _) = about.ok_or_else(|| bad("no fragments"))?;
        let About { timescale, media_time, coding } = about;
        Ok(Self { init, timescale, media_time, coding, fragments })
    }
}

fn body(file: &mut (impl Read + Seek), at: u64, size: u64) -> io::Result<Vec<u8>> {
    if size > MOST_BOX_BYTES {
        return Err(bad("an index of megabytes"));
    }
    let mut bytes = vec![0; size as usize];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What `moov` says.
struct About {
    timescale: u32,
    media_time: i64,
    coding: Vec<u8>,
}

impl About {
    /// It, and the default duration of a sample.
    fn read(init: &[u8]) -> Option<(Self, u32)> {
        let moov = children(init, 0, init.len()).into_iter().find(|b| b.kind == *b"moov")?;
        let trak = find(init, moov, &[b"trak"])?;
        let mdhd = find(init, trak, &[b"mdia", b"mdhd"])?;
        let timescale = match version_flags(init, mdhd)? {
            (1, _) => u32_at(init, mdhd.body + 20)?,
            _ => u32_at(init, mdhd.body + 12)?,
        };
        let stsd = find(init, trak, &[b"mdia", b"minf", b"stbl", b"stsd"])?;
        let entry = children(init, stsd.body + 8, stsd.end).first().copied()?;
        let trex = find(init, moov, &[b"mvex", b"trex"])?;
        let media_time = find(init, trak, &[b"edts", b"elst"]).and_then(|elst| shift(init, elst)).unwrap_or(0);
        let coding = [coding(init, entry)?, timescale.to_be_bytes().to_vec()].concat();
        (timescale > 0).then_some(())?;
        Some((Self { timescale, media_time, coding }, u32_at(init, trex.body + 12)?))
    }
}

/// The first edit that shows something: where in the media it begins.
fn shift(init: &[u8], elst: Found) -> Option<i64> {
    let (version, _) = version_flags(init, elst)?;
    let entries = u32_at(init, elst.body + 4)? as usize;
    let (wide, skip) = if version == 1 { (20, 8) } else { (12, 4) };
    (0..entries.min(8)).find_map(|n| {
        let at = elst.body + 8 + n * wide + skip;
        let time = match version {
            1 => u64_at(init, at)? as i64,
            _ => i64::from(u32_at(init, at)? as i32),
        };
        (time >= 0).then_some(time)
    })
}

/// A visual sample entry without what says nothing about decoding (bit rates differ from segment to segment).
fn coding(init: &[u8], entry: Found) -> Option<Vec<u8>> {
    const FIXED: usize = 78;
    let size = [u16_at(init, entry.body + 24)?, u16_at(init, entry.body + 26)?];
    let mut coding = entry.kind.to_vec();
    coding.extend(size.iter().flat_map(|side| side.to_be_bytes()));
    for child in children(init, entry.body + FIXED, entry.end).iter().filter(|c| c.kind != *b"btrt") {
        coding.extend_from_slice(init.get(child.start..child.end)?);
    }
    Some(coding)
}

/// Decoding time and duration of a fragment, ticks.
fn times(moof: &[u8], trex_duration: u32) -> Option<(u64, u64)> {
    let all = Found { kind: *b"moof", start: 0, body: 8, end: moof.len() };
    let traf = find(moof, all, &[b"traf"])?;
    let tfdt = find(moof, traf, &[b"tfdt"])?;
    let decode_time = match version_flags(moof, tfdt)? {
        (1, _) => u64_at(moof, tfdt.body + 4)?,
        _ => u64::from(u32_at(moof, tfdt.body + 4)?),
    };
    let tfhd = find(moof, traf, &[b"tfhd"])?;
    let (_, flags) = version_flags(moof, tfhd)?;
    // Track id, then what the flags announce, in order: base offset, description, duration.
    let before = 8 + if flags & 0x1 != 0 { 8 } else { 0 } + if flags & 0x2 != 0 { 4 } else { 0 };
    let usual = if flags & 0x8 != 0 { u32_at(moof, tfhd.body + before)? } else { trex_duration };
    let truns = children(moof, traf.body, traf.end).into_iter().filter(|b| b.kind == *b"trun");
    let duration = truns.map(|trun| run_duration(moof, trun, usual)).sum::<Option<u64>>()?;
    Some((decode_time, duration))
}

fn run_duration(moof: &[u8], trun: Found, usual: u32) -> Option<u64> {
    let (_, flags) = version_flags(moof, trun)?;
    let samples = u32_at(moof, trun.body + 4)? as usize;
    if flags & 0x100 == 0 {
        return Some(samples as u64 * u64::from(usual));
    }
    let first = trun.body + 8 + if flags & 0x1 != 0 { 4 } else { 0 } + if flags & 0x4 != 0 { 4 } else { 0 };
    let wide = 4 * [0x100, 0x200, 0x400, 0x800].iter().filter(|flag| flags & **flag != 0).count();
    (0..samples).map(|n| u32_at(moof, first + n * wide).map(u64::from)).sum()
}
