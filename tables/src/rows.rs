//! Pure: values become rows.

use std::sync::Arc;

use base::ids::{CameraId, SegmentId, SiteId};
use base::incident::{Incident, IncidentState, Tier};
use base::observation::Observation;
use base::segment::SegmentMeta;
use base::time::Micros;
use base::wire::Form as _;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::schema::Table;

/// What one camera had within one minute; rows of the same minute are summed by readers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoverageRow {
    /// Which camera.
    pub camera: CameraId,
    /// The minute, at its beginning.
    pub minute: Micros,
    /// Seconds of footage stored.
    pub recorded_s: f64,
    /// Seconds looked at live.
    pub analysed_s: f64,
}

/// How the analysis of a segment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Ok,
    /// Without one; why, in words.
    Failed(String),
}

/// As the table writes it.
impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Ok => f.write_str("ok"),
            Outcome::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// One segment analysed under one model and settings.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalysisRow {
    /// Which camera.
    pub camera: CameraId,
    /// Which segment.
    pub segment: SegmentId,
    /// The segment's start.
    pub start: Micros,
    /// Its object key.
    pub key: String,
    /// The detector.
    pub model: String,
    /// Hash of the settings that change the answer.
    pub settings: String,
    /// The run that did it.
    pub run: String,
    /// The batch within which it is committed.
    pub batch: String,
    /// When.
    pub analysed_at: Micros,
    /// How it ended.
    pub outcome: Outcome,
    /// Frames decoded.
    pub frames_decoded: u64,
    /// CPU time, µs.
    pub cpu_us: i64,
}

/// Rows of [`Table::Segments`].
pub fn segments(site: &SiteId, rows: &[SegmentMeta]) -> RecordBatch {
    batch(
        Table::Segments,
        vec![
            constant(site, rows.len()),
            dates(rows, |r| r.start),
            texts(rows, |r| r.camera.as_str()),
            texts(rows, |r| r.id.as_str()),
            times(rows, |r| r.start),
            times(rows, SegmentMeta::end),
            longs(rows, |r| r.duration_us),
            texts(rows, |r| r.key(site)),
            longs(rows, |r| r.bytes as i64),
            texts(rows, |r| r.sha256.as_str()),
            texts(rows, |r| r.codec.as_str()),
            ints(rows, |r| r.width as i32),
            ints(rows, |r| r.height as i32),
            doubles(rows, |r| r.fps),
            longs(rows, |r| r.frames.into()),
            floats(rows, |r| r.motion),
            flags(rows, |r| r.drill),
        ],
    )
}

/// Rows of [`Table::Observations`].
pub fn observations(site: &SiteId, rows: &[Observation]) -> RecordBatch {
    batch(
        Table::Observations,
        vec![
            constant(site, rows.len()),
            dates(rows, |r| r.ts),
            times(rows, |r| r.ts),
            texts(rows, |r| r.camera.as_str()),
            texts(rows, |r| r.track.as_str()),
            texts(rows, |r| r.label.as_str()),
            maybe_texts(rows, |r| r.species.as_ref().map(|s| s.as_str())),
            floats(rows, |r| r.score),
            floats(rows, |r| r.rect.x),
            floats(rows, |r| r.rect.y),
            floats(rows, |r| r.rect.w),
            floats(rows, |r| r.rect.h),
            floats(rows, |r| r.ground.x),
            floats(rows, |r| r.ground.y),
            maybe_texts(rows, |r| r.zone.as_ref().map(|z| z.as_str())),
            maybe_texts(rows, |r| r.enclosure.as_ref().map(|e| e.as_str())),
            floats(rows, |r| r.speed),
            texts(rows, |r| r.source.as_str()),
            texts(rows, |r| r.model.as_str()),
        ],
    )
}

/// Rows of [`Table::Coverage`].
pub fn coverage(site: &SiteId, rows: &[CoverageRow]) -> RecordBatch {
    batch(
        Table::Coverage,
        vec![
            constant(site, rows.len()),
            dates(rows, |r| r.minute),
            times(rows, |r| r.minute),
            texts(rows, |r| r.camera.as_str()),
            doubles(rows, |r| r.recorded_s),
            doubles(rows, |r| r.analysed_s),
        ],
    )
}

/// Rows of [`Table::Incidents`]; each names its own site.
pub fn incidents(rows: &[Incident]) -> RecordBatch {
    batch(
        Table::Incidents,
        vec![
            texts(rows, |r| r.site.as_str()),
            ints(rows, |r| year(r.opened_at)),
            texts(rows, |r| r.id.as_str()),
            texts(rows, |r| tier(r.tier)),
            texts(rows, |r| state(r.state)),
            times(rows, |r| r.opened_at),
            times(rows, |r| r.updated_at),
            maybe_times(rows, |r| r.acknowledged.as_ref().map(|s| s.at)),
            maybe_texts(rows, |r| r.acknowledged.as_ref().map(|s| s.by.as_str())),
            maybe_times(rows, |r| r.resolved.as_ref().map(|s| s.at)),
            maybe_texts(rows, |r| r.resolved.as_ref().map(|s| s.by.as_str())),
            texts(rows, |r| r.sightings.first().map_or(r.camera.as_str(), |s| s.camera.as_str())),
            texts(rows, |r| r.camera.as_str()),
            texts(rows, cameras),
            maybe_texts(rows, |r| r.zone.as_ref().map(|z| z.as_str())),
            texts(rows, |r| r.label.as_str()),
            maybe_texts(rows, |r| r.species.as_ref().map(|s| s.as_str())),
            maybe_texts(rows, |r| r.danger.as_deref()),
            floats(rows, |r| r.confidence),
            ints(rows, |r| r.sightings.len() as i32),
            flags(rows, |r| r.drill),
            texts(rows, |r| r.to_json()),
        ],
    )
}

/// Rows of [`Table::Analyses`].
pub fn analyses(site: &SiteId, rows: &[AnalysisRow]) -> RecordBatch {
    batch(
        Table::Analyses,
        vec![
            constant(site, rows.len()),
            dates(rows, |r| r.start),
            texts(rows, |r| r.camera.as_str()),
            texts(rows, |r| r.segment.as_str()),
            texts(rows, |r| r.key.as_str()),
            texts(rows, |r| r.model.as_str()),
            texts(rows, |r| r.settings.as_str()),
            texts(rows, |r| r.run.as_str()),
            texts(rows, |r| r.batch.as_str()),
            times(rows, |r| r.analysed_at),
            texts(rows, |r| r.outcome.to_string()),
            longs(rows, |r| r.frames_decoded as i64),
            longs(rows, |r| r.cpu_us),
        ],
    )
}

fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Watch => "watch",
        Tier::Escape => "escape",
    }
}

fn state(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "open",
        IncidentState::Acknowledged => "acknowledged",
        IncidentState::Resolved => "resolved",
    }
}

/// Each camera once, in the order in which they saw it.
fn cameras(incident: &Incident) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for sighting in &incident.sightings {
        if !seen.contains(&sighting.camera.as_str()) {
            seen.push(sighting.camera.as_str());
        }
    }
    if seen.is_empty() {
        seen.push(incident.camera.as_str());
    }
    seen.join(",")
}

/// UTC year; 1970 where no calendar reaches.
fn year(at: Micros) -> i32 {
    at.date().split('-').next().and_then(|y| y.parse().ok()).unwrap_or(1970)
}

#[expect(clippy::expect_used, reason = "the columns are written out above, and a test builds every table")]
fn batch(table: Table, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(table.schema(), columns).expect("columns fit the schema")
}

fn constant(site: &SiteId, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(site.as_str(), rows)))
}

fn texts<'a, R, S: AsRef<str>>(rows: &'a [R], of: impl Fn(&'a R) -> S) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
}

fn maybe_texts<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> Option<&'a str>) -> ArrayRef {
    Arc::new(rows.iter().map(of).collect::<StringArray>())
}

fn times<R>(rows: &[R], of: impl Fn(&R) -> Micros) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| of(r).0)).with_timezone("UTC"))
}

fn maybe_times<R>(rows: &[R], of: impl Fn(&R) -> Option<Micros>) -> ArrayRef {
    let values = rows.iter().map(|r| of(r).map(|t| t.0));
    Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn dates<R>(rows: &[R], of: impl Fn(&R) -> Micros) -> ArrayRef {
    const DAY_US: i64 = 86_400_000_000;
    Arc::new(Date32Array::from_iter_values(rows.iter().map(|r| of(r).0.div_euclid(DAY_US) as i32)))
}

fn longs<R>(rows: &[R], of: impl Fn(&R) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.iter().map(of)))
}

fn ints<R>(rows: &[R], of: impl Fn(&R) -> i32) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(rows.iter().map(of)))
}

fn doubles<R>(rows: &[R], of: impl Fn(&R) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(rows.iter().map(of)))
}

fn floats<R>(rows: &[R], of: impl Fn(&R) -> f32) -> ArrayRef {
    Arc::new(Float32Array::from_iter_values(rows.iter().map(of)))
}

fn flags<R>(rows: &[R], of: impl Fn(&R) -> bool) -> ArrayRef {
    Arc::new(rows.iter().map(|r| Some(of(r))).collect::<BooleanArray>())
}

#[cfg(test)]
mod tests {
    use base::geometry::{Point, Rect};
    use base::ids::IncidentId;
    use base::incident::{Sighting, Signed};
    use base::observation::ObservationSource;
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use super::*;

    const AT: Micros = Micros(1_700_000_000_123_456);

    fn site() -> SiteId {
        SiteId::new("demo").unwrap()
    }

    fn camera(name: &str) -> CameraId {
        CameraId::new(name).unwrap()
    }

    fn shown(batch: RecordBatch) -> String {
        pretty_format_batches(&[batch]).unwrap().to_string()
    }

    #[test]
    fn a_segment_row_carries_its_key_and_its_utc_date() {
        let meta = SegmentMeta {
            camera: camera("gate-3"),
            id: SegmentId::new("s1").unwrap(),
            start: AT,
            duration_us: 4_000_000,
            bytes: 250_000,
            sha256: "ab".repeat(32),
            codec: "h264".into(),
            width: 768,
            height: 576,
            fps: 10.0,
            frames: 40,
            motion: 0.5,
            drill: false,
        };
        let text = shown(segments(&site(), &[meta]));
        assert!(text.contains("| 2023-11-14 |"), "{text}");
        assert!(text.contains("2023-11-14T22:13:24.123456Z"), "{text}");
        assert!(text.contains("date=2023-11-14/hour=22/1700000000123456-s1.mp4"), "{text}");
    }

    #[test]
    fn an_observation_row_leaves_what_is_unknown_empty() {
        let observation = Observation {
            ts: AT,
            camera: camera("gate-3"),
            track: "gate-3:1:1".into(),
            label: "dog".into(),
            species: None,
            score: 0.5,
            rect: Rect { x: 0.1, y: 0.2, w: 0.3, h: 0.4 },
            ground: Point { x: 0.25, y: 0.6 },
            zone: None,
            enclosure: None,
            speed: 0.0,
            source: ObservationSource::Batch,
            model: "m".into(),
        };
        let batch = observations(&site(), &[observation]);
        assert_eq!(batch.column_by_name("species").unwrap().null_count(), 1);
        assert!(shown(batch).contains("batch"));
    }

    #[test]
    fn an_incident_row_names_each_camera_once_in_order() {
        let sighting = |name: &str| Sighting {
            camera: camera(name),
            track: 1,
            first_seen: AT,
            last_seen: AT,
            rect: Rect::FULL,
            zone: None,
        };
        let incident = Incident {
            v: 1,
            id: IncidentId::new("i1").unwrap(),
            site: site(),
            tier: Tier::Escape,
            state: IncidentState::Resolved,
            opened_at: AT,
            updated_at: AT,
            camera: camera("plaza-1"),
            zone: None,
            rect: Rect::FULL,
            label: "bear".into(),
            species: None,
            danger: Some("red".into()),
            confidence: 0.9,
            heading: None,
            reason: Default::default(),
            whereabouts: Default::default(),
            sightings: vec![sighting("gate-3"), sighting("plaza-1"), sighting("gate-3")],
            next: vec![],
            acknowledged: None,
            resolved: Some(Signed { by: "keeper".into(), at: AT, text: String::new() }),
            notes: vec![],
            drill: false,
            late_by_us: None,
        };
        let text = shown(incidents(&[incident]));
        assert!(text.contains("gate-3,plaza-1 |") && text.contains("| 2023 |") && text.contains("keeper"), "{text}");
    }

    #[test]
    fn analyses_and_coverage_fit_their_tables() {
        let row = CoverageRow { camera: camera("a"), minute: AT, recorded_s: 30.0, analysed_s: 12.5 };
        assert_eq!(coverage(&site(), &[row]).num_rows(), 1);
        let row = AnalysisRow {
            camera: camera("a"),
            segment: SegmentId::new("s1").unwrap(),
            start: AT,
            key: "footage/x".into(),
            model: "m".into(),
            settings: "0f".into(),
            run: "r".into(),
            batch: "b".into(),
            analysed_at: AT,
            outcome: Outcome::Failed("no key frame".into()),
            frames_decoded: 0,
            cpu_us: 12,
        };
        assert!(shown(analyses(&site(), &[row])).contains("failed: no key frame"));
        assert_eq!(analyses(&site(), &[]).num_rows(), 0);
    }
}
