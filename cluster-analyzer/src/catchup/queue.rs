//! Adapter: which segments still have to be judged, and when live frames were looked at, in SQLite.

use std::collections::BTreeMap;

use base::ids::{CameraId, SegmentId};
use base::segment::SegmentMeta;
use base::time::Micros;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::spans::Spans;
use crate::archive::index;

/// The tables.
#[derive(Debug)]
pub struct Queue {
    db: Connection,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS catch_up (
        camera TEXT NOT NULL, id TEXT NOT NULL, start_us INTEGER NOT NULL,
        judged INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (camera, id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS catch_up_waiting ON catch_up (start_us) WHERE judged = 0;
    CREATE TABLE IF NOT EXISTS catch_up_mark (one INTEGER PRIMARY KEY CHECK (one = 1), stored_us INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS looked (
        camera TEXT NOT NULL, from_us INTEGER NOT NULL, until_us INTEGER NOT NULL,
        PRIMARY KEY (camera, from_us)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS segments_stored ON segments (stored_at_us);
";

/// Segments read at once.
const PAGE: i64 = 500;

impl Queue {
    /// Makes the tables where they are missing; `db` has the archive's already. What was stored before there was
    /// a queue is not judged: `now` is where it begins.
    ///
    /// # Errors
    /// The database cannot be used.
    pub fn new(db: Connection, now: Micros) -> Result<Self> {
        db.execute_batch(SCHEMA)?;
        db.execute("INSERT OR IGNORE INTO catch_up_mark VALUES (1, ?1)", [now.0])?;
        Ok(Self { db })
    }

    /// When live frames were looked at.
    ///
    /// # Errors
    /// The disk fails.
    pub fn looked(&self) -> Result<BTreeMap<CameraId, Spans>> {
        let mut statement = self.db.prepare("SELECT camera, from_us, until_us FROM looked")?;
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, Micros(row.get(1)?), Micros(row.get(2)?))))?;
        let mut spans: BTreeMap<CameraId, Vec<(Micros, Micros)>> = BTreeMap::new();
        for (camera, from, until) in rows.collect::<Result<Vec<_>>>()? {
            if let Ok(camera) = CameraId::new(camera) {
                spans.entry(camera).or_default().push((from, until));
            }
        }
        Ok(spans.into_iter().map(|(camera, spans)| (camera, Spans::new(spans))).collect())
    }

    /// Writes down when frames were looked at, and forgets what ended before.
    ///
    /// # Errors
    /// The disk fails.
    pub fn note(&mut self, spans: &BTreeMap<CameraId, (Micros, Micros)>, forget_before: Micros) -> Result<()> {
        let transaction = self.db.transaction()?;
        for (camera, (from, until)) in spans {
            // A span grows at either end; what it holds goes.
            transaction.execute(
                "DELETE FROM looked WHERE camera = ?1 AND from_us >= ?2 AND until_us <= ?3",
                params![camera.as_str(), from.0, until.0],
            )?;
            transaction.execute(
                "INSERT INTO looked VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET until_us = max(until_us, ?3)",
                params![camera.as_str(), from.0, until.0],
            )?;
        }
        transaction.execute("DELETE FROM looked WHERE until_us < ?1", [forget_before.0])?;
        transaction.execute("DELETE FROM catch_up WHERE judged = 1 AND start_us < ?1", [forget_before.0])?;
        transaction.commit()
    }

    /// Goes through the segments that were stored since the last time, and puts those into the queue of which
    /// `is_late` is true (given when it was stored). Returns how many came.
    ///
    /// # Errors
    /// The disk fails; nothing was put in, and the same segments come next time.
    pub fn take_in(&mut self, is_late: impl Fn(&SegmentMeta, Micros) -> bool) -> Result<usize> {
        let transaction = self.db.transaction()?;
        let mark: i64 = transaction.query_row("SELECT stored_us FROM catch_up_mark", [], |row| row.get(0))?;
        // From the mark itself on, for a round of the archive has one time: what is known already is left alone.
        let sql = format!(
            "SELECT {}, stored_at_us FROM segments WHERE stored_at_us >= ?1 AND removed_at_us IS NULL
             AND NOT EXISTS (SELECT 1 FROM catch_up c WHERE c.camera = segments.camera AND c.id = segments.id)
             ORDER BY stored_at_us LIMIT ?2",
            index::COLUMNS
        );
        let stored: Vec<(SegmentMeta, Micros)> = {
            let mut statement = transaction.prepare_cached(&sql)?;
            let row = |row: &rusqlite::Row<'_>| Ok((index::meta(row)?, Micros(row.get(index::COLUMN_COUNT)?)));
            statement.query_map(params![mark, PAGE], row)?.collect::<Result<_>>()?
        };
        let mut came = 0;
        for (meta, stored_at) in &stored {
            let late = is_late(meta, *stored_at);
            came += usize::from(late);
            transaction.execute(
                "INSERT OR IGNORE INTO catch_up VALUES (?1, ?2, ?3, ?4)",
                params![meta.camera.as_str(), meta.id.as_str(), meta.start.0, !late],
            )?;
        }
        if let Some((_, stored_at)) = stored.last() {
            transaction.execute("UPDATE catch_up_mark SET stored_us = ?1", [stored_at.0])?;
        }
        transaction.commit()?;
        Ok(came)
    }

    /// The next segment to judge: the oldest that waits and still has its file.
    ///
    /// # Errors
    /// The disk fails.
    pub fn next(&self) -> Result<Option<SegmentMeta>> {
        let columns = index::COLUMNS.replace(", ", ", s.");
        let sql = format!(
            "SELECT s.{columns} FROM catch_up c JOIN segments s ON s.camera = c.camera AND s.id = c.id
             WHERE c.judged = 0 AND s.removed_at_us IS NULL ORDER BY c.start_us LIMIT 1"
        );
        self.db.prepare_cached(&sql)?.query_row([], index::meta).optional()
    }

    /// A segment has been judged.
    ///
    /// # Errors
    /// The disk fails: it is judged again, and what was found is known by then.
    pub fn judged(&self, camera: &CameraId, id: &SegmentId) -> Result<()> {
        let sql = "UPDATE catch_up SET judged = 1 WHERE camera = ?1 AND id = ?2";
        self.db.execute(sql, [camera.as_str(), id.as_str()]).map(drop)
    }

    /// Segments that wait.
    ///
    /// # Errors
    /// The disk fails.
    pub fn waiting(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM catch_up WHERE judged = 0";
        self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| n as u64)
    }
}
