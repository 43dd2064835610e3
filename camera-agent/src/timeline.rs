//! Pure: the stream's own times (`pts`, µs from anywhere) into UTC.
//!
//! A live stream is stamped by its arrival: the packet that was delayed least tells how far the two
//! clocks are apart, so that the network's jitter does not reach the stamps. A file is stamped as if it
//! were being filmed now; played again, its timeline goes on where it ended.

use base::time::Micros;

/// A stream that is this far (µs) from where it should be has jumped: its footage is cut there.
pub const JUMP_US: i64 = 5_000_000;

/// How fast a live anchor may follow a camera whose clock is slow, µs per second: more than any crystal
/// drifts, too little to tear a segment.
const FOLLOW_US_PER_S: i64 = 500;

/// Where time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Packets arrive when they were filmed.
    Live,
    /// A file, played in real time.
    Realtime,
    /// A file, read as fast as it goes; stamped from the start on.
    Unpaced,
}

/// What a packet's time means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its capture time.
    pub at: Micros,
    /// It does not follow on what came before: cut here.
    pub jumped: bool,
    /// How long to wait before it counts as captured, µs; negative when it is late.
    pub wait_us: i64,
}

/// One source's timeline.
#[derive(Debug, Clone, Copy)]
pub struct Timeline {
    pace: Pace,
    /// UTC minus pts.
    offset_us: Option<i64>,
    followed_at: Micros,
    newest_pts_us: i64,
}

impl Timeline {
    /// A timeline that begins with its first packet.
    pub fn new(pace: Pace) -> Self {
        Self { pace, offset_us: None, followed_at: Micros(0), newest_pts_us: i64::MIN }
    }

    /// Takes note of a packet that was read at `now`.
    pub fn on_packet(&mut self, pts_us: i64, now: Micros) -> Stamp {
        let seen = now.0.saturating_sub(pts_us);
        let first = self.offset_us.is_none();
        let offset = *self.offset_us.get_or_insert(seen);
        if first {
            self.followed_at = now;
        }
        let late_us = seen.saturating_sub(offset);
        let backwards = !first && pts_us.saturating_add(JUMP_US) < self.newest_pts_us;
        let jumped = match self.pace {
            Pace::Live => late_us.unsigned_abs() > JUMP_US.unsigned_abs() || backwards,
            Pace::Realtime => late_us > JUMP_US || backwards,
            Pace::Unpaced => false,
        };
        if jumped {
            self.offset_us = Some(seen);
            self.newest_pts_us = pts_us;
        } else {
            self.newest_pts_us = self.newest_pts_us.max(pts_us);
            if self.pace == Pace::Live {
                self.follow(late_us, now);
            }
        }
        let at = self.at(pts_us);
        let wait_us = if self.pace == Pace::Realtime { at.since(now) } else { 0 };
        Stamp { at, jumped, wait_us }
    }

    fn follow(&mut self, late_us: i64, now: Micros) {
        let most = now.since(self.followed_at).max(0).saturating_mul(FOLLOW_US_PER_S) / 1_000_000;
        // Less late than ever: this packet tells the truth. Later: perhaps the network, perhaps the clock.
        let step = if late_us < 0 { late_us } else { late_us.min(most) };
        if step != 0 || most > 0 {
            self.offset_us = self.offset_us.map(|offset| offset.saturating_add(step));
            self.followed_at = now;
        }
    }

    /// The capture time of `pts_us`.
    pub fn at(&self, pts_us: i64) -> Micros {
        Micros(pts_us.saturating_add(self.offset_us.unwrap_or(0)))
    }

    /// A file begins again at `first_pts_us`; its last frame ended at `end_pts_us`.
    pub fn rewound(&mut self, end_pts_us: i64, first_pts_us: i64) {
        let length = end_pts_us.saturating_sub(first_pts_us).max(0);
        self.offset_us = self.offset_us.map(|offset| offset.saturating_add(length));
        self.newest_pts_us = i64::MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: i64 = 1_700_000_000_000_000;

    #[test]
    fn the_networks_jitter_does_not_reach_the_stamps() {
        let mut timeline = Timeline::new(Pace::Live);
        let delays_us = [30_000, 5_000, 80_000, 5_000, 40_000, 5_000];
        let stamps: Vec<_> = (0..60)
            .map(|i| timeline.on_packet(i * 100_000, Micros(T0 + i * 100_000 + delays_us[i as usize % 6])).at)
            .collect();
        assert!(stamps.windows(2).skip(2).all(|w| (99_000..=101_000).contains(&w[1].since(w[0]))), "{stamps:?}");
    }

    #[test]
    fn a_camera_clock_that_drifts_is_followed() {
        let mut timeline = Timeline::new(Pace::Live);
        let mut late_us = 0;
        for i in 0..36_000i64 {
            // 100 ppm slow: an hour at ten frames a second puts it 360 ms behind.
            let now = Micros(T0 + i * 100_010);
            late_us = now.since(timeline.on_packet(i * 100_000, now).at);
        }
        assert!(late_us.abs() < 5_000, "{late_us}");
    }

    #[test]
    fn a_stream_that_jumps_is_anchored_anew_and_cut() {
        let mut timeline = Timeline::new(Pace::Live);
        assert!(!timeline.on_packet(0, Micros(T0)).jumped);
        let stamp = timeline.on_packet(3_600_000_000, Micros(T0 + 100_000));
        assert_eq!((stamp.at, stamp.jumped), (Micros(T0 + 100_000), true));
        assert!(timeline.on_packet(0, Micros(T0 + 200_000)).jumped, "backwards");
    }

    #[test]
    fn a_file_waits_for_its_time_and_goes_on_where_it_ended() {
        let mut timeline = Timeline::new(Pace::Realtime);
        timeline.on_packet(40_000, Micros(T0));
        let stamp = timeline.on_packet(1_040_000, Micros(T0 + 300_000));
        assert_eq!((stamp.at, stamp.wait_us), (Micros(T0 + 1_000_000), 700_000));
        timeline.rewound(1_140_000, 40_000);
        let stamp = timeline.on_packet(40_000, Micros(T0 + 1_050_000));
        assert_eq!((stamp.at, stamp.jumped, stamp.wait_us), (Micros(T0 + 1_100_000), false, 50_000));
    }

    #[test]
    fn a_file_that_falls_far_behind_jumps_to_now() {
        let mut timeline = Timeline::new(Pace::Realtime);
        timeline.on_packet(0, Micros(T0));
        assert!(!timeline.on_packet(100_000, Micros(T0 + 2_000_000)).jumped);
        let stamp = timeline.on_packet(200_000, Micros(T0 + 9_000_000));
        assert_eq!((stamp.at, stamp.jumped), (Micros(T0 + 9_000_000), true));
    }

    #[test]
    fn an_unpaced_file_is_stamped_from_its_start_on() {
        let mut timeline = Timeline::new(Pace::Unpaced);
        timeline.on_packet(0, Micros(T0));
        let stamp = timeline.on_packet(60_000_000, Micros(T0 + 10_000));
        assert_eq!((stamp.at, stamp.wait_us), (Micros(T0 + 60_000_000), 0));
    }

    proptest::proptest! {
        #[test]
        fn no_times_make_it_panic(steps in proptest::collection::vec((proptest::num::i64::ANY, proptest::num::i64::ANY), 0..20)) {
            for pace in [Pace::Live, Pace::Realtime, Pace::Unpaced] {
                let mut timeline = Timeline::new(pace);
                for (pts, now) in &steps {
                    timeline.on_packet(*pts, Micros(*now));
                }
                timeline.rewound(i64::MAX, i64::MIN);
            }
        }
    }
}
