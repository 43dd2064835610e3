//! Between the events and the channels' workers: decides by the plan, writes the decision down, passes it on, and
//! wakes when something has to be repeated or escalated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::input::chain;
use base::time::{Clock, Micros};
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::plan::{Plan, Step};
use super::worker::Job;
use super::{Notice, Queued, notices, outbox};
use crate::incident::store;

/// The planner.
pub struct Planner {
    /// What is open.
    pub plan: Plan,
    /// A connection of its own.
    pub db: Arc<Mutex<Connection>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// To the workers, by channel.
    pub channels: BTreeMap<String, mpsc::UnboundedSender<Job>>,
}

/// Takes over what is open from before a restart.
///
/// # Errors
/// The disk fails.
pub fn restore(plan: &mut Plan, db: &Connection) -> rusqlite::Result<()> {
    for incident in store::unresolved(db)? {
        if let Some(Queued { seq, payload }) = outbox::newest_planned(db, &incident.id)?
            && let Some(alert) = payload.alert()
        {
            plan.restore(seq, alert.clone(), &notices::told(db, &incident.id)?);
        }
    }
    Ok(())
}

impl Planner {
    /// Decides about what is left from before and what comes, until no more comes.
    pub async fn run(mut self, left: Vec<Queued>, mut events: mpsc::UnboundedReceiver<Queued>) {
        for queued in left {
            self.take(queued).await;
        }
        loop {
            let wait = self.until_due();
            tokio::select! {
                event = events.recv() => match event {
                    Some(queued) => self.take(queued).await,
                    None => return,
                },
                () = tokio::time::sleep(wait) => {
                    self.take_health().await;
                    let steps = self.plan.due(self.clock.now());
                    self.carry_out(None, steps).await;
                }
            }
        }
    }

    /// Health is laid into the outbox by whoever finds it.
    async fn take_health(&mut self) {
        let db = Arc::clone(&self.db);
        let found = tokio::task::spawn_blocking(move || {
            outbox::unplanned_health(&db.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match found.await {
            Ok(Ok(events)) => {
                for queued in events {
                    self.take(queued).await;
                }
            }
            Ok(Err(e)) => tracing::error!("the outbox cannot be read: {}", chain(&e)),
            Err(e) => tracing::error!("reading the outbox failed: {e}"),
        }
    }

    /// At most a second, since the clock may be set.
    fn until_due(&self) -> Duration {
        let idle_us = 60_000_000;
        let due_us = self.plan.next_due().map_or(idle_us, |at: Micros| at.since(self.clock.now()));
        Duration::from_micros(due_us.clamp(1_000, 1_000_000) as u64)
    }

    async fn take(&mut self, queued: Queued) {
        let steps = self.plan.take(&queued, self.clock.now());
        self.carry_out(queued.seq, steps).await;
    }

    async fn carry_out(&self, seq: Option<i64>, steps: Vec<Step>) {
        let told = |step: &Step| match step {
            Step::Tell(notice) => Some(notice.as_ref().clone()),
            Step::Calm(_) => None,
        };
        let notices: Vec<Notice> = steps.iter().filter_map(told).collect();
        if seq.is_some() || !notices.is_empty() {
            self.write(seq, notices).await;
        }
        for step in steps {
            match step {
                Step::Tell(notice) => {
                    if let Some(channel) = self.channels.get(&notice.channel) {
                        let _ = channel.send(Job::Tell(notice));
                    }
                }
                Step::Calm(subject) => self.channels.values().for_each(|channel| {
                    let _ = channel.send(Job::Calm(subject.clone()));
                }),
            }
        }
    }

    async fn write(&self, seq: Option<i64>, notices: Vec<Notice>) {
        let db = Arc::clone(&self.db);
        let written = tokio::task::spawn_blocking(move || {
            notices::put(&mut db.lock().unwrap_or_else(PoisonError::into_inner), seq, &notices)
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => tracing::error!("notices cannot be written to disk and are told all the same: {}", chain(&e)),
            Err(e) => tracing::error!("writing notices failed: {e}"),
        }
    }
}
