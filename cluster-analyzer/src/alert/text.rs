//! Pure: what a guard can read out on the radio: danger, species, where, since when, heading, next cameras. One
//! sentence, hours on the zoo's clocks. Trouble of the system and drills never sound like an escape.

use base::geometry::Point;
use base::incident::{Alert, Incident};
use base::time::Micros;
use jiff::tz::TimeZone;

use super::{HealthEvent, Notice, Payload, Reason};

/// The words of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// A few words: a mail's subject, a phone's first line.
    pub title: String,
    /// One sentence.
    pub sentence: String,
}

/// Later than this after its capture an alert says how late it is, µs.
const LATE_US: i64 = 60_000_000;

/// The words of `notice`, told at `now`.
pub fn of(notice: &Notice, timezone: &TimeZone, now: Micros) -> Text {
    let text = match &notice.payload {
        Payload::Incident(alert) => incident(notice, alert, timezone, now),
        Payload::Health(event) => health(event, timezone),
        Payload::Test(event) => Text {
            title: format!("Test of {}", notice.channel),
            sentence: format!(
                "Test of the channel {}, asked for by {} at {}: no animal is out.",
                notice.channel,
                event.by,
                clock(event.at, timezone)
            ),
        },
    };
    let drill = notice.payload.is_drill() && !matches!(notice.payload, Payload::Test(_));
    match drill {
        true => Text {
            title: format!("DRILL: {}", text.title),
            sentence: format!("DRILL, no real animal is out: {}", text.sentence),
        },
        false => text,
    }
}

fn incident(notice: &Notice, alert: &Alert, timezone: &TimeZone, now: Micros) -> Text {
    let incident = &alert.after;
    let danger = danger_word(incident);
    let (animal, place) = (animal(incident), place(incident));
    let by = |signed: &Option<base::incident::Signed>| {
        signed.as_ref().map_or_else(String::new, |s| format!(" by {} at {}", s.by, clock(s.at, timezone)))
    };
    let now_there = situation(incident, timezone);
    let late_us = alert.latency_us;
    let late = match late_us > LATE_US && notice.reason == Reason::Opened {
        true => format!(", seen {} ago", span(now.since(incident.opened_at))),
        false => String::new(),
    };
    let waited = span(now.since(notice.since));
    match notice.reason {
        Reason::Resolved => Text {
            title: format!("All clear: {animal} at {place}"),
            sentence: format!(
                "All clear{}: {danger}, {animal}, last at {place}, was out since {}.",
                by(&incident.resolved),
                clock(incident.opened_at, timezone)
            ),
        },
        Reason::Acknowledged => Text {
            title: format!("Taken: {danger}, {animal} at {place}"),
            sentence: format!("Taken{}: {danger}, {animal} {now_there}.", by(&incident.acknowledged)),
        },
        Reason::Repeat => Text {
            title: format!("STILL OPEN, {danger}: {animal} at {place}"),
            sentence: format!("{danger}, nobody has acknowledged for {waited}: {animal} {now_there}."),
        },
        Reason::Escalated => Text {
            title: format!("ESCALATED, {danger}: {animal} at {place}"),
            sentence: format!(
                "{danger}, passed on to you as nobody has acknowledged for {waited}: {animal} {now_there}."
            ),
        },
        Reason::Updated => Text {
            title: format!("{danger}: {animal} now at {place}"),
            sentence: format!("{danger}: {animal} now {now_there}."),
        },
        _ => Text {
            title: format!("{danger}: {animal} out at {place}"),
            sentence: format!("{danger}: {animal} out {now_there}{late}."),
        },
    }
}

/// Where, since when, whither.
fn situation(incident: &Incident, timezone: &TimeZone) -> String {
    let mut words = format!("at {}, since {}", place(incident), clock(incident.opened_at, timezone));
    words.push_str(&incident.heading.map_or(", standing".to_owned(), |h| format!(", heading {}", heading(h))));
    let next = |n: &base::incident::NextCamera| format!("{} from {}", n.camera, clock(n.from, timezone));
    let next: Vec<String> = incident.next.iter().take(3).map(next).collect();
    match next.len() {
        0 => {}
        1 => words.push_str(&format!(", next camera {}", next[0])),
        _ => words.push_str(&format!(", next cameras {}", next.join(", "))),
    }
    words
}

/// The danger as it is said: in capitals.
pub fn danger_word(incident: &Incident) -> String {
    incident.danger.as_ref().map_or_else(|| "DANGER UNKNOWN".into(), |d| d.to_uppercase())
}

fn animal(incident: &Incident) -> String {
    match &incident.species {
        Some(species) => species.to_string(),
        None => format!("animal that looks like a {}", incident.label),
    }
}

fn place(incident: &Incident) -> String {
    match &incident.zone {
        Some(zone) => format!("{zone} (camera {})", incident.camera),
        None => format!("camera {}", incident.camera),
    }
}

/// A direction in the picture, whose y runs down, that is towards the camera.
fn heading(h: Point) -> &'static str {
    const SECTORS: [&str; 8] = [
        "right",
        "right and towards the camera",
        "towards the camera",
        "left and towards the camera",
        "left",
        "left and away from the camera",
        "away from the camera",
        "right and away from the camera",
    ];
    let eighths = (h.y.atan2(h.x) / std::f32::consts::FRAC_PI_4).round() as i32;
    SECTORS[eighths.rem_euclid(8) as usize]
}

fn health(event: &HealthEvent, timezone: &TimeZone) -> Text {
    let whose = event.camera.as_ref().map_or_else(|| "Paddock".into(), |c| format!("camera {c}"));
    let (state, detail) = (&event.state, event.detail.trim_end_matches('.'));
    let since = clock(event.since, timezone);
    match event.is_over() {
        true => Text {
            title: format!("{whose} works again"),
            sentence: format!("Technical trouble is over, no animal alarm: {whose} works again since {since}."),
        },
        false => Text {
            title: format!("Trouble: {whose} {state}"),
            sentence: format!("Technical trouble, no animal alarm: {whose} {state} since {since}: {detail}."),
        },
    }
}

/// The hour on the zoo's clocks.
fn clock(at: Micros, timezone: &TimeZone) -> String {
    let timestamp = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    timezone.to_datetime(timestamp).strftime("%H:%M:%S").to_string()
}

/// How long, in the largest unit that says enough.
fn span(us: i64) -> String {
    let s = us.max(0) / 1_000_000;
    match s {
        0..120 => format!("{s} s"),
        120..7200 => format!("{} min", s / 60),
        _ => format!("{} h", s / 3600),
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
