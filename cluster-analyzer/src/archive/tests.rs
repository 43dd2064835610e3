use std::collections::HashSet;
use std::path::Path;

use base::time::{Micros, SimClock};
use base::wire::MAX_CHUNK_BYTES;

use super::index::Index;
use super::worker::Worker;
use super::*;
use crate::archive::files::path;

/// A segment of 250,000 bytes, three chunks.
pub(crate) fn segment(id: &str, start: Micros) -> base::segment::SegmentMeta {
    base::segment::SegmentMeta {
        camera: CameraId::new("gate-3").unwrap(),
        id: SegmentId::new(id).unwrap(),
        start,
        duration_us: 4_000_000,
        bytes: content(id).len() as u64,
        sha256: base::segment::sha256_hex(&content(id)),
        codec: "h264".into(),
        width: 768,
        height: 576,
        fps: 10.0,
        frames: 40,
        motion: 0.5,
        drill: false,
    }
}

pub(crate) fn content(id: &str) -> Vec<u8> {
    let seed = id.bytes().map(u32::from).sum::<u32>();
    (0..250_000u32).map(|i| (i.wrapping_mul(seed) >> 7) as u8).collect()
}

pub(crate) fn chunks(meta: &base::segment::SegmentMeta) -> Vec<SegmentChunk> {
    content(meta.id.as_str())
        .chunks(MAX_CHUNK_BYTES)
        .enumerate()
        .map(|(n, bytes)| SegmentChunk {
            camera: meta.camera.clone(),
            id: meta.id.clone(),
            header: meta.header(n as u32),
            payload: Bytes::copy_from_slice(bytes),
        })
        .collect()
}

const NOW: Micros = Micros(1_700_000_000_000_000);

struct Bench {
    dir: tempfile::TempDir,
    clock: Arc<SimClock>,
    metrics: Arc<Metrics>,
    worker: Worker,
    acks: mpsc::Receiver<AckOut>,
}

impl Bench {
    fn new() -> Self {
        Self::on(tempfile::tempdir().unwrap(), |_| {})
    }

    fn on(dir: tempfile::TempDir, change: impl FnOnce(&mut Params)) -> Self {
        let mut params = Params::new(dir.path(), u64::MAX, 3650);
        change(&mut params);
        let (clock, metrics) = (Arc::new(SimClock::at(NOW)), Metrics::new());
        let (to_us, acks) = mpsc::channel(100);
        let worker = Worker::open(params, clock.clone(), metrics.clone(), to_us).unwrap();
        Self { dir, clock, metrics, worker, acks }
    }

    /// The process dies, and another begins on the same disk.
    fn crash(self) -> Self {
        let Self { dir, .. } = self;
        Self::on(dir, |_| {})
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("archive")
    }

    fn index(&self) -> Index {
        Index::open(&self.dir.path().join("state.db")).unwrap()
    }

    /// Which ids were acknowledged and refused since the last call.
    fn answers(&mut self) -> (Vec<String>, Vec<String>) {
        let (mut stored, mut rejected) = (vec![], vec![]);
        while let Ok(out) = self.acks.try_recv() {
            stored.extend(out.ack.ids.iter().map(ToString::to_string));
            rejected.extend(out.ack.rejected.iter().map(ToString::to_string));
        }
        (stored, rejected)
    }

    fn rejected(&self, reason: &'static str) -> u64 {
        self.metrics.segments_rejected.get_or_create(&crate::metrics::Reason { reason }).get()
    }
}

fn only(id: &str) -> (Vec<String>, Vec<String>) {
    (vec![id.to_owned()], vec![])
}

fn nothing() -> (Vec<String>, Vec<String>) {
    (vec![], vec![])
}

#[test]
fn a_whole_segment_is_on_disk_byte_for_byte_before_it_is_acknowledged() {
    let mut bench = Bench::new();
    let meta = segment("s1", NOW);
    let mut chunks = chunks(&meta);
    let last = chunks.pop().unwrap();
    bench.worker.round(chunks);
    assert_eq!(bench.answers(), nothing());
    bench.worker.round(vec![last]);
    assert_eq!(bench.answers(), only("s1"));
    let file = bench.folder().join(format!("gate-3/2023-11-14/22/{}-s1.mp4", NOW.0));
    assert_eq!(std::fs::read(file).unwrap(), content("s1"));
    assert!(bench.index().stored(&meta.camera, &meta.id).unwrap().is_some());
    assert_eq!(bench.metrics.archive_bytes.get(), 250_000);
}

#[test]
fn a_segment_that_comes_again_is_acknowledged_again_and_stored_once() {
    let mut bench = Bench::new();
    let meta = segment("s1", NOW);
    let twice = [chunks(&meta), chunks(&meta)].concat();
    bench.worker.round(twice);
    assert_eq!(bench.answers(), only("s1"));
    bench.worker.round(chunks(&meta));
    assert_eq!(bench.answers(), only("s1"));
    assert_eq!(bench.index().totals().unwrap().segments, 1);
    assert_eq!(std::fs::read(path(&bench.folder(), &meta)).unwrap(), content("s1"));
}

#[test]
fn a_missing_chunk_means_no_acknowledgement_until_it_comes() {
    let mut bench = Bench::new();
    let meta = segment("s1", NOW);
    let mut some = chunks(&meta);
    let missing = some.remove(1);
    bench.worker.round(some.clone());
    bench.worker.round(some);
    assert_eq!(bench.answers(), nothing());
    bench.worker.round(vec![missing]);
    assert_eq!(bench.answers(), only("s1"));
}

#[test]
fn a_segment_that_stays_incomplete_is_given_up_and_its_part_goes() {
    let mut bench = Bench::new();
    bench.worker.round(chunks(&segment("s1", NOW))[..2].to_vec());
    bench.clock.set(NOW.plus_us(61_000_000));
    bench.worker.round(vec![]);
    assert_eq!((bench.rejected("incomplete"), bench.metrics.segments_in_assembly.get()), (1, 0));
    assert_eq!(std::fs::read_dir(bench.folder().join(".parts")).unwrap().count(), 0);
    assert_eq!(bench.answers(), nothing());
}

#[test]
fn a_wrong_checksum_is_refused_for_good_the_third_time_only() {
    let mut bench = Bench::new();
    let mut bad = chunks(&segment("s1", NOW));
    bad.iter_mut().for_each(|c| c.header.sha256 = "0".repeat(64));
    for _ in 0..2 {
        bench.worker.round(bad.clone());
        assert_eq!(bench.answers(), nothing());
    }
    bench.worker.round(bad);
    assert_eq!(bench.answers(), (vec![], vec!["s1".to_owned()]));
    assert_eq!(bench.rejected("wrong_checksum"), 3);
    // The right one is taken all the same.
    bench.worker.round(chunks(&segment("s1", NOW)));
    assert_eq!(bench.answers(), only("s1"));
}

#[test]
fn another_content_under_a_stored_id_is_refused_and_changes_nothing() {
    let mut bench = Bench::new();
    let meta = segment("s1", NOW);
    bench.worker.round(chunks(&meta));
    bench.answers();
    let other = segment("s2", NOW);
    let mut fake = chunks(&other);
    fake.iter_mut().for_each(|c| c.id = meta.id.clone());
    bench.worker.round(fake);
    assert_eq!(bench.answers(), (vec![], vec!["s1".to_owned()]));
    assert_eq!(std::fs::read(path(&bench.folder(), &meta)).unwrap(), content("s1"));
}

#[test]
fn wherever_it_is_killed_a_segment_is_stored_once_and_nothing_acknowledged_is_lost() {
    let meta = segment("s1", NOW);
    let key = (meta.camera.clone(), meta.id.clone());
    // Killed: with parts, after sealing, after the file has its name, after the row.
    for step in 0..4 {
        let bench = Bench::new();
        let files = files::Files::open(&bench.folder()).unwrap();
        let mut index = bench.index();
        for (n, chunk) in chunks(&meta).iter().enumerate() {
            files.write(&key, (n * MAX_CHUNK_BYTES) as u64, &chunk.payload, n == 0).unwrap();
        }
        if step >= 1 {
            files.seal(&meta).unwrap().unwrap();
        }
        if step >= 2 {
            files.publish(std::slice::from_ref(&meta)).unwrap();
        }
        if step >= 3 {
            index.insert(std::slice::from_ref(&meta), NOW).unwrap();
        }
        let mut bench = bench.crash();
        // Nothing was acknowledged, so that the agent sends it again.
        bench.worker.round(chunks(&meta));
        assert_eq!(bench.answers(), only("s1"), "killed at step {step}");
        assert_eq!(bench.index().totals().unwrap().segments, 1, "killed at step {step}");
        assert_eq!(std::fs::read(path(&bench.folder(), &meta)).unwrap(), content("s1"));
        assert_eq!(std::fs::read_dir(bench.folder().join(".parts")).unwrap().count(), 0);
    }
}

#[test]
fn a_lost_database_is_made_again_from_what_the_files_say() {
    let mut bench = Bench::new();
    let meta = segment("s1", NOW);
    bench.worker.round(chunks(&meta));
    let dir = bench.dir.path().to_owned();
    std::fs::write(dir.join("archive/gate-3/2023-11-14/22/5-stranger.mp4"), b"?").unwrap();
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(dir.join(file));
    }
    let bench = bench.crash();
    let listed = bench.index().upload_queue(NOW.plus_us(1), 9).unwrap();
    assert_eq!(listed, [meta]);
    assert!(dir.join("archive/.unknown/gate-3.5-stranger.mp4").exists());
}

#[test]
fn a_row_whose_file_is_gone_leaves_the_queue() {
    let mut bench = Bench::new();
    let meta = segment("s1", NOW);
    bench.worker.round(chunks(&meta));
    std::fs::remove_file(path(&bench.folder(), &meta)).unwrap();
    let bench = bench.crash();
    assert_eq!(bench.index().upload_backlog().unwrap(), 0);
}

fn housekeep(bench: &mut Bench) {
    bench.clock.set(bench.clock.now().plus_us(2_000_000));
    bench.worker.round(vec![]);
}

#[test]
fn the_ring_removes_the_oldest_verified_footage_and_never_what_is_nowhere_else() {
    let mut bench = Bench::on(tempfile::tempdir().unwrap(), |p| p.keep.max_bytes = 500_000);
    let all: Vec<_> = (0..4).map(|n| segment(&format!("s{n}"), NOW.plus_us(n * 4_000_000))).collect();
    all.iter().for_each(|meta| bench.worker.round(chunks(meta)));
    housekeep(&mut bench);
    assert_eq!(bench.index().totals().unwrap().segments, 4, "none is verified");
    bench.index().uploaded(&all[1..], NOW).unwrap();
    housekeep(&mut bench);
    assert_eq!(all.iter().map(|m| path(&bench.folder(), m).exists()).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!(bench.metrics.archive_bytes.get(), 500_000);
}

#[test]
fn footage_beyond_its_age_goes_with_its_empty_folders() {
    let mut bench = Bench::on(tempfile::tempdir().unwrap(), |p| p.keep.max_age_us = 1_000_000);
    let meta = segment("s1", NOW);
    bench.worker.round(chunks(&meta));
    bench.index().uploaded(std::slice::from_ref(&meta), NOW).unwrap();
    housekeep(&mut bench);
    assert!(!bench.folder().join("gate-3").exists());
    // It comes again long after: acknowledged, not stored again.
    bench.answers();
    bench.worker.round(chunks(&meta));
    assert_eq!(bench.answers(), only("s1"));
    assert!(!bench.folder().join("gate-3").exists());
}

#[test]
fn a_disk_that_fails_stops_acknowledgements_and_health_says_so_until_it_works() {
    let mut bench = Bench::new();
    let parts = bench.folder().join(".parts");
    std::fs::remove_dir_all(&parts).unwrap();
    std::fs::write(&parts, b"not a folder").unwrap();
    bench.worker.round(chunks(&segment("s1", NOW)));
    assert_eq!((bench.answers(), bench.metrics.archive_up.get()), (nothing(), 0));
    assert!(bench.rejected("disk") > 0);
    std::fs::remove_file(&parts).unwrap();
    std::fs::create_dir(&parts).unwrap();
    bench.worker.round(chunks(&segment("s1", NOW)));
    assert_eq!((bench.answers(), bench.metrics.archive_up.get()), (only("s1"), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_archive_ends_when_its_last_handle_goes_and_all_whole_segments_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimClock::at(NOW));
    let params = Params::new(dir.path(), u64::MAX, 30);
    let (handle, mut acks, thread) = spawn(params, clock, Metrics::new()).unwrap();
    let metas: Vec<_> = (0..20).map(|n| segment(&format!("s{n}"), NOW.plus_us(n))).collect();
    for meta in &metas {
        for chunk in chunks(meta) {
            assert!(handle.offer(chunk).await);
        }
    }
    drop(handle);
    let mut acked = HashSet::new();
    while let Some(out) = acks.recv().await {
        acked.extend(out.ack.ids);
    }
    assert_eq!(acked.len(), 20);
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    assert!(metas.iter().all(|m| path(&dir.path().join("archive"), m).exists()));
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("archive"), b"a file").unwrap();
    let (to_us, _acks) = mpsc::channel(1);
    let clock = Arc::new(SimClock::at(NOW));
    let error = Worker::open(Params::new(dir.path(), 1, 1), clock, Metrics::new(), to_us).err().unwrap();
    assert!(error.to_string().contains(&Path::new("archive").display().to_string()), "{error}");
}
