//! The index of footage: one row a segment in `state.db`. A segment that has a row is stored durably; the
//! rows that are not yet uploaded are the upload queue.
//!
//! Rows outlive their files for a while, so that a segment that comes again after its file went is still
//! known and acknowledged.

use std::path::Path;
use std::time::Duration;

use base::ids::{CameraId, SegmentId};
use base::segment::SegmentMeta;
use base::time::Micros;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::retention::{Candidate, INCIDENT_STAYS_US};

/// What SQLite says.
pub type Error = rusqlite::Error;

/// A connection to the index. Each thread has its own.
#[derive(Debug)]
pub struct Index {
    db: Connection,
}

/// How much footage there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Segments with a file.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is known of a segment that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Of its content.
    pub sha256: String,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS segments (
        camera TEXT NOT NULL, id TEXT NOT NULL,
        start_us INTEGER NOT NULL, duration_us INTEGER NOT NULL,
        bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, codec TEXT NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, fps REAL NOT NULL, frames INTEGER NOT NULL,
        motion REAL NOT NULL, drill INTEGER NOT NULL,
        stored_at_us INTEGER NOT NULL,
        priority INTEGER NOT NULL DEFAULT 0,        -- larger is uploaded first
        retry_at_us INTEGER NOT NULL DEFAULT 0,     -- not uploaded before
        uploaded_at_us INTEGER,                     -- verified in object storage
        removed_at_us INTEGER,                      -- its file went
        covered INTEGER NOT NULL DEFAULT 0,         -- counted in the coverage table
        tabled INTEGER NOT NULL DEFAULT 0,          -- handed to the segments table
        PRIMARY KEY (camera, id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS segments_queue ON segments (priority DESC, start_us)
        WHERE uploaded_at_us IS NULL AND removed_at_us IS NULL;
    CREATE INDEX IF NOT EXISTS segments_ring ON segments (start_us) WHERE removed_at_us IS NULL;
    CREATE INDEX IF NOT EXISTS segments_of_incidents ON segments (start_us)
        WHERE removed_at_us IS NULL AND priority > 0;
    CREATE INDEX IF NOT EXISTS segments_of_camera ON segments (camera, start_us);
    CREATE INDEX IF NOT EXISTS segments_gone ON segments (removed_at_us) WHERE removed_at_us IS NOT NULL;
    CREATE INDEX IF NOT EXISTS segments_uncovered ON segments (stored_at_us) WHERE covered = 0;
    CREATE INDEX IF NOT EXISTS segments_untabled ON segments (uploaded_at_us)
        WHERE tabled = 0 AND uploaded_at_us IS NOT NULL;
    CREATE TABLE IF NOT EXISTS footage_of_interest (
        camera TEXT NOT NULL, from_us INTEGER NOT NULL, until_us INTEGER NOT NULL,
        PRIMARY KEY (camera, from_us, until_us)) WITHOUT ROWID;
";

/// Opens `state.db` the way every part of the analyzer does: WAL, and durable at each commit.
///
/// # Errors
/// It cannot be opened or is not a database.
pub fn open_state(path: &Path) -> Result<Connection, Error> {
    let mut db = Connection::open(path)?;
    db.busy_timeout(Duration::from_secs(30))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Take the write lock at once: a transaction that reads first and writes later is refused without waiting
    // when another connection has written in between.
    db.set_transaction_behavior(TransactionBehavior::Immediate);
    Ok(db)
}

impl Index {
    /// Opens the index in `state.db`, and makes it where it is missing.
    ///
    /// # Errors
    /// The database cannot be used.
    pub fn open(state_db: &Path) -> Result<Self, Error> {
        let db = open_state(state_db)?;
        db.execute_batch(SCHEMA)?;
        Ok(Self { db })
    }

    /// Adds segments whose files are durable, all or none. Durable itself when it returns.
    ///
    /// # Errors
    /// The database cannot be written: the segments must not be acknowledged.
    pub fn insert(&mut self, segments: &[SegmentMeta], now: Micros) -> Result<(), Error> {
        let tx = self.db.transaction()?;
        {
            let mut insert = tx.prepare_cached(
                "INSERT OR IGNORE INTO segments (camera, id, start_us, duration_us, bytes, sha256, codec, width,
                 height, fps, frames, motion, drill, stored_at_us, priority)
                 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,
                 EXISTS (SELECT 1 FROM footage_of_interest WHERE camera = ?1 AND from_us < ?3 + ?4 AND until_us > ?3))",
            )?;
            for s in segments {
                insert.execute(params![
                    s.camera.as_str(),
                    s.id.as_str(),
                    s.start.0,
                    s.duration_us,
                    s.bytes as i64,
                    s.sha256,
                    s.codec,
                    s.width,
                    s.height,
                    s.fps,
                    s.frames,
                    s.motion,
                    s.drill,
                    now.0
                ])?;
            }
        }
        tx.commit()
    }

    /// What is known of a segment.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn stored(&self, camera: &CameraId, id: &SegmentId) -> Result<Option<Stored>, Error> {
        let mut query = self.db.prepare_cached("SELECT sha256 FROM segments WHERE camera = ?1 AND id = ?2")?;
        query.query_row([camera.as_str(), id.as_str()], |row| Ok(Stored { sha256: row.get(0)? })).optional()
    }

    /// How much footage has a file.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn totals(&self) -> Result<Totals, Error> {
        self.db.query_row(
            "SELECT count(*), ifnull(sum(bytes), 0) FROM segments WHERE removed_at_us IS NULL",
            [],
            |row| Ok(Totals { segments: row.get::<_, i64>(0)? as u64, bytes: row.get::<_, i64>(1)? as u64 }),
        )
    }

    /// The segments that have a file and may go first: the oldest, footage of incidents after footage that is
    /// [`INCIDENT_STAYS_US`] younger; with `verified_only`, those verified in object storage.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn oldest(&self, verified_only: bool, limit: usize) -> Result<Vec<(SegmentMeta, Candidate)>, Error> {
        let mut all = self.oldest_of("priority = 0", 0, verified_only, limit)?;
        all.extend(self.oldest_of("priority > 0", INCIDENT_STAYS_US, verified_only, limit)?);
        all.sort_by_key(|(_, candidate)| candidate.start);
        all.truncate(limit);
        Ok(all)
    }

    fn oldest_of(
        &self,
        which: &str,
        younger_us: i64,
        verified_only: bool,
        limit: usize,
    ) -> Result<Vec<(SegmentMeta, Candidate)>, Error> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT {COLUMNS}, uploaded_at_us IS NOT NULL FROM segments WHERE {which} AND removed_at_us IS NULL
             AND (uploaded_at_us IS NOT NULL OR NOT ?1) ORDER BY start_us LIMIT ?2"
        ))?;
        let rows = query.query_map(params![verified_only, limit as i64], |row| {
            let meta = meta(row)?;
            let start = meta.start.plus_us(younger_us);
            Ok((meta.clone(), Candidate { start, bytes: meta.bytes, verified: row.get(COLUMN_COUNT)? }))
        })?;
        rows.collect()
    }

    /// All segments that have a file, in the order of the key, from the one after `after`: for checks at the start.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn page(&self, after: Option<&(CameraId, SegmentId)>, limit: usize) -> Result<Vec<(SegmentMeta, bool)>, Error> {
        let (camera, id) = after.map_or(("", ""), |(camera, id)| (camera.as_str(), id.as_str()));
        let mut query = self.db.prepare_cached(&format!(
            "SELECT {COLUMNS}, uploaded_at_us IS NOT NULL FROM segments
             WHERE removed_at_us IS NULL AND (camera, id) > (?1, ?2) ORDER BY camera, id LIMIT ?3"
        ))?;
        let rows =
            query.query_map(params![camera, id, limit as i64], |row| Ok((meta(row)?, row.get(COLUMN_COUNT)?)))?;
        rows.collect()
    }

    /// The files of these segments are gone.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn removed(&mut self, segments: &[SegmentMeta], now: Micros) -> Result<(), Error> {
        self.mark("UPDATE segments SET removed_at_us = ?3 WHERE camera = ?1 AND id = ?2", segments, now)
    }

    /// Forgets what went before `before` and is in the tables.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn prune(&mut self, before: Micros) -> Result<(), Error> {
        let gone = "DELETE FROM segments WHERE removed_at_us < ?1 AND covered AND (tabled OR uploaded_at_us IS NULL)";
        self.db.execute(gone, [before.0])?;
        self.db.execute("DELETE FROM footage_of_interest WHERE until_us < ?1", [before.0])?;
        Ok(())
    }

    /// What to upload next: footage of interest first, then the oldest.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn upload_queue(&self, now: Micros, limit: usize) -> Result<Vec<SegmentMeta>, Error> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM segments
             WHERE uploaded_at_us IS NULL AND removed_at_us IS NULL AND retry_at_us <= ?1
             ORDER BY priority DESC, start_us LIMIT ?2"
        ))?;
        let rows = query.query_map(params![now.0, limit as i64], meta)?;
        rows.collect()
    }

    /// How many segments wait for upload.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn upload_backlog(&self) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM segments WHERE uploaded_at_us IS NULL AND removed_at_us IS NULL";
        self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| n as u64)
    }

    /// These are verified in object storage. Returns, for each, how long it waited since it was stored, µs.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn uploaded(&mut self, segments: &[SegmentMeta], now: Micros) -> Result<Vec<i64>, Error> {
        self.mark("UPDATE segments SET uploaded_at_us = ?3 WHERE camera = ?1 AND id = ?2", segments, now)?;
        let mut query =
            self.db.prepare_cached("SELECT ?3 - stored_at_us FROM segments WHERE camera = ?1 AND id = ?2")?;
        segments
            .iter()
            .map(|s| query.query_row(params![s.camera.as_str(), s.id.as_str(), now.0], |row| row.get(0)))
            .collect()
    }

    /// This one cannot be uploaded now; the others need not wait for it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn retry_at(&mut self, segment: &SegmentMeta, at: Micros) -> Result<(), Error> {
        let sql = "UPDATE segments SET retry_at_us = ?3 WHERE camera = ?1 AND id = ?2";
        self.mark(sql, std::slice::from_ref(segment), at)
    }

    /// Footage of `camera` between the two times is of interest, stored already or not: it is uploaded first, and
    /// leaves the disk last.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn prioritise(&mut self, camera: &CameraId, from: Micros, until: Micros) -> Result<(), Error> {
        let tx = self.db.transaction()?;
        tx.execute(
            "INSERT OR IGNORE INTO footage_of_interest (camera, from_us, until_us) VALUES (?1, ?2, ?3)",
            params![camera.as_str(), from.0, until.0],
        )?;
        tx.execute(
            "UPDATE segments SET priority = 1 WHERE camera = ?1 AND start_us < ?3 AND start_us + duration_us > ?2
             AND removed_at_us IS NULL AND priority = 0",
            params![camera.as_str(), from.0, until.0],
        )?;
        tx.commit()
    }

    fn mark(&mut self, sql: &str, segments: &[SegmentMeta], at: Micros) -> Result<(), Error> {
        let tx = self.db.transaction()?;
        {
            let mut update = tx.prepare_cached(sql)?;
            for s in segments {
                update.execute(params![s.camera.as_str(), s.id.as_str(), at.0])?;
            }
        }
        tx.commit()
    }
}

/// The columns that [`meta`] reads, in its order.
pub const COLUMNS: &str =
    "camera, id, start_us, duration_us, bytes, sha256, codec, width, height, fps, frames, motion, drill";

/// How many [`COLUMNS`] there are.
pub const COLUMN_COUNT: usize = 13;

/// A segment from a row of [`COLUMNS`].
///
/// # Errors
/// The row is not one that [`Index::insert`] wrote.
pub fn meta(row: &Row<'_>) -> Result<SegmentMeta, Error> {
    let bad = |column: usize| {
        move |e: base::ids::IdError| Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e))
    };
    Ok(SegmentMeta {
        camera: CameraId::new(row.get_ref(0)?.as_str()?).map_err(bad(0))?,
        id: SegmentId::new(row.get_ref(1)?.as_str()?).map_err(bad(1))?,
        start: Micros(row.get(2)?),
        duration_us: row.get(3)?,
        bytes: row.get::<_, i64>(4)? as u64,
        sha256: row.get(5)?,
        codec: row.get(6)?,
        width: row.get(7)?,
        height: row.get(8)?,
        fps: row.get(9)?,
        frames: row.get(10)?,
        motion: row.get(11)?,
        drill: row.get(12)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::segment;
    use super::*;

    fn index() -> (tempfile::TempDir, Index) {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("state.db")).unwrap();
        (dir, index)
    }

    fn ids(segments: &[SegmentMeta]) -> Vec<&str> {
        segments.iter().map(|s| s.id.as_str()).collect()
    }

    #[test]
    fn footage_of_an_incident_is_uploaded_first_and_then_the_oldest() {
        let (_dir, mut index) = index();
        let at = |n: i64| Micros(n * 4_000_000);
        index.insert(&[segment("a", at(0)), segment("b", at(1)), segment("c", at(2))], at(3)).unwrap();
        let camera = segment("a", at(0)).camera;
        index.prioritise(&camera, at(2), at(9)).unwrap();
        // Stored only now, and within the window all the same.
        index.insert(&[segment("d", at(4))], at(5)).unwrap();
        assert_eq!(ids(&index.upload_queue(at(9), 9).unwrap()), ["c", "d", "a", "b"]);
        index.uploaded(&[segment("c", at(2))], at(9)).unwrap();
        index.retry_at(&segment("d", at(4)), at(20)).unwrap();
        assert_eq!(ids(&index.upload_queue(at(9), 9).unwrap()), ["a", "b"]);
        assert_eq!(index.upload_backlog().unwrap(), 3);
        assert_eq!(ids(&index.upload_queue(at(20), 9).unwrap()), ["d", "a", "b"]);
    }

    #[test]
    fn footage_of_an_incident_leaves_the_disk_after_footage_that_is_younger() {
        let (_dir, mut index) = index();
        let at = |n: i64| Micros(n * 4_000_000);
        let all = [segment("a", at(0)), segment("b", at(1)), segment("c", at(2))];
        index.insert(&all, at(3)).unwrap();
        index.uploaded(&all, at(4)).unwrap();
        // Marked although it is uploaded already.
        index.prioritise(&all[0].camera, at(0), at(1)).unwrap();
        let oldest = index.oldest(true, 9).unwrap();
        assert_eq!(oldest.iter().map(|(m, _)| m.id.as_str()).collect::<Vec<_>>(), ["b", "c", "a"]);
        assert_eq!(oldest[2].1.start, at(0).plus_us(INCIDENT_STAYS_US));
    }

    #[test]
    fn a_row_comes_back_as_it_went_in_and_only_once() {
        let (_dir, mut index) = index();
        let one = segment("a", Micros(5));
        index.insert(&[one.clone(), one.clone()], Micros(6)).unwrap();
        index.insert(std::slice::from_ref(&one), Micros(7)).unwrap();
        assert_eq!(index.upload_queue(Micros(7), 9).unwrap(), std::slice::from_ref(&one));
        assert_eq!(index.totals().unwrap(), Totals { segments: 1, bytes: one.bytes });
        assert_eq!(index.stored(&one.camera, &one.id).unwrap(), Some(Stored { sha256: one.sha256.clone() }));
        index.removed(std::slice::from_ref(&one), Micros(8)).unwrap();
        assert_eq!(index.totals().unwrap(), Totals::default());
        assert!(index.stored(&one.camera, &one.id).unwrap().is_some(), "still known after its file went");
        assert!(index.upload_queue(Micros(9), 9).unwrap().is_empty());
    }
}
