//! Adapter: incidents and stills in SQLite.

use base::ids::IncidentId;
use base::incident::{Incident, IncidentState};
use base::time::Micros;
use base::wire::Form;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::evidence::{self, Frame, Kept};

/// Makes the tables where they are missing.
pub fn create(db: &Connection) -> Result<()> {
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS incidents (
             id TEXT PRIMARY KEY, state TEXT NOT NULL, opened_us INTEGER NOT NULL, updated_us INTEGER NOT NULL,
             json TEXT NOT NULL
         ) WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS incidents_opened ON incidents (opened_us);
         CREATE TABLE IF NOT EXISTS stills (incident TEXT PRIMARY KEY, jpeg BLOB NOT NULL);
         CREATE TABLE IF NOT EXISTS evidence (
             incident TEXT NOT NULL, seq INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (incident, seq)
         ) WITHOUT ROWID;",
    )
}

/// A state as the table writes it and as `?state=` names it.
pub fn state_name(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "open",
        IncidentState::Acknowledged => "acknowledged",
        IncidentState::Resolved => "resolved",
    }
}

/// Writes an incident, new or changed.
pub fn put(db: &Connection, incident: &Incident) -> Result<()> {
    let sql = "INSERT INTO incidents (id, state, opened_us, updated_us, json) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (id) DO UPDATE SET state = ?2, updated_us = ?4, json = ?5";
    let state = state_name(incident.state);
    db.prepare_cached(sql)?.execute(params![
        incident.id.as_str(),
        state,
        incident.opened_at.0,
        incident.updated_at.0,
        incident.to_json()
    ])?;
    Ok(())
}

/// One incident.
pub fn get(db: &Connection, id: &IncidentId) -> Result<Option<Incident>> {
    let json: Option<String> =
        db.query_row("SELECT json FROM incidents WHERE id = ?1", [id.as_str()], |row| row.get(0)).optional()?;
    Ok(json.and_then(|json| read(&json)))
}

/// Incidents, newest first: of a state, opened at or after `since`, at most `limit`.
pub fn list(db: &Connection, state: Option<IncidentState>, since: Option<Micros>, limit: u32) -> Result<Vec<Incident>> {
    let sql = "SELECT json FROM incidents WHERE (?1 IS NULL OR state = ?1) AND opened_us >= ?2
               ORDER BY opened_us DESC, id DESC LIMIT ?3";
    let mut statement = db.prepare_cached(sql)?;
    let since_us = since.map_or(i64::MIN, |t| t.0);
    let rows = statement.query_map(params![state.map(state_name), since_us, limit], |row| row.get::<_, String>(0))?;
    Ok(rows.collect::<Result<Vec<_>>>()?.iter().filter_map(|json| read(json)).collect())
}

/// Incidents that lived between the two times, oldest first.
pub fn between(db: &Connection, from: Micros, until: Micros) -> Result<Vec<Incident>> {
    let sql = "SELECT json FROM incidents WHERE opened_us < ?2 AND updated_us >= ?1 ORDER BY opened_us, id";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([from.0, until.0], |row| row.get::<_, String>(0))?;
    Ok(rows.collect::<Result<Vec<_>>>()?.iter().filter_map(|json| read(json)).collect())
}

/// Incidents that are not resolved, oldest first.
pub fn unresolved(db: &Connection) -> Result<Vec<Incident>> {
    let mut statement = db.prepare("SELECT json FROM incidents WHERE state <> 'resolved' ORDER BY opened_us, id")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    Ok(rows.collect::<Result<Vec<_>>>()?.iter().filter_map(|json| read(json)).collect())
}

/// Keeps the picture that decided.
pub fn put_still(db: &Connection, id: &IncidentId, jpeg: &[u8]) -> Result<()> {
    db.execute("INSERT OR IGNORE INTO stills (incident, jpeg) VALUES (?1, ?2)", params![id.as_str(), jpeg])?;
    Ok(())
}

/// The picture that decided.
pub fn still(db: &Connection, id: &IncidentId) -> Result<Option<Vec<u8>>> {
    db.query_row("SELECT jpeg FROM stills WHERE incident = ?1", [id.as_str()], |row| row.get(0)).optional()
}

/// An incident holds at most so many pictures of evidence.
const MOST_EVIDENCE: usize = evidence::MOST_BEFORE + evidence::MOST_AFTER;

/// Appends pictures to an incident's evidence; what is too much is left out.
pub fn put_evidence(db: &Connection, kept: &Kept) -> Result<()> {
    let id = kept.incident.as_str();
    let stored: i64 = db.query_row("SELECT count(*) FROM evidence WHERE incident = ?1", [id], |row| row.get(0))?;
    let room = MOST_EVIDENCE.saturating_sub(stored as usize);
    let mut insert = db.prepare_cached("INSERT OR IGNORE INTO evidence (incident, seq, json) VALUES (?1, ?2, ?3)")?;
    for (seq, frame) in (stored..).zip(kept.frames.iter().take(room)) {
        // Strings and finite numbers only: this cannot fail.
        insert.execute(params![id, seq, serde_json::to_string(frame).unwrap_or_default()])?;
    }
    Ok(())
}

/// An incident's evidence, oldest first.
pub fn evidence(db: &Connection, id: &IncidentId) -> Result<Vec<Frame>> {
    let mut statement = db.prepare_cached("SELECT json FROM evidence WHERE incident = ?1 ORDER BY seq")?;
    let rows = statement.query_map([id.as_str()], |row| row.get::<_, String>(0))?;
    Ok(rows.collect::<Result<Vec<_>>>()?.iter().filter_map(|json| serde_json::from_str(json).ok()).collect())
}

/// A row of another version is left alone, and said.
fn read(json: &str) -> Option<Incident> {
    let incident = Incident::from_json(json.as_bytes());
    incident.inspect_err(|e| tracing::warn!("a stored incident is left out: {}", base::input::chain(e))).ok()
}
