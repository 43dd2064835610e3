//! `/api/cameras`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Json, Response};
use base::health::Health;
use base::ids::CameraId;
use base::time::Micros;
use base::wire::CameraStatus;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Fault, Shared, jpeg};

#[derive(Debug, Serialize)]
pub(super) struct CameraRow {
    camera: CameraId,
    in_site: bool,
    online: bool,
    health: Option<Health>,
    status: Option<CameraStatus>,
    last_frame_captured_at: Option<Micros>,
    last_frame_age_ms: Option<i64>,
}

pub(super) async fn list(State(shared): State<Shared>) -> Json<Vec<CameraRow>> {
    Json(rows(&shared))
}

pub(super) fn rows(shared: &Shared) -> Vec<CameraRow> {
    let now = shared.clock.now();
    let rows = shared.view.cameras().into_iter().map(|(camera, view)| {
        let health = shared.told.get(Some(&camera));
        let captured_at = view.frame.as_ref().map(|f| f.header.captured_at);
        CameraRow {
            camera,
            in_site: view.in_site,
            health,
            online: view.status.as_ref().is_some_and(|s| s.online),
            status: view.status,
            last_frame_captured_at: captured_at,
            last_frame_age_ms: captured_at.map(|t| now.since(t) / 1000),
        }
    });
    rows.collect()
}

pub(super) async fn frame(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Response, Fault> {
    let id = CameraId::new(&id).map_err(|e| Fault::bad(e.to_string()))?;
    let view = shared.view.camera(&id).ok_or_else(|| Fault::not_found("there is no such camera"))?;
    let frame = view.frame.ok_or_else(|| Fault::not_found("no frame of this camera has come yet"))?;
    Ok(jpeg(frame.jpeg))
}

/// The view of now is the one that the camera's zones are drawn in.
pub(super) async fn reference(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, Fault> {
    let id = CameraId::new(&id).map_err(|e| Fault::bad(e.to_string()))?;
    if !shared.view.camera(&id).is_some_and(|view| view.in_site) {
        return Err(Fault::not_found("there is no such camera in the site file"));
    }
    match shared.health.relearn(id.clone()) {
        true => Ok(Json(json!({ "camera": id, "reference": "is learnt from the next pictures" }))),
        false => Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, "the watch over cameras is busy; try again")),
    }
}
