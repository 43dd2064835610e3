use super::*;
use crate::ids::CameraId;

const GOOD: &str = r#"
[site]
name = "demo"
timezone = "Europe/Berlin"

[[species]]
id = "tiger"
danger = "red"
looks_like = ["cat", "dog", "zebra"]
height_m = 1.0

[[species]]
id = "peafowl"
danger = "yellow"
looks_like = ["bird"]
free_roaming = true

[[enclosure]]
id = "tigers"
species = ["tiger"]
count = 2

[[camera]]
id = "gate-3"
position = [12.0, 40.5]

[[camera.zone]]
id = "tiger-yard"
kind = "enclosure"
enclosure = "tigers"
polygon = [[0.0, 0.0], [0.45, 0.0], [0.45, 0.6], [0.0, 0.6]]

[[camera.zone]]
id = "street"
kind = "ignore"
polygon = [[0.9, 0.0], [1.0, 0.0], [1.0, 0.3]]

[[camera]]
id = "plaza-1"

[[link]]
from = "gate-3"
to = "plaza-1"
seconds = [4, 40]
"#;

fn parse(text: &str) -> Result<Site, SiteError> {
    Site::parse(text, Path::new("site.toml"))
}

fn gate() -> CameraId {
    CameraId::new("gate-3").unwrap()
}

/// Replaces `from` in the good file and returns the error as a person would read it.
fn complaint(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is not in the good file");
    parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn the_file_of_the_design_is_accepted() {
    let site = parse(GOOD).unwrap();
    assert_eq!(site.cameras[0].zones[0].enclosure.as_ref().unwrap().as_str(), "tigers");
    assert_eq!(site.links[0].seconds, [4.0, 40.0]);
    assert_eq!(site.enclosures[0].count, Some(2));
}

#[test]
fn each_mistake_is_one_sentence_with_file_and_line() {
    let cases = [
        ("danger = \"red\"", "dangre = \"red\"", "site.toml:8: ", "unknown field `dangre`"),
        ("name = \"demo\"", "name = \"De mo\"", "site.toml:3: ", "site.name"),
        ("\"Europe/Berlin\"", "\"Mars/Base\"", "site.toml:4: ", "IANA"),
        ("species = [\"tiger\"]", "species = [\"tigre\"]", "site.toml:20: ", "'tigre' is not defined"),
        ("[0.45, 0.0], [0.45, 0.6], ", "[0.45, 0.0], [0.45, 1.6], ", "site.toml:31: ", "outside the picture"),
        (", [0.45, 0.6], [0.0, 0.6]]", "]", "site.toml:31: ", "at least three"),
        ("[0.45, 0.0], [0.45, 0.6], [0.0, 0.6]", "[0.1, 0.0], [0.2, 0.0]", "site.toml:31: ", "no area"),
        ("kind = \"ignore\"", "kind = \"ignored\"", "site.toml:35: ", "is unknown"),
        ("kind = \"ignore\"", "kind = \"enclosure\"", "site.toml:35: ", "names none"),
        ("to = \"plaza-1\"", "to = \"plaza-2\"", "site.toml:43: ", "link.to: 'plaza-2' is not defined"),
        ("to = \"plaza-1\"", "to = \"gate-3\"", "site.toml:43: ", "to itself"),
        ("[4, 40]", "[40, 4]", "site.toml:44: ", "no window"),
        ("id = \"plaza-1\"", "id = \"gate-3\"", "site.toml:39: ", "there twice"),
        ("looks_like = [\"bird\"]", "looks_like = []", "site.toml:15: ", "looks_like"),
        ("height_m = 1.0", "height_m = -1.0", "site.toml:10: ", "height_m"),
        ("[site]", "[site", "site.toml:2: ", ""),
        ("enclosure = \"tigers\"", "enclosure = \"lions\"", "site.toml:30: ", "'lions' is not defined"),
    ];
    for (from, to, place, why) in cases {
        let text = complaint(from, to);
        assert!(text.starts_with(place), "{to:?} gave {text:?}, expected it at {place:?}");
        assert!(text.contains(why), "{to:?} gave {text:?}, expected {why:?}");
        assert!(!text.contains('\n'), "{text:?}");
    }
}

#[test]
fn an_animal_is_home_only_where_its_species_lives() {
    let site = parse(GOOD).unwrap();
    let yard = Point { x: 0.2, y: 0.3 };
    assert!(matches!(site.containment(&gate(), "cat", yard), Containment::Home(z) if z.id.as_str() == "tiger-yard"));
    assert!(
        matches!(site.containment(&gate(), "bear", yard), Containment::Out(Some(_))),
        "no species looks like a bear"
    );
    assert_eq!(site.containment(&gate(), "cat", Point { x: 0.7, y: 0.8 }), Containment::Out(None));
}

#[test]
fn free_roaming_needs_every_species_that_it_could_be() {
    let site = parse(GOOD).unwrap();
    let path = Point { x: 0.7, y: 0.8 };
    assert_eq!(site.containment(&gate(), "bird", path), Containment::FreeRoaming);
    let eagle = GOOD.replacen("\"dog\", \"zebra\"", "\"dog\", \"bird\"", 1);
    assert_eq!(parse(&eagle).unwrap().containment(&gate(), "bird", path), Containment::Out(None));
}

#[test]
fn a_camera_without_zones_sees_public_ground_only() {
    let site = parse(GOOD).unwrap();
    let plaza = CameraId::new("plaza-1").unwrap();
    assert_eq!(site.containment(&plaza, "cat", Point { x: 0.2, y: 0.3 }), Containment::Out(None));
}

#[test]
fn what_stands_in_an_ignored_zone_counts_for_nothing() {
    let site = parse(GOOD).unwrap();
    assert!(matches!(site.containment(&gate(), "dog", Point { x: 0.98, y: 0.1 }), Containment::Ignored(_)));
}

#[test]
fn a_missing_file_is_named() {
    let error = Site::load(Path::new("/nowhere/site.toml")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/site.toml: the site file cannot be read"), "{error}");
}
