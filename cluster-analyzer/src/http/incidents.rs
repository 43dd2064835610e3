//! `/api/incidents`.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use base::ids::IncidentId;
use base::incident::{Incident, IncidentState, Reason, Tier};
use base::input::chain;
use base::time::Micros;
use base::wire::{IncidentAction, IncidentCommand, VERSION};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{Commanded, Fault, Shared, jpeg};
use crate::alert::outbox::{self, Attempt};
use crate::incident::command::CommandError;
use crate::incident::evidence::Frame;
use crate::incident::{still, store};
use crate::ledger;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Filter {
    state: Option<IncidentState>,
    tier: Option<Tier>,
    since: Option<i64>,
    limit: Option<u32>,
}

/// `state=open|acknowledged|resolved`, `since=` microseconds since the Unix epoch, `limit=` 1 to 1000. Escapes;
/// with `tier=watch` what is only watched now.
pub(super) async fn list(
    State(shared): State<Shared>,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<Incident>>, Fault> {
    let Query(filter) = filter.map_err(|e| Fault::bad(e.body_text()))?;
    let limit = filter.limit.unwrap_or(100).clamp(1, 1000);
    if filter.tier == Some(Tier::Watch) {
        let wanted = |i: &Incident| {
            filter.state.is_none_or(|state| state == i.state) && filter.since.is_none_or(|since| i.opened_at.0 >= since)
        };
        let watched = shared.view.watched().into_iter().filter(wanted);
        return Ok(Json(watched.take(limit as usize).collect()));
    }
    let read = move |db: &Connection| store::list(db, filter.state, filter.since.map(Micros), limit);
    Ok(Json(ask(&shared, read).await?))
}

pub(super) async fn one(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Incident>, Fault> {
    find(&shared, &id).await.map(Json)
}

/// An escape, or what is only watched now.
pub(super) async fn find(shared: &Shared, id: &str) -> Result<Incident, Fault> {
    let id = incident_id(id)?;
    if let Some(watched) = shared.view.watched().into_iter().find(|i| i.id == id) {
        return Ok(watched);
    }
    let found = ask(shared, move |db| store::get(db, &id)).await?;
    found.ok_or_else(|| Fault::not_found("there is no such incident"))
}

/// What each picture said, and which rule was broken where.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    incident: IncidentId,
    #[serde(flatten)]
    reason: Reason,
    /// The rule in words.
    rule_text: Option<&'static str>,
    opened_at: Micros,
    /// Oldest first; that of `opened_at` decided.
    frames: Vec<Frame>,
}

pub(super) async fn evidence(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Explanation>, Fault> {
    let Incident { id, reason, opened_at, .. } = find(&shared, &id).await?;
    let incident = id.clone();
    let frames = ask(&shared, move |db| store::evidence(db, &id)).await?;
    let rule_text = reason.rule.map(base::incident::Rule::sentence);
    Ok(Json(Explanation { incident, reason, rule_text, opened_at, frames }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StillQuery {
    plain: Option<u8>,
}

/// The picture that decided, with the box in the danger's colour; `?plain=1` without.
pub(super) async fn marked_still(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    query: Result<Query<StillQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Fault> {
    let Query(query) = query.map_err(|e| Fault::bad(e.body_text()))?;
    let id = incident_id(&id)?;
    let read = move |db: &Connection| Ok((store::get(db, &id)?, store::still(db, &id)?, store::evidence(db, &id)?));
    let (incident, still, evidence) = ask(&shared, read).await?;
    let none = || Fault::not_found("there is no still of such an incident");
    let (incident, still) = incident.zip(still).ok_or_else(none)?;
    let decided = evidence.into_iter().find(|f| f.t == incident.opened_at && query.plain != Some(1));
    let Some(decided) = decided else { return Ok(jpeg(still)) };
    let word = incident.species.as_ref().map_or_else(|| incident.label.clone(), ToString::to_string);
    let draw = move || still::marked(&still, &decided.rect, incident.danger.as_deref(), &word).or(Err(still));
    // A picture that cannot be drawn on is shown as it came.
    let drawn = tokio::task::spawn_blocking(draw).await.map_err(|_| none())?;
    Ok(jpeg(drawn.unwrap_or_else(|plain| plain)))
}

pub(super) async fn still(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Response, Fault> {
    let id = incident_id(&id)?;
    let found = ask(&shared, move |db| store::still(db, &id)).await?;
    found
        .map(|bytes| jpeg(bytes).into_response())
        .ok_or_else(|| Fault::not_found("there is no still of such an incident"))
}

pub(super) async fn deliveries(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Attempt>>, Fault> {
    let id = incident_id(&id)?;
    let (known, attempts) = ask(&shared, move |db| Ok((store::get(db, &id)?, outbox::attempts(db, &id)?))).await?;
    known.map(|_| Json(attempts)).ok_or_else(|| Fault::not_found("there is no such incident"))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Body {
    by: String,
    text: String,
}

pub(super) async fn command(
    State(shared): State<Shared>,
    Path((id, action)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Incident>, Fault> {
    let id = incident_id(&id)?;
    let given: Body = serde_json::from_slice(&body)
        .map_err(|e| Fault::bad(format!("the body must be JSON such as {{\"by\": \"keeper\"}}: {e}")))?;
    let action = match action.as_str() {
        "acknowledge" => IncidentAction::Acknowledge,
        "resolve" => IncidentAction::Resolve,
        "note" => IncidentAction::Note { text: given.text },
        _ => return Err(Fault::not_found("an incident can be acknowledged, resolved, or given a note")),
    };
    let command = IncidentCommand { v: VERSION, by: given.by, at: shared.clock.now(), action };
    let (reply, told) = oneshot::channel();
    let busy = || Fault::new(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping");
    shared.commands.send(Commanded { id, command, reply: Some(reply) }).await.map_err(|_| busy())?;
    told.await.map_err(|_| busy())?.map(Json).map_err(|e| {
        let status = match &e {
            CommandError::Unknown(_) => StatusCode::NOT_FOUND,
            CommandError::Resolved => StatusCode::CONFLICT,
            CommandError::Text(_) => StatusCode::BAD_REQUEST,
            CommandError::Store => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Fault::new(status, e.to_string())
    })
}

pub(super) fn incident_id(text: &str) -> Result<IncidentId, Fault> {
    IncidentId::new(text).map_err(|e| Fault::bad(e.to_string()))
}

/// Reads `state.db` on a thread for blocking work, so that a slow disk holds up no other request.
pub(super) async fn ask<R: Send + 'static>(
    shared: &Shared,
    question: impl FnOnce(&Connection) -> rusqlite::Result<R> + Send + 'static,
) -> Result<R, Fault> {
    let path = shared.state_db.clone();
    let answer = tokio::task::spawn_blocking(move || question(&ledger::open(&path)?)).await;
    let failed = |what: &dyn std::error::Error| {
        tracing::error!("state.db cannot be read: {}", chain(what));
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "the incidents cannot be read")
    };
    answer.map_err(|e| failed(&e))?.map_err(|e| failed(&e))
}
