//! Adapter: one MQTT 5 connection through rumqttc, made again for ever.
//!
//! Each connection has a client and an event loop of its own. rumqttc would carry requests over from a
//! broken one; here whatever was not sent is dropped with it: frames are of no use later, and footage is
//! sent again from the spool.

use std::time::Duration;

use base::input::chain;
use base::retry::Backoff;
use base::wire::{FRAME_EXPIRY_S, HEADER, MAX_PACKET_BYTES};
use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{DisconnectReasonCode, Filter, LastWill, Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::config::BrokerUrl;

/// A connection that lasted so long was a good one. Two agents of the same name throw each other out at once.
const STEADY: Duration = Duration::from_secs(5);

/// How one connection is made.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// What the log calls it.
    pub label: &'static str,
    /// Where the broker is.
    pub broker: BrokerUrl,
    /// The connection's name at the broker.
    pub client_id: String,
    /// Asks the broker for a sign of life this often.
    pub keep_alive: Duration,
    /// What it wants to hear.
    pub subscriptions: Vec<String>,
    /// What the broker says, retained, when it is gone: topic and payload.
    pub last_will: Option<(String, String)>,
    /// Requests that wait for the socket.
    pub queue: usize,
    /// Messages that may wait for the broker's PUBACK.
    pub inflight: u16,
}

/// What happens on a connection.
#[derive(Debug)]
pub enum LinkEvent {
    /// It was made, and what it wants to hear is asked for.
    Up,
    /// It broke.
    Down,
    /// A message came.
    Message {
        /// On which topic.
        topic: String,
        /// What it says.
        payload: Bytes,
    },
    /// A message without acknowledgement (a frame) was written to the socket.
    Written,
    /// The broker acknowledged a message.
    Acknowledged,
}

/// The connection as long as it is up.
#[derive(Debug, Clone)]
pub struct Up {
    epoch: u64,
    client: AsyncClient,
}

/// The connection that a message was for is gone, or has no room for it.
#[derive(Debug, thiserror::Error)]
#[error("the connection to the broker takes no message now")]
pub struct NotSent;

/// How others reach a connection.
#[derive(Debug, Clone)]
pub struct Link {
    up: watch::Receiver<Option<Up>>,
}

/// Keeps a connection up.
#[derive(Debug)]
pub struct Pump {
    options: LinkOptions,
    up: watch::Sender<Option<Up>>,
    events: mpsc::Sender<LinkEvent>,
    leaving: watch::Receiver<bool>,
    said: Option<String>,
}

/// A connection: what keeps it up, how it is reached, and what happens on it. Once `leaving` is raised it
/// is not made again.
pub fn link(options: LinkOptions, leaving: watch::Receiver<bool>) -> (Pump, Link, mpsc::Receiver<LinkEvent>) {
    let (up, seen) = watch::channel(None);
    let (events, happened) = mpsc::channel(64);
    (Pump { options, up, events, leaving, said: None }, Link { up: seen }, happened)
}

impl Link {
    /// The connection, if there is one.
    pub fn up(&self) -> Option<Up> {
        self.up.borrow().clone()
    }

    /// Waits for a connection other than `epoch`'s; `None` when there never will be one.
    pub async fn wait_up(&mut self, not_epoch: Option<u64>) -> Option<Up> {
        let other = |up: &Option<Up>| up.as_ref().is_some_and(|up| Some(up.epoch) != not_epoch);
        self.up.wait_for(other).await.ok()?.clone()
    }

    /// Waits until it changes.
    pub async fn changed(&mut self) {
        if self.up.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Up {
    /// Tells this connection from later ones.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A frame: at most once, of no use after a while, now or never.
    ///
    /// # Errors
    /// There is no room.
    pub fn try_frame(&self, topic: &str, header: String, jpeg: Bytes) -> Result<(), NotSent> {
        let properties = PublishProperties { message_expiry_interval: Some(FRAME_EXPIRY_S), ..with_header(header) };
        self.client.try_publish_with_properties(topic, QoS::AtMostOnce, false, jpeg, properties).map_err(|_| NotSent)
    }

    /// A status: retained, now or never.
    ///
    /// # Errors
    /// There is no room.
    pub fn try_status(&self, topic: &str, json: String) -> Result<(), NotSent> {
        self.client.try_publish(topic, QoS::AtLeastOnce, true, json).map_err(|_| NotSent)
    }

    /// A chunk of footage. Waits for room.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn chunk(&self, topic: &str, header: String, chunk: Bytes) -> Result<(), NotSent> {
        self.client
            .publish_with_properties(topic, QoS::AtLeastOnce, false, chunk, with_header(header))
            .await
            .map_err(|_| NotSent)
    }

    /// Takes leave, so that the broker does not speak the last will.
    pub async fn leave(&self) {
        let _ = self.client.disconnect().await;
    }
}

fn with_header(header: String) -> PublishProperties {
    PublishProperties { user_properties: vec![(HEADER.to_owned(), header)], ..Default::default() }
}

impl Pump {
    /// Runs until it is left.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        for epoch in 1.. {
            let (client, eventloop) = AsyncClient::new(self.mqtt_options(), self.options.queue);
            let begun = Instant::now();
            let why = self.connection(epoch, client, eventloop).await;
            let had_it = self.up.send_replace(None).is_some();
            if (had_it && self.events.send(LinkEvent::Down).await.is_err()) || *self.leaving.borrow() {
                return;
            }
            self.say(why);
            if begun.elapsed() > STEADY {
                backoff.reset();
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.wait()) => {}
                _ = self.leaving.wait_for(|leaving| *leaving) => return,
            }
        }
    }

    /// One connection from its making to its end: why it ended.
    async fn connection(&mut self, epoch: u64, client: AsyncClient, mut eventloop: EventLoop) -> String {
        // rumqttc waits for a full socket without looking at the time: a dead network would hold it for the
        // system's 15 minutes. While it is alive there is an event at every keep-alive.
        let patience = self.options.keep_alive * 5 / 2;
        loop {
            let event = match tokio::time::timeout(patience, eventloop.poll()).await {
                Ok(Ok(event)) => event,
                Ok(Err(error)) => return reason(&error),
                Err(_) => return format!("it has taken nothing for {} s", patience.as_secs()),
            };
            let event = match event {
                Event::Incoming(Packet::ConnAck(_)) => {
                    let filters = self.options.subscriptions.iter().map(|topic| Filter::new(topic, QoS::AtLeastOnce));
                    if client.try_subscribe_many(filters).is_err() {
                        return "it could not be asked for messages".into();
                    }
                    self.say_up();
                    self.up.send_replace(Some(Up { epoch, client: client.clone() }));
                    LinkEvent::Up
                }
                Event::Incoming(Packet::Publish(message)) => LinkEvent::Message {
                    topic: String::from_utf8_lossy(&message.topic).into_owned(),
                    payload: message.payload,
                },
                Event::Incoming(Packet::PubAck(_)) => LinkEvent::Acknowledged,
                Event::Outgoing(Outgoing::Publish(0)) => LinkEvent::Written,
                Event::Outgoing(Outgoing::Disconnect) => return "left".into(),
                _ => continue,
            };
            if self.events.send(event).await.is_err() {
                return "nobody listens".into();
            }
        }
    }

    fn mqtt_options(&self) -> MqttOptions {
        let LinkOptions { broker, client_id, keep_alive, last_will, inflight, .. } = &self.options;
        let mut options = MqttOptions::new(client_id, broker.host(), broker.port());
        options.set_keep_alive((*keep_alive).max(Duration::from_secs(5)));
        options.set_clean_start(true);
        options.set_max_packet_size(Some(MAX_PACKET_BYTES));
        options.set_outgoing_inflight_upper_limit(*inflight);
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some((user, password)) = broker.login() {
            options.set_credentials(user, password);
        }
        if let Some((topic, payload)) = last_will {
            options.set_last_will(LastWill::new(topic, payload.clone(), QoS::AtLeastOnce, true, None));
        }
        options
    }

    /// Once per change and not once per attempt.
    fn say(&mut self, why: String) {
        if self.said.as_ref() != Some(&why) {
            let (label, broker) = (self.options.label, &self.options.broker);
            tracing::warn!("{label}: no connection to the broker {broker}: {why}; trying again for ever");
            self.said = Some(why);
        }
    }

    fn say_up(&mut self) {
        tracing::info!("{}: connected to the broker {}", self.options.label, self.options.broker);
        self.said = None;
    }
}

/// Why a connection ended, for a person.
fn reason(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(error) => error.to_string(),
        ConnectionError::Timeout(_) => "it does not answer".into(),
        ConnectionError::ConnectionRefused(code) => format!("it refuses: {code:?}"),
        ConnectionError::MqttState(StateError::ConnectionAborted) => "it closed the connection".into(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => "it gave no sign of life".into(),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => match reason_code {
            DisconnectReasonCode::SessionTakenOver => "another agent of the same camera took its place".into(),
            code => format!("it ended the connection: {code:?}"),
        },
        other => chain(other),
    }
}
