//! Pure: one incident of the book: its newest sighting, its way, and whom its changes are told.

use std::collections::HashMap;

use base::geometry::{Point, Rect};
use base::ids::{CameraId, IncidentId};
use base::incident::{AlertType, Incident, IncidentState, NextCamera, Reason, Sighting, Tier, Whereabouts};
use base::site::Site;
use base::time::Micros;
use base::wire::VERSION;

use super::matching::Seen;
use super::next::{self, Way};
use super::{Change, Params, Sight, naming};

/// A camera that sees the animal keeps the incident from another one's sightings for so long, µs: views overlap.
const STAYS_US: i64 = 1_500_000;

/// One incident, with what is known beyond it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) incident: Incident,
    pub(super) seen: Seen,
    pub(super) told: Micros,
    pub(super) told_rect: Rect,
    /// Since when a second track of it is apart from the first.
    pub(super) apart: HashMap<u64, Micros>,
    before: Option<CameraId>,
    way: Way,
}

/// Where and when a sight was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture<'a> {
    pub(super) camera: &'a CameraId,
    pub(super) t: Micros,
    pub(super) drill: bool,
}

impl Entry {
    /// A new incident.
    pub(super) fn open(site: &Site, id: IncidentId, picture: Picture<'_>, tier: Tier, sight: &Sight) -> Self {
        let Picture { camera, t, drill } = picture;
        let name = naming::name(site, sight);
        let why = naming::why(&name, t, sight);
        let incident = Incident {
            v: VERSION,
            id,
            site: site.name.clone(),
            tier,
            state: IncidentState::Open,
            opened_at: t,
            updated_at: t,
            camera: camera.clone(),
            zone: sight.zone.clone(),
            rect: sight.rect,
            label: name.label,
            species: name.species,
            danger: name.danger,
            confidence: sight.confidence,
            heading: heading(sight.velocity),
            reason: Reason { rule: sight.evidence.rule, why },
            whereabouts: Whereabouts::default(),
            sightings: vec![sighting(picture, sight)],
            next: Vec::new(),
            acknowledged: None,
            resolved: None,
            notes: Vec::new(),
            drill,
            late_by_us: None,
        };
        let seen = Seen {
            camera: camera.clone(),
            track: Some(sight.track),
            at: t,
            rect: sight.rect,
            velocity: sight.velocity,
            opened_at: t,
        };
        let mut entry = Self {
            incident,
            seen,
            told: t,
            told_rect: sight.rect,
            apart: HashMap::new(),
            before: None,
            way: Way::default(),
        };
        entry.place(site, picture, sight);
        entry
    }

    /// One of before a restart.
    pub(super) fn load(mut incident: Incident) -> Self {
        let last = incident.sightings.last().map_or(incident.updated_at, |s| s.last_seen);
        let whereabouts = &mut incident.whereabouts;
        whereabouts.last_seen = whereabouts.last_seen.max(last);
        // No camera of this run has seen it yet.
        whereabouts.seen_now = false;
        let way = Way { heading: whereabouts.heading_on_plan, speed_m_per_s: whereabouts.speed_m_per_s };
        let seen = Seen {
            camera: incident.camera.clone(),
            // No track of this run: numbers begin anew.
            track: None,
            at: last,
            rect: incident.rect,
            velocity: Point::default(),
            opened_at: incident.opened_at,
        };
        let before = incident.sightings.iter().rev().map(|s| &s.camera).find(|c| **c != incident.camera).cloned();
        let (told, told_rect) = (incident.updated_at, incident.rect);
        Self { incident, seen, told, told_rect, apart: HashMap::new(), before, way }
    }

    /// The animal was seen again. The change, when somebody is told.
    pub(super) fn go_on(
        &mut self,
        site: &Site,
        params: &Params,
        picture: Picture<'_>,
        sight: &Sight,
    ) -> Option<Change> {
        let Picture { camera, t, .. } = picture;
        let gap_us = t.since(self.seen.at);
        if self.seen.camera != *camera && self.incident.whereabouts.seen_now && gap_us < STAYS_US {
            // Another camera sees it too, and the one that had it first still does.
            note_sighting(&mut self.incident.sightings, picture, sight);
            return None;
        }
        let resolved = self.incident.state == IncidentState::Resolved;
        let before = self.incident.clone();
        if !resolved {
            self.move_on(site, picture, sight);
        }
        self.seen = Seen {
            camera: camera.clone(),
            track: Some(sight.track),
            at: t,
            rect: sight.rect,
            velocity: sight.velocity,
            opened_at: self.seen.opened_at,
        };
        if resolved {
            return None;
        }
        self.place(site, picture, sight);
        self.tell(params, before, gap_us, t)
    }

    fn move_on(&mut self, site: &Site, picture: Picture<'_>, sight: &Sight) {
        let Picture { camera, t, .. } = picture;
        if self.seen.camera != *camera {
            self.way = next::way(site, &self.seen.camera, self.seen.at, camera, sight.since.min(t));
            self.before = Some(self.seen.camera.clone());
        }
        let incident = &mut self.incident;
        incident.updated_at = t.max(incident.updated_at);
        incident.camera = camera.clone();
        incident.zone.clone_from(&sight.zone);
        incident.rect = sight.rect;
        incident.heading = heading(sight.velocity);
        incident.confidence = incident.confidence.max(sight.confidence);
        note_sighting(&mut incident.sightings, picture, sight);
    }

    /// Whereabouts and next cameras, as the newest sighting has them.
    fn place(&mut self, site: &Site, picture: Picture<'_>, sight: &Sight) {
        let speed = speed_widths_per_s(sight.velocity);
        let over_ground = speed.zip(sight.metres_per_width).map(|(widths, metres)| widths * metres);
        self.incident.whereabouts = Whereabouts {
            last_seen: picture.t,
            seen_now: true,
            speed_widths_per_s: speed,
            speed_m_per_s: over_ground.or(self.way.speed_m_per_s),
            position_m: site.camera(picture.camera).and_then(|c| c.position),
            heading_on_plan: self.way.heading,
        };
        self.incident.next = self.next_cameras(site);
    }

    fn next_cameras(&self, site: &Site) -> Vec<NextCamera> {
        let way = Way { speed_m_per_s: self.incident.whereabouts.speed_m_per_s, ..self.way };
        let before = self.before.as_ref();
        next::cameras(site, &next::From { camera: &self.seen.camera, at: self.seen.at, before, way })
    }

    /// No camera sees it any more: it stays with its last place.
    pub(super) fn lose(&mut self) -> Change {
        let before = self.incident.clone();
        let whereabouts = &mut self.incident.whereabouts;
        whereabouts.seen_now = false;
        whereabouts.speed_widths_per_s = None;
        Change { alert: None, before: Some(before), after: self.incident.clone() }
    }

    /// Whether people are told of a change, and how.
    fn tell(&mut self, params: &Params, before: Incident, gap_us: i64, t: Micros) -> Option<Change> {
        let after = &self.incident;
        let since_us = t.since(self.told);
        let other_camera = after.camera != before.camera;
        let other_zone = after.zone != before.zone;
        let found = gap_us >= params.found_after_us;
        let moved = after.rect.iou(&self.told_rect) < 0.8;
        let due = since_us >= if moved { params.update_every_us } else { params.still_every_us };
        // A box that stands on a zone's border must not tell of each crossing.
        let news = other_camera || found || (other_zone && since_us >= params.update_every_us);
        if !news && !due && before.whereabouts.seen_now {
            // The zone that people know stays until they are told of the new one.
            self.incident.zone.clone_from(&before.zone);
            return None;
        }
        (self.told, self.told_rect) = (t, after.rect);
        let after = self.incident.clone();
        let alert = (news || after.zone != before.zone).then_some(AlertType::Updated);
        Some(Change { alert, before: Some(before), after })
    }

    /// A second box of the animal in the same picture, or a second track of it.
    pub(super) fn also(&mut self, picture: Picture<'_>, sight: &Sight) {
        if self.incident.state != IncidentState::Resolved {
            note_sighting(&mut self.incident.sightings, picture, sight);
        }
    }
}

/// What is slower stands, widths a second: boxes tremble.
const STANDS_WIDTHS_PER_S: f32 = 0.015;

/// A direction of length 1; `None` while it stands.
fn heading(velocity: Point) -> Option<Point> {
    let speed = velocity.x.hypot(velocity.y);
    (speed > STANDS_WIDTHS_PER_S).then(|| Point { x: velocity.x / speed, y: velocity.y / speed })
}

/// Pictures are about so high, in widths.
const HEIGHT_IN_WIDTHS: f32 = 9.0 / 16.0;

fn speed_widths_per_s(velocity: Point) -> Option<f32> {
    heading(velocity).map(|_| velocity.x.hypot(velocity.y * HEIGHT_IN_WIDTHS))
}

fn sighting(picture: Picture<'_>, sight: &Sight) -> Sighting {
    Sighting {
        camera: picture.camera.clone(),
        track: sight.track,
        first_seen: sight.since.min(picture.t),
        last_seen: picture.t,
        rect: sight.rect,
        zone: sight.zone.clone(),
    }
}

/// An incident remembers at most so many sightings; older ones go.
const MOST_SIGHTINGS: usize = 200;

fn note_sighting(sightings: &mut Vec<Sighting>, picture: Picture<'_>, sight: &Sight) {
    let new = sighting(picture, sight);
    match sightings.iter_mut().rfind(|s| s.camera == *picture.camera && s.track == sight.track) {
        Some(known) => *known = Sighting { first_seen: known.first_seen, ..new },
        None => sightings.push(new),
    }
    if sightings.len() > MOST_SIGHTINGS {
        sightings.remove(0);
    }
}
