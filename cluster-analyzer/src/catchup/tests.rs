//! The queue over real rows, and late animals among live ones.

use std::path::Path;

use base::segment::SegmentMeta;
use base::wire::Light;

use super::queue::Queue;
use super::*;
use crate::archive::index::{Index, open_state};
use crate::archive::tests::segment;

fn at(seconds: i64) -> Micros {
    Micros(seconds * 1_000_000)
}

fn queue(path: &Path) -> Queue {
    Queue::new(open_state(path).unwrap(), at(0)).unwrap()
}

fn ids(queue: &Queue) -> Vec<String> {
    let mut found = vec![];
    while let Some(next) = queue.next().unwrap() {
        found.push(next.id.to_string());
        queue.judged(&next.camera, &next.id).unwrap();
    }
    found
}

#[test]
fn late_segments_wait_across_a_crash_oldest_first_and_none_is_judged_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let mut index = Index::open(&path).unwrap();
    let late = |meta: &SegmentMeta, stored_at: Micros| stored_at.since(meta.start) > 30_000_000;
    let mut first = queue(&path);
    // In time, late, late and older.
    index.insert(&[segment("a", at(90)), segment("c", at(40)), segment("b", at(10))], at(100)).unwrap();
    assert_eq!(first.take_in(late).unwrap(), 2);
    assert_eq!(first.take_in(late).unwrap(), 0, "known");
    let next = first.next().unwrap().unwrap();
    assert_eq!(next.id.as_str(), "b");
    first.judged(&next.camera, &next.id).unwrap();
    drop(first);

    let mut second = queue(&path);
    // One of the same moment as the mark, and one later.
    index.insert(&[segment("d", at(20))], at(100)).unwrap();
    index.insert(&[segment("e", at(30))], at(101)).unwrap();
    assert_eq!((second.take_in(late).unwrap(), second.waiting().unwrap()), (2, 3));
    assert_eq!(ids(&second), ["d", "e", "c"]);
    assert_eq!(second.take_in(late).unwrap(), 0);
    index.insert(&[segment("f", at(50))], at(200)).unwrap();
    second.take_in(late).unwrap();
    index.removed(&[segment("f", at(50))], at(201)).unwrap();
    assert!(second.next().unwrap().is_none(), "its file is gone");
}

#[test]
fn when_frames_were_looked_at_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    Index::open(&path).unwrap();
    let camera = CameraId::new("gate").unwrap();
    let mut first = queue(&path);
    for span in [(at(10), at(20)), (at(10), at(30)), (at(50), at(60)), (at(8), at(31))] {
        first.note(&[(camera.clone(), span)].into(), at(0)).unwrap();
    }
    let looked = queue(&path).looked().unwrap();
    assert_eq!(looked[&camera], spans::Spans::new(vec![(at(8), at(31)), (at(50), at(60))]));
    first.note(&Default::default(), at(40)).unwrap();
    assert_eq!(queue(&path).looked().unwrap()[&camera], spans::Spans::new(vec![(at(50), at(60))]));
}

#[test]
fn pictures_of_a_segment_are_chosen_as_an_agent_chooses_them() {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.setup/footage/vtest.avi");
    let meta = SegmentMeta { start: at(1_000), ..segment("a", at(1_000)) };
    let mut chooser = footage::Chooser::new(meta.camera.clone(), 5.0, meta.start);
    let mut times = vec![];
    chooser
        .pictures(&clip, &meta, |job| {
            assert!(job.late && job.header.light == Light::Day);
            assert_eq!((job.header.width, job.header.height), (640, 480));
            times.push((job.header.captured_at.since(meta.start), job.header.motion.len()));
            times.len() < 60
        })
        .unwrap();
    assert_eq!(times.len(), 60);
    assert!(times.windows(2).all(|pair| pair[1].0 > pair[0].0));
    let fps = 59.0 / (times[59].0 as f64 / 1e6);
    assert!((4.0..6.0).contains(&fps), "{fps} a second of a street that moves");
    assert!(times.iter().skip(20).any(|(_, boxes)| *boxes > 0), "and it says where");
}

#[test]
fn the_sentence_says_how_late() {
    assert!(sentence(95_400_000).starts_with("found 95 s late"));
    assert!(sentence(7_260_000_000).starts_with("found 121 min late"));
}
