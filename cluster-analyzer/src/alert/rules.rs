//! Pure: who is told of what, by which channel, at what hours.
//!
//! Hours are those of the site's time zone. An interval such as `22:00-06:00` runs over midnight and belongs to
//! the day on which it begins.

use base::ids::{CameraId, SpeciesId, ZoneId};
use base::incident::{Incident, Tier};
use base::site::{Site, ZoneKind};
use base::time::Micros;
use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::Payload;

/// What a route can hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventType {
    /// An escape, as soon as it meets the route's other conditions.
    Opened,
    /// It moved on, or somebody wrote a note.
    Updated,
    /// Somebody took it.
    Acknowledged,
    /// All-clear.
    Resolved,
    /// Trouble of a camera or the system, and its end.
    Health,
    /// Nothing of itself: the route is told by another's escalation.
    Escalated,
}

/// Hours of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// From Monday.
    days: [bool; 7],
    from_min: i64,
    /// More than 1440 where it runs over midnight.
    until_min: i64,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Hours {
    /// Reads `mon-fri 08:00-18:00`, `sat,sun`, `22:00-06:00`.
    ///
    /// # Errors
    /// One sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' are no hours; write for example \"mon-fri 08:00-18:00\" or \"22:00-06:00\"");
        let mut hours = Hours { days: [true; 7], from_min: 0, until_min: 1440 };
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_time = |word: &&&str| word.contains(':');
        match words[..] {
            [one] if is_time(&&one) => (hours.from_min, hours.until_min) = span(one).ok_or_else(wrong)?,
            [one] => hours.days = days(one).ok_or_else(wrong)?,
            [first, second] => {
                hours.days = days(first).ok_or_else(wrong)?;
                (hours.from_min, hours.until_min) = span(second).ok_or_else(wrong)?;
            }
            _ => return Err(wrong()),
        }
        Ok(hours)
    }

    /// When it ends, where `at` lies in it.
    fn end(&self, at: DateTime) -> Option<DateTime> {
        let minute = i64::from(at.hour()) * 60 + i64::from(at.minute());
        // Begun today, or yesterday and run over midnight.
        [(at.date(), minute), (at.date().yesterday().ok()?, minute + 1440)].into_iter().find_map(|(day, minute)| {
            let inside = self.days[index(day)] && self.from_min <= minute && minute < self.until_min;
            inside.then(|| day.to_datetime(jiff::civil::Time::midnight()).checked_add(self.until_min.minutes()).ok())?
        })
    }

    /// Whether `at` lies in it.
    pub fn contains(&self, at: DateTime) -> bool {
        self.end(at).is_some()
    }
}

fn index(day: Date) -> usize {
    match day.weekday() {
        Weekday::Monday => 0,
        Weekday::Tuesday => 1,
        Weekday::Wednesday => 2,
        Weekday::Thursday => 3,
        Weekday::Friday => 4,
        Weekday::Saturday => 5,
        Weekday::Sunday => 6,
    }
}

fn days(text: &str) -> Option<[bool; 7]> {
    let of = |name: &str| DAYS.iter().position(|d| *d == name);
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (of(first)?, of(last)?);
        // `fri-mon` runs over Sunday.
        let count = (last + 7 - first) % 7;
        (0..=count).for_each(|i| days[(first + i) % 7] = true);
    }
    Some(days)
}

fn span(text: &str) -> Option<(i64, i64)> {
    let (from, until) = text.split_once('-')?;
    let (from, until) = (minute(from)?, minute(until)?);
    (from < 1440).then_some((from, if until <= from { until + 1440 } else { until }))
}

fn minute(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    let (hour, minute): (i64, i64) =
        (two(hour).then(|| hour.parse().ok())??, two(minute).then(|| minute.parse().ok())??);
    (minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
}

/// Somebody who can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Address for channels of kind `email`.
    pub email: Option<String>,
    /// Topic for channels of kind `ntfy`.
    pub ntfy_topic: Option<String>,
    /// On call then; always where empty.
    pub on_call: Vec<Hours>,
}

/// What the planner must know of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Name.
    pub name: String,
    /// `webhook`, `ntfy`, `email` or `command`.
    pub kind: &'static str,
    /// It can be used without naming a person.
    pub has_own_recipients: bool,
}

/// Which events go where.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Name.
    pub name: String,
    /// By which channels.
    pub channels: Vec<String>,
    /// Whom; those on call. Empty: the channels' own recipients.
    pub people: Vec<String>,
    /// What it hears of.
    pub events: Vec<EventType>,
    /// Danger words; empty: any.
    pub danger: Vec<String>,
    /// Tiers; empty: any.
    pub tier: Vec<Tier>,
    /// Kinds of zone; empty: any. What no zone covers counts as public.
    pub zone_kind: Vec<ZoneKind>,
    /// Zones; empty: any.
    pub zone: Vec<ZoneId>,
    /// Cameras; empty: any.
    pub camera: Vec<CameraId>,
    /// Species; empty: any.
    pub species: Vec<SpeciesId>,
    /// Only drills, or none; `None`: both.
    pub drill: Option<bool>,
    /// Only then; always where empty.
    pub hours: Vec<Hours>,
    /// Told again this often until somebody acknowledges, µs.
    pub repeat_every_us: Option<i64>,
    /// Unacknowledged for so long, the route `escalate_to` is told, µs.
    pub escalate_after_us: Option<i64>,
    /// Index of the next route.
    pub escalate_to: Option<usize>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The site's.
    pub timezone: TimeZone,
    /// Channels.
    pub channels: Vec<ChannelInfo>,
    /// Routes.
    pub routes: Vec<Route>,
    /// People.
    pub people: Vec<Person>,
    /// Quiet hours.
    pub quiet_hours: Vec<Hours>,
    /// Danger words that wait for the end of quiet hours; never `red`.
    pub quiet_for: Vec<String>,
}

impl Rules {
    /// The hour on the zoo's clocks.
    pub fn local(&self, at: Micros) -> DateTime {
        let timestamp = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
        self.timezone.to_datetime(timestamp)
    }

    /// From when an incident may be told: now, or the end of quiet hours where its danger waits for that. One
    /// whose danger nobody knows does not wait.
    pub fn due_at(&self, incident: &Incident, now: Micros) -> Micros {
        let waits = incident.danger.as_ref().is_some_and(|d| d != "red" && self.quiet_for.contains(d));
        if !waits {
            return now;
        }
        let (mut end, began) = (self.local(now), self.local(now));
        // One interval may end within another; a whole week of them never ends.
        for _ in 0..16 {
            match self.quiet_hours.iter().filter_map(|h| h.end(end)).max() {
                Some(later) => end = later,
                None => break,
            }
        }
        if end == began {
            return now;
        }
        let zoned = self.timezone.to_ambiguous_zoned_datetime(end).compatible();
        zoned.map_or(now, |z| Micros(z.timestamp().as_microsecond()))
    }

    /// Those of a route's people who are on call; all of them where nobody is, since somebody must be told.
    pub fn on_call(&self, route: &Route, now: Micros) -> Vec<&Person> {
        let local = self.local(now);
        let of_route: Vec<&Person> = self.people.iter().filter(|p| route.people.contains(&p.name)).collect();
        let here = |p: &&&Person| p.on_call.is_empty() || p.on_call.iter().any(|h| h.contains(local));
        let on_call: Vec<&Person> = of_route.iter().filter(here).copied().collect();
        if on_call.is_empty() { of_route } else { on_call }
    }

    /// Channels of a route, each with the person whom it tells there.
    pub fn targets(&self, route: &Route, now: Micros) -> Vec<(String, Option<String>)> {
        let on_call = self.on_call(route, now);
        let mut targets = Vec::new();
        for channel in self.channels.iter().filter(|c| route.channels.contains(&c.name)) {
            let reachable = |p: &&&Person| match channel.kind {
                "email" => p.email.is_some(),
                "ntfy" => p.ntfy_topic.is_some(),
                _ => false,
            };
            let mut people: Vec<&Person> = on_call.iter().filter(reachable).copied().collect();
            if people.is_empty() && !channel.has_own_recipients {
                // None of those on call can be reached this way: somebody must be told.
                people = self.people.iter().filter(|p| route.people.contains(&p.name)).collect();
                people.retain(|p| reachable(&p));
            }
            match people.is_empty() {
                true => targets.push((channel.name.clone(), None)),
                false => targets.extend(people.iter().map(|p| (channel.name.clone(), Some(p.name.clone())))),
            }
        }
        targets
    }
}

impl Route {
    /// Whether everything but the sort of event fits.
    pub fn fits(&self, site: &Site, payload: &Payload, local: DateTime) -> bool {
        let in_hours = self.hours.is_empty() || self.hours.iter().any(|h| h.contains(local));
        let drill = self.drill.is_none_or(|only| only == payload.is_drill());
        in_hours && drill && self.fits_matter(site, payload)
    }

    fn fits_matter(&self, site: &Site, payload: &Payload) -> bool {
        match payload {
            Payload::Incident(alert) => self.fits_incident(site, &alert.after),
            Payload::Health(event) => {
                self.camera.is_empty() || event.camera.as_ref().is_some_and(|c| self.camera.contains(c))
            }
            Payload::Test(_) => false,
        }
    }

    fn fits_incident(&self, site: &Site, incident: &Incident) -> bool {
        fn any<T: PartialEq>(wanted: &[T], is: Option<&T>) -> bool {
            wanted.is_empty() || is.is_some_and(|is| wanted.contains(is))
        }
        let zones = site.camera(&incident.camera).map(|c| c.zones.as_slice()).unwrap_or_default();
        let zone = incident.zone.as_ref().and_then(|id| zones.iter().find(|z| z.id == *id));
        let kind = zone.map_or(ZoneKind::Public, |z| z.kind);
        // A danger or a species that nobody knows may be any.
        let danger = incident.danger.is_none() || any(&self.danger, incident.danger.as_ref());
        let species = incident.species.is_none() || any(&self.species, incident.species.as_ref());
        danger
            && species
            && any(&self.tier, Some(&incident.tier))
            && any(&self.zone_kind, Some(&kind))
            && any(&self.zone, incident.zone.as_ref())
            && any(&self.camera, Some(&incident.camera))
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
