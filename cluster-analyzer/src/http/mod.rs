//! What people and monitoring see.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 or 503 and the state of each part |
//! | `/metrics` | Prometheus text |
//! | `/api/incidents?state=&since=&limit=` | escapes, newest first; `tier=watch`: what is only watched now |
//! | `/api/incidents/{id}` | one of them |
//! | `/api/incidents/{id}/evidence` | what each picture before and after its opening said |
//! | `/api/incidents/{id}/still` | the picture that decided, as it came; `still.jpg` with the box, `?plain=1` without |
//! | `/api/incidents/{id}/clip.mp4` | ten seconds before its opening and ten after it |
//! | `/api/incidents/{id}/deliveries` | every attempt to tell of it |
//! | `POST /api/incidents/{id}/{acknowledge,resolve,note}` | `{"by": …, "text": …}` |
//! | `/api/alerts/channels` | the ways to tell people |
//! | `/api/alerts/deliveries?incident=` | every attempt to tell of it, and what is still to be told |
//! | `POST /api/alerts/test` | `{"channel": …}`: tries a channel |
//! | `/api/cameras` | last status and age of the last frame of each |
//! | `/api/cameras/{id}/frame` | the last frame |
//! | `/api/footage/{camera}?from=&to=` | what was recorded, gaps, incidents |
//! | `/api/footage/{camera}/video.mp4?from=&to=` | a span as one video |
//! | `/api/footage/{camera}/export?from=&to=` | a span as files with checksums |
//! | `/api/events` | what happens, as server-sent events |
//! | `/api/frames?cameras=&fps=` | the cameras' pictures in one stream |
//! | `GET`, `PUT /api/site`, `/api/site/history` | the site file and its older versions |
//! | `GET`, `PUT /api/site/plan`, `/api/site/plan/scale` | the picture of the grounds |
//! | `/api/openapi.json` | all of this for programs |
//! | any other path | the page (`console/`) |
//! | `/api/drills` | how the last ones ended |
//! | `POST /api/drills` | one now: `{"camera": …}`, or `{}` for the next in turn |
//! | `POST /api/cameras/{id}/reference` | the view of now is the one that its zones are drawn in |
//!
//! Errors are JSON: `{"error": "…"}`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
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
use crate::footage::Shelf;
use crate::health;
use crate::health::told::Told;
use crate::hub::Hub;
use crate::incident::command::CommandError;
use crate::metrics::Metrics;
use crate::site::desk::Desk;
use crate::view::View;

pub mod alerts;
mod cameras;
mod drills;
mod events;
mod footage;
mod incidents;
mod page;
mod range;
mod site;
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
    /// Where footage is.
    pub footage: Arc<Shelf>,
    /// To the incidents.
    pub commands: mpsc::Sender<Commanded>,
    /// The ways to tell people.
    pub channels: alerts::Channels,
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
    /// What happens.
    pub hub: Arc<Hub>,
    /// The site file.
    pub site: Arc<Desk>,
    /// Where the plan of the grounds is kept.
    pub data_dir: PathBuf,
    /// Ends the streams, which would hold up the end of the service.
    pub stop: Stop,
}

/// All routes.
pub fn router(shared: Shared) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/api/incidents", get(incidents::list))
        .route("/api/incidents/{id}", get(incidents::one))
        .route("/api/incidents/{id}/evidence", get(incidents::evidence))
        .route("/api/incidents/{id}/still", get(incidents::still))
        .route("/api/incidents/{id}/still.jpg", get(incidents::marked_still))
        .route("/api/incidents/{id}/clip.mp4", get(footage::clip))
        .route("/api/incidents/{id}/deliveries", get(incidents::deliveries))
        .route("/api/incidents/{id}/{action}", post(incidents::command))
        .route("/api/alerts/channels", get(alerts::channels))
        .route("/api/alerts/deliveries", get(alerts::deliveries))
        .route("/api/alerts/test", post(alerts::test))
        .route("/api/cameras", get(cameras::list))
        .route("/api/cameras/{id}/frame", get(cameras::frame))
        .route("/api/footage/{camera}", get(footage::timeline))
        .route("/api/footage/{camera}/video.mp4", get(footage::video))
        .route("/api/footage/{camera}/export", get(footage::export))
        .route("/api/events", get(events::events))
        .route("/api/frames", get(events::frames))
        .route("/api/site", get(site::read).put(site::write))
        .route("/api/site/history", get(site::history))
        .route("/api/site/history/{id}", get(site::old))
        .route("/api/site/plan", get(site::plan).put(site::put_plan))
        .route("/api/site/plan/scale", get(site::scale).put(site::put_scale))
        .route("/api/openapi.json", get(openapi))
        .layer(DefaultBodyLimit::max(site::MOST_PLAN_BYTES))
        .layer(from_fn(same_origin))
        .fallback(page::file)
        .route("/api/cameras/{id}/reference", post(cameras::reference))
        .route("/api/drills", get(drills::list).post(drills::begin))
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

/// What a page of another origin asks a browser to change is refused: nobody's click elsewhere gives an all-clear.
async fn same_origin(request: Request, next: Next) -> Response {
    if changes_from_elsewhere(&request) {
        return Fault::new(StatusCode::FORBIDDEN, "this came from a page of another origin").into_response();
    }
    next.run(request).await
}

fn changes_from_elsewhere(request: &Request) -> bool {
    let text = |name: header::HeaderName| request.headers().get(name).and_then(|v| v.to_str().ok());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let host = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_owned());
    !reads && text(header::ORIGIN).is_some_and(|origin| host(origin).as_deref() != text(header::HOST))
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// The same as the routes above, for programs; a test compares the two.
const OPENAPI: &str = include_str!("openapi.json");

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
