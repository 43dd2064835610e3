//! Watching and speaking MQTT from outside.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base::time::{Clock as _, Micros, SystemClock};
use base::wire::{HEADER, MAX_PACKET_BYTES};
use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Filter, Packet, PublishProperties};
use rumqttc::v5::{Client, Connection, Event, MqttOptions};

use crate::mosquitto::random_u32;

/// One message as it came.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// The user property `header`, as text; empty where there is none.
    pub header: String,
    /// Sent before the subscription.
    pub retained: bool,
    /// When it came here, by this machine's clock.
    pub received_at: Micros,
}

impl Message {
    /// The payload as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }

    /// The header as JSON; null where it is none.
    pub fn header_json(&self) -> serde_json::Value {
        serde_json::from_str(&self.header).unwrap_or_default()
    }
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// The user property `header`.
    pub header: Option<String>,
    /// At least once instead of at most once.
    pub acknowledged: bool,
    /// Kept by the broker.
    pub retain: bool,
    /// Message expiry, seconds.
    pub expiry_s: Option<u32>,
}

impl Outgoing {
    /// An acknowledged message without header.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        let (topic, payload) = (topic.into(), payload.into());
        Self { topic, payload, header: None, acknowledged: true, retain: false, expiry_s: None }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, header: impl Into<String>) -> Self {
        self.header = Some(header.into());
        self
    }

    /// Sent once, acknowledged or not.
    #[must_use]
    pub fn at_most_once(mut self) -> Self {
        self.acknowledged = false;
        self
    }

    /// Kept by the broker.
    #[must_use]
    pub fn retained(mut self) -> Self {
        self.retain = true;
        self
    }
}

#[derive(Debug, Default)]
struct Seen {
    messages: Vec<Message>,
    subscribed: bool,
    acknowledged: u64,
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

/// A client that collects all messages of its filters, and connects again for ever.
pub struct MqttWatch {
    client: Client,
    shared: Arc<Shared>,
}

impl MqttWatch {
    /// Connects to `mqtt://HOST:PORT` and waits until the broker has confirmed the filters.
    ///
    /// # Errors
    /// `url` is no such address, or nobody confirms within ten seconds.
    pub fn connect(url: &str, filters: &[&str]) -> Result<Self> {
        let address = url.strip_prefix("mqtt://").context("not an mqtt address")?;
        let (host, port) = address.split_once(':').context("the broker's address has no port")?;
        let id = format!("watch-{:08x}", random_u32());
        let mut options = MqttOptions::new(id, host, port.parse::<u16>()?);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(Some(MAX_PACKET_BYTES));
        options.set_connection_timeout(5);
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        let (client, connection) = Client::new(options, 1000);
        let shared = Arc::new(Shared::default());
        let filters: Vec<String> = filters.iter().map(|f| (*f).to_owned()).collect();
        let watch = Self { client: client.clone(), shared: shared.clone() };
        std::thread::spawn(move || collect(&client, connection, &filters, &shared));
        watch.wait(Duration::from_secs(10), |seen| seen.subscribed.then_some(())).context("no broker answers")?;
        Ok(watch)
    }

    /// The first message, of those that came and of those to come, of which `wanted` is true.
    ///
    /// # Errors
    /// None came within `deadline`.
    pub fn wait_for(&self, deadline: Duration, wanted: impl Fn(&Message) -> bool) -> Result<Message> {
        self.wait(deadline, |seen| seen.messages.iter().find(|m| wanted(m)).cloned()).with_context(|| {
            let mut topics: Vec<String> = self.messages().into_iter().map(|m| m.topic).collect();
            topics.dedup();
            format!("the awaited message did not come; these did: {topics:?}")
        })
    }

    /// Waits until `enough` gives something for all messages so far.
    ///
    /// # Errors
    /// It did not within `deadline`.
    pub fn wait_until<T>(&self, deadline: Duration, enough: impl Fn(&[Message]) -> Option<T>) -> Result<T> {
        self.wait(deadline, |seen| enough(&seen.messages))
    }

    /// All messages so far.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.clone()
    }

    /// Forgets all messages so far.
    pub fn clear(&self) {
        self.lock().messages.clear();
    }

    /// Sends a message; it waits its turn where the broker is away.
    ///
    /// # Errors
    /// The client is closed.
    pub fn publish(&self, message: Outgoing) -> Result<()> {
        let user_properties = message.header.into_iter().map(|h| (HEADER.to_owned(), h)).collect();
        let properties = PublishProperties {
            message_expiry_interval: message.expiry_s,
            user_properties,
            ..PublishProperties::default()
        };
        let qos = if message.acknowledged { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let sent = self.client.publish_with_properties(message.topic, qos, message.retain, message.payload, properties);
        sent.context("the MQTT client is closed")
    }

    /// Waits until the broker has acknowledged so many messages since the beginning.
    ///
    /// # Errors
    /// It did not within `deadline`.
    pub fn wait_acknowledged(&self, count: u64, deadline: Duration) -> Result<()> {
        self.wait(deadline, |seen| (seen.acknowledged >= count).then_some(()))
    }

    fn wait<T>(&self, deadline: Duration, look: impl Fn(&Seen) -> Option<T>) -> Result<T> {
        let until = Instant::now() + deadline;
        let mut seen = self.lock();
        loop {
            if let Some(found) = look(&seen) {
                return Ok(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.closed {
                bail!("not within {:.1} s", deadline.as_secs_f64());
            }
            seen = self.shared.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MqttWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MqttWatch").field("messages", &self.lock().messages.len()).finish_non_exhaustive()
    }
}

impl Drop for MqttWatch {
    fn drop(&mut self) {
        self.lock().closed = true;
        // It may be full or its broker gone; the thread then ends at its next event.
        let _ = self.client.try_disconnect();
    }
}

fn collect(client: &Client, mut connection: Connection, filters: &[String], shared: &Shared) {
    let clock = SystemClock::new();
    for event in connection.iter() {
        let mut seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.closed {
            break;
        }
        match event {
            Ok(Event::Incoming(Packet::ConnAck(ack))) if ack.code == ConnectReturnCode::Success => {
                let all = filters.iter().map(|f| Filter::new(f, QoS::AtLeastOnce));
                // Nobody but this thread empties the queue of requests, so it must not wait for room.
                if filters.is_empty() || client.try_subscribe_many(all).is_err() {
                    seen.subscribed = true;
                }
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => seen.subscribed = true,
            Ok(Event::Incoming(Packet::PubAck(_))) => seen.acknowledged += 1,
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let properties = publish.properties.unwrap_or_default();
                let header = properties.user_properties.into_iter().find(|(key, _)| key == HEADER);
                seen.messages.push(Message {
                    topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                    payload: publish.payload,
                    header: header.map(|(_, value)| value).unwrap_or_default(),
                    retained: publish.retain,
                    received_at: clock.now(),
                });
            }
            Ok(_) => {}
            Err(_) => {
                drop(seen);
                // The broker is away: its port is asked again after a moment, not in a loop.
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        }
        drop(seen);
        shared.changed.notify_all();
    }
    shared.seen.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    shared.changed.notify_all();
}
