//! Pure: where an animal stands, and how surely it is out of place there.
//!
//! The containment rule (DESIGN "Containment rule") is about a point and a label; a detector gives neither
//! exactly. So the ground point has a standard deviation, and the label is a set of labels with their shares.

use base::geometry::Point;
use base::ids::{CameraId, EnclosureId, ZoneId};
use base::site::{Enclosure, Site, Zone, ZoneKind};

/// Share of the animal scores that must look like an enclosure's species for it to be home. Low, since a tiger
/// is a cat, a dog and a horse in successive pictures.
const HOME_SHARE: f32 = 0.25;
/// Share of the animal scores that must look like free-roaming species only. High, since a label must not
/// silence an alarm.
const ROAMING_SHARE: f32 = 0.6;

/// Labels and scores of what may be an animal.
pub type Scores = [(String, f32)];

/// What stands where.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// The zone that holds the ground point.
    pub zone: Option<ZoneId>,
    /// What it is for; `None` where no zone covers the picture.
    pub kind: Option<ZoneKind>,
    /// Probability that the ground point is out of every zone that is home, or of no interest.
    pub p_out: f32,
    /// The same of every enclosure, whoever lives there.
    pub p_clear: f32,
    /// The enclosure whose inhabitant it could be and in which it surely stands.
    pub home: Option<EnclosureId>,
    /// In an enclosure whose species do not look like it.
    pub foreign: bool,
    /// All that it could be may roam.
    pub roaming: bool,
    /// It is a part of a larger animal in the same picture: a head has no ground to stand on.
    pub part: bool,
    /// Somebody who walks has it with them.
    pub carried: bool,
    /// Beside the people who stand in such places it is smaller than any animal of the site.
    pub too_small: bool,
}

/// Where a thing of these scores stands; `sigma` is the ground point's standard deviation, normalised.
pub fn standing(site: &Site, camera: &CameraId, scores: &Scores, ground: Point, sigma: f32) -> Standing {
    let zones = site.camera(camera).map(|c| c.zones.as_slice()).unwrap_or_default();
    let is_home =
        |zone: &Zone| enclosure_of(site, zone).is_some_and(|e| share(scores, |l| lives_in(site, e, l)) >= HOME_SHARE);
    let mut found = Standing { p_out: 1.0, p_clear: 1.0, ..Standing::default() };
    for zone in zones {
        let home = is_home(zone);
        if home || matches!(zone.kind, ZoneKind::Ignore | ZoneKind::Enclosure) {
            let p_out = normal_cdf(signed_distance(zone, ground) / sigma.max(1e-4));
            if home && p_out < 0.1 {
                found.home.clone_from(&zone.enclosure);
            }
            found.p_clear = found.p_clear.min(p_out);
            if home || zone.kind == ZoneKind::Ignore {
                found.p_out = found.p_out.min(p_out);
            }
        }
    }
    // Of overlapping zones the one that decides is named: home before what else holds the point.
    let here = || zones.iter().filter(|z| z.polygon.contains(ground));
    let zone =
        here().find(|z| z.kind == ZoneKind::Ignore).or_else(|| here().find(|z| is_home(z))).or_else(|| here().next());
    found.zone = zone.map(|z| z.id.clone());
    found.kind = zone.map(|z| z.kind);
    found.foreign = zone.is_some_and(|z| z.kind == ZoneKind::Enclosure && !is_home(z));
    // Of the squares: the noise of many labels must not outweigh the one that is meant.
    let squares: Vec<(String, f32)> = scores.iter().map(|(label, score)| (label.clone(), score * score)).collect();
    found.roaming = share(&squares, |label| only_roams(site, label)) >= ROAMING_SHARE;
    found
}

/// Positive outside.
fn signed_distance(zone: &Zone, p: Point) -> f32 {
    let distance = zone.polygon.distance_to_edge(p);
    if zone.polygon.contains(p) { -distance } else { distance }
}

fn enclosure_of<'a>(site: &'a Site, zone: &Zone) -> Option<&'a Enclosure> {
    zone.enclosure.as_ref().and_then(|id| site.enclosure(id))
}

fn lives_in(site: &Site, enclosure: &Enclosure, label: &str) -> bool {
    site.species_like(label).any(|s| enclosure.species.contains(&s.id))
}

fn only_roams(site: &Site, label: &str) -> bool {
    let mut could_be = site.species_like(label).peekable();
    could_be.peek().is_some() && could_be.all(|s| s.free_roaming)
}

/// Height of the largest species that may roam, m: a metre and a half where the site file says none.
pub fn largest_roamer_m(site: &Site) -> f32 {
    let roamers = site.species.iter().filter(|s| s.free_roaming);
    roamers.map(|s| s.height_m.unwrap_or(1.5)).fold(0.0, f32::max)
}

/// Height of the smallest species that must not roam, m; 0 where one has none in the site file.
pub fn smallest_m(site: &Site) -> f32 {
    let heights = site.species.iter().filter(|s| !s.free_roaming).map(|s| s.height_m.unwrap_or(0.0));
    heights.reduce(f32::min).unwrap_or(0.0)
}

/// Share of the scores that belongs to labels of which `is` holds.
pub fn share(scores: &Scores, is: impl Fn(&str) -> bool) -> f32 {
    let all: f32 = scores.iter().map(|(_, score)| score).sum();
    let some: f32 = scores.iter().filter(|(label, _)| is(label)).map(|(_, score)| score).sum();
    if all > 0.0 { some / all } else { 0.0 }
}

/// The standard normal distribution, by Abramowitz and Stegun 26.2.17 (error under 7.5e-8).
fn normal_cdf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = t * (0.319_381_53 + t * (-0.356_563_78 + t * (1.781_477_9 + t * (-1.821_256 + t * 1.330_274_4))));
    let tail = (-x * x / 2.0).exp() / (2.0 * std::f32::consts::PI).sqrt() * poly;
    if x >= 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_right_at_known_points() {
        for (x, p) in [(0.0, 0.5), (1.0, 0.841_345), (-1.959_964, 0.025)] {
            assert!((normal_cdf(x) - p).abs() < 1e-5, "{x}");
        }
    }
}
