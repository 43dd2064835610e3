//! Pure: which segment is sent next. Oldest first; at most so many without an acknowledgement; what is not
//! acknowledged in time is sent again, less and less often while nobody answers.

use std::collections::BTreeMap;
use std::time::Duration;

use base::ids::SegmentId;

/// What is tunable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// So many segments may wait for their acknowledgement.
    pub segments: usize,
    /// Sent again after this long, then after twice that, and so on.
    pub resend_after: Duration,
}

impl Default for Params {
    fn default() -> Self {
        Self { segments: 4, resend_after: Duration::from_secs(10) }
    }
}

/// Nobody answers: still ask this often.
const RESEND_AT_MOST_AFTER: Duration = Duration::from_secs(60);

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Send this one.
    Send(SegmentId),
    /// Nothing until something changes, or until this long has passed.
    Wait(Option<Duration>),
}

#[derive(Debug, Clone, Copy)]
struct Flight {
    tries: u32,
    due: Duration,
}

/// What was sent and not acknowledged yet. Times are durations since any fixed moment.
#[derive(Debug)]
pub struct Window {
    params: Params,
    flights: BTreeMap<SegmentId, Flight>,
    peer_gone: bool,
}

impl Window {
    /// A window in which nothing waits.
    pub fn new(params: Params) -> Self {
        Self { params, flights: BTreeMap::new(), peer_gone: false }
    }

    /// What to do at `now`, when `oldest` are the oldest segments that are kept.
    pub fn next(&mut self, oldest: &[SegmentId], now: Duration) -> Next {
        self.flights.retain(|id, _| oldest.contains(id));
        // Whoever stores footage said that they are gone: one segment at a time asks whether they are back.
        let limit = if self.peer_gone { 1 } else { self.params.segments.max(1) };
        let mut soonest: Option<Duration> = None;
        for id in oldest {
            match self.flights.get(id) {
                None if self.flights.len() < limit => return Next::Send(id.clone()),
                Some(flight) if flight.due <= now => return Next::Send(id.clone()),
                Some(flight) => soonest = Some(soonest.map_or(flight.due, |due| due.min(flight.due))),
                None => break,
            }
        }
        Next::Wait(soonest.map(|due| due.saturating_sub(now)))
    }

    /// All of `id` was sent.
    pub fn sent(&mut self, id: &SegmentId, now: Duration) {
        let flight = self.flights.entry(id.clone()).or_insert(Flight { tries: 0, due: now });
        let wait = self.params.resend_after.saturating_mul(1 << flight.tries.min(16));
        let most = RESEND_AT_MOST_AFTER.max(self.params.resend_after);
        *flight = Flight { tries: flight.tries + 1, due: now + if self.peer_gone { most } else { wait.min(most) } };
    }

    /// These are done with.
    pub fn done(&mut self, ids: &[SegmentId]) {
        self.flights.retain(|id, _| !ids.contains(id));
    }

    /// The connection is new: everything goes again, in order, and who is gone will be said anew.
    pub fn again(&mut self) {
        self.flights.clear();
        self.peer_gone = false;
    }

    /// Whether whoever stores footage is there; when they come back, everything goes again.
    pub fn peer(&mut self, online: bool) {
        if online && self.peer_gone {
            self.again();
        }
        self.peer_gone = !online;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(range: std::ops::Range<u32>) -> Vec<SegmentId> {
        range.map(|n| SegmentId::new(format!("s{n:04}")).unwrap()).collect()
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Sends whatever is due.
    fn send_all(window: &mut Window, oldest: &[SegmentId], now: Duration) -> Vec<SegmentId> {
        let mut sent = Vec::new();
        while let Next::Send(id) = window.next(oldest, now) {
            window.sent(&id, now);
            sent.push(id);
        }
        sent
    }

    #[test]
    fn so_many_go_out_oldest_first_and_an_acknowledgement_lets_the_next_one_go() {
        let mut window = Window::new(Params::default());
        let kept = ids(0..10);
        assert_eq!(send_all(&mut window, &kept, s(0)), kept[..4]);
        window.done(&kept[..2]);
        assert_eq!(send_all(&mut window, &kept[2..], s(1)), kept[4..6]);
    }

    #[test]
    fn what_is_not_acknowledged_goes_again_and_then_less_often() {
        let mut window = Window::new(Params::default());
        let kept = ids(0..1);
        assert_eq!(send_all(&mut window, &kept, s(0)), kept);
        assert_eq!(window.next(&kept, s(4)), Next::Wait(Some(s(6))));
        assert_eq!(send_all(&mut window, &kept, s(10)), kept);
        assert_eq!(window.next(&kept, s(10)), Next::Wait(Some(s(20))));
        let mut now = s(10);
        for _ in 0..20 {
            let Next::Wait(Some(wait)) = window.next(&kept, now) else { unreachable!() };
            assert!(wait <= s(60));
            now += wait;
            assert_eq!(send_all(&mut window, &kept, now), kept);
        }
    }

    #[test]
    fn a_new_connection_sends_everything_again_in_order() {
        let mut window = Window::new(Params::default());
        let kept = ids(0..6);
        send_all(&mut window, &kept, s(0));
        window.again();
        assert_eq!(send_all(&mut window, &kept, s(1)), kept[..4]);
    }

    #[test]
    fn a_peer_that_is_gone_is_asked_with_one_segment_and_gets_all_when_it_is_back() {
        let mut window = Window::new(Params::default());
        let kept = ids(0..6);
        window.peer(false);
        assert_eq!(send_all(&mut window, &kept, s(0)), kept[..1]);
        assert_eq!(window.next(&kept, s(0)), Next::Wait(Some(s(60))));
        window.peer(true);
        assert_eq!(send_all(&mut window, &kept, s(1)), kept[..4]);
        window.peer(true);
        assert_eq!(send_all(&mut window, &kept, s(2)), [], "said twice, sent once");
    }

    #[test]
    fn what_the_spool_gave_up_leaves_the_window() {
        let mut window = Window::new(Params { segments: 2, ..Params::default() });
        let kept = ids(0..4);
        send_all(&mut window, &kept, s(0));
        assert_eq!(send_all(&mut window, &kept[1..], s(1)), kept[2..3]);
        assert_eq!(window.next(&[], s(1)), Next::Wait(None));
    }

    proptest! {
        #[test]
        fn never_more_than_the_window_waits_and_everything_is_delivered_at_last(
            count in 1u32..40, segments in 1usize..6, lost in proptest::collection::vec(any::<bool>(), 300)
        ) {
            let mut window = Window::new(Params { segments, resend_after: s(10) });
            let mut kept = ids(0..count);
            let (mut now, mut fate) = (s(0), lost.into_iter().chain(std::iter::repeat(false)));
            for _ in 0..2000 {
                match window.next(&kept, now) {
                    Next::Send(id) => {
                        window.sent(&id, now);
                        prop_assert!(window.flights.len() <= segments);
                        if !fate.next().unwrap_or(false) {
                            window.done(std::slice::from_ref(&id));
                            kept.retain(|other| *other != id);
                        }
                    }
                    Next::Wait(wait) => now += wait.unwrap_or(s(1)),
                }
            }
            prop_assert!(kept.is_empty(), "{kept:?}");
        }
    }
}
