//! Rows on their way to the tables, in `state.db`, so that a kill loses none and doubles none.
//!
//! A batch is fixed (which rows, under which version) in one transaction before it is committed to its table, and
//! its rows go only after the commit. Killed in between, the same batch goes again under the same version, and
//! the table knows that it has it.

use std::path::Path;

use base::ids::CameraId;
use base::incident::Incident;
use base::observation::Observation;
use base::time::Micros;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use tables::{CoverageRow, Table};

use super::minutes::{MINUTE_US, by_minute};
use crate::archive::index::{self, Error};

/// A span of a camera's time that was looked at: camera, start, µs.
pub type Span = (CameraId, Micros, i64);

/// Rows that wait; more are given up, the newest first.
const MOST_ROWS: i64 = 5_000_000;

/// Segments looked at in one transaction: incidents are written to the same database, and must not wait long.
const SEGMENTS_AT_ONCE: i64 = 500;

/// The outbox. One connection.
#[derive(Debug)]
pub struct Outbox {
    db: Connection,
}

/// What is committed in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Delta's version of it.
    pub version: i64,
    /// JSON, a row each, in order.
    pub rows: Vec<String>,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS lake_rows (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT NOT NULL, body TEXT NOT NULL, batch INTEGER);
    CREATE INDEX IF NOT EXISTS lake_rows_by_batch ON lake_rows (tbl, batch, seq);
    CREATE TABLE IF NOT EXISTS lake_versions (tbl TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS lake_identity (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS lake_minutes (
        camera TEXT NOT NULL, minute_us INTEGER NOT NULL,
        recorded_us INTEGER NOT NULL, analysed_us INTEGER NOT NULL,
        PRIMARY KEY (camera, minute_us)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS lake_incidents (id TEXT PRIMARY KEY) WITHOUT ROWID;
";

impl Outbox {
    /// Opens the outbox in `state.db`, beside the index of footage, and makes it where it is missing.
    ///
    /// # Errors
    /// The database cannot be used.
    pub fn open(state_db: &Path) -> Result<Self, Error> {
        // Its segments table is read here.
        drop(index::Index::open(state_db)?);
        let db = index::open_state(state_db)?;
        db.execute_batch(SCHEMA)?;
        // Random: a state.db made anew must not count its versions where a former one left off.
        db.execute("INSERT OR IGNORE INTO lake_identity VALUES (1, lower(hex(randomblob(8))))", [])?;
        Ok(Self { db })
    }

    /// Which `state.db` this is; goes into the application ids of its commits.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn identity(&self) -> Result<String, Error> {
        self.db.query_row("SELECT id FROM lake_identity", [], |row| row.get(0))
    }

    /// Keeps what came in. Returns how many rows had to be given up because too many wait.
    ///
    /// # Errors
    /// The database cannot be written; none is kept.
    pub fn record(
        &mut self,
        observations: &[Observation],
        incidents: &[Incident],
        spans: &[Span],
    ) -> Result<u64, Error> {
        let tx = self.db.transaction()?;
        let waiting: i64 =
            tx.query_row("SELECT ifnull(max(seq) - min(seq) + 1, 0) FROM lake_rows", [], |r| r.get(0))?;
        let room = usize::try_from(MOST_ROWS - waiting).unwrap_or(0).min(observations.len());
        observations[..room].iter().try_for_each(|o| push(&tx, Table::Observations, o))?;
        for incident in incidents {
            // Whoever tells of a resolved incident may do so again after a restart.
            let new = tx.execute("INSERT OR IGNORE INTO lake_incidents VALUES (?1)", [incident.id.as_str()])?;
            if new == 1 {
                push(&tx, Table::Incidents, incident)?;
            }
        }
        for (camera, start, us) in spans {
            by_minute(*start, *us).try_for_each(|(minute, us)| add_minute(&tx, camera.as_str(), minute, 0, us))?;
        }
        tx.commit()?;
        Ok((observations.len() - room) as u64)
    }

    /// Takes over what the archive and the upload have done: uploaded segments become rows, stored ones count in
    /// their minutes, and minutes that ended before `closed` become rows.
    ///
    /// # Errors
    /// The database cannot be written; nothing is taken over.
    pub fn collect(&mut self, closed: Micros) -> Result<(), Error> {
        loop {
            let tx = self.db.transaction()?;
            let looked_at = cover(&tx)? + table(&tx)?;
            if looked_at == 0 {
                close_minutes(&tx, closed)?;
            }
            tx.commit()?;
            if looked_at == 0 {
                return Ok(());
            }
        }
    }

    /// The batch that goes next to `table`: the one that was fixed before, or the rows that wait now.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn batch(&mut self, table: Table, limit: usize) -> Result<Option<Batch>, Error> {
        let tx = self.db.transaction()?;
        let fixed = "SELECT batch FROM lake_rows WHERE tbl = ?1 AND batch IS NOT NULL ORDER BY batch LIMIT 1";
        let fixed: Option<i64> = tx.query_row(fixed, [table.name()], |r| r.get(0)).optional()?;
        let version = match fixed {
            Some(version) => version,
            None => match fix(&tx, table, limit)? {
                Some(version) => version,
                None => return Ok(None),
            },
        };
        let rows = {
            let mut query =
                tx.prepare_cached("SELECT body FROM lake_rows WHERE tbl = ?1 AND batch = ?2 ORDER BY seq")?;
            query.query_map(params![table.name(), version], |row| row.get(0))?.collect::<Result<_, _>>()?
        };
        tx.commit()?;
        Ok(Some(Batch { version, rows }))
    }

    /// This batch is in its table.
    ///
    /// # Errors
    /// The database cannot be written; the batch goes again, and its table knows it.
    pub fn done(&mut self, table: Table, version: i64) -> Result<(), Error> {
        self.db.execute("DELETE FROM lake_rows WHERE tbl = ?1 AND batch = ?2", params![table.name(), version])?;
        Ok(())
    }
}

fn push(tx: &Transaction<'_>, table: Table, row: &impl Serialize) -> Result<(), Error> {
    let body = serde_json::to_string(row).map_err(|e| Error::ToSqlConversionFailure(Box::new(e)))?;
    tx.prepare_cached("INSERT INTO lake_rows (tbl, body) VALUES (?1, ?2)")?.execute(params![table.name(), body])?;
    Ok(())
}

fn add_minute(
    tx: &Transaction<'_>,
    camera: &str,
    minute: Micros,
    recorded_us: i64,
    analysed_us: i64,
) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO lake_minutes VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
         recorded_us = recorded_us + excluded.recorded_us, analysed_us = analysed_us + excluded.analysed_us",
    )?
    .execute(params![camera, minute.0, recorded_us, analysed_us])?;
    Ok(())
}

/// Stored segments count in their minutes.
fn cover(tx: &Transaction<'_>) -> Result<usize, Error> {
    let sql = format!("SELECT {} FROM segments WHERE covered = 0 LIMIT {SEGMENTS_AT_ONCE}", index::COLUMNS);
    let segments: Vec<_> = tx.prepare_cached(&sql)?.query_map([], index::meta)?.collect::<Result<_, _>>()?;
    for s in &segments {
        by_minute(s.start, s.duration_us)
            .try_for_each(|(minute, us)| add_minute(tx, s.camera.as_str(), minute, us, 0))?;
        tx.prepare_cached("UPDATE segments SET covered = 1 WHERE camera = ?1 AND id = ?2")?
            .execute([s.camera.as_str(), s.id.as_str()])?;
    }
    Ok(segments.len())
}

/// Uploaded segments become rows.
fn table(tx: &Transaction<'_>) -> Result<usize, Error> {
    let columns = index::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM segments WHERE tabled = 0 AND uploaded_at_us IS NOT NULL ORDER BY uploaded_at_us LIMIT {SEGMENTS_AT_ONCE}"
    );
    let segments: Vec<_> = tx.prepare_cached(&sql)?.query_map([], index::meta)?.collect::<Result<_, _>>()?;
    for s in &segments {
        push(tx, Table::Segments, s)?;
        tx.prepare_cached("UPDATE segments SET tabled = 1 WHERE camera = ?1 AND id = ?2")?
            .execute([s.camera.as_str(), s.id.as_str()])?;
    }
    Ok(segments.len())
}

fn close_minutes(tx: &Transaction<'_>, closed: Micros) -> Result<(), Error> {
    let last = closed.0.saturating_sub(MINUTE_US);
    let mut query = tx.prepare_cached(
        "SELECT camera, minute_us, recorded_us, analysed_us FROM lake_minutes WHERE minute_us <= ?1 ORDER BY minute_us",
    )?;
    let rows: Vec<(String, i64, i64, i64)> =
        query.query_map([last], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?.collect::<Result<_, _>>()?;
    for (camera, minute, recorded_us, analysed_us) in rows {
        // Only ids were put in.
        let Ok(camera) = CameraId::new(camera) else { continue };
        let seconds = |us: i64| us as f64 / 1e6;
        let (recorded_s, analysed_s) = (seconds(recorded_us), seconds(analysed_us));
        push(tx, Table::Coverage, &CoverageRow { camera, minute: Micros(minute), recorded_s, analysed_s })?;
    }
    tx.execute("DELETE FROM lake_minutes WHERE minute_us <= ?1", [last])?;
    Ok(())
}

/// Gives the rows that wait their version.
fn fix(tx: &Transaction<'_>, table: Table, limit: usize) -> Result<Option<i64>, Error> {
    let version = "SELECT ifnull((SELECT version FROM lake_versions WHERE tbl = ?1), 0) + 1";
    let version: i64 = tx.query_row(version, [table.name()], |r| r.get(0))?;
    let fixed = tx.execute(
        "UPDATE lake_rows SET batch = ?2 WHERE seq IN
         (SELECT seq FROM lake_rows WHERE tbl = ?1 AND batch IS NULL ORDER BY seq LIMIT ?3)",
        params![table.name(), version, limit as i64],
    )?;
    if fixed == 0 {
        return Ok(None);
    }
    tx.execute("INSERT OR REPLACE INTO lake_versions VALUES (?1, ?2)", params![table.name(), version])?;
    Ok(Some(version))
}

#[cfg(test)]
mod tests {
    use base::geometry::{Point, Rect};
    use base::observation::ObservationSource;

    use super::*;
    use crate::archive::index::Index;
    use crate::archive::tests::segment;

    fn observation(second: i64) -> Observation {
        Observation {
            ts: Micros(second * 1_000_000),
            camera: CameraId::new("gate-3").unwrap(),
            track: "gate-3:1:1".into(),
            label: "dog".into(),
            species: None,
            score: 0.5,
            rect: Rect::FULL,
            ground: Point::default(),
            zone: None,
            enclosure: None,
            speed: 0.0,
            source: ObservationSource::Live,
            model: "m".into(),
        }
    }

    fn outbox() -> (tempfile::TempDir, Outbox, Index) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.db");
        let outbox = Outbox::open(&file).unwrap();
        let index = Index::open(&file).unwrap();
        (dir, outbox, index)
    }

    #[test]
    fn a_batch_that_was_fixed_goes_again_as_it_was_until_it_is_done() {
        let (dir, mut outbox, _) = outbox();
        outbox.record(&[observation(1), observation(2)], &[], &[]).unwrap();
        let batch = outbox.batch(Table::Observations, 10).unwrap().unwrap();
        assert_eq!((batch.version, batch.rows.len()), (1, 2));
        // Killed before it is done; more rows come.
        drop(outbox);
        let mut outbox = Outbox::open(&dir.path().join("state.db")).unwrap();
        outbox.record(&[observation(3)], &[], &[]).unwrap();
        assert_eq!(outbox.batch(Table::Observations, 10).unwrap().unwrap(), batch);
        outbox.done(Table::Observations, 1).unwrap();
        let next = outbox.batch(Table::Observations, 10).unwrap().unwrap();
        assert_eq!((next.version, next.rows.len()), (2, 1));
        outbox.done(Table::Observations, 2).unwrap();
        assert_eq!(outbox.batch(Table::Observations, 10).unwrap(), None);
    }

    #[test]
    fn segments_become_rows_once_they_are_uploaded_and_only_once() {
        let (_dir, mut outbox, mut index) = outbox();
        let (a, b) = (segment("a", Micros(0)), segment("b", Micros(4_000_000)));
        index.insert(&[a.clone(), b.clone()], Micros(1)).unwrap();
        index.uploaded(std::slice::from_ref(&b), Micros(2)).unwrap();
        outbox.collect(Micros(0)).unwrap();
        outbox.collect(Micros(0)).unwrap();
        let batch = outbox.batch(Table::Segments, 10).unwrap().unwrap();
        assert_eq!(batch.rows, [serde_json::to_string(&b).unwrap()]);
        outbox.done(Table::Segments, batch.version).unwrap();
        index.uploaded(&[a], Micros(3)).unwrap();
        outbox.collect(Micros(0)).unwrap();
        assert_eq!(outbox.batch(Table::Segments, 10).unwrap().unwrap().rows.len(), 1);
    }

    #[test]
    fn a_minute_is_written_when_it_is_over_and_late_footage_adds_a_row() {
        let (_dir, mut outbox, mut index) = outbox();
        let minute = |row: &str| serde_json::from_str::<CoverageRow>(row).unwrap();
        index.insert(&[segment("a", Micros(58_000_000))], Micros(1)).unwrap();
        let camera = CameraId::new("gate-3").unwrap();
        outbox.record(&[], &[], &[(camera, Micros(59_000_000), 500_000)]).unwrap();
        outbox.collect(Micros(59_000_000)).unwrap();
        assert_eq!(outbox.batch(Table::Coverage, 10).unwrap(), None, "not over yet");
        outbox.collect(Micros(60_000_000)).unwrap();
        let batch = outbox.batch(Table::Coverage, 10).unwrap().unwrap();
        assert_eq!(batch.rows.len(), 1);
        assert_eq!((minute(&batch.rows[0]).recorded_s, minute(&batch.rows[0]).analysed_s), (2.0, 0.5));
        outbox.done(Table::Coverage, batch.version).unwrap();
        index.insert(&[segment("late", Micros(10_000_000))], Micros(1)).unwrap();
        outbox.collect(Micros(60_000_000)).unwrap();
        let late = outbox.batch(Table::Coverage, 10).unwrap().unwrap();
        assert_eq!((minute(&late.rows[0]).minute, minute(&late.rows[0]).recorded_s), (Micros(0), 4.0));
    }

    #[test]
    fn archive_upload_and_outbox_write_at_the_same_time_and_nobody_is_turned_away() {
        let (dir, mut outbox, _) = outbox();
        let file = dir.path().join("state.db");
        std::thread::scope(|scope| {
            for task in 0..3 {
                let mut index = Index::open(&file).unwrap();
                scope.spawn(move || {
                    for n in 0..40 {
                        let one = [segment(&format!("s{task}-{n}"), Micros(n))];
                        index.insert(&one, Micros(1)).unwrap();
                        index.prioritise(&one[0].camera, Micros(0), Micros(n)).unwrap();
                        index.uploaded(&one, Micros(2)).unwrap();
                    }
                });
            }
            for n in 0..40 {
                outbox.record(&[observation(n)], &[], &[]).unwrap();
                outbox.collect(Micros(0)).unwrap();
            }
        });
        outbox.collect(Micros(0)).unwrap();
        assert_eq!(outbox.batch(Table::Segments, 1000).unwrap().unwrap().rows.len(), 120);
        assert_eq!(outbox.batch(Table::Observations, 1000).unwrap().unwrap().rows.len(), 40);
    }
}
