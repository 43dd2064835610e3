use base::ids::IncidentId;
use base::incident::{AlertType, Incident, IncidentState, Tier};
use base::time::Micros;
use base::wire::{IncidentAction, IncidentCommand, VERSION};
use vision::Detection;

use super::command::{CommandError, apply};
use super::{Book, IdSource, Params};
use crate::testkit::{CAT, DOG, PERSON, Sim, camera, seconds, site, thing};

const TIGER: &[(u16, f32)] = &[(CAT, 0.4), (DOG, 0.25)];

/// Walks over the whole picture in 10 s, entering at `since_s`.
fn crossing(since_s: f64) -> impl Fn(f64) -> Vec<Detection> {
    move |t| {
        let x = 0.1 * (t - since_s) as f32;
        if (0.0..1.0).contains(&x) { vec![thing(x, TIGER)] } else { vec![] }
    }
}

fn escaped() -> Sim {
    let mut sim = Sim::new();
    sim.play("gate", 0.0, 10.0, crossing(0.0));
    assert_eq!(sim.opened().len(), 1);
    sim
}

fn command(action: IncidentAction) -> IncidentCommand {
    IncidentCommand { v: VERSION, by: "keeper".into(), at: seconds(100.0), action }
}

#[test]
fn the_next_camera_is_named_with_its_times_and_boosted() {
    let mut sim = Sim::new();
    let mut boosted = Vec::new();
    for i in 0..50 {
        let t = f64::from(i) / 5.0;
        let output = sim.picture("gate", t, &crossing(0.0)(t));
        boosted.extend(output.boosts.into_iter().map(|b| (b.camera.to_string(), b.sees_it)));
    }
    let incident = &sim.opened()[0].after;
    let next = &incident.next[0];
    assert_eq!(next.camera, camera("plaza"));
    assert_eq!((next.from.since(incident.opened_at), next.until.since(incident.opened_at)), (4_000_000, 40_000_000));
    assert!(boosted.contains(&("gate".into(), true)), "{boosted:?}");
    assert!(boosted.contains(&("plaza".into(), false)), "{boosted:?}");
    // Not in each picture: a boost lasts for ten seconds.
    assert!(boosted.len() <= 6, "{boosted:?}");
}

#[test]
fn an_animal_that_comes_to_the_linked_camera_in_time_is_the_same_incident() {
    let mut sim = escaped();
    sim.play("plaza", 18.0, 28.0, crossing(18.0));
    assert_eq!(sim.opened().len(), 1);
    let last = &sim.changes.last().unwrap().after;
    assert_eq!(last.camera, camera("plaza"));
    assert_eq!(last.sightings.iter().map(|s| s.camera.as_str()).collect::<Vec<_>>(), ["gate", "plaza"]);
    let updated = sim.alerts(AlertType::Updated);
    assert!(
        updated
            .iter()
            .any(|c| c.before.as_ref().unwrap().camera == camera("gate") && c.after.camera == camera("plaza"))
    );
}

#[test]
fn an_animal_that_comes_too_late_or_on_a_camera_without_a_link_is_another_incident() {
    let mut sim = escaped();
    sim.play("plaza", 80.0, 90.0, crossing(80.0));
    assert_eq!(sim.opened().len(), 2);
    let mut sim = escaped();
    sim.play("far", 18.0, 28.0, crossing(18.0));
    assert_eq!(sim.opened().len(), 2);
}

#[test]
fn two_animals_in_one_picture_are_two_incidents() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 8.0, |t| {
        let x = 0.1 + 0.05 * t as f32;
        vec![thing(x, TIGER), thing(x + 0.3, TIGER)]
    });
    assert_eq!(sim.opened().len(), 2);
}

#[test]
fn an_animal_that_is_lost_and_seen_again_on_its_camera_is_one_incident() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 5.0, crossing(0.0));
    // Behind a house for 20 s, longer than a track lives.
    sim.play("plaza", 25.0, 30.0, |t| vec![thing(0.5 + 0.08 * (t - 25.0) as f32, TIGER)]);
    assert_eq!(sim.opened().len(), 1);
}

#[test]
fn a_visitor_who_takes_an_animals_track_over_does_not_lead_the_incident_away() {
    let mut sim = Sim::new();
    sim.play("gate", 0.0, 9.6, crossing(0.0));
    let left_at = sim.pipeline.book().open().next().unwrap().updated_at;
    sim.play("gate", 9.6, 18.0, |t| vec![thing((0.95 - 0.05 * (t - 9.6)) as f32, &[(PERSON, 0.5)])]);
    assert!(sim.pipeline.book().open().next().unwrap().updated_at.seconds_since(left_at) < 0.5);
    sim.play("plaza", 18.0, 28.0, crossing(18.0));
    assert_eq!(sim.opened().len(), 1);
}

#[test]
fn an_animal_that_takes_a_visitors_track_over_is_followed_all_the_same() {
    let mut sim = escaped();
    let visitor = |t: f64| vec![thing(0.05 + 0.01 * (t - 10.0) as f32, &[(PERSON, 0.6)])];
    sim.play("plaza", 6.0, 18.0, visitor);
    sim.play("plaza", 18.0, 24.0, |t| vec![thing(0.13 + 0.05 * (t - 18.0) as f32, TIGER)]);
    assert_eq!(sim.opened().len(), 1);
}

#[test]
fn an_incident_is_told_once_a_second_at_most_and_seldom_while_it_stands() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 5.0, crossing(0.0));
    let moving = sim.changes.len();
    assert!((2..=7).contains(&moving), "{moving}");
    sim.play("plaza", 5.0, 35.0, |_| vec![thing(0.5, TIGER)]);
    let standing = sim.changes.len() - moving;
    assert!((3..=10).contains(&standing), "{standing}");
}

#[test]
fn a_resolved_incident_is_not_opened_again_by_the_animal_that_is_led_away() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 5.0, crossing(0.0));
    let mut incident = sim.opened()[0].after.clone();
    assert_eq!(apply(&mut incident, &command(IncidentAction::Resolve)), Ok(Some(AlertType::Resolved)));
    sim.pipeline.book().replace(&incident);
    let before = sim.changes.len();
    sim.play("plaza", 5.0, 9.0, crossing(0.0));
    assert_eq!(sim.changes.len(), before);
    assert_eq!(sim.pipeline.book().open().count(), 0);
}

#[test]
fn after_a_restart_the_animal_that_is_still_there_raises_no_second_alarm() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 5.0, crossing(0.0));
    let open: Vec<Incident> = sim.pipeline.book().open().cloned().collect();
    let mut restarted = Sim::new();
    restarted.pipeline.load(open.clone());
    restarted.play("plaza", 12.0, 17.0, |t| vec![thing(0.5 + 0.05 * (t - 12.0) as f32, TIGER)]);
    assert!(restarted.opened().is_empty());
    let last = &restarted.changes.last().unwrap().after;
    assert_eq!((&last.id, last.opened_at), (&open[0].id, open[0].opened_at));
}

#[test]
fn a_watched_track_is_no_alert_and_is_forgotten_when_it_is_gone() {
    let mut sim = Sim::new();
    // Weak: enough for a second look, not yet for an alarm.
    sim.play("plaza", 2.0, 3.0, |t| vec![thing(0.2 * (t - 1.5) as f32, &[(DOG, 0.29)])]);
    assert_eq!(sim.pipeline.book().open().map(|i| i.tier).collect::<Vec<_>>(), [Tier::Watch]);
    assert!(sim.changes.is_empty());
    sim.play("plaza", 3.0, 20.0, |_| vec![]);
    assert_eq!(sim.pipeline.book().open().count(), 0);
}

#[test]
fn an_incident_without_a_sighting_stays_open_with_its_last_place() {
    let mut sim = escaped();
    sim.play("gate", 10.0, 11.0, |_| vec![]);
    sim.picture("gate", 4000.0, &[]);
    let open: Vec<_> = sim.pipeline.book().open().collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].camera, camera("gate"));
}

#[test]
fn commands_change_the_state_once_and_say_what_is_forbidden() {
    let mut incident = escaped().opened()[0].after.clone();
    assert_eq!(apply(&mut incident, &command(IncidentAction::Acknowledge)), Ok(Some(AlertType::Updated)));
    assert_eq!(incident.state, IncidentState::Acknowledged);
    assert_eq!(incident.acknowledged.as_ref().unwrap().by, "keeper");
    assert_eq!(apply(&mut incident, &command(IncidentAction::Acknowledge)), Ok(None));
    let note = |text: &str| command(IncidentAction::Note { text: text.into() });
    assert_eq!(apply(&mut incident, &note("by the kiosk")), Ok(Some(AlertType::Updated)));
    assert!(matches!(apply(&mut incident, &note("  ")), Err(CommandError::Text(_))));
    assert_eq!(apply(&mut incident, &command(IncidentAction::Resolve)), Ok(Some(AlertType::Resolved)));
    assert_eq!(apply(&mut incident, &command(IncidentAction::Resolve)), Ok(None));
    assert_eq!(apply(&mut incident, &command(IncidentAction::Acknowledge)), Err(CommandError::Resolved));
    assert_eq!(apply(&mut incident, &note("found the hole")), Ok(Some(AlertType::Updated)));
    assert_eq!(incident.notes.len(), 2);
    let nobody = IncidentCommand { by: "\t".into(), ..command(IncidentAction::Resolve) };
    assert!(matches!(apply(&mut incident, &nobody), Err(CommandError::Text(_))));
}

#[test]
fn an_empty_book_has_nothing_to_boost() {
    let mut book = Book::new(site(), Params::default(), IdSource::Random);
    assert!(book.boosts(Micros(0)).is_empty());
    assert!(book.get(&IncidentId::new("i1").unwrap()).is_none());
}
