//! One worker a channel: what it has to tell, each notice until it is delivered. It waits for nobody else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::ids::IncidentId;
use base::input::chain;
use base::stop::Stop;
use base::time::{Clock, Micros};
use bytes::Bytes;
use jiff::tz::TimeZone;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::notices::{self, State};
use super::outbox::{self, Outcome};
use super::pile::Pile;
use super::{Channel, Delivery, DeliveryError, Notice, text};
use crate::metrics::{Metrics, OfDelivery};

/// Of failures in a row the first few are recorded, then one in a dozen: an outage of hours must not fill the disk.
const FIRST_FAILURES: u32 = 3;
const THEN_EVERY: u32 = 12;
/// How long an attempt may still take when the service ends.
const LAST_ATTEMPT: Duration = Duration::from_secs(5);

/// What a worker is told.
#[derive(Debug)]
pub enum Job {
    /// Tell.
    Tell(Box<Notice>),
    /// Nobody needs to be reminded of this matter any more.
    Calm(String),
}

/// Reads the picture of an incident; blocks.
pub type Stills = Arc<dyn Fn(&IncidentId) -> Option<Bytes> + Send + Sync>;

/// What a channel needs to dress a notice, and to record how it went.
#[derive(Clone)]
pub struct Desk {
    /// A connection of its own.
    pub db: Arc<Mutex<Connection>>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Pictures.
    pub stills: Stills,
    /// The zoo's.
    pub timezone: TimeZone,
    /// The analyzer's page as people reach it.
    pub page_url: Option<String>,
}

/// A worker.
pub struct Worker {
    /// Where notices go.
    pub channel: Arc<dyn Channel>,
    /// The rest.
    pub desk: Desk,
}

impl Desk {
    /// A notice with its words and, where the channel shows one, its picture.
    pub async fn dress(&self, channel: &dyn Channel, notice: Notice) -> Delivery {
        let incident = notice.payload.alert().map(|a| a.after.id.clone()).filter(|_| channel.shows_still());
        let stills = Arc::clone(&self.stills);
        let still = match incident {
            Some(id) => tokio::task::spawn_blocking(move || stills(&id)).await.ok().flatten(),
            None => None,
        };
        let text = text::of(&notice, &self.timezone, self.clock.now());
        Delivery { notice, text, still, page_url: self.page_url.clone() }
    }

    /// One attempt: its answer, when it began, when it ended. Counted, not recorded.
    pub async fn attempt(
        &self,
        channel: &dyn Channel,
        delivery: &Delivery,
    ) -> (Result<String, String>, Micros, Micros) {
        let started = self.clock.now();
        let outcome = channel.deliver(delivery).await.map_err(|e: DeliveryError| chain(&e));
        let ended = self.clock.now();
        let result = if outcome.is_ok() { "delivered" } else { "failed" };
        let of = OfDelivery { channel: channel.name().to_owned(), result };
        self.metrics.deliveries.get_or_create(&of).inc();
        self.metrics.delivery_seconds.get_or_create(&of).observe(ended.since(started) as f64 / 1e6);
        (outcome, started, ended)
    }

    /// Runs a change of the database on a thread for blocking work, so that a slow disk holds up no other channel.
    async fn write(&self, change: impl FnOnce(&mut Connection) -> rusqlite::Result<()> + Send + 'static) {
        let db = Arc::clone(&self.db);
        let written =
            tokio::task::spawn_blocking(move || change(&mut db.lock().unwrap_or_else(PoisonError::into_inner)));
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => tracing::error!(
                "how an alert was delivered cannot be recorded, so that it may be told again: {}",
                chain(&e)
            ),
            Err(e) => tracing::error!("the record of deliveries failed: {e}"),
        }
    }
}

impl Worker {
    /// Delivers what is left from before and what comes, until no more comes; after `end` what fails stays in the
    /// outbox.
    pub async fn run(self, left: Vec<Notice>, mut jobs: mpsc::UnboundedReceiver<Job>, mut end: Stop) {
        let mut pile = Pile::default();
        for notice in left {
            self.told(&mut pile, Job::Tell(Box::new(notice))).await;
        }
        let mut open = true;
        loop {
            while let Ok(job) = jobs.try_recv() {
                self.told(&mut pile, job).await;
            }
            let now = self.desk.clock.now();
            let old = pile.too_old(now);
            self.settle(old, State::GivenUp).await;
            self.count(&pile);
            let over = !open || end.is_asked();
            if over && !pile.has_fresh(now) {
                return;
            }
            if let Some(next) = pile.next(now).filter(|w| !over || w.failures == 0) {
                let (notice, failures) = (next.notice.clone(), next.failures);
                if !self.deliver(&mut pile, notice, failures, &mut end).await {
                    return;
                }
                continue;
            }
            let wait_us = pile.next_try().map_or(3_600_000_000, |at| at.since(now).max(0));
            tokio::select! {
                job = jobs.recv(), if open => match job {
                    Some(job) => self.told(&mut pile, job).await,
                    None => open = false,
                },
                // The clock may be set meanwhile: it is looked at again every minute.
                () = tokio::time::sleep(Duration::from_micros(wait_us.min(60_000_000) as u64 + 1_000)) => {}
                () = end.asked(), if !end.is_asked() => {}
            }
        }
    }

    async fn told(&self, pile: &mut Pile, job: Job) {
        let gone = match job {
            Job::Tell(notice) => pile.push(*notice, self.desk.clock.now()),
            Job::Calm(subject) => pile.calm(&subject),
        };
        self.settle(gone, State::Dropped).await;
    }

    async fn settle(&self, notices: Vec<Notice>, state: State) {
        if notices.is_empty() {
            return;
        }
        if state == State::GivenUp {
            let of = OfDelivery { channel: self.channel.name().to_owned(), result: "given_up" };
            self.metrics().deliveries.get_or_create(&of).inc_by(notices.len() as u64);
            tracing::error!(channel = self.channel.name(), "{} alerts were given up after a day", notices.len());
        }
        let change =
            move |db: &mut Connection| notices.iter().try_for_each(|notice| notices::set_state(db, &notice.id, state));
        self.desk.write(change).await;
    }

    fn metrics(&self) -> &Metrics {
        &self.desk.metrics
    }

    fn count(&self, pile: &Pile) {
        let of = crate::metrics::OfChannel { channel: self.channel.name().to_owned() };
        self.metrics().notices_waiting.get_or_create(&of).set(pile.len() as i64);
    }

    /// False: the service ended before the attempt did.
    async fn deliver(&self, pile: &mut Pile, notice: Notice, failures: u32, end: &mut Stop) -> bool {
        let delivery = self.desk.dress(self.channel.as_ref(), notice).await;
        let attempt = self.desk.attempt(self.channel.as_ref(), &delivery);
        let ending = async {
            end.asked().await;
            tokio::time::sleep(LAST_ATTEMPT).await;
        };
        let (outcome, started, ended) = tokio::select! {
            attempted = attempt => attempted,
            () = ending => return false,
        };
        let notice = delivery.notice;
        match &outcome {
            Ok(answer) => {
                pile.delivered(&notice.id);
                tracing::info!(
                    channel = self.channel.name(),
                    subject = %notice.payload.subject(),
                    reason = notice.reason.as_str(),
                    took_ms = ended.since(started) / 1000,
                    "alert delivered: {answer}"
                );
            }
            Err(error) => {
                pile.failed(&notice.id, ended, spread(ended));
                self.metrics().alert_failures.inc();
                if failures < FIRST_FAILURES || failures.is_multiple_of(THEN_EVERY) {
                    let (name, subject) = (self.channel.name(), notice.payload.subject());
                    tracing::warn!(channel = name, %subject, "trying again: {error}");
                }
            }
        }
        if outcome.is_ok() || failures < FIRST_FAILURES || failures.is_multiple_of(THEN_EVERY) {
            self.record(notice, outcome, started, ended).await;
        }
        true
    }

    async fn record(&self, notice: Notice, outcome: Result<String, String>, started: Micros, at: Micros) {
        let Some(seq) = notice.seq else { return };
        let channel = self.channel.name().to_owned();
        let latency_us = at.since(notice.payload.captured_at());
        self.desk
            .write(move |db| {
                let answer = outcome.as_deref().map_err(String::as_str);
                let outcome = Outcome { started, at, latency_us, answer };
                outbox::record(db, seq, &channel, Some(&notice), &outcome)
            })
            .await;
    }
}

/// Something between 0 and 1 that differs from attempt to attempt: channels that failed together do not try again
/// together.
fn spread(at: Micros) -> f64 {
    (at.0.rem_euclid(997)) as f64 / 997.0
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
