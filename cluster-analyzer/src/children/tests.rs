use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::metrics::{Metrics, Reason};

/// A store on drawn ports; others are drawn when those are taken.
pub(crate) async fn some_weed(data_dir: &Path) -> Weed {
    for _ in 0..10 {
        match Weed::start(data_dir, drawn_port(), "paddock", Metrics::new()).await {
            Ok(weed) => return weed,
            // Another test has drawn the same ports.
            Err(ChildError::PortTaken { .. } | ChildError::Ended { .. } | ChildError::NotReady { .. }) => {}
            Err(error) => panic!("{}", base::input::chain(&error)),
        }
    }
    panic!("no free ports");
}

async fn some_mosquitto(data_dir: &Path, metrics: &Arc<Metrics>) -> Mosquitto {
    for _ in 0..10 {
        match Mosquitto::start(data_dir, drawn_port(), metrics.clone()).await {
            Ok(mosquitto) => return mosquitto,
            // Another test has drawn the same ports.
            Err(ChildError::PortTaken { .. } | ChildError::Ended { .. } | ChildError::NotReady { .. }) => {}
            Err(error) => panic!("{}", base::input::chain(&error)),
        }
    }
    panic!("no free ports");
}

/// Drawn from the clock and the process: tests run side by side.
fn drawn_port() -> u16 {
    let id = base::ids::SegmentId::generate(base::time::Micros(0));
    let digits = u32::from_str_radix(&id.as_str()[15..], 16).unwrap();
    20_000 + (digits % 25_000) as u16
}

fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_is_started_again_when_it_dies_and_ends_with_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new();
    let broker = some_mosquitto(dir.path(), &metrics).await;
    let first = broker.pid().unwrap();
    kill_process(Pid::from_raw(first as i32).unwrap(), Signal::KILL).unwrap();
    until("another process", async || broker.pid().is_some_and(|pid| pid != first)).await;
    assert_eq!(metrics.child_restarts.get_or_create(&Reason { reason: "mosquitto" }).get(), 1);
    let address = broker.url().replace("mqtt://", "");
    until("it answers again", async || std::net::TcpStream::connect(&address).is_ok()).await;
    let second = broker.pid().unwrap();
    drop(broker);
    assert!(!runs(first) && !runs(second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_told_before_anything_is_started() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let error = Mosquitto::start(dir.path(), port, Metrics::new()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("port {port} is in use")) && text.contains("`children.mqtt_port`"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_its_objects_and_keys_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = weed.store();
    let multipart = crate::upload::s3::Multipart::default();
    let bucket = crate::upload::s3::Bucket::new(&store, multipart);
    let sha256 = base::segment::sha256_hex(b"x");
    bucket.put("a/b", bytes::Bytes::from_static(b"x"), &sha256).await.unwrap();
    let pid = weed.pid().unwrap();
    tokio::task::spawn_blocking(move || drop(weed)).await.unwrap();
    assert!(!runs(pid));
    let again = some_weed(dir.path()).await;
    assert_eq!(again.store().secret_key, store.secret_key);
    let bucket = crate::upload::s3::Bucket::new(&again.store(), multipart);
    assert_eq!(bucket.head("a/b").await.unwrap().unwrap().bytes, 1);
}

#[test]
fn a_child_ends_when_the_thread_that_started_it_dies_without_a_word() {
    // What SIGKILL does to the whole process happens here to its thread: nobody tells the child to end.
    let dir = tempfile::tempdir().unwrap();
    let spec = supervise::Spec {
        name: "sleep",
        program: find_program("sleep", "PADDOCK_NO_SUCH_VARIABLE", "no/such").unwrap(),
        args: vec!["1000".into()],
        folder: dir.path().to_owned(),
        grace: Duration::from_secs(1),
    };
    let pid = std::thread::spawn(move || supervise::spawn(&spec).unwrap().id()).join().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while runs(pid) {
        assert!(Instant::now() < deadline, "it still runs");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_told_with_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let spec = supervise::Spec {
        name: "sh",
        program: find_program("sh", "PADDOCK_NO_SUCH_VARIABLE", "no/such").unwrap(),
        args: vec!["-c".into(), "echo cannot do it; exit 3".into()],
        folder: dir.path().to_owned(),
        grace: Duration::from_secs(1),
    };
    let process = supervise::Supervised::start(spec, Metrics::new()).unwrap();
    let error = process.until_ready(Duration::from_secs(10), async || false).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("cannot do it"), "{error}");
}
