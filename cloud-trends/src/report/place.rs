//! Pure: what a row of `observations` means at this zoo: which animal, and whether it was where it belongs.

use base::ids::{CameraId, EnclosureId, ZoneId};
use base::site::{Site, ZoneKind};

/// Where an animal is that is in no enclosure of its own.
pub const OUTSIDE: &str = "outside";
/// Where an animal is whose species may be anywhere.
pub const FREE_ROAMING: &str = "free-roaming";

/// Labels of people and vehicles in the models that are shipped or pointed to (COCO, MegaDetector). A zoo's
/// site file may say that a species looks like one of them (an ape like a person); such a label counts as an
/// animal in that species' enclosure, and as a visitor elsewhere.
const NO_ANIMALS: [&str; 10] =
    ["person", "vehicle", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"];

/// The columns of `observations` that decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighted {
    /// Which camera.
    pub camera: String,
    /// The detector's label.
    pub label: String,
    /// The site's species, or empty.
    pub species: String,
    /// The zone, or empty.
    pub zone: String,
    /// The zone's enclosure, or empty.
    pub enclosure: String,
}

/// What is counted together: a row of a report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Which camera.
    pub camera: String,
    /// Species of the site, or the detector's label where no species looks like it.
    pub animal: String,
    /// The enclosure it belongs in, [`OUTSIDE`] or [`FREE_ROAMING`].
    pub place: String,
    /// The zone; `None` where no zone covers the picture.
    pub zone: Option<String>,
}

/// The group of a row; `None` for people, vehicles and what is in a zone that is to be ignored.
pub fn group(site: &Site, row: &Sighted) -> Option<Group> {
    let camera = CameraId::new(&row.camera).ok().and_then(|id| site.camera(&id));
    let zone = ZoneId::new(&row.zone).ok().and_then(|id| camera?.zones.iter().find(|z| z.id == id));
    if zone.is_some_and(|z| z.kind == ZoneKind::Ignore) {
        return None;
    }
    let place = match home(site, row) {
        Some(enclosure) => enclosure,
        None if NO_ANIMALS.contains(&row.label.as_str()) => return None,
        None if free_roaming(site, &row.label) => FREE_ROAMING.to_owned(),
        None => OUTSIDE.to_owned(),
    };
    let animal = if row.species.is_empty() { row.label.clone() } else { row.species.clone() };
    let zone = Some(row.zone.clone()).filter(|z| !z.is_empty());
    Some(Group { camera: row.camera.clone(), animal, place, zone })
}

/// The enclosure, where something lives there that looks like this: the containment rule.
fn home(site: &Site, row: &Sighted) -> Option<String> {
    let enclosure = site.enclosure(&EnclosureId::new(&row.enclosure).ok()?)?;
    let mut species = enclosure.species.iter().filter_map(|id| site.species(id));
    species.any(|s| s.looks_like.contains(&row.label)).then(|| row.enclosure.clone())
}

fn free_roaming(site: &Site, label: &str) -> bool {
    let mut could_be = site.species_like(label).peekable();
    could_be.peek().is_some() && could_be.all(|s| s.free_roaming)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn site() -> Site {
        let text = r#"
            site = { name = "demo", timezone = "Europe/Berlin" }
            [[species]]
            id = "tiger"
            danger = "red"
            looks_like = ["cat", "zebra"]
            [[species]]
            id = "gorilla"
            danger = "red"
            looks_like = ["person"]
            [[species]]
            id = "peafowl"
            danger = "yellow"
            looks_like = ["bird"]
            free_roaming = true
            [[enclosure]]
            id = "tigers"
            species = ["tiger"]
            [[enclosure]]
            id = "apes"
            species = ["gorilla"]
            [[camera]]
            id = "gate"
            [[camera.zone]]
            id = "street"
            kind = "ignore"
            polygon = [[0.0, 0.0], [0.2, 0.0], [0.2, 0.2]]
        "#;
        Site::parse(text, Path::new("site.toml")).unwrap()
    }

    fn place(label: &str, species: &str, zone: &str, enclosure: &str) -> Option<(String, String)> {
        let row = Sighted {
            camera: "gate".into(),
            label: label.into(),
            species: species.into(),
            zone: zone.into(),
            enclosure: enclosure.into(),
        };
        group(&site(), &row).map(|g| (g.animal, g.place))
    }

    fn some(animal: &str, place: &str) -> Option<(String, String)> {
        Some((animal.into(), place.into()))
    }

    #[test]
    fn an_animal_is_at_home_outside_or_anywhere() {
        assert_eq!(place("zebra", "tiger", "yard", "tigers"), some("tiger", "tigers"));
        assert_eq!(place("zebra", "tiger", "path", ""), some("tiger", "outside"));
        assert_eq!(place("zebra", "tiger", "", ""), some("tiger", "outside"));
        assert_eq!(place("zebra", "tiger", "cage", "apes"), some("tiger", "outside"), "another's enclosure");
        assert_eq!(place("bird", "peafowl", "path", ""), some("peafowl", "free-roaming"));
        assert_eq!(place("bear", "", "path", ""), some("bear", "outside"), "a label that no species looks like");
        assert_eq!(place("zebra", "tiger", "street", ""), None, "a zone that is to be ignored");
    }

    #[test]
    fn a_person_is_an_ape_in_the_apes_enclosure_only() {
        assert_eq!(place("person", "gorilla", "cage", "apes"), some("gorilla", "apes"));
        assert_eq!(place("person", "gorilla", "path", ""), None);
        assert_eq!(place("car", "", "path", ""), None);
    }
}
