//! Pure: from tracks to the rows that every report is computed from: one track at one second.
//!
//! The live analyzer and the batch both use it, so that the same pictures give the same rows whoever
//! looks at them.
//!
//! Invariants: a second of a track gives at most one row, that of its last sighting in it; a track that
//! is never confirmed gives none; rows leave in the order of (second, track number).

use std::collections::BTreeMap;

use base::geometry::Rect;
use base::ids::{CameraId, SpeciesId};
use base::observation::{Observation, ObservationSource};
use base::site::{Containment, Site, Zone};
use base::time::Micros;

use crate::card::{Group, ModelCard};
use crate::tracker::Track;

const SECOND_US: i64 = 1_000_000;

/// Turns the tracks of one camera into observations.
#[derive(Debug)]
pub struct Observer {
    camera: CameraId,
    model: String,
    source: ObservationSource,
    /// By (second, track): what waits for its second to be over or its track to be confirmed.
    pending: BTreeMap<(Micros, u64), Pending>,
}

#[derive(Debug)]
struct Pending {
    row: Observation,
    confirmed: bool,
}

impl Observer {
    /// How long a row waits for its track to be confirmed, µs; the tracker gives one up earlier.
    const CONFIRM_WITHIN_US: i64 = 60 * SECOND_US;

    /// An observer of one camera. `model` stands in every row.
    pub fn new(camera: CameraId, model: String, source: ObservationSource) -> Self {
        Self { camera, model, source, pending: BTreeMap::new() }
    }

    /// Takes the tracks of the picture captured at `t` and returns the rows of seconds that are over.
    pub fn update(&mut self, site: &Site, card: &ModelCard, t: Micros, tracks: &[Track]) -> Vec<Observation> {
        let second = Micros(t.0.div_euclid(SECOND_US) * SECOND_US);
        for track in tracks {
            if track.confirmed {
                self.confirm(track.id);
            }
            if let Some(seen) = &track.last_detection
                && let Some(row) = self.row(site, card, second, track, seen.rect)
            {
                self.pending.insert((second, track.id), Pending { row, confirmed: track.confirmed });
            }
        }
        let alive: Vec<u64> = tracks.iter().map(|track| track.id).collect();
        self.take(|at, id, pending| {
            let waiting = !pending.confirmed && alive.contains(&id) && second.since(at) < Self::CONFIRM_WITHIN_US;
            at < second && !waiting
        })
    }

    /// The rows of the last second, at the end of the footage.
    pub fn finish(&mut self) -> Vec<Observation> {
        self.take(|_, _, _| true)
    }

    fn confirm(&mut self, id: u64) {
        for ((_, track), pending) in &mut self.pending {
            pending.confirmed |= *track == id;
        }
    }

    /// Removes what is over; of that, the confirmed rows are returned.
    fn take(&mut self, over: impl Fn(Micros, u64, &Pending) -> bool) -> Vec<Observation> {
        let done = self.pending.extract_if(.., |(at, id), pending| over(*at, *id, pending));
        done.filter(|(_, pending)| pending.confirmed).map(|(_, pending)| pending.row).collect()
    }

    fn row(&self, site: &Site, card: &ModelCard, second: Micros, track: &Track, rect: Rect) -> Option<Observation> {
        let (label, score) = name(card, track)?;
        let ground = rect.ground_point();
        let zone = match site.containment(&self.camera, &label, ground) {
            Containment::Home(zone) | Containment::Ignored(zone) => Some(zone),
            Containment::Out(_) | Containment::FreeRoaming => site.zone_at(&self.camera, ground),
        };
        Some(Observation {
            ts: second,
            camera: self.camera.clone(),
            track: format!("{}:{}:{}", self.camera, track.first_seen.0, track.id),
            species: species(site, &label, zone),
            label,
            score,
            rect,
            ground,
            zone: zone.map(|z| z.id.clone()),
            enclosure: zone.and_then(|z| z.enclosure.clone()),
            speed: track.velocity.x.hypot(track.velocity.y),
            source: self.source,
            model: self.model.clone(),
        })
    }
}

/// What a track is called: its best animal label when it is most likely an animal, else the best label of the
/// likelier of person and vehicle. What is none of these gives no row.
fn name(card: &ModelCard, track: &Track) -> Option<(String, f32)> {
    let groups = [Group::Animal, Group::Person, Group::Vehicle];
    let group = groups.into_iter().max_by(|a, b| {
        card.group_score(*a, &track.class_scores).total_cmp(&card.group_score(*b, &track.class_scores))
    })?;
    let best =
        track.class_scores.iter().filter(|(label, _)| card.group(*label) == group).max_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|&(label, score)| (card.label_name(label).to_owned(), score))
}

/// The species that a label may stand for: one that lives in the zone's enclosure first, else the first of the
/// site file.
fn species(site: &Site, label: &str, zone: Option<&Zone>) -> Option<SpeciesId> {
    let living_here =
        zone.and_then(|z| site.enclosure(z.enclosure.as_ref()?)).map(|e| e.species.as_slice()).unwrap_or_default();
    let mut like: Vec<_> = site.species_like(label).map(|s| &s.id).collect();
    like.sort_by_key(|id| !living_here.contains(id));
    like.first().map(|id| (*id).clone())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::detection::Detection;

    const SITE: &str = r#"
        site = { name = "demo", timezone = "UTC" }
        [[species]]
        id = "lion"
        danger = "red"
        looks_like = ["cat"]
        [[species]]
        id = "tiger"
        danger = "red"
        looks_like = ["cat", "dog"]
        [[enclosure]]
        id = "tigers"
        species = ["tiger"]
        [[camera]]
        id = "gate"
        [[camera.zone]]
        id = "yard"
        kind = "enclosure"
        enclosure = "tigers"
        polygon = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]
    "#;

    fn card() -> ModelCard {
        let text = format!(
            "name='m'\nhead='yolox'\nlicense='MIT'\nsource=''\nsha256='{}'\n[input]\nwidth=64\nheight=64\nlayout='nchw'\n\
             channels='bgr'\nfit='stretch'\n[output]\noutput='o'\n[labels]\nnames=['person','cat','dog','car','cup']\n\
             animals=['cat','dog']\npeople=['person']\nvehicles=['car']\n",
            "0".repeat(64)
        );
        ModelCard::parse(Path::new("model.toml"), &text).unwrap()
    }

    fn track(id: u64, x: f32, scores: &[(u16, f32)], confirmed: bool) -> Track {
        let rect = Rect { x, y: 0.2, w: 0.1, h: 0.1 };
        let seen = Detection { rect, scores: scores.to_vec(), score: scores[0].1, label: scores[0].0 };
        Track { id, rect, class_scores: scores.to_vec(), last_detection: Some(seen), confirmed, ..Track::default() }
    }

    fn observer() -> Observer {
        Observer::new(CameraId::new("gate").unwrap(), "m".into(), ObservationSource::Live)
    }

    fn site() -> Site {
        Site::parse(SITE, Path::new("site.toml")).unwrap()
    }

    #[test]
    fn a_second_gives_one_row_when_it_is_over() {
        let (mut observer, site, card) = (observer(), site(), card());
        let cat = [(1u16, 0.4f32), (2, 0.3)];
        assert!(observer.update(&site, &card, Micros(1_000_000), &[track(1, 0.1, &cat, true)]).is_empty());
        assert!(observer.update(&site, &card, Micros(1_800_000), &[track(1, 0.2, &cat, true)]).is_empty());
        let rows = observer.update(&site, &card, Micros(2_000_000), &[track(1, 0.7, &cat, true)]);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].ts, rows[0].label.as_str()), (Micros(1_000_000), "cat"));
        assert!((rows[0].rect.x - 0.2).abs() < 1e-6, "the last sighting of the second counts");
        assert_eq!(rows[0].enclosure.as_ref().unwrap().as_str(), "tigers");
        assert_eq!(
            rows[0].species.as_ref().unwrap().as_str(),
            "tiger",
            "who lives there comes before the first of the file"
        );
        let last = observer.finish();
        assert_eq!((last.len(), last[0].zone.as_ref(), last[0].species.as_ref().unwrap().as_str()), (1, None, "lion"));
    }

    #[test]
    fn a_track_gives_the_rows_from_before_it_was_confirmed_too_and_none_when_it_never_is() {
        let (mut observer, site, card) = (observer(), site(), card());
        let cat = [(1u16, 0.4f32)];
        observer.update(&site, &card, Micros(0), &[track(1, 0.1, &cat, false), track(2, 0.8, &cat, false)]);
        assert!(observer.update(&site, &card, Micros(1_000_000), &[track(1, 0.1, &cat, false)]).is_empty());
        let rows = observer.update(&site, &card, Micros(2_000_000), &[track(1, 0.1, &cat, true)]);
        assert_eq!(rows.iter().map(|r| r.ts.0).collect::<Vec<_>>(), [0, 1_000_000]);
        assert!(rows.iter().all(|r| r.track == "gate:0:1"));
    }

    #[test]
    fn a_cup_gives_no_row_and_a_person_one() {
        let (mut observer, site, card) = (observer(), site(), card());
        observer.update(
            &site,
            &card,
            Micros(0),
            &[track(1, 0.1, &[(4, 0.9)], true), track(2, 0.1, &[(0, 0.9), (1, 0.1)], true)],
        );
        let rows = observer.finish();
        assert_eq!(rows.iter().map(|r| r.label.as_str()).collect::<Vec<_>>(), ["person"]);
        assert_eq!(rows[0].species, None);
    }
}
