//! Pure: the boxes of an MP4 file (ISO 14496-12), as far as joining needs them.

/// One box within a slice: its type and where it lies, header included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: [u8; 4],
    pub(super) start: usize,
    /// Where its content begins.
    pub(super) body: usize,
    pub(super) end: usize,
}

/// Size of a box and of its header, from its first bytes; `None` when they are no box. A size of 0 (to the end)
/// does not occur in segments.
pub(super) fn header(bytes: &[u8]) -> Option<(u64, usize, [u8; 4])> {
    let kind: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    match u32_at(bytes, 0)? {
        1 => Some((u64_at(bytes, 8)?, 16, kind)).filter(|(size, ..)| *size >= 16),
        size if size >= 8 => Some((u64::from(size), 8, kind)),
        _ => None,
    }
}

/// The boxes that lie side by side in `bytes[from..to]`.
pub(super) fn children(bytes: &[u8], from: usize, to: usize) -> Vec<Found> {
    let (mut found, mut at) = (Vec::new(), from);
    while let Some((size, head, kind)) = bytes.get(at..to).and_then(header) {
        let Some(end) = usize::try_from(size).ok().and_then(|size| at.checked_add(size)).filter(|end| *end <= to)
        else {
            break;
        };
        found.push(Found { kind, start: at, body: at + head, end });
        at = end;
    }
    found
}

/// The box at the end of a path of types below `within`.
pub(super) fn find(bytes: &[u8], within: Found, path: &[&[u8; 4]]) -> Option<Found> {
    path.iter().try_fold(within, |outer, kind| {
        children(bytes, outer.body, outer.end).into_iter().find(|inner| inner.kind == **kind)
    })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// A full box's version and flags.
pub(super) fn version_flags(bytes: &[u8], of: Found) -> Option<(u8, u32)> {
    let word = u32_at(bytes, of.body)?;
    Some(((word >> 24) as u8, word & 0x00ff_ffff))
}
