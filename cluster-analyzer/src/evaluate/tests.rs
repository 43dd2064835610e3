use base::ids::CameraId;

use super::figures::{Apes, ClipScore, EventScore, figures, quiet_s, size_class, tables};
use super::limits::Limits;
use super::matching::Verdict;
use super::truth::Event;
use super::{report, text};
use crate::replay::line::Line;

fn event(start: f64, end: f64, ape: bool) -> Event {
    let species = if ape { "gorilla" } else { "lion" }.to_owned();
    Event { start, end, species, ground_out: Some(start + 0.5), size_px: Some(70.0), entry: None, ape }
}

fn alarm(verdict: Verdict, ape: bool) -> super::figures::AlarmScore {
    let line = r#"{"type":"opened","incident":"i1","tier":"escape","camera":"gate","t":12.4,"label":"bear","species":null,
        "danger":null,"zone":null,"box":[0,0,0.1,0.1],"confidence":0.98}"#;
    super::figures::AlarmScore { verdict, ape, line: serde_json::from_str::<Line>(line).unwrap() }
}

/// Four clips of half an hour: a found lion, a missed lion with a late alarm, a missed gorilla with another, and
/// one with nothing but a stray alarm.
fn clips() -> Vec<ClipScore> {
    let clip = |scene: usize, events: Vec<(Event, Option<f64>)>, verdicts: &[(Verdict, bool)]| ClipScore {
        set: "night".into(),
        clip: format!("{scene}.mp4"),
        camera: CameraId::new("gate").unwrap(),
        scene,
        conditions: if scene == 0 { vec!["rain".into()] } else { vec![] },
        camera_s: 1800.0,
        quiet_s: quiet_s(1800.0, &events.iter().map(|(e, _)| e.clone()).collect::<Vec<_>>()),
        pictures: 100,
        events: events.into_iter().map(|(event, found_at)| EventScore { event, found_at }).collect(),
        alarms: verdicts.iter().map(|(verdict, ape)| alarm(*verdict, *ape)).collect(),
    };
    vec![
        clip(0, vec![(event(10.0, 100.0, false), Some(11.3))], &[(Verdict::Found, false), (Verdict::Repeat, false)]),
        clip(1, vec![(event(10.0, 100.0, false), None)], &[(Verdict::Late, false)]),
        clip(2, vec![(event(10.0, 100.0, true), None)], &[(Verdict::Late, true)]),
        clip(3, vec![], &[(Verdict::Stray, false), (Verdict::HandOff, false)]),
    ]
}

#[test]
fn figures_are_those_computed_by_hand() {
    let f = figures(&clips(), Apes::Without, |_, _| true);
    assert_eq!((f.events, f.found, f.false_alarms, f.late, f.again, f.false_hand_offs), (2, 1, 2, 1, 0, 1));
    assert_eq!((f.recall.value, f.precision.value), (Some(0.5), Some(1.0 / 3.0)));
    // 1.65 * 0.5 * 0.3333 / (0.5 + 0.65 * 0.3333) = 0.3837.
    assert!((f.f1.value.unwrap() - 0.383_72).abs() < 1e-4, "{:?}", f.f1);
    assert_eq!((f.camera_hours, f.false_per_camera_hour.value), (2.0, Some(1.0)));
    assert!((f.quiet_hours - (7200.0 - 270.0) / 3600.0).abs() < 1e-9);
    assert!((f.from_out_s.p50.value.unwrap() - 0.8).abs() < 1e-9);
    assert!((f.from_start_s.p95.value.unwrap() - 1.3).abs() < 1e-9);
}

#[test]
fn apes_are_counted_apart_and_with_the_others() {
    let with = figures(&clips(), Apes::With, |_, _| true);
    assert_eq!((with.events, with.found, with.false_alarms), (3, 1, 3));
    let only = figures(&clips(), Apes::Only, |_, _| true);
    assert_eq!((only.events, only.found, only.recall.value), (1, 0, Some(0.0)));
}

#[test]
fn tables_have_a_row_for_each_name() {
    let tables = tables(&clips());
    let row = |by: &str, name: &str| {
        let table = tables.iter().find(|table| table.by == by).unwrap();
        let row = table.rows.iter().find(|row| row.name == name);
        row.unwrap_or_else(|| panic!("{by} has no {name}: {table:?}")).clone()
    };
    assert_eq!((row("set", "night").events, row("set", "night").false_alarms), (2, Some(2)));
    assert_eq!((row("condition", "rain").found, row("condition", "none").events), (1, 1));
    assert_eq!(row("species", "gorilla (ape)").events, 1);
    assert_eq!((row("size", "60 to 100 px").events, row("entry", "unknown").found), (2, 1));
    let text = text::table(&tables[0]);
    assert!(text.contains("by set") && text.contains("night"), "{text}");
    assert_eq!(
        [Some(59.9), Some(60.0), Some(160.0), Some(161.0)].map(size_class)[..2],
        ["under 60 px", "60 to 100 px"]
    );
    assert_eq!([Some(160.0), Some(161.0)].map(size_class), ["100 to 160 px", "over 160 px"]);
}

#[test]
fn time_with_something_out_is_counted_once() {
    let events = [event(10.0, 20.0, false), event(15.0, 30.0, false), event(90.0, 130.0, false)];
    assert_eq!(quiet_s(100.0, &events), 70.0);
}

#[test]
fn limits_tell_what_is_worse_and_nothing_else() {
    let f = figures(&clips(), Apes::Without, |_, _| true);
    let faults = |text: &str| Limits::parse(text).unwrap().faults(&f);
    assert!(faults("recall = 0.5\nf1 = 0.384\nfalse_alarms = 2\nevents = 2\np50_s = 0.8").is_empty());
    assert!(faults("recall = 0.6")[0].contains("recall is 0.500 and must be at least 0.6"));
    assert_eq!(faults("false_alarms = 1\np95_s = 0.5\nprecision = 0.9\nf1 = 0.9\nevents = 3").len(), 5);
    assert!(Limits::parse("recal = 1").unwrap_err().1.contains("recal"));
}

#[test]
fn alarms_are_written_as_lines_with_their_verdict() {
    let lines = report::alarm_lines(&clips());
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        (first["verdict"].as_str(), first["t"].as_f64(), first["set"].as_str()),
        (Some("found"), Some(12.4), Some("night"))
    );
    assert!(lines.contains("hand-off"));
}
