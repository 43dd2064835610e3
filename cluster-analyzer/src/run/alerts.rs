//! Wires the ways in which people are told: the broker, the channels of the config file, Home Assistant, and the
//! broker's memory of incidents that are long over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::ids::IncidentId;
use base::input::chain;
use base::stop::Stop;
use base::time::Clock;
use base::topic::Topic;
use rusqlite::Connection;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Parts, RunError};
use crate::alert::command::CommandChannel;
use crate::alert::email::Email;
use crate::alert::home_assistant::{self, tell::Teller};
use crate::alert::mqtt::MqttChannel;
use crate::alert::ntfy::Ntfy;
use crate::alert::plan::Plan;
use crate::alert::planner::{self, Planner};
use crate::alert::sender::Sender;
use crate::alert::webhook::Webhook;
use crate::alert::worker::{Desk, Stills, Worker};
use crate::alert::{Channel, Queued, notices, outbox, retained};
use crate::config::ConfigError;
use crate::config::alert::ChannelSpec;
use crate::http::alerts::Channels;
use crate::incident::store;
use crate::ingest::mqtt::Link;
use crate::ledger;
use crate::live::Retained;

/// The tasks that tell people.
pub(super) struct Telling {
    /// They end when nothing comes any more.
    pub(super) tasks: Vec<JoinHandle<()>>,
    /// For the page.
    pub(super) channels: Channels,
}

impl Parts {
    /// Starts a task for the broker, one for each channel, and the one that decides between them.
    pub(super) fn tell(
        &self,
        link: &Link,
        mut events: mpsc::UnboundedReceiver<Queued>,
        end: &Stop,
    ) -> Result<Telling, RunError> {
        let (to_sender, for_sender) = mpsc::unbounded_channel();
        let (to_planner, for_planner) = mpsc::unbounded_channel();
        let mqtt: Arc<dyn Channel> = Arc::new(MqttChannel::new(link.clone()));
        let mut tasks = vec![tokio::spawn(self.sender(Arc::clone(&mqtt), for_sender, end.clone())?)];

        let config = &self.config.alerts;
        let rules = Arc::new(config.rules(&self.site));
        let desk = Desk { timezone: rules.timezone.clone(), ..self.desk()? };
        let mut channels = vec![mqtt];
        let mut workers = BTreeMap::new();
        for spec in &config.channels {
            let channel = self.open(spec)?;
            let left = self.read(|db| notices::waiting(db, channel.name()))?;
            let (jobs, jobs_in) = mpsc::unbounded_channel();
            workers.insert(channel.name().to_owned(), jobs);
            let worker = Worker { channel: Arc::clone(&channel), desk: self.desk_like(&desk)? };
            tasks.push(tokio::spawn(worker.run(left, jobs_in, end.clone())));
            channels.push(channel);
        }

        let mut plan = Plan::new(rules, Arc::clone(&self.site));
        let db = self.state()?;
        planner::restore(&mut plan, &db).map_err(|e| self.state_db_error(e))?;
        let left = outbox::unplanned(&db).map_err(|e| self.state_db_error(e))?;
        let planner = Planner { plan, db: Arc::new(Mutex::new(db)), clock: self.clock(), channels: workers };
        tasks.push(tokio::spawn(planner.run(left, for_planner)));

        // The broker first: it waits for no decision.
        tasks.push(tokio::spawn(async move {
            while let Some(queued) = events.recv().await {
                let _ = to_sender.send(queued.clone());
                let _ = to_planner.send(queued);
            }
        }));
        Ok(Telling { tasks, channels: Channels::new(channels, desk) })
    }

    fn sender(
        &self,
        channel: Arc<dyn Channel>,
        alerts: mpsc::UnboundedReceiver<Queued>,
        end: Stop,
    ) -> Result<impl Future<Output = ()> + use<>, RunError> {
        let db = self.state()?;
        let left = outbox::undelivered(&db, channel.name()).map_err(|e| self.state_db_error(e))?;
        if !left.is_empty() {
            tracing::info!(alerts = left.len(), "alerts of before are delivered first");
        }
        let sender = Sender { channel, db: Arc::new(Mutex::new(db)), metrics: self.metrics(), clock: self.clock() };
        Ok(sender.run(left, alerts, end))
    }

    fn open(&self, spec: &ChannelSpec) -> Result<Arc<dyn Channel>, RunError> {
        let wrong = |why: String| ConfigError::Flag(format!("alert channel '{}': {why}", spec.name()));
        Ok(match spec.clone() {
            ChannelSpec::Webhook(params) => Arc::new(Webhook::new(params, self.clock()).map_err(wrong)?),
            ChannelSpec::Ntfy(params) => Arc::new(Ntfy::new(params).map_err(wrong)?),
            ChannelSpec::Email(params) => Arc::new(Email::new(params).map_err(wrong)?),
            ChannelSpec::Command(params) => Arc::new(CommandChannel::new(params)),
        })
    }

    fn desk(&self) -> Result<Desk, RunError> {
        let stills = Mutex::new(self.state()?);
        let still = move |id: &IncidentId| {
            let db = stills.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            store::still(&db, id).ok().flatten().map(bytes::Bytes::from)
        };
        Ok(Desk {
            db: Arc::new(Mutex::new(self.state()?)),
            metrics: self.metrics(),
            clock: self.clock(),
            stills: Arc::new(still) as Stills,
            timezone: jiff::tz::TimeZone::UTC,
            page_url: self.config.alerts.page_url.clone(),
        })
    }

    /// With a connection of its own, so that no channel waits for another's record.
    fn desk_like(&self, desk: &Desk) -> Result<Desk, RunError> {
        Ok(Desk { db: Arc::new(Mutex::new(self.state()?)), ..desk.clone() })
    }

    fn state(&self) -> Result<Connection, RunError> {
        ledger::open(&self.state_db()).map_err(|e| self.state_db_error(e))
    }

    fn read<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, RunError> {
        question(&self.state()?).map_err(|e| self.state_db_error(e))
    }

    /// Keeps Home Assistant current, or takes back what was told it when it is configured no longer.
    pub(super) fn home_assistant(
        &self,
        link: &Link,
        retained: &Arc<Retained>,
        end: &Stop,
    ) -> Result<JoinHandle<()>, RunError> {
        let discovery = match &self.config.alerts.home_assistant {
            Some(params) => home_assistant::discovery(&self.site, params),
            None => home_assistant::Messages::new(),
        };
        let wanted: BTreeSet<String> = match discovery.is_empty() {
            true => BTreeSet::new(),
            false => discovery.keys().cloned().chain(home_assistant::states(&self.site, &[]).into_keys()).collect(),
        };
        let db = self.state()?;
        let stale = home_assistant::tell::stale(&db, &wanted).map_err(|e| self.state_db_error(e))?;
        let (site, incidents) = (Arc::clone(&self.site), Arc::clone(retained));
        let states = move || home_assistant::states(&site, &incidents.open());
        let teller = Teller { link: link.clone(), db, discovery, stale };
        Ok(tokio::spawn(teller.run(states, retained.news(), end.clone())))
    }

    /// Takes resolved incidents off the broker when their time is over.
    pub(super) fn clear_resolved(
        &self,
        link: &Link,
        retained: &Arc<Retained>,
        end: &Stop,
    ) -> Result<JoinHandle<()>, RunError> {
        let after_us = self.config.alerts.clear_resolved_after.as_micros() as i64;
        let clearing = Clearing {
            link: link.clone(),
            db: self.state()?,
            retained: Arc::clone(retained),
            clock: self.clock(),
            after_us,
        };
        Ok(tokio::spawn(clearing.run(end.clone())))
    }
}

struct Clearing {
    link: Link,
    db: Connection,
    retained: Arc<Retained>,
    clock: Arc<dyn Clock>,
    after_us: i64,
}

impl Clearing {
    async fn run(mut self, mut end: Stop) {
        loop {
            if *self.link.connected().borrow() {
                self.clear().await;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(10)) => {}
                () = end.asked() => return,
            }
        }
    }

    async fn clear(&mut self) {
        let due = retained::to_clear(&self.db, self.clock.now().plus_us(-self.after_us));
        let due = due.unwrap_or_else(|e| {
            tracing::warn!("incidents that are over cannot be read: {}", chain(&e));
            Vec::new()
        });
        for (id, updated_at) in due {
            self.retained.forget(&id);
            // An empty retained message takes the kept one away.
            if self.link.publish(&Topic::Incident(id.clone()), String::new(), true, None).await.is_err() {
                return;
            }
            if let Err(e) = retained::cleared(&self.db, &id, updated_at) {
                tracing::warn!(incident = %id, "it is taken off the broker again next time: {}", chain(&e));
            }
        }
    }
}
