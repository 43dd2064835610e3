//! Telling what happens, as it happens.

use std::collections::{HashMap, HashSet};
use std::io::IsTerminal as _;
use std::time::Instant;

use base::incident::{Alert, AlertType, Tier};
use base::wire::{CameraStatus, Form as _, SegmentAck, SourceState};

use super::verdict::Check;
use crate::watch::Message;

/// What was told, and what it was told from.
pub struct Story {
    began: Instant,
    colour: bool,
    act: u32,
    followed: usize,
    cameras: HashMap<String, SourceState>,
    /// Every alert, in order.
    pub alerts: Vec<Alert>,
    /// Camera and id of every acknowledged segment.
    pub acknowledged: HashSet<(String, String)>,
}

impl Story {
    /// Begins now.
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            colour: std::io::stdout().is_terminal(),
            act: 0,
            followed: 0,
            cameras: HashMap::new(),
            alerts: Vec::new(),
            acknowledged: HashSet::new(),
        }
    }

    /// A heading.
    pub fn act(&mut self, title: &str) {
        self.act += 1;
        println!("\n{}", self.paint("1", &format!("{}. {title}", self.act)));
    }

    /// A line with its time.
    pub fn tell(&self, text: &str) {
        println!("  {:6.1} s  {text}", self.began.elapsed().as_secs_f64());
    }

    /// Lines as another program wrote them.
    pub fn quote(&self, text: &str) {
        text.lines().for_each(|line| println!("            {line}"));
    }

    /// Tells what is new in `messages`; whether anything was.
    pub fn follow(&mut self, messages: &[Message]) -> bool {
        let new = messages.get(self.followed..).unwrap_or_default();
        self.followed = messages.len();
        new.iter().filter(|message| self.hear(message)).count() > 0
    }

    fn hear(&mut self, message: &Message) -> bool {
        let levels: Vec<&str> = message.topic.split('/').collect();
        match levels[..] {
            [_, _, "camera", camera, "status"] => self.hear_status(camera, message),
            [_, _, "camera", camera, "segment-ack"] => {
                if let Ok(ack) = SegmentAck::from_json(&message.payload) {
                    let ids = ack.ids.into_iter().map(|id| (camera.to_owned(), id.to_string()));
                    self.acknowledged.extend(ids);
                }
                false
            }
            [_, _, "alert"] => Alert::from_json(&message.payload).is_ok_and(|alert| self.hear_alert(alert)),
            _ => false,
        }
    }

    fn hear_status(&mut self, camera: &str, message: &Message) -> bool {
        let Ok(status) = CameraStatus::from_json(&message.payload) else { return false };
        let known = self.cameras.insert(camera.to_owned(), status.source_state.clone());
        if !status.online || known.as_ref() == Some(&status.source_state) {
            return false;
        }
        match &status.source_state {
            SourceState::Streaming => self.tell(&format!(
                "{camera} is online: {} {}x{} at {:.0} fps",
                status.codec, status.width, status.height, status.fps
            )),
            SourceState::Ended => self.tell(&format!("{camera}: its clip is over")),
            SourceState::Retrying(why) => self.tell(&format!("{camera}: {why}; it tries again")),
            SourceState::Opening | SourceState::Unknown => return false,
        }
        true
    }

    fn hear_alert(&mut self, alert: Alert) -> bool {
        let told = self.tell_alert(&alert);
        self.alerts.push(alert);
        told
    }

    fn tell_alert(&self, alert: &Alert) -> bool {
        let after = &alert.after;
        let what = after.species.as_ref().map_or_else(|| "an animal".to_owned(), |s| format!("maybe a {s}"));
        let zone = after.zone.as_ref().map_or_else(|| "public ground".to_owned(), ToString::to_string);
        let danger = after.danger.as_deref().unwrap_or("danger unknown");
        match alert.kind {
            AlertType::Opened if after.tier == Tier::Escape => {
                let line = format!("ALERT  {what} ({danger}) is out at {}, {zone}", after.camera);
                self.tell(&self.paint("1;97;41", &line));
                self.tell(&format!(
                    "       {:.0} ms after the light of the frame that decided it; detector says {}, {:.0} % sure",
                    alert.latency_us as f64 / 1e3,
                    after.label,
                    after.confidence * 100.0
                ));
                self.tell_next(alert);
                true
            }
            AlertType::Updated if alert.before.as_ref().is_some_and(|b| b.camera != after.camera) => {
                self.tell(&self.paint("1;31", &format!("       the same animal is now at {}, {zone}", after.camera)));
                self.tell_next(alert);
                true
            }
            AlertType::Resolved => {
                self.tell(&format!("all-clear for {}", after.id));
                true
            }
            _ => false,
        }
    }

    fn tell_next(&self, alert: &Alert) {
        for next in &alert.after.next {
            let within = |at: base::time::Micros| at.seconds_since(alert.after.updated_at);
            let (from, until) = (within(next.from), within(next.until));
            self.tell(&format!(
                "       may come to {} in {from:.0} to {until:.0} s; that camera is boosted",
                next.camera
            ));
        }
    }

    /// Tells the verdict.
    pub fn judge(&self, checks: &[Check]) -> bool {
        for check in checks {
            let (mark, colour) = if check.passed { ("yes", "32") } else { ("NO ", "1;31") };
            println!("  {}  {}: {}", self.paint(colour, mark), check.what, check.seen);
        }
        let passed = checks.iter().all(|c| c.passed);
        let words = if passed { "It works." } else { "Something is not as it has to be; logs are in demo-out/logs." };
        println!("\n  {}", self.paint(if passed { "1;32" } else { "1;31" }, words));
        passed
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
