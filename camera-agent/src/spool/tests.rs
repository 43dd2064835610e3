//! The spool on a real folder: cut off anywhere, full, failing.

use std::fs;

use base::ids::CameraId;
use base::segment::sha256_hex;
use proptest::prelude::*;

use super::*;

/// A segment of `bytes` bytes that starts at second `n`.
pub(super) fn footage(n: i64, bytes: usize, worth: Worth) -> Footage {
    let data: Vec<u8> = (0..bytes).map(|i| (i as i64 * 31 + n) as u8).collect();
    let meta = SegmentMeta {
        camera: CameraId::new("c").unwrap(),
        id: SegmentId::new(format!("s{n:05}")).unwrap(),
        start: Micros(n * 1_000_000),
        duration_us: 1_000_000,
        bytes: bytes as u64,
        sha256: sha256_hex(&data),
        codec: "h264".into(),
        width: 64,
        height: 48,
        fps: 10.0,
        frames: 10,
        motion: if worth == Worth::Still { 0.0 } else { 0.5 },
        drill: false,
    };
    Footage { meta, worth, data: data.into() }
}

fn open(dir: &tempfile::TempDir, capacity_bytes: u64) -> Spool {
    Spool::open(dir.path(), capacity_bytes).unwrap()
}

fn names(spool: &Spool) -> Vec<String> {
    spool.oldest(1000).iter().map(ToString::to_string).collect()
}

#[test]
fn what_was_put_is_there_after_a_restart_and_gone_after_its_acknowledgement() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(&dir, 1 << 20);
    (0..5).for_each(|n| assert!(spool.put(&footage(n, 1000, Worth::Motion))));
    drop(spool);
    let mut spool = open(&dir, 1 << 20);
    assert_eq!(names(&spool), ["s00000", "s00001", "s00002", "s00003", "s00004"]);
    let (meta, data) = spool.read(&footage(3, 1000, Worth::Motion).meta.id).unwrap();
    assert_eq!(
        (sha256_hex(&data), meta),
        (footage(3, 1000, Worth::Motion).meta.sha256, footage(3, 1000, Worth::Motion).meta)
    );
    let acked = spool.oldest(2);
    spool.acknowledge(&acked);
    spool.acknowledge(&acked);
    assert_eq!((spool.status().acknowledged_segments, spool.status().segments), (2, 3));
    drop(spool);
    assert_eq!(names(&open(&dir, 1 << 20)), ["s00002", "s00003", "s00004"]);
}

#[test]
fn a_full_spool_gives_up_the_oldest_still_footage_first_and_says_which_time_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let one = format::encode_head(&footage(0, 1000, Worth::Motion)).len() as u64 + 1000;
    let mut spool = open(&dir, one * 4 + 100);
    for (n, worth) in [(0, Worth::Motion), (1, Worth::Still), (2, Worth::Still), (3, Worth::Motion)] {
        assert!(spool.put(&footage(n, 1000, worth)));
    }
    assert!(spool.put(&footage(4, 1000, Worth::Motion)));
    assert!(spool.put(&footage(5, 1000, Worth::Motion)));
    assert_eq!(names(&spool), ["s00000", "s00003", "s00004", "s00005"]);
    assert!(spool.put(&footage(6, 1000, Worth::Motion)));
    assert!(!spool.put(&footage(7, 1000, Worth::Still)), "still footage does not push out motion");
    assert_eq!(names(&spool), ["s00003", "s00004", "s00005", "s00006"]);
    let status = spool.status();
    assert_eq!(status.lost_segments, 4);
    let spans: Vec<_> = status.gaps.iter().map(|g| (g.start.0 / 1_000_000, g.end.0 / 1_000_000)).collect();
    assert_eq!(spans, [(1, 3), (0, 1), (7, 8)]);
    drop(spool);
    assert_eq!(open(&dir, one * 4 + 100).status().lost_segments, 4, "counted across restarts");
}

#[test]
fn a_full_disk_is_handled_like_a_full_spool() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(&dir, 1 << 30);
    spool.disk.room_bytes = Some(5_000);
    (0..20).for_each(|n| assert!(spool.put(&footage(n, 1000, Worth::Motion)), "{n}"));
    let status = spool.status();
    assert!(status.segments >= 2 && status.lost_segments >= 16, "{status:?}");
    assert_eq!(status.gaps.len(), 1);
    assert_eq!(status.gaps[0].why, "the disk was full");
    assert_eq!(names(&spool).last().unwrap(), "s00019", "the newest is there");
    spool.disk.room_bytes = Some(0);
    assert!(!spool.put(&footage(99, 1000, Worth::Motion)));
    assert!(spool.status().segments == 0, "nothing is left to give up");
}

#[test]
fn a_segment_larger_than_the_spool_is_lost_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(&dir, 5_000);
    assert!(spool.put(&footage(0, 1000, Worth::Still)));
    assert!(!spool.put(&footage(1, 10_000, Worth::Boosted)));
    assert_eq!((names(&spool), spool.status().lost_segments), (vec!["s00000".to_owned()], 1));
}

#[test]
fn refused_segments_are_kept_apart_and_are_the_first_to_go() {
    let dir = tempfile::tempdir().unwrap();
    let one = format::encode_head(&footage(0, 1000, Worth::Motion)).len() as u64 + 1000;
    let mut spool = open(&dir, one * 2 + 100);
    (0..2).for_each(|n| assert!(spool.put(&footage(n, 1000, Worth::Still))));
    spool.reject(&spool.oldest(1));
    assert_eq!((names(&spool), spool.status().rejected_segments), (vec!["s00001".to_owned()], 1));
    assert!(dir.path().join("rejected/s00000.seg").exists());
    drop(spool);
    let mut spool = open(&dir, one * 2 + 100);
    assert!(spool.put(&footage(2, 1000, Worth::Still)));
    assert!(!dir.path().join("rejected/s00000.seg").exists());
    assert_eq!((names(&spool).len(), spool.status().lost_segments, spool.status().rejected_segments), (2, 0, 1));
}

#[test]
fn two_agents_cannot_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(&dir, 1 << 20);
    let error = Spool::open(dir.path(), 1 << 20).unwrap_err();
    assert!(matches!(error, SpoolError::InUse { .. }), "{error}");
}

#[test]
fn a_file_that_rots_on_disk_is_found_when_it_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(&dir, 1 << 20);
    spool.put(&footage(0, 1000, Worth::Still));
    let path = dir.path().join("s00000.seg");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let id = spool.oldest(1).remove(0);
    assert!(spool.read(&id).is_none() && spool.read(&id).is_none());
    assert_eq!((spool.status().segments, spool.status().lost_segments), (0, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_a_power_cut_leaves_the_whole_segments_are_there(cuts in proptest::collection::vec((0usize..6, 0usize..2000, any::<bool>()), 1..4)) {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = open(&dir, 1 << 20);
        for n in 0..6 {
            spool.put(&footage(n, 800, Worth::Motion));
        }
        drop(spool);
        let mut whole: Vec<bool> = vec![true; 6];
        for (n, at, renamed) in cuts {
            let path = dir.path().join(format!("s{n:05}.seg"));
            let Ok(bytes) = fs::read(&path) else { continue };
            let cut = &bytes[..at % bytes.len()];
            whole[n] = false;
            if renamed {
                fs::remove_file(&path).unwrap();
                fs::write(dir.path().join(format!("s{n:05}.part")), cut).unwrap();
            } else {
                fs::write(&path, cut).unwrap();
            }
        }
        let mut spool = open(&dir, 1 << 20);
        let left = spool.oldest(100);
        let expected: Vec<_> = (0..6).filter(|n| whole[*n]).map(|n| format!("s{n:05}")).collect();
        prop_assert_eq!(names(&spool), expected);
        for id in left {
            prop_assert!(spool.read(&id).is_some());
        }
        let torn = whole.iter().filter(|w| !**w).count() as u64;
        prop_assert_eq!(spool.status().lost_segments, torn);
        drop(spool);
        prop_assert_eq!(open(&dir, 1 << 20).status().lost_segments, torn, "counted once");
    }
}
