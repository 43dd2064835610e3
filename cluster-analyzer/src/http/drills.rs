//! `/api/drills`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use base::ids::CameraId;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{Fault, Shared};
use crate::drill::Report;
use crate::drill::master::Ask;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    camera: Option<CameraId>,
}

/// How the last ones ended, oldest first.
pub(super) async fn list(State(shared): State<Shared>) -> Json<Vec<Report>> {
    Json(shared.drills.reports.all())
}

/// Begins one; 202 and its name, or 409 and why there is none.
pub(super) async fn begin(State(shared): State<Shared>, body: String) -> Result<(StatusCode, Json<Value>), Fault> {
    let text = if body.trim().is_empty() { "{}" } else { &body };
    let wanted: Wanted = serde_json::from_str(text).map_err(|e| Fault::bad(format!("no drill: {e}")))?;
    let (reply, answer) = oneshot::channel();
    let busy = || Fault::new(StatusCode::SERVICE_UNAVAILABLE, "no drill can be asked for now; try again");
    shared.drills.asks.try_send(Ask { camera: wanted.camera, reply }).map_err(|_| busy())?;
    match answer.await.map_err(|_| busy())? {
        Ok((id, camera)) => Ok((StatusCode::ACCEPTED, Json(json!({ "id": id, "camera": camera })))),
        Err(why) => Err(Fault::new(StatusCode::CONFLICT, why)),
    }
}
