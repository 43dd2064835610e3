//! `[[alert.route]]`.

use base::incident::Tier;
use base::site::ZoneKind;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::{AlertSection, ChannelSpec, Checked, Reference, Text, fault, hours, name, unique};
use crate::alert::rules::{EventType, Person, Route};

/// One route as it was typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteTable {
    name: Text,
    channels: Spanned<Vec<Text>>,
    #[serde(default)]
    people: Vec<Text>,
    event: Option<Vec<Text>>,
    #[serde(default)]
    danger: Vec<Text>,
    #[serde(default)]
    tier: Vec<Text>,
    #[serde(default)]
    zone_kind: Vec<Text>,
    #[serde(default)]
    zone: Vec<Text>,
    #[serde(default)]
    camera: Vec<Text>,
    #[serde(default)]
    species: Vec<Text>,
    drill: Option<bool>,
    #[serde(default)]
    hours: Vec<Text>,
    repeat_every_s: Option<Spanned<u32>>,
    escalate_after_s: Option<Spanned<u32>>,
    escalate_to: Option<Text>,
}

type References = Vec<(usize, Reference)>;

/// What is not acknowledged is told again this often unless the route says otherwise, seconds.
const REPEAT_EVERY_S: u32 = 120;

/// All routes. Without any, everything that opens, ends or breaks goes to every channel.
pub(super) fn read_all(
    section: &AlertSection,
    channels: &[ChannelSpec],
    people: &[Person],
) -> Checked<(Vec<Route>, References)> {
    unique(section.route.iter().map(|t| &t.name), "route")?;
    let mut references = Vec::new();
    let names: Vec<&String> = section.route.iter().map(|t| t.name.get_ref()).collect();
    let read = |table: &RouteTable| read(table, channels, people, &names, &mut references);
    let mut routes = section.route.iter().map(read).collect::<Checked<Vec<_>>>()?;
    if routes.is_empty() && !channels.is_empty() {
        let lost = section.channel.iter().zip(channels).find(|(_, c)| !c.info().has_own_recipients);
        if let Some((table, _)) = lost {
            let why = "has no recipients of its own and there is no route with people";
            return fault(
                &table.name,
                format!("channel '{}' {why}; add `topic` or `to`, or a route", table.name.get_ref()),
            );
        }
        routes.push(all_to_all(channels));
    }
    Ok((routes, references))
}

fn all_to_all(channels: &[ChannelSpec]) -> Route {
    Route {
        name: "all".into(),
        channels: channels.iter().map(|c| c.name().to_owned()).collect(),
        people: Vec::new(),
        events: DEFAULT_EVENTS.to_vec(),
        danger: Vec::new(),
        tier: Vec::new(),
        zone_kind: Vec::new(),
        zone: Vec::new(),
        camera: Vec::new(),
        species: Vec::new(),
        drill: None,
        hours: Vec::new(),
        repeat_every_us: Some(i64::from(REPEAT_EVERY_S) * 1_000_000),
        escalate_after_us: None,
        escalate_to: None,
    }
}

const DEFAULT_EVENTS: [EventType; 3] = [EventType::Opened, EventType::Resolved, EventType::Health];

fn read(
    table: &RouteTable,
    channels: &[ChannelSpec],
    people: &[Person],
    routes: &[&String],
    references: &mut References,
) -> Checked<Route> {
    let own = name(&table.name, "route")?;
    if table.channels.get_ref().is_empty() {
        return fault(&table.channels, format!("route '{own}' has no channels; name at least one"));
    }
    let known = |c: &Text| match channels.iter().any(|channel| channel.name() == c.get_ref()) {
        true => Ok(c.get_ref().clone()),
        false => fault(c, format!("there is no channel '{}'; add it as an [[alert.channel]]", c.get_ref())),
    };
    let names = table.channels.get_ref().iter().map(known).collect::<Checked<Vec<_>>>()?;
    let person = |p: &Text| match people.iter().any(|person| person.name == *p.get_ref()) {
        true => Ok(p.get_ref().clone()),
        false => fault(p, format!("there is no person '{}'; add them as an [[alert.person]]", p.get_ref())),
    };
    let told = table.people.iter().map(person).collect::<Checked<Vec<_>>>()?;
    reachable(table, channels, people)?;
    let (escalate_after_us, escalate_to) = escalation(table, routes)?;
    let kinds = "enclosure, public, service, perimeter or ignore";
    let events = "opened, updated, acknowledged, resolved, health or escalated";
    let route = Route {
        channels: names,
        people: told,
        events: match &table.event {
            Some(list) => words(list, "event", events)?,
            None => DEFAULT_EVENTS.to_vec(),
        },
        danger: texts(&table.danger, Reference::Danger, references),
        tier: words::<Tier>(&table.tier, "tier", "escape or watch")?,
        zone_kind: words::<ZoneKind>(&table.zone_kind, "zone_kind", kinds)?,
        zone: ids(&table.zone, Reference::Zone, references)?,
        camera: ids(&table.camera, Reference::Camera, references)?,
        species: ids(&table.species, Reference::Species, references)?,
        drill: table.drill,
        hours: table.hours.iter().map(hours).collect::<Checked<_>>()?,
        repeat_every_us: seconds(table.repeat_every_s.as_ref(), "repeat_every_s")?
            .map_or(Some(REPEAT_EVERY_S), |s| (s > 0).then_some(s))
            .map(|s| i64::from(s) * 1_000_000),
        escalate_after_us,
        escalate_to,
        name: own,
    };
    Ok(route)
}

/// Somebody must hear what goes to a channel.
fn reachable(table: &RouteTable, channels: &[ChannelSpec], people: &[Person]) -> Checked<()> {
    for text in table.channels.get_ref() {
        let Some(channel) = channels.iter().find(|c| c.name() == text.get_ref()).map(ChannelSpec::info) else {
            continue;
        };
        let mut of_route = people.iter().filter(|p| table.people.iter().any(|name| *name.get_ref() == p.name));
        let reached = of_route.any(|p| match channel.kind {
            "ntfy" => p.ntfy_topic.is_some(),
            "email" => p.email.is_some(),
            _ => true,
        });
        if !channel.has_own_recipients && !reached {
            let key = if channel.kind == "ntfy" { "ntfy_topic" } else { "email" };
            let why = format!("has no recipients of its own, and none of the route's people has an `{key}`");
            return fault(text, format!("nobody would hear this: channel '{}' {why}", channel.name));
        }
    }
    Ok(())
}

fn seconds(value: Option<&Spanned<u32>>, key: &str) -> Checked<Option<u32>> {
    match value {
        Some(s) if *s.get_ref() > 86_400 => fault(s, format!("`{key}` must be at most 86400 seconds")),
        s => Ok(s.map(|s| *s.get_ref())),
    }
}

fn escalation(table: &RouteTable, routes: &[&String]) -> Checked<(Option<i64>, Option<usize>)> {
    let after_s = seconds(table.escalate_after_s.as_ref(), "escalate_after_s")?;
    let (Some(after_s), Some(to)) = (after_s, &table.escalate_to) else {
        return match (&table.escalate_after_s, &table.escalate_to) {
            (Some(at), None) => fault(at, "`escalate_after_s` needs `escalate_to`, the name of a route, beside it"),
            (None, Some(at)) => fault(at, "`escalate_to` needs `escalate_after_s` beside it"),
            _ => Ok((None, None)),
        };
    };
    if to.get_ref() == table.name.get_ref() {
        return fault(to, "a route cannot escalate to itself; name another");
    }
    match routes.iter().position(|name| *name == to.get_ref()) {
        Some(index) => Ok((Some(i64::from(after_s) * 1_000_000), Some(index))),
        None => fault(to, format!("there is no route '{}'; add it as an [[alert.route]]", to.get_ref())),
    }
}

/// Words of an enumeration.
fn words<T: DeserializeOwned>(list: &[Text], key: &str, right: &str) -> Checked<Vec<T>> {
    let word = |text: &Text| {
        let value = serde_json::Value::String(text.get_ref().clone());
        serde_json::from_value(value)
            .or_else(|_| fault(text, format!("{key} '{}' is unknown; use {right}", text.get_ref())))
    };
    list.iter().map(word).collect()
}

fn texts(list: &[Text], reference: fn(String) -> Reference, references: &mut References) -> Vec<String> {
    references.extend(list.iter().map(|text| (text.span().start, reference(text.get_ref().clone()))));
    list.iter().map(|text| text.get_ref().clone()).collect()
}

fn ids<T>(list: &[Text], reference: fn(String) -> Reference, references: &mut References) -> Checked<Vec<T>>
where
    T: std::str::FromStr<Err = base::ids::IdError>,
{
    texts(list, reference, references);
    list.iter().map(|text| text.get_ref().parse().or_else(|e: base::ids::IdError| fault(text, e.to_string()))).collect()
}
