//! Adapter: events, deliveries and attempts in SQLite.
//!
//! Any part of the service lays an event in with [`put`], within a transaction of its own where it likes: the planner
//! looks for health once a second, and hears of incidents at once.

use base::ids::IncidentId;
use base::incident::Alert;
use base::time::Micros;
use base::wire::Form as _;
use rusqlite::{Connection, Result, TransactionBehavior, params};
use serde::Serialize;

use super::{Notice, Payload, Queued, notices};

/// Makes the tables where they are missing, and columns that tables of an older version lack.
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
    )?;
    let new = add_column(db, "outbox", "planned", "INTEGER NOT NULL DEFAULT 0")?;
    db.execute_batch("CREATE INDEX IF NOT EXISTS outbox_unplanned ON outbox (kind) WHERE planned = 0;")?;
    if new {
        // What is from before there were routes was told long ago.
        db.execute("UPDATE outbox SET planned = 1", [])?;
    }
    add_column(db, "attempts", "notice", "TEXT")?;
    add_column(db, "attempts", "started_us", "INTEGER")?;
    add_column(db, "attempts", "answer", "TEXT")?;
    notices::create(db)
}

/// True: it was missing.
fn add_column(db: &Connection, table: &str, column: &str, kind: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM pragma_table_info(?1) WHERE name = ?2";
    let there: i64 = db.query_row(sql, [table, column], |row| row.get(0))?;
    if there == 0 {
        db.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {column} {kind}"))?;
    }
    Ok(there == 0)
}

/// What stands in the column `kind` of an event of health.
pub const HEALTH: &str = "health";

/// Puts an event into the outbox and returns its number.
pub fn put(db: &Connection, payload: &Payload) -> Result<i64> {
    let sql = "INSERT INTO outbox (incident, kind, created_us, json) VALUES (?1, ?2, ?3, ?4)";
    let json = match payload {
        Payload::Incident(alert) => alert.to_json(),
        Payload::Health(event) => serde_json::to_string(event).unwrap_or_default(),
        Payload::Test(event) => serde_json::to_string(event).unwrap_or_default(),
    };
    db.prepare_cached(sql)?.execute(params![payload.subject(), payload.kind(), payload.at().0, json])?;
    Ok(db.last_insert_rowid())
}

/// Reads rows of `seq, kind, json`; one of another version is left out, and said.
fn read(row: (i64, String, String)) -> Option<Queued> {
    let (seq, kind, json) = row;
    let payload = match kind.as_str() {
        HEALTH => serde_json::from_str(&json).map(Payload::Health).map_err(|e| base::input::chain(&e)),
        _ => Alert::from_json(json.as_bytes()).map(Payload::from).map_err(|e| base::input::chain(&e)),
    };
    let payload = payload.inspect_err(|e| tracing::warn!(seq, "a stored event is left out: {e}")).ok()?;
    Some(Queued { seq: Some(seq), payload })
}

fn events(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Queued>> {
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map(params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<Vec<_>>>()?.into_iter().filter_map(read).collect())
}

/// Alerts that `channel`, which asks no route, has not delivered, oldest first.
pub fn undelivered(db: &Connection, channel: &str) -> Result<Vec<Queued>> {
    let sql = "SELECT seq, kind, json FROM outbox WHERE kind <> 'health'
               AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.channel = ?1 AND d.seq = outbox.seq) ORDER BY seq";
    events(db, sql, [channel])
}

/// Events of which nobody has decided yet who is told, oldest first.
pub fn unplanned(db: &Connection) -> Result<Vec<Queued>> {
    events(db, "SELECT seq, kind, json FROM outbox WHERE planned = 0 ORDER BY seq", [])
}

/// Events of health among them.
pub fn unplanned_health(db: &Connection) -> Result<Vec<Queued>> {
    events(db, "SELECT seq, kind, json FROM outbox WHERE planned = 0 AND kind = 'health' ORDER BY seq", [])
}

/// The newest event of an incident that was decided about.
pub fn newest_planned(db: &Connection, incident: &IncidentId) -> Result<Option<Queued>> {
    let sql = "SELECT seq, kind, json FROM outbox WHERE incident = ?1 AND planned = 1 ORDER BY seq DESC LIMIT 1";
    Ok(events(db, sql, [incident.as_str()])?.pop())
}

/// One attempt at delivery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// `opened`, `updated` or `resolved`: the event.
    pub kind: String,
    /// Why it was told: also `repeat`, `escalated`.
    pub reason: String,
    /// By which route; `None` on the broker, which is told everything.
    pub route: Option<String>,
    /// Over which channel.
    pub channel: String,
    /// Whom on it, where the route names people.
    pub person: Option<String>,
    /// When it began.
    pub started: Option<Micros>,
    /// When it ended.
    pub at: Micros,
    /// How long it took, ms.
    pub latency_ms: Option<i64>,
    /// From the capture of the deciding frame to its end, µs.
    pub latency_us: i64,
    /// What the other side said.
    pub answer: Option<String>,
    /// Why it failed; `None` when it was delivered.
    pub error: Option<String>,
    /// It was delivered.
    pub ok: bool,
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<'a> {
    /// When it began.
    pub started: Micros,
    /// When it ended.
    pub at: Micros,
    /// From the capture of the deciding frame to its end, µs.
    pub latency_us: i64,
    /// What the other side said, or why it failed.
    pub answer: std::result::Result<&'a str, &'a str>,
}

/// Records an attempt; one without an error is the delivery. `notice`: by a route; else to the broker.
pub fn record(
    db: &mut Connection,
    seq: i64,
    channel: &str,
    notice: Option<&Notice>,
    outcome: &Outcome<'_>,
) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO attempts (seq, channel, at_us, latency_us, error, notice, started_us, answer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            seq,
            channel,
            outcome.at.0,
            outcome.latency_us,
            outcome.answer.err(),
            notice.map(|n| &n.id),
            outcome.started.0,
            outcome.answer.ok()
        ],
    )?;
    match (outcome.answer, notice) {
        (Ok(_), Some(notice)) => notices::set_state(&transaction, &notice.id, notices::State::Delivered)?,
        (Ok(_), None) => drop(
            transaction
                .execute("INSERT OR IGNORE INTO deliveries (channel, seq) VALUES (?1, ?2)", params![channel, seq])?,
        ),
        _ => {}
    }
    transaction.commit()
}

/// Every attempt to tell of an incident, oldest first.
pub fn attempts(db: &Connection, incident: &IncidentId) -> Result<Vec<Attempt>> {
    let sql = "SELECT o.kind, a.channel, a.at_us, a.latency_us, a.error, a.started_us, a.answer,
                      n.reason, n.route, n.person
               FROM attempts a JOIN outbox o ON o.seq = a.seq LEFT JOIN notices n ON n.id = a.notice
               WHERE o.incident = ?1 ORDER BY a.rowid";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([incident.as_str()], |row| {
        let kind: String = row.get(0)?;
        let (at, started): (i64, Option<i64>) = (row.get(2)?, row.get(5)?);
        let error: Option<String> = row.get(4)?;
        Ok(Attempt {
            reason: row.get::<_, Option<String>>(7)?.unwrap_or_else(|| kind.clone()),
            kind,
            route: row.get(8)?,
            channel: row.get(1)?,
            person: row.get(9)?,
            started: started.map(Micros),
            at: Micros(at),
            latency_ms: started.map(|started| (at - started) / 1000),
            latency_us: row.get(3)?,
            answer: row.get(6)?,
            ok: error.is_none(),
            error,
        })
    })?;
    rows.collect()
}
