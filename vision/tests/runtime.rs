//! Loading ONNX Runtime. One test, because it is loaded once per process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::{Path, PathBuf};

use vision::{ModelError, runtime};

#[test]
fn a_library_that_is_missing_or_none_is_one_sentence_and_the_right_one_still_loads_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let error = runtime::load(Some(&dir.path().join("libonnxruntime.so"))).unwrap_err();
    assert!(matches!(error, ModelError::RuntimeMissing { .. }));
    assert!(error.to_string().contains("run `deploy/setup`, or set ORT_DYLIB_PATH"), "{error}");
    assert!(runtime::load(Some(dir.path())).is_err(), "a folder is no library");

    let text = dir.path().join("text.so");
    std::fs::write(&text, "not a library").unwrap();
    let error = runtime::load(Some(&text)).unwrap_err();
    assert!(matches!(error, ModelError::RuntimeLoad { .. }), "{error:?}");
    assert!(error.to_string().contains("text.so cannot be loaded as ONNX Runtime"), "{error}");

    // Relative to the repository's root, where people set the variable.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let given = std::env::var_os("ORT_DYLIB_PATH").map_or_else(|| runtime::DEFAULT_DYLIB.into(), PathBuf::from);
    runtime::load(Some(&root.join(given))).unwrap_or_else(|error| panic!("{error}"));
    runtime::load(Some(Path::new("/nowhere"))).unwrap();
}
