use base::incident::{AlertType, IncidentState, NextCamera, Signed};

use super::*;
use crate::testkit;

/// 2026-11-27 12:00:00 UTC, 13:00 in Berlin.
const NOON: Micros = Micros(1_795_780_800_000_000);

fn notice(reason: Reason, change: impl FnOnce(&mut Alert)) -> Notice {
    let mut alert = testkit::opened_alert(NOON, 400_000);
    alert.after.next = vec![NextCamera {
        camera: testkit::camera("plaza"),
        from: NOON.plus_us(4_000_000),
        until: NOON.plus_us(40_000_000),
        likelihood: 1.0,
    }];
    change(&mut alert);
    Notice {
        id: "n".into(),
        seq: None,
        channel: "siren".into(),
        person: None,
        people: vec![],
        route: "r".into(),
        reason,
        round: 0,
        since: NOON,
        planned_at: NOON,
        due_at: NOON,
        payload: alert.into(),
    }
}

fn say(notice: &Notice, after_s: i64) -> String {
    let timezone = TimeZone::get("Europe/Berlin").unwrap();
    of(notice, &timezone, NOON.plus_us(after_s * 1_000_000)).sentence
}

#[test]
fn an_opening_says_danger_species_place_time_heading_and_next_cameras_in_one_sentence() {
    assert_eq!(
        say(&notice(Reason::Opened, |_| {}), 1),
        "RED: tiger out at path (camera gate), since 13:00:00, heading right, next camera plaza from 13:00:04."
    );
    let unknown = notice(Reason::Opened, |a| {
        (a.after.species, a.after.danger, a.after.zone, a.after.heading) = (None, None, None, None);
        a.after.next.clear();
    });
    assert_eq!(
        say(&unknown, 1),
        "DANGER UNKNOWN: animal that looks like a dog out at camera gate, since 13:00:00, standing."
    );
}

#[test]
fn a_reminder_says_how_long_nobody_has_acknowledged_and_an_all_clear_who_gave_it() {
    assert!(
        say(&notice(Reason::Repeat, |_| {}), 180).starts_with("RED, nobody has acknowledged for 3 min: tiger at path")
    );
    assert!(
        say(&notice(Reason::Escalated, |_| {}), 90)
            .starts_with("RED, passed on to you as nobody has acknowledged for 90 s")
    );
    let over = notice(Reason::Resolved, |a| {
        (a.kind, a.after.state) = (AlertType::Resolved, IncidentState::Resolved);
        let at = NOON.plus_us(600_000_000);
        a.after.resolved = Some(Signed { by: "Kim".into(), at, text: String::new() });
    });
    assert_eq!(
        say(&over, 600),
        "All clear by Kim at 13:10:00: RED, tiger, last at path (camera gate), was out since 13:00:00."
    );
}

#[test]
fn a_drill_and_trouble_of_a_camera_never_sound_like_an_escape() {
    let drill = notice(Reason::Opened, |a| a.after.drill = true);
    assert!(say(&drill, 1).starts_with("DRILL, no real animal is out: RED: tiger"));
    let event = HealthEvent {
        v: 1,
        camera: Some(testkit::camera("gate")),
        state: "black".into(),
        since: NOON,
        at: NOON.plus_us(60_000_000),
        detail: "nothing can be seen".into(),
    };
    let health = |event: HealthEvent| Notice { payload: Payload::Health(event), ..notice(Reason::Health, |_| {}) };
    assert_eq!(
        say(&health(event.clone()), 60),
        "Technical trouble, no animal alarm: camera gate black since 13:00:00: nothing can be seen."
    );
    assert_eq!(
        say(&health(HealthEvent { state: "ok".into(), ..event }), 60),
        "Technical trouble is over, no animal alarm: camera gate works again since 13:00:00."
    );
}

#[test]
fn an_alert_that_comes_late_says_so() {
    let late = notice(Reason::Opened, |a| a.latency_us = 600_000_000);
    assert!(say(&late, 600).ends_with("plaza from 13:00:04, seen 10 min ago."), "{}", say(&late, 600));
}

#[test]
fn all_eight_headings_have_words() {
    let point = |x: f32, y: f32| Point { x, y };
    for (h, words) in [
        (point(1.0, 0.0), "right"),
        (point(-1.0, 0.0), "left"),
        (point(0.0, 1.0), "towards the camera"),
        (point(0.0, -1.0), "away from the camera"),
        (point(0.7, 0.7), "right and towards the camera"),
        (point(-0.7, -0.7), "left and away from the camera"),
    ] {
        assert_eq!(heading(h), words);
    }
}
