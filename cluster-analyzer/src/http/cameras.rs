//! `/api/cameras`.

use axum::extract::{Path, State};
use axum::response::{Json, Response};
use base::ids::CameraId;
use base::time::Micros;
use base::wire::CameraStatus;
use serde::Serialize;

use super::{Fault, Shared, jpeg};

#[derive(Debug, Serialize)]
pub(super) struct CameraRow {
    camera: CameraId,
    in_site: bool,
    online: bool,
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
        let captured_at = view.frame.as_ref().map(|f| f.header.captured_at);
        CameraRow {
            camera,
            in_site: view.in_site,
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
