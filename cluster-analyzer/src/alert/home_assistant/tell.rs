//! Adapter: entities and their states on the broker, all of it again on a new connection, since a broker may forget.
//!
//! Topics that were ever published are kept in `state.db` until their retained message was taken back: an entity
//! whose camera has left the site file goes from Home Assistant too, also where the analyzer was down meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use base::input::chain;
use base::stop::Stop;
use rusqlite::{Connection, Result};
use tokio::sync::watch;

use super::Messages;
use crate::ingest::mqtt::{Link, PublishError};

/// Makes the table where it is missing.
pub fn create(db: &Connection) -> Result<()> {
    db.execute_batch("CREATE TABLE IF NOT EXISTS home_assistant (topic TEXT PRIMARY KEY) WITHOUT ROWID;")
}

/// Writes `wanted` down as published; returns what was published before and is not wanted any more.
pub fn stale(db: &Connection, wanted: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    for topic in wanted {
        db.execute("INSERT OR IGNORE INTO home_assistant (topic) VALUES (?1)", [topic])?;
    }
    let mut statement = db.prepare("SELECT topic FROM home_assistant")?;
    let all = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<BTreeSet<_>>>()?;
    Ok(all.difference(wanted).cloned().collect())
}

fn forget(db: &Connection, topic: &str) -> Result<()> {
    db.execute("DELETE FROM home_assistant WHERE topic = ?1", [topic]).map(drop)
}

/// What is published and what is to be taken back.
pub struct Teller {
    /// To the broker.
    pub link: Link,
    /// A connection of its own.
    pub db: Connection,
    /// Entities; none where Home Assistant is not configured.
    pub discovery: Messages,
    /// Published once, now to be taken back.
    pub stale: BTreeSet<String>,
}

impl Teller {
    /// Publishes until `end`: states as `states` gives them each time that `changed` says so.
    pub async fn run(mut self, states: impl Fn() -> Messages, mut changed: watch::Receiver<u64>, mut end: Stop) {
        let mut connected = self.link.connected();
        let mut known = Messages::new();
        loop {
            if !*connected.borrow_and_update() {
                known.clear();
                tokio::select! {
                    news = connected.changed() => if news.is_err() { return },
                    () = end.asked() => return,
                }
                continue;
            }
            changed.borrow_and_update();
            if self.catch_up(&mut known, &states).await.is_err() {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(250)) => {}
                    () = end.asked() => return,
                }
                continue;
            }
            if end.is_asked() {
                return;
            }
            tokio::select! {
                news = changed.changed() => if news.is_err() { return },
                news = connected.changed() => if news.is_err() { return },
                () = end.asked() => {}
            }
        }
    }

    /// Makes the broker hold what it should. States first: an entity must not show an old state for a moment.
    async fn catch_up(
        &mut self,
        known: &mut Messages,
        states: &impl Fn() -> Messages,
    ) -> std::result::Result<(), PublishError> {
        while let Some(topic) = self.stale.first().cloned() {
            self.link.publish_at(topic.clone(), String::new(), true, None).await?;
            if let Err(e) = forget(&self.db, &topic) {
                tracing::warn!("a topic of Home Assistant is taken back again next time: {}", chain(&e));
            }
            self.stale.remove(&topic);
        }
        if self.discovery.is_empty() {
            return Ok(());
        }
        for (topic, payload) in states().into_iter().chain(self.discovery.clone()) {
            if known.get(&topic) != Some(&payload) {
                self.link.publish_at(topic.clone(), payload.clone(), true, None).await?;
                known.insert(topic, payload);
            }
        }
        Ok(())
    }
}
