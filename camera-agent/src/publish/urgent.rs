//! The urgent connection: frames out, control and config in.

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;

use base::ids::{CameraId, SiteId};
use base::input::chain;
use base::time::Clock;
use base::topic::Topic;
use base::wire::{CameraConfig, Control, FRAME_EXPIRY_S, Form as _};
use tokio::sync::mpsc;

use super::mailbox::{FrameOut, Mailbox};
use super::mqtt::{Link, LinkEvent};
use crate::control::{self, Order, Settings};
use crate::status::Board;

/// Serves the urgent connection.
pub struct Urgent {
    /// Which site.
    pub site: SiteId,
    /// Which camera.
    pub camera: CameraId,
    /// The connection.
    pub link: Link,
    /// What happens on it.
    pub events: mpsc::Receiver<LinkEvent>,
    /// The newest frame.
    pub mailbox: Arc<Mailbox>,
    /// What the status says.
    pub board: Arc<Board>,
    /// To the thread that decides on frames.
    pub orders: std_mpsc::Sender<Order>,
    /// What it decides by now.
    pub settings: Settings,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Urgent {
    /// What this connection wants to hear.
    pub fn subscriptions(site: &SiteId, camera: &CameraId) -> Vec<String> {
        [Topic::Control(camera.clone()), Topic::Config(camera.clone())].map(|topic| topic.name(site)).into()
    }

    /// Runs until the connection is given up.
    pub async fn run(mut self) {
        let topic = Topic::Frame(self.camera.clone()).name(&self.site);
        // One frame at a time on its way into the socket: what waits behind a slow network is the newest.
        let mut writing = false;
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    None => return,
                    Some(LinkEvent::Written) => writing = false,
                    Some(LinkEvent::Up) => {
                        writing = false;
                        self.mailbox.set_open(true);
                        self.board.changed();
                    }
                    Some(LinkEvent::Down) => self.drop_frame(self.mailbox.set_open(false)),
                    Some(LinkEvent::Message { topic, payload }) => self.hear(&topic, &payload),
                    Some(LinkEvent::Acknowledged) => self.board.acknowledged(),
                },
                frame = self.mailbox.take(), if !writing => writing = self.send(&topic, frame),
            }
        }
    }

    /// Whether it is on its way.
    fn send(&self, topic: &str, frame: FrameOut) -> bool {
        let expired = self.clock.now().since(frame.header.captured_at) > i64::from(FRAME_EXPIRY_S) * 1_000_000;
        let sent = match self.link.up() {
            Some(up) if !expired => up.try_frame(topic, frame.header.to_json(), frame.jpeg).is_ok(),
            _ => false,
        };
        let count = if sent { &self.board.counters.sent } else { &self.board.counters.dropped };
        count.add(1);
        sent
    }

    fn drop_frame(&self, frame: Option<FrameOut>) {
        if frame.is_some() {
            self.board.counters.dropped.add(1);
        }
    }

    fn hear(&mut self, topic: &str, payload: &[u8]) {
        // An empty retained message is how MQTT clears one.
        if payload.is_empty() {
            return;
        }
        let answer = match Topic::parse(&self.site, topic) {
            Some(Topic::Control(_)) => match Control::from_json(payload) {
                Ok(control) => control::order(&control, self.clock.now()).map(|order| {
                    tracing::info!("control: {}", control::name(&control.action));
                    self.give(order);
                    None
                }),
                Err(error) => Err(chain(&error)),
            },
            Some(Topic::Config(_)) => match CameraConfig::from_json(payload) {
                Ok(desired) => control::apply(&self.settings, &desired).map(|settings| {
                    let applied = control::describe(&settings);
                    self.settings = settings.clone();
                    self.give(Order::Settings(settings));
                    Some(applied)
                }),
                Err(error) => Err(format!("config refused: {}", chain(&error))),
            },
            _ => return,
        };
        match answer {
            Ok(None) => {}
            Ok(Some(applied)) => self.board.say_config(applied),
            Err(why) => {
                tracing::warn!("{why}");
                self.board.say_config(why);
            }
        }
    }

    fn give(&self, order: Order) {
        // The other end is gone only when capture is over: then there is no frame to decide on.
        let _ = self.orders.send(order);
    }
}
