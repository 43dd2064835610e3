//! Pure: the times of a segment's packets, put right for a container that wants them complete.
//!
//! Cameras leave times out, send two frames with one time, or step back a little when their clock is set.

/// Times as they came, in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Untimed {
    pub(crate) pts: Option<i64>,
    pub(crate) dts: Option<i64>,
}

/// Times as they are written, in ticks; the first packet is shown at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timed {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) duration: i64,
}

/// Completes the times of packets in decoding order. Decoding times come out strictly rising and never
/// after the time at which the packet is shown; times that are already so stay as they are.
///
/// `frame` is the usual distance of two frames. `reorders` says that frames are shown in another order than
/// decoded: then times that step back are B-frames, and else a fault.
pub(crate) fn repair(packets: &[Untimed], frame: i64, reorders: bool) -> Vec<Timed> {
    let frame = frame.max(1);
    let mut pts = shown(packets, frame);
    let given: Option<Vec<i64>> = packets.iter().map(|packet| packet.dts).collect();
    let usable = |dts: &Vec<i64>| {
        dts.windows(2).all(|pair| pair[0] < pair[1]) && dts.iter().zip(&pts).all(|(dts, pts)| dts <= pts)
    };
    let dts = match given.filter(usable) {
        Some(dts) => dts,
        None if reorders => from_order(&pts),
        None => {
            for at in 1..pts.len() {
                pts[at] = pts[at].max(pts[at - 1] + 1);
            }
            pts.clone()
        }
    };
    let zero = pts.first().copied().unwrap_or(0);
    let after = |at: usize| dts.get(at + 1).map_or(frame, |next| next - dts[at]);
    (0..pts.len()).map(|at| Timed { pts: pts[at] - zero, dts: dts[at] - zero, duration: after(at) }).collect()
}

/// When each is shown, guessed where nothing is said.
fn shown(packets: &[Untimed], frame: i64) -> Vec<i64> {
    let mut next = 0;
    let mut pts = Vec::with_capacity(packets.len());
    for packet in packets {
        let at = packet.pts.or(packet.dts).unwrap_or(next);
        next = at + frame;
        pts.push(at);
    }
    pts
}

/// Decoding times that fit any order of showing: the same times sorted, early enough for every packet.
fn from_order(pts: &[i64]) -> Vec<i64> {
    let mut dts = pts.to_vec();
    dts.sort_unstable();
    for at in 1..dts.len() {
        dts[at] = dts[at].max(dts[at - 1] + 1);
    }
    let late = dts.iter().zip(pts).map(|(dts, pts)| dts - pts).max().unwrap_or(0).max(0);
    dts.iter().map(|dts| dts - late).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(list: &[(i64, i64)]) -> Vec<Untimed> {
        list.iter().map(|&(pts, dts)| Untimed { pts: Some(pts), dts: Some(dts) }).collect()
    }

    #[test]
    fn good_times_stay_and_begin_at_zero() {
        let out = repair(&times(&[(1000, 1000), (1040, 1040), (1080, 1080)]), 40, false);
        assert_eq!(out[0], Timed { pts: 0, dts: 0, duration: 40 });
        assert_eq!(out[2], Timed { pts: 80, dts: 80, duration: 40 });
    }

    #[test]
    fn b_frames_keep_their_order() {
        let out = repair(&times(&[(80, 0), (240, 40), (160, 80)]), 40, true);
        assert_eq!(out.iter().map(|t| (t.pts, t.dts)).collect::<Vec<_>>(), [(0, -80), (160, -40), (80, 0)]);
    }

    #[test]
    fn b_frames_without_decoding_times_get_some() {
        let packets: Vec<Untimed> = [0, 120, 40, 80].iter().map(|&pts| Untimed { pts: Some(pts), dts: None }).collect();
        let out = repair(&packets, 40, true);
        assert_eq!(out.iter().map(|t| t.pts).collect::<Vec<_>>(), [0, 120, 40, 80]);
        assert!(out.iter().all(|t| t.dts <= t.pts));
    }

    #[test]
    fn missing_and_repeated_times_are_filled_in() {
        let packets = [
            Untimed { pts: None, dts: None },
            Untimed { pts: None, dts: Some(40) },
            Untimed { pts: Some(40), dts: None },
            Untimed { pts: None, dts: None },
        ];
        let out = repair(&packets, 40, false);
        assert_eq!(out.iter().map(|t| t.pts).collect::<Vec<_>>(), [0, 40, 41, 80]);
    }

    proptest! {
        #[test]
        fn whatever_comes_in_is_fit_for_a_container(
            list in prop::collection::vec((proptest::option::of(-1000i64..1000), proptest::option::of(-1000i64..1000)), 1..60),
            frame in 1i64..100,
            reorders: bool,
        ) {
            let packets: Vec<Untimed> = list.iter().map(|&(pts, dts)| Untimed { pts, dts }).collect();
            let out = repair(&packets, frame, reorders);
            prop_assert_eq!(out.len(), packets.len());
            prop_assert_eq!(out[0].pts, 0);
            prop_assert!(out.iter().all(|t| t.dts <= t.pts && t.duration > 0));
            prop_assert!(out.windows(2).all(|pair| pair[0].dts < pair[1].dts));
        }
    }
}
