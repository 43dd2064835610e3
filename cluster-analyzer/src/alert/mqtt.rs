//! Adapter: alerts on the topic `alert`.

use base::incident::Alert;
use base::topic::Topic;
use base::wire::Form as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Channel, DeliveryError};
use crate::ingest::mqtt::Link;

/// The broker as a channel.
#[derive(Debug, Clone)]
pub struct MqttChannel {
    link: Link,
}

impl MqttChannel {
    /// Alerts over this link.
    pub fn new(link: Link) -> Self {
        Self { link }
    }
}

impl Channel for MqttChannel {
    fn name(&self) -> &'static str {
        "mqtt"
    }

    fn deliver<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), DeliveryError>> {
        async move {
            let told = self.link.publish(&Topic::Alert, alert.to_json(), false, None).await;
            told.map_err(|e| DeliveryError { source: Box::new(e) })
        }
        .boxed()
    }
}
