//! What people and monitoring see.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 or 503 and the state of each part |
//! | `/metrics` | Prometheus text |
//! | `/api/incidents?state=&since=&limit=` | escapes, newest first |
//! | `/api/incidents/{id}` | one of them |
//! | `/api/incidents/{id}/still` | the picture that decided, as it came |
//! | `/api/incidents/{id}/deliveries` | every attempt to tell of it |
//! | `POST /api/incidents/{id}/{acknowledge,resolve,note}` | `{"by": …, "text": …}` |
//! | `/api/cameras` | last status and age of the last frame of each |
//! | `/api/cameras/{id}/frame` | the last frame |
//! | `/api/drills` | how the last ones ended |
//! | `POST /api/drills` | one now: `{"camera": …}`, or `{}` for the next in turn |
//! | `POST /api/cameras/{id}/reference` | the view of now is the one that its zones are drawn in |
//!
//! Errors are JSON: `{"error": "…"}`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use base::ids::IncidentId;
use base::incident::Incident;
use base::stop::Stop;
use base::time::Clock;
use base::wire::IncidentCommand;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::drill::inject::Injector;
use crate::drill::master::{Ask, Reports};
use crate::health;
use crate::health::told::Told;
use crate::incident::command::CommandError;
use crate::metrics::Metrics;
use crate::view::View;

mod cameras;
mod drills;
mod incidents;
#[cfg(test)]
mod tests;

/// A command on its way to the incidents, with the way back.
#[derive(Debug)]
pub struct Commanded {
    /// Which incident.
    pub id: IncidentId,
    /// What to do.
    pub command: IncidentCommand,
    /// Where the outcome is told; `None` when nobody waits.
    pub reply: Option<oneshot::Sender<Result<Incident, CommandError>>>,
}

/// How drills are asked for, and how they ended.
#[derive(Debug, Clone)]
pub struct Drills {
    /// Asks for one.
    pub asks: std::sync::mpsc::SyncSender<Ask>,
    /// How they ended.
    pub reports: Arc<Reports>,
    /// Puts the animal into frames that have come.
    pub injector: Arc<Injector>,
}

/// What the page shows and does.
#[derive(Clone)]
pub struct Shared {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Cameras.
    pub view: Arc<View>,
    /// `state.db`, read anew for each request.
    pub state_db: PathBuf,
    /// To the incidents.
    pub commands: mpsc::Sender<Commanded>,
    /// The detector's name.
    pub model: Arc<str>,
    /// How cameras are.
    pub told: Arc<Told>,
    /// To the watch over cameras.
    pub health: health::Handle,
    /// To those who hold drills.
    pub drills: Drills,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// All routes.
pub fn router(shared: Shared) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/api/incidents", get(incidents::list))
        .route("/api/incidents/{id}", get(incidents::one))
        .route("/api/incidents/{id}/still", get(incidents::still))
        .route("/api/incidents/{id}/deliveries", get(incidents::deliveries))
        .route("/api/incidents/{id}/{action}", post(incidents::command))
        .route("/api/cameras", get(cameras::list))
        .route("/api/cameras/{id}/frame", get(cameras::frame))
        .route("/api/cameras/{id}/reference", post(cameras::reference))
        .route("/api/drills", get(drills::list).post(drills::begin))
        .fallback(|| async { Fault::not_found("there is no such page") })
        .with_state(shared)
}

/// Serves until `stop`; the caller binds, so that a test takes port 0.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, shared: Shared, mut stop: Stop) -> std::io::Result<()> {
    let app = router(shared);
    axum::serve(listener, app).with_graceful_shutdown(async move { stop.asked().await }).await
}

/// What is written to `http.addr`.
pub fn address_text(address: SocketAddr) -> String {
    format!("{address}\n")
}

/// An answer that is none.
#[derive(Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    message: String,
}

impl Fault {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

/// A JPEG that is not to be kept by caches.
fn jpeg(bytes: impl Into<axum::body::Bytes>) -> Response {
    ([(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "no-store")], bytes.into()).into_response()
}

/// What raises no alarm without them decides the status; the store does not, since alarms do without it.
async fn healthz(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let m = &shared.metrics;
    let up = |gauge: i64| gauge == 1;
    let (broker, detector) = (up(m.broker_connected.get()), up(m.detector_up.get()));
    let (archive, store) = (up(m.archive_up.get()), up(m.store_up.get()));
    let works = broker && detector && archive;
    let status = match (works, store) {
        (false, _) => "failing",
        (true, false) => "degraded",
        (true, true) => "ok",
    };
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "broker": { "up": broker },
        "detector": { "up": detector, "model": &*shared.model, "frames_waiting": m.frames_waiting.get() },
        "archive": { "up": archive, "bytes": m.archive_bytes.get() },
        "store": { "up": store, "upload_backlog": m.upload_backlog.get() },
        "alerts": { "waiting": m.alerts_waiting.get() },
    });
    (if works { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.metrics.text()).into_response()
}
