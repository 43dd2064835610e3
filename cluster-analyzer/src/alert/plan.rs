//! Pure: events into notices; what nobody has acknowledged is repeated and escalated.
//!
//! A route that hears of openings is told of an incident once, as soon as the incident meets its conditions: an
//! animal that walks into a public zone later is new to the route for public zones. What it was told of, it is
//! told the end of. Time comes in as a value: [`Plan::due`] is asked when [`Plan::next_due`] says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::ids::IncidentId;
use base::incident::{Alert, AlertType, Incident, IncidentState};
use base::site::Site;
use base::time::Micros;

use super::rules::{EventType, Route, Rules};
use super::{Notice, Payload, Queued, Reason};

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Tell.
    Tell(Box<Notice>),
    /// Nobody needs to be reminded of this matter any more.
    Calm(String),
}

/// What one route was told of one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// First.
    pub first: Micros,
    /// Last.
    pub last: Micros,
    /// How often it was repeated.
    pub rounds: u32,
    /// It has been escalated.
    pub escalated: bool,
}

#[derive(Debug, Clone)]
struct Open {
    /// The newest event.
    alert: Alert,
    seq: Option<i64>,
    /// By index of the route.
    told: BTreeMap<usize, Told>,
}

/// The state of all that is open.
#[derive(Debug)]
pub struct Plan {
    rules: Arc<Rules>,
    site: Arc<Site>,
    open: BTreeMap<IncidentId, Open>,
}

/// What a notice is made of.
struct Draft<'a> {
    route: usize,
    reason: Reason,
    round: u32,
    since: Micros,
    now: Micros,
    due_at: Micros,
    seq: Option<i64>,
    payload: &'a Payload,
}

impl Plan {
    /// With nothing open.
    pub fn new(rules: Arc<Rules>, site: Arc<Site>) -> Self {
        Self { rules, site, open: BTreeMap::new() }
    }

    /// Takes over an incident of before a restart, with what each route (by name) was told of it.
    pub fn restore(&mut self, seq: Option<i64>, alert: Alert, told: &[(String, Told)]) {
        let known = |(name, told): &(String, Told)| Some((self.index(name)?, *told));
        let told = told.iter().filter_map(known).collect();
        self.open.insert(alert.after.id.clone(), Open { alert, seq, told });
    }

    fn index(&self, route: &str) -> Option<usize> {
        self.rules.routes.iter().position(|r| r.name == route)
    }

    /// An event.
    pub fn take(&mut self, queued: &Queued, now: Micros) -> Vec<Step> {
        match &queued.payload {
            Payload::Incident(alert) => self.incident(queued, alert, now),
            Payload::Health(_) => {
                let hears = |r: &Route| r.events.contains(&EventType::Health);
                let routes = self.fitting(&queued.payload, now, hears);
                self.tell(routes, Reason::Health, queued, now, now)
            }
            Payload::Test(_) => Vec::new(),
        }
    }

    fn fitting(&self, payload: &Payload, now: Micros, also: impl Fn(&Route) -> bool) -> Vec<usize> {
        let local = self.rules.local(now);
        let fits = |(_, route): &(usize, &Route)| also(route) && route.fits(&self.site, payload, local);
        self.rules.routes.iter().enumerate().filter(fits).map(|(i, _)| i).collect()
    }

    fn incident(&mut self, queued: &Queued, alert: &Alert, now: Micros) -> Vec<Step> {
        let id = alert.after.id.clone();
        let known = self.open.remove(&id);
        let mut told = known.map(|o| o.told).unwrap_or_default();
        let due_at = self.rules.due_at(&alert.after, now);
        let mut steps = Vec::new();
        if alert.after.state != IncidentState::Open {
            steps.push(Step::Calm(id.to_string()));
        }
        let reason = match alert.kind {
            AlertType::Resolved => Reason::Resolved,
            _ if queued.payload.is_acknowledgement() => Reason::Acknowledged,
            _ => Reason::Updated,
        };
        if alert.after.state != IncidentState::Resolved {
            // What still waits for the end of quiet hours is told now when it has become dangerous.
            told.retain(|_, t: &mut Told| t.first <= now || due_at > now);
            let hears = |r: &Route| r.events.contains(&EventType::Opened);
            let mut new = self.fitting(&queued.payload, now, hears);
            new.retain(|route| !told.contains_key(route));
            steps.extend(self.tell(new.clone(), Reason::Opened, queued, now, due_at));
            let first = Told { first: due_at, last: due_at, rounds: 0, escalated: false };
            let heard: BTreeSet<usize> = told.keys().copied().filter(|route| !new.contains(route)).collect();
            told.extend(new.into_iter().map(|route| (route, first)));
            steps.extend(self.follow(heard, reason, queued, now, due_at));
            let open = Open { alert: alert.clone(), seq: queued.seq, told };
            self.open.insert(id, open);
        } else if alert.kind == AlertType::Resolved {
            steps.extend(self.follow(told.into_keys().collect(), reason, queued, now, due_at));
        }
        without_twins(steps)
    }

    /// Routes that know of the matter hear how it goes on.
    fn follow(&self, told: BTreeSet<usize>, reason: Reason, queued: &Queued, now: Micros, due_at: Micros) -> Vec<Step> {
        let wanted = match reason {
            Reason::Resolved => EventType::Resolved,
            Reason::Acknowledged => EventType::Acknowledged,
            _ => EventType::Updated,
        };
        let routes = told.into_iter().filter(|route| self.rules.routes[*route].events.contains(&wanted)).collect();
        self.tell(routes, reason, queued, now, due_at)
    }

    fn tell(&self, routes: Vec<usize>, reason: Reason, queued: &Queued, now: Micros, due_at: Micros) -> Vec<Step> {
        let draft = |route| Draft {
            route,
            reason,
            round: 0,
            since: now,
            now,
            due_at,
            seq: queued.seq,
            payload: &queued.payload,
        };
        without_twins(routes.into_iter().flat_map(|route| self.notices(&draft(route))).collect())
    }

    fn notices(&self, draft: &Draft<'_>) -> Vec<Step> {
        let route = &self.rules.routes[draft.route];
        let people: Vec<String> = self.rules.on_call(route, draft.now).iter().map(|p| p.name.clone()).collect();
        let (subject, at) = (draft.payload.subject(), draft.payload.at().0);
        let (reason, round, name) = (draft.reason.as_str(), draft.round, &route.name);
        let to = |(channel, person): (String, Option<String>)| {
            let whom = person.as_ref().map(|p| format!(".{p}")).unwrap_or_default();
            Step::Tell(Box::new(Notice {
                id: format!("{subject}.{at}.{reason}{round}.{name}.{channel}{whom}"),
                seq: draft.seq,
                channel,
                person,
                people: people.clone(),
                route: name.clone(),
                reason: draft.reason,
                round,
                since: draft.since,
                planned_at: draft.now,
                due_at: draft.due_at,
                payload: draft.payload.clone(),
            }))
        };
        self.rules.targets(route, draft.now).into_iter().map(to).collect()
    }

    /// What has to be told again or to others by now.
    pub fn due(&mut self, now: Micros) -> Vec<Step> {
        let mut steps = Vec::new();
        let ids: Vec<IncidentId> = self.open.keys().cloned().collect();
        for id in ids {
            let Some(mut open) = self.open.remove(&id) else { continue };
            if open.alert.after.state == IncidentState::Open {
                steps.extend(without_twins(self.remind(&mut open, now)));
            }
            self.open.insert(id, open);
        }
        steps
    }

    fn remind(&self, open: &mut Open, now: Micros) -> Vec<Step> {
        let mut steps = Vec::new();
        let payload = Payload::from(open.alert.clone());
        // In quiet hours one reminder waits for their end, not a heap of them.
        let due_at = self.rules.due_at(&open.alert.after, now);
        let draft = |route: usize, reason: Reason, round: u32, since: Micros| Draft {
            route,
            reason,
            round,
            since,
            now,
            due_at,
            seq: open.seq,
            payload: &payload,
        };
        let mut escalated = Vec::new();
        for (index, told) in &mut open.told {
            let route = &self.rules.routes[*index];
            if repeats_at(route, told).is_some_and(|at| at <= now) {
                (told.last, told.rounds) = (due_at, told.rounds + 1);
                steps.extend(self.notices(&draft(*index, Reason::Repeat, told.rounds, told.first)));
            }
            if escalates_at(route, told).is_some_and(|at| at <= now) {
                told.escalated = true;
                escalated.extend(route.escalate_to.map(|next| (next, told.first)));
            }
        }
        for (next, since) in escalated {
            // A route that knows already repeats by itself.
            if let std::collections::btree_map::Entry::Vacant(free) = open.told.entry(next) {
                let told = free.insert(Told { first: due_at, last: due_at, rounds: 0, escalated: false });
                steps.extend(self.notices(&draft(next, Reason::Escalated, told.rounds, since)));
            }
        }
        // Who is told by an escalation now needs no repeat beside it.
        steps.sort_by_key(|step| matches!(step, Step::Tell(n) if n.reason == Reason::Repeat));
        steps
    }

    /// When [`Plan::due`] has something next.
    pub fn next_due(&self) -> Option<Micros> {
        let open = self.open.values().filter(|o| o.alert.after.state == IncidentState::Open);
        let times = open.flat_map(|o| o.told.iter()).flat_map(|(index, told)| {
            let route = &self.rules.routes[*index];
            [repeats_at(route, told), escalates_at(route, told)]
        });
        times.flatten().min()
    }

    /// Incidents that the plan follows.
    pub fn following(&self) -> impl Iterator<Item = &Incident> {
        self.open.values().map(|o| &o.alert.after)
    }
}

fn repeats_at(route: &Route, told: &Told) -> Option<Micros> {
    route.repeat_every_us.map(|every_us| told.last.plus_us(every_us))
}

fn escalates_at(route: &Route, told: &Told) -> Option<Micros> {
    let after_us = route.escalate_after_us.filter(|_| !told.escalated && route.escalate_to.is_some())?;
    Some(told.first.plus_us(after_us))
}

/// Two routes that reach the same person on the same channel at the same time tell them once.
fn without_twins(steps: Vec<Step>) -> Vec<Step> {
    let mut seen = BTreeSet::new();
    let is_new = |step: &Step| match step {
        Step::Tell(n) => seen.insert((n.channel.clone(), n.person.clone())),
        Step::Calm(_) => true,
    };
    let mut is_new = is_new;
    steps.into_iter().filter(|step| is_new(step)).collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
