//! Answers compared with files under `testdata/`; `PADDOCK_REGENERATE=1` writes them anew, to be reviewed as a diff.

use std::path::Path;

#[track_caller]
pub fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    if std::env::var_os("PADDOCK_REGENERATE").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{name} is other than it was (PADDOCK_REGENERATE=1 takes this over):\n{text}");
}
