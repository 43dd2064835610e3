//! What happens, told to whoever watches a page: incidents, what was seen in a picture, statuses, a new site.
//!
//! Nothing waits for a watcher: one that is too slow misses events, is told so, and begins again with the whole
//! state. Without a watcher nothing is even written down.

use base::ids::CameraId;
use base::incident::Incident;
use base::time::Micros;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::pipeline::Seen;

/// A watcher may be behind by so many events.
const MOST_WAITING: usize = 1024;

/// One event, as it is sent.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its name.
    pub name: &'static str,
    /// JSON.
    pub data: String,
}

#[derive(Serialize)]
struct Tracks<'a> {
    camera: &'a CameraId,
    captured_at: Micros,
    tracks: &'a [Seen],
}

/// Where events are told.
#[derive(Debug)]
pub struct Hub {
    events: broadcast::Sender<Event>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { events: broadcast::channel(MOST_WAITING).0 }
    }
}

impl Hub {
    /// All events from now on.
    pub fn watch(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// The state of an incident.
    pub fn incident(&self, incident: &Incident) {
        self.tell("incident", incident);
    }

    /// What one picture showed.
    pub fn tracks(&self, camera: &CameraId, captured_at: Micros, tracks: &[Seen]) {
        self.tell("tracks", &Tracks { camera, captured_at, tracks });
    }

    /// Any other event.
    pub fn tell(&self, name: &'static str, value: &impl Serialize) {
        if self.events.receiver_count() == 0 {
            return;
        }
        if let Ok(data) = serde_json::to_string(value) {
            // Nobody listens: nobody misses it.
            let _ = self.events.send(Event { name, data });
        }
    }
}
