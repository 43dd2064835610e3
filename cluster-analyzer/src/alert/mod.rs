//! The outbox: an alert is on disk before it is sent, is sent at least once on every channel, and every
//! attempt is recorded with its latency.
//!
//! - [`Channel`]: a way to tell people; [`mqtt`] (adapter) is the first one.
//! - [`outbox`] (adapter): alerts and attempts in SQLite; [`health`]: the health of cameras in the same outbox.
//! - [`sender`]: one worker a channel, in order, again and again until it is delivered.

use base::incident::Alert;
use futures::future::BoxFuture;

pub mod health;
pub mod mqtt;
pub mod outbox;
pub mod sender;

/// An alert with its number in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    /// `None` when the disk did not take it: it is sent all the same.
    pub seq: Option<i64>,
    /// What is told.
    pub alert: Alert,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
#[error("the alert was not delivered")]
pub struct DeliveryError {
    /// What the channel says.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A way to tell people.
pub trait Channel: Send + Sync + 'static {
    /// Its name in records.
    fn name(&self) -> &'static str;

    /// Delivers one alert; returns when the other side has it.
    fn deliver<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), DeliveryError>>;
}
