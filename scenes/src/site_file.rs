//! Pure: `site.toml` of a set, written from its plan.

use serde::Serialize;

use crate::animals::Animal;
use crate::view::View;
use crate::world;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteFile {
    site: SiteTable,
    species: Vec<SpeciesTable>,
    enclosure: Vec<EnclosureTable>,
    camera: Vec<CameraTable>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    link: Vec<LinkTable>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SiteTable {
    name: String,
    timezone: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SpeciesTable {
    id: String,
    danger: String,
    looks_like: Vec<String>,
    free_roaming: bool,
    height_m: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct EnclosureTable {
    id: String,
    species: Vec<String>,
    count: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct CameraTable {
    id: String,
    position: [f64; 2],
    zone: Vec<ZoneTable>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ZoneTable {
    id: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    enclosure: Option<String>,
    polygon: Vec<[f64; 2]>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct LinkTable {
    from: String,
    to: String,
    seconds: [f64; 2],
}

/// What a camera's picture shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Grounds {
    /// The lawn is the enclosure of this animal, the street is the visitors'.
    Yard(&'static Animal),
    /// The far half of the lawn behind the street is the enclosure of this animal, all else is the visitors'.
    FarPen(&'static Animal),
    /// Visitors may walk everywhere.
    Path,
}

impl SiteFile {
    /// A site without species, enclosures or cameras.
    pub fn new(name: &str) -> Self {
        Self {
            site: SiteTable { name: name.into(), timezone: "Europe/Berlin".into() },
            species: Vec::new(),
            enclosure: Vec::new(),
            camera: Vec::new(),
            link: Vec::new(),
        }
    }

    /// The site's name, which is the set's.
    pub fn name(&self) -> &str {
        &self.site.name
    }

    /// Adds a species, once.
    pub fn species(&mut self, animal: &Animal) {
        if self.species.iter().all(|s| s.id != animal.species) {
            self.species.push(SpeciesTable {
                id: animal.species.into(),
                danger: animal.danger.into(),
                looks_like: animal.looks_like.iter().map(|l| (*l).into()).collect(),
                free_roaming: animal.free_roaming,
                height_m: decimal(animal.height_m),
            });
        }
    }

    /// Adds a camera with the zones that its view and grounds give it; its enclosure and species too.
    pub fn camera(&mut self, id: &str, position_m: [f32; 2], view: &View, grounds: Grounds) {
        let position = position_m.map(decimal);
        let zones = match grounds {
            Grounds::Yard(animal) => {
                let yard = self.enclosure(animal);
                vec![
                    zone(&yard, "enclosure", Some(yard.clone()), view, &world::lawn()),
                    zone("visitor-path", "public", None, view, &world::street()),
                ]
            }
            Grounds::FarPen(animal) => {
                let pen = self.enclosure(animal);
                vec![
                    zone(&pen, "enclosure", Some(pen.clone()), view, &world::FAR_PEN),
                    zone("visitor-path", "public", None, view, &world::street()),
                ]
            }
            Grounds::Path => vec![ZoneTable {
                id: "visitor-path".into(),
                kind: "public",
                enclosure: None,
                polygon: vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
            }],
        };
        // A crop need not show all that there is.
        let zone = zones.into_iter().filter(|zone| area(&zone.polygon) > 1e-4).collect();
        self.camera.push(CameraTable { id: id.into(), position, zone });
    }

    /// The id of a species' enclosure, which is added with it.
    fn enclosure(&mut self, animal: &Animal) -> String {
        let id = format!("{}-yard", animal.species);
        self.species(animal);
        if self.enclosure.iter().all(|e| e.id != id) {
            self.enclosure.push(EnclosureTable { id: id.clone(), species: vec![animal.species.into()], count: 1 });
        }
        id
    }

    /// An animal can walk from one camera's view to the other's, either way, in so many seconds.
    pub fn link(&mut self, a: &str, b: &str, seconds: [f32; 2]) {
        for (from, to) in [(a, b), (b, a)] {
            self.link.push(LinkTable { from: from.into(), to: to.into(), seconds: seconds.map(decimal) });
        }
    }

    /// The file's text.
    ///
    /// # Errors
    /// None for what this type can hold; the writer's signature has one.
    pub fn to_toml(&self, head: &str) -> Result<String, toml::ser::Error> {
        Ok(format!("{head}\n{}", toml::to_string(self)?))
    }
}

/// Twice the area of a polygon, as a share of the picture.
fn area(corners: &[[f64; 2]]) -> f64 {
    let next = corners.iter().skip(1).chain(corners.first());
    corners.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>().abs()
}

fn zone(id: &str, kind: &'static str, enclosure: Option<String>, view: &View, corners: &[[f32; 2]]) -> ZoneTable {
    let polygon = view.polygon(corners).into_iter().map(|p| p.map(decimal)).collect();
    ZoneTable { id: id.into(), kind, enclosure, polygon }
}

/// As a person would write it: 0.1 and not 0.10000000149.
fn decimal(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}
