//! `analyze`: what is open is planned, analysed and committed, until nothing is left that others did not do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::ids::SiteId;
use base::retry::Backoff;
use base::site::Site;
use base::time::{Clock, SystemClock};
use datafusion::arrow::record_batch::RecordBatch;
use serde_json::json;
use tables::{Lake, Outcome, TableError};

use super::screen::Screen;
use super::session;
use crate::analyse::footage::FootageAnalyser;
use crate::analyse::function::Answer;
use crate::analyse::{Analyser, Outage, Progress, SegmentOutcome, engine};
use crate::args::AnalyzeArgs;
use crate::calendar::{Calendar, Range};
use crate::catalog::{self, Scope};
use crate::commit::lake::Committer;
use crate::commit::{Committed, Note, Signature};
use crate::config::Common;
use crate::error::{TrendError, sentence};
use crate::plan::{self, Batch};
use crate::settings::Settings;

/// Batches that are overtaken are planned anew so often; then they are left to the next run.
const PASSES: usize = 5;
/// After so many outages in a row the store is down and not only one object unreadable.
const OUTAGES_IN_A_ROW: usize = 3;
/// A commit is tried so often.
const COMMIT_TRIES: usize = 4;

/// One run.
pub struct Job {
    /// Where.
    pub lake: Lake,
    /// Whose footage.
    pub site: SiteId,
    /// Under which settings.
    pub settings: Settings,
    /// Of which time.
    pub range: Range,
    /// Segments that failed before are open again.
    pub retry_failed: bool,
    /// Batches at a time.
    pub workers: usize,
    /// This run's name in `analyses`.
    pub run: String,
    /// What the time is.
    pub clock: Arc<dyn Clock>,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Segments that were analysed with an answer and committed by this run.
    pub segments: usize,
    /// Their length, µs.
    pub footage_us: i64,
    /// Rows of `observations`.
    pub rows: usize,
    /// Batches that this run committed.
    pub written: usize,
    /// Batches that another run had committed.
    pub already_there: usize,
    /// Segments that failed.
    pub failures: usize,
    /// Batches that could not be analysed or committed, and why the first could not.
    pub unfinished: usize,
    /// The first reason.
    pub first_outage: Option<String>,
    /// Segments that were analysed before.
    pub analysed_before: i64,
    /// Segments that failed before and were left alone.
    pub failed_before: i64,
    /// Batches that were planned.
    pub planned: usize,
}

/// Runs `analyze` as it was typed.
///
/// # Errors
/// One sentence; footage at fault is none.
pub async fn command(args: &AnalyzeArgs) -> Result<(), TrendError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (common, analysis) = Common::with_analysis(args, cores)?;
    let site = Arc::new(common.load_site()?);
    let calendar = Calendar::new(&site.timezone).map_err(TrendError::Input)?;
    let range = calendar.range(args.since.as_deref(), args.until.as_deref()).map_err(TrendError::Input)?;
    // The model first: it is on this machine, and a mistake in it needs no store to be found.
    let progress = Arc::new(Progress::default());
    vision::ModelCard::read(&analysis.model)?;
    let lake = common.open_lake().await?;
    let open = (lake.clone(), site.clone(), analysis.model.clone(), analysis.fps, progress.clone());
    let analyser = Arc::new(FootageAnalyser::open(open.0, open.1, open.2, open.3, open.4)?);
    let clock = Arc::new(SystemClock::new());
    let job = Job {
        lake,
        site: site.name.clone(),
        settings: analyser.settings().clone(),
        range,
        retry_failed: args.retry_failed,
        workers: analysis.workers,
        run: format!("{:014x}-{:08x}", clock.now().0, rand::random::<u32>()),
        clock,
    };
    let mut screen = Screen::new(args.json);
    let began = Instant::now();
    let totals = job.run(analyser, &progress, &mut screen).await?;
    screen.finish();
    summarise(&job, &site, &totals, began.elapsed().as_secs_f64(), &screen);
    match totals.first_outage {
        Some(first) => Err(TrendError::Unfinished { batches: totals.unfinished, of: totals.planned, first }),
        None => Ok(()),
    }
}

impl Job {
    /// Analyses all that is open.
    ///
    /// # Errors
    /// The tables cannot be read; outages of footage and commits are counted instead.
    pub async fn run(
        &self,
        analyser: Arc<dyn Analyser>,
        progress: &Progress,
        screen: &mut Screen,
    ) -> Result<Totals, TrendError> {
        let mut totals = Totals::default();
        let mut given_up: BTreeSet<String> = BTreeSet::new();
        let mut overtaken: BTreeSet<String> = BTreeSet::new();
        for pass in 0..PASSES {
            let batches = self.plan(pass, &mut totals).await?;
            let batches: Vec<Batch> = batches.into_iter().filter(|b| !given_up.contains(&b.id)).collect();
            if pass == 0 {
                let footage_us: i64 = batches.iter().map(Batch::footage_us).sum();
                let (hours, count) = (footage_us as f64 / 3.6e9, batches.len());
                screen.event(&json!({"type": "plan", "batches": count, "footage_hours": hours, "run": self.run}));
            }
            totals.planned += batches.len();
            if batches.is_empty() {
                break;
            }
            let before = overtaken.len();
            let (totals, given_up, overtaken) = (&mut totals, &mut given_up, &mut overtaken);
            Pass { job: self, screen, totals, given_up, overtaken }.run(batches, analyser.clone(), progress).await?;
            if overtaken.len() == before {
                break;
            }
        }
        Ok(totals)
    }

    async fn plan(&self, pass: usize, totals: &mut Totals) -> Result<Vec<Batch>, TrendError> {
        let scope = Scope {
            site: &self.site,
            settings: &self.settings,
            range: self.range,
            // What failed in this very run is not tried again by it.
            retry_failed: self.retry_failed && pass == 0,
        };
        let catalog = catalog::read(&session(&self.lake).await?, &scope).await?;
        if pass == 0 {
            (totals.analysed_before, totals.failed_before) = (catalog.analysed, catalog.failed);
        }
        Ok(plan::batches(&self.site, &self.settings, catalog.open, &catalog.committed))
    }
}

/// One plan's execution.
struct Pass<'a> {
    job: &'a Job,
    screen: &'a mut Screen,
    totals: &'a mut Totals,
    given_up: &'a mut BTreeSet<String>,
    /// Batches that another run came before; what is open of them is planned anew, as another batch.
    overtaken: &'a mut BTreeSet<String>,
}

impl Pass<'_> {
    async fn run(
        &mut self,
        batches: Vec<Batch>,
        analyser: Arc<dyn Analyser>,
        progress: &Progress,
    ) -> Result<(), TrendError> {
        let (began, before_us) = (Instant::now(), progress.footage_us());
        let all_us = batches.iter().map(Batch::footage_us).sum();
        let mut open: BTreeMap<String, Batch> = batches.iter().map(|b| (b.id.clone(), b.clone())).collect();
        let hands = plan::deal(batches, self.job.workers);
        let mut answers = engine::run(engine::plan(&self.job.site, &hands, analyser).await?).await?;
        let committer = Committer::new(self.job.lake.clone(), self.job.site.clone());
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        let mut outages_in_a_row = 0;
        loop {
            let answer = tokio::select! {
                answer = answers.recv() => answer,
                _ = tick.tick() => {
                    let done_us = progress.footage_us() - before_us;
                    self.screen.progress(done_us, all_us, began.elapsed().as_secs_f64());
                    continue;
                }
            };
            let Some(answer) = answer else { break };
            let Answer { batch, result } = answer?;
            let Some(batch) = open.remove(&batch) else { continue };
            match self.commit(&committer, &batch, result).await {
                Ok(()) => outages_in_a_row = 0,
                Err(outage) => {
                    self.give_up(&batch, outage);
                    outages_in_a_row += 1;
                }
            }
            if outages_in_a_row >= OUTAGES_IN_A_ROW {
                break;
            }
        }
        for batch in open.into_values() {
            self.give_up(&batch, Outage("the batches before it failed".into()));
        }
        Ok(())
    }

    async fn commit(
        &mut self,
        committer: &Committer,
        batch: &Batch,
        result: Result<(RecordBatch, Vec<SegmentOutcome>), Outage>,
    ) -> Result<(), Outage> {
        let (rows, outcomes) = result?;
        if outcomes.len() != batch.footage.len() {
            let (has, wanted) = (outcomes.len(), batch.footage.len());
            return Err(Outage(format!("{has} of {wanted} segments were answered")));
        }
        let signature = Signature {
            model: self.job.settings.model.clone(),
            settings: self.job.settings.hash(),
            run: self.job.run.clone(),
            analysed_at: self.job.clock.now(),
        };
        let note = Note::new(batch, &outcomes, signature);
        let committed = commit(committer, &rows, &note).await.map_err(|e| Outage(sentence(&e)))?;
        match committed {
            // The same batch again: whoever took its fence left no note, so nobody knows what is open.
            Committed::Overtaken if !self.overtaken.insert(batch.id.clone()) => {
                let what = "another run took its place, and the log of `observations` has forgotten what was in it";
                return Err(Outage(what.into()));
            }
            Committed::Overtaken => {}
            Committed::AlreadyThere => self.totals.already_there += 1,
            Committed::Written => {
                self.totals.written += 1;
                self.totals.rows += rows.num_rows();
            }
        }
        let counted = if committed == Committed::Written { rows.num_rows() } else { 0 };
        self.screen.event(&json!({
            "type": "batch", "batch": batch.id, "camera": batch.camera, "rows": counted,
            "segments": batch.footage.len(), "committed": format!("{committed:?}").to_lowercase(),
        }));
        if committed != Committed::Overtaken {
            self.count(batch, &outcomes);
        }
        Ok(())
    }

    fn count(&mut self, batch: &Batch, outcomes: &[SegmentOutcome]) {
        for (footage, outcome) in batch.footage.iter().zip(outcomes) {
            match &outcome.outcome {
                Outcome::Ok => {
                    self.totals.segments += 1;
                    self.totals.footage_us += footage.duration_us;
                }
                Outcome::Failed(why) => {
                    self.totals.failures += 1;
                    self.screen.warn(&format!("{} is not analysed: {why}", footage.key));
                    self.screen.event(&json!({"type": "failure", "key": footage.key, "why": why}));
                }
            }
        }
    }

    fn give_up(&mut self, batch: &Batch, outage: Outage) {
        let (camera, count) = (&batch.camera, batch.footage.len());
        let from = batch.footage.first().map(|f| f.start.to_string()).unwrap_or_default();
        self.screen.warn(&format!("{count} segments of {camera} from {from} are left for the next run: {outage}"));
        self.screen.event(&json!({"type": "outage", "batch": batch.id, "why": outage.0}));
        self.given_up.insert(batch.id.clone());
        self.totals.unfinished += 1;
        self.totals.first_outage.get_or_insert(outage.0);
    }
}

async fn commit(committer: &Committer, rows: &RecordBatch, note: &Note) -> Result<Committed, TableError> {
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
    for _ in 1..COMMIT_TRIES {
        match committer.commit(rows.clone(), note).await {
            Err(error) if error.is_transient() => tokio::time::sleep(backoff.wait()).await,
            done => return done,
        }
    }
    committer.commit(rows.clone(), note).await
}

fn summarise(job: &Job, site: &Site, totals: &Totals, seconds: f64, screen: &Screen) {
    let hours = totals.footage_us as f64 / 3.6e9;
    let rate = hours * 3600.0 / seconds.max(0.001);
    let done = totals.written + totals.already_there;
    let again = if totals.failed_before > 0 && !job.retry_failed { " (--retry-failed tries them again)" } else { "" };
    let before =
        format!("{} segments were analysed before, {} failed{again}", totals.analysed_before, totals.failed_before);
    if totals.planned == 0 && totals.analysed_before + totals.failed_before == 0 {
        screen.say(&format!("No footage of site '{}' is stored in that time: nothing to analyse.", site.name));
    } else if totals.planned == 0 {
        screen.say(&format!("Nothing to do: {before}."));
    } else {
        screen.say(&format!(
            "Analysed {} segments, {hours:.3} h of footage, in {seconds:.1} s: {rate:.1} x real time.",
            totals.segments
        ));
        screen.say(&format!(
            "Committed {done} batches: {} written with {} rows, {} already there. {} segments failed; {} batches left over.",
            totals.written, totals.rows, totals.already_there, totals.failures, totals.unfinished
        ));
        screen.say(&format!("Before: {before}."));
    }
    screen.say(&format!("Analysis {} at {} pictures a second.", job.settings.tag(), job.settings.fps));
    screen.event(&json!({
        "type": "done", "site": site.name, "analysis": job.settings.tag(), "run": job.run,
        "segments": totals.segments, "footage_hours": hours, "seconds": seconds, "rate": rate, "rows": totals.rows,
        "batches_written": totals.written, "batches_already_there": totals.already_there,
        "failures": totals.failures, "unfinished": totals.unfinished,
        "analysed_before": totals.analysed_before, "failed_before": totals.failed_before,
    }));
}

#[cfg(test)]
mod tests;
