//! Rows to the Delta tables: uploaded segments, live observations, coverage and resolved incidents, every few
//! seconds and each once.
//!
//! Modules in reading order: [`minutes`] (pure: spans of time by minute), [`outbox`] (rows on their way, in
//! `state.db`).
//!
//! Invariants: a row is in `state.db` before it is anywhere else; what is fixed as a batch is committed once,
//! whoever is killed when; tables that cannot be written hold up neither upload nor alarm.

pub mod minutes;
pub mod outbox;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::ids::{CameraId, SiteId};
use base::incident::Incident;
use base::observation::Observation;
use base::retry::Backoff;
use base::stop::Stop;
use base::time::{Clock, Micros};
use serde::de::DeserializeOwned;
use tables::{Appended, Lake, StoreConfig, Table, TableError, Txn, rows};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::archive::index::Error as IndexError;
use crate::metrics::Metrics;
use minutes::FrameMarks;
use outbox::{Batch, Outbox};

/// What the lake needs to know.
#[derive(Debug, Clone)]
pub struct Params {
    /// Whose rows.
    pub site: SiteId,
    /// `state.db`.
    pub state_db: PathBuf,
    /// Where to.
    pub store: StoreConfig,
    /// How often rows are committed: each commit is a file, and many small files are slow to read.
    pub every: Duration,
    /// How long after its end a minute is counted: footage of it may still be under way.
    pub minute_closes_after: Duration,
}

impl Params {
    /// Every ten seconds from the `state.db` in `data_dir`.
    pub fn new(site: SiteId, data_dir: &std::path::Path, store: StoreConfig) -> Self {
        Self {
            site,
            state_db: data_dir.join("state.db"),
            store,
            every: Duration::from_secs(10),
            minute_closes_after: Duration::from_secs(30),
        }
    }
}

/// Why the lake cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The outbox cannot be used.
    #[error("the table outbox in {} cannot be opened", file.display())]
    Outbox {
        /// The database.
        file: PathBuf,
        /// What SQLite says.
        #[source]
        source: IndexError,
    },
    /// The store's configuration cannot be used.
    #[error(transparent)]
    Store(#[from] TableError),
}

enum Item {
    Observations(Vec<Observation>),
    Incident(Box<Incident>),
    Analysed(CameraId, Micros),
}

/// Takes rows; never waits. The rows are on disk within a moment.
#[derive(Debug, Clone)]
pub struct LakeHandle {
    items: mpsc::Sender<Item>,
    metrics: Arc<Metrics>,
    trouble: watch::Receiver<Option<String>>,
}

impl LakeHandle {
    /// Live observations.
    pub fn observations(&self, rows: Vec<Observation>) {
        let count = rows.len() as u64;
        if count > 0 && self.items.try_send(Item::Observations(rows)).is_err() {
            self.metrics.table_rows_lost.inc_by(count);
        }
    }

    /// A resolved incident. Telling of it again changes nothing.
    pub fn incident(&self, incident: Incident) {
        if self.items.try_send(Item::Incident(Box::new(incident))).is_err() {
            self.metrics.table_rows_lost.inc();
        }
    }

    /// A frame of `camera` was looked at.
    pub fn analysed(&self, camera: &CameraId, captured_at: Micros) {
        // One mark less is a second of coverage less: nothing to count.
        let _ = self.items.try_send(Item::Analysed(camera.clone(), captured_at));
    }

    /// What keeps rows from the tables, in one sentence; `None` while all is well.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }
}

/// Items that wait for the disk.
const ITEMS_WAITING: usize = 20_000;

/// Rows in one commit.
const ROWS_AT_ONCE: usize = 5_000;

/// How long the last commits may take after a stop.
const LAST_COMMITS: Duration = Duration::from_secs(10);

/// Starts the lake. Asked to stop, it takes what is there, commits it within a few seconds, and ends; what it
/// cannot commit then goes after the next start.
///
/// # Errors
/// See [`LakeError`].
pub fn spawn(
    params: Params,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    stop: Stop,
) -> Result<(LakeHandle, JoinHandle<()>), LakeError> {
    let unusable = |source| LakeError::Outbox { file: params.state_db.clone(), source };
    let outbox = Outbox::open(&params.state_db).map_err(unusable)?;
    let identity = outbox.identity().map_err(unusable)?;
    let lake = Lake::open(&params.store)?;
    let (items, taken) = mpsc::channel(ITEMS_WAITING);
    let (say, trouble) = watch::channel(None);
    let outbox = Arc::new(Mutex::new(outbox));
    let committer = Committer { params, clock, metrics: metrics.clone(), outbox, identity, lake, say };
    let task = tokio::spawn(committer.run(taken, stop));
    Ok((LakeHandle { items, metrics, trouble }, task))
}

struct Committer {
    params: Params,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    outbox: Arc<Mutex<Outbox>>,
    identity: String,
    lake: Lake,
    say: watch::Sender<Option<String>>,
}

impl Committer {
    async fn run(self, items: mpsc::Receiver<Item>, mut stop: Stop) {
        let outbox = self.outbox.clone();
        let recorder = tokio::spawn(record(items, outbox, self.metrics.clone(), stop.clone()));
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let mut wait = self.params.every;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.asked() => break,
            }
            let late_us = self.params.minute_closes_after.as_micros() as i64;
            wait = match self.commit(self.clock.now().plus_us(-late_us)).await {
                Ok(()) => {
                    backoff.reset();
                    self.well();
                    self.params.every
                }
                Err(trouble) => {
                    self.unwell(trouble);
                    self.params.every.max(backoff.wait())
                }
            };
        }
        // A panic there is in the log; what it had recorded is committed all the same.
        let _ = recorder.await;
        // Minutes that are not over count as far as they went: readers add up.
        match tokio::time::timeout(LAST_COMMITS, self.commit(Micros(i64::MAX))).await {
            Ok(Ok(())) => {}
            Ok(Err(trouble)) => tracing::warn!("{trouble}; the last rows go to the tables after the next start"),
            Err(_) => tracing::warn!("the tables are slow; the last rows go to them after the next start"),
        }
    }

    /// Commits everything that waits. A table that fails does not hold up the others.
    async fn commit(&self, closed: Micros) -> Result<(), String> {
        self.on_outbox(move |outbox| outbox.collect(closed)).await?;
        let mut trouble = None;
        for table in [Table::Segments, Table::Observations, Table::Coverage, Table::Incidents] {
            if let Err(why) = self.commit_table(table).await {
                self.metrics.table_retries.inc();
                trouble.get_or_insert(why);
            }
        }
        trouble.map_or(Ok(()), Err)
    }

    async fn commit_table(&self, table: Table) -> Result<(), String> {
        while let Some(batch) = self.on_outbox(move |outbox| outbox.batch(table, ROWS_AT_ONCE)).await? {
            let version = batch.version;
            let rows = batch.rows.len() as u64;
            if self.append(table, batch).await.map_err(|e| base::input::chain(&e))? == Appended::Written {
                self.metrics.table_rows.inc_by(rows);
                self.metrics.table_commits.inc();
            }
            self.on_outbox(move |outbox| outbox.done(table, version)).await?;
        }
        Ok(())
    }

    async fn append(&self, table: Table, batch: Batch) -> Result<Appended, TableError> {
        let txn =
            Txn { app_id: format!("analyzer-{table}-{}-{}", self.params.site, self.identity), version: batch.version };
        let site = &self.params.site;
        let rows = match table {
            Table::Segments => rows::segments(site, &self.parsed(table, &batch)),
            Table::Observations => rows::observations(site, &self.parsed(table, &batch)),
            Table::Coverage => rows::coverage(site, &self.parsed(table, &batch)),
            Table::Incidents => rows::incidents(&self.parsed::<Incident>(table, &batch)),
            Table::Analyses => return Ok(Appended::AlreadyThere), // cloud-trends' own
        };
        self.lake.append_once(table, rows, &txn).await
    }

    /// A row of another version of this program that cannot be read is given up, and said.
    fn parsed<T: DeserializeOwned>(&self, table: Table, batch: &Batch) -> Vec<T> {
        let read = batch.rows.iter().filter_map(|row| {
            serde_json::from_str(row)
                .inspect_err(|error| {
                    self.metrics.table_rows_lost.inc();
                    tracing::error!(%table, %error, "a row cannot be read and is given up");
                })
                .ok()
        });
        read.collect()
    }

    fn well(&self) {
        if self.say.send_replace(None).is_some() {
            tracing::info!("rows go to the tables again");
        }
    }

    fn unwell(&self, trouble: String) {
        let said = self.say.send_replace(Some(trouble.clone()));
        if said.as_ref() != Some(&trouble) {
            tracing::error!("{trouble}; rows wait in state.db until then");
        }
    }

    async fn on_outbox<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Outbox) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, String> {
        on_outbox(self.outbox.clone(), work).await
    }
}

/// SQLite blocks: away from the runtime's own threads.
async fn on_outbox<T: Send + 'static>(
    outbox: Arc<Mutex<Outbox>>,
    work: impl FnOnce(&mut Outbox) -> Result<T, IndexError> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(move || work(&mut outbox.lock().unwrap_or_else(PoisonError::into_inner)));
    match done.await {
        Ok(result) => result.map_err(|e| format!("the table outbox cannot be used: {e}")),
        Err(panic) => Err(format!("the table outbox failed: {panic}")),
    }
}

/// Everything that comes, to disk, until the last handle is gone or the stop is asked and nothing waits.
async fn record(mut items: mpsc::Receiver<Item>, outbox: Arc<Mutex<Outbox>>, metrics: Arc<Metrics>, mut stop: Stop) {
    let mut marks = FrameMarks::default();
    let mut taken = vec![];
    loop {
        tokio::select! {
            biased;
            count = items.recv_many(&mut taken, 1000) => if count == 0 { return },
            // Biased: nothing waits any more.
            () = stop.asked() => return,
        }
        let (mut observations, mut incidents, mut spans) = (vec![], vec![], vec![]);
        for item in taken.drain(..) {
            match item {
                Item::Observations(rows) => observations.extend(rows),
                Item::Incident(incident) => incidents.push(*incident),
                Item::Analysed(camera, at) => {
                    spans.extend(marks.mark(&camera, at).map(|(start, us)| (camera, start, us)));
                }
            }
        }
        let count = (observations.len() + incidents.len()) as u64;
        if let Err(why) = keep(&outbox, Arc::new((observations, incidents, spans)), &metrics).await {
            tracing::error!(why, rows = count, "rows are given up");
            metrics.table_rows_lost.inc_by(count);
        }
    }
}

/// How often rows are tried to be written to disk, half a second apart.
const TRIES: u32 = 20;

/// Writes rows to disk; a disk or database that is in the way for a moment costs none.
async fn keep(
    outbox: &Arc<Mutex<Outbox>>,
    rows: Arc<(Vec<Observation>, Vec<Incident>, Vec<outbox::Span>)>,
    metrics: &Metrics,
) -> Result<(), String> {
    let mut tries = 0;
    loop {
        let these = rows.clone();
        match on_outbox(outbox.clone(), move |outbox| outbox.record(&these.0, &these.1, &these.2)).await {
            Ok(lost) => {
                metrics.table_rows_lost.inc_by(lost);
                return Ok(());
            }
            Err(why) if tries == TRIES => return Err(why),
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
        tries += 1;
    }
}

#[cfg(test)]
mod tests;
