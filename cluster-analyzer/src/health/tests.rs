//! On the packaged street, as it is and as it never was: turned, covered, dark, frozen.

use std::path::Path;
use std::sync::Arc;

use base::health::HealthState;
use base::time::{Clock as _, SimClock};
use base::wire::SourceState;
use media::Picture;

use super::lane::Lane;
use super::picture::Eye;
use super::store::Store;
use super::told::Told;
use super::watch::{self, Watch};
use super::*;
use crate::metrics::Metrics;
use crate::replay::clip::Clip;
use crate::testkit;

/// One camera over time.
struct Sim {
    eye: Eye,
    lane: Lane,
    at: Micros,
    said: Vec<(f64, HealthState)>,
}

impl Sim {
    fn new() -> Self {
        Self { eye: Eye::default(), lane: Lane::new(Micros(0), None), at: Micros(0), said: vec![] }
    }

    fn show(&mut self, picture: &Picture, after_us: i64) {
        self.at = self.at.plus_us(after_us);
        let luma = small::luma(picture).unwrap();
        let (view, _) = self.eye.look(&luma, self.at.0);
        self.lane.look(&Params::default(), view, self.at.plus_us(-200_000), self.at);
        self.judge();
    }

    fn judge(&mut self) {
        if let Some(verdict) = self.lane.judge(&Params::default(), self.at) {
            self.said.push((self.at.0 as f64 / 1e6, verdict.state));
        }
    }

    fn states(&self) -> Vec<HealthState> {
        self.said.iter().map(|(_, state)| *state).collect()
    }
}

/// The street, so many pictures a second, 640 pixels across; `each` is called with the seconds since its start.
fn street(fps: f64, mut each: impl FnMut(f64, Picture)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.setup/footage/vtest.avi");
    let mut clip = Clip::open(&path).unwrap();
    let mut due_s = 0.0;
    while let Some((t, frame)) = clip.next_frame().unwrap() {
        let t_s = t.0 as f64 / 1e6;
        if t_s + 0.01 >= due_s {
            due_s += 1.0 / fps;
            each(t_s, frame.bgr(640));
        }
    }
}

/// Pixels of `picture` changed one by one: column, row, channel, value.
fn changed(picture: &Picture, change: impl Fn(usize, usize, f32) -> f32) -> Picture {
    let width = picture.width as usize;
    let one = |(i, value): (usize, &u8)| {
        let pixel = i / 3;
        change(pixel % width, pixel / width, f32::from(*value)).clamp(0.0, 255.0) as u8
    };
    Picture { bgr: picture.bgr.iter().enumerate().map(one).collect(), ..picture.clone() }
}

/// The part of a picture that begins at (`x`, `y`), 480 x 360.
fn part(picture: &Picture, x: usize, y: usize) -> Picture {
    let stride = picture.width as usize * 3;
    let rows = (y..y + 360).flat_map(|row| &picture.bgr[row * stride + x * 3..row * stride + (x + 480) * 3]);
    Picture { width: 480, height: 360, bgr: rows.copied().collect(), ..picture.clone() }
}

/// Noise that repeats for the same place and time, -1..1.
fn noise(x: usize, y: usize, t: f64) -> f32 {
    let mut n = (x as u32).wrapping_mul(374_761_393) ^ (y as u32).wrapping_mul(668_265_263) ^ ((t * 10.0) as u32) << 7;
    n = (n ^ (n >> 13)).wrapping_mul(1_274_126_177);
    ((n ^ (n >> 16)) & 0xFFFF) as f32 / 32768.0 - 1.0
}

#[test]
fn a_street_with_walkers_is_well_from_beginning_to_end() {
    let (mut sim, mut seldom) = (Sim::new(), Sim::new());
    street(5.0, |t, picture| {
        if ((t * 5.0).round() as u32).is_multiple_of(10) {
            seldom.show(&picture, 2_000_000);
        }
        sim.show(&picture, 200_000);
    });
    assert!(sim.at > Micros(75_000_000) && sim.eye.reference().is_some());
    assert_eq!(sim.states(), [HealthState::Ok]);
    assert_eq!(seldom.states(), [HealthState::Ok]);
}

#[test]
fn night_rain_wind_and_something_large_before_the_camera_raise_nothing() {
    let (mut night, mut rain, mut wind, mut large) = (Sim::new(), Sim::new(), Sim::new(), Sim::new());
    street(2.5, |t, picture| {
        let dusk = ((t - 20.0) / 10.0).clamp(0.0, 1.0) as f32;
        let dim = |x, y, v: f32| v * (1.0 - 0.75 * dusk) + 6.0 * dusk * noise(x, y, t);
        night.show(&changed(&picture, dim), 400_000);
        let streak = |x: usize, y: usize| noise(x, y / 24, t) > 0.97;
        let wet = |x, y, v: f32| if t > 20.0 && streak(x, y) { 0.5 * v + 110.0 } else { 0.8 * v + 25.0 };
        rain.show(&changed(&picture, wet), 400_000);
        let sway = |k: f64| ((t * k).sin() * 2.0).round() as i64;
        let (dx, dy) = ((80 + sway(5.0)) as usize, (60 + sway(3.0)) as usize);
        wind.show(&part(&picture, dx, dy), 400_000);
        // A striped flank, over four fifths of the picture, from 25 s on: it breathes and shifts.
        let shift = (t * 40.0) as usize % 97;
        let flank = |x: usize, y: usize, v: f32| match t > 25.0 && (60..600).contains(&x) && y > 30 {
            true => {
                if (x + y / 3 + shift) % 60 < 25 {
                    40.0
                } else {
                    190.0 + 10.0 * noise(x, y, t)
                }
            }
            false => v,
        };
        large.show(&changed(&picture, flank), 400_000);
    });
    for (sim, what) in [(night, "night"), (rain, "rain"), (wind, "wind"), (large, "a flank")] {
        assert_eq!(sim.said, [(0.4, HealthState::Ok)], "{what}");
    }
}

#[test]
fn a_camera_that_is_turned_covered_darkened_or_frozen_is_told_in_time_and_told_well_again() {
    type Fault = fn(f64, &Picture, &Picture) -> Picture;
    let faults: [(HealthState, f64, Fault); 5] = [
        // By a thirtieth of the picture, as when a ladder touches it.
        (HealthState::Moved, 36.0, |_, p, _| part(p, 56, 52)),
        (HealthState::Moved, 36.0, |_, p, _| part(p, 160, 120)),
        (HealthState::Covered, 13.0, |t, p, _| {
            changed(&part(p, 40, 40), |x, y, _| 90.0 + x as f32 / 20.0 + 3.0 * noise(x, y, t))
        }),
        (HealthState::Black, 8.0, |t, p, _| changed(&part(p, 40, 40), |x, y, _| 4.0 + 3.0 * noise(x, y, t))),
        (HealthState::Frozen, 33.0, |_, _, last| last.clone()),
    ];
    for (state, within_s, fault) in faults {
        let mut sim = Sim::new();
        let mut last = None;
        street(2.5, |t, picture| {
            let well = part(&picture, 40, 40);
            let shown = match 25.0 < t && t < 65.0 {
                true => fault(t, &picture, last.get_or_insert(well)),
                false => well,
            };
            sim.show(&shown, 400_000);
        });
        let [(_, HealthState::Ok), (found_s, found), (well_s, HealthState::Ok)] = sim.said[..] else {
            panic!("{state:?}: {:?}", sim.said);
        };
        assert_eq!(found, state);
        assert!(found_s > 26.0 && found_s < 25.0 + within_s, "{state:?} after {:.1} s", found_s - 25.0);
        assert!(well_s < 80.0, "{state:?} until {well_s:.1}");
    }
}

#[test]
fn an_agent_that_says_goodbye_falls_silent_or_gets_no_pictures_is_offline() {
    let params = Params::default();
    let at = |s: i64| Micros(s * 1_000_000);
    let up = CameraStatus { online: true, source_state: SourceState::Streaming, ..CameraStatus::last_will() };
    let mut lane = Lane::new(at(0), None);
    assert_eq!(lane.judge(&params, at(10)), None, "an agent may need a moment");
    let never = lane.judge(&params, at(16)).unwrap();
    assert_eq!((never.state, never.detail.as_str()), (HealthState::Offline, "no agent has come for it for 16 s"));
    lane.status(&up, at(20));
    assert_eq!(lane.judge(&params, at(20)).unwrap().state, HealthState::Ok);
    lane.status(&CameraStatus::last_will(), at(21));
    assert_eq!(lane.judge(&params, at(21)).unwrap().state, HealthState::Offline, "the last will is believed at once");
    lane.status(&up, at(22));
    assert_eq!(lane.judge(&params, at(22)).unwrap().state, HealthState::Ok);
    assert!(lane.judge(&params, at(38)).unwrap().detail.contains("nothing has been heard of its agent"));
    lane.status(&up, at(40));
    lane.judge(&params, at(40));
    // The analyzer's own connection was down.
    lane.deaf(at(56));
    assert_eq!(lane.judge(&params, at(57)), None);
    lane.status(&up, at(58));
    let down = CameraStatus { source_state: SourceState::Retrying("connection refused".into()), ..up.clone() };
    (59..78).for_each(|s| lane.status(&down, at(s)));
    assert!(lane.judge(&params, at(78)).unwrap().detail.contains("connection refused"));
}

#[test]
fn an_agent_whose_clock_is_off_is_told_and_a_slow_network_is_not() {
    let params = Params::default();
    let view = picture::View { mean: 90.0, bright: 200, ..Default::default() };
    for (offset_s, expected) in [(-2, 1), (-7, 2), (3, 2)] {
        let mut lane = Lane::new(Micros(0), None);
        let mut said = vec![];
        for s in 0..30 {
            let at = Micros(s * 1_000_000);
            lane.look(&params, view, at.plus_us(offset_s * 1_000_000), at);
            said.extend(lane.judge(&params, at));
        }
        assert_eq!(said.len(), expected, "{offset_s}: {said:?}");
        assert!(expected == 1 || said[1].state == HealthState::Clock);
    }
}

#[test]
fn a_reference_outlives_a_restart_until_the_zones_are_drawn_anew_or_somebody_asks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let camera = testkit::camera("gate");
    let clock = Arc::new(SimClock::default());
    let open = || {
        let store = Store::new(crate::ledger::open(&path).unwrap()).unwrap();
        let told = Arc::new(Told::default());
        let watch =
            Watch::new(Params::default(), &testkit::site(), store, Arc::clone(&told), Metrics::new(), clock.clone());
        (watch.unwrap().0, told)
    };
    let mut views: Vec<[Vec<u8>; 2]> = vec![];
    street(2.5, |_, picture| {
        views.push([part(&picture, 40, 40), part(&picture, 160, 120)].map(|p| small::luma(&p).unwrap()));
    });
    let show = |watch: &mut Watch, which: usize, pictures: std::ops::Range<usize>| {
        for view in &views[pictures] {
            let at = clock.now().plus_us(400_000);
            clock.set(at);
            let luma = view[which].clone();
            let camera = camera.clone();
            watch.hear(Heard::Seen { camera, luma, light: Light::Day, captured_at: at, received_at: at });
        }
    };
    let state = |told: &Told| told.get(Some(&camera)).unwrap().state;

    let (mut first, told) = open();
    show(&mut first, 0, 0..40);
    assert_eq!(state(&told), HealthState::Ok);
    drop(first);
    let (mut second, told) = open();
    show(&mut second, 1, 0..80);
    assert_eq!(state(&told), HealthState::Moved);
    drop(second);
    let (mut third, told) = open();
    assert_eq!(state(&told), HealthState::Moved, "known before the first picture");
    third.hear(Heard::Relearn(camera.clone()));
    show(&mut third, 1, 0..80);
    assert_eq!(state(&told), HealthState::Ok);
    drop(third);
    let db = crate::ledger::open(&path).unwrap();
    let store = Store::new(db).unwrap();
    let drawn = &testkit::site().cameras.iter().find(|c| c.id == camera).unwrap().zones.clone();
    assert!(store.reference(&camera, Light::Day, &watch::zones_hash(drawn)).unwrap().is_some());
    assert!(store.reference(&camera, Light::Day, "others").unwrap().is_none());

    let laid = crate::alert::health::undelivered(&crate::ledger::open(&path).unwrap(), "any").unwrap();
    let states: Vec<HealthState> = laid.iter().map(|(_, health)| health.state).collect();
    assert_eq!(states, [HealthState::Ok, HealthState::Moved, HealthState::Ok]);
    let alerts = crate::alert::outbox::undelivered(&crate::ledger::open(&path).unwrap(), "any").unwrap();
    assert!(alerts.is_empty(), "they are no alerts of incidents");
}
