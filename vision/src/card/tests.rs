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
        ("head = \"centernet\"", "head = \"detr\"", "m/model.toml:2: key `head` is 'detr'"),
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
