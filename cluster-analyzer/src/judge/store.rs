//! Adapter: what cameras know of their views, in SQLite, so that a statue is still a statue after a restart.

use std::collections::BTreeMap;
use std::path::Path;

use base::ids::CameraId;
use base::input::chain;
use base::time::Micros;
use rusqlite::{Connection, Result, params};

use super::lane::Memory;

/// A view that changes is written at most this often, µs: what is lost by a crash is learnt again in seconds.
const EVERY_US: i64 = 30_000_000;

/// The table of views.
#[derive(Debug)]
pub struct Views {
    db: Connection,
    written: BTreeMap<CameraId, (Micros, Memory)>,
}

impl Views {
    /// Opens `state.db` and makes the table where it is missing.
    ///
    /// # Errors
    /// It cannot be opened or written.
    pub fn open(path: &Path) -> Result<Self> {
        let db = crate::ledger::open(path)?;
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS views (camera TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID",
        )?;
        Ok(Self { db, written: BTreeMap::new() })
    }

    /// What was known before. A row that cannot be read is left out, and learnt again.
    ///
    /// # Errors
    /// The disk fails.
    pub fn load(&self) -> Result<Vec<(CameraId, Memory)>> {
        let mut statement = self.db.prepare("SELECT camera, json FROM views")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let rows = rows.collect::<Result<Vec<_>>>()?;
        Ok(rows.into_iter().filter_map(|(camera, json)| read(&camera, &json)).collect())
    }

    /// Writes a view when it has changed and was not written just now. A disk that refuses it is told of; nothing
    /// waits for it.
    pub fn keep(&mut self, camera: &CameraId, memory: &Memory, t: Micros) {
        let due = self.written.get(camera).is_none_or(|(at, was)| t.since(*at) >= EVERY_US && was != memory);
        if !due {
            return;
        }
        let json = serde_json::to_string(memory).unwrap_or_default();
        let sql = "INSERT INTO views (camera, json) VALUES (?1, ?2) ON CONFLICT (camera) DO UPDATE SET json = ?2";
        if let Err(error) = self.db.execute(sql, params![camera.as_str(), json]) {
            tracing::warn!(%camera, "what the view looks like cannot be kept: {}", chain(&error));
        }
        self.written.insert(camera.clone(), (t, memory.clone()));
    }
}

fn read(camera: &str, json: &str) -> Option<(CameraId, Memory)> {
    let memory = serde_json::from_str(json);
    let memory = memory.inspect_err(|e| tracing::warn!(camera, "a stored view is learnt again: {e}")).ok()?;
    Some((CameraId::new(camera).ok()?, memory))
}

#[cfg(test)]
mod tests {
    use base::geometry::Rect;

    use super::*;

    #[test]
    fn a_view_is_known_after_a_restart_and_a_damaged_one_is_learnt_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let camera = |name| CameraId::new(name).unwrap();
        let memory = Memory { fixtures: vec![Rect { x: 0.1, y: 0.2, w: 0.3, h: 0.4 }], ..Memory::default() };
        let mut views = Views::open(&path).unwrap();
        views.keep(&camera("gate"), &memory, Micros(0));
        views.keep(&camera("gate"), &Memory::default(), Micros(1_000_000));
        views.db.execute("INSERT INTO views VALUES ('plaza', 'no json')", []).unwrap();
        drop(views);
        let mut views = Views::open(&path).unwrap();
        assert_eq!(views.load().unwrap(), [(camera("gate"), memory)], "written too soon again, or damaged");
        views.keep(&camera("gate"), &Memory::default(), Micros(40_000_000));
        assert_eq!(views.load().unwrap(), [(camera("gate"), Memory::default())]);
    }
}
