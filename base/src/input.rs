//! Pure: how bad input is reported. One sentence, with the file, the line or the key, and what would be
//! right; exit code 2.

/// The exit code of a command whose input was wrong.
pub const EXIT_BAD_INPUT: i32 = 2;

/// The line (from 1) of a byte offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    1 + before.iter().filter(|b| **b == b'\n').count()
}

/// A message with its line breaks taken out.
pub fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is wrong with a TOML text: its line and one sentence.
pub fn toml_fault(text: &str, error: &toml::de::Error) -> (usize, String) {
    (line_of(text, error.span().map_or(0, |s| s.start)), one_line(error.message()))
}

/// The whole chain of an error on one line: `a: b: c`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = one_line(&error.to_string());
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&one_line(&cause.to_string()));
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one() {
        assert_eq!((line_of("a\nb\nc", 0), line_of("a\nb\nc", 4), line_of("a", 99)), (1, 3, 1));
    }
}
