//! The outbox: an event is on disk before it is told, is told at least once on every channel that a route
//! names, and every attempt is recorded with its latency and its answer.
//!
//! Values: [`Payload`] is what happened, [`Notice`] is one telling of it to one channel, [`Delivery`] is a notice
//! with its words and its picture, [`Channel`] is a way to tell people.
//!
//! - [`rules`] (pure): who is told, by which channel, at what hours; [`plan`] (pure): events into notices,
//!   repeated and escalated until somebody acknowledges; [`pile`] (pure): what one channel still has to tell;
//!   [`text`] and [`body`] (pure): the words and the JSON.
//! - [`outbox`], [`notices`] (adapters): events, notices and attempts in SQLite; [`health`] (adapter): how cameras are, in
//!   the same outbox.
//! - [`sender`]: the broker's worker, every event in order; [`planner`] and [`worker`]: all other channels, each
//!   with a task of its own.
//! - [`mqtt`], [`webhook`], [`ntfy`], [`email`], [`command`] (adapters): the channels.
//! - [`home_assistant`]: entities for Home Assistant; [`retained`]: states of resolved incidents leave the broker.
//!
//! Invariants: a slow or dead channel delays no other; quiet hours never hold what is red; a notice keeps its id
//! over all attempts, so that a receiver can tell a repeat; no secret is shown.

use std::fmt;

use base::ids::CameraId;
use base::incident::{Alert, AlertType, IncidentState};
use base::time::Micros;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub mod body;
pub mod command;
pub mod email;
pub mod health;
pub mod home_assistant;
pub mod mqtt;
pub mod notices;
pub mod ntfy;
pub mod outbox;
pub mod pile;
pub mod plan;
pub mod planner;
pub mod retained;
pub mod rules;
pub mod sender;
pub mod text;
pub mod web;
pub mod webhook;
pub mod worker;

/// Something that people are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", content = "event", rename_all = "lowercase")]
pub enum Payload {
    /// An incident was opened, changed or resolved.
    Incident(Box<Alert>),
    /// A camera, or something else of the system, is in trouble or out of it.
    Health(HealthEvent),
    /// Somebody tries a channel.
    Test(TestEvent),
}

/// How a camera, or the analyzer itself, is: what blinds the alarm, or the end of it. It is no animal alarm and is told
/// in other words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthEvent {
    /// Version.
    pub v: u32,
    /// Whose; `None`: the analyzer's own.
    pub camera: Option<CameraId>,
    /// `ok`, or one word for what is wrong: `offline`, `black`, `covered`.
    pub state: String,
    /// Since when.
    pub since: Micros,
    /// When this was said.
    pub at: Micros,
    /// What is wrong, in words.
    pub detail: String,
}

impl HealthEvent {
    /// Nothing is wrong any more.
    pub fn is_over(&self) -> bool {
        self.state == "ok"
    }

    /// Whose it is, in records. No incident's id has a slash.
    pub fn subject(&self) -> String {
        self.camera.as_ref().map_or_else(|| "analyzer".into(), |camera| format!("camera/{camera}"))
    }
}

/// Somebody tries a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestEvent {
    /// Version.
    pub v: u32,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Micros,
}

impl From<Alert> for Payload {
    fn from(alert: Alert) -> Self {
        Payload::Incident(Box::new(alert))
    }
}

impl Payload {
    /// What all events of one matter share: the incident's id, or whose health it is.
    pub fn subject(&self) -> String {
        match self {
            Payload::Incident(alert) => alert.after.id.to_string(),
            Payload::Health(event) => event.subject(),
            Payload::Test(_) => "test".into(),
        }
    }

    /// Which event of it.
    pub fn kind(&self) -> &'static str {
        match self {
            Payload::Incident(alert) => alert.kind.as_str(),
            Payload::Health(_) => outbox::HEALTH,
            Payload::Test(_) => "test",
        }
    }

    /// When it happened, by the analyzer's clock.
    pub fn at(&self) -> Micros {
        match self {
            Payload::Incident(alert) => alert.at,
            Payload::Health(event) => event.at,
            Payload::Test(event) => event.at,
        }
    }

    /// From when its latency counts: the capture of the frame that decided it.
    pub fn captured_at(&self) -> Micros {
        match self {
            Payload::Incident(alert) => alert.at.plus_us(-alert.latency_us),
            _ => self.at(),
        }
    }

    /// No real animal.
    pub fn is_drill(&self) -> bool {
        match self {
            Payload::Incident(alert) => alert.after.drill,
            Payload::Health(_) => false,
            Payload::Test(_) => true,
        }
    }

    /// The alert, where it is one.
    pub fn alert(&self) -> Option<&Alert> {
        match self {
            Payload::Incident(alert) => Some(alert),
            _ => None,
        }
    }

    /// Somebody took the incident with this event.
    pub fn is_acknowledgement(&self) -> bool {
        self.alert().is_some_and(|a| {
            let before = a.before.as_ref().map(|i| i.state);
            before == Some(IncidentState::Open) && a.after.state == IncidentState::Acknowledged
        })
    }

    /// It opened an incident.
    pub fn opens(&self) -> bool {
        self.alert().is_some_and(|a| a.kind == AlertType::Opened)
    }
}

/// An event with its number in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    /// `None` when the disk did not take it: it is told all the same.
    pub seq: Option<i64>,
    /// What is told.
    pub payload: Payload,
}

/// Why a notice is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// A matter that this route hears of for the first time.
    Opened,
    /// It moved on, or somebody said something.
    Updated,
    /// Somebody took it.
    Acknowledged,
    /// All-clear.
    Resolved,
    /// Nobody has acknowledged yet.
    Repeat,
    /// Nobody has acknowledged, so further people are told.
    Escalated,
    /// Trouble of the system, or its end.
    Health,
    /// Somebody tries the channel.
    Test,
}

impl Reason {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Opened => "opened",
            Reason::Updated => "updated",
            Reason::Acknowledged => "acknowledged",
            Reason::Resolved => "resolved",
            Reason::Repeat => "repeat",
            Reason::Escalated => "escalated",
            Reason::Health => "health",
            Reason::Test => "test",
        }
    }
}

/// One telling of one event to one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The same over all attempts and restarts.
    pub id: String,
    /// The event's number in the outbox.
    pub seq: Option<i64>,
    /// Which channel.
    pub channel: String,
    /// Whom on it; `None`: the channel's own recipients.
    pub person: Option<String>,
    /// Everybody whom the route tells in this round.
    pub people: Vec<String>,
    /// By which route.
    pub route: String,
    /// Why.
    pub reason: Reason,
    /// 0, then one more with each repeat.
    pub round: u32,
    /// When the route first told of it.
    pub since: Micros,
    /// When it was decided.
    pub planned_at: Micros,
    /// Not before: quiet hours.
    pub due_at: Micros,
    /// What happened.
    pub payload: Payload,
}

/// A notice with everything that a channel may show of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// What and to whom.
    pub notice: Notice,
    /// In words.
    pub text: text::Text,
    /// The picture that decided, a JPEG.
    pub still: Option<Bytes>,
    /// The analyzer's page as people reach it, without a slash at its end.
    pub page_url: Option<String>,
}

/// What the other side said to a delivery, on one line.
pub type Answer = String;

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
#[error("the alert was not delivered")]
pub struct DeliveryError {
    /// What the channel says.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl DeliveryError {
    /// With these words.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// A way to tell people.
pub trait Channel: Send + Sync + 'static {
    /// Its name in records.
    fn name(&self) -> &str;

    /// Which sort it is: `mqtt`, `webhook`, `ntfy`, `email`, `command`.
    fn kind(&self) -> &'static str;

    /// Whether it shows the picture.
    fn shows_still(&self) -> bool {
        false
    }

    /// Delivers; returns when the other side has it. It ends by itself, within the channel's time limit.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Answer, DeliveryError>>;
}

/// A key or password. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What it is.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A foreign answer made fit for a record: one line, not too long.
pub fn answer_line(text: &str) -> Answer {
    base::input::one_line(text).chars().take(300).collect()
}
