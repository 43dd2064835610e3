use super::*;

const GOOD: &str = r#"name = "m"
head = "centernet"
license = "MIT"
source = "here"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[input]
width = 512
height = 512
layout = "nchw"
channels = "rgb"
fit = "stretch"
[output]
scores = "s"
wh = "w"
stride = 4
[labels]
names = ["person", "cat", "dog", "car"]
animals = ["cat", "dog"]
people = ["person"]
vehicles = ["car"]
"#;

fn complaint(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    ModelCard::parse(Path::new("m/model.toml"), &GOOD.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn a_good_card_is_read_with_its_defaults() {
    let card = ModelCard::parse(Path::new("m/model.toml"), GOOD).unwrap();
    assert_eq!((card.input.pad, card.input.scale, card.input.std), (0, 1.0, [1.0; 3]));
    assert_eq!(card.groups, vec![Group::Person, Group::Animal, Group::Animal, Group::Vehicle]);
    assert_eq!(card.labels_of(Group::Animal).collect::<Vec<_>>(), ["cat", "dog"]);
    assert_eq!((card.label_index("dog"), card.label_name(9)), (Some(2), "?"));
}

#[test]
fn the_animal_score_adds_up_what_a_foreign_species_spreads_over_labels() {
    let card = ModelCard::parse(Path::new("m/model.toml"), GOOD).unwrap();
    let scores = [(1, 0.5), (2, 0.5), (0, 0.9)];
    assert!((card.animal_score(&scores) - 0.75).abs() < 1e-6);
    assert!((card.person_score(&scores) - 0.9).abs() < 1e-6);
    assert_eq!(card.vehicle_score(&scores), 0.0);
    assert_eq!(card.best_animal(&[(0, 0.9), (2, 0.3), (1, 0.2)]), Some(("dog", 0.3)));
}

#[test]
fn weak_animal_labels_outvote_a_better_one_that_stands_for_nothing() {
    let groups = [Group::Person, Group::Animal, Group::Animal, Group::Other, Group::Other];
    assert_eq!(best_group(&groups, &[(3, 0.27), (1, 0.2), (2, 0.2), (4, 0.25)]), Group::Animal);
    assert_eq!(best_group(&groups, &[(3, 0.27), (4, 0.25), (0, 0.26)]), Group::Other);
    assert_eq!(best_group(&groups, &[(0, 0.5), (1, 0.2), (2, 0.2)]), Group::Person);
}

#[test]
fn each_mistake_is_one_sentence_with_file_line_and_key() {
    let cases = [
        ("name = \"m\"", "name = \"\"", "m/model.toml:1: key `name` is empty"),
        ("head = \"centernet\"", "head = \"ssd\"", "m/model.toml:2: key `head` is 'ssd'"),
        ("head = \"centernet\"", "head = \"detr\"", "m/model.toml:12: key `output.wh` means nothing to head 'detr'"),
        ("license = \"MIT\"\n", "licence = \"MIT\"\n", "m/model.toml:3: unknown field `licence`"),
        ("sha256 = \"00", "sha256 = \"zz", "m/model.toml:5: key `sha256` must be"),
        ("width = 512", "width = 510", "m/model.toml:6: key `input.width` is 510"),
        ("layout = \"nchw\"", "layout = \"hwc\"", "m/model.toml:9: key `layout`: unknown variant `hwc`"),
        ("fit = \"stretch\"", "fit = \"stretch\"\nstd = [1, 0, 1]", "std not 0"),
        ("wh = \"w\"\n", "", "m/model.toml:12: head 'centernet' needs the key `output.wh`"),
        ("stride = 4", "stride = 0", "key `output.stride` is 0"),
        ("[\"person\", \"cat\", \"dog\", \"car\"]", "[]", "m/model.toml:17: key `labels.names` must list"),
        (
            "\"cat\", \"dog\"]\npeople",
            "\"cat\", \"wolf\"]\npeople",
            "m/model.toml:18: key `labels.animals` names 'wolf'",
        ),
        (
            "people = [\"person\"]",
            "people = [\"cat\"]",
            "m/model.toml:19: key `labels.people` names 'cat', which another",
        ),
        ("width = 512", "width = \"512\"", "m/model.toml:7: key `width`"),
    ];
    for (from, to, wanted) in cases {
        let text = complaint(from, to);
        assert!(text.contains(wanted), "{to}: {text}");
        assert!(!text.contains('\n'), "{text:?}");
    }
    let (before_labels, _) = GOOD.split_once("[labels]").unwrap();
    let text = ModelCard::parse(Path::new("m/model.toml"), before_labels).unwrap_err().to_string();
    assert!(text.contains("missing field `labels`"), "{text}");
}

/// The head of the card with another `head` and `[output]`.
fn head(head: &str, output: &str) -> Result<Head, String> {
    let (before, after) = GOOD.split_once("scores = \"s\"\nwh = \"w\"\nstride = 4\n").unwrap();
    let text = format!("{before}{output}{after}").replacen("\"centernet\"", &format!("\"{head}\""), 1);
    ModelCard::parse(Path::new("m/model.toml"), &text).map(|card| card.head).map_err(|e| e.to_string())
}

#[test]
fn detr_and_megadetector_are_read_in_each_form_in_which_they_are_exported() {
    let raw =
        |softmax, no_object| Head::Detr(Queries::Raw { logits: "l".into(), boxes: "b".into(), softmax, no_object });
    let keys = "logits = \"l\"\nboxes = \"b\"\n";
    assert_eq!(head("detr", keys), Ok(raw(false, NoObject::None)));
    assert_eq!(head("detr", &format!("{keys}activation = \"softmax\"\n")), Ok(raw(true, NoObject::Last)));
    assert_eq!(head("detr", &format!("{keys}no_object = \"first\"\n")), Ok(raw(false, NoObject::First)));
    let fused = Head::Detr(Queries::Fused { labels: "l".into(), boxes: "b".into(), scores: "s".into() });
    let keys = "labels = \"l\"\nboxes = \"b\"\nscores = \"s\"\n";
    assert_eq!(head("detr", keys), Ok(fused.clone()));
    assert_eq!(head("megadetector", keys), Ok(fused));
    let mega = |rows| Ok(Head::Megadetector { output: "o".into(), rows });
    assert_eq!(head("megadetector", "output = \"o\"\n"), mega(Rows::Yolov9));
    let rows = "output = \"o\"\nrows = \"edges\"\n";
    assert_eq!(head("megadetector", rows), mega(Rows::Edges(Boxes::Pixels)));
    let rows = "output = \"o\"\nrows = \"centres\"\ncoordinates = \"parts\"\n";
    assert_eq!(head("megadetector", rows), mega(Rows::Centres(Boxes::Parts)));
    for (kind, keys, wanted) in [
        ("detr", "logits = \"l\"\n", "m/model.toml:12: head 'detr' needs the key `output.boxes`"),
        ("detr", "labels = \"l\"\nboxes = \"b\"\n", "needs the key `output.scores`"),
        ("detr", "logits = \"l\"\nboxes = \"b\"\nstride = 4\n", "key `output.stride` means nothing to head 'detr'"),
        ("megadetector", "output = \"o\"\ncoordinates = \"parts\"\n", "must be \"pixels\" where `rows` is yolov9"),
        ("megadetector", "output = \"o\"\nrows = \"six\"\n", "unknown variant `six`"),
    ] {
        let said = head(kind, keys).unwrap_err();
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn a_card_may_leave_the_checksum_open_and_name_an_address() {
    let card = |from: &str, to: &str| ModelCard::parse(Path::new("m"), &GOOD.replacen(from, to, 1)).unwrap();
    let zeros = format!("sha256 = \"{}\"", "0".repeat(64));
    assert_eq!(card(&zeros, "sha256 = \"\"").sha256, "");
    assert_eq!(card(&zeros, "sha256 = \"\"").vouches_for("00"), None);
    assert_eq!(card(&zeros, "sha256 = \"any\"").vouches_for("00"), Some(true));
    let ones = "1".repeat(64);
    assert_eq!(card(&zeros, &zeros).vouches_for(&ones), Some(false));
    assert_eq!(card(&zeros, &format!("{zeros}\nalso_sha256 = [\"{ones}\"]")).vouches_for(&ones), Some(true));
    let with_url = "source = \"here\"\nurl = \"https://example.org/m.onnx\"";
    assert_eq!(card("source = \"here\"", with_url).url.as_deref(), Some("https://example.org/m.onnx"));
    let text = complaint("source = \"here\"", "source = \"here\"\nurl = \"example.org/m.onnx\"");
    assert!(text.contains("m/model.toml:5: key `url` must be the https address"), "{text}");
}
