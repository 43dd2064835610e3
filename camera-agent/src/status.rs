//! What the agent says of itself: collected from everywhere, composed in one place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use base::time::Micros;
use base::wire::{CameraStatus, FrameCounts, SourceState, SpoolStatus, VERSION};
use tokio::sync::{Notify, watch};

/// Counts up from any thread.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Frames since the agent began.
#[derive(Debug, Default)]
pub struct Counters {
    /// Looked at by the gate.
    pub seen: Counter,
    /// Handed to the broker.
    pub sent: Counter,
    /// Not sent in time.
    pub dropped: Counter,
}

/// What is known of the source.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceFacts {
    /// FFmpeg's name of its codec.
    pub codec: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second as announced.
    pub fps: f64,
}

#[derive(Debug, Default)]
struct Said {
    state: SourceState,
    facts: SourceFacts,
    config: Option<String>,
}

/// Where everyone writes what they know.
#[derive(Debug)]
pub struct Board {
    source: String,
    said: Mutex<Said>,
    /// Frames since the agent began.
    pub counters: Counters,
    changed: Notify,
    acknowledged: watch::Sender<u64>,
}

/// What only the moment knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    /// Now.
    pub at: Micros,
    /// Wall clock minus the clock that stamps frames, µs.
    pub clock_offset_us: i64,
    /// Load average over one minute.
    pub load: Option<f32>,
    /// Hottest sensor, degrees Celsius.
    pub temperature_c: Option<f32>,
}

impl Board {
    /// A board for the source of this name, which holds no password.
    pub fn new(source: String) -> Self {
        let (said, counters, changed) = Default::default();
        Self { source, said: Mutex::new(said), counters, changed, acknowledged: watch::channel(0).0 }
    }

    /// Whether pictures come. Said once per change.
    pub fn say_state(&self, state: SourceState) {
        let mut said = self.said();
        if said.state == state {
            return;
        }
        match &state {
            SourceState::Retrying(why) => tracing::warn!("source: {why}; trying again for ever"),
            SourceState::Streaming => tracing::info!("source: pictures come from {}", self.source),
            SourceState::Ended => tracing::info!("source: {} has ended", self.source),
            SourceState::Opening | SourceState::Unknown => {}
        }
        said.state = state;
        drop(said);
        self.changed();
    }

    /// What the source is.
    pub fn say_facts(&self, facts: SourceFacts) {
        self.said().facts = facts;
        self.changed();
    }

    /// What was applied of the desired config, or why something asked for was not done.
    pub fn say_config(&self, config: String) {
        self.said().config = Some(config);
        self.changed();
    }

    /// Something changed that is worth saying at once.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// Waits until something has changed.
    pub async fn wait_changed(&self) {
        self.changed.notified().await;
    }

    /// The broker acknowledged a status.
    pub fn acknowledged(&self) {
        self.acknowledged.send_modify(|n| *n += 1);
    }

    /// How many statuses the broker acknowledged; changes are seen.
    pub fn acknowledgements(&self) -> watch::Receiver<u64> {
        self.acknowledged.subscribe()
    }

    /// The status of `moment`.
    pub fn compose(&self, online: bool, moment: Moment, spool: SpoolStatus) -> CameraStatus {
        let said = self.said();
        let SourceFacts { codec, width, height, fps } = said.facts.clone();
        let Counters { seen, sent, dropped } = &self.counters;
        CameraStatus {
            v: VERSION,
            online,
            at: Some(moment.at),
            agent: env!("CARGO_PKG_VERSION").into(),
            source: self.source.clone(),
            source_state: said.state.clone(),
            codec,
            width,
            height,
            fps,
            clock_offset_us: moment.clock_offset_us,
            spool,
            frames: FrameCounts { seen: seen.get(), sent: sent.get(), dropped: dropped.get() },
            load: moment.load,
            temperature_c: moment.temperature_c,
            config: said.config.clone(),
        }
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::wire::Form as _;

    #[test]
    fn the_status_says_what_was_written_on_the_board() {
        let board = Board::new("rtsp://u:***@cam/1".into());
        board.say_state(SourceState::Retrying("it is off".into()));
        board.say_facts(SourceFacts { codec: "h264".into(), width: 64, height: 48, fps: 10.0 });
        board.counters.sent.add(3);
        board.say_config("applied: fps 8".into());
        let moment = Moment { at: Micros(5), clock_offset_us: -7, load: Some(0.5), temperature_c: None };
        let status = board.compose(true, moment, SpoolStatus::default());
        let back = CameraStatus::from_json(status.to_json().as_bytes()).unwrap();
        assert_eq!(back, status);
        assert_eq!((back.frames.sent, back.width, back.config.as_deref()), (3, 64, Some("applied: fps 8")));
        assert_eq!(back.source_state, SourceState::Retrying("it is off".into()));
    }

    #[tokio::test]
    async fn a_change_wakes_who_waits_and_the_same_state_again_does_not() {
        let board = Board::new(String::new());
        board.say_state(SourceState::Streaming);
        board.wait_changed().await;
        board.say_state(SourceState::Streaming);
        let again = tokio::time::timeout(std::time::Duration::from_millis(20), board.wait_changed()).await;
        assert!(again.is_err());
    }
}
