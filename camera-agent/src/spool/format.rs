//! Pure: one spool file: what it is, then the footage as it is.
//!
//! ```text
//! 8 bytes   PDKSEG1\n
//! 4 bytes   length of the head, little endian
//! 4 bytes   CRC-32 of the head, little endian
//! n bytes   the head, JSON
//! m bytes   the footage, a fragmented MP4
//! ```

use base::segment::SegmentMeta;
use serde::{Deserialize, Serialize};

use crate::segments::{Footage, Worth};

/// What a spool file begins with.
pub const MAGIC: &[u8; 8] = b"PDKSEG1\n";
/// Magic, length and checksum.
pub const PREFIX_BYTES: usize = 16;
/// No head is longer.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// What a spool file says of its footage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// What it is.
    pub meta: SegmentMeta,
    /// How long it is kept.
    pub worth: Worth,
    /// CRC-32 of the footage.
    pub data_crc32: u32,
}

/// Why a spool file is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Torn {
    /// It does not begin like one.
    #[error("it does not begin like a spool file")]
    NotOurs,
    /// It ends in its head.
    #[error("it ends in its head")]
    Short,
    /// Its head is damaged.
    #[error("its head is damaged")]
    Head,
    /// Its footage is not as long as its head says.
    #[error("its footage is not as long as its head says")]
    Length,
    /// Its footage is damaged.
    #[error("its footage is damaged")]
    Data,
}

/// Everything before the footage.
pub fn encode_head(footage: &Footage) -> Vec<u8> {
    let head = Head { meta: footage.meta.clone(), worth: footage.worth, data_crc32: crc32fast::hash(&footage.data) };
    // String keys and finite numbers only: serialising it cannot fail.
    let json = serde_json::to_vec(&head).unwrap_or_default();
    let mut out = Vec::with_capacity(PREFIX_BYTES + json.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&(json.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(&json).to_le_bytes());
    out.extend_from_slice(&json);
    out
}

/// How long the head is, by the file's first [`PREFIX_BYTES`], and its checksum.
pub fn decode_prefix(prefix: &[u8]) -> Result<(usize, u32), Torn> {
    let word = |at: usize| prefix.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    match (prefix.get(..8), word(8), word(12)) {
        (Some(magic), ..) if magic != MAGIC => Err(Torn::NotOurs),
        (_, Some(length), Some(crc)) if (length as usize) <= MAX_HEAD_BYTES => Ok((length as usize, crc)),
        (_, Some(_), Some(_)) => Err(Torn::Head),
        _ => Err(Torn::Short),
    }
}

/// The head of a file of `file_bytes` bytes.
pub fn decode_head(json: &[u8], crc32: u32, file_bytes: u64) -> Result<Head, Torn> {
    if crc32fast::hash(json) != crc32 {
        return Err(Torn::Head);
    }
    let head: Head = serde_json::from_slice(json).map_err(|_| Torn::Head)?;
    let expected = (PREFIX_BYTES + json.len()) as u64 + head.meta.bytes;
    if file_bytes == expected { Ok(head) } else { Err(Torn::Length) }
}

/// A whole file: its head, and where its footage begins.
pub fn decode(file: &[u8]) -> Result<(Head, usize), Torn> {
    let (length, crc) = decode_prefix(file)?;
    let data_at = PREFIX_BYTES + length;
    let json = file.get(PREFIX_BYTES..data_at).ok_or(Torn::Short)?;
    let head = decode_head(json, crc, file.len() as u64)?;
    if crc32fast::hash(&file[data_at..]) != head.data_crc32 {
        return Err(Torn::Data);
    }
    Ok((head, data_at))
}

#[cfg(test)]
mod tests {
    use super::super::tests::footage;
    use super::*;
    use proptest::prelude::*;

    fn file() -> Vec<u8> {
        let footage = footage(7, 3000, Worth::Motion);
        [encode_head(&footage), footage.data.to_vec()].concat()
    }

    #[test]
    fn a_file_is_read_back_as_it_was_written() {
        let (head, data_at) = decode(&file()).unwrap();
        let footage = footage(7, 3000, Worth::Motion);
        assert_eq!((head.meta.duration_us, head.worth), (footage.meta.duration_us, Worth::Motion));
        assert_eq!(&file()[data_at..], &footage.data[..]);
    }

    proptest! {
        #[test]
        fn a_file_cut_or_changed_anywhere_is_known_for_it(at in 0usize..3300, bit in 0u8..8) {
            let whole = file();
            let at = at % whole.len();
            prop_assert!(decode(&whole[..at]).is_err());
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            prop_assert!(decode(&changed).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = decode(&[MAGIC.as_slice(), &bytes].concat());
        }
    }
}
