//! Whole runs over a local lake, with an analyser that sees one bear in each segment.

use std::path::Path;

use base::geometry::{Point, Rect};
use base::ids::{CameraId, SegmentId};
use base::observation::{Observation, ObservationSource};
use base::segment::SegmentMeta;
use base::time::{Micros, SimClock};
use tables::{Table, Txn};

use super::*;
use crate::analyse::Findings;
use crate::frame::Frame;
use crate::plan::{Footage, Generations, batches};

/// Knows no outage but that of one camera.
struct Fake {
    away: Option<&'static str>,
}

impl Analyser for Fake {
    fn analyse(&self, camera: &CameraId, footage: &[Footage]) -> Result<Findings, Outage> {
        if self.away == Some(camera.as_str()) {
            return Err(Outage("the store is away".into()));
        }
        let outcome =
            |f: &Footage| SegmentOutcome { segment: f.id.clone(), outcome: Outcome::Ok, frames_decoded: 8, cpu_us: 9 };
        Ok(Findings {
            observations: footage.iter().map(|f| bear(camera, f.start)).collect(),
            outcomes: footage.iter().map(outcome).collect(),
        })
    }
}

fn bear(camera: &CameraId, ts: Micros) -> Observation {
    Observation {
        ts,
        camera: camera.clone(),
        track: format!("{camera}:{}:1", ts.0),
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

fn site() -> SiteId {
    SiteId::new("demo").unwrap()
}

fn segment(camera: &str, number: i64) -> SegmentMeta {
    SegmentMeta {
        camera: CameraId::new(camera).unwrap(),
        id: SegmentId::new(format!("s{number}")).unwrap(),
        start: Micros(number * 4_000_000),
        duration_us: 4_000_000,
        bytes: 10,
        sha256: "0".repeat(64),
        codec: "h264".into(),
        width: 64,
        height: 64,
        fps: 5.0,
        frames: 20,
        motion: 0.0,
        drill: false,
    }
}

async fn store(lake: &Lake, segments: &[SegmentMeta], version: i64) {
    let txn = Txn { app_id: "upload".into(), version };
    lake.append_once(Table::Segments, tables::rows::segments(&site(), segments), &txn).await.unwrap();
}

fn job(dir: &Path) -> Job {
    Job {
        lake: Lake::local(dir).unwrap(),
        site: site(),
        settings: Settings { model: "m".into(), model_sha256: "a".repeat(64), fps: 2.0 },
        range: Range::default(),
        retry_failed: false,
        workers: 2,
        run: "r".into(),
        clock: Arc::new(SimClock::at(Micros(1))),
    }
}

async fn run(job: &Job, away: Option<&'static str>) -> Totals {
    let fake = Arc::new(Fake { away });
    job.run(fake, &Progress::default(), &mut Screen::silent()).await.unwrap()
}

/// Rows of `observations` and of `analyses`, and how many of them are distinct.
async fn counts(job: &Job) -> [i64; 4] {
    let session = session(&job.lake).await.unwrap();
    let sql = "SELECT (SELECT count(*) FROM observations) AS a, \
               (SELECT count(DISTINCT concat(camera, ts)) FROM observations) AS b, \
               (SELECT count(*) FROM analyses) AS c, \
               (SELECT count(DISTINCT concat(camera, segment)) FROM analyses) AS d";
    let frame = Frame::ask(&session, sql).await.unwrap();
    [0, 1, 2, 3].map(|i| frame.longs(i).unwrap()[0])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_costs_its_batches_and_the_next_run_does_them() {
    let dir = tempfile::tempdir().unwrap();
    let job = job(dir.path());
    store(&job.lake, &[segment("a", 1), segment("a", 2), segment("b", 1)], 1).await;
    let first = run(&job, Some("a")).await;
    assert_eq!((first.segments, first.written, first.unfinished), (1, 1, 1));
    assert_eq!(first.first_outage.as_deref(), Some("the store is away"));
    let second = run(&job, None).await;
    assert_eq!((second.segments, second.written, second.unfinished, second.analysed_before), (2, 1, 0, 1));
    assert_eq!(run(&job, None).await.planned, 0);
    assert_eq!(counts(&job).await, [3, 3, 3, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn footage_that_came_after_a_killed_run_is_analysed_once_and_so_is_what_that_run_had_done() {
    let dir = tempfile::tempdir().unwrap();
    let job = job(dir.path());
    // A run is killed between its two commits.
    let early = [segment("a", 1), segment("a", 2)];
    store(&job.lake, &early, 1).await;
    let open = catalog(&job).await;
    let batch = batches(&site(), &job.settings, open, &Generations::new()).remove(0);
    let findings = Fake { away: None }.analyse(&batch.camera, &batch.footage).unwrap();
    let signature =
        Signature { model: "m".into(), settings: job.settings.hash(), run: "killed".into(), analysed_at: Micros(0) };
    let note = Note::new(&batch, &findings.outcomes, signature);
    let rows = tables::rows::observations(&site(), &findings.observations);
    Committer::new(job.lake.clone(), site()).observations(rows, &note).await.unwrap();
    assert_eq!(counts(&job).await, [2, 2, 0, 0]);
    // The next one sees a third segment of that window.
    store(&job.lake, &[segment("a", 3)], 2).await;
    let totals = run(&job, None).await;
    assert_eq!((totals.segments, totals.written, totals.unfinished), (1, 1, 0));
    assert_eq!(counts(&job).await, [3, 3, 3, 3]);
}

async fn catalog(job: &Job) -> Vec<Footage> {
    let scope = Scope { site: &job.site, settings: &job.settings, range: job.range, retry_failed: false };
    catalog::read(&session(&job.lake).await.unwrap(), &scope).await.unwrap().open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_overlap_while_footage_arrives_double_nothing_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let jobs = [job(dir.path()), job(dir.path()), job(dir.path())];
    // Three windows of two cameras, arriving in six uploads while three runs go at a time.
    let all: Vec<_> = (0..18).flat_map(|i| ["a", "b"].map(|camera| segment(camera, i * 20))).collect();
    for (version, part) in all.chunks(6).enumerate() {
        store(&jobs[0].lake, part, version as i64 + 1).await;
        tokio::join!(run(&jobs[0], None), run(&jobs[1], None), run(&jobs[2], None));
    }
    run(&jobs[0], None).await;
    assert_eq!(counts(&jobs[0]).await, [36; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_of_analyses_is_rebuilt_from_the_log_of_observations() {
    let dir = tempfile::tempdir().unwrap();
    let job_1 = job(dir.path());
    store(&job_1.lake, &[segment("a", 1)], 1).await;
    run(&job_1, None).await;
    store(&job_1.lake, &[segment("a", 2)], 2).await;
    run(&job_1, None).await;
    std::fs::remove_dir_all(dir.path().join("tables/analyses")).unwrap();
    // Another process: this one remembers the table.
    let job_2 = job(dir.path());
    let totals = run(&job_2, None).await;
    assert_eq!((totals.written, totals.unfinished), (0, 0));
    assert_eq!(counts(&job_2).await, [2, 2, 2, 2]);
}
