//! The real detectors on the photographs that Debian's package `darknet` brings.

use std::path::PathBuf;

use base::geometry::Rect;
use vision::{Detection, Group, ImageRef, LookParams, Model, ModelOptions};

use crate::support::{Picture, load_runtime, root};

/// Photograph, label, and box (left, top, right, bottom) of animals that both detectors find.
const ANIMALS: [(&str, &str, [f32; 4]); 7] = [
    ("dog", "dog", [0.17, 0.37, 0.41, 0.94]),
    ("eagle", "bird", [0.17, 0.17, 0.79, 0.87]),
    ("giraffe", "giraffe", [0.33, 0.06, 0.90, 0.88]),
    ("giraffe", "zebra", [0.56, 0.41, 0.85, 0.89]),
    ("horses", "horse", [0.57, 0.42, 0.78, 0.68]),
    ("horses", "horse", [0.00, 0.37, 0.43, 0.80]),
    ("horses", "horse", [0.32, 0.36, 0.56, 0.71]),
];

fn centernet(options: &ModelOptions) -> Model {
    load_runtime();
    Model::open(&root().join("models/centernet"), options).unwrap_or_else(|error| panic!("{error}"))
}

/// The second detector may be absent: it is fetched, or found in the model cache, by `deploy/setup`. Where only
/// the cache has it, the folder is put together here.
fn yolox(options: &ModelOptions) -> Option<Model> {
    load_runtime();
    let folder = root().join("models/yolox_nano");
    if folder.join("model.onnx").exists() {
        return Some(Model::open(&folder, options).unwrap_or_else(|error| panic!("{error}")));
    }
    let cached = std::env::var_os("PADDOCK_MODEL_CACHE").map(PathBuf::from)?.join("yolox_nano.onnx");
    let made = tempfile::tempdir().unwrap();
    std::fs::copy(cached, made.path().join("model.onnx")).ok()?;
    std::fs::copy(folder.join("model.toml"), made.path().join("model.toml")).unwrap();
    Some(Model::open(made.path(), options).unwrap_or_else(|error| panic!("{error}")))
}

fn skip() {
    println!("skipped: yolox_nano is neither in models/yolox_nano nor in $PADDOCK_MODEL_CACHE");
}

fn detect(model: &mut Model, name: &str) -> Vec<Detection> {
    model.detect(Picture::photograph(name).as_image()).unwrap()
}

fn finds_the_animals(model: &mut Model, min_score: f32) {
    for (photograph, label, [left, top, right, bottom]) in ANIMALS {
        let found = detect(model, photograph);
        let wanted = Rect::from_edges(left, top, right, bottom);
        let best = found.iter().max_by(|a, b| a.rect.iou(&wanted).total_cmp(&b.rect.iou(&wanted))).unwrap();
        let card = model.card();
        let text = format!("{}: {label} in {photograph}: {best:?}", card.name);
        assert!(best.rect.iou(&wanted) > 0.6, "{text}");
        assert!(best.score >= min_score && best.label_name(card) == label, "{text}");
        assert!(best.animal_score(card) >= best.score, "{text}");
        assert_eq!(best.best_animal(card), Some((label, best.score)), "{text}");
    }
}

fn answers_well_formed(model: &mut Model) {
    let picture = Picture::photograph("person");
    let found = model.detect(picture.as_image()).unwrap();
    assert!(found.is_sorted_by(|a, b| a.score >= b.score));
    for detection in &found {
        let Rect { x, y, w, h } = detection.rect;
        assert!(x >= 0.0 && y >= 0.0 && x + w <= 1.0001 && y + h <= 1.0001 && w > 0.0 && h > 0.0, "{detection:?}");
        assert!(detection.scores.is_sorted_by(|a, b| a.1 >= b.1) && detection.scores[0].1 == detection.score);
        assert!(detection.scores.iter().all(|(l, s)| usize::from(*l) < 80 && (0.02..=1.0).contains(s)));
    }
    let person = found.iter().find(|d| model.card().group(d.label) == Group::Person).unwrap();
    assert!(person.person_score(model.card()) > 0.5);
    assert!(found.iter().any(|d| d.scores.len() > 1), "more than the best class is told");
    assert_eq!(found, model.detect(picture.as_image()).unwrap(), "the same picture, the same answer");
}

fn takes_any_picture(model: &mut Model) {
    for (width, height) in [(1, 1), (3000, 2), (2, 3000), (4096, 2160)] {
        let bgr = vec![90; width as usize * height as usize * 3];
        model.detect(ImageRef { width, height, bgr: &bgr }).unwrap();
    }
    let error = model.detect(ImageRef { width: 640, height: 480, bgr: &[0; 100] }).unwrap_err();
    assert_eq!(error.to_string(), "a picture of 640x480 pixels needs 921600 bytes of BGR, but 100 were given");
    model.session_run_blank().unwrap();
}

#[test]
fn centernet_finds_the_animals_of_the_packaged_photographs() {
    finds_the_animals(&mut centernet(&ModelOptions::default()), 0.3);
}

#[test]
fn centernet_answers_are_well_formed_and_repeatable() {
    answers_well_formed(&mut centernet(&ModelOptions::default()));
}

#[test]
fn centernet_takes_any_picture_and_refuses_what_is_none() {
    takes_any_picture(&mut centernet(&ModelOptions::default()));
}

#[test]
fn options_bound_what_is_reported() {
    let all = detect(&mut centernet(&ModelOptions { min_score: 0.1, ..Default::default() }), "horses");
    let sure = detect(&mut centernet(&ModelOptions { min_score: 0.3, ..Default::default() }), "horses");
    assert!(!sure.is_empty() && sure.len() < all.len() && sure.iter().all(|d| d.score >= 0.3));
    let few = detect(&mut centernet(&ModelOptions { max_detections: 2, ..Default::default() }), "horses");
    assert_eq!(few.iter().map(|d| d.score).collect::<Vec<_>>(), [all[0].score, all[1].score]);
}

#[test]
fn models_side_by_side_on_threads_of_their_own_answer_alike() {
    let run = || detect(&mut centernet(&ModelOptions::default()), "giraffe");
    let (here, there) = std::thread::scope(|scope| {
        let other = scope.spawn(run);
        (run(), other.join().unwrap())
    });
    assert_eq!(here, there);
}

#[test]
fn yolox_finds_the_animals_of_the_packaged_photographs() {
    match yolox(&ModelOptions::default()) {
        Some(mut model) => finds_the_animals(&mut model, 0.5),
        None => skip(),
    }
}

#[test]
fn yolox_answers_are_well_formed_and_any_picture_will_do() {
    match yolox(&ModelOptions::default()) {
        Some(mut model) => {
            answers_well_formed(&mut model);
            takes_any_picture(&mut model);
        }
        None => skip(),
    }
}

/// The photograph shrunk to `width_px`, on a grey picture of 640x480 with its left top at (`x`, `y`).
fn small(name: &str, width_px: u32, x: u32, y: u32) -> Picture {
    let photograph = Picture::photograph(name);
    let height_px = width_px * photograph.height / photograph.width;
    let (width, height) = (640u32, 480u32);
    let mut bgr = vec![110; (width * height * 3) as usize];
    for row in 0..height_px {
        for column in 0..width_px {
            let from = (row * photograph.height / height_px * photograph.width + column * photograph.width / width_px)
                as usize
                * 3;
            let to = ((y + row) * width + x + column) as usize * 3;
            bgr[to..to + 3].copy_from_slice(&photograph.bgr[from..from + 3]);
        }
    }
    Picture { width, height, bgr }
}

fn sees_more_closely(model: &mut Model) {
    let mut gained = 0.0;
    for (name, label) in [("dog", "dog"), ("horses", "horse"), ("giraffe", "giraffe"), ("eagle", "bird")] {
        let picture = small(name, 64, 470, 60);
        let here = Rect { x: 470.0 / 640.0, y: 60.0 / 480.0, w: 64.0 / 640.0, h: 0.1 };
        let score = |found: &[Detection], card: &vision::ModelCard| {
            let label = card.label_index(label).unwrap();
            let near = found.iter().filter(|d| d.rect.intersection(&here).area() > 0.5 * d.rect.area());
            near.flat_map(|d| &d.scores).filter(|(l, _)| *l == label).map(|(_, s)| *s).fold(0.0, f32::max)
        };
        let once = model.detect(picture.as_image()).unwrap();
        let twice = model.detect_closely(picture.as_image(), &LookParams::default(), &[here], 0).unwrap();
        let (once, twice) = (score(&once, model.card()), score(&twice, model.card()));
        println!("{} {name}: {once:.2} -> {twice:.2}", model.card().name);
        assert!(twice >= once, "{name}: {once} -> {twice}");
        gained += twice - once;
    }
    assert!(gained > 0.2, "{gained}");
}

#[test]
fn a_closer_look_sees_better_what_is_small() {
    let options = ModelOptions::default();
    sees_more_closely(&mut centernet(&options));
    match yolox(&options) {
        Some(mut model) => sees_more_closely(&mut model),
        None => skip(),
    }
}
