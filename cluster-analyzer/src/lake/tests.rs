use base::geometry::{Point, Rect};
use base::incident::{IncidentState, Tier};
use base::observation::ObservationSource;
use base::stop;
use base::time::SimClock;

use super::*;
use crate::archive::index::Index;
use crate::archive::tests::segment;
use crate::children::tests::{some_weed, until};

const NOW: Micros = Micros(1_700_000_000_000_000);

fn camera() -> CameraId {
    CameraId::new("gate-3").unwrap()
}

fn observation(n: i64) -> Observation {
    Observation {
        ts: NOW.plus_us(n * 1_000_000),
        camera: camera(),
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

fn incident() -> Incident {
    Incident {
        v: 1,
        id: base::ids::IncidentId::new("i1").unwrap(),
        site: SiteId::new("demo").unwrap(),
        tier: Tier::Escape,
        state: IncidentState::Resolved,
        opened_at: NOW,
        updated_at: NOW,
        camera: camera(),
        zone: None,
        rect: Rect::FULL,
        label: "bear".into(),
        species: None,
        danger: None,
        confidence: 0.9,
        heading: None,
        reason: Default::default(),
        whereabouts: Default::default(),
        sightings: vec![],
        next: vec![],
        acknowledged: None,
        resolved: None,
        notes: vec![],
        drill: false,
        late_by_us: None,
    }
}

fn start(dir: &std::path::Path, store: &StoreConfig) -> (LakeHandle, Arc<Metrics>, stop::Stopper, JoinHandle<()>) {
    let mut params = Params::new(SiteId::new("demo").unwrap(), dir, store.clone());
    params.every = Duration::from_millis(100);
    let (stopper, stop) = stop::pair();
    let metrics = Metrics::new();
    let clock = Arc::new(SimClock::at(NOW.plus_us(600_000_000)));
    let (handle, task) = spawn(params, clock, metrics.clone(), stop).unwrap();
    (handle, metrics, stopper, task)
}

/// Rows of each table, counted in the files that each table's log names.
async fn counts(store: &StoreConfig) -> Vec<(Table, usize)> {
    let lake = Lake::open(store).unwrap();
    let mut counts = vec![];
    for table in Table::ALL {
        let mut rows = 0;
        for log in lake.list(&format!("tables/{table}/_delta_log")).await.unwrap() {
            let text = String::from_utf8(lake.get(&log.key).await.unwrap().to_vec()).unwrap();
            for line in text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok()) {
                let stats =
                    line["add"]["stats"].as_str().map(|s| serde_json::from_str::<serde_json::Value>(s).unwrap());
                rows += stats.map_or(0, |s| s["numRecords"].as_u64().unwrap() as usize);
            }
        }
        counts.push((table, rows));
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_row_reaches_its_table_once_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = weed.store();
    let mut index = Index::open(&dir.path().join("state.db")).unwrap();
    let metas: Vec<_> = (0..3).map(|n| segment(&format!("s{n}"), NOW.plus_us(n * 4_000_000))).collect();
    index.insert(&metas, NOW).unwrap();
    index.uploaded(&metas[..2], NOW).unwrap();

    let (handle, metrics, stopper, task) = start(dir.path(), &store);
    handle.observations((0..5).map(observation).collect());
    handle.incident(incident());
    handle.analysed(&camera(), NOW);
    handle.analysed(&camera(), NOW.plus_us(1_000_000));
    // Two segments, five observations, one incident, one minute.
    until("nine rows", async || metrics.table_rows.get() == 9).await;
    index.uploaded(&metas[2..], NOW).unwrap();
    handle.observations(vec![observation(9)]);
    stopper.stop();
    task.await.unwrap();
    drop(handle);

    let (handle, metrics, stopper, task) = start(dir.path(), &store);
    handle.incident(incident());
    handle.observations(vec![observation(10)]);
    until("the new row", async || metrics.table_rows.get() == 1).await;
    stopper.stop();
    task.await.unwrap();
    let expected = [
        (Table::Segments, 3),
        (Table::Observations, 7),
        (Table::Coverage, 1),
        (Table::Incidents, 1),
        (Table::Analyses, 0),
    ];
    assert_eq!(counts(&store).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_was_made_before_a_kill_is_not_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = weed.store();
    let (handle, metrics, stopper, task) = start(dir.path(), &store);
    handle.observations(vec![observation(1)]);
    until("the row", async || metrics.table_rows.get() == 1).await;
    stopper.stop();
    task.await.unwrap();
    // As if it had been killed between the commit and the word that it is done.
    let db = crate::archive::index::open_state(&dir.path().join("state.db")).unwrap();
    let body = serde_json::to_string(&observation(1)).unwrap();
    db.execute("INSERT INTO lake_rows (tbl, body, batch) VALUES ('observations', ?1, 1)", [body]).unwrap();
    let (handle, metrics, stopper, task) = start(dir.path(), &store);
    handle.observations(vec![observation(2)]);
    until("the new row", async || metrics.table_rows.get() == 1).await;
    stopper.stop();
    task.await.unwrap();
    assert_eq!(counts(&store).await[1], (Table::Observations, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_wait_for_a_store_that_is_away_and_trouble_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let weed = some_weed(dir.path()).await;
    let store = StoreConfig { bucket: "later".into(), ..weed.store() };
    let (handle, metrics, stopper, task) = start(dir.path(), &store);
    handle.observations(vec![observation(1)]);
    until("it says so", async || handle.trouble().is_some_and(|t| t.contains("bucket 'later' does not exist"))).await;
    assert_eq!(metrics.table_rows_lost.get(), 0);
    let multipart = crate::upload::s3::Multipart::default();
    crate::upload::s3::Bucket::new(&store, multipart).ensure().await.unwrap();
    until("the row", async || metrics.table_rows.get() == 1).await;
    stopper.stop();
    task.await.unwrap();
}
