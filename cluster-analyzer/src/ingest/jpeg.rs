//! Pure: what a JPEG says of its size (ITU T.81, annex B), without decoding it.

/// Width and height of a JPEG; `None` for anything else.
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        // A marker is 0xFF, any number of further 0xFF, and a code.
        rest = rest.strip_prefix(&[0xFF])?;
        while let Some(after) = rest.strip_prefix(&[0xFF]) {
            rest = after;
        }
        let (code, after) = rest.split_first()?;
        rest = after;
        match code {
            // Markers without a length.
            0x01 | 0xD0..=0xD7 => {}
            // A frame header: length, precision, height, width. C4, C8 and CC are other tables.
            0xC0..=0xCF if !matches!(code, 0xC4 | 0xC8 | 0xCC) => {
                let side = |at: usize| Some(u32::from(u16::from_be_bytes([*rest.get(at)?, *rest.get(at + 1)?])));
                return Some((side(5)?, side(3)?)).filter(|(w, h)| *w > 0 && *h > 0);
            }
            // The picture's data begins, or it ends, before its size was said.
            0xDA | 0xD9 | 0x00 => return None,
            _ => {
                let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                rest = rest.get(length.max(2)..)?;
            }
        }
    }
}
