//! Adapter: the DataFusion plan that analyses batches, one partition a worker.

use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::Analyser;
use super::function::{AnalyseFootage, Answer, NAME, batch_row, decode};
use crate::plan::Batch;
use base::ids::SiteId;

/// The plan's text; `batches` has a partition for each worker.
pub fn sql() -> String {
    format!("SELECT batch, {NAME}(camera, segments) AS answer FROM batches")
}

/// The plan over batches as they were dealt out, ready to run.
///
/// # Errors
/// The engine refuses the plan.
pub async fn plan(
    site: &SiteId,
    hands: &[Vec<Batch>],
    analyser: Arc<dyn Analyser>,
) -> Result<DataFrame, DataFusionError> {
    // A row is hours of work and its answer thousands of rows: one at a time, where it was dealt.
    let config = SessionConfig::new().with_target_partitions(hands.len().max(1)).with_batch_size(1);
    let config = config.with_round_robin_repartition(false);
    let session = SessionContext::new_with_config(config);
    session.register_udf(ScalarUDF::new_from_impl(AnalyseFootage::new(site.clone(), analyser)));
    let rows = |hand: &Vec<Batch>| hand.iter().map(batch_row).collect::<Result<Vec<_>, _>>();
    let partitions = hands.iter().map(rows).collect::<Result<Vec<_>, _>>()?;
    if let Some(first) = partitions.iter().flatten().next() {
        let table = MemTable::try_new(first.schema(), partitions.clone())?;
        session.register_table("batches", Arc::new(table))?;
        return session.sql(&sql()).await;
    }
    session.read_empty()
}

/// Runs the plan: each worker on a task of its own. Answers come as they are ready; a worker waits while
/// the one before is not taken.
///
/// # Errors
/// The engine refuses the plan.
pub async fn run(plan: DataFrame) -> Result<mpsc::Receiver<Result<Answer, DataFusionError>>, DataFusionError> {
    let streams = plan.execute_stream_partitioned().await?;
    let (answers, receiver) = mpsc::channel(streams.len().max(1));
    for mut stream in streams {
        let answers = answers.clone();
        tokio::spawn(async move {
            while let Some(rows) = stream.next().await {
                let decoded = match rows.and_then(|rows| decode(&rows)) {
                    Ok(decoded) => decoded.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                };
                for answer in decoded {
                    if answers.send(answer).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    use std::time::Duration;

    use base::geometry::{Point, Rect};
    use base::ids::{CameraId, SegmentId};
    use base::observation::{Observation, ObservationSource};
    use base::time::Micros;
    use tables::Outcome;

    use super::*;
    use crate::analyse::{Findings, Outage, SegmentOutcome};
    use crate::plan::{Fence, Footage};

    /// Answers one row a segment, and remembers on which threads it was asked.
    #[derive(Default)]
    struct Fake {
        at_once: Mutex<(usize, usize)>,
    }

    impl Analyser for Fake {
        fn analyse(&self, camera: &CameraId, footage: &[Footage]) -> Result<Findings, Outage> {
            {
                let mut at_once = self.at_once.lock().unwrap();
                at_once.0 += 1;
                at_once.1 = at_once.1.max(at_once.0);
            }
            std::thread::sleep(Duration::from_millis(50));
            self.at_once.lock().unwrap().0 -= 1;
            if camera.as_str() == "offline" {
                return Err(Outage("the store is away".into()));
            }
            let outcome = |f: &Footage| SegmentOutcome {
                segment: f.id.clone(),
                outcome: if f.bytes == 0 { Outcome::Failed("empty".into()) } else { Outcome::Ok },
                frames_decoded: 20,
                cpu_us: 7,
            };
            let observations = footage.iter().map(|f| observation(camera, f)).collect();
            Ok(Findings { observations, outcomes: footage.iter().map(outcome).collect() })
        }
    }

    fn observation(camera: &CameraId, footage: &Footage) -> Observation {
        Observation {
            ts: footage.start,
            camera: camera.clone(),
            track: format!("{camera}:{}:1", footage.start.0),
            label: "bear".into(),
            species: None,
            score: 0.5,
            rect: Rect::FULL,
            ground: Point { x: 0.5, y: 1.0 },
            zone: None,
            enclosure: None,
            speed: 0.0,
            source: ObservationSource::Batch,
            model: "fake".into(),
        }
    }

    fn batch(camera: &str, segments: &[(&str, u64)]) -> Batch {
        let camera = CameraId::new(camera).unwrap();
        let footage = segments.iter().enumerate().map(|(i, (id, bytes))| Footage {
            camera: camera.clone(),
            id: SegmentId::new(id).unwrap(),
            key: format!("footage/{id}.mp4"),
            start: Micros(i as i64 * 4_000_000),
            duration_us: 4_000_000,
            bytes: *bytes,
            sha256: "0".repeat(64),
            attempt: 0,
        });
        let footage = footage.collect();
        let fence = Fence { window: "w".into(), generation: 1 };
        Batch { id: format!("batch-{camera}"), camera, fence, footage }
    }

    async fn answers(hands: Vec<Vec<Batch>>, fake: Arc<Fake>) -> Vec<Answer> {
        let plan = plan(&SiteId::new("demo").unwrap(), &hands, fake).await.unwrap();
        let mut receiver = run(plan).await.unwrap();
        let mut answers = Vec::new();
        while let Some(answer) = receiver.recv().await {
            answers.push(answer.unwrap());
        }
        answers.sort_by(|a, b| a.batch.cmp(&b.batch));
        answers
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn each_batch_is_answered_once_by_as_many_workers_as_there_are_hands() {
        let fake = Arc::new(Fake::default());
        let hands = vec![
            vec![batch("a", &[("s1", 9), ("s2", 0)]), batch("offline", &[("s1", 9)])],
            vec![batch("b", &[("s1", 9)]), batch("c", &[("s1", 9)])],
            vec![batch("d", &[])],
        ];
        let answers = answers(hands, fake.clone()).await;
        let ids: BTreeSet<_> = answers.iter().map(|a| a.batch.as_str()).collect();
        assert_eq!(answers.len(), 5);
        assert_eq!(ids, BTreeSet::from(["batch-a", "batch-b", "batch-c", "batch-d", "batch-offline"]));
        // Three at a time on two worker threads: blocking in the function must not hold tokio's workers.
        assert_eq!(fake.at_once.lock().unwrap().1, 3);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn rows_outcomes_and_outages_come_through_the_engine_as_they_were() {
        let hands = vec![vec![batch("a", &[("s1", 9), ("s2", 0)]), batch("offline", &[("s1", 9)])]];
        let answers = answers(hands, Arc::new(Fake::default())).await;
        let (rows, outcomes) = answers[0].result.clone().unwrap();
        let camera = CameraId::new("a").unwrap();
        let expected: Vec<_> =
            batch("a", &[("s1", 9), ("s2", 0)]).footage.iter().map(|f| observation(&camera, f)).collect();
        assert_eq!(rows, tables::rows::observations(&SiteId::new("demo").unwrap(), &expected));
        assert_eq!(
            outcomes.iter().map(|o| &o.outcome).collect::<Vec<_>>(),
            [&Outcome::Ok, &Outcome::Failed("empty".into())]
        );
        assert_eq!((outcomes[0].frames_decoded, outcomes[0].cpu_us), (20, 7));
        assert_eq!(answers[1].result.clone().unwrap_err(), Outage("the store is away".into()));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_batches_is_a_plan_without_answers() {
        let plan = plan(&SiteId::new("demo").unwrap(), &[], Arc::new(Fake::default())).await.unwrap();
        let mut receiver = run(plan).await.unwrap();
        assert!(receiver.recv().await.is_none_or(|answer| answer.is_err()));
    }
}
