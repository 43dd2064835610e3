//! The lake over a local folder and over a real S3 server: nothing lost, nothing doubled, and each mistake in
//! one sentence.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod weed;

use base::ids::{CameraId, SegmentId, SiteId};
use base::segment::SegmentMeta;
use base::time::Micros;
use datafusion::arrow::array::{Array as _, AsArray as _};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;
use tables::{Appended, CoverageRow, Lake, StoreConfig, Table, TableError, Txn, rows};

use weed::Weed;

fn site() -> SiteId {
    SiteId::new("demo").unwrap()
}

fn segment(n: i64) -> SegmentMeta {
    SegmentMeta {
        camera: CameraId::new("gate-3").unwrap(),
        id: SegmentId::new(format!("s{n}")).unwrap(),
        start: Micros(1_700_000_000_000_000 + n * 4_000_000),
        duration_us: 4_000_000,
        bytes: 250_000,
        sha256: "ab".repeat(32),
        codec: "h264".into(),
        width: 768,
        height: 576,
        fps: 10.0,
        frames: 40,
        motion: 0.5,
        drill: false,
    }
}

fn txn(app_id: &str, version: i64) -> Txn {
    Txn { app_id: app_id.into(), version }
}

async fn count(lake: &Lake, sql: &str) -> i64 {
    let session = SessionContext::new();
    lake.register(&session).await.unwrap();
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    let column = batches[0].column(0);
    assert_eq!(column.len(), 1, "{sql}");
    column.as_primitive::<Int64Type>().value(0)
}

const ROWS: &str = "select count(*) from segments";
const IDS: &str = "select count(distinct id) from segments";

/// What holds over every kind of store.
async fn the_contract(open: impl Fn() -> Lake) {
    let lake = open();
    assert_eq!(count(&lake, ROWS).await, 0, "a table that nobody made is empty");

    let append = |version: i64| {
        let lake = lake.clone();
        async move {
            lake.append_once(Table::Segments, rows::segments(&site(), &[segment(version)]), &txn("one", version)).await
        }
    };
    assert_eq!(append(1).await.unwrap(), Appended::Written);
    assert_eq!(append(1).await.unwrap(), Appended::AlreadyThere);
    assert_eq!(append(2).await.unwrap(), Appended::Written);
    assert_eq!(append(1).await.unwrap(), Appended::AlreadyThere);
    assert_eq!(count(&open(), ROWS).await, 2, "another process sees the same");

    racing_writers(&open).await;
    the_other_tables(&lake).await;
}

/// Eight tasks, each a process of its own as far as the lake can tell: each appends its own rows, and all try
/// to append the same shared batches.
async fn racing_writers(open: &impl Fn() -> Lake) {
    let before = count(&open(), ROWS).await;
    let tasks: Vec<_> = (0..8i64)
        .map(|task| {
            let lake = open();
            tokio::spawn(async move {
                let mut written_shared = 0;
                for n in 0..3 {
                    let own = segment(1000 + task * 10 + n);
                    let own = rows::segments(&site(), &[own]);
                    let appended = lake.append_once(Table::Segments, own, &txn(&format!("task-{task}"), n)).await;
                    assert_eq!(appended.unwrap(), Appended::Written);
                    let shared = rows::segments(&site(), &[segment(2000 + n)]);
                    let appended = lake.append_once(Table::Segments, shared, &txn(&format!("shared-{n}"), 0)).await;
                    written_shared += i64::from(appended.unwrap() == Appended::Written);
                }
                written_shared
            })
        })
        .collect();
    let mut written_shared = 0;
    for task in tasks {
        written_shared += task.await.unwrap();
    }
    assert_eq!(written_shared, 3, "exactly one of eight writes each shared batch");
    let lake = open();
    assert_eq!(count(&lake, ROWS).await, before + 24 + 3);
    assert_eq!(count(&lake, IDS).await, before + 24 + 3);
}

async fn the_other_tables(lake: &Lake) {
    let minute =
        CoverageRow { camera: CameraId::new("a").unwrap(), minute: Micros(0), recorded_s: 30.0, analysed_s: 1.5 };
    let coverage = rows::coverage(&site(), &[minute.clone(), minute]);
    lake.append_once(Table::Coverage, coverage, &txn("c", 1)).await.unwrap();
    let seconds = "select cast(sum(recorded_s) as bigint) from coverage where site = 'demo' and date = '1970-01-01'";
    assert_eq!(count(lake, seconds).await, 60);
    for table in ["observations", "incidents", "analyses"] {
        assert_eq!(count(lake, &format!("select count(*) from {table}")).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_in_a_local_folder_are_neither_lost_nor_doubled() {
    let dir = tempfile::tempdir().unwrap();
    the_contract(|| Lake::local(dir.path()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_in_a_bucket_are_neither_lost_nor_doubled() {
    let weed = Weed::start("paddock").await;
    the_contract(|| Lake::open(&weed.config("paddock")).unwrap()).await;
}

#[tokio::test]
async fn eight_racing_creators_make_one_table() {
    let dir = tempfile::tempdir().unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let lake = Lake::local(dir.path()).unwrap();
            let rows = rows::segments(&site(), &[segment(n)]);
            tokio::spawn(async move { lake.append_once(Table::Segments, rows, &txn(&format!("t{n}"), 1)).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), Appended::Written);
    }
    assert_eq!(count(&Lake::local(dir.path()).unwrap(), IDS).await, 8);
}

#[tokio::test]
async fn objects_of_a_folder_are_listed_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let key = segment(1).key(&site());
    std::fs::create_dir_all(dir.path().join(&key).parent().unwrap()).unwrap();
    std::fs::write(dir.path().join(&key), b"mp4").unwrap();
    let lake = Lake::local(dir.path()).unwrap();
    assert_eq!(&lake.get(&key).await.unwrap()[..], b"mp4");
    assert_eq!(lake.head(&key).await.unwrap().unwrap().bytes, 3);
    assert_eq!(lake.head("footage/none").await.unwrap(), None);
    let listed = lake.list("footage/site=demo").await.unwrap();
    assert_eq!(listed.iter().map(|o| &o.key).collect::<Vec<_>>(), [&key]);
    assert!(matches!(lake.get("footage/none").await, Err(TableError::NoObject { .. })));
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_named_in_one_sentence() {
    let weed = Weed::start("paddock").await;
    let lake = Lake::open(&weed.config("elsewhere")).unwrap();
    let expected = format!(
        "bucket 'elsewhere' does not exist at {}: create it there, or name another one as `bucket`",
        weed.endpoint()
    );
    assert_eq!(lake.check().await.unwrap_err().to_string(), expected);
    let rows = rows::segments(&site(), &[segment(1)]);
    let error = lake.append_once(Table::Segments, rows, &txn("a", 1)).await.unwrap_err();
    assert_eq!(error.to_string(), expected, "{error:?}");
    assert!(!error.is_transient());
    let error = lake.register(&SessionContext::new()).await.unwrap_err();
    assert_eq!(error.to_string(), expected, "{error:?}");
    Lake::open(&weed.config("paddock")).unwrap().check().await.unwrap();
}

#[tokio::test]
async fn wrong_keys_are_said_to_be_wrong() {
    let weed = Weed::start("paddock").await;
    let lake = Lake::open(&StoreConfig { secret_key: "wrong".into(), ..weed.config("paddock") }).unwrap();
    let error = lake.check().await.unwrap_err();
    assert!(matches!(error, TableError::Denied { .. }), "{error:?}");
    let error = lake.register(&SessionContext::new()).await.unwrap_err();
    assert!(matches!(error, TableError::Denied { .. }), "{error:?}");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_a_matter_of_time() {
    // Below the ports that are given out: nobody listens there.
    let port = 9;
    let config = StoreConfig {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        region: "us-east-1".into(),
        bucket: "paddock".into(),
        access_key: "k".into(),
        secret_key: "s".into(),
    };
    let lake = Lake::open(&config).unwrap();
    let error = lake.check().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let rows = rows::segments(&site(), &[segment(1)]);
    let error = lake.append_once(Table::Segments, rows, &txn("a", 1)).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(error.to_string(), format!("http://127.0.0.1:{port} cannot be reached"));
}

#[test]
fn an_endpoint_that_is_no_url_is_refused_with_what_would_be_right() {
    let config = StoreConfig {
        endpoint: Some("localhost:8333".into()),
        region: "us-east-1".into(),
        bucket: "paddock".into(),
        access_key: "k".into(),
        secret_key: "s".into(),
    };
    let error = Lake::open(&config).unwrap_err().to_string();
    assert!(error.contains("`endpoint` = 'localhost:8333'") && error.contains("http://HOST:PORT"), "{error}");
}
