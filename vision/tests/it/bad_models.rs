//! Model folders with each kind of mistake: one sentence each, and never a panic.

use std::error::Error;
use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use vision::model::ModelDir;
use vision::{Model, ModelOptions};

use crate::support::{identity_network, load_runtime};

/// A folder with `network` and a card that fits the network made by hand, changed by `edit`.
fn folder(network: &[u8], edit: impl Fn(String) -> String) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let sha256: String = Sha256::digest(network).iter().map(|b| format!("{b:02x}")).collect();
    let card = format!(
        r#"name = "by-hand"
head = "yolox"
license = "none"
source = "this test"
sha256 = "{sha256}"
[input]
width = 32
height = 32
layout = "nchw"
channels = "bgr"
fit = "stretch"
[output]
output = "y"
[labels]
names = ["cat"]
animals = ["cat"]
"#
    );
    std::fs::write(dir.path().join("model.onnx"), network).unwrap();
    std::fs::write(dir.path().join("model.toml"), edit(card)).unwrap();
    dir
}

/// What opening the folder says: the sentence, and the whole chain of causes after it.
fn complaint(dir: &Path) -> (String, String) {
    load_runtime();
    let error = Model::open(dir, &ModelOptions::default()).map(|_| ()).unwrap_err();
    let mut chain = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push_str(&error.to_string());
        cause = error.source();
    }
    let sentence = error.to_string();
    assert!(!sentence.contains('\n') && !sentence.is_empty(), "{sentence:?}");
    (sentence, chain)
}

fn network() -> Vec<u8> {
    identity_network(&[1, 3, 32, 32])
}

#[test]
fn a_folder_or_a_file_that_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (text, _) = complaint(&dir.path().join("nowhere"));
    assert!(text.contains("nowhere does not exist: run `deploy/setup`"), "{text}");
    let (text, _) = complaint(dir.path());
    assert!(text.contains("model.toml does not exist: a model is a folder that holds"), "{text}");
    let without_network = folder(&network(), |card| card);
    std::fs::remove_file(without_network.path().join("model.onnx")).unwrap();
    let (text, _) = complaint(without_network.path());
    assert!(text.contains("model.onnx does not exist"), "{text}");
}

#[test]
fn a_card_s_mistake_is_named_with_file_line_and_key() {
    let cases = [
        ("[labels]\nnames = [\"cat\"]\nanimals = [\"cat\"]\n", "", "missing field `labels`"),
        ("names = [\"cat\"]", "names = []", "model.toml:15: key `labels.names`"),
        ("animals = [\"cat\"]", "animals = [\"tiger\"]", "model.toml:16: key `labels.animals` names 'tiger'"),
        ("head = \"yolox\"", "head = \"megadector\"", "model.toml:2: key `head` is 'megadector'"),
        ("width = 32", "width = 32\nwidht = 32", "model.toml:8: unknown field `widht`"),
    ];
    for (from, to, wanted) in cases {
        let dir = folder(&network(), |card| card.replace(from, to));
        let (text, _) = complaint(dir.path());
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn a_network_that_is_not_the_card_s_is_never_opened() {
    let dir = folder(&network(), |card| card);
    std::fs::write(dir.path().join("model.onnx"), b"something else").unwrap();
    let (text, _) = complaint(dir.path());
    assert!(text.contains("model.onnx has sha256 ") && text.contains("but key `sha256` of model.toml says"), "{text}");
}

#[test]
fn a_network_of_which_nobody_knows_the_checksum_is_run_only_where_the_card_says_any() {
    let emptied = |card: String, sha256: &str| {
        let lines = card.lines().map(|line| if line.starts_with("sha256") { sha256 } else { line });
        lines.collect::<Vec<_>>().join("\n")
    };
    let found: String = Sha256::digest(network()).iter().map(|b| format!("{b:02x}")).collect();
    let dir = folder(&network(), |card| emptied(card, "sha256 = \"\""));
    let (text, _) = complaint(dir.path());
    assert!(text.contains(&format!("has sha256 {found}, and key `sha256` of model.toml is empty")), "{text}");
    let dir = folder(&network(), |card| emptied(card, "sha256 = \"any\""));
    assert_eq!(ModelDir::read(dir.path()).unwrap().card.sha256, found, "what ran is recorded");
}

#[test]
fn bytes_that_are_no_network_are_refused_with_onnx_runtime_s_reason_as_the_cause() {
    let truncated = &network()[..40];
    for bytes in [&b"not a network"[..], &[], &[0xff; 1000], truncated] {
        let dir = folder(bytes, |card| card);
        let (text, cause) = complaint(dir.path());
        assert!(text.ends_with("model.onnx is not an ONNX network that ONNX Runtime can run"), "{text}");
        assert!(!cause.is_empty());
    }
}

#[test]
fn an_output_that_does_not_exist_is_named_with_those_that_do() {
    let dir = folder(&network(), |card| card.replace("output = \"y\"", "output = \"boxes\""));
    let (text, _) = complaint(dir.path());
    assert!(text.contains("key `output.output` names the output 'boxes', but the network has 'y'"), "{text}");
}

#[test]
fn an_input_of_another_size_or_order_is_named() {
    let dir = folder(&network(), |card| card.replace("width = 32", "width = 64"));
    let (text, _) = complaint(dir.path());
    assert!(text.contains("the network's input is 1x3x32x32, but") && text.contains("make it 1x3x32x64"), "{text}");
    let dir = folder(&network(), |card| card.replace("nchw", "nhwc"));
    let (text, _) = complaint(dir.path());
    assert!(text.contains("make it 1x32x32x3"), "{text}");
}

#[test]
fn an_output_of_another_shape_is_named() {
    let dir = folder(&network(), |card| card);
    let (text, _) = complaint(dir.path());
    assert!(text.contains("`output.output` has 3072 values, but 21 anchors of 5 + 1 make 126"), "{text}");
}
