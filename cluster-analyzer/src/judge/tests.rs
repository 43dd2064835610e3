use vision::Detection;

use super::Params;
use crate::testkit::{BEAR, BIRD, CAT, DOG, PERSON, Sim, thing};

/// Walks from `x` at `speed` picture widths a second, looking like `scores`.
fn walker(x: f32, speed: f32, scores: &'static [(u16, f32)]) -> impl Fn(f64) -> Vec<Detection> {
    move |t| vec![thing(x + speed * t as f32, scores)]
}

const TIGER: &[(u16, f32)] = &[(CAT, 0.35), (DOG, 0.2)];

#[test]
fn an_animal_that_walks_out_of_its_enclosure_is_an_escape_within_a_second() {
    let mut sim = Sim::new();
    // At x = 0.5 after 4 s.
    sim.play("gate", 0.0, 8.0, walker(0.1, 0.1, TIGER));
    let opened = sim.opened();
    assert_eq!(opened.len(), 1);
    let incident = &opened[0].after;
    assert!((4.0..5.4).contains(&(incident.opened_at.0 as f64 / 1e6)), "{}", incident.opened_at.0);
    assert_eq!(incident.zone.as_ref().unwrap().as_str(), "path");
    assert_eq!((incident.species.as_ref().unwrap().as_str(), incident.danger.as_deref()), ("tiger", Some("red")));
    assert!(incident.confidence > 0.99);
}

#[test]
fn an_animal_that_paces_along_its_own_fence_is_none() {
    let mut sim = Sim::new();
    sim.play("gate", 0.0, 60.0, |t| vec![thing(0.25 + 0.22 * (t * 0.5).sin() as f32, TIGER)]);
    assert!(sim.changes.is_empty());
}

#[test]
fn an_animal_that_the_detector_calls_another_now_and_then_is_at_home_all_the_same() {
    let mut sim = Sim::new();
    let looks: [&[(u16, f32)]; 3] = [TIGER, &[(BEAR, 0.5)], &[(BIRD, 0.4)]];
    sim.play("gate", 0.0, 30.0, |t| vec![thing(0.25 + 0.15 * (t * 0.5).sin() as f32, looks[(t * 5.0) as usize % 3])]);
    assert!(sim.changes.is_empty());
}

#[test]
fn an_inhabitant_that_the_detector_never_calls_by_its_name_is_at_home() {
    let mut sim = Sim::new();
    sim.play("gate", 0.0, 30.0, |t| vec![thing(0.25 + 0.15 * (t * 0.5).sin() as f32, &[(BEAR, 0.6)])]);
    assert!(sim.changes.is_empty());
}

#[test]
fn an_animal_whose_label_no_species_has_is_out_when_it_walks_in_public() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 5.0, walker(0.0, 0.1, &[(BEAR, 0.5)]));
    assert_eq!(sim.opened().len(), 1);
    let incident = &sim.opened()[0].after;
    assert_eq!(
        (incident.label.as_str(), incident.species.as_ref(), incident.danger.as_deref()),
        ("bear", None, Some("red"))
    );
}

#[test]
fn an_intruder_from_outside_is_out_although_it_stands_in_an_enclosure() {
    let mut sim = Sim::new();
    sim.play("gate", 0.0, 8.0, walker(0.55, -0.05, &[(BEAR, 0.5)]));
    assert_eq!(sim.opened().len(), 1);
}

#[test]
fn visitors_are_none_even_when_they_look_a_little_like_dogs() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 20.0, walker(0.0, 0.05, &[(PERSON, 0.6), (DOG, 0.2)]));
    assert!(sim.changes.is_empty());
}

#[test]
fn a_person_beside_an_animal_does_not_silence_it() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 6.0, |t| {
        let x = 0.1 + 0.1 * t as f32;
        vec![thing(x, TIGER), thing(x + 0.09, &[(PERSON, 0.8)])]
    });
    assert_eq!(sim.opened().len(), 1);
}

#[test]
fn what_roams_by_right_is_none() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 20.0, walker(0.0, 0.05, &[(BIRD, 0.6), (DOG, 0.1)]));
    assert!(sim.changes.is_empty());
}

#[test]
fn a_statue_is_none_however_long_it_stands_and_however_its_box_jitters() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 120.0, |t| {
        let noise = |k: f64| (t * k).sin() as f32 * 0.008;
        let mut statue = thing(0.4 + noise(37.0), TIGER);
        statue.rect.h += noise(53.0);
        vec![statue]
    });
    assert!(sim.opened().is_empty());
}

#[test]
fn a_statue_that_is_hidden_now_and_then_is_none() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 120.0, |t| {
        // Every 10 s a visitor walks past and hides it for 3 s.
        let phase = t % 10.0;
        if phase < 3.0 { vec![thing(0.3 + 0.08 * phase as f32, &[(PERSON, 0.7)])] } else { vec![thing(0.4, TIGER)] }
    });
    assert!(sim.opened().is_empty());
}

#[test]
fn an_animal_that_walks_in_and_lies_down_is_an_alarm() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 1.2, walker(0.2, 0.15, &[(DOG, 0.26)]));
    assert!(sim.opened().is_empty(), "too weak so far");
    // It was unseen for a while, and lies there now, better lit.
    sim.play("plaza", 4.0, 9.0, |_| vec![thing(0.4, TIGER)]);
    assert_eq!(sim.opened().len(), 1);
}

#[test]
fn three_weak_pictures_are_not_enough() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 0.6, walker(0.2, 0.3, &[(DOG, 0.3)]));
    assert!(sim.opened().is_empty());
}

#[test]
fn a_lower_false_alarm_rate_asks_for_more() {
    let strict = Params { false_alarm_rate: 1e-6, ..Params::default() };
    assert!(strict.escape_llr() > Params::default().escape_llr() + 6.0);
    assert!(strict.watch_llr() < strict.escape_llr());
}

#[test]
fn the_same_pictures_give_the_same_incidents() {
    let run = || {
        let mut sim = Sim::new();
        sim.play("gate", 0.0, 8.0, walker(0.1, 0.1, TIGER)).play("plaza", 12.0, 16.0, walker(-1.0, 0.1, TIGER));
        sim.changes
    };
    assert_eq!(run(), run());
}

#[test]
fn an_animal_that_was_known_at_home_is_an_escape_two_pictures_after_it_has_stepped_out() {
    let mut sim = Sim::new();
    // Paces for 20 s, then walks out: x = 0.5 at 22 s, clear of the fence's jitter soon after.
    let way = |t: f64| if t < 20.0 { 0.3 + 0.1 * (t * 0.5).sin() } else { 0.3 + 0.1 * (t - 20.0) };
    sim.play("gate", 0.0, 26.0, |t| vec![thing(way(t) as f32, TIGER)]);
    let opened = sim.opened()[0].after.opened_at.0 as f64 / 1e6;
    assert!((22.0..22.9).contains(&opened), "{opened}");
}

/// A visitor of a third of the picture's height, whose feet are on row `y`.
fn visitor(x: f32, y: f32) -> Detection {
    let rect = base::geometry::Rect { x: x - 0.05, y: y - 0.33, w: 0.1, h: 0.33 };
    Detection::new(rect, vec![(PERSON, 0.8)])
}

/// A tiger of `h` of the picture's height on row 0.7.
fn tiger(x: f32, h: f32) -> Detection {
    let rect = base::geometry::Rect { x: x - 0.5 * h, y: 0.7 - h, w: h, h };
    Detection::new(rect, TIGER.to_vec())
}

/// Whether a tiger of `h` that walks through `plaza` is an alarm after a hundred visitors have walked there.
fn alarms(h: f32) -> bool {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 20.0, |t| vec![visitor(0.1 + 0.04 * t as f32, 0.7 + 0.01 * (t as f32).sin())]);
    sim.play("plaza", 30.0, 36.0, |t| vec![tiger(0.2 + 0.1 * (t - 30.0) as f32, h)]);
    !sim.opened().is_empty()
}

#[test]
fn a_plush_tiger_is_none_for_the_people_of_the_picture_give_its_size() {
    // The site's tiger is a metre high and a visitor's height is a third of the picture.
    assert!(alarms(0.2) && alarms(0.14));
    assert!(!alarms(0.05));
}

#[test]
fn a_statue_that_somebody_carries_in_and_puts_down_is_none() {
    let mut sim = Sim::new();
    // Carried for 5 s in the arms of a visitor, then left where it is.
    sim.play("plaza", 0.0, 30.0, |t| {
        let x = 0.2 + 0.08 * t.min(5.0) as f32;
        let bearer = 0.2 + 0.08 * t as f32;
        let statue = base::geometry::Rect { x: x - 0.04, y: 0.5, w: 0.09, h: 0.09 };
        let mut seen = vec![Detection::new(statue, TIGER.to_vec())];
        if bearer < 0.95 {
            seen.push(visitor(bearer, 0.75));
        }
        seen
    });
    assert!(sim.opened().is_empty());
}

#[test]
fn an_animal_that_a_keeper_walks_beside_is_an_escape_all_the_same() {
    let mut sim = Sim::new();
    sim.play("plaza", 0.0, 8.0, |t| {
        let x = 0.1 + 0.08 * t as f32;
        vec![visitor(x, 0.72), tiger(x + 0.06, 0.15)]
    });
    assert_eq!(sim.opened().len(), 1);
}

#[test]
fn where_the_picture_stirs_a_stalking_animal_is_found_earlier() {
    let opened_at = |stirs: bool| {
        let mut sim = Sim::new();
        for i in 0..60 {
            let t = f64::from(i) / 5.0;
            let animal = thing(0.3 + 0.02 * t as f32, TIGER);
            let motion = if stirs { vec![animal.rect] } else { vec![] };
            sim.stirred("plaza", t, &motion, &[animal]);
        }
        sim.opened()[0].after.opened_at.0 as f64 / 1e6
    };
    assert!(opened_at(true) + 0.5 < opened_at(false), "{} {}", opened_at(true), opened_at(false));
}
