//! Pure: what one channel still has to tell, and which of it next.
//!
//! Within one matter and person the order is kept: a later notice waits for an earlier one that fails. What never
//! failed goes before what did, so that a new alarm does not stand behind an old one that nobody takes.

use std::time::Duration;

use base::time::Micros;

use super::{Notice, Reason};

/// Waits between attempts double from the first to the last of these.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A notice that could not be delivered for so long is given up: whoever gets it then learns nothing, µs.
pub const GIVE_UP_AFTER_US: i64 = 24 * 3_600_000_000;

/// A notice that is not delivered yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// It.
    pub notice: Notice,
    /// Attempts that failed.
    pub failures: u32,
    /// Not before.
    pub next_try: Micros,
}

/// All that one channel still has to tell, oldest first.
#[derive(Debug, Default)]
pub struct Pile {
    waiting: Vec<Waiting>,
}

fn same_matter(a: &Notice, b: &Notice) -> bool {
    a.payload.subject() == b.payload.subject() && a.person == b.person
}

impl Pile {
    /// A new notice. Returns those that it makes needless: what was held for the end of quiet hours, and news that
    /// are no longer new. An opening or an all-clear that could not be delivered yet is never among them.
    pub fn push(&mut self, notice: Notice, now: Micros) -> Vec<Notice> {
        let needless = |w: &Waiting| {
            let stale = matches!(w.notice.reason, Reason::Updated | Reason::Acknowledged | Reason::Repeat);
            same_matter(&w.notice, &notice) && (stale || w.notice.due_at > now)
        };
        let gone = self.take(needless);
        let next_try = notice.due_at;
        self.waiting.push(Waiting { notice, failures: 0, next_try });
        gone
    }

    /// Nobody needs to be reminded of a matter any more: returns the reminders that were waiting.
    pub fn calm(&mut self, subject: &str) -> Vec<Notice> {
        let reminder = |w: &Waiting| matches!(w.notice.reason, Reason::Repeat | Reason::Escalated);
        self.take(|w| reminder(w) && w.notice.payload.subject() == subject)
    }

    /// What is too old to be told.
    pub fn too_old(&mut self, now: Micros) -> Vec<Notice> {
        self.take(|w| w.failures > 0 && now.since(w.notice.due_at) > GIVE_UP_AFTER_US)
    }

    fn take(&mut self, which: impl Fn(&Waiting) -> bool) -> Vec<Notice> {
        let (gone, left) = std::mem::take(&mut self.waiting).into_iter().partition(|w| which(w));
        self.waiting = left;
        gone.into_iter().map(|w: Waiting| w.notice).collect()
    }

    fn is_first_of_its_matter(&self, index: usize) -> bool {
        let notice = &self.waiting[index].notice;
        !self.waiting[..index].iter().any(|w| same_matter(&w.notice, notice))
    }

    fn candidates(&self) -> impl Iterator<Item = &Waiting> {
        let first = |(index, _): &(usize, &Waiting)| self.is_first_of_its_matter(*index);
        self.waiting.iter().enumerate().filter(first).map(|(_, w)| w)
    }

    /// What is to be tried now.
    pub fn next(&self, now: Micros) -> Option<&Waiting> {
        self.candidates().filter(|w| w.next_try <= now).min_by_key(|w| (w.failures.min(1), w.notice.planned_at))
    }

    /// When something is to be tried.
    pub fn next_try(&self) -> Option<Micros> {
        self.candidates().map(|w| w.next_try).min()
    }

    /// It was delivered: the channel works, so that what failed is tried at once.
    pub fn delivered(&mut self, id: &str) {
        self.waiting.retain(|w| w.notice.id != id);
        self.waiting.iter_mut().filter(|w| w.failures > 0).for_each(|w| w.next_try = w.notice.due_at);
    }

    /// It failed; `share` between 0 and 1 spreads the waits.
    pub fn failed(&mut self, id: &str, now: Micros, share: f64) {
        let Some(waiting) = self.waiting.iter_mut().find(|w| w.notice.id == id) else { return };
        let doubled = WAITS.0.saturating_mul(1 << waiting.failures.min(16)).min(WAITS.1);
        waiting.failures += 1;
        waiting.next_try = now.plus_us(doubled.mul_f64(0.5 + share / 2.0).as_micros() as i64);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// None waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Something was never tried and may be now.
    pub fn has_fresh(&self, now: Micros) -> bool {
        self.candidates().any(|w| w.failures == 0 && w.next_try <= now)
    }
}

#[cfg(test)]
#[path = "pile_tests.rs"]
mod tests;
