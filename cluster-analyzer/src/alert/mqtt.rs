//! Adapter: events on the broker: alerts on `alert`, tests on `alert-test`. Health has retained topics of its own.

use base::topic::Topic;
use base::wire::Form as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Answer, Channel, Delivery, DeliveryError, Payload, body};
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
    fn name(&self) -> &str {
        "mqtt"
    }

    fn kind(&self) -> &'static str {
        "mqtt"
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Answer, DeliveryError>> {
        async move {
            let told = match &delivery.notice.payload {
                Payload::Incident(alert) => self.link.publish(&Topic::Alert, alert.to_json(), false, None).await,
                Payload::Health(_) => Ok(()),
                Payload::Test(_) => self.link.publish_below("alert-test", body::json(delivery), false).await,
            };
            told.map(|()| "the broker has it".to_owned()).map_err(DeliveryError::new)
        }
        .boxed()
    }
}
