use std::sync::atomic::{AtomicU32, Ordering};

use base::time::SystemClock;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::alert::{Answer, Payload, Queued, Reason};
use crate::ledger::{self, Entry, Ledger};
use crate::testkit;

/// Fails as often as it is told, or never answers; then keeps the ids.
#[derive(Default)]
struct Receiver {
    failures: AtomicU32,
    hangs: bool,
    got: Mutex<Vec<String>>,
}

impl Channel for Receiver {
    fn name(&self) -> &str {
        "c"
    }

    fn kind(&self) -> &'static str {
        "test"
    }

    fn shows_still(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Answer, DeliveryError>> {
        async move {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
                return Err(DeliveryError::new("503"));
            }
            assert_eq!(delivery.still.as_deref(), Some(&b"jpeg"[..]));
            self.got.lock().unwrap().push(delivery.notice.id.clone());
            Ok("200 OK".into())
        }
        .boxed()
    }
}

fn notice(seq: i64, payload: Payload) -> Notice {
    let at = payload.at();
    Notice {
        id: format!("n{seq}"),
        seq: Some(seq),
        channel: "c".into(),
        person: None,
        people: vec![],
        route: "r".into(),
        reason: Reason::Opened,
        round: 0,
        since: at,
        planned_at: at,
        due_at: at,
        payload,
    }
}

struct Place {
    _dir: tempfile::TempDir,
    path: std::path::PathBuf,
    desk: Desk,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    Ledger::open(&path).unwrap();
    let desk = Desk {
        db: Arc::new(Mutex::new(ledger::open(&path).unwrap())),
        metrics: Metrics::new(),
        clock: Arc::new(SystemClock::new()),
        stills: Arc::new(|_| Some(Bytes::from_static(b"jpeg"))),
        timezone: TimeZone::UTC,
        page_url: None,
    };
    Place { _dir: dir, path, desk }
}

/// Two notices on disk.
fn lay(place: &Place) -> Vec<Notice> {
    // Of now: what is older than a day is given up when it fails.
    let now = place.desk.clock.now();
    let alerts = [-2, -1].map(|us| testkit::opened_alert(now.plus_us(us), 0)).to_vec();
    let queued = Ledger::open(&place.path).unwrap().commit(&Entry { alerts, ..Entry::default() }).unwrap();
    let notices: Vec<Notice> =
        queued.into_iter().map(|Queued { seq, payload }| notice(seq.unwrap(), payload)).collect();
    notices::put(&mut ledger::open(&place.path).unwrap(), None, &notices).unwrap();
    notices
}

#[tokio::test]
async fn a_notice_is_tried_until_it_is_taken_and_every_attempt_is_recorded_with_its_answer() {
    let place = place();
    let left = lay(&place);
    let channel = Arc::new(Receiver { failures: AtomicU32::new(2), ..Receiver::default() });
    let worker = Worker { channel: channel.clone(), desk: place.desk.clone() };
    let (jobs, jobs_in) = mpsc::unbounded_channel();
    let (stopper, end) = base::stop::pair();
    let running = tokio::spawn(worker.run(left.clone(), jobs_in, end));
    let all = async {
        while channel.got.lock().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
    stopper.stop();
    drop(jobs);
    running.await.unwrap();
    let db = ledger::open(&place.path).unwrap();
    assert_eq!(notices::waiting(&db, "c").unwrap(), []);
    let id = left[0].payload.alert().unwrap().after.id.clone();
    let attempts = outbox::attempts(&db, &id).unwrap();
    let (last, failed) = attempts.split_last().unwrap();
    assert_eq!((last.ok, last.answer.as_deref(), last.route.as_deref()), (true, Some("200 OK"), Some("r")));
    assert!(last.latency_ms.is_some_and(|ms| ms >= 0) && last.started.is_some());
    assert!(!failed.is_empty() && failed.iter().all(|a| !a.ok && a.error.as_deref().unwrap().contains("503")));
    let text = place.desk.metrics.text();
    assert!(text.contains("paddock_deliveries_total{channel=\"c\",result=\"delivered\"} 2"), "{text}");
    assert!(text.contains("paddock_delivery_seconds_count{channel=\"c\",result=\"failed\"} 2"), "{text}");
}

#[tokio::test]
async fn what_hangs_when_the_service_ends_is_told_after_the_next_start() {
    let place = place();
    let left = lay(&place);
    let worker =
        Worker { channel: Arc::new(Receiver { hangs: true, ..Receiver::default() }), desk: place.desk.clone() };
    let (_jobs, jobs_in) = mpsc::unbounded_channel();
    let (stopper, end) = base::stop::pair();
    stopper.stop();
    tokio::time::timeout(Duration::from_secs(20), worker.run(left.clone(), jobs_in, end)).await.unwrap();
    assert_eq!(notices::waiting(&ledger::open(&place.path).unwrap(), "c").unwrap(), left);
}
