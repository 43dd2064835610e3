use std::collections::BTreeMap;

use base::stop;
use base::time::SimClock;
use tables::Lake;

use super::*;
use crate::archive::tests::{content, segment};
use crate::children::tests::{some_weed, until};

const NOW: Micros = Micros(1_700_000_000_000_000);

/// An archive with `count` segments that nobody has uploaded.
fn archive(dir: &std::path::Path, count: i64) -> Vec<SegmentMeta> {
    let metas: Vec<_> = (0..count).map(|n| segment(&format!("s{n}"), NOW.plus_us(n * 4_000_000))).collect();
    for meta in &metas {
        let path = files::path(&dir.join("archive"), meta);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content(meta.id.as_str())).unwrap();
    }
    Index::open(&dir.join("state.db")).unwrap().insert(&metas, NOW).unwrap();
    metas
}

struct Running {
    handle: UploadHandle,
    metrics: Arc<Metrics>,
    stopper: stop::Stopper,
    task: JoinHandle<()>,
}

fn start(dir: &std::path::Path, store: &StoreConfig, change: impl FnOnce(&mut Params)) -> Running {
    let site = SiteId::new("demo").unwrap();
    let mut params = Params::new(site, dir, store.clone(), false);
    params.idle = Duration::from_millis(20);
    change(&mut params);
    let (stopper, stop) = stop::pair();
    let metrics = Metrics::new();
    let (handle, task) = spawn(params, Arc::new(SimClock::at(NOW)), metrics.clone(), stop).unwrap();
    Running { handle, metrics, stopper, task }
}

impl Running {
    async fn end(self) {
        self.stopper.stop();
        self.task.await.unwrap();
    }

    async fn until_uploaded(&self, count: u64) {
        until("all uploaded", async || self.metrics.segments_uploaded.get() == count).await;
    }
}

async fn objects(store: &StoreConfig) -> BTreeMap<String, u64> {
    let listed = Lake::open(store).unwrap().list("footage").await.unwrap();
    listed.into_iter().map(|o| (o.key, o.bytes)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn footage_arrives_byte_for_byte_and_a_second_upload_makes_no_second_copy() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = weed.store();
    let metas = archive(dir.path(), 5);
    let running = start(dir.path(), &store, |_| {});
    running.until_uploaded(5).await;
    until("nothing waits", async || running.metrics.upload_backlog.get() == 0).await;
    assert_eq!(running.metrics.store_up.get(), 1);
    running.end().await;
    let lake = Lake::open(&store).unwrap();
    for meta in &metas {
        let bytes = lake.get(&meta.key(&SiteId::new("demo").unwrap())).await.unwrap();
        assert_eq!(bytes, content(meta.id.as_str()));
    }
    let before = objects(&store).await;
    // As after a crash between the upload and its row: everything waits again.
    std::fs::remove_file(dir.path().join("state.db")).unwrap();
    for rest in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(rest));
    }
    archive(dir.path(), 5);
    let running = start(dir.path(), &store, |_| {});
    running.until_uploaded(5).await;
    running.end().await;
    assert_eq!(objects(&store).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_bucket_is_one_sentence_and_footage_goes_once_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = StoreConfig { bucket: "elsewhere".into(), ..weed.store() };
    archive(dir.path(), 1);
    let running = start(dir.path(), &store, |_| {});
    until("it says so", async || running.handle.trouble().is_some()).await;
    let place = store.place();
    let sentence =
        format!("bucket 'elsewhere' does not exist at {place}: create it there, or name another one as `store.bucket`");
    assert_eq!(running.handle.trouble().unwrap(), sentence);
    assert_eq!(running.metrics.store_up.get(), 0);
    Bucket::new(&store, Multipart::default()).ensure().await.unwrap();
    running.until_uploaded(1).await;
    until("all is well", async || running.handle.trouble().is_none()).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_built_in_stores_bucket_is_made_where_it_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = StoreConfig { bucket: "fresh".into(), ..weed.store() };
    archive(dir.path(), 1);
    let running = start(dir.path(), &store, |p| p.create_bucket = true);
    running.until_uploaded(1).await;
    running.end().await;
    assert_eq!(objects(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn footage_that_rotted_or_collides_is_set_aside_and_the_rest_goes() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = weed.store();
    let metas = archive(dir.path(), 4);
    let site = SiteId::new("demo").unwrap();
    std::fs::write(files::path(&dir.path().join("archive"), &metas[0]), b"rotten").unwrap();
    std::fs::remove_file(files::path(&dir.path().join("archive"), &metas[1])).unwrap();
    let stranger = Bytes::from_static(b"somebody else's");
    let bucket = Bucket::new(&store, Multipart::default());
    bucket.put(&metas[2].key(&site), stranger.clone(), &base::segment::sha256_hex(&stranger)).await.unwrap();
    let running = start(dir.path(), &store, |_| {});
    running.until_uploaded(1).await;
    until("two set aside", async || running.metrics.upload_backlog.get() == 2).await;
    running.end().await;
    assert_eq!(objects(&store).await.len(), 2);
    let kept = Lake::open(&store).unwrap().get(&metas[2].key(&site)).await.unwrap();
    assert_eq!(kept, stranger, "another object is left as it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = weed.store();
    tokio::task::spawn_blocking(move || drop(weed)).await.unwrap();
    archive(dir.path(), 2);
    let running = start(dir.path(), &store, |_| {});
    until("it says so", async || running.handle.trouble().is_some_and(|t| t.contains("cannot be reached"))).await;
    let port = store.endpoint.as_ref().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let weed = crate::children::Weed::start(dir.path(), port, "paddock", Metrics::new()).await.unwrap();
    running.until_uploaded(2).await;
    running.end().await;
    drop(weed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_object_goes_in_parts_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let multipart = Multipart { above_bytes: 1 << 20, part_bytes: 5 << 20 };
    let bucket = Bucket::new(&weed.store(), multipart);
    let large = Bytes::from((0..12_000_000u32).map(|i| (i % 253) as u8).collect::<Vec<_>>());
    let sha256 = base::segment::sha256_hex(&large);
    assert_eq!(bucket.put("footage/large", large.clone(), &sha256).await.unwrap(), Put::Created);
    assert_eq!(bucket.put("footage/large", large.clone(), &sha256).await.unwrap(), Put::Exists);
    let head = bucket.head("footage/large").await.unwrap().unwrap();
    assert_eq!(head, s3::Head { bytes: large.len() as u64, sha256: Some(sha256) });
    assert_eq!(Lake::open(&weed.store()).unwrap().get("footage/large").await.unwrap(), large);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_are_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = StoreConfig { secret_key: "wrong".into(), ..weed.store() };
    let error = Bucket::new(&store, Multipart::default()).check().await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("check `store.access_key`") && !error.to_string().contains("wrong"), "{error}");
}
