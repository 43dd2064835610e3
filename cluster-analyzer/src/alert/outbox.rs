//! Adapter: alerts, deliveries and attempts in SQLite.

use base::ids::IncidentId;
use base::incident::Alert;
use base::time::Micros;
use base::wire::Form as _;
use rusqlite::{Connection, Result, TransactionBehavior, params};
use serde::Serialize;

use super::Queued;

/// Makes the tables where they are missing.
pub fn create(db: &Connection) -> Result<()> {
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS outbox (
             seq INTEGER PRIMARY KEY AUTOINCREMENT, incident TEXT NOT NULL, kind TEXT NOT NULL,
             created_us INTEGER NOT NULL, json TEXT NOT NULL
         );
         CREATE INDEX IF NOT EXISTS outbox_incident ON outbox (incident);
         CREATE TABLE IF NOT EXISTS deliveries (
             channel TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (channel, seq)
         ) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS attempts (
             seq INTEGER NOT NULL, channel TEXT NOT NULL, at_us INTEGER NOT NULL, latency_us INTEGER NOT NULL,
             error TEXT
         );
         CREATE INDEX IF NOT EXISTS attempts_seq ON attempts (seq);",
    )
}

/// One attempt at delivery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// `opened`, `updated` or `resolved`.
    pub kind: String,
    /// Over which channel.
    pub channel: String,
    /// When it ended.
    pub at: Micros,
    /// From the capture of the deciding frame to its end, µs.
    pub latency_us: i64,
    /// Why it failed; `None` when it was delivered.
    pub error: Option<String>,
}

/// Puts an alert into the outbox and returns its number.
pub fn put(db: &Connection, alert: &Alert) -> Result<i64> {
    let sql = "INSERT INTO outbox (incident, kind, created_us, json) VALUES (?1, ?2, ?3, ?4)";
    db.prepare_cached(sql)?.execute(params![
        alert.after.id.as_str(),
        alert.kind.as_str(),
        alert.at.0,
        alert.to_json()
    ])?;
    Ok(db.last_insert_rowid())
}

/// Alerts that `channel` has not delivered, oldest first.
pub fn undelivered(db: &Connection, channel: &str) -> Result<Vec<Queued>> {
    let sql = "SELECT seq, json FROM outbox
               WHERE kind <> 'health' AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.channel = ?1 AND d.seq = outbox.seq) ORDER BY seq";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([channel], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let queued = rows.collect::<Result<Vec<_>>>()?.into_iter().filter_map(|(seq, json)| {
        let alert = Alert::from_json(json.as_bytes());
        let alert = alert.inspect_err(|e| tracing::warn!(seq, "a stored alert is left out: {}", base::input::chain(e)));
        Some(Queued { seq: Some(seq), alert: alert.ok()? })
    });
    Ok(queued.collect())
}

/// Records an attempt; one without an error is the delivery.
pub fn record(
    db: &mut Connection,
    seq: i64,
    channel: &str,
    at: Micros,
    latency_us: i64,
    error: Option<&str>,
) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO attempts (seq, channel, at_us, latency_us, error) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![seq, channel, at.0, latency_us, error],
    )?;
    if error.is_none() {
        transaction
            .execute("INSERT OR IGNORE INTO deliveries (channel, seq) VALUES (?1, ?2)", params![channel, seq])?;
    }
    transaction.commit()
}

/// Every attempt to tell of an incident, oldest first.
pub fn attempts(db: &Connection, incident: &IncidentId) -> Result<Vec<Attempt>> {
    let sql = "SELECT o.kind, a.channel, a.at_us, a.latency_us, a.error FROM attempts a JOIN outbox o ON o.seq = a.seq
               WHERE o.incident = ?1 ORDER BY a.rowid";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([incident.as_str()], |row| {
        Ok(Attempt {
            kind: row.get(0)?,
            channel: row.get(1)?,
            at: Micros(row.get(2)?),
            latency_us: row.get(3)?,
            error: row.get(4)?,
        })
    })?;
    rows.collect()
}
