//! Pure: all incidents that are not resolved, and those just resolved: what a picture does to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base::ids::{CameraId, IncidentId};
use base::incident::{AlertType, Incident, IncidentState, Tier};
use base::site::Site;
use base::time::Micros;

use super::entry::{Entry, Picture};
use super::evidence::{Kept, Recorder};
use super::{Boost, Change, IdSource, Params, Sight, Watched, matching};

/// All incidents that are not resolved, and those just resolved.
#[derive(Debug)]
pub struct Book {
    site: Arc<Site>,
    params: Params,
    ids: IdSource,
    entries: BTreeMap<IncidentId, Entry>,
    by_track: HashMap<(CameraId, u64), IncidentId>,
    recorder: Recorder,
    watched: Vec<Watched>,
    /// Until when, and whether it was for an escape that is seen there.
    boosted: BTreeMap<CameraId, (Micros, bool)>,
    newest: Micros,
}

/// A track that belongs to no incident yet.
struct New<'a> {
    sight: &'a Sight,
    /// The watched incident that it was until now.
    was: Option<IncidentId>,
    /// An incident that it has turned out not to be.
    is_not: Option<IncidentId>,
}

impl Book {
    /// An empty book.
    pub fn new(site: Arc<Site>, params: Params, ids: IdSource) -> Self {
        Self {
            site,
            params,
            ids,
            entries: BTreeMap::new(),
            by_track: HashMap::new(),
            recorder: Recorder::default(),
            watched: Vec::new(),
            boosted: BTreeMap::new(),
            newest: Micros(0),
        }
    }

    /// Goes by another site file from now on; what is open stays open.
    pub fn set_site(&mut self, site: Arc<Site>) {
        self.site = site;
    }

    /// The incident that a track belongs to.
    pub fn incident_of(&self, camera: &CameraId, track: u64) -> Option<&Incident> {
        self.get(self.by_track.get(&(camera.clone(), track))?)
    }

    /// Takes over incidents from before a restart.
    pub fn load(&mut self, incidents: Vec<Incident>) {
        for incident in incidents {
            self.entries.insert(incident.id.clone(), Entry::load(incident));
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

    /// What happened to what is only watched, since the last call.
    pub fn take_watched(&mut self) -> Vec<Watched> {
        std::mem::take(&mut self.watched)
    }

    /// Evidence to be stored now; all that waits when `all`.
    pub fn take_evidence(&mut self, all: bool) -> Vec<Kept> {
        self.recorder.take(self.newest, all)
    }

    /// Takes in one picture of one camera.
    pub fn observe(&mut self, camera: &CameraId, t: Micros, drill: bool, sights: &[Sight]) -> Vec<Change> {
        let picture = Picture { camera, t, drill };
        let mut changes = self.pass(t);
        sights.iter().for_each(|sight| self.recorder.saw(&sight.evidence));
        let (mut known, mut new): (BTreeMap<IncidentId, Vec<&Sight>>, Vec<New<'_>>) = Default::default();
        for sight in sights {
            let was = self.reconsider(camera, sight);
            match self.by_track.get(&(camera.clone(), sight.track)) {
                Some(id) => known.entry(id.clone()).or_default().push(sight),
                None => new.push(New { sight, was, is_not: None }),
            }
        }
        // Known tracks first, so that a new one knows which incidents are seen elsewhere in this very picture.
        for (id, bodies) in known {
            new.extend(self.split(&id, picture, &bodies));
            changes.extend(self.seen_again(&id, picture, &bodies));
        }
        for new in new {
            changes.extend(self.place(picture, &new));
        }
        changes
    }

    /// Time goes on: what nobody sees any more is lost, or forgotten.
    pub fn pass(&mut self, t: Micros) -> Vec<Change> {
        self.newest = self.newest.max(t);
        self.forget(t);
        let lost_after_us = self.params.lost_after_us;
        let lost = |e: &&mut Entry| {
            let open_escape = e.incident.tier == Tier::Escape && e.incident.state != IncidentState::Resolved;
            open_escape && e.incident.whereabouts.seen_now && t.since(e.seen.at) > lost_after_us
        };
        self.entries.values_mut().filter(lost).map(Entry::lose).collect()
    }

    /// A watched track that turns out to be an escape is placed anew: it may be an animal that is known already.
    fn reconsider(&mut self, camera: &CameraId, sight: &Sight) -> Option<IncidentId> {
        let key = (camera.clone(), sight.track);
        let id = self.by_track.get(&key).filter(|_| sight.tier == Some(Tier::Escape))?.clone();
        if self.entries.get(&id)?.incident.tier != Tier::Watch {
            return None;
        }
        self.entries.remove(&id);
        self.by_track.retain(|_, of| *of != id);
        Some(id)
    }

    /// The tracks of one incident that this picture shows apart from the first one, for long enough: others.
    fn split<'a>(&mut self, id: &IncidentId, picture: Picture<'_>, bodies: &[&'a Sight]) -> Vec<New<'a>> {
        let Some(entry) = self.entries.get_mut(id) else { return Vec::new() };
        let Some(first) = first_body(entry, picture.camera, bodies) else { return Vec::new() };
        let mut others = Vec::new();
        for sight in bodies.iter().filter(|s| s.track != first.track) {
            let apart = sight.looks_animal && matching::are_apart(&first.rect, &sight.rect);
            if !apart {
                entry.apart.remove(&sight.track);
                continue;
            }
            let since = *entry.apart.entry(sight.track).or_insert(picture.t);
            if sight.tier == Some(Tier::Escape) && picture.t.since(since) >= self.params.apart_after_us {
                entry.apart.remove(&sight.track);
                self.by_track.remove(&(picture.camera.clone(), sight.track));
                others.push(New { sight, was: None, is_not: Some(id.clone()) });
            }
        }
        others
    }

    /// Tracks that belong to an incident were seen again.
    fn seen_again(&mut self, id: &IncidentId, picture: Picture<'_>, bodies: &[&Sight]) -> Option<Change> {
        for sight in bodies.iter().filter(|s| !s.looks_animal && s.tier.is_none()) {
            // A visitor who walks past an animal may take its track over: the incident must not follow them.
            self.by_track.remove(&(picture.camera.clone(), sight.track));
        }
        let entry = self.entries.get_mut(id)?;
        let first = first_body(entry, picture.camera, bodies)?;
        for sight in bodies.iter().filter(|s| s.looks_animal && s.track != first.track) {
            entry.also(picture, sight);
        }
        self.go_on(id, picture, first)
    }

    fn go_on(&mut self, id: &IncidentId, picture: Picture<'_>, sight: &Sight) -> Option<Change> {
        let entry = self.entries.get_mut(id)?;
        if entry.incident.tier == Tier::Watch && sight.tier.is_none() {
            // No longer of interest; it is forgotten when it stays so.
            return None;
        }
        let change = entry.go_on(&self.site, &self.params, picture, sight);
        if entry.incident.tier == Tier::Watch {
            self.watched.extend(change.map(|c| Watched::Seen(Box::new(c.after))));
            return None;
        }
        self.recorder.goes_on(id, picture.camera, sight.track);
        change
    }

    /// A track that the book does not know yet.
    fn place(&mut self, picture: Picture<'_>, new: &New<'_>) -> Option<Change> {
        let New { sight, was, is_not } = new;
        let Some(tier) = sight.tier else {
            self.watched.extend(was.clone().map(Watched::Gone));
            return None;
        };
        let joins = self.best_match(picture, tier, sight, is_not.as_ref());
        let key = (picture.camera.clone(), sight.track);
        if let Some(id) = joins {
            self.by_track.insert(key, id.clone());
            self.watched.extend(was.clone().map(Watched::Gone));
            return self.join(&id, picture, sight);
        }
        // What was watched keeps its id: whoever has looked at it sees it become an escape.
        let id = was.clone().unwrap_or_else(|| self.next_id(picture.t));
        self.by_track.insert(key, id.clone());
        let entry = Entry::open(&self.site, id.clone(), picture, tier, sight);
        let incident = entry.incident.clone();
        self.entries.insert(id.clone(), entry);
        if tier == Tier::Watch {
            self.watched.push(Watched::Seen(Box::new(incident)));
            return None;
        }
        self.recorder.opened(&id, picture.camera, sight.track);
        Some(Change { alert: Some(AlertType::Opened), before: None, after: incident })
    }

    /// A new track of an incident: its next body, or a second box of the one that this picture shows already.
    fn join(&mut self, id: &IncidentId, picture: Picture<'_>, sight: &Sight) -> Option<Change> {
        let entry = self.entries.get_mut(id)?;
        if entry.seen.camera == *picture.camera && entry.seen.at == picture.t {
            entry.also(picture, sight);
            return None;
        }
        if sight.looks_animal { self.go_on(id, picture, sight) } else { None }
    }

    fn best_match(
        &self,
        picture: Picture<'_>,
        tier: Tier,
        sight: &Sight,
        is_not: Option<&IncidentId>,
    ) -> Option<IncidentId> {
        let Picture { camera, t, .. } = picture;
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
        let others = self.entries.iter().filter(|(id, _)| Some(*id) != is_not);
        let fitting = others.filter_map(|(id, entry)| Some((id, fits(entry)?)));
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
        let Self { params, watched, entries, by_track, .. } = self;
        let before = entries.len();
        entries.retain(|id, entry| {
            let unseen_us = t.since(entry.seen.at);
            match (entry.incident.state, entry.incident.tier) {
                (IncidentState::Resolved, _) => unseen_us <= params.cleared_for_us,
                (_, Tier::Watch) if unseen_us > params.watch_for_us => {
                    watched.push(Watched::Gone(id.clone()));
                    false
                }
                _ => true,
            }
        });
        if entries.len() < before {
            by_track.retain(|_, id| entries.contains_key(id));
        }
    }
}

/// Of several boxes of one animal the one that the incident follows: the one it followed until now, else the surest.
fn first_body<'a>(entry: &Entry, camera: &CameraId, bodies: &[&'a Sight]) -> Option<&'a Sight> {
    let animals = || bodies.iter().copied().filter(|s| s.looks_animal);
    let followed = animals().find(|s| entry.seen.camera == *camera && entry.seen.track == Some(s.track));
    followed.or_else(|| animals().max_by(|a, b| a.confidence.total_cmp(&b.confidence)))
}
