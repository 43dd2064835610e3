//! `/api/alerts`: channels, deliveries, and a test of a channel.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Json;
use base::ids::IncidentId;
use base::wire::VERSION;
use serde::{Deserialize, Serialize};

use super::incidents::{ask, incident_id};
use super::{Fault, Shared};
use crate::alert::notices::{self, Pending};
use crate::alert::outbox::{self, Attempt};
use crate::alert::worker::Desk;
use crate::alert::{Channel, Notice, Payload, Reason, TestEvent};
use crate::incident::store;

/// The ways to tell people, for the page.
#[derive(Clone, Default)]
pub struct Channels {
    all: Arc<Vec<Arc<dyn Channel>>>,
    desk: Option<Desk>,
}

impl Channels {
    /// These channels.
    pub fn new(all: Vec<Arc<dyn Channel>>, desk: Desk) -> Self {
        Self { all: Arc::new(all), desk: Some(desk) }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ChannelRow {
    channel: String,
    kind: &'static str,
}

/// Every channel; `mqtt` is always there.
pub(super) async fn channels(State(shared): State<Shared>) -> Json<Vec<ChannelRow>> {
    let row = |c: &Arc<dyn Channel>| ChannelRow { channel: c.name().to_owned(), kind: c.kind() };
    Json(shared.channels.all.iter().map(row).collect())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    incident: String,
}

/// What was tried for an incident, and what is still to be done.
#[derive(Debug, Serialize)]
pub(super) struct Deliveries {
    incident: IncidentId,
    attempts: Vec<Attempt>,
    undelivered: Vec<Pending>,
}

/// `incident=` its id.
pub(super) async fn deliveries(
    State(shared): State<Shared>,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Deliveries>, Fault> {
    let Query(which) = which.map_err(|e| Fault::bad(format!("give incident=ID: {}", e.body_text())))?;
    let incident = incident_id(&which.incident)?;
    let id = incident.clone();
    let read = move |db: &rusqlite::Connection| {
        Ok((store::get(db, &id)?, outbox::attempts(db, &id)?, notices::undelivered(db, &id)?))
    };
    let (known, attempts, undelivered) = ask(&shared, read).await?;
    known.ok_or_else(|| Fault::not_found("there is no such incident"))?;
    Ok(Json(Deliveries { incident, attempts, undelivered }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestBody {
    channel: String,
    #[serde(default)]
    person: Option<String>,
    #[serde(default)]
    by: Option<String>,
}

/// How a test went.
#[derive(Debug, Serialize)]
pub(super) struct TestResult {
    channel: String,
    ok: bool,
    latency_ms: i64,
    answer: String,
}

/// Sends a test that nobody can take for an alarm, once, and says what came back. It stands behind no alarm and no
/// alarm behind it.
pub(super) async fn test(State(shared): State<Shared>, body: Bytes) -> Result<Json<TestResult>, Fault> {
    let given: TestBody = serde_json::from_slice(&body)
        .map_err(|e| Fault::bad(format!("the body must be JSON such as {{\"channel\": \"siren\"}}: {e}")))?;
    let found = shared.channels.all.iter().find(|c| c.name() == given.channel);
    let names = || shared.channels.all.iter().map(|c| c.name()).collect::<Vec<_>>().join(", ");
    let (Some(channel), Some(desk)) = (found, &shared.channels.desk) else {
        return Err(Fault::not_found(format!("there is no channel '{}', only {}", given.channel, names())));
    };
    let now = desk.clock.now();
    let by = given.by.filter(|by| !by.trim().is_empty()).unwrap_or_else(|| "the page".into());
    let payload = Payload::Test(TestEvent { v: VERSION, by, at: now });
    let notice = Notice {
        id: format!("test.{}.{}", now.0, channel.name()),
        seq: None,
        channel: channel.name().to_owned(),
        people: given.person.iter().cloned().collect(),
        person: given.person,
        route: "test".into(),
        reason: Reason::Test,
        round: 0,
        since: now,
        planned_at: now,
        due_at: now,
        payload,
    };
    let delivery = desk.dress(channel.as_ref(), notice).await;
    let (outcome, started, ended) = desk.attempt(channel.as_ref(), &delivery).await;
    let ok = outcome.is_ok();
    let answer = outcome.unwrap_or_else(|error| error);
    tracing::info!(channel = channel.name(), ok, "a test of the channel was asked for: {answer}");
    Ok(Json(TestResult { channel: channel.name().to_owned(), ok, latency_ms: ended.since(started) / 1000, answer }))
}
