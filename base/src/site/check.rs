//! Pure: from what was typed to what is needed. An error is a byte offset and a sentence.

use std::collections::HashSet;
use std::hash::Hash;
use std::str::FromStr;

use toml::Spanned;

use super::file::{CameraTable, EnclosureTable, File, LinkTable, SpeciesTable, ZoneTable};
use super::{Camera, Enclosure, Link, Site, Species, Zone, ZoneKind};
use crate::geometry::{Point, Polygon};
use crate::ids::{CameraId, EnclosureId, IdError, SpeciesId};

type Fault = (usize, String);
type Checked<T> = Result<T, Fault>;

pub(super) fn site(text: &str) -> Checked<Site> {
    let file: File =
        toml::from_str(text).map_err(|e| (e.span().map_or(0, |s| s.start), crate::input::one_line(e.message())))?;
    let species = all(&file.species, species_table, |s| &s.id, "species", |t| &t.id)?;
    let known_species: HashSet<_> = species.iter().map(|s| s.id.clone()).collect();
    let enclosures = all(&file.enclosure, |t| enclosure_table(t, &known_species), |e| &e.id, "enclosure", |t| &t.id)?;
    let known_enclosures: HashSet<_> = enclosures.iter().map(|e| e.id.clone()).collect();
    let cameras = all(&file.camera, |t| camera_table(t, &known_enclosures), |c| &c.id, "camera", |t| &t.id)?;
    let known_cameras: HashSet<_> = cameras.iter().map(|c| c.id.clone()).collect();
    let links = file.link.iter().map(|t| link_table(t, &known_cameras)).collect::<Checked<_>>()?;
    Ok(Site {
        name: id(&file.site.name, "site.name")?,
        timezone: timezone(&file.site.timezone)?,
        species,
        enclosures,
        cameras,
        links,
    })
}

/// Checks every table of a kind, and that no two have the same id.
fn all<T, V, I: Eq + Hash + Clone>(
    tables: &[T],
    check: impl Fn(&T) -> Checked<V>,
    id_of: impl Fn(&V) -> &I,
    kind: &str,
    text_of: impl Fn(&T) -> &Spanned<String>,
) -> Checked<Vec<V>> {
    let mut seen = HashSet::new();
    tables
        .iter()
        .map(|table| {
            let value = check(table)?;
            if !seen.insert(id_of(&value).clone()) {
                let text = text_of(table);
                return fault(text, format!("{kind} '{}' is there twice; give each its own id", text.get_ref()));
            }
            Ok(value)
        })
        .collect()
}

fn species_table(table: &SpeciesTable) -> Checked<Species> {
    let species: SpeciesId = id(&table.id, "species.id")?;
    if table.danger.get_ref().trim().is_empty() {
        return fault(&table.danger, format!("danger of species '{species}' is empty; write for example \"red\""));
    }
    if table.looks_like.get_ref().is_empty() {
        let why = format!("looks_like of species '{species}' is empty; name the detector labels that may stand for it");
        return fault(&table.looks_like, why);
    }
    if let Some(height) = table.height_m.as_ref().filter(|h| !(*h.get_ref() > 0.0 && h.get_ref().is_finite())) {
        return fault(height, format!("height_m of species '{species}' must be metres above 0"));
    }
    Ok(Species {
        id: species,
        danger: table.danger.get_ref().clone(),
        looks_like: table.looks_like.get_ref().clone(),
        free_roaming: table.free_roaming,
        height_m: table.height_m.as_ref().map(|h| *h.get_ref()),
    })
}

fn enclosure_table(table: &EnclosureTable, known: &HashSet<SpeciesId>) -> Checked<Enclosure> {
    let enclosure: EnclosureId = id(&table.id, "enclosure.id")?;
    if table.species.get_ref().is_empty() {
        return fault(&table.species, format!("enclosure '{enclosure}' has no species; name at least one"));
    }
    let species = table
        .species
        .get_ref()
        .iter()
        .map(|text| reference(text, known, &format!("species of enclosure '{enclosure}'"), "[[species]]"))
        .collect::<Checked<_>>()?;
    Ok(Enclosure { id: enclosure, species, count: table.count })
}

fn camera_table(table: &CameraTable, known: &HashSet<EnclosureId>) -> Checked<Camera> {
    let camera: CameraId = id(&table.id, "camera.id")?;
    if table.position.is_some_and(|p| p.iter().any(|v| !v.is_finite())) {
        return fault(&table.id, format!("position of camera '{camera}' must be two finite numbers of metres"));
    }
    let zones = all(&table.zone, |t| zone_table(t, &camera, known), |z| &z.id, "zone", |t| &t.id)?;
    Ok(Camera { id: camera, position: table.position, zones })
}

fn zone_table(table: &ZoneTable, camera: &CameraId, known: &HashSet<EnclosureId>) -> Checked<Zone> {
    let zone = id(&table.id, "camera.zone.id")?;
    let name = format!("zone '{zone}' of camera '{camera}'");
    let kind = zone_kind(&table.kind, &name)?;
    let enclosure = match (&table.enclosure, kind) {
        (Some(text), ZoneKind::Enclosure) => {
            Some(reference(text, known, &format!("enclosure of {name}"), "[[enclosure]]")?)
        }
        (None, ZoneKind::Enclosure) => {
            return fault(&table.kind, format!("{name} is of kind enclosure but names none; add enclosure = \"…\""));
        }
        (Some(text), _) => {
            return fault(text, format!("{name} names an enclosure; only kind = \"enclosure\" may"));
        }
        (None, _) => None,
    };
    Ok(Zone { id: zone, kind, enclosure, polygon: polygon(&table.polygon, &name)? })
}

fn zone_kind(text: &Spanned<String>, name: &str) -> Checked<ZoneKind> {
    use ZoneKind::{Enclosure, Ignore, Perimeter, Public, Service};
    let kinds = [Enclosure, Public, Service, Perimeter, Ignore];
    let found = kinds.into_iter().find(|k| k.as_str() == text.get_ref());
    found.map_or_else(
        || {
            let why = "use enclosure, public, service, perimeter or ignore";
            fault(text, format!("kind '{}' of {name} is unknown; {why}", text.get_ref()))
        },
        Ok,
    )
}

fn polygon(corners: &Spanned<Vec<Spanned<Vec<f32>>>>, name: &str) -> Checked<Polygon> {
    let points: Vec<Point> = corners.get_ref().iter().map(|c| corner(c, name)).collect::<Checked<_>>()?;
    if points.len() < 3 {
        return fault(corners, format!("polygon of {name} has {} corners; it needs at least three", points.len()));
    }
    let polygon = Polygon(points);
    if polygon.area() <= 1e-6 {
        return fault(corners, format!("polygon of {name} has no area; its corners lie on one line"));
    }
    Ok(polygon)
}

fn corner(corner: &Spanned<Vec<f32>>, name: &str) -> Checked<Point> {
    match corner.get_ref()[..] {
        [x, y] if [x, y].iter().all(|v| (0.0..=1.0).contains(v)) => Ok(Point { x, y }),
        [x, y] => {
            let why = "coordinates are shares of the picture, 0 to 1";
            fault(corner, format!("corner [{x}, {y}] of {name} lies outside the picture; {why}"))
        }
        _ => fault(corner, format!("a corner of {name} is not a pair; write [x, y]")),
    }
}

fn link_table(table: &LinkTable, known: &HashSet<CameraId>) -> Checked<Link> {
    let from = reference(&table.from, known, "link.from", "[[camera]]")?;
    let to = reference(&table.to, known, "link.to", "[[camera]]")?;
    if from == to {
        return fault(&table.to, format!("a link joins camera '{to}' to itself; name two cameras"));
    }
    let seconds = *table.seconds.get_ref();
    if !(seconds[0] >= 0.0 && seconds[0] < seconds[1] && seconds[1].is_finite()) {
        let why = "write [shortest, longest] with 0 <= shortest < longest";
        return fault(&table.seconds, format!("seconds of the link from '{from}' to '{to}' are no window; {why}"));
    }
    Ok(Link { from, to, seconds })
}

fn timezone(text: &Spanned<String>) -> Checked<String> {
    match jiff::tz::TimeZone::get(text.get_ref()) {
        Ok(_) => Ok(text.get_ref().clone()),
        Err(_) => {
            let why = "use an IANA name such as \"Europe/Berlin\"";
            fault(text, format!("timezone '{}' is unknown; {why}", text.get_ref()))
        }
    }
}

fn id<T: FromStr<Err = IdError>>(text: &Spanned<String>, key: &str) -> Checked<T> {
    text.get_ref().parse().or_else(|e: IdError| fault(text, format!("{key}: {e}")))
}

fn reference<T>(text: &Spanned<String>, known: &HashSet<T>, key: &str, table: &str) -> Checked<T>
where
    T: FromStr<Err = IdError> + Eq + Hash,
{
    let value: T = id(text, key)?;
    if known.contains(&value) {
        Ok(value)
    } else {
        fault(text, format!("{key}: '{}' is not defined; add it as a {table} or correct the name", text.get_ref()))
    }
}

fn fault<T, V>(at: &Spanned<V>, message: String) -> Checked<T> {
    Err((at.span().start, message))
}
