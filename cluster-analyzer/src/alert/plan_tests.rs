use base::incident::Signed;
use base::site::ZoneKind;
use base::time::{Clock as _, SimClock};
use jiff::tz::TimeZone;

use super::*;
use crate::alert::HealthEvent;
use crate::alert::rules::{ChannelInfo, Hours};
use crate::testkit;

const S: i64 = 1_000_000;
/// 2026-11-27, a Friday, 12:00 UTC.
const NOON: Micros = Micros(1_795_780_800 * S);

fn route(name: &str, channel: &str) -> Route {
    Route {
        name: name.into(),
        channels: vec![channel.into()],
        people: vec![],
        events: vec![EventType::Opened, EventType::Resolved, EventType::Health],
        danger: vec![],
        tier: vec![],
        zone_kind: vec![],
        zone: vec![],
        camera: vec![],
        species: vec![],
        drill: None,
        hours: vec![],
        repeat_every_us: None,
        escalate_after_us: None,
        escalate_to: None,
    }
}

/// A plan, and a clock that stands until it is moved.
struct Desk {
    plan: Plan,
    clock: SimClock,
    seq: i64,
}

impl Desk {
    fn new(routes: Vec<Route>, at: Micros) -> Self {
        let channel = |name: &str| ChannelInfo { name: name.into(), kind: "webhook", has_own_recipients: true };
        let rules = Rules {
            timezone: TimeZone::UTC,
            channels: ["guards", "chief", "office"].map(channel).to_vec(),
            routes,
            people: vec![],
            quiet_hours: vec![Hours::parse("22:00-06:00").unwrap()],
            quiet_for: vec!["yellow".into()],
        };
        Self { plan: Plan::new(Arc::new(rules), testkit::site()), clock: SimClock::at(at), seq: 0 }
    }

    fn later(&mut self, seconds: i64) -> Vec<String> {
        self.clock.set(self.clock.now().plus_us(seconds * S));
        let steps = self.plan.due(self.clock.now());
        told(steps)
    }

    fn take(&mut self, alert: &Alert) -> Vec<String> {
        told(self.steps(alert))
    }

    fn steps(&mut self, alert: &Alert) -> Vec<Step> {
        self.seq += 1;
        let queued = Queued { seq: Some(self.seq), payload: alert.clone().into() };
        self.plan.take(&queued, self.clock.now())
    }
}

fn told(steps: Vec<Step>) -> Vec<String> {
    let line = |step: Step| match step {
        Step::Tell(n) => format!("{} {}{}", n.channel, n.reason.as_str(), n.round),
        Step::Calm(_) => "calm".into(),
    };
    steps.into_iter().map(line).collect()
}

fn opened(at: Micros, danger: &str) -> Alert {
    let mut alert = testkit::opened_alert(at, 0);
    alert.after.danger = Some(danger.into());
    alert
}

fn then(before: &Alert, kind: AlertType, state: IncidentState, at: Micros) -> Alert {
    let mut alert = Alert { kind, at, before: Some(before.after.clone()), ..before.clone() };
    alert.after.state = state;
    let signed = Some(Signed { by: "Kim".into(), at, text: String::new() });
    match state {
        IncidentState::Open => {}
        IncidentState::Acknowledged => alert.after.acknowledged = signed,
        IncidentState::Resolved => alert.after.resolved = signed,
    }
    alert
}

#[test]
fn what_nobody_acknowledges_is_repeated_and_acknowledging_stops_it() {
    let mut desk = Desk::new(vec![Route { repeat_every_us: Some(60 * S), ..route("r", "guards") }], NOON);
    let alert = opened(NOON, "red");
    assert_eq!(desk.take(&alert), ["guards opened0"]);
    assert_eq!(desk.plan.next_due(), Some(NOON.plus_us(60 * S)));
    assert_eq!(desk.later(59), Vec::<String>::new());
    assert_eq!(desk.later(1), ["guards repeat1"]);
    assert_eq!(desk.later(60), ["guards repeat2"]);
    let acknowledged = then(&alert, AlertType::Updated, IncidentState::Acknowledged, desk.clock.now());
    assert_eq!(desk.take(&acknowledged), ["calm"]);
    assert_eq!(desk.plan.next_due(), None);
    assert_eq!(desk.later(600), Vec::<String>::new());
    let resolved = then(&acknowledged, AlertType::Resolved, IncidentState::Resolved, desk.clock.now());
    assert_eq!(desk.take(&resolved), ["calm", "guards resolved0"]);
    assert_eq!(desk.plan.following().count(), 0);
}

#[test]
fn what_nobody_acknowledges_is_passed_on_to_the_next_route_once_which_repeats_too() {
    let first = Route { escalate_after_us: Some(300 * S), escalate_to: Some(1), ..route("first", "guards") };
    let next = Route { events: vec![EventType::Escalated], repeat_every_us: Some(120 * S), ..route("next", "chief") };
    let mut desk = Desk::new(vec![first, next], NOON);
    assert_eq!(desk.take(&opened(NOON, "red")), ["guards opened0"]);
    assert_eq!(desk.later(299), Vec::<String>::new());
    assert_eq!(desk.later(1), ["chief escalated0"]);
    assert_eq!(desk.later(119), Vec::<String>::new());
    assert_eq!(desk.later(1), ["chief repeat1"]);
    assert_eq!(desk.later(500), ["chief repeat2"]);
}

#[test]
fn quiet_hours_hold_yellow_and_pass_red() {
    let night = NOON.plus_us(11 * 3600 * S);
    let mut desk = Desk::new(vec![Route { repeat_every_us: Some(60 * S), ..route("r", "guards") }], night);
    let due = |steps: Vec<Step>| match &steps[..] {
        [Step::Tell(notice)] => notice.due_at,
        other => panic!("{other:?}"),
    };
    let yellow = opened(night, "yellow");
    let morning = night.plus_us(7 * 3600 * S);
    assert_eq!(due(desk.steps(&yellow)), morning, "held until 06:00");
    assert_eq!(desk.later(3600), Vec::<String>::new(), "what is held is not repeated");
    let red = opened(night.plus_us(1), "red");
    assert_eq!(due(desk.steps(&red)), desk.clock.now());
    assert_eq!(desk.later(60), ["guards repeat1"], "the red one alone");
}

#[test]
fn what_turns_out_to_be_red_in_quiet_hours_is_told_at_once() {
    let night = NOON.plus_us(11 * 3600 * S);
    let mut desk = Desk::new(vec![route("r", "guards")], night);
    let yellow = opened(night, "yellow");
    desk.take(&yellow);
    let mut red = then(&yellow, AlertType::Updated, IncidentState::Open, night.plus_us(5 * S));
    red.after.danger = Some("red".into());
    let steps = desk.steps(&red);
    assert!(matches!(&steps[..], [Step::Tell(n)] if n.reason == Reason::Opened && n.due_at == night), "{steps:?}");
}

#[test]
fn a_route_hears_of_an_incident_once_it_meets_its_conditions_and_of_its_end_if_it_heard_of_it() {
    let office = Route { zone_kind: vec![ZoneKind::Public], ..route("office", "office") };
    let mut desk = Desk::new(vec![route("all", "guards"), office], NOON);
    let mut alert = opened(NOON, "red");
    alert.after.zone = Some("yard".parse().unwrap());
    assert_eq!(desk.take(&alert), ["guards opened0"]);
    let mut moved = then(&alert, AlertType::Updated, IncidentState::Open, NOON.plus_us(S));
    moved.after.zone = Some("path".parse().unwrap());
    assert_eq!(desk.take(&moved), ["office opened0"]);
    assert_eq!(desk.take(&moved), Vec::<String>::new());
    let over = then(&moved, AlertType::Resolved, IncidentState::Resolved, NOON.plus_us(2 * S));
    assert_eq!(desk.take(&over), ["calm", "guards resolved0", "office resolved0"]);
}

#[test]
fn two_routes_that_reach_the_same_channel_tell_it_once() {
    let mut desk = Desk::new(vec![route("a", "guards"), route("b", "guards")], NOON);
    assert_eq!(desk.take(&opened(NOON, "red")), ["guards opened0"]);
}

#[test]
fn after_a_restart_it_goes_on_where_it_was() {
    let routes = || vec![Route { repeat_every_us: Some(60 * S), ..route("r", "guards") }];
    let alert = opened(NOON, "red");
    let mut desk = Desk::new(routes(), NOON.plus_us(100 * S));
    let told = Told { first: NOON, last: NOON.plus_us(60 * S), rounds: 1, escalated: false };
    desk.plan.restore(Some(7), alert.clone(), &[("r".to_owned(), told), ("gone".to_owned(), told)]);
    assert_eq!(desk.later(19), Vec::<String>::new());
    assert_eq!(desk.later(1), ["guards repeat2"]);
}

#[test]
fn the_same_notice_has_the_same_id_however_often_it_is_decided() {
    let ids = || -> Vec<String> {
        let mut desk = Desk::new(vec![route("r", "guards")], NOON);
        let steps = desk.steps(&opened(NOON, "red"));
        steps.iter().map(|s| if let Step::Tell(n) = s { n.id.clone() } else { String::new() }).collect()
    };
    assert_eq!(ids(), ids());
}

#[test]
fn trouble_of_a_camera_goes_to_routes_for_it_and_is_never_repeated() {
    let deaf = Route { events: vec![EventType::Opened], ..route("deaf", "chief") };
    let hears = Route { danger: vec!["yellow".into()], repeat_every_us: Some(S), ..route("r", "guards") };
    let mut desk = Desk::new(vec![deaf, hears], NOON);
    let event = HealthEvent {
        v: 1,
        camera: Some(testkit::camera("gate")),
        state: "black".into(),
        since: NOON,
        at: NOON,
        detail: "nothing can be seen".into(),
    };
    let steps = desk.plan.take(&Queued { seq: Some(1), payload: Payload::Health(event) }, NOON);
    assert_eq!(told(steps), ["guards health0"]);
    assert_eq!(desk.later(3600), Vec::<String>::new());
}
