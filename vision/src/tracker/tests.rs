use proptest::prelude::*;

use super::*;

const PERSON: u16 = 0;
const CAT: u16 = 1;
const DOG: u16 = 2;

fn params() -> TrackerParams {
    TrackerParams { groups: vec![Group::Person, Group::Animal, Group::Animal, Group::Vehicle], ..Default::default() }
}

fn at(cx: f32, cy: f32) -> Rect {
    Rect { x: cx - 0.05, y: cy - 0.05, w: 0.1, h: 0.1 }
}

fn seen(label: u16, rect: Rect, score: f32) -> Detection {
    Detection::new(rect, vec![(label, score)])
}

/// Time of frame `i` at 5 fps.
fn frame(i: i64) -> Micros {
    Micros(1_700_000_000_000_000 + i * 200_000)
}

/// The track whose box is nearest to `cx`.
fn nearest(tracks: &[Track], cx: f32) -> &Track {
    let distance = |track: &&Track| (track.rect.center().x - cx).abs();
    tracks.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
}

#[test]
fn a_walker_is_one_confirmed_track_with_its_velocity_and_way() {
    let mut tracker = Tracker::new(params());
    let mut last = Track::default();
    for i in 0..20 {
        let tracks = tracker.update(frame(i), &[seen(CAT, at(0.2 + 0.02 * i as f32, 0.5), 0.6)]);
        assert_eq!(tracks.len(), 1);
        assert_eq!(tracks[0].confirmed, i > 0);
        last = tracks[0].clone();
    }
    assert_eq!((last.id, last.hits, last.first_seen, last.last_seen), (1, 20, frame(0), frame(19)));
    assert!((last.velocity.x - 0.1).abs() < 0.01, "{:?}", last.velocity);
    assert!((last.moved - 0.38).abs() < 0.01, "{}", last.moved);
    assert!((last.class_scores[0].1 - 0.6).abs() < 1e-5);
}

#[test]
fn two_animals_that_cross_keep_their_ids() {
    let mut tracker = Tracker::new(params());
    for i in 0..=40 {
        let step = 0.015 * i as f32;
        let (right, left) = (0.2 + step, 0.8 - step);
        let boxes = [seen(CAT, at(right, 0.50), 0.6), seen(DOG, at(left, 0.54), 0.6)];
        let tracks = tracker.update(frame(i), &boxes);
        assert_eq!(tracks.len(), 2, "frame {i}");
        if (right - left).abs() > 0.05 {
            assert_eq!(nearest(&tracks, right).id, 1, "frame {i}");
            assert_eq!(nearest(&tracks, left).id, 2, "frame {i}");
        }
    }
}

#[test]
fn two_animals_that_merge_into_one_box_for_a_moment_keep_their_ids() {
    let mut tracker = Tracker::new(params());
    for i in 0..=40 {
        let step = 0.015 * i as f32;
        let (right, left) = (0.2 + step, 0.8 - step);
        let boxes: Vec<_> = match (right - left).abs() < 0.06 {
            true => vec![seen(CAT, at((right + left) / 2.0, 0.5), 0.6)],
            false => vec![seen(CAT, at(right, 0.5), 0.6), seen(CAT, at(left, 0.5), 0.6)],
        };
        let tracks = tracker.update(frame(i), &boxes);
        if (right - left).abs() > 0.2 {
            assert_eq!(nearest(&tracks, right).id, 1, "frame {i}");
            assert_eq!(nearest(&tracks, left).id, 2, "frame {i}");
        }
    }
}

#[test]
fn an_animal_behind_a_tree_for_a_second_is_the_same_afterwards() {
    let mut tracker = Tracker::new(params());
    for i in 0..30 {
        let hidden = (12..17).contains(&i);
        let boxes = [seen(CAT, at(0.2 + 0.02 * i as f32, 0.5), 0.6)];
        let tracks = tracker.update(frame(i), if hidden { &[] } else { &boxes });
        assert!(hidden || tracks[0].id == 1, "frame {i}");
        if hidden {
            let lost = tracker.tracks().next().unwrap();
            assert!(!lost.is_seen() && (lost.rect.center().x - 0.2 - 0.02 * i as f32).abs() < 0.03, "{lost:?}");
        }
    }
    assert!(tracker.take_ended().is_empty());
}

#[test]
fn an_animal_that_stops_behind_a_tree_is_the_same_afterwards() {
    let mut tracker = Tracker::new(params());
    let x = |i: i64| 0.2 + 0.02 * i.min(11) as f32;
    for i in (0..30).filter(|i| !(12..17).contains(i)) {
        let tracks = tracker.update(frame(i), &[seen(CAT, at(x(i), 0.5), 0.6)]);
        assert_eq!(tracks[0].id, 1, "frame {i}");
    }
}

#[test]
fn a_weak_box_carries_a_track_on_but_begins_none() {
    let mut tracker = Tracker::new(params());
    for i in 0..5 {
        assert!(tracker.update(frame(i), &[seen(CAT, at(0.5, 0.5), 0.12)]).is_empty());
    }
    tracker.update(frame(5), &[seen(CAT, at(0.5, 0.5), 0.5)]);
    for i in 6..40 {
        let tracks = tracker.update(frame(i), &[seen(CAT, at(0.5, 0.5), 0.12), seen(CAT, at(0.1, 0.1), 0.05)]);
        assert_eq!(tracks.iter().map(|t| t.id).collect::<Vec<_>>(), [1], "frame {i}");
    }
}

#[test]
fn a_box_whose_labels_are_weak_one_by_one_begins_a_track_when_they_are_animals_together() {
    let unsure = Detection::new(at(0.5, 0.5), vec![(CAT, 0.18), (DOG, 0.16)]);
    let mut tracker = Tracker::new(params());
    assert_eq!(tracker.update(frame(0), std::slice::from_ref(&unsure)).len(), 1);
    let mut without_groups = Tracker::new(TrackerParams::default());
    assert!(without_groups.update(frame(0), &[unsure]).is_empty());
}

#[test]
fn a_tiger_that_is_a_cat_a_dog_and_once_a_person_is_one_track_with_all_scores() {
    let mut tracker = Tracker::new(params());
    for (i, label) in [CAT, DOG, CAT, PERSON, DOG, CAT].into_iter().enumerate() {
        let tracks = tracker.update(frame(i as i64), &[seen(label, at(0.4, 0.5), 0.4)]);
        assert_eq!(tracks[0].id, 1);
    }
    let track = tracker.finish().remove(0);
    let labels: Vec<_> = track.class_scores.iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, [CAT, DOG, PERSON]);
    assert!((track.class_scores[0].1 - 0.2).abs() < 1e-5, "{track:?}");
}

#[test]
fn a_walker_who_passes_before_an_animal_does_not_take_its_track() {
    let mut tracker = Tracker::new(params());
    for i in 0..=30 {
        let walker = 0.2 + 0.02 * i as f32;
        let hidden = (walker - 0.5).abs() < 0.05;
        let mut boxes = vec![seen(PERSON, at(walker, 0.5), 0.7)];
        if !hidden {
            boxes.push(seen(CAT, at(0.5, 0.5), 0.5));
        }
        for track in tracker.update(frame(i), &boxes) {
            let is_walker = track.last_detection.as_ref().unwrap().label == PERSON;
            assert_eq!(track.id, if is_walker { 1 } else { 2 }, "frame {i}");
        }
    }
}

#[test]
fn a_walker_who_comes_in_where_an_animal_went_out_is_a_track_of_its_own() {
    let mut tracker = Tracker::new(params());
    for i in 0..10 {
        tracker.update(frame(i), &[seen(CAT, at(0.77 + 0.02 * i as f32, 0.5), 0.5)]);
    }
    let tracks = tracker.update(frame(14), &[seen(PERSON, at(0.94, 0.5), 0.7)]);
    assert_eq!(tracks[0].id, 2);
}

#[test]
fn an_ape_that_is_now_a_person_and_now_a_bear_is_one_track() {
    let mut tracker = Tracker::new(params());
    for i in 0..20 {
        let scores = if i % 3 == 0 { vec![(PERSON, 0.6), (CAT, 0.2)] } else { vec![(CAT, 0.4), (PERSON, 0.3)] };
        let tracks = tracker.update(frame(i), &[Detection::new(at(0.2 + 0.03 * i as f32, 0.5), scores)]);
        assert_eq!(tracks[0].id, 1, "frame {i}");
    }
}

#[test]
fn a_track_ends_two_seconds_after_it_was_seen_and_its_id_is_never_used_again() {
    let mut tracker = Tracker::new(params());
    (0..3).for_each(|i| drop(tracker.update(frame(i), &[seen(CAT, at(0.5, 0.5), 0.6)])));
    for i in 3..=12 {
        tracker.update(frame(i), &[]);
        assert!(tracker.take_ended().is_empty(), "frame {i}");
    }
    tracker.update(frame(13), &[]);
    assert_eq!(tracker.take_ended().iter().map(|t| (t.id, t.hits)).collect::<Vec<_>>(), [(1, 3)]);
    let tracks = tracker.update(frame(14), &[seen(CAT, at(0.5, 0.5), 0.6)]);
    assert_eq!(tracks[0].id, 2);
}

#[test]
fn a_flash_that_is_never_seen_again_ends_sooner() {
    let mut tracker = Tracker::new(params());
    tracker.update(frame(0), &[seen(CAT, at(0.5, 0.5), 0.6)]);
    (1..=6).for_each(|i| drop(tracker.update(frame(i), &[])));
    assert!(!tracker.take_ended()[0].confirmed);
}

#[test]
fn what_sits_before_a_still_camera_is_one_track_at_a_picture_every_five_seconds() {
    let mut tracker = Tracker::new(params());
    for i in 0..10 {
        let tracks = tracker.update(frame(25 * i), &[seen(CAT, at(0.5, 0.5), 0.4)]);
        assert_eq!(tracks[0].id, 1, "picture {i}");
    }
    let tracks = tracker.update(frame(25 * 10 + 5 * 60), &[seen(CAT, at(0.5, 0.5), 0.4)]);
    assert_eq!(tracks[0].id, 2, "nobody knows what was there in a minute without pictures");
}

#[test]
fn a_picture_older_than_the_last_does_no_harm() {
    let mut tracker = Tracker::new(params());
    tracker.update(frame(10), &[seen(CAT, at(0.5, 0.5), 0.6)]);
    let tracks = tracker.update(frame(3), &[seen(CAT, at(0.5, 0.5), 0.6)]);
    assert_eq!((tracks[0].id, tracks[0].last_seen), (1, frame(10)));
}

/// A box by its edges.
fn boxed(left: f32, top: f32, right: f32, bottom: f32) -> Rect {
    Rect::from_edges(left, top, right, bottom)
}

#[test]
fn an_animal_whose_half_the_detector_sees_as_another_animal_is_one_track() {
    let mut tracker = Tracker::new(params());
    for i in 0..30 {
        let x = 0.1 + 0.02 * f32::from(i as u8);
        let whole = seen(CAT, boxed(x, 0.4, x + 0.2, 0.6), 0.6);
        // From its fifth picture on the hind half is a dog, now a bit less and now a bit more surely.
        let hind = seen(DOG, boxed(x - 0.01, 0.42, x + 0.1, 0.6), if i % 2 == 0 { 0.45 } else { 0.65 });
        let boxes = if i < 5 { vec![whole] } else { vec![whole, hind] };
        let tracks = tracker.update(frame(i), &boxes);
        assert_eq!(tracks.iter().map(|t| t.id).collect::<Vec<_>>(), [1], "frame {i}");
    }
}

#[test]
fn an_animal_that_comes_out_from_behind_another_is_a_track_when_it_is_out() {
    let mut tracker = Tracker::new(params());
    for i in 0..20 {
        let mother = seen(CAT, boxed(0.3, 0.3, 0.6, 0.6), 0.6);
        let x = 0.4 + 0.02 * f32::from(i as u8);
        let calf = seen(CAT, boxed(x, 0.4, x + 0.14, 0.6), 0.5);
        let tracks = tracker.update(frame(i), &[mother, calf]);
        let outside = (x + 0.14 - 0.6).max(0.0) / 0.14;
        assert_eq!(tracks.len(), if outside > 0.31 { 2 } else { 1 }, "frame {i}: {outside}");
    }
}

#[test]
fn an_animal_that_was_followed_before_it_passed_another_keeps_its_track_all_the_while() {
    let mut tracker = Tracker::new(params());
    for i in 0..40 {
        let mother = seen(CAT, boxed(0.35, 0.3, 0.65, 0.6), 0.6);
        let x = 0.1 + 0.02 * f32::from(i as u8);
        let calf = seen(CAT, boxed(x, 0.46, x + 0.1, 0.6), 0.5);
        let tracks = tracker.update(frame(i), &[mother, calf]);
        assert_eq!(tracks.len(), 2, "frame {i}");
        assert_eq!(nearest(&tracks, x + 0.05).last_detection.as_ref().unwrap().score, 0.5);
    }
    assert!(tracker.take_ended().is_empty());
}

#[test]
fn an_animal_before_a_person_or_much_larger_than_what_is_followed_there_begins_a_track() {
    let mut tracker = Tracker::new(params());
    tracker.update(frame(0), &[seen(PERSON, boxed(0.3, 0.2, 0.5, 0.8), 0.8)]);
    let dog = seen(DOG, boxed(0.32, 0.5, 0.46, 0.7), 0.5);
    assert_eq!(tracker.update(frame(1), &[seen(PERSON, boxed(0.3, 0.2, 0.5, 0.8), 0.8), dog]).len(), 2);
    let mut tracker = Tracker::new(params());
    let hill = seen(CAT, boxed(0.1, 0.1, 0.9, 0.9), 0.3);
    tracker.update(frame(0), std::slice::from_ref(&hill));
    assert_eq!(tracker.update(frame(1), &[hill, seen(DOG, at(0.5, 0.5), 0.35)]).len(), 2);
}

#[test]
fn a_gap_that_ends_is_walked_again_so_that_the_velocity_is_the_one_between_both_ends() {
    // Seen standing, then three seconds behind a wall, then 0.24 further on.
    let mut tracker = Tracker::new(TrackerParams { max_lost_us: 5_000_000, ..params() });
    for i in 0..10 {
        tracker.update(frame(i), &[seen(CAT, at(0.2 + 0.02 * i as f32, 0.5), 0.6)]);
    }
    (10..17).for_each(|i| drop(tracker.update(frame(i), &[])));
    let tracks = tracker.update(frame(17), &[seen(CAT, at(0.44, 0.5), 0.6)]);
    assert_eq!(tracks[0].id, 1);
    // 0.06 in 1.6 s since it was last seen at 0.38.
    assert!((tracks[0].velocity.x - 0.0375).abs() < 0.02, "{:?}", tracks[0].velocity);
}

#[test]
fn a_shaking_camera_does_not_break_tracks() {
    let mut tracker = Tracker::new(params());
    for i in 0..40 {
        // A fifth of their size to and fro, in both directions.
        let (dx, dy) = (0.02 * ((i * 7 % 3) as f32 - 1.0), 0.02 * ((i * 5 % 3) as f32 - 1.0));
        let boxes = [0.2, 0.5, 0.8].map(|x| seen(CAT, at(x + dx, 0.5 + dy), 0.5));
        let mut ids: Vec<_> = tracker.update(frame(i), &boxes).iter().map(|t| t.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3], "frame {i}");
    }
}

#[test]
fn a_track_s_fused_scores_follow_its_sightings() {
    let mut tracker = Tracker::new(params());
    for i in 0..12 {
        let scores = if i == 5 { vec![(PERSON, 0.95), (CAT, 0.3)] } else { vec![(CAT, 0.3), (DOG, 0.2)] };
        tracker.update(frame(i), &[Detection::new(at(0.5, 0.5), scores)]);
    }
    let track = tracker.finish().remove(0);
    assert_eq!(track.fused[0].0, CAT, "{:?}", track.fused);
    assert!((track.fused[0].1 - 0.3).abs() < 1e-4, "{:?}", track.fused);
    assert!(track.fused.iter().all(|(label, score)| *label != PERSON || *score < 0.05), "{:?}", track.fused);
}

fn any_detection() -> impl Strategy<Value = Detection> {
    let score = prop_oneof![9 => 0.0f32..1.0, 1 => Just(f32::NAN)];
    let rect = (-0.5f32..1.5, -0.5f32..1.5, 0.0f32..1.0, 0.0f32..1.0);
    (rect, prop::collection::vec((0u16..6, score), 0..4))
        .prop_map(|((x, y, w, h), scores)| Detection::new(Rect { x, y, w, h }, scores))
}

proptest! {
    #[test]
    fn ids_are_unique_and_no_number_is_ever_nan(
        pictures in prop::collection::vec((-500_000i64..40_000_000, prop::collection::vec(any_detection(), 0..6)), 1..40),
    ) {
        let mut tracker = Tracker::new(params());
        let mut t = frame(0);
        let mut ended = Vec::new();
        for (step_us, detections) in pictures {
            t = t.plus_us(step_us);
            let usable = detections.iter().filter(|d| params().strength(d) >= 0.1).count();
            let seen = tracker.update(t, &detections);
            prop_assert!(seen.len() <= usable);
            for track in tracker.tracks() {
                prop_assert!(track.rect.is_finite() && track.moved.is_finite());
                prop_assert!(track.rect.x >= 0.0 && track.rect.right() <= 1.0001, "{:?}", track.rect);
                prop_assert!(track.rect.y >= 0.0 && track.rect.bottom() <= 1.0001, "{:?}", track.rect);
                prop_assert!(track.velocity.x.is_finite() && track.velocity.y.is_finite());
                prop_assert!(track.class_scores.iter().all(|(_, s)| (0.0..=1.001).contains(s)));
                prop_assert!(track.fused.iter().all(|(_, s)| (0.0..=1.0).contains(s)));
                prop_assert!(track.first_seen <= track.last_seen);
            }
            ended.extend(tracker.take_ended());
        }
        ended.extend(tracker.finish());
        let mut ids: Vec<_> = ended.iter().map(|track| track.id).collect();
        ids.sort_unstable();
        let expected: Vec<_> = (1..=ids.len() as u64).collect();
        prop_assert_eq!(ids, expected, "each track ends once, and ids are given in order");
    }
}
