//! Time as it is stored and sent: integer microseconds since the Unix epoch, UTC, taken at capture.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

/// A point in time: microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Microseconds from `earlier` to `self`; negative when `earlier` is the later one.
    pub fn since(self, earlier: Micros) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Seconds from `earlier` to `self`.
    pub fn seconds_since(self, earlier: Micros) -> f64 {
        self.since(earlier) as f64 / 1e6
    }

    /// `self` moved by `us` microseconds.
    pub fn plus_us(self, us: i64) -> Micros {
        Micros(self.0.saturating_add(us))
    }

    /// The UTC calendar date, `YYYY-MM-DD`.
    pub fn date(self) -> String {
        self.timestamp().map(|t| t.strftime("%Y-%m-%d").to_string()).unwrap_or_else(|| "invalid".into())
    }

    /// The UTC hour of day, 0 to 23.
    pub fn hour(self) -> u8 {
        (self.0.div_euclid(3_600_000_000)).rem_euclid(24) as u8
    }

    /// The next moment after `self` at which a clock in `timezone` (IANA) shows this hour and minute; `None` for a
    /// zone or a time that does not exist.
    pub fn next_daily(self, timezone: &str, hour: u8, minute: u8) -> Option<Micros> {
        let here = self.timestamp()?.in_tz(timezone).ok()?;
        let clock = jiff::civil::Time::new(hour.try_into().ok()?, minute.try_into().ok()?, 0, 0).ok()?;
        let on = |date: jiff::civil::Date| date.to_datetime(clock).to_zoned_datetime(here.time_zone().clone()).ok();
        let days = [here.date(), here.date().tomorrow().ok()?];
        let next = days.into_iter().filter_map(on).find(|at| *at > here)?;
        Some(Micros(next.timestamp().as_microsecond()))
    }

    fn timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_microsecond(self.0).ok()
    }
}

/// RFC 3339 with microseconds, or the bare number where no calendar reaches.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp() {
            Some(t) => write!(f, "{}", t.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")),
            None => write!(f, "{}us", self.0),
        }
    }
}

/// What the time is. Handed in, so that a test can hold it still.
pub trait Clock: Send + Sync + 'static {
    /// Now, UTC.
    fn now(&self) -> Micros;
}

/// The machine's clock: UTC read once and carried on by the monotonic clock, so that a step of the wall
/// clock (NTP after boot) does not tear a timeline. How far the two have drifted apart is
/// [`SystemClock::offset_us`], which goes into the status; after more than
/// [`SystemClock::REANCHOR_US`] the anchor follows.
#[derive(Debug)]
pub struct SystemClock {
    anchor: Mutex<(Instant, Micros)>,
}

impl SystemClock {
    /// A wall clock that is this far off (µs) has been set, not slewed: time follows it.
    pub const REANCHOR_US: i64 = 2_000_000;

    /// Reads the wall clock and anchors to it.
    pub fn new() -> Self {
        Self { anchor: Mutex::new((Instant::now(), wall())) }
    }

    /// Wall clock minus this clock, µs.
    pub fn offset_us(&self) -> i64 {
        wall().since(self.reading())
    }

    fn reading(&self) -> Micros {
        let (instant, utc) = *self.anchor.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        utc.plus_us(instant.elapsed().as_micros() as i64)
    }

    /// Takes the wall clock over when it was set. Call it between segments, never inside one.
    pub fn reanchor_if_stepped(&self) -> bool {
        let stepped = self.offset_us().abs() > Self::REANCHOR_US;
        if stepped {
            *self.anchor.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = (Instant::now(), wall());
        }
        stepped
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        self.reading()
    }
}

fn wall() -> Micros {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Micros(since_epoch.as_micros() as i64)
}

/// A clock that stands until it is moved: tests and replays.
#[derive(Debug, Default)]
pub struct SimClock(std::sync::atomic::AtomicI64);

impl SimClock {
    /// A clock that shows `now`.
    pub fn at(now: Micros) -> Self {
        Self(now.0.into())
    }

    /// Sets the time.
    pub fn set(&self, now: Micros) {
        self.0.store(now.0, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Micros {
        Micros(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_rfc_3339_in_utc() {
        let t = Micros(1_700_000_000_123_456);
        assert_eq!(t.to_string(), "2023-11-14T22:13:20.123456Z");
        assert_eq!((t.date().as_str(), t.hour()), ("2023-11-14", 22));
    }

    #[test]
    fn the_system_clock_never_runs_backwards() {
        let clock = SystemClock::new();
        let readings: Vec<_> = (0..1000).map(|_| clock.now()).collect();
        assert!(readings.is_sorted());
        assert!(clock.offset_us().abs() < 1_000_000);
    }
}
