//! Waiting for a state, always with a deadline.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a state is looked at.
const EVERY: Duration = Duration::from_millis(25);

/// Looks again and again until `look` gives something.
///
/// # Errors
/// `deadline` passed; the message names `what`.
pub fn eventually<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if began.elapsed() > deadline {
            bail!("within {:.1} s it did not happen that {what}", deadline.as_secs_f64());
        }
        std::thread::sleep(EVERY);
    }
}

/// As [`eventually`], where looking can fail: the last failure is told when the deadline passes.
///
/// # Errors
/// `deadline` passed.
pub fn eventually_ok<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Result<T>) -> Result<T> {
    let mut last = None;
    let found = eventually(deadline, what, || match look() {
        Ok(found) => Some(found),
        Err(error) => {
            last = Some(error);
            None
        }
    });
    match (found, last) {
        (Ok(found), _) => Ok(found),
        (Err(timeout), Some(cause)) => Err(timeout.context(format!("{cause:#}"))),
        (Err(timeout), None) => Err(timeout),
    }
}

/// Seconds, for short lines.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
