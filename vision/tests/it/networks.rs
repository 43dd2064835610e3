//! Every head on a network that ONNX Runtime really runs and whose answer is known: it finds the bright rectangle of
//! one colour (see make_networks.py), so that place, size, channel order and normalisation all show in what comes out.

use std::path::Path;
use std::process::Command;

use base::geometry::Rect;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use vision::{Detection, ImageRef, Model, ModelOptions};

use crate::support::{load_runtime, root};

const RED: [u8; 3] = [0, 0, 255];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [255, 0, 0];

/// What the network is given: pixels as they are, as parts of 255, or normalised like ImageNet's.
const PIXELS: &str = "pad = 114";
const PARTS: &str = "pad = 114\nscale = 0.00392156862745098";
const IMAGENET: &str =
    "pad = 114\nscale = 0.00392156862745098\nmean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]";

struct Case {
    network: &'static str,
    head: &'static str,
    output: &'static str,
    values: &'static str,
    /// Score of a colour of full brightness in the first and in the third channel.
    scores: [f32; 2],
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

fn cases() -> Vec<Case> {
    let [first, third] = [(1.0 - 0.485) / 0.229, (1.0 - 0.406) / 0.225_f32];
    let softmax = |logit: f32| logit.exp() / (logit.exp() + 1.0 + 2.0 * (-9.0_f32).exp());
    let queries = "logits = \"logits\"\nboxes = \"boxes\"";
    let with_none = "logits = \"with_none\"\nboxes = \"boxes\"\nactivation = \"softmax\"";
    let fused = "labels = \"labels\"\nboxes = \"boxes\"\nscores = \"scores\"";
    let case = |network, head, output, values, scores: [f32; 2]| Case { network, head, output, values, scores };
    let [edges, centres] =
        ["output = \"output\"\nrows = \"edges\"", "output = \"output\"\nrows = \"centres\"\ncoordinates = \"parts\""];
    vec![
        case("centernet", "centernet", "scores = \"scores\"\nwh = \"wh\"", PIXELS, [1.0; 2]),
        case("yolox", "yolox", "output = \"output\"", PIXELS, [1.0; 2]),
        case("detr_sigmoid", "detr", queries, PARTS, [sigmoid(1.0); 2]),
        case("detr_sigmoid", "detr", queries, IMAGENET, [sigmoid(first), sigmoid(third)]),
        case("detr_softmax", "detr", with_none, IMAGENET, [softmax(first), softmax(third)]),
        case("detr_fused", "detr", fused, PARTS, [1.0; 2]),
        case("detr_fused", "megadetector", fused, PARTS, [1.0; 2]),
        case("mega_yolov9", "megadetector", "output = \"output\"", PARTS, [1.0; 2]),
        case("mega_edges", "megadetector", edges, PARTS, [1.0; 2]),
        case("mega_centres", "megadetector", centres, PARTS, [1.0; 2]),
    ]
}

/// The networks, made by Python's `onnx`, which checks them.
fn networks() -> TempDir {
    let (folder, python) = (tempfile::tempdir().unwrap(), root().join(".setup/venv/bin/python"));
    assert!(python.exists(), "{} is missing: run `deploy/setup`", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/make_networks.py");
    let made = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
}

fn open(networks: &Path, case: &Case, channels: &str, fit: &str) -> Model {
    load_runtime();
    let network = std::fs::read(networks.join(case.network).with_extension("onnx")).unwrap();
    let sha256: String = Sha256::digest(&network).iter().map(|b| format!("{b:02x}")).collect();
    let Case { head, output, values, .. } = case;
    let card = format!(
        "name = \"{}\"\nhead = \"{head}\"\nlicense = \"none\"\nsource = \"this test\"\nsha256 = \"{sha256}\"\n[input]\n\
         width = 96\nheight = 64\nlayout = \"nchw\"\nchannels = \"{channels}\"\nfit = \"{fit}\"\n{values}\n[output]\n\
         {output}\n[labels]\nnames = [\"animal\", \"person\", \"vehicle\"]\nanimals = [\"animal\"]\npeople = [\"person\"]\n\
         vehicles = [\"vehicle\"]\n",
        case.network
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.onnx"), network).unwrap();
    std::fs::write(folder.path().join("model.toml"), card).unwrap();
    Model::open(folder.path(), &ModelOptions::default()).unwrap_or_else(|error| panic!("{error}: {:?}", case.network))
}

/// A black picture with one rectangle.
fn picture(width: u32, height: u32, colour: [u8; 3], at: &Rect) -> Vec<u8> {
    let inside = |x: u32, y: u32| {
        let (x, y) = ((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
        (at.x..at.right()).contains(&x) && (at.y..at.bottom()).contains(&y)
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    pixels.flat_map(|(x, y)| if inside(x, y) { colour } else { [0; 3] }).collect()
}

fn detect(model: &mut Model, width: u32, height: u32, colour: [u8; 3], at: &Rect) -> Vec<Detection> {
    let bgr = picture(width, height, colour, at);
    model.detect(ImageRef { width, height, bgr: &bgr }).unwrap()
}

#[test]
fn each_head_finds_what_is_in_the_picture_with_its_class_and_score() {
    let networks = networks();
    let at = Rect { x: 0.25, y: 0.25, w: 0.25, h: 0.5 };
    for case in cases() {
        let what = format!("{} of head {} with {:?}", case.network, case.head, case.values);
        // Exactly the input's size: nothing is scaled, and every figure is exact.
        for (channels, [first, third]) in [("rgb", [RED, BLUE]), ("bgr", [BLUE, RED])] {
            let mut model = open(networks.path(), &case, channels, "letterbox-center");
            for (colour, label, score) in [(first, 0, case.scores[0]), (third, 2, case.scores[1])] {
                let found = detect(&mut model, 96, 64, colour, &at);
                assert_eq!(found.len(), 1, "{what}, {channels}: {found:?}");
                assert_eq!(found[0].label, label, "{what}, {channels}: {found:?}");
                assert!((found[0].score - score).abs() < 1e-4, "{what}, {channels}: {} for {score}", found[0].score);
                assert!(found[0].rect.iou(&at) > 0.999, "{what}, {channels}: {:?}", found[0].rect);
            }
            assert_eq!(detect(&mut model, 96, 64, GREEN, &at)[0].label, 1, "{what}");
            assert!(detect(&mut model, 96, 64, [0; 3], &at).is_empty(), "{what}: black holds nothing");
        }
    }
}

#[test]
fn boxes_come_back_in_the_picture_s_own_coordinates_whatever_its_shape() {
    let networks = networks();
    let at = Rect { x: 0.5, y: 0.125, w: 0.375, h: 0.5 };
    for case in cases() {
        for fit in ["stretch", "letterbox-center", "letterbox-top-left"] {
            let mut model = open(networks.path(), &case, "rgb", fit);
            // Odd sizes, upright, wide, smaller and much larger than the input.
            for (width, height) in [(101, 57), (57, 101), (640, 480), (1921, 1081), (97, 63), (240, 60)] {
                let found = detect(&mut model, width, height, RED, &at);
                let what = format!("{} of head {}, {fit}, {width}x{height}: {found:?}", case.network, case.head);
                assert_eq!(found.len(), 1, "{what}");
                // An edge may be off by a pixel of the input, for scaling blurs it, and by half a pixel of the picture, for
                // it was drawn in whole ones. Where the picture fills less of the input, that is more of the picture.
                let scale = (96.0 / width as f32).min(64.0 / height as f32);
                let (w, h) =
                    if fit == "stretch" { (96.0, 64.0) } else { (width as f32 * scale, height as f32 * scale) };
                let rect = found[0].rect;
                for (edge, wanted, size) in [
                    (rect.x, at.x, w),
                    (rect.y, at.y, h),
                    (rect.right(), at.right(), w),
                    (rect.bottom(), at.bottom(), h),
                ] {
                    assert!((edge - wanted).abs() * size <= 1.5, "{what}: an edge at {edge} and not {wanted}");
                }
            }
        }
    }
}

#[test]
fn a_weak_second_class_of_the_same_box_stays_with_it() {
    let networks = networks();
    let case = cases().into_iter().find(|case| case.network == "detr_fused").unwrap();
    let mut model = open(networks.path(), &case, "rgb", "stretch");
    let found = detect(&mut model, 96, 64, RED, &Rect { x: 0.25, y: 0.25, w: 0.25, h: 0.5 });
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].scores.iter().map(|(label, _)| *label).collect::<Vec<_>>(), [0, 1]);
    assert!((found[0].scores[1].1 - 0.05).abs() < 1e-6);
}
