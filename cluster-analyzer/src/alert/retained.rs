//! Adapter: the retained state of an incident leaves the broker some time after its all-clear, so that a broker does
//! not fill with the incidents of years. Everything about it stays in `state.db`.

use base::ids::IncidentId;
use base::time::Micros;
use rusqlite::{Connection, Result, params};

/// Makes the table where it is missing.
pub fn create(db: &Connection) -> Result<()> {
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS cleared (incident TEXT PRIMARY KEY, updated_us INTEGER NOT NULL) WITHOUT ROWID;",
    )
}

/// Resolved incidents that were last changed before `until` and are still on the broker: each with that change.
pub fn to_clear(db: &Connection, until: Micros) -> Result<Vec<(IncidentId, Micros)>> {
    let sql = "SELECT id, updated_us FROM incidents i WHERE state = 'resolved' AND updated_us < ?1
               AND NOT EXISTS (SELECT 1 FROM cleared c WHERE c.incident = i.id AND c.updated_us = i.updated_us)";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([until.0], |row| Ok((row.get::<_, String>(0)?, Micros(row.get(1)?))))?;
    let rows = rows.collect::<Result<Vec<_>>>()?;
    Ok(rows.into_iter().filter_map(|(id, at)| Some((IncidentId::new(id).ok()?, at))).collect())
}

/// The broker has let go of it. A note that is written later puts it there again.
pub fn cleared(db: &Connection, id: &IncidentId, updated_at: Micros) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO cleared (incident, updated_us) VALUES (?1, ?2)";
    db.execute(sql, params![id.as_str(), updated_at.0]).map(drop)
}
