//! Adapter: a batch into the tables, exactly once.
//!
//! First `observations`: rows, batch id, fence and note are one Delta transaction. Then `analyses`, which follows
//! from the note. A run that is killed between the two leaves a batch that the next run finds again: by its
//! id when it plans the same batch, or by the fence when it plans another one of the same window.

use base::ids::SiteId;
use datafusion::arrow::record_batch::RecordBatch;
use tables::{Fenced, FencedAppend, Lake, Table, TableError, Txn};

use super::{Committed, Note};

/// Commits the batches of one site.
#[derive(Debug, Clone)]
pub struct Committer {
    lake: Lake,
    site: SiteId,
}

impl Committer {
    /// Into this lake.
    pub fn new(lake: Lake, site: SiteId) -> Self {
        Self { lake, site }
    }

    /// Commits a batch's rows of `observations`, and then what its note says.
    ///
    /// # Errors
    /// See [`TableError`]; committing again is always safe.
    pub async fn commit(&self, observations: RecordBatch, note: &Note) -> Result<Committed, TableError> {
        match self.observations(observations, note).await? {
            FencedAppend::Written => {
                self.analyses(note).await?;
                Ok(Committed::Written)
            }
            FencedAppend::AlreadyThere => {
                self.analyses(note).await?;
                Ok(Committed::AlreadyThere)
            }
            FencedAppend::Overtaken => {
                self.rebuild(note).await?;
                Ok(Committed::Overtaken)
            }
        }
    }

    /// The first of the two commits.
    pub(crate) async fn observations(&self, rows: RecordBatch, note: &Note) -> Result<FencedAppend, TableError> {
        let commit = Fenced {
            txn: Txn { app_id: note.batch.clone(), version: 1 },
            fence: Txn { app_id: note.window.clone(), version: note.generation },
            note: serde_json::to_string(note).unwrap_or_default(),
        };
        self.lake.append_fenced(Table::Observations, rows, &commit).await
    }

    /// The second one.
    async fn analyses(&self, note: &Note) -> Result<(), TableError> {
        let rows = tables::rows::analyses(&self.site, &note.rows());
        let txn = Txn { app_id: format!("analyses-{}", note.batch), version: 1 };
        self.lake.append_once(Table::Analyses, rows, &txn).await.map(drop)
    }

    /// Writes `analyses` of the batches that took this window's fence, where it is missing.
    async fn rebuild(&self, ours: &Note) -> Result<(), TableError> {
        let notes = self.lake.notes(Table::Observations).await?;
        let notes = notes.iter().filter_map(|text| serde_json::from_str::<Note>(text).ok());
        for theirs in notes.filter(|n| n.window == ours.window && n.generation >= ours.generation) {
            tracing::debug!(batch = theirs.batch, "rebuilding `analyses` from the log of `observations`");
            self.analyses(&theirs).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use base::geometry::{Point, Rect};
    use base::ids::{CameraId, SegmentId};
    use base::observation::{Observation, ObservationSource};
    use base::time::Micros;
    use datafusion::prelude::SessionContext;
    use tables::Outcome;

    use super::*;
    use crate::analyse::SegmentOutcome;
    use crate::commit::Signature;
    use crate::frame::Frame;
    use crate::plan::{Batch, Footage, Generations, batches};
    use crate::settings::Settings;

    fn site() -> SiteId {
        SiteId::new("demo").unwrap()
    }

    fn footage(i: i64) -> Footage {
        Footage {
            camera: CameraId::new("gate").unwrap(),
            id: SegmentId::new(format!("s{i}")).unwrap(),
            key: format!("footage/s{i}.mp4"),
            start: Micros(i * 4_000_000),
            duration_us: 4_000_000,
            bytes: 5,
            sha256: String::new(),
            attempt: 0,
        }
    }

    /// What a run makes of these segments: the batch's note and a row a segment.
    fn work(segments: &[i64], run: &str) -> (RecordBatch, Note) {
        let settings = Settings { model: "m".into(), model_sha256: "a".repeat(64), fps: 2.0 };
        let open = segments.iter().map(|i| footage(*i)).collect();
        let batch: Batch = batches(&site(), &settings, open, &Generations::new()).remove(0);
        let outcome =
            |f: &Footage| SegmentOutcome { segment: f.id.clone(), outcome: Outcome::Ok, frames_decoded: 8, cpu_us: 9 };
        let outcomes: Vec<_> = batch.footage.iter().map(outcome).collect();
        let rows: Vec<_> = batch.footage.iter().map(|f| observation(f.start)).collect();
        let signature =
            Signature { model: "m".into(), settings: settings.hash(), run: run.into(), analysed_at: Micros(1) };
        (tables::rows::observations(&site(), &rows), Note::new(&batch, &outcomes, signature))
    }

    fn observation(ts: Micros) -> Observation {
        Observation {
            ts,
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
        }
    }

    fn committer(dir: &Path) -> Committer {
        Committer::new(Lake::local(dir).unwrap(), site())
    }

    /// Rows of `observations`, and segments of `analyses` with the run that analysed them.
    async fn tables(committer: &Committer) -> (i64, Vec<String>) {
        let session = SessionContext::new();
        committer.lake.register(&session).await.unwrap();
        let rows = Frame::ask(&session, "SELECT count(*) FROM observations").await.unwrap().longs(0).unwrap()[0];
        let sql = "SELECT concat(segment, ' ', run) FROM analyses ORDER BY 1";
        let segments = Frame::ask(&session, sql).await.unwrap().texts(0).unwrap();
        (rows, segments.into_iter().flatten().collect())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_batch_that_is_committed_twice_is_in_the_tables_once() {
        let dir = tempfile::tempdir().unwrap();
        let committer = committer(dir.path());
        let (rows, note) = work(&[1, 2], "r1");
        assert_eq!(committer.commit(rows.clone(), &note).await.unwrap(), Committed::Written);
        assert_eq!(committer.commit(rows, &work(&[1, 2], "r2").1).await.unwrap(), Committed::AlreadyThere);
        assert_eq!(tables(&committer).await, (2, vec!["s1 r1".into(), "s2 r1".into()]));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_run_that_was_killed_between_the_commits_is_completed_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let committer = committer(dir.path());
        let (rows, note) = work(&[1, 2], "r1");
        committer.observations(rows.clone(), &note).await.unwrap();
        assert_eq!(tables(&committer).await, (2, vec![]));
        assert_eq!(committer.commit(rows, &work(&[1, 2], "r2").1).await.unwrap(), Committed::AlreadyThere);
        assert_eq!(tables(&committer).await, (2, vec!["s1 r2".into(), "s2 r2".into()]));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn footage_that_came_after_the_killed_run_does_not_double_what_it_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let committer = committer(dir.path());
        let (rows, note) = work(&[1, 2], "r1");
        committer.observations(rows, &note).await.unwrap();
        // `analyses` knows nothing of it, so the next run plans all three segments.
        let (rows, note) = work(&[1, 2, 3], "r2");
        assert_eq!(committer.commit(rows, &note).await.unwrap(), Committed::Overtaken);
        assert_eq!(tables(&committer).await, (2, vec!["s1 r1".into(), "s2 r1".into()]));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_runs_that_see_different_parts_of_a_window_commit_one_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (committer(dir.path()), committer(dir.path()));
        let ((rows_1, note_1), (rows_2, note_2)) = (work(&[1, 2], "r1"), work(&[1, 2, 3], "r2"));
        let (first, second) = tokio::join!(one.commit(rows_1, &note_1), two.commit(rows_2, &note_2));
        let mut done = [first.unwrap(), second.unwrap()];
        done.sort_by_key(|d| *d == Committed::Overtaken);
        assert_eq!(done, [Committed::Written, Committed::Overtaken]);
        let (rows, segments) = tables(&one).await;
        assert_eq!(rows, segments.len() as i64);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_batch_in_which_nothing_was_seen_is_committed_too() {
        let dir = tempfile::tempdir().unwrap();
        let committer = committer(dir.path());
        let (_, note) = work(&[1, 2], "r1");
        let nothing = tables::rows::observations(&site(), &[]);
        assert_eq!(committer.commit(nothing.clone(), &note).await.unwrap(), Committed::Written);
        assert_eq!(committer.commit(nothing, &note).await.unwrap(), Committed::AlreadyThere);
        assert_eq!(tables(&committer).await.1.len(), 2);
    }
}
