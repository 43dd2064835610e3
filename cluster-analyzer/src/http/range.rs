//! Pure: byte ranges of a request (RFC 9110, 14): one range, or the whole.

/// What part of an answer of `length` bytes is asked for: from, and up to without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it.
    Whole,
    /// `from..to`, never empty.
    Part(u64, u64),
    /// None of it exists.
    Impossible,
}

/// Reads a `Range` header. What is not understood, and several ranges at once, mean the whole, as the standard
/// allows.
pub(super) fn asked(header: Option<&str>, length: u64) -> Asked {
    let Some((from, to)) = header.and_then(|h| h.trim().strip_prefix("bytes=")).and_then(|r| r.split_once('-')) else {
        return Asked::Whole;
    };
    let (from, to) = (from.trim(), to.trim());
    let part = match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => (from, to.saturating_add(1).min(length)),
        (Ok(from), Err(_)) if to.is_empty() => (from, length),
        (Err(_), Ok(last)) if from.is_empty() => (length.saturating_sub(last), length),
        _ => return Asked::Whole,
    };
    if part.0 < part.1 { Asked::Part(part.0, part.1) } else { Asked::Impossible }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let cases = [
            (None, Asked::Whole),
            (Some("bytes=0-9"), Asked::Part(0, 10)),
            (Some("bytes=90-"), Asked::Part(90, 100)),
            (Some("bytes=90-500"), Asked::Part(90, 100)),
            (Some("bytes=-10"), Asked::Part(90, 100)),
            (Some("bytes=-500"), Asked::Part(0, 100)),
            (Some("bytes=100-"), Asked::Impossible),
            (Some("bytes=-0"), Asked::Impossible),
            (Some("bytes=9-5"), Asked::Whole),
            (Some("bytes=0-1,5-6"), Asked::Whole),
            (Some("lines=1-2"), Asked::Whole),
        ];
        for (header, wanted) in cases {
            assert_eq!(asked(header, 100), wanted, "{header:?}");
        }
    }
}
