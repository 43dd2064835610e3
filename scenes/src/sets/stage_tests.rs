use std::collections::{BTreeMap, HashSet};
use std::path::Path as FilePath;

use base::site::Site;

use crate::plan::SetPlan;
use crate::sets::SetName;
use crate::truth::{self, ClipTruth};

const LARGE: [SetName; 8] = [
    SetName::Escapes,
    SetName::Walkers,
    SetName::Night,
    SetName::Weather,
    SetName::Decoys,
    SetName::Crossing,
    SetName::Crowd,
    SetName::Drill,
];

fn truth_of(plan: &SetPlan) -> Vec<ClipTruth> {
    let site = Site::parse(&plan.site.to_toml("").unwrap(), FilePath::new("site.toml")).unwrap();
    truth::of(plan, &site)
}

#[test]
fn every_set_has_its_clips_and_events_for_every_seed() {
    for seed in 0..20 {
        let (mut events, mut species, mut quiet_s, mut all_s) = (0, HashSet::new(), 0.0, 0.0);
        for set in LARGE {
            let plan = set.plan(seed);
            let truth = truth_of(&plan);
            let count: usize = truth.iter().map(|clip| clip.events.len()).sum();
            let (clips, wanted) = match set {
                SetName::Escapes => (70, 72..=74),
                SetName::Walkers => (45, 0..=0),
                SetName::Night => (36, 24..=24),
                SetName::Weather => (48, 32..=32),
                SetName::Decoys => (110, 0..=0),
                SetName::Crossing => (24, 27..=27),
                SetName::Crowd => (34, 20..=20),
                _ => (6, 6..=6),
            };
            assert_eq!(plan.clips.len(), clips, "{set} {seed}");
            assert!(wanted.contains(&count), "{set} {seed}: {count} events");
            let cameras: HashSet<_> = plan.clips.iter().map(|clip| &clip.camera).collect();
            assert_eq!(cameras.len(), clips, "{set} {seed}: a camera has two clips");
            assert!(plan.clips.iter().all(|clip| clip.view.is_inside()), "{set} {seed}");
            events += count;
            species.extend(truth.iter().flat_map(|clip| &clip.events).map(|event| event.species.clone()));
            for (clip, truth) in plan.clips.iter().zip(&truth) {
                all_s += clip.seconds();
                quiet_s += if truth.events.is_empty() { clip.seconds() } else { 0.0 };
            }
        }
        assert!(events >= 165, "seed {seed}: {events} events");
        assert!(species.len() >= 25, "seed {seed}: {} species", species.len());
        assert!(quiet_s >= 115.0 * 60.0, "seed {seed}: {quiet_s} s without an event");
        assert!(all_s <= 175.0 * 60.0, "seed {seed}: {all_s} s in all");
    }
}

#[test]
fn an_event_is_long_enough_to_be_seen_and_its_animal_large_enough() {
    let mut sizes: BTreeMap<u32, u32> = BTreeMap::new();
    for seed in 0..20 {
        for set in LARGE {
            let plan = set.plan(seed);
            for (clip, truth) in plan.clips.iter().zip(truth_of(&plan)) {
                for event in &truth.events {
                    let (speed, lasts_s) = (event.speed_m_s.unwrap(), event.end - event.start);
                    assert!(lasts_s >= if speed > 1.5 { 1.75 } else { 4.0 }, "{set} {seed} {}: {event:?}", truth.clip);
                    let out_s = event.ground_out.expect("it comes out with all of its body");
                    assert!((event.start..event.end).contains(&out_s), "{set} {seed} {}: {event:?}", truth.clip);
                    assert!(event.start >= 1.4, "{set} {seed} {}: {event:?}", truth.clip);
                    assert!((0.25..6.5).contains(&speed), "{set} {seed} {}: {event:?}", truth.clip);
                    let size_px = event.size_px.unwrap();
                    assert!((18.0..330.0).contains(&size_px), "{set} {seed} {}: {event:?}", truth.clip);
                    *sizes.entry(size_px.log2() as u32).or_default() += 1;
                }
                assert!(clip.seconds() <= if truth.events.is_empty() { 60.0 } else { 49.0 });
            }
        }
    }
    // From small to large, every doubling of the size is well represented.
    let all: u32 = sizes.values().sum();
    assert!([5, 6, 7].iter().all(|octave| sizes.get(octave).is_some_and(|n| n * 8 >= all)), "{sizes:?}");
}

#[test]
fn a_set_is_the_same_for_the_same_seed_and_another_for_another() {
    for set in LARGE {
        assert_eq!(set.plan(7), set.plan(7));
        assert_ne!(set.plan(7), set.plan(8));
    }
}

#[test]
fn only_clips_of_one_scene_are_linked() {
    let plan = SetName::Crossing.plan(3);
    let site = Site::parse(&plan.site.to_toml("").unwrap(), FilePath::new("site.toml")).unwrap();
    let scene = |camera| plan.clips.iter().find(|clip| &clip.camera == camera).and_then(|clip| clip.scene.clone());
    assert!(site.links.len() >= 20);
    assert!(site.links.iter().all(|link| scene(&link.from).is_some() && scene(&link.from) == scene(&link.to)));
}
