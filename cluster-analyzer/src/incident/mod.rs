//! Pure: one animal, one incident, across cameras.
//!
//! - [`matching`]: which incident a new track belongs to.
//! - [`naming`]: what it could be, and how dangerous that is.
//! - [`command`]: what people do with an incident.
//! - [`store`] (adapter): incidents and stills in SQLite.
//!
//! A [`Book`] takes what the judge says of one picture ([`Sight`]s) and returns [`Change`]s. An escape that no
//! camera sees stays open with its last place, until somebody gives the all-clear. A watched track is an
//! incident of tier `watch`, in memory only, and goes when it was not seen for a while.
//!
//! Invariants: a track belongs to one incident; an incident's id and opening never change; what was resolved
//! is not opened again by the same animal in the same place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base::geometry::{Point, Rect};
use base::ids::{CameraId, IncidentId};
use base::incident::{AlertType, Incident, IncidentState, NextCamera, Sighting, Tier};
use base::site::Site;
use base::time::Micros;
use base::wire::VERSION;

pub mod command;
pub mod matching;
pub mod naming;
pub mod store;

use matching::Seen;

/// How incidents are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// An incident whose place changes is told at most this often, µs.
    pub update_every_us: i64,
    /// One that stands still, this often, µs.
    pub still_every_us: i64,
    /// A watched track that was not seen for so long is forgotten, µs.
    pub watch_for_us: i64,
    /// On its last camera an animal is the same one for so long after it was lost, µs.
    pub rejoin_within_us: i64,
    /// Added to both ends of a link's travel window, µs.
    pub link_slack_us: i64,
    /// A resolved incident's place raises nothing for so long after the animal was seen there, µs.
    pub cleared_for_us: i64,
    /// A boost lasts so long, µs.
    pub boost_us: i64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            update_every_us: 1_000_000,
            still_every_us: 5_000_000,
            watch_for_us: 10_000_000,
            rejoin_within_us: 60_000_000,
            link_slack_us: 3_000_000,
            cleared_for_us: 60_000_000,
            boost_us: 10_000_000,
        }
    }
}

/// Where ids come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdSource {
    /// Random: live work.
    Random,
    /// Counted: replays, which must say the same twice.
    Counted(u32),
}

/// One track in one picture, as the judge sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// The tracker's number.
    pub track: u64,
    /// Since when it has been taken for an animal out of place.
    pub since: Micros,
    /// Where it is.
    pub rect: Rect,
    /// Velocity of its centre, normalised units per second.
    pub velocity: Point,
    /// What the judge says of it now.
    pub tier: Option<Tier>,
    /// It has moved by itself.
    pub moved: bool,
    /// In this picture it looks more like an animal than like a person or a cart.
    pub looks_animal: bool,
    /// Probability that it is an animal out of place.
    pub confidence: f32,
    /// The zone it stands in.
    pub zone: Option<base::ids::ZoneId>,
    /// The enclosure it has been seen in at home.
    pub home: Option<base::ids::EnclosureId>,
    /// Animal labels with scores, best first.
    pub scores: Vec<(String, f32)>,
}

/// What happened to one incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whom it is told: `Some` makes an alert.
    pub alert: Option<AlertType>,
    /// The state before; `None` when it was opened.
    pub before: Option<Incident>,
    /// The state after.
    pub after: Incident,
}

/// A camera to be looked at more often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boost {
    /// Which.
    pub camera: CameraId,
    /// Until when.
    pub until: Micros,
    /// It sees an escape now; else it may see one next, or sees what is only watched.
    pub sees_it: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    incident: Incident,
    seen: Seen,
    told: Micros,
    told_rect: Rect,
}

/// All incidents that are not resolved, and those just resolved.
#[derive(Debug)]
pub struct Book {
    site: Arc<Site>,
    params: Params,
    ids: IdSource,
    entries: BTreeMap<IncidentId, Entry>,
    by_track: HashMap<(CameraId, u64), IncidentId>,
    /// Until when, and whether it was for an escape that is seen there.
    boosted: BTreeMap<CameraId, (Micros, bool)>,
}

impl Book {
    /// An empty book.
    pub fn new(site: Arc<Site>, params: Params, ids: IdSource) -> Self {
        Self { site, params, ids, entries: BTreeMap::new(), by_track: HashMap::new(), boosted: BTreeMap::new() }
    }

    /// Takes over incidents from before a restart.
    pub fn load(&mut self, incidents: Vec<Incident>) {
        for incident in incidents {
            let seen = Seen {
                camera: incident.camera.clone(),
                // No track of this run: numbers begin anew.
                track: None,
                at: incident.sightings.last().map_or(incident.updated_at, |s| s.last_seen),
                rect: incident.rect,
            };
            let (told, told_rect) = (incident.updated_at, incident.rect);
            self.entries.insert(incident.id.clone(), Entry { incident, seen, told, told_rect });
        }
    }

    /// Incidents that are not resolved, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.entries.values().map(|e| &e.incident).filter(|i| i.state != IncidentState::Resolved)
    }

    /// The incident of this id, when it is in the book.
    pub fn get(&self, id: &IncidentId) -> Option<&Incident> {
        self.entries.get(id).map(|e| &e.incident)
    }

    /// Puts back an incident that a command has changed.
    pub fn replace(&mut self, incident: &Incident) {
        if let Some(entry) = self.entries.get_mut(&incident.id) {
            entry.incident = incident.clone();
        }
    }

    /// Takes in one picture of one camera.
    pub fn observe(&mut self, camera: &CameraId, t: Micros, drill: bool, sights: &[Sight]) -> Vec<Change> {
        self.forget(t);
        sights.iter().for_each(|sight| self.reconsider(camera, sight));
        let (known, new): (Vec<_>, Vec<_>) =
            sights.iter().partition(|s| self.by_track.contains_key(&(camera.clone(), s.track)));
        // Known tracks first, so that a new one knows which incidents are seen elsewhere in this very picture.
        let mut changes: Vec<Change> = known.into_iter().filter_map(|s| self.go_on(camera, t, s)).collect();
        for sight in new {
            changes.extend(self.place(camera, t, drill, sight));
        }
        changes
    }

    /// A watched track that turns out to be an escape is placed anew: it may be an animal that is known already.
    fn reconsider(&mut self, camera: &CameraId, sight: &Sight) {
        let key = (camera.clone(), sight.track);
        let Some(id) = self.by_track.get(&key).filter(|_| sight.tier == Some(Tier::Escape)) else { return };
        if self.entries.get(id).is_some_and(|entry| entry.incident.tier == Tier::Watch) {
            self.entries.remove(id);
            let entries = &self.entries;
            self.by_track.retain(|_, id| entries.contains_key(id));
        }
    }

    /// A track that the book does not know yet.
    fn place(&mut self, camera: &CameraId, t: Micros, drill: bool, sight: &Sight) -> Option<Change> {
        let tier = sight.tier?;
        let joins = self.best_match(camera, t, tier, sight);
        let id = joins.clone().unwrap_or_else(|| self.next_id(t));
        self.by_track.insert((camera.clone(), sight.track), id.clone());
        if joins.is_some() {
            return self.go_on(camera, t, sight);
        }
        let incident = self.opened(id, camera, t, drill, tier, sight);
        let seen = Seen { camera: camera.clone(), track: Some(sight.track), at: t, rect: sight.rect };
        let entry = Entry { incident: incident.clone(), seen, told: t, told_rect: sight.rect };
        self.entries.insert(incident.id.clone(), entry);
        (tier == Tier::Escape).then_some(Change { alert: Some(AlertType::Opened), before: None, after: incident })
    }

    fn best_match(&self, camera: &CameraId, t: Micros, tier: Tier, sight: &Sight) -> Option<IncidentId> {
        let fits = |entry: &Entry| {
            let resolved = entry.incident.state == IncidentState::Resolved;
            if tier == Tier::Escape && entry.incident.tier == Tier::Watch {
                return None;
            }
            let fit = matching::fit(&self.site, &self.params, &entry.seen, camera, t, sight)?;
            // What is only watched may be anything: it carries an escape on where it was, not to another camera,
            // and what was resolved speaks for its own place only.
            let far = entry.seen.camera != *camera;
            let too_weak = tier == Tier::Watch && entry.incident.tier == Tier::Escape && far && !sight.moved;
            if too_weak || (resolved && far) { None } else { Some(fit) }
        };
        let fitting = self.entries.iter().filter_map(|(id, entry)| Some((id, fits(entry)?)));
        fitting.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(id, _)| id.clone())
    }

    fn next_id(&mut self, t: Micros) -> IncidentId {
        match &mut self.ids {
            IdSource::Random => IncidentId::generate(t),
            IdSource::Counted(n) => {
                *n += 1;
                IncidentId::derived(t, *n)
            }
        }
    }

    fn opened(&self, id: IncidentId, camera: &CameraId, t: Micros, drill: bool, tier: Tier, sight: &Sight) -> Incident {
        let name = naming::name(&self.site, sight);
        Incident {
            v: VERSION,
            id,
            site: self.site.name.clone(),
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
            sightings: vec![sighting(camera, t, sight)],
            next: self.next_cameras(camera, t),
            acknowledged: None,
            resolved: None,
            notes: Vec::new(),
            drill,
        }
    }

    /// A track that belongs to an incident was seen again.
    fn go_on(&mut self, camera: &CameraId, t: Micros, sight: &Sight) -> Option<Change> {
        let key = (camera.clone(), sight.track);
        let id = self.by_track.get(&key)?.clone();
        if !sight.looks_animal {
            // A visitor who walks past an animal may take its track over: the incident must not follow them.
            if sight.tier.is_none() {
                self.by_track.remove(&key);
            }
            return None;
        }
        let next = self.next_cameras(camera, t);
        let entry = self.entries.get_mut(&id)?;
        entry.seen = Seen { camera: camera.clone(), track: Some(sight.track), at: t, rect: sight.rect };
        if entry.incident.state == IncidentState::Resolved {
            return None;
        }
        let before = entry.incident.clone();
        if before.tier == Tier::Watch && sight.tier.is_none() {
            // No longer of interest; it is forgotten when it stays so.
            return None;
        }
        let incident = &mut entry.incident;
        incident.updated_at = t.max(before.updated_at);
        incident.camera = camera.clone();
        incident.zone.clone_from(&sight.zone);
        incident.rect = sight.rect;
        incident.heading = heading(sight.velocity);
        incident.confidence = incident.confidence.max(sight.confidence);
        incident.next = next;
        note_sighting(&mut incident.sightings, camera, t, sight);
        if incident.tier == Tier::Watch {
            return None;
        }
        tell(&self.params, entry, before, t)
    }

    fn next_cameras(&self, camera: &CameraId, t: Micros) -> Vec<NextCamera> {
        let us = |seconds: f32| (f64::from(seconds) * 1e6) as i64;
        let linked = self.site.links.iter().filter(|link| link.from == *camera);
        let next = linked.map(|link| NextCamera {
            camera: link.to.clone(),
            from: t.plus_us(us(link.seconds[0])),
            until: t.plus_us(us(link.seconds[1])),
        });
        next.collect()
    }

    /// Cameras that should be looked at more often now; each again shortly before its boost ends.
    pub fn boosts(&mut self, now: Micros) -> Vec<Boost> {
        let mut wanted: BTreeMap<CameraId, bool> = BTreeMap::new();
        for entry in self.entries.values().filter(|e| e.incident.state != IncidentState::Resolved) {
            let unseen_us = now.since(entry.seen.at);
            if unseen_us <= self.params.boost_us {
                let escape = entry.incident.tier == Tier::Escape;
                *wanted.entry(entry.seen.camera.clone()).or_insert(escape) |= escape;
            }
            for next in entry.incident.next.iter().filter(|n| entry.incident.tier == Tier::Escape && now <= n.until) {
                wanted.entry(next.camera.clone()).or_insert(false);
            }
        }
        let renew = now.plus_us(self.params.boost_us / 2);
        let until = now.plus_us(self.params.boost_us);
        let is_new = |camera: &CameraId, sees_it: bool| match self.boosted.get(camera) {
            Some((until, saw_it)) => *until <= renew || (sees_it && !saw_it),
            None => true,
        };
        wanted.retain(|camera, sees_it| is_new(camera, *sees_it));
        for (camera, sees_it) in &wanted {
            self.boosted.insert(camera.clone(), (until, *sees_it));
        }
        wanted.into_iter().map(|(camera, sees_it)| Boost { camera, until, sees_it }).collect()
    }

    /// Drops what was only watched and is gone, and what was resolved and is gone.
    fn forget(&mut self, t: Micros) {
        let params = &self.params;
        self.entries.retain(|_, entry| {
            let unseen_us = t.since(entry.seen.at);
            match (entry.incident.state, entry.incident.tier) {
                (IncidentState::Resolved, _) => unseen_us <= params.cleared_for_us,
                (_, Tier::Watch) => unseen_us <= params.watch_for_us,
                _ => true,
            }
        });
        let entries = &self.entries;
        self.by_track.retain(|_, id| entries.contains_key(id));
    }
}

/// Whether people are told of a change, and how.
fn tell(params: &Params, entry: &mut Entry, before: Incident, t: Micros) -> Option<Change> {
    let after = &entry.incident;
    let since_us = t.since(entry.told);
    let other_camera = after.camera != before.camera;
    let other_zone = after.zone != before.zone;
    let moved = after.rect.iou(&entry.told_rect) < 0.8;
    let due = since_us >= if moved { params.update_every_us } else { params.still_every_us };
    // A box that stands on a zone's border must not tell of each crossing.
    let alert = (other_camera || (other_zone && since_us >= params.update_every_us)).then_some(AlertType::Updated);
    if alert.is_none() && !due {
        // The zone that people know stays until they are told of the new one.
        entry.incident.zone.clone_from(&before.zone);
        return None;
    }
    (entry.told, entry.told_rect) = (t, after.rect);
    let after = entry.incident.clone();
    let alert = alert.or((after.zone != before.zone).then_some(AlertType::Updated));
    Some(Change { alert, before: Some(before), after })
}

/// A direction of length 1; `None` while it stands.
fn heading(velocity: Point) -> Option<Point> {
    let speed = velocity.x.hypot(velocity.y);
    (speed > 0.015).then(|| Point { x: velocity.x / speed, y: velocity.y / speed })
}

fn sighting(camera: &CameraId, t: Micros, sight: &Sight) -> Sighting {
    Sighting {
        camera: camera.clone(),
        track: sight.track,
        first_seen: sight.since.min(t),
        last_seen: t,
        rect: sight.rect,
        zone: sight.zone.clone(),
    }
}

/// An incident remembers at most so many sightings; older ones go.
const MOST_SIGHTINGS: usize = 200;

fn note_sighting(sightings: &mut Vec<Sighting>, camera: &CameraId, t: Micros, sight: &Sight) {
    let new = sighting(camera, t, sight);
    match sightings.iter_mut().rfind(|s| s.camera == *camera && s.track == sight.track) {
        Some(known) => *known = Sighting { first_seen: known.first_seen, ..new },
        None => sightings.push(new),
    }
    if sightings.len() > MOST_SIGHTINGS {
        sightings.remove(0);
    }
}

#[cfg(test)]
mod tests;
