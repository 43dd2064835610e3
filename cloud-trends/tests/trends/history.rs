//! A hand-made history of three days, small enough to work out by hand what a report must say.

use std::path::{Path, PathBuf};

use base::geometry::{Point, Rect};
use base::ids::{CameraId, EnclosureId, IncidentId, SegmentId, SiteId, SpeciesId, ZoneId};
use base::incident::{Incident, IncidentState, Sighting, Signed, Tier};
use base::observation::{Observation, ObservationSource};
use base::segment::SegmentMeta;
use base::time::Micros;
use tables::{AnalysisRow, CoverageRow, Lake, Outcome, Table, Txn};

pub const SITE: &str = r#"
[site]
name = "demo"
timezone = "Europe/Berlin"

[[species]]
id = "tiger"
danger = "red"
looks_like = ["cat", "zebra"]

[[enclosure]]
id = "tigers"
species = ["tiger"]
count = 2

[[camera]]
id = "gate-3"

[[camera.zone]]
id = "tiger-yard"
kind = "enclosure"
enclosure = "tigers"
polygon = [[0.0, 0.0], [0.45, 0.0], [0.45, 1.0], [0.0, 1.0]]

[[camera.zone]]
id = "visitor-path"
kind = "public"
polygon = [[0.45, 0.0], [1.0, 0.0], [1.0, 1.0], [0.45, 1.0]]

[[camera]]
id = "plaza-1"
"#;

/// 2026-05-01 08:00 UTC, which is 10:00 in Berlin.
pub const DAY_1: i64 = 1_777_622_400;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
const NEW: &str = "net@aaaaaaaaaaaa";

fn second(s: i64) -> Micros {
    Micros(s * 1_000_000)
}

pub fn site_id() -> SiteId {
    SiteId::new("demo").unwrap()
}

/// A site file in `dir`.
pub fn write_site(dir: &Path) -> PathBuf {
    let path = dir.join("site.toml");
    std::fs::write(&path, SITE).unwrap();
    path
}

fn segment(camera: &str, start_s: i64) -> SegmentMeta {
    SegmentMeta {
        camera: CameraId::new(camera).unwrap(),
        id: SegmentId::new(format!("{camera}-{start_s}")).unwrap(),
        start: second(start_s),
        duration_us: 60_000_000,
        bytes: 1000,
        sha256: "0".repeat(64),
        codec: "h264".into(),
        width: 768,
        height: 576,
        fps: 10.0,
        frames: 600,
        motion: 0.1,
        drill: false,
    }
}

/// Hours of footage, a segment a minute.
fn hours(camera: &str, start_s: i64, hours: i64) -> Vec<SegmentMeta> {
    (0..hours * 60).map(|minute| segment(camera, start_s + minute * 60)).collect()
}

fn analysis(segment: &SegmentMeta, settings: &str, at_s: i64, outcome: Outcome) -> AnalysisRow {
    AnalysisRow {
        camera: segment.camera.clone(),
        segment: segment.id.clone(),
        start: segment.start,
        key: segment.key(&site_id()),
        model: "net".into(),
        settings: settings.into(),
        run: "r".into(),
        batch: "b".into(),
        analysed_at: second(at_s),
        outcome,
        frames_decoded: 120,
        cpu_us: 1,
    }
}

/// One track, a row a second, from `start_s` on.
struct Walk {
    camera: &'static str,
    label: &'static str,
    species: Option<&'static str>,
    zone: Option<&'static str>,
    start_s: i64,
    seconds: i64,
}

impl Walk {
    fn rows(&self, source: ObservationSource, model: &str) -> Vec<Observation> {
        let Walk { camera, label, species, zone, start_s, seconds } = *self;
        let row = |s: i64| Observation {
            ts: second(start_s + s),
            camera: CameraId::new(camera).unwrap(),
            track: format!("{camera}:{start_s}000000:1"),
            label: label.into(),
            species: species.map(|s| SpeciesId::new(s).unwrap()),
            score: 0.6,
            rect: Rect { x: 0.1, y: 0.1, w: 0.2, h: 0.2 },
            ground: Point { x: 0.2, y: 0.3 },
            zone: zone.map(|z| ZoneId::new(z).unwrap()),
            enclosure: (zone == Some("tiger-yard")).then(|| EnclosureId::new("tigers").unwrap()),
            speed: 0.01,
            source,
            model: model.into(),
        };
        (0..seconds).map(row).collect()
    }
}

/// In the order of the comment at [`write`].
fn observations() -> Vec<Observation> {
    let yard = |label, start_s, seconds| Walk {
        camera: "gate-3",
        label,
        species: Some("tiger"),
        zone: Some("tiger-yard"),
        start_s,
        seconds,
    };
    let outside = Walk { zone: Some("visitor-path"), ..yard("zebra", DAY_1 + DAY + 1800, 20) };
    let bear = Walk { camera: "plaza-1", label: "bear", species: None, zone: None, start_s: DAY_1 + 300, seconds: 30 };
    let visitor = Walk { label: "person", species: None, zone: Some("visitor-path"), ..yard("", DAY_1, 3600) };
    let walks = [
        yard("cat", DAY_1, 600),
        yard("zebra", DAY_1 + 600, 600),
        yard("cat", DAY_1 + 1200, 600),
        yard("cat", DAY_1 + HOUR + 600, 300),
        yard("cat", DAY_1 + DAY, 600),
        outside,
        bear,
        visitor,
    ];
    let mut rows: Vec<_> = walks.iter().flat_map(|w| w.rows(ObservationSource::Batch, NEW)).collect();
    // What must not be added to it: the same seen live, and by an older analysis.
    rows.extend(yard("cat", DAY_1, 600).rows(ObservationSource::Live, "net"));
    rows.extend(yard("cat", DAY_1 + 2 * DAY, 600).rows(ObservationSource::Batch, "net@bbbbbbbbbbbb"));
    rows
}

fn incident(number: u32, opened_s: i64, acknowledged: Option<i64>, resolved_s: i64, drill: bool) -> Incident {
    let camera = CameraId::new("gate-3").unwrap();
    let rect = Rect { x: 0.5, y: 0.5, w: 0.1, h: 0.1 };
    let zone = Some(ZoneId::new("visitor-path").unwrap());
    let signed = |by: &str, at_s: i64| Signed { by: by.into(), at: second(at_s), text: String::new() };
    let sighting = Sighting {
        camera: camera.clone(),
        track: 1,
        first_seen: Micros(opened_s * 1_000_000 - 800_000),
        last_seen: second(opened_s + 30),
        rect,
        zone: zone.clone(),
    };
    Incident {
        v: base::wire::VERSION,
        id: IncidentId::derived(second(opened_s), number),
        site: site_id(),
        tier: Tier::Escape,
        state: IncidentState::Resolved,
        opened_at: second(opened_s),
        updated_at: second(resolved_s),
        camera,
        zone,
        rect,
        label: "zebra".into(),
        species: Some(SpeciesId::new("tiger").unwrap()),
        danger: Some("red".into()),
        confidence: 0.99,
        heading: None,
        reason: Default::default(),
        whereabouts: Default::default(),
        sightings: vec![sighting],
        next: vec![],
        acknowledged: acknowledged.map(|at| signed("keeper", at)),
        resolved: Some(signed("head-keeper", resolved_s)),
        notes: vec![],
        drill,
        late_by_us: None,
    }
}

/// Three days, Berlin time:
///
/// - gate-3 records from 10 to 12 on the first and third day, and from 10 to 11 on the second (an outage). One
///   segment of the third day failed, and its last one has not been analysed.
/// - The tiger is in its yard for 30 minutes from 10:00 and 5 minutes from 11:10 on the first day, and for 10
///   minutes from 10:00 on the second; it is outside for 20 seconds at 10:30 on the second day.
/// - plaza-1 records from 10 to 11 on the first day and sees a bear, which no species of the site looks like, for
///   30 seconds.
pub async fn write(dir: &Path) {
    let lake = Lake::local(dir).unwrap();
    let mut segments = hours("gate-3", DAY_1, 2);
    segments.extend(hours("gate-3", DAY_1 + DAY, 1));
    segments.extend(hours("gate-3", DAY_1 + 2 * DAY, 2));
    segments.extend(hours("plaza-1", DAY_1, 1));
    let failed = segment("gate-3", DAY_1 + 2 * DAY).id;
    let waiting = segment("gate-3", DAY_1 + 2 * DAY + 2 * HOUR - 60).id;
    let outcome = |s: &SegmentMeta| match s.id == failed {
        true => Outcome::Failed("the object is missing".into()),
        false => Outcome::Ok,
    };
    let analysed = segments.iter().filter(|s| s.id != waiting);
    let mut analyses: Vec<_> = analysed.map(|s| analysis(s, "aaaaaaaaaaaa", DAY_1 + 4 * DAY, outcome(s))).collect();
    analyses.extend(segments.iter().map(|s| analysis(s, "bbbbbbbbbbbb", DAY_1 + 3 * DAY, Outcome::Ok)));
    let minute =
        |s: &SegmentMeta| CoverageRow { camera: s.camera.clone(), minute: s.start, recorded_s: 60.0, analysed_s: 60.0 };
    let coverage: Vec<_> = segments.iter().map(minute).collect();
    let incidents = [
        incident(1, DAY_1 + DAY + 1800, Some(DAY_1 + DAY + 1845), DAY_1 + DAY + 2400, false),
        incident(2, DAY_1 + 2 * DAY, None, DAY_1 + 2 * DAY + 300, false),
        incident(3, DAY_1 + HOUR, Some(DAY_1 + HOUR + 10), DAY_1 + HOUR + 100, true),
    ];
    let site = site_id();
    for (table, rows) in [
        (Table::Segments, tables::rows::segments(&site, &segments)),
        (Table::Observations, tables::rows::observations(&site, &observations())),
        (Table::Coverage, tables::rows::coverage(&site, &coverage)),
        (Table::Incidents, tables::rows::incidents(&incidents)),
        (Table::Analyses, tables::rows::analyses(&site, &analyses)),
    ] {
        let txn = Txn { app_id: "history".into(), version: 1 };
        lake.append_once(table, rows, &txn).await.unwrap();
    }
}
