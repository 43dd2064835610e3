//! How a blocking FFmpeg call ends: at a deadline, or when the stop flag is raised.
//!
//! FFmpeg asks an interrupt callback about every 100 ms while it waits for the network. Looking up a host
//! name is the one wait in which it cannot ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Why a call was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fired {
    /// The deadline passed.
    Stalled,
    /// The stop flag was up.
    Stopped,
}

/// The deadline of the call in progress, shared with FFmpeg's callback.
#[derive(Debug)]
pub(crate) struct Watchdog {
    begin: Instant,
    deadline_us: AtomicU64,
    /// Set while closing, when the stop flag no longer counts: a camera should still hear TEARDOWN.
    closing: AtomicBool,
    fired: AtomicU8,
    stop: Option<Arc<AtomicBool>>,
}

impl Watchdog {
    pub(crate) fn new(stop: Option<Arc<AtomicBool>>) -> Arc<Self> {
        Arc::new(Self {
            begin: Instant::now(),
            deadline_us: AtomicU64::new(u64::MAX),
            closing: AtomicBool::new(false),
            fired: AtomicU8::new(0),
            stop,
        })
    }

    /// Starts the time of one call.
    pub(crate) fn arm(&self, timeout: Duration) {
        let deadline = self.begin.elapsed().saturating_add(timeout).as_micros();
        self.deadline_us.store(u64::try_from(deadline).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.fired.store(0, Ordering::Relaxed);
    }

    /// Gives the farewell a short time of its own.
    pub(crate) fn arm_closing(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.arm(Duration::from_millis(500));
    }

    /// What FFmpeg's callback asks: whether to give up now.
    pub(crate) fn expired(&self) -> bool {
        let stopped = self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed));
        let why = if stopped && !self.closing.load(Ordering::Relaxed) {
            2
        } else if self.begin.elapsed().as_micros() >= u128::from(self.deadline_us.load(Ordering::Relaxed)) {
            1
        } else {
            return false;
        };
        self.fired.store(why, Ordering::Relaxed);
        true
    }

    /// Why the last armed call was ended, if this ended it.
    pub(crate) fn fired(&self) -> Option<Fired> {
        match self.fired.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Fired::Stalled),
            _ => Some(Fired::Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_flag_and_the_deadline_are_told_apart() {
        let stop = Arc::new(AtomicBool::new(false));
        let watchdog = Watchdog::new(Some(stop.clone()));
        watchdog.arm(Duration::from_secs(60));
        assert_eq!((watchdog.expired(), watchdog.fired()), (false, None));
        watchdog.arm(Duration::ZERO);
        assert_eq!((watchdog.expired(), watchdog.fired()), (true, Some(Fired::Stalled)));
        stop.store(true, Ordering::Relaxed);
        assert_eq!((watchdog.expired(), watchdog.fired()), (true, Some(Fired::Stopped)));
    }

    #[test]
    fn closing_has_its_own_time_even_when_stopped() {
        let watchdog = Watchdog::new(Some(Arc::new(AtomicBool::new(true))));
        watchdog.arm_closing();
        assert!(!watchdog.expired());
    }
}
