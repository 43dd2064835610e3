//! One worker a channel: alerts in order, each until it is delivered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::incident::AlertType;
use base::input::chain;
use base::retry::Backoff;
use base::stop::Stop;
use base::time::Clock;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{Channel, Queued, outbox};
use crate::metrics::Metrics;

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
        let outcome = self.channel.deliver(&queued.alert).await;
        let now = self.clock.now();
        // An opened alert's latency counts from the frame that decided it; `at` and `latency_us` give its capture.
        let captured_at = queued.alert.at.plus_us(-queued.alert.latency_us);
        let latency_us = now.since(captured_at);
        let error = outcome.as_ref().err().map(|e| chain(e));
        match &error {
            None => self.delivered(queued, latency_us),
            Some(error) => {
                self.metrics.alert_failures.inc();
                tracing::warn!(channel = self.channel.name(), incident = %queued.alert.after.id, "trying again: {error}");
            }
        }
        if let Some(seq) = queued.seq
            && (error.is_none() || failures.is_multiple_of(RECORD_FAILURES_EVERY))
        {
            let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(e) = outbox::record(&mut db, seq, self.channel.name(), now, latency_us, error.as_deref()) {
                tracing::error!(
                    seq,
                    "the attempt cannot be recorded, so that the alert may be sent again: {}",
                    chain(&e)
                );
            }
        }
        error.is_none()
    }

    fn delivered(&self, queued: &Queued, latency_us: i64) {
        let alert = &queued.alert;
        if alert.kind == AlertType::Opened {
            if !alert.after.drill {
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
}
