//! The broker's worker: every event in order, each until it is delivered. It asks no route and waits for no
//! decision, so that an alert reaches the broker first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::input::chain;
use base::retry::Backoff;
use base::stop::Stop;
use base::time::Clock;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::outbox::{self, Outcome};
use super::{Channel, Delivery, Notice, Queued, Reason, text};
use crate::metrics::{Metrics, OfDelivery};

/// An attempt that fails is recorded once a minute at most: an outage of hours must not fill the disk.
const RECORD_FAILURES_EVERY: u32 = 12;

/// What a worker needs.
pub struct Sender {
    /// Where alerts go.
    pub channel: Arc<dyn Channel>,
    /// The outbox; a connection of its own.
    pub db: Arc<Mutex<Connection>>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl Sender {
    /// Delivers what is left from before and what comes, until no more comes; after `end` it gives up on what
    /// cannot be delivered (it stays in the outbox).
    pub async fn run(self, left: Vec<Queued>, mut alerts: mpsc::UnboundedReceiver<Queued>, mut end: Stop) {
        let mut waiting: VecDeque<Queued> = left.into();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut failures = 0;
        loop {
            while let Ok(next) = alerts.try_recv() {
                waiting.push_back(next);
            }
            self.metrics.alerts_waiting.set(waiting.len() as i64);
            let Some(next) = waiting.front() else {
                match alerts.recv().await {
                    Some(next) => waiting.push_back(next),
                    None => return,
                }
                continue;
            };
            if self.attempt(next, failures).await {
                waiting.pop_front();
                backoff.reset();
                failures = 0;
            } else {
                failures += 1;
                tokio::select! {
                    () = tokio::time::sleep(backoff.wait()) => {}
                    () = end.asked() => return,
                }
            }
        }
    }

    async fn attempt(&self, queued: &Queued, failures: u32) -> bool {
        let started = self.clock.now();
        let outcome = self.channel.deliver(&plain(self.channel.name(), queued)).await;
        let at = self.clock.now();
        let latency_us = at.since(queued.payload.captured_at());
        let answer = outcome.map_err(|e| chain(&e));
        self.count(&answer, at.since(started));
        match &answer {
            Ok(_) => self.delivered(queued, latency_us),
            Err(error) => {
                self.metrics.alert_failures.inc();
                let (name, subject) = (self.channel.name(), queued.payload.subject());
                tracing::warn!(channel = name, %subject, "trying again: {error}");
            }
        }
        if let Some(seq) = queued.seq
            && (answer.is_ok() || failures.is_multiple_of(RECORD_FAILURES_EVERY))
        {
            let outcome = Outcome { started, at, latency_us, answer: answer.as_deref().map_err(String::as_str) };
            let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(e) = outbox::record(&mut db, seq, self.channel.name(), None, &outcome) {
                tracing::error!(
                    seq,
                    "the attempt cannot be recorded, so that the alert may be sent again: {}",
                    chain(&e)
                );
            }
        }
        answer.is_ok()
    }

    fn count(&self, answer: &Result<String, String>, took_us: i64) {
        let result = if answer.is_ok() { "delivered" } else { "failed" };
        let of = OfDelivery { channel: self.channel.name().to_owned(), result };
        self.metrics.deliveries.get_or_create(&of).inc();
        self.metrics.delivery_seconds.get_or_create(&of).observe(took_us as f64 / 1e6);
    }

    fn delivered(&self, queued: &Queued, latency_us: i64) {
        let Some(alert) = queued.payload.alert().filter(|_| queued.payload.opens()) else { return };
        if !alert.after.drill && alert.after.late_by_us.is_none() {
            self.metrics.capture_to_alert_seconds.observe(latency_us as f64 / 1e6);
        }
        tracing::info!(
            incident = %alert.after.id,
            camera = %alert.after.camera,
            label = %alert.after.label,
            species = alert.after.species.as_ref().map(tracing::field::display),
            latency_ms = latency_us / 1000,
            "alarm delivered"
        );
    }
}

/// An event without words: the broker's readers are programs.
fn plain(channel: &str, queued: &Queued) -> Delivery {
    let at = queued.payload.at();
    let notice = Notice {
        id: String::new(),
        seq: queued.seq,
        channel: channel.to_owned(),
        person: None,
        people: Vec::new(),
        route: String::new(),
        reason: Reason::Updated,
        round: 0,
        since: at,
        planned_at: at,
        due_at: at,
        payload: queued.payload.clone(),
    };
    let text = text::Text { title: String::new(), sentence: String::new() };
    Delivery { notice, text, still: None, page_url: None }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use base::incident::Alert;
    use base::time::{Micros, SimClock};
    use futures::FutureExt as _;
    use futures::future::BoxFuture;

    use super::*;
    use crate::alert::{Answer, DeliveryError};
    use crate::ledger::{self, Entry, Ledger};
    use crate::testkit;

    /// Fails as often as it is told, then delivers.
    #[derive(Default)]
    struct Flaky {
        failures: AtomicU32,
        delivered: Mutex<Vec<i64>>,
    }

    impl Channel for Flaky {
        fn name(&self) -> &str {
            "flaky"
        }

        fn kind(&self) -> &'static str {
            "flaky"
        }

        fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Answer, DeliveryError>> {
            async move {
                let left = self.failures.load(Ordering::SeqCst);
                if left > 0 {
                    self.failures.store(left - 1, Ordering::SeqCst);
                    return Err(DeliveryError::new("down"));
                }
                self.delivered.lock().unwrap().push(delivery.notice.payload.at().0);
                Ok("taken".into())
            }
            .boxed()
        }
    }

    fn alert(at: i64) -> Alert {
        testkit::opened_alert(Micros(at), 100)
    }

    #[tokio::test]
    async fn alerts_go_out_in_order_again_and_again_and_every_outcome_is_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let alerts = vec![alert(1_000), alert(2_000)];
        let mut queued = Ledger::open(&path).unwrap().commit(&Entry { alerts, ..Entry::default() }).unwrap();
        let channel = Arc::new(Flaky { failures: AtomicU32::new(2), ..Flaky::default() });
        let sender = Sender {
            channel: channel.clone(),
            db: Arc::new(Mutex::new(ledger::open(&path).unwrap())),
            metrics: Metrics::new(),
            clock: Arc::new(SimClock::at(Micros(5_000))),
        };
        // One is left from before, one comes, and one could not be written to disk.
        let (to_sender, from_live) = mpsc::unbounded_channel();
        to_sender.send(queued.pop().unwrap()).unwrap();
        to_sender.send(Queued { seq: None, payload: alert(3_000).into() }).unwrap();
        drop(to_sender);
        let (_stopper, end) = base::stop::pair();
        tokio::time::timeout(Duration::from_secs(20), sender.run(queued, from_live, end)).await.unwrap();
        assert_eq!(*channel.delivered.lock().unwrap(), [1_000, 2_000, 3_000]);
        let db = ledger::open(&path).unwrap();
        assert!(outbox::undelivered(&db, "flaky").unwrap().is_empty());
        let attempts = outbox::attempts(&db, &alert(1_000).after.id).unwrap();
        assert!(attempts[0].error.as_deref().unwrap().contains("down"));
        let last = attempts.last().unwrap();
        // Captured at 1,000 - 100, delivered at 5,000.
        assert_eq!((last.error.as_deref(), last.latency_us, last.ok), (None, 4_100, true));
        assert_eq!(last.answer.as_deref(), Some("taken"));
    }

    #[tokio::test]
    async fn what_cannot_be_delivered_at_the_end_stays_in_the_outbox() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let entry = Entry { alerts: vec![alert(1_000)], ..Entry::default() };
        let queued = Ledger::open(&path).unwrap().commit(&entry).unwrap();
        let sender = Sender {
            channel: Arc::new(Flaky { failures: AtomicU32::new(u32::MAX), ..Flaky::default() }),
            db: Arc::new(Mutex::new(ledger::open(&path).unwrap())),
            metrics: Metrics::new(),
            clock: Arc::new(SimClock::at(Micros(5_000))),
        };
        let (_to_sender, from_live) = mpsc::unbounded_channel();
        let (stopper, end) = base::stop::pair();
        stopper.stop();
        tokio::time::timeout(Duration::from_secs(20), sender.run(queued, from_live, end)).await.unwrap();
        assert_eq!(outbox::undelivered(&ledger::open(&path).unwrap(), "flaky").unwrap().len(), 1);
    }
}
