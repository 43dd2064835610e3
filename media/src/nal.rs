//! Pure: parameter sets (SPS, PPS, and for HEVC the VPS) found inside a coded picture.
//!
//! RTSP cameras send them before each key frame. When an operator changes the resolution, that is the only
//! place that says so, and footage from there on needs a header of its own.

/// The two codecs that are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    H264,
    Hevc,
}

/// Whether `data` is in Annex B form: units behind start codes, and not behind their length.
pub(crate) fn is_annex_b(data: &[u8]) -> bool {
    data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])
}

/// The parameter sets in Annex B `data`, each behind a start code, in the order in which they come; `None`
/// when a kind is missing.
pub(crate) fn parameter_sets(codec: Codec, data: &[u8]) -> Option<Vec<u8>> {
    let wanted: &[u8] = match codec {
        Codec::H264 => &[7, 8],
        Codec::Hevc => &[32, 33, 34],
    };
    let mut found = vec![false; wanted.len()];
    let mut sets = Vec::new();
    for unit in units(data) {
        let Some(&header) = unit.first() else { continue };
        let kind = match codec {
            Codec::H264 => header & 0x1f,
            Codec::Hevc => (header >> 1) & 0x3f,
        };
        if let Some(at) = wanted.iter().position(|&wanted| wanted == kind) {
            found[at] = true;
            sets.extend_from_slice(&[0, 0, 0, 1]);
            sets.extend_from_slice(unit);
        }
    }
    found.iter().all(|&found| found).then_some(sets)
}

/// The units between start codes, without trailing zeros.
fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts: Vec<usize> = (0..data.len().saturating_sub(2)).filter(|&at| data[at..at + 3] == [0, 0, 1]).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([data.len()]).collect();
    starts.into_iter().zip(ends).map(move |(start, end)| {
        let unit = &data[start + 3..end];
        let zeros = unit.iter().rev().take_while(|&&byte| byte == 0).count();
        &unit[..unit.len() - zeros]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_sets_are_taken_out_of_a_key_picture() {
        let picture = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 9, 9];
        let sets = parameter_sets(Codec::H264, &picture).unwrap();
        assert_eq!(sets, [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3]);
    }

    #[test]
    fn a_picture_without_all_kinds_has_none() {
        assert_eq!(parameter_sets(Codec::H264, &[0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 2]), None);
        assert_eq!(parameter_sets(Codec::Hevc, &[0, 0, 1, 0x40, 1, 0, 0, 1, 0x42, 2]), None);
        assert_eq!(parameter_sets(Codec::H264, &[]), None);
    }

    #[test]
    fn hevc_needs_three_kinds() {
        let picture = [0, 0, 1, 0x40, 1, 7, 0, 0, 1, 0x42, 1, 8, 0, 0, 1, 0x44, 1, 9, 0, 0, 1, 0x26, 1];
        assert_eq!(parameter_sets(Codec::Hevc, &picture).unwrap().len(), 3 * 7);
        assert!(is_annex_b(&picture) && !is_annex_b(&[1, 0x64, 0, 0x1f]));
    }
}
