//! `/api/footage`: what was recorded, a span as one video, a span as files; and the clip of an incident.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use base::ids::{CameraId, IncidentId};
use base::incident::{Incident, Tier};
use base::input::chain;
use base::time::Micros;
use base::wire::Gap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::incidents::{ask, find};
use super::range::{Asked, asked};
use super::{Fault, Shared};
use crate::footage::FootageError;
use crate::footage::export::Export;
use crate::footage::timeline::{self, Recorded, Row};
use crate::footage::video::Video;
use crate::incident::store;

/// The longest timeline, µs.
const LONGEST_TIMELINE_US: i64 = 7 * 86_400_000_000;
/// The longest video, µs.
const LONGEST_VIDEO_US: i64 = 600_000_000;
/// The longest export, µs.
const LONGEST_EXPORT_US: i64 = 86_400_000_000;
/// A clip begins so long before the opening and ends so long after it, µs.
const CLIP_AROUND_US: i64 = 10_000_000;
/// Footage of a camera that is well is here so long after it was captured, µs.
const FOOTAGE_COMES_WITHIN_US: i64 = 30_000_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    from: i64,
    to: i64,
}

type Asking = Result<Query<Span>, QueryRejection>;

/// Checks camera and span.
fn read(camera: &str, span: Asking, longest_us: i64) -> Result<(CameraId, Micros, Micros), Fault> {
    let camera = CameraId::new(camera).map_err(|e| Fault::bad(e.to_string()))?;
    let Query(Span { from, to }) =
        span.map_err(|e| Fault::bad(format!("give ?from= and &to= in microseconds since 1970: {}", e.body_text())))?;
    let length_us = to.saturating_sub(from);
    if length_us <= 0 {
        return Err(Fault::bad("`to` must be later than `from`"));
    }
    if length_us > longest_us {
        let longest = match longest_us / 60_000_000 {
            minutes if minutes < 60 => format!("{minutes} minutes"),
            minutes if minutes < 2880 => format!("{} hours", minutes / 60),
            minutes => format!("{} days", minutes / 1440),
        };
        return Err(Fault::bad(format!("the span is longer than {longest}; ask for less at a time")));
    }
    Ok((camera, Micros(from), Micros(to)))
}

#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    camera: CameraId,
    recorded: Vec<Recorded>,
    gaps: Vec<Gap>,
    incidents: Vec<Mark>,
}

/// When an incident was seen by the camera.
#[derive(Debug, Serialize)]
struct Mark {
    id: IncidentId,
    start: Micros,
    end: Micros,
    tier: Tier,
}

impl Mark {
    fn of(incident: &Incident, camera: &CameraId, from: Micros, to: Micros) -> Option<Self> {
        let here = || incident.sightings.iter().filter(|s| s.camera == *camera);
        let start = here().map(|s| s.first_seen).min()?;
        let end = here().map(|s| s.last_seen).max()?;
        (start < to && end >= from).then(|| Self { id: incident.id.clone(), start, end, tier: incident.tier })
    }
}

/// `?from=&to=` in microseconds since the Unix epoch.
pub(super) async fn timeline(
    State(shared): State<Shared>,
    Path(camera): Path<String>,
    span: Asking,
) -> Result<Json<Timeline>, Fault> {
    let (camera, from, to) = read(&camera, span, LONGEST_TIMELINE_US)?;
    let rows = rows(&shared, &camera, from, to).await?;
    let gaps = gaps(&shared, &camera, &rows);
    let mut incidents = ask(&shared, move |db| store::between(db, from, to)).await?;
    incidents.extend(shared.view.watched());
    let incidents = incidents.iter().filter_map(|i| Mark::of(i, &camera, from, to)).collect();
    Ok(Json(Timeline { recorded: timeline::recorded(&rows), gaps, incidents, camera }))
}

/// The span as one fragmented MP4; `Range` is understood.
pub(super) async fn video(
    State(shared): State<Shared>,
    Path(camera): Path<String>,
    span: Asking,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let (camera, from, to) = read(&camera, span, LONGEST_VIDEO_US)?;
    let rows = rows(&shared, &camera, from, to).await?;
    answer(&shared, &camera, rows, from, to, &headers).await
}

/// The span's segments as they are, as a tar archive with manifest and checksums.
pub(super) async fn export(
    State(shared): State<Shared>,
    Path(camera): Path<String>,
    span: Asking,
) -> Result<Response, Fault> {
    let (camera, from, to) = read(&camera, span, LONGEST_EXPORT_US)?;
    let rows = rows(&shared, &camera, from, to).await?;
    let gaps = gaps(&shared, &camera, &rows);
    let export = Export::of(&shared.footage, &camera, rows, &gaps, (from, to), shared.clock.now()).map_err(fault)?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar".to_owned()),
        (header::CONTENT_LENGTH, export.bytes().to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", export.file_name())),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(export.stream())).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClipQuery {
    /// Another camera than the one that saw it first.
    camera: Option<String>,
    /// Give what is there, though more is to come.
    partial: Option<u8>,
}

/// Ten seconds before the opening and ten after it. 202 and `Retry-After` while footage of it is to come.
pub(super) async fn clip(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    query: Result<Query<ClipQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let Query(query) = query.map_err(|e| Fault::bad(e.body_text()))?;
    let incident = find(&shared, &id).await?;
    let camera = match query.camera {
        Some(camera) => CameraId::new(&camera).map_err(|e| Fault::bad(e.to_string()))?,
        None => incident.sightings.first().map_or(&incident.camera, |s| &s.camera).clone(),
    };
    let opened = incident.opened_at;
    let (from, until) = (opened.plus_us(-CLIP_AROUND_US), opened.plus_us(CLIP_AROUND_US));
    let rows = rows(&shared, &camera, from, until).await?;
    if query.partial != Some(1) && is_to_come(&shared, &camera, &rows, from, until) {
        let sentence = "footage of these twenty seconds is still on its way from the camera; ask again in two seconds";
        let body = Json(json!({ "waiting": sentence }));
        return Ok((StatusCode::ACCEPTED, [(header::RETRY_AFTER, "2")], body).into_response());
    }
    answer(&shared, &camera, rows, from, until, &headers).await
}

/// Whether more footage of the span will come: it is young, or the camera's agent still holds some.
fn is_to_come(shared: &Shared, camera: &CameraId, rows: &[Row], from: Micros, until: Micros) -> bool {
    // A camera that began later than the span has none of its begin.
    let begin = rows.first().map_or(from, |row| from.max(row.meta.start));
    if timeline::covered_until(rows, begin) >= until {
        return false;
    }
    let young = shared.clock.now().since(until) < FOOTAGE_COMES_WITHIN_US;
    (young && !has_ended(shared, camera)) || spooled_from(shared, camera).is_some_and(|oldest| oldest < until)
}

/// The camera's agent has said goodbye, with nothing left to send. (A last will is no goodbye: it has no time.)
fn has_ended(shared: &Shared, camera: &CameraId) -> bool {
    let status = shared.view.camera(camera).and_then(|view| view.status);
    status.is_some_and(|s| !s.online && s.at.is_some() && s.spool.segments == 0)
}

/// Capture time of the oldest footage that the camera's agent still holds.
fn spooled_from(shared: &Shared, camera: &CameraId) -> Option<Micros> {
    shared.view.camera(camera)?.status?.spool.oldest
}

fn gaps(shared: &Shared, camera: &CameraId, rows: &[Row]) -> Vec<Gap> {
    let status = shared.view.camera(camera).and_then(|view| view.status);
    let told = status.map(|s| s.spool.gaps).unwrap_or_default();
    timeline::gaps(rows, &told, spooled_from(shared, camera))
}

async fn rows(shared: &Shared, camera: &CameraId, from: Micros, to: Micros) -> Result<Vec<Row>, Fault> {
    shared.footage.rows(camera, from, to).await.map_err(fault)
}

async fn answer(
    shared: &Shared,
    camera: &CameraId,
    rows: Vec<Row>,
    from: Micros,
    until: Micros,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let video = Video::of(&shared.footage, camera, rows, from, until).await.map_err(fault)?;
    let (length, tag) = (video.bytes(), video.tag());
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    // Footage that came late makes another video of the same span: a range of the old one is of no use.
    let same = text(header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    let (status, from, to) = match asked(text(header::RANGE).filter(|_| same), length) {
        Asked::Whole => (StatusCode::OK, 0, length),
        Asked::Part(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Asked::Impossible => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            let fault = Fault::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("the video has {length} bytes"));
            return Ok((range, fault).into_response());
        }
    };
    let mut answer = HeaderMap::new();
    let mut put = |name: &'static str, value: String| {
        value.parse().ok().and_then(|value| answer.insert(name, value));
    };
    put("content-type", "video/mp4".into());
    put("accept-ranges", "bytes".into());
    put("content-length", (to - from).to_string());
    put("etag", tag);
    put("cache-control", "no-cache".into());
    put("x-paddock-start-us", video.start().0.to_string());
    put("x-paddock-end-us", video.end().0.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        put("content-range", format!("bytes {from}-{}/{length}", to - 1));
    }
    Ok((status, answer, Body::from_stream(video.part(from, to))).into_response())
}

fn fault(error: FootageError) -> Fault {
    let status = match &error {
        FootageError::Nothing { .. } | FootageError::Gone { .. } => StatusCode::NOT_FOUND,
        FootageError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        FootageError::Index(_) | FootageError::File(_) => {
            tracing::error!("footage cannot be read: {}", chain(&error));
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    Fault::new(status, error.to_string())
}

#[cfg(test)]
mod tests;
