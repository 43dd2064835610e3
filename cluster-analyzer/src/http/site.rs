//! `/api/site`: the site file, read and changed; `/api/site/plan`: the picture of the grounds and its scale.

use std::path::PathBuf;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use base::site::Site;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Fault, Shared};
use crate::site::desk::{Change, Old, SaveError, Saved, write_whole};
use crate::site::merge;

/// The largest picture of the grounds, bytes.
pub(super) const MOST_PLAN_BYTES: usize = 16 * 1024 * 1024;

/// The file: its text, what it says, and whether the service goes by this very text.
pub(super) async fn read(State(shared): State<Shared>) -> Result<Json<Value>, SiteFault> {
    let saved = shared.site.read()?;
    Ok(Json(told(&shared, &saved)))
}

fn told(shared: &Shared, saved: &Saved) -> Value {
    let changed = std::fs::metadata(plan_file(shared)).and_then(|file| file.modified()).ok();
    let plan_version = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).map(|at| at.as_millis());
    let fault = Site::parse(&saved.text, shared.site.path()).err();
    json!({
        "version": saved.version,
        "file": shared.site.path(),
        "text": saved.text,
        "site": merge::to_json(&saved.text).ok(),
        "applied": saved.version == shared.site.version(),
        "error": fault.map(|e| e.to_string()),
        "plan": {
            "exists": plan_version.is_some(),
            "version": plan_version.map(|ms| ms.to_string()).unwrap_or_default(),
            "scale": read_scale(shared),
        },
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Put {
    /// Who.
    by: String,
    /// The version that was changed.
    version: String,
    /// The whole site as JSON, with the keys of the file ...
    site: Option<Value>,
    /// ... or the whole text ...
    text: Option<String>,
    /// ... or the id of an older version.
    restore: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct How {
    /// Only say whether it could be written, and what the text would be.
    check: bool,
}

/// Writes the file and answers when everything goes by it.
pub(super) async fn write(
    State(shared): State<Shared>,
    how: Result<Query<How>, axum::extract::rejection::QueryRejection>,
    body: Bytes,
) -> Result<Json<Value>, SiteFault> {
    let Query(how) = how.map_err(|e| Fault::bad(e.body_text()))?;
    let put: Put = serde_json::from_slice(&body).map_err(|e| {
        Fault::bad(format!("the body must be JSON with by, version and one of site, text, restore: {e}"))
    })?;
    let by = put.by.trim();
    if by.is_empty() {
        return Err(Fault::bad("'by' is empty; say who changes the site").into());
    }
    let change = match (put.site, put.text, put.restore) {
        (Some(site), None, None) => Change::Site(site),
        (None, Some(text), None) => Change::Text(text),
        (None, None, Some(id)) => Change::Restore(id),
        _ => return Err(Fault::bad("give one of site, text, restore").into()),
    };
    if how.check {
        let (text, _) = shared.site.draft(&put.version, &change)?;
        return Ok(Json(json!({ "text": text })));
    }
    let saved = shared.site.save(&put.version, &change, by, shared.clock.now()).await?;
    tracing::info!(by, version = saved.version, "the site file was changed");
    shared.hub.tell("site", &json!({ "version": saved.version, "by": by }));
    Ok(Json(told(&shared, &saved)))
}

pub(super) async fn history(State(shared): State<Shared>) -> Result<Json<Vec<Old>>, SiteFault> {
    Ok(Json(shared.site.history()?))
}

pub(super) async fn old(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Response, SiteFault> {
    Ok(([(header::CONTENT_TYPE, "application/toml")], shared.site.old(&id)?).into_response())
}

/// A refusal; that of a site file names its line.
pub(super) enum SiteFault {
    Plain(Fault),
    Site(Box<base::site::SiteError>),
}

impl From<Fault> for SiteFault {
    fn from(fault: Fault) -> Self {
        SiteFault::Plain(fault)
    }
}

impl From<SaveError> for SiteFault {
    fn from(error: SaveError) -> Self {
        let status = match error {
            SaveError::Site(error) => return SiteFault::Site(Box::new(error)),
            SaveError::Bad(_) => StatusCode::UNPROCESSABLE_ENTITY,
            SaveError::Conflict => StatusCode::CONFLICT,
            SaveError::Unknown => StatusCode::NOT_FOUND,
            SaveError::Disk { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        SiteFault::Plain(Fault::new(status, error.to_string()))
    }
}

impl IntoResponse for SiteFault {
    fn into_response(self) -> Response {
        match self {
            SiteFault::Plain(fault) => fault.into_response(),
            SiteFault::Site(e) => {
                let body = json!({ "error": e.to_string(), "line": e.line, "message": e.message });
                (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
            }
        }
    }
}

/// Where a point of the picture is on the grounds: two of them scale it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    /// Share of the picture's width and height, 0..1.
    at: [f64; 2],
    /// Metres, as in `camera.position`.
    metres: [f64; 2],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    marks: [Mark; 2],
}

fn plan_file(shared: &Shared) -> PathBuf {
    shared.data_dir.join("plan.image")
}

/// The picture's kind by its first bytes; `None`: none that a browser shows.
fn picture_kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

pub(super) async fn plan(State(shared): State<Shared>) -> Result<Response, Fault> {
    let bytes = tokio::fs::read(plan_file(&shared)).await;
    let bytes = bytes.map_err(|_| Fault::not_found("no plan of the grounds has been uploaded"))?;
    let kind = picture_kind(&bytes).unwrap_or("application/octet-stream");
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], bytes).into_response())
}

pub(super) async fn put_plan(State(shared): State<Shared>, body: Bytes) -> Result<Json<Value>, SiteFault> {
    let kind = picture_kind(&body).ok_or_else(|| {
        Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the plan must be a PNG, JPEG or WebP picture")
    })?;
    write_whole(&plan_file(&shared), &body)?;
    Ok(Json(json!({ "kind": kind, "bytes": body.len() })))
}

pub(super) async fn scale(State(shared): State<Shared>) -> Result<Json<Scale>, Fault> {
    read_scale(&shared).map(Json).ok_or_else(|| Fault::not_found("the plan has no scale yet"))
}

fn read_scale(shared: &Shared) -> Option<Scale> {
    let text = std::fs::read(shared.data_dir.join("plan.json")).ok()?;
    serde_json::from_slice(&text).ok()
}

pub(super) async fn put_scale(State(shared): State<Shared>, body: Bytes) -> Result<Json<Scale>, SiteFault> {
    let scale: Scale = serde_json::from_slice(&body).map_err(|e| {
        Fault::bad(format!(
            "the scale must be JSON such as {{\"marks\": [{{\"at\": [0,0], \"metres\": [0,0]}}, …]}}: {e}"
        ))
    })?;
    let [a, b] = &scale.marks;
    if a.at == b.at || a.metres == b.metres {
        return Err(Fault::bad("the two marks must be two places").into());
    }
    let text = serde_json::to_vec(&scale).map_err(|e| Fault::bad(e.to_string()))?;
    write_whole(&shared.data_dir.join("plan.json"), &text)?;
    Ok(Json(scale))
}
