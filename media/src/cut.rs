//! Pure: where one segment ends and the next begins.

/// When segments are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Cut at the first key frame this long after the start, or later.
    pub(crate) target_us: i64,
    /// Cut even without a key frame.
    pub(crate) max_us: i64,
    /// Cut even without a key frame.
    pub(crate) max_bytes: usize,
    /// A key frame that is early by this much counts as in time: clocks of 90 kHz round.
    pub(crate) slack_us: i64,
}

/// A step forward by more than this is a gap in the stream.
const JUMP_US: i64 = 10_000_000;
/// A step back by more than this is another timeline. Less is B-frames or jitter.
const BACK_US: i64 = 1_000_000;

/// What of a packet decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) pts_us: i64,
    pub(crate) dts_us: Option<i64>,
    pub(crate) key: bool,
    /// It comes with new codec parameters.
    pub(crate) changed: bool,
    pub(crate) bytes: usize,
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing can be decoded from here: leave it out.
    Drop,
    /// It belongs to the open segment.
    Append,
    /// Close the open segment, if one is open, and begin the next with this packet.
    Begin {
        /// The open segment reaches to exactly this packet.
        contiguous: bool,
    },
    /// Close the open segment and leave this packet out.
    Close,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    start_us: i64,
    last_us: i64,
    bytes: usize,
}

/// Decides packet by packet, in decoding order.
#[derive(Debug)]
pub(crate) struct Cutter {
    rules: Rules,
    open: Option<Open>,
    dropped: u64,
}

impl Cutter {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, open: None, dropped: 0 }
    }

    /// Packets left out because no key frame came before them.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What [`Cutter::step`] would say.
    pub(crate) fn decide(&self, sample: &Sample) -> Step {
        let Some(open) = &self.open else {
            return if sample.key { Step::Begin { contiguous: false } } else { Step::Drop };
        };
        let moved_us = sample.dts_us.unwrap_or(sample.pts_us).saturating_sub(open.last_us);
        let jumped = !(-BACK_US..=JUMP_US).contains(&moved_us);
        let lasts_us = sample.pts_us.saturating_sub(open.start_us);
        if sample.key && (jumped || sample.changed || lasts_us >= self.rules.target_us - self.rules.slack_us) {
            Step::Begin { contiguous: !jumped }
        } else if jumped || lasts_us >= self.rules.max_us || open.bytes + sample.bytes > self.rules.max_bytes {
            if sample.key { Step::Begin { contiguous: !jumped } } else { Step::Close }
        } else {
            Step::Append
        }
    }

    /// Decides and remembers.
    pub(crate) fn step(&mut self, sample: &Sample) -> Step {
        let step = self.decide(sample);
        let last_us = sample.dts_us.unwrap_or(sample.pts_us);
        match (step, &mut self.open) {
            (Step::Begin { .. }, open) => *open = Some(Open { start_us: sample.pts_us, last_us, bytes: sample.bytes }),
            (Step::Append, Some(open)) => {
                open.last_us = last_us;
                open.bytes += sample.bytes;
            }
            (Step::Drop | Step::Close | Step::Append, open) => {
                *open = None;
                self.dropped += 1;
            }
        }
        step
    }

    /// Forgets the open segment.
    pub(crate) fn reset(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules { target_us: 4_000_000, max_us: 30_000_000, max_bytes: 1 << 20, slack_us: 20_000 };

    fn at(seconds: f64, key: bool) -> Sample {
        Sample { pts_us: (seconds * 1e6) as i64, dts_us: None, key, changed: false, bytes: 1000 }
    }

    fn steps(samples: &[Sample]) -> Vec<Step> {
        let mut cutter = Cutter::new(RULES);
        samples.iter().map(|sample| cutter.step(sample)).collect()
    }

    const NEW: Step = Step::Begin { contiguous: true };
    const FRESH: Step = Step::Begin { contiguous: false };

    #[test]
    fn a_segment_ends_at_the_first_key_frame_past_the_target() {
        let samples = [at(0.0, true), at(2.0, true), at(3.99, true), at(4.5, false), at(6.0, true)];
        assert_eq!(steps(&samples), [FRESH, Step::Append, NEW, Step::Append, Step::Append]);
    }

    #[test]
    fn what_comes_before_the_first_key_frame_is_dropped_and_counted() {
        let mut cutter = Cutter::new(RULES);
        assert_eq!(cutter.step(&at(0.0, false)), Step::Drop);
        assert_eq!(cutter.step(&at(0.1, false)), Step::Drop);
        assert_eq!(cutter.step(&at(0.2, true)), FRESH);
        assert_eq!(cutter.dropped(), 2);
    }

    #[test]
    fn a_jump_in_time_begins_anew_at_the_next_key_frame() {
        assert_eq!(steps(&[at(0.0, true), at(10.5, true)]), [FRESH, FRESH]);
        assert_eq!(steps(&[at(5.0, true), at(0.0, true)]), [FRESH, FRESH]);
        assert_eq!(steps(&[at(0.0, true), at(11.0, false), at(11.1, true)]), [FRESH, Step::Close, FRESH]);
        assert_eq!(steps(&[at(0.0, true), at(9.0, false)]), [FRESH, Step::Append]);
    }

    #[test]
    fn frames_out_of_order_are_no_jump() {
        assert_eq!(steps(&[at(0.0, true), at(0.4, false), at(0.1, false)]), [FRESH, Step::Append, Step::Append]);
    }

    #[test]
    fn new_parameters_begin_a_new_segment() {
        let changed = Sample { changed: true, ..at(1.0, true) };
        assert_eq!(steps(&[at(0.0, true), changed]), [FRESH, NEW]);
    }

    #[test]
    fn a_stream_without_key_frames_is_cut_at_the_longest() {
        let samples: Vec<Sample> = (0..40).map(|second| at(f64::from(second), second == 0)).collect();
        let steps = steps(&samples);
        assert_eq!(steps[29..32], [Step::Append, Step::Close, Step::Drop]);
    }

    proptest! {
        #[test]
        fn every_segment_begins_with_a_key_frame_and_none_grows_without_bound(
            samples in prop::collection::vec((-5_000_000i64..20_000_000, any::<bool>(), any::<bool>(), 0usize..300_000), 0..200)
        ) {
            let mut cutter = Cutter::new(RULES);
            let (mut now_us, mut start_us, mut bytes) = (0i64, None, 0usize);
            for (step_us, key, changed, size) in samples {
                now_us += step_us / 10;
                let sample = Sample { pts_us: now_us, dts_us: None, key, changed, bytes: size };
                match cutter.step(&sample) {
                    Step::Begin { .. } => {
                        prop_assert!(key);
                        (start_us, bytes) = (Some(now_us), size);
                    }
                    Step::Append => {
                        bytes += size;
                        prop_assert!(start_us.is_some() && bytes <= RULES.max_bytes);
                        prop_assert!(now_us - start_us.unwrap_or(0) < RULES.max_us);
                    }
                    Step::Close | Step::Drop => {
                        prop_assert!(!key);
                        start_us = None;
                    }
                }
            }
        }
    }
}
