//! Adapter: the health of cameras in the outbox, for every channel that can carry it.
//!
//! MQTT carries it on topics of its own, retained, and takes nothing from here.

use base::health::Health;
use base::input::chain;
use base::wire::Form as _;
use rusqlite::{Connection, Result, params};

/// What stands in the column `kind` of such an entry.
pub const KIND: &str = "health";

/// Whose health: what stands in the column `incident` of its entries. No incident's id has a slash.
pub fn subject(health: &Health) -> String {
    health.camera.as_ref().map_or_else(|| "analyzer".into(), |camera| format!("camera/{camera}"))
}

/// Lays a change of health into the outbox, as an event of an incident is laid there, and returns its number.
///
/// # Errors
/// The disk fails.
pub fn lay(db: &Connection, health: &Health) -> Result<i64> {
    let sql = "INSERT INTO outbox (incident, kind, created_us, json) VALUES (?1, ?2, ?3, ?4)";
    db.prepare_cached(sql)?.execute(params![subject(health), KIND, health.at.0, health.to_json()])?;
    Ok(db.last_insert_rowid())
}

/// Changes of health that `channel` has not delivered, oldest first, each with its number for `outbox::record`.
///
/// # Errors
/// The disk fails.
pub fn undelivered(db: &Connection, channel: &str) -> Result<Vec<(i64, Health)>> {
    let sql = "SELECT seq, json FROM outbox WHERE kind = ?2
               AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.channel = ?1 AND d.seq = outbox.seq) ORDER BY seq";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([channel, KIND], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let read = rows.collect::<Result<Vec<_>>>()?.into_iter().filter_map(|(seq, json)| {
        let health = Health::from_json(json.as_bytes());
        Some((seq, health.inspect_err(|e| tracing::warn!(seq, "an entry is left out: {}", chain(e))).ok()?))
    });
    Ok(read.collect())
}
