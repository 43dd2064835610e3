//! Pure: which alarm found which event, and which alarms are false (i-LIDS' rule, DESIGN §8).
//!
//! An event is found by the first alarm on its camera in its window: from a second before its start (boxes
//! jitter) to ten seconds after it, and not later than two seconds after its end. One alarm finds one event, so
//! two animals need two. A repeat in the window of a found event is ignored. Every other opened alarm is false;
//! a hand-off to a camera on which nothing is out is counted apart.

use std::collections::BTreeMap;

use base::ids::{CameraId, IncidentId};
use base::incident::{AlertType, Tier};

use super::truth::Event;
use crate::replay::ReplayEvent;

/// An alarm may come so much before an event's start, seconds.
pub const EARLY_S: f64 = 1.0;
/// An alarm must come within so much of an event's start, seconds.
pub const WITHIN_S: f64 = 10.0;
/// and at most so much after its end, seconds.
pub const AFTER_S: f64 = 2.0;
/// An incident that was not told on a camera for longer comes to it anew; while it is seen there it is told at
/// least every five seconds.
const SILENT_S: f64 = 6.0;

/// An alarm on one camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alarm {
    /// Media time, seconds.
    pub t_s: f64,
    /// It opened an incident; else an open incident has come to this camera.
    pub opened: bool,
    /// The place of its event in the replay.
    pub event: usize,
}

/// What is thought of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It found an event.
    Found,
    /// Another one for an event that is found: ignored.
    Repeat,
    /// False: nothing is out.
    Stray,
    /// False: the event that goes on was missed, for this comes after its window.
    Late,
    /// False: the event that goes on was found, and this opens another incident for it after its window.
    Again,
    /// An incident has come to a camera on which nothing is out.
    HandOff,
}

impl Verdict {
    /// It counts as a false alarm.
    pub fn is_false(self) -> bool {
        matches!(self, Verdict::Stray | Verdict::Late | Verdict::Again)
    }
}

/// The alarms of one clip against its events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matched {
    /// For each event the alarm that found it.
    pub found: Vec<Option<usize>>,
    /// For each alarm what is thought of it, and the event that it is about.
    pub verdicts: Vec<(Verdict, Option<usize>)>,
}

/// The alarms of each camera, of the events of a replay: escapes that were opened there or have come there.
pub fn alarms(events: &[ReplayEvent]) -> BTreeMap<CameraId, Vec<Alarm>> {
    let mut alarms: BTreeMap<CameraId, Vec<Alarm>> = BTreeMap::new();
    let mut told: BTreeMap<&IncidentId, BTreeMap<&CameraId, f64>> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        let incident = &event.incident;
        if incident.tier != Tier::Escape || event.kind == AlertType::Resolved {
            continue;
        }
        let t_s = event.t.0 as f64 / 1e6;
        let is_new = !told.contains_key(&incident.id);
        let before = told.entry(&incident.id).or_default().insert(&incident.camera, t_s);
        if is_new || before.is_none_or(|before| t_s - before > SILENT_S) {
            alarms.entry(incident.camera.clone()).or_default().push(Alarm { t_s, opened: is_new, event: index });
        }
    }
    alarms
}

fn deadline(event: &Event) -> f64 {
    (event.start + WITHIN_S).min(event.end + AFTER_S)
}

/// Matches the alarms of a camera, in order of time, with the events of its clip.
pub fn match_up(events: &[Event], alarms: &[Alarm]) -> Matched {
    let mut matched = Matched { found: vec![None; events.len()], verdicts: Vec::new() };
    for (i, alarm) in alarms.iter().enumerate() {
        let in_window = |event: &Event| alarm.t_s >= event.start - EARLY_S && alarm.t_s <= deadline(event);
        let goes_on = |event: &Event| alarm.t_s >= event.start - EARLY_S && alarm.t_s <= event.end + AFTER_S;
        let place = |wanted: &dyn Fn(usize, &Event) -> bool| {
            let fitting = events.iter().enumerate().filter(|(e, event)| wanted(*e, event));
            // The one whose time is up first: so no event is lost that another order would have found.
            fitting.min_by(|a, b| deadline(a.1).total_cmp(&deadline(b.1))).map(|(e, _)| e)
        };
        let verdict = if let Some(e) = place(&|e, event| in_window(event) && matched.found[e].is_none()) {
            matched.found[e] = Some(i);
            (Verdict::Found, Some(e))
        } else if let Some(e) = place(&|_, event| in_window(event)) {
            (Verdict::Repeat, Some(e))
        } else if let Some(e) = place(&|_, event| goes_on(event)) {
            match (alarm.opened, matched.found[e]) {
                (false, _) => (Verdict::Repeat, Some(e)),
                (true, Some(_)) => (Verdict::Again, Some(e)),
                (true, None) => (Verdict::Late, Some(e)),
            }
        } else {
            (if alarm.opened { Verdict::Stray } else { Verdict::HandOff }, None)
        };
        matched.verdicts.push(verdict);
    }
    matched
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(start: f64, end: f64) -> Event {
        Event { start, end, species: "lion".into(), ..Event::default() }
    }

    fn opened(times: &[f64]) -> Vec<Alarm> {
        times.iter().map(|t_s| Alarm { t_s: *t_s, opened: true, event: 0 }).collect()
    }

    fn verdicts(events: &[Event], alarms: &[Alarm]) -> Vec<Verdict> {
        match_up(events, alarms).verdicts.into_iter().map(|(verdict, _)| verdict).collect()
    }

    #[test]
    fn an_alarm_in_the_window_finds_and_its_repeats_are_ignored() {
        let matched = match_up(&[event(10.0, 40.0)], &opened(&[11.0, 14.0, 19.9]));
        assert_eq!(matched.found, [Some(0)]);
        assert_eq!(matched.verdicts[1..], [(Verdict::Repeat, Some(0)), (Verdict::Repeat, Some(0))]);
    }

    #[test]
    fn a_second_before_the_start_is_early_enough_and_more_is_false() {
        assert_eq!(verdicts(&[event(10.0, 40.0)], &opened(&[9.1])), [Verdict::Found]);
        assert_eq!(verdicts(&[event(10.0, 40.0)], &opened(&[8.9])), [Verdict::Stray]);
    }

    #[test]
    fn after_ten_seconds_it_is_too_late_and_false() {
        assert_eq!(verdicts(&[event(10.0, 40.0)], &opened(&[20.1])), [Verdict::Late]);
        assert_eq!(verdicts(&[event(10.0, 40.0)], &opened(&[12.0, 20.1])), [Verdict::Found, Verdict::Again]);
        assert_eq!(verdicts(&[event(10.0, 40.0)], &opened(&[43.0])), [Verdict::Stray]);
    }

    #[test]
    fn a_short_event_can_be_found_two_seconds_after_its_end() {
        assert_eq!(verdicts(&[event(10.0, 11.0)], &opened(&[12.9])), [Verdict::Found]);
        assert_eq!(verdicts(&[event(10.0, 11.0)], &opened(&[13.1])), [Verdict::Stray]);
    }

    #[test]
    fn two_animals_need_two_alarms_and_the_one_whose_time_is_up_first_gets_the_first() {
        let events = [event(10.0, 40.0), event(15.0, 17.0)];
        assert_eq!(match_up(&events, &opened(&[16.0])).found, [None, Some(0)]);
        assert_eq!(match_up(&events, &opened(&[16.0, 17.0])).found, [Some(1), Some(0)]);
    }

    #[test]
    fn an_incident_that_comes_to_a_camera_finds_but_is_no_false_alarm() {
        let came = |t_s| Alarm { t_s, opened: false, event: 0 };
        let found = verdicts(&[event(10.0, 40.0)], &[came(3.0), came(12.0), came(30.0)]);
        assert_eq!(found, [Verdict::HandOff, Verdict::Found, Verdict::Repeat]);
        assert!(found.iter().all(|verdict| !verdict.is_false()));
    }

    /// An alert of the incident with this number.
    fn alert(kind: AlertType, number: u32, camera: &str, t_s: f64, tier: Tier) -> ReplayEvent {
        let text = include_str!("../../../base/testdata/incident.json");
        let mut incident = <base::incident::Incident as base::wire::Form>::from_json(text.as_bytes()).unwrap();
        let mut id = incident.id.to_string();
        id.replace_range(id.len() - 1.., &number.to_string());
        (incident.id, incident.camera, incident.tier) = (id.parse().unwrap(), CameraId::new(camera).unwrap(), tier);
        ReplayEvent { kind, t: base::time::Micros((t_s * 1e6) as i64), incident }
    }

    #[test]
    fn alarms_are_what_is_opened_and_what_comes_to_another_camera_or_back() {
        use AlertType::{Opened, Resolved, Updated};
        let events = [
            alert(Opened, 1, "gate", 3.0, Tier::Escape),
            alert(Updated, 1, "gate", 4.0, Tier::Escape),
            alert(Opened, 2, "gate", 4.5, Tier::Watch),
            alert(Updated, 1, "plaza", 9.0, Tier::Escape),
            alert(Opened, 3, "gate", 12.0, Tier::Escape),
            alert(Updated, 1, "gate", 14.0, Tier::Escape),
            alert(Resolved, 1, "gate", 30.0, Tier::Escape),
        ];
        let alarms = alarms(&events);
        let of = |camera: &str| -> Vec<(f64, bool)> {
            alarms[&CameraId::new(camera).unwrap()].iter().map(|a| (a.t_s, a.opened)).collect()
        };
        assert_eq!(of("gate"), [(3.0, true), (12.0, true), (14.0, false)]);
        assert_eq!(of("plaza"), [(9.0, false)]);
    }
}
