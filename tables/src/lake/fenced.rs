//! Commits that must not overlap with others of the same window, and the notes that they leave in the log.
//!
//! [`Lake::append_once`] keeps one writer from writing the same rows twice. It does not help where two writers
//! see different parts of the same work, because what they write has different names. A fence does: it is a
//! second application transaction in the same commit, whose version only one of them can take.

use std::time::Duration;

use base::retry::Backoff;
use datafusion::arrow::record_batch::RecordBatch;
use deltalake::DeltaTableError;
use deltalake::kernel::Transaction;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::protocol::{DeltaOperation, SaveMode};
use futures::TryStreamExt as _;

use super::{ATTEMPTS, Lake, Txn};
use crate::error::{Fault, TableError, fault};
use crate::schema::Table;

/// The key of a note among a commit's metadata.
const NOTE: &str = "paddock.note";

/// A commit behind a fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fenced {
    /// What makes it repeatable.
    pub txn: Txn,
    /// The window, and how many commits it has with this one.
    pub fence: Txn,
    /// What the log shall remember of it: see [`Lake::notes`].
    pub note: String,
}

/// What [`Lake::append_fenced`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FencedAppend {
    /// The rows are in the table now.
    Written,
    /// They were there before, by the same [`Fenced::txn`].
    AlreadyThere,
    /// Another commit has taken the fence: the rows were not written.
    Overtaken,
}

impl Lake {
    /// As [`Lake::append_once`], and only while nobody has taken the fence. No rows are a commit too: the fence
    /// and the note are in the log then.
    ///
    /// # Errors
    /// As [`Lake::append_once`].
    pub async fn append_fenced(
        &self,
        table: Table,
        rows: RecordBatch,
        commit: &Fenced,
    ) -> Result<FencedAppend, TableError> {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
        for _ in 0..ATTEMPTS {
            match self.try_fenced(table, rows.clone(), commit).await {
                Ok(done) => return Ok(done),
                Err(error) if fault(&error) == Fault::Conflict => {
                    self.forget(table);
                    tokio::time::sleep(backoff.wait()).await;
                }
                Err(error) => {
                    self.forget(table);
                    return Err(self.table_error(table, error));
                }
            }
        }
        Err(TableError::Contended { table, attempts: ATTEMPTS })
    }

    async fn try_fenced(
        &self,
        table: Table,
        rows: RecordBatch,
        commit: &Fenced,
    ) -> Result<FencedAppend, DeltaTableError> {
        let delta = match self.load(table).await? {
            Some(delta) => delta,
            None => self.create(table).await?,
        };
        for (txn, found) in [(&commit.txn, FencedAppend::AlreadyThere), (&commit.fence, FencedAppend::Overtaken)] {
            let there = delta.snapshot()?.transaction_version(delta.log_store().as_ref(), &txn.app_id).await?;
            if there.is_some_and(|version| version >= txn.version) {
                self.remember(table, delta);
                return Ok(found);
            }
        }
        let transactions = [&commit.txn, &commit.fence].map(|t| Transaction::new(&t.app_id, t.version));
        let properties = CommitProperties::default()
            .with_metadata([(NOTE.to_owned(), serde_json::Value::String(commit.note.clone()))])
            .with_application_transactions(transactions.to_vec());
        if rows.num_rows() > 0 {
            let write = delta.write([rows]).with_save_mode(SaveMode::Append).with_commit_properties(properties);
            self.remember(table, write.await?);
        } else {
            let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
            let snapshot = delta.snapshot()?;
            CommitBuilder::from(properties).build(Some(snapshot), delta.log_store(), operation).await?;
        }
        Ok(FencedAppend::Written)
    }

    /// The notes of the commits that are in the table's log, newest first. The log forgets its oldest commits
    /// (after 30 days by default), their transactions never.
    ///
    /// # Errors
    /// See [`TableError`].
    pub async fn notes(&self, table: Table) -> Result<Vec<String>, TableError> {
        let failed = |error| self.table_error(table, error);
        let Some(delta) = self.load(table).await.map_err(failed)? else { return Ok(Vec::new()) };
        let commits: Vec<_> = delta.history(None).try_collect().await.map_err(failed)?;
        let note = |info: deltalake::kernel::CommitInfo| Some(info.info.get(NOTE)?.as_str()?.to_owned());
        Ok(commits.into_iter().filter_map(note).collect())
    }
}

#[cfg(test)]
mod tests {
    use base::geometry::{Point, Rect};
    use base::ids::{CameraId, SiteId};
    use base::observation::{Observation, ObservationSource};
    use base::time::Micros;
    use datafusion::prelude::SessionContext;

    use super::*;

    fn rows(count: usize) -> RecordBatch {
        let row = |i: usize| Observation {
            ts: Micros(i as i64 * 1_000_000),
            camera: CameraId::new("gate").unwrap(),
            track: "gate:0:1".into(),
            label: "bear".into(),
            species: None,
            score: 0.5,
            rect: Rect::FULL,
            ground: Point { x: 0.5, y: 1.0 },
            zone: None,
            enclosure: None,
            speed: 0.0,
            source: ObservationSource::Batch,
            model: "m".into(),
        };
        crate::rows::observations(&SiteId::new("demo").unwrap(), &(0..count).map(row).collect::<Vec<_>>())
    }

    fn commit(id: &str, generation: i64) -> Fenced {
        Fenced {
            txn: Txn { app_id: id.into(), version: 1 },
            fence: Txn { app_id: "window".into(), version: generation },
            note: format!("note of {id}"),
        }
    }

    async fn count(lake: &Lake) -> usize {
        let session = SessionContext::new();
        lake.register(&session).await.unwrap();
        session.table("observations").await.unwrap().count().await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_fence_is_taken_once_even_by_a_commit_without_rows() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::local(dir.path()).unwrap();
        let table = Table::Observations;
        assert_eq!(lake.append_fenced(table, rows(0), &commit("a", 1)).await.unwrap(), FencedAppend::Written);
        assert_eq!(lake.append_fenced(table, rows(3), &commit("b", 1)).await.unwrap(), FencedAppend::Overtaken);
        assert_eq!(lake.append_fenced(table, rows(3), &commit("a", 1)).await.unwrap(), FencedAppend::AlreadyThere);
        assert_eq!(lake.append_fenced(table, rows(3), &commit("b", 2)).await.unwrap(), FencedAppend::Written);
        assert_eq!(count(&lake).await, 3);
        assert_eq!(lake.notes(table).await.unwrap(), ["note of b", "note of a"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_two_racing_commits_behind_one_fence_one_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let lakes = [Lake::local(dir.path()).unwrap(), Lake::local(dir.path()).unwrap()];
        for generation in 1..=5 {
            let append = |lake: Lake, id: String| async move {
                lake.append_fenced(Table::Observations, rows(2), &commit(&id, generation)).await.unwrap()
            };
            let first = tokio::spawn(append(lakes[0].clone(), format!("a{generation}")));
            let second = tokio::spawn(append(lakes[1].clone(), format!("b{generation}")));
            let mut done = [first.await.unwrap(), second.await.unwrap()];
            done.sort_by_key(|d| *d == FencedAppend::Overtaken);
            assert_eq!(done, [FencedAppend::Written, FencedAppend::Overtaken]);
        }
        assert_eq!(count(&lakes[0]).await, 10);
    }
}
