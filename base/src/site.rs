//! The site file: one `site.toml` is the zoo's truth for the analyzer, the console and the reports.
//!
//! Read in two steps: what was typed ([`file`], with the place of each value), then what is needed
//! ([`Site`]), with every reference checked. Coordinates are normalised image coordinates.

mod check;
mod file;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::geometry::{Point, Polygon};
use crate::ids::{CameraId, EnclosureId, SiteId, SpeciesId, ZoneId};

/// What is wrong with a site file: one sentence with the file and the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", file.display(), if *line == 0 { String::new() } else { format!(":{line}") })]
pub struct SiteError {
    /// The file as it was named.
    pub file: PathBuf,
    /// Line, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A site whose every reference holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Also the MQTT topic level.
    pub name: SiteId,
    /// IANA name; reports use it, everything stored is UTC.
    pub timezone: String,
    /// In the order of the file.
    pub species: Vec<Species>,
    /// In the order of the file.
    pub enclosures: Vec<Enclosure>,
    /// In the order of the file.
    pub cameras: Vec<Camera>,
    /// In the order of the file.
    pub links: Vec<Link>,
}

/// How dangerous an escaped animal is; the words are the zoo's own.
pub type Danger = String;

/// One species.
#[derive(Debug, Clone, PartialEq)]
pub struct Species {
    /// Its id.
    pub id: SpeciesId,
    /// The zoo's own danger code; `red`, `blue` and `yellow` by custom.
    pub danger: Danger,
    /// Detector labels that may stand for it.
    pub looks_like: Vec<String>,
    /// Allowed anywhere.
    pub free_roaming: bool,
    /// Shoulder height, metres.
    pub height_m: Option<f32>,
}

/// One enclosure.
#[derive(Debug, Clone, PartialEq)]
pub struct Enclosure {
    /// Its id.
    pub id: EnclosureId,
    /// Which species live there.
    pub species: Vec<SpeciesId>,
    /// How many animals.
    pub count: Option<u32>,
}

/// One camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// Metres on the site plan.
    pub position: Option<[f32; 2]>,
    /// In the order of the file; the first that holds a point is its zone.
    pub zones: Vec<Zone>,
}

/// What a zone is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneKind {
    /// Animals of its enclosure belong here.
    Enclosure,
    /// Visitors walk here.
    Public,
    /// Keepers walk here.
    Service,
    /// The fence line.
    Perimeter,
    /// What is seen here counts for nothing (a street beyond the fence, a screen).
    Ignore,
}

impl ZoneKind {
    /// As the site file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            ZoneKind::Enclosure => "enclosure",
            ZoneKind::Public => "public",
            ZoneKind::Service => "service",
            ZoneKind::Perimeter => "perimeter",
            ZoneKind::Ignore => "ignore",
        }
    }
}

/// One zone of one camera's picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Its id, unique within the camera.
    pub id: ZoneId,
    /// What it is for.
    pub kind: ZoneKind,
    /// Set exactly when `kind` is [`ZoneKind::Enclosure`].
    pub enclosure: Option<EnclosureId>,
    /// At least three corners with an area, all in 0..1.
    pub polygon: Polygon,
}

/// An animal can walk from one camera's view to the other's.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Where it leaves.
    pub from: CameraId,
    /// Where it comes into view.
    pub to: CameraId,
    /// Shortest and longest travel time.
    pub seconds: [f32; 2],
}

/// Where an animal stands, by the containment rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Containment<'a> {
    /// In an enclosure zone whose species could look like it.
    Home(&'a Zone),
    /// Every species that it could be is free-roaming.
    FreeRoaming,
    /// In a zone of kind `ignore`.
    Ignored(&'a Zone),
    /// Out: in this zone, or in a part of the picture that no zone covers (which counts as public).
    Out(Option<&'a Zone>),
}

impl Site {
    /// Reads and checks a site file.
    pub fn load(path: &Path) -> Result<Site, SiteError> {
        let text = std::fs::read_to_string(path).map_err(|e| SiteError {
            file: path.to_owned(),
            line: 0,
            message: format!("the site file cannot be read: {e}; name an existing site.toml"),
        })?;
        Site::parse(&text, path)
    }

    /// Checks the text of a site file; `path` only names it in errors.
    pub fn parse(text: &str, path: &Path) -> Result<Site, SiteError> {
        check::site(text).map_err(|(offset, message)| SiteError {
            file: path.to_owned(),
            line: crate::input::line_of(text, offset),
            message,
        })
    }

    /// The camera of this id.
    pub fn camera(&self, id: &CameraId) -> Option<&Camera> {
        self.cameras.iter().find(|c| c.id == *id)
    }

    /// The species of this id.
    pub fn species(&self, id: &SpeciesId) -> Option<&Species> {
        self.species.iter().find(|s| s.id == *id)
    }

    /// The enclosure of this id.
    pub fn enclosure(&self, id: &EnclosureId) -> Option<&Enclosure> {
        self.enclosures.iter().find(|e| e.id == *id)
    }

    /// Species that the detector may call `label`.
    pub fn species_like<'a>(&'a self, label: &'a str) -> impl Iterator<Item = &'a Species> + 'a {
        self.species.iter().filter(move |s| s.looks_like.iter().any(|l| l == label))
    }

    /// The containment rule (DESIGN "Containment rule") for an animal that the detector calls `label`
    /// and that stands at `ground`. A camera that the site file does not know has no zones: all of its
    /// view is public.
    ///
    /// A label that no species looks like belongs nowhere, so it is out: species only names an alarm
    /// and never silences one.
    pub fn containment<'a>(&'a self, camera: &CameraId, label: &str, ground: Point) -> Containment<'a> {
        let zones = self.camera(camera).map(|c| c.zones.as_slice()).unwrap_or_default();
        let here = || zones.iter().filter(|z| z.polygon.contains(ground));
        if let Some(zone) = here().find(|z| z.kind == ZoneKind::Ignore) {
            return Containment::Ignored(zone);
        }
        if let Some(zone) = here().find(|z| self.lives_in(z, label)) {
            return Containment::Home(zone);
        }
        let mut could_be = self.species.iter().filter(|s| s.looks_like.iter().any(|l| l == label)).peekable();
        if could_be.peek().is_some() && could_be.all(|s| s.free_roaming) {
            return Containment::FreeRoaming;
        }
        Containment::Out(here().next())
    }

    /// The first zone of a camera's picture that holds a point.
    pub fn zone_at(&self, camera: &CameraId, point: Point) -> Option<&Zone> {
        self.camera(camera)?.zones.iter().find(|z| z.polygon.contains(point))
    }

    fn lives_in(&self, zone: &Zone, label: &str) -> bool {
        let enclosure = zone.enclosure.as_ref().and_then(|id| self.enclosure(id));
        enclosure.is_some_and(|e| {
            e.species.iter().filter_map(|id| self.species(id)).any(|s| s.looks_like.iter().any(|l| l == label))
        })
    }
}

#[cfg(test)]
mod tests;
