//! Adapter: the broker, by rumqttc's MQTT 5 client.
//!
//! Two connections: the urgent one carries frames, statuses, commands and alerts, the bulk one footage and
//! its acknowledgements, so that footage which has to wait never delays a frame. Each is a [`Connection`]
//! that reconnects for ever, and a [`Link`] through which others publish and learn that the broker has it.
//!
//! Sessions are clean: what must last does not lean on the broker. What was on its way when a connection
//! broke is reported as not delivered, and whoever wanted it delivered says it again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::ids::SiteId;
use base::input::chain;
use base::retry::Backoff;
use base::stop::Stop;
use base::topic::Topic;
use base::wire::{HEADER, MAX_PACKET_BYTES};
use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, Filter, LastWill, Packet, PubAckReason, Publish, PublishProperties,
};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Message, Rejection};
use crate::config::BrokerUrl;
use crate::metrics::Metrics;

/// How long a message may wait to be taken in before it is refused.
const TAKE_IN_WITHIN: Duration = Duration::from_secs(5);
/// How long the broker may take to say that it has a message.
const PUBACK_WITHIN: Duration = Duration::from_secs(5);
/// Publishes that may be on their way to the event loop.
const REQUESTS: usize = 256;

/// Why a message was not published; it may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection.
    #[error("not connected to the broker")]
    Offline,
    /// Too much is on its way.
    #[error("too many messages are on their way to the broker")]
    Full,
    /// The connection broke, or the broker refused it.
    #[error("the broker did not take the message")]
    Lost,
    /// The broker says nothing.
    #[error("the broker did not answer in time")]
    Timeout,
}

/// What is on its way. A std mutex, because nothing is awaited while it is held.
#[derive(Debug, Default)]
struct Flight {
    connected: bool,
    /// Handed over, in order; the event loop gives packet ids in the same order.
    queued: VecDeque<oneshot::Sender<bool>>,
    /// By packet id.
    sent: HashMap<u16, oneshot::Sender<bool>>,
}

/// Publishes on one connection; clones share it.
#[derive(Debug, Clone)]
pub struct Link {
    site: SiteId,
    client: AsyncClient,
    flight: Arc<Mutex<Flight>>,
    connected: watch::Receiver<bool>,
}

impl Link {
    /// Publishes at QoS 1 and returns when the broker has it.
    ///
    /// # Errors
    /// It may not have it; say it again.
    pub async fn publish(
        &self,
        topic: &Topic,
        payload: String,
        retain: bool,
        expiry: Option<Duration>,
    ) -> Result<(), PublishError> {
        self.publish_at(topic.name(&self.site), payload, retain, expiry).await
    }

    /// Publishes below `paddock/{site}/`, where no [`Topic`] is.
    ///
    /// # Errors
    /// As [`Link::publish`].
    pub async fn publish_below(&self, below: &str, payload: String, retain: bool) -> Result<(), PublishError> {
        self.publish_at(base::topic::filter(&self.site, below), payload, retain, None).await
    }

    /// Publishes anywhere: what other programs read.
    ///
    /// # Errors
    /// As [`Link::publish`].
    pub async fn publish_at(
        &self,
        name: String,
        payload: String,
        retain: bool,
        expiry: Option<Duration>,
    ) -> Result<(), PublishError> {
        let properties = PublishProperties {
            message_expiry_interval: expiry.map(|e| e.as_secs().max(1) as u32),
            content_type: Some("application/json".into()),
            ..PublishProperties::default()
        };
        let taken = {
            let mut flight = lock(&self.flight);
            if !flight.connected {
                return Err(PublishError::Offline);
            }
            let (told, taken) = oneshot::channel();
            let handed = self.client.try_publish_with_properties(name, QoS::AtLeastOnce, retain, payload, properties);
            handed.map_err(|_| PublishError::Full)?;
            flight.queued.push_back(told);
            taken
        };
        match tokio::time::timeout(PUBACK_WITHIN, taken).await {
            Ok(Ok(true)) => Ok(()),
            Ok(_) => Err(PublishError::Lost),
            Err(_) => Err(PublishError::Timeout),
        }
    }

    /// Whether it is connected, and each change of that.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.clone()
    }
}

fn lock(flight: &Mutex<Flight>) -> MutexGuard<'_, Flight> {
    flight.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection to the broker.
pub struct Connection {
    name: &'static str,
    site: SiteId,
    broker: BrokerUrl,
    events: EventLoop,
    client: AsyncClient,
    flight: Arc<Mutex<Flight>>,
    connected: watch::Sender<bool>,
    filters: Vec<(String, QoS)>,
    metrics: Arc<Metrics>,
}

/// What distinguishes a connection.
#[derive(Debug, Clone)]
pub struct Purpose {
    /// Part of the client id, and its name in logs.
    pub name: &'static str,
    /// What it subscribes to, below `paddock/{site}/`; true: at least once, false: at most once.
    pub filters: Vec<(&'static str, bool)>,
    /// Topic and payload of its last will, retained.
    pub last_will: Option<(Topic, String)>,
}

/// Makes a connection; nothing happens until [`Connection::run`].
pub fn connection(site: &SiteId, broker: &BrokerUrl, purpose: Purpose, metrics: Arc<Metrics>) -> (Connection, Link) {
    // The same id each time: an analyzer that was killed is replaced at the broker by the new one at once.
    let mut options = MqttOptions::new(format!("paddock-{site}-analyzer-{}", purpose.name), &broker.host, broker.port);
    let properties = ConnectProperties { max_packet_size: Some(MAX_PACKET_BYTES), ..ConnectProperties::new() };
    options.set_connect_properties(properties);
    options.set_keep_alive(Duration::from_secs(15)).set_clean_start(true);
    // An alert is small and must not wait until the last one is acknowledged.
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    if let Some((user, password)) = &broker.login {
        options.set_credentials(user, password);
    }
    if let Some((topic, payload)) = &purpose.last_will {
        options.set_last_will(LastWill::new(topic.name(site), payload.clone(), QoS::AtLeastOnce, true, None));
    }
    let (client, events) = AsyncClient::new(options, REQUESTS);
    let flight = Arc::<Mutex<Flight>>::default();
    let (told, connected) = watch::channel(false);
    let qos = |durable| if durable { QoS::AtLeastOnce } else { QoS::AtMostOnce };
    let filters =
        purpose.filters.iter().map(|(below, durable)| (base::topic::filter(site, below), qos(*durable))).collect();
    let link = Link { site: site.clone(), client: client.clone(), flight: Arc::clone(&flight), connected };
    let connection = Connection {
        name: purpose.name,
        site: site.clone(),
        broker: broker.clone(),
        events,
        client,
        flight,
        connected: told,
        filters,
        metrics,
    };
    (connection, link)
}

impl Connection {
    /// Takes messages in until `intake` is asked to stop, and carries publishes until `end` is.
    pub async fn run(mut self, messages: mpsc::Sender<Message>, mut intake: Stop, mut end: Stop) {
        let mut messages = Some(messages);
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            let event = tokio::select! {
                event = self.events.poll() => event,
                () = intake.asked(), if messages.is_some() => {
                    messages = None;
                    continue;
                }
                () = end.asked() => break,
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    backoff.reset();
                    self.came_up();
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    if let Some(messages) = &messages {
                        self.take_in(publish, messages).await;
                    }
                }
                Ok(Event::Incoming(Packet::PubAck(ack))) => {
                    let taken = matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers);
                    self.answer(ack.pkid, taken);
                }
                Ok(Event::Outgoing(Outgoing::Publish(pkid))) => self.sent(pkid),
                Ok(_) => {}
                Err(error) => {
                    self.went_down(&error);
                    let wait = backoff.wait();
                    tokio::select! { () = tokio::time::sleep(wait) => {}, () = end.asked() => break }
                }
            }
        }
        self.leave().await;
    }

    fn came_up(&mut self) {
        let filters = self.filters.iter().map(|(filter, qos)| Filter::new(filter.clone(), *qos));
        if !self.filters.is_empty() {
            // The channel was emptied when the connection broke, so that there is room.
            let _ = self.client.try_subscribe_many(filters);
        }
        lock(&self.flight).connected = true;
        self.connected.send_replace(true);
        self.metrics.broker_connected.set(1);
        tracing::info!(connection = self.name, "connected to the broker at {}", self.broker);
    }

    fn went_down(&mut self, error: &rumqttc::v5::ConnectionError) {
        let mut flight = lock(&self.flight);
        flight.connected = false;
        flight.queued.clear();
        flight.sent.clear();
        // While the lock is held nothing new is handed over; what was must not be sent on the next connection,
        // since its publishers are told now that it was not.
        self.events.clean();
        self.events.pending.clear();
        drop(flight);
        self.connected.send_replace(false);
        self.metrics.broker_connected.set(0);
        self.metrics.broker_failures.inc();
        tracing::warn!(
            connection = self.name,
            "the broker at {} cannot be reached, trying again: {}",
            self.broker,
            chain(error)
        );
    }

    async fn take_in(&mut self, publish: Publish, messages: &mpsc::Sender<Message>) {
        self.metrics.messages_received.inc();
        let properties = publish.properties.unwrap_or_default();
        let header = properties.user_properties.into_iter().find(|(name, _)| name == HEADER).map(|(_, value)| value);
        match super::read(&self.site, &publish.topic, header.as_deref(), publish.payload) {
            Ok(message) => {
                // Waiting holds this connection up, and by that its sender; for so long only, since the broker
                // drops who does not answer.
                if messages.send_timeout(message, TAKE_IN_WITHIN).await.is_err() {
                    self.metrics.reject("busy");
                }
            }
            Err(rejection) => self.refuse(&publish.topic, &rejection),
        }
    }

    fn refuse(&self, topic: &Bytes, rejection: &Rejection) {
        self.metrics.reject(rejection.reason());
        tracing::debug!("message on {} refused: {}", String::from_utf8_lossy(topic), chain(rejection));
    }

    /// Left-over events of a connection that broke come before the next connection's ConnAck and are of none.
    fn sent(&self, pkid: u16) {
        let mut flight = lock(&self.flight);
        if flight.connected
            && let Some(told) = flight.queued.pop_front()
        {
            flight.sent.insert(pkid, told);
        }
    }

    fn answer(&self, pkid: u16, taken: bool) {
        let mut flight = lock(&self.flight);
        if flight.connected
            && let Some(told) = flight.sent.remove(&pkid)
        {
            let _ = told.send(taken);
        }
    }

    /// Says goodbye, so that the broker keeps the last will to itself.
    async fn leave(mut self) {
        if !std::mem::take(&mut *lock(&self.flight)).connected || self.client.try_disconnect().is_err() {
            return;
        }
        let said = async { while self.events.poll().await.is_ok() {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), said).await;
    }
}
