//! Adapter: notices in SQLite, from the decision to tell somebody to its delivery.

use base::ids::IncidentId;
use base::time::Micros;
use rusqlite::{Connection, Result, TransactionBehavior, params};
use serde::Serialize;

use super::plan::Told;
use super::{Notice, Reason};

/// Where a notice is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not delivered yet.
    Waiting,
    /// The other side has it.
    Delivered,
    /// A newer one made it needless.
    Dropped,
    /// It could not be delivered for a day.
    GivenUp,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Delivered => "delivered",
            State::Dropped => "dropped",
            State::GivenUp => "given-up",
        }
    }
}

/// Makes the table where it is missing.
pub fn create(db: &Connection) -> Result<()> {
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS notices (
             id TEXT PRIMARY KEY, seq INTEGER, subject TEXT NOT NULL, channel TEXT NOT NULL, person TEXT,
             route TEXT NOT NULL, reason TEXT NOT NULL, round INTEGER NOT NULL, planned_us INTEGER NOT NULL,
             due_us INTEGER NOT NULL, state TEXT NOT NULL, json TEXT NOT NULL
         ) WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS notices_subject ON notices (subject);
         CREATE INDEX IF NOT EXISTS notices_waiting ON notices (channel) WHERE state = 'waiting';",
    )
}

/// Writes notices down, and that the event `seq` was decided about: all of it or nothing.
pub fn put(db: &mut Connection, seq: Option<i64>, notices: &[Notice]) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "INSERT OR IGNORE INTO notices (id, seq, subject, channel, person, route, reason, round, planned_us,
               due_us, state, json) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'waiting', ?11)";
    for notice in notices {
        transaction.prepare_cached(sql)?.execute(params![
            notice.id,
            notice.seq,
            notice.payload.subject(),
            notice.channel,
            notice.person,
            notice.route,
            notice.reason.as_str(),
            notice.round,
            notice.planned_at.0,
            notice.due_at.0,
            serde_json::to_string(notice).unwrap_or_default()
        ])?;
    }
    if let Some(seq) = seq {
        transaction.execute("UPDATE outbox SET planned = 1 WHERE seq = ?1", [seq])?;
    }
    transaction.commit()
}

/// A notice's new state.
pub fn set_state(db: &Connection, id: &str, state: State) -> Result<()> {
    db.execute("UPDATE notices SET state = ?2 WHERE id = ?1", [id, state.as_str()])?;
    Ok(())
}

/// Notices that `channel` has not delivered, in the order in which they were decided.
pub fn waiting(db: &Connection, channel: &str) -> Result<Vec<Notice>> {
    let sql = "SELECT json FROM notices WHERE channel = ?1 AND state = 'waiting' ORDER BY planned_us, seq";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([channel], |row| row.get::<_, String>(0))?;
    let read = |json: String| serde_json::from_str(&json).inspect_err(|e| tracing::warn!("a notice is left out: {e}"));
    Ok(rows.collect::<Result<Vec<_>>>()?.into_iter().filter_map(|json| read(json).ok()).collect())
}

/// What each route was told of an incident.
pub fn told(db: &Connection, incident: &IncidentId) -> Result<Vec<(String, Told)>> {
    let sql = "SELECT route, reason, round, due_us FROM notices WHERE subject = ?1 ORDER BY planned_us, seq";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([incident.as_str()], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, u32>(2)?, Micros(row.get(3)?)))
    })?;
    let mut told: Vec<(String, Told)> = Vec::new();
    for row in rows {
        let (route, reason, round, due_at) = row?;
        match told.iter_mut().find(|(name, _)| *name == route) {
            Some((_, t)) => {
                t.rounds = t.rounds.max(round);
                if reason == Reason::Repeat.as_str() {
                    t.last = t.last.max(due_at);
                }
            }
            None => {
                told.push((route, Told { first: due_at, last: due_at, rounds: round, escalated: false }));
            }
        }
    }
    Ok(told)
}

/// A notice that is not delivered yet, as the page shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pending {
    /// Over which channel.
    pub channel: String,
    /// Whom on it.
    pub person: Option<String>,
    /// By which route.
    pub route: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub planned_at: Micros,
    /// Not before: quiet hours.
    pub due_at: Micros,
    /// `waiting`, `dropped` or `given-up`.
    pub state: String,
}

/// What of an incident is not delivered.
pub fn undelivered(db: &Connection, incident: &IncidentId) -> Result<Vec<Pending>> {
    let sql = "SELECT channel, person, route, reason, planned_us, due_us, state FROM notices
               WHERE subject = ?1 AND state <> 'delivered' ORDER BY planned_us, seq";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([incident.as_str()], |row| {
        Ok(Pending {
            channel: row.get(0)?,
            person: row.get(1)?,
            route: row.get(2)?,
            reason: row.get(3)?,
            planned_at: Micros(row.get(4)?),
            due_at: Micros(row.get(5)?),
            state: row.get(6)?,
        })
    })?;
    rows.collect()
}
