use std::path::Path;
use std::sync::Arc;

use base::geometry::Rect;
use base::ids::IncidentId;
use base::incident::{AlertType, Incident, IncidentState, Rule, Tier};
use base::site::Site;
use base::time::Micros;
use base::wire::{IncidentAction, IncidentCommand, VERSION};
use vision::Detection;

use super::command::{CommandError, apply};
use super::evidence::Frame;
use super::{Book, IdSource, Params, Watched};
use crate::judge;
use crate::pipeline::Pipeline;
use crate::testkit::{CAT, DOG, PERSON, Sim, camera, card, seconds, site, thing};

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
    let Some(Watched::Seen(first)) = sim.watched.first() else { panic!("{:?}", sim.watched) };
    assert_eq!((first.tier, first.reason.rule), (Tier::Watch, Some(Rule::OutsideEnclosures)));
    assert_eq!(sim.watched.last(), Some(&Watched::Gone(first.id.clone())));
    assert!(sim.evidence.is_empty(), "only of escapes");
}

#[test]
fn what_was_watched_and_becomes_an_escape_keeps_its_id() {
    let mut sim = Sim::new();
    sim.play("plaza", 2.0, 3.0, |t| vec![thing(0.2 * (t - 1.5) as f32, &[(DOG, 0.29)])]);
    sim.play("plaza", 3.0, 5.0, |t| vec![thing(0.2 * (t - 1.5) as f32, TIGER)]);
    let Some(Watched::Seen(watched)) = sim.watched.first() else { panic!("{:?}", sim.watched) };
    let opened = sim.opened();
    assert_eq!((opened.len(), &opened[0].after.id), (1, &watched.id));
    assert!(!sim.watched.contains(&Watched::Gone(watched.id.clone())), "it is not gone, it is worse");
}

/// A box of any size whose left edge is at `x` and that stands at 0.6.
fn body(x: f32, w: f32, h: f32) -> Detection {
    Detection::new(Rect { x, y: 0.6 - h, w, h }, TIGER.to_vec())
}

#[test]
fn an_animal_with_two_boxes_is_one_incident_whenever_the_second_one_comes() {
    for later_s in [0.0, 0.4, 1.0, 2.0] {
        let mut sim = Sim::new();
        sim.play("plaza", 0.0, 8.0, |t| {
            let x = 0.1 + 0.06 * t as f32;
            let (rear, front) = (body(x, 0.1, 0.12), body(x + 0.1, 0.09, 0.11));
            if t >= 1.0 + later_s { vec![rear, front] } else { vec![rear] }
        });
        assert_eq!(sim.opened().len(), 1, "second box {later_s} s later");
    }
}

#[test]
fn a_second_animal_that_comes_after_the_first_is_another_incident() {
    for later_s in [0.4, 1.0, 2.0, 5.0] {
        let mut sim = Sim::new();
        sim.play("plaza", 0.0, 10.0, |t| {
            let first = thing(0.1 + 0.05 * t as f32, TIGER);
            let second = thing(0.35 + 0.05 * t as f32, TIGER);
            if t >= 1.0 + later_s { vec![first, second] } else { vec![first] }
        });
        assert_eq!(sim.opened().len(), 2, "second animal {later_s} s later");
    }
}

#[test]
fn two_animals_that_were_taken_for_one_are_two_as_soon_as_they_part() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 10.0, |t| {
        let (slow, fast) = (0.1 + 0.03 * t as f32, 0.12 + 0.09 * (t - 3.0).max(0.0) as f32 + 0.03 * t.min(3.0) as f32);
        if t < 2.0 { vec![thing(slow, TIGER)] } else { vec![thing(slow, TIGER), thing(fast + 0.03, TIGER)] }
    });
    let opened: Vec<f64> = sim.opened().iter().map(|c| c.after.opened_at.seconds_since(Micros(0))).collect();
    assert_eq!(opened.len(), 2, "{opened:?}");
    assert!((3.0..8.0).contains(&opened[1]), "{opened:?}");
}

#[test]
fn two_animals_that_walk_on_to_the_linked_camera_stay_two_incidents() {
    let mut sim = Sim::new();
    sim.play("gate", 0.0, 10.0, |t| {
        let x = 0.1 * t as f32;
        vec![thing(x, TIGER), thing(x - 0.25, TIGER)].into_iter().filter(|d| d.rect.w > 0.05).collect()
    });
    assert_eq!(sim.opened().len(), 2);
    sim.play("plaza", 18.0, 28.0, |t| {
        let x = 0.1 * (t - 18.0) as f32;
        vec![thing(x, TIGER), thing(x - 0.25, TIGER)].into_iter().filter(|d| d.rect.w > 0.05).collect()
    });
    assert_eq!(sim.opened().len(), 2, "none is opened anew");
    let cameras = |i: &Incident| i.sightings.iter().map(|s| s.camera.clone()).collect::<Vec<_>>();
    for incident in sim.pipeline.book().open() {
        let seen_on = cameras(incident);
        assert!(seen_on.contains(&camera("gate")) && seen_on.contains(&camera("plaza")), "{seen_on:?}");
    }
}

#[test]
fn an_animal_that_is_lost_says_so_and_when_it_was_seen_last() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 5.0, crossing(0.0));
    let seen = sim.changes.last().unwrap().after.clone();
    assert!(seen.whereabouts.seen_now && seen.whereabouts.speed_widths_per_s.is_some());
    sim.play("plaza", 5.0, 9.0, |_| vec![]);
    let lost = sim.changes.last().unwrap();
    assert_eq!((lost.alert, lost.after.whereabouts.seen_now), (None, false));
    assert_eq!(lost.after.whereabouts.last_seen, seconds(4.8));
    assert_eq!((lost.after.state, &lost.after.camera), (IncidentState::Open, &camera("plaza")));
    sim.play("plaza", 25.0, 27.0, |t| vec![thing(0.5 + 0.08 * (t - 25.0) as f32, TIGER)]);
    let found = sim.alerts(AlertType::Updated).last().unwrap().after.clone();
    assert!(found.whereabouts.seen_now && found.whereabouts.last_seen >= seconds(25.0));
    assert_eq!(sim.opened().len(), 1);
}

#[test]
fn without_pictures_time_goes_on_all_the_same() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 5.0, crossing(0.0));
    assert!(sim.pipeline.pass(seconds(6.0)).changes.is_empty());
    let changes = sim.pipeline.pass(seconds(9.0)).changes;
    assert_eq!(changes.iter().map(|c| c.after.whereabouts.seen_now).collect::<Vec<_>>(), [false]);
}

#[test]
fn two_cameras_that_see_the_same_animal_do_not_tell_of_it_in_turns() {
    // Views that overlap: no time between them.
    let text = "[site]\nname = \"demo\"\ntimezone = \"UTC\"\n[[camera]]\nid = \"a\"\n[[camera]]\nid = \"b\"\n\
                [[link]]\nfrom = \"a\"\nto = \"b\"\nseconds = [0, 5]\n";
    let site = Arc::new(Site::parse(text, Path::new("site.toml")).unwrap());
    let mut sim = Sim::new();
    sim.pipeline = Pipeline::new(site, card(), judge::Params::default(), IdSource::Counted(0));
    for i in 0..60 {
        let t = f64::from(i) / 5.0;
        sim.picture("a", t, &crossing(0.0)(t));
        sim.picture("b", t, &crossing(4.0)(t));
    }
    assert_eq!(sim.opened().len(), 1);
    let cameras: Vec<String> = sim.alerts(AlertType::Updated).iter().map(|c| c.after.camera.to_string()).collect();
    assert_eq!(cameras, ["b"], "told once, when the first camera has lost it");
}

#[test]
fn an_incident_explains_itself() {
    let sim = escaped();
    let opened = &sim.opened()[0].after;
    assert_eq!(opened.reason.rule, Some(Rule::OutsideEnclosures));
    let why = &opened.reason.why;
    for words in ["Tiger (looks like", "outside every enclosure", "in zone path", "came out of tigers", "% sure"] {
        assert!(why.contains(words), "{why}");
    }
    let frames: Vec<&Frame> = sim.evidence.iter().flat_map(|k| &k.frames).collect();
    assert!(sim.evidence.iter().all(|k| k.incident == opened.id));
    assert!(frames.is_sorted_by(|a, b| a.t < b.t), "each once, in order");
    let decided = frames.iter().find(|f| f.t == opened.opened_at).unwrap();
    assert!(decided.sum >= decided.sum_needed && decided.p_out > 0.5 && decided.score > 0.3, "{decided:?}");
    for word in ["animal", "out-of-place", "moved", "walked-out"] {
        assert!(decided.spoke.iter().any(|w| w == word), "{word}: {decided:?}");
    }
    assert!(frames[0].t < opened.opened_at && frames[0].against.iter().any(|w| w == "at-home"), "{:?}", frames[0]);
    assert!(frames.last().unwrap().t > opened.opened_at);
    let added: f32 = frames.iter().map(|f| f.llr).sum();
    assert!((added - frames.last().unwrap().sum).abs() < 0.05, "the parts add up to the sum");
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
