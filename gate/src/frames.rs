//! Pure: which frames go out.
//!
//! Something moves: `fps` a second, more when much moves (the ladder) or when the analyzer asks (boost).
//! Nothing moves: one every `still_interval_s`, so that an animal that sits is seen too.

use base::time::Micros;

/// While at least `motion` of the picture moves, `fps` frames a second.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Share of the picture, 0..1.
    pub motion: f32,
    /// Frames a second.
    pub fps: f64,
}

/// What is tunable about choosing frames.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// Frames a second while something moves.
    pub fps: f64,
    /// Seconds between frames of a still scene.
    pub still_interval_s: f64,
    /// How long a scene counts as moving after the last motion, s.
    pub hold_s: f64,
    /// No boost goes above this.
    pub boost_max_fps: f64,
    /// Frames a second by how much moves.
    pub ladder: Vec<Rung>,
}

impl Default for Params {
    fn default() -> Self {
        Self { fps: 5.0, still_interval_s: 2.0, hold_s: 2.0, boost_max_fps: 15.0, ladder: Vec::new() }
    }
}

/// A boost that the analyzer asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Boost {
    fps: f64,
    until: Micros,
}

/// Looks at a picture this often even when nothing moves, so that motion is noticed at once.
const LOOK_FPS: f64 = 5.0;

/// Decides for each decoded frame, in order of capture time.
#[derive(Debug)]
pub struct FrameGate {
    params: Params,
    boost: Option<Boost>,
    snapshot: bool,
    moved_at: Option<Micros>,
    score: f32,
    looked_at: Option<Micros>,
    sent_at: Option<Micros>,
}

impl FrameGate {
    /// A gate that lets its first frame through.
    pub fn new(params: Params) -> Self {
        Self { params, boost: None, snapshot: false, moved_at: None, score: 0.0, looked_at: None, sent_at: None }
    }

    /// Goes on with other settings.
    pub fn set_params(&mut self, params: Params) {
        self.params = params;
    }

    /// The settings.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// `fps` frames a second until `until`, motion or not.
    pub fn boost(&mut self, fps: f64, until: Micros) {
        self.boost = Some(Boost { fps: fps.clamp(0.1, self.params.boost_max_fps), until });
    }

    /// The next frame goes out.
    pub fn snapshot(&mut self) {
        self.snapshot = true;
    }

    /// Whether someone asked for more of this camera.
    pub fn boosted(&self, at: Micros) -> bool {
        self.boost.is_some_and(|boost| at < boost.until)
    }

    /// Whether the frame of `at` is to be looked at, which costs something.
    pub fn wants_look(&mut self, at: Micros) -> bool {
        let due = self.snapshot || is_due(self.looked_at, at, 1.0 / LOOK_FPS.max(1.0 / self.interval_s(at)));
        if due {
            self.looked_at = Some(at);
        }
        due
    }

    /// Whether the frame of `at`, of which `score` moves, goes out.
    pub fn decide(&mut self, at: Micros, moving: bool, score: f32) -> bool {
        if moving {
            self.moved_at = Some(at);
            self.score = score;
        }
        let due = self.snapshot || is_due(self.sent_at, at, self.interval_s(at));
        if due {
            self.snapshot = false;
            self.sent_at = Some(at);
        }
        due
    }

    fn interval_s(&self, at: Micros) -> f64 {
        let moving = self.moved_at.is_some_and(|moved| at.seconds_since(moved) < self.params.hold_s);
        let ladder = self.params.ladder.iter().filter(|rung| moving && self.score >= rung.motion).map(|rung| rung.fps);
        let boost = self.boost.filter(|_| self.boosted(at)).map(|boost| boost.fps);
        let fps = ladder.chain(boost).chain(moving.then_some(self.params.fps)).fold(0.0, f64::max);
        if fps > 0.0 { (1.0 / fps).min(self.params.still_interval_s) } else { self.params.still_interval_s }
    }
}

/// Whether `interval_s` has passed since `last`. A little early counts, so that a source whose frames come
/// exactly as often as they are wanted does not lose every other one to rounding.
fn is_due(last: Option<Micros>, at: Micros, interval_s: f64) -> bool {
    let Some(last) = last else { return true };
    let since_s = at.seconds_since(last);
    since_s < 0.0 || since_s + (0.1 * interval_s).min(0.05) >= interval_s
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers frames at `fps` from `from_s` to `to_s` and counts what goes out.
    fn offer(gate: &mut FrameGate, fps: f64, from_s: f64, to_s: f64, moving: bool) -> usize {
        let (first, end) = ((from_s * fps) as i64, (to_s * fps) as i64);
        let times = (first..end).map(|i| Micros((i as f64 * 1e6 / fps) as i64));
        times.filter(|t| gate.wants_look(*t) && gate.decide(*t, moving, 0.01)).count()
    }

    #[test]
    fn a_still_scene_gives_one_frame_every_interval() {
        let mut gate = FrameGate::new(Params::default());
        assert_eq!(offer(&mut gate, 25.0, 0.0, 10.0, false), 5);
    }

    #[test]
    fn motion_gives_fps_frames_a_second_from_its_first_frame_on() {
        let mut gate = FrameGate::new(Params::default());
        offer(&mut gate, 10.0, 0.0, 3.0, false);
        let t = Micros(3_000_000);
        assert!(gate.wants_look(t) && gate.decide(t, true, 0.01), "the first moving frame");
        let sent = offer(&mut gate, 10.0, 3.1, 8.1, true);
        assert!((24..=26).contains(&sent), "{sent}");
    }

    #[test]
    fn a_scene_counts_as_moving_for_a_while_after_the_last_motion() {
        let mut gate = FrameGate::new(Params::default());
        offer(&mut gate, 10.0, 0.0, 1.0, true);
        assert!(offer(&mut gate, 10.0, 1.0, 3.0, false) >= 9);
        assert!(offer(&mut gate, 10.0, 3.0, 13.0, false) <= 6);
    }

    #[test]
    fn a_boost_raises_the_rate_until_it_expires_and_never_above_the_limit() {
        let mut gate = FrameGate::new(Params::default());
        gate.boost(10.0, Micros(5_000_000));
        let sent = offer(&mut gate, 30.0, 0.0, 5.0, false);
        assert!((48..=52).contains(&sent), "{sent}");
        assert!(offer(&mut gate, 30.0, 5.0, 15.0, false) <= 6);
        gate.boost(1000.0, Micros(25_000_000));
        let sent = offer(&mut gate, 60.0, 15.0, 25.0, false);
        assert!((140..=155).contains(&sent), "{sent}");
    }

    #[test]
    fn the_ladder_raises_the_rate_by_how_much_moves() {
        let ladder = vec![Rung { motion: 0.005, fps: 10.0 }, Rung { motion: 0.5, fps: 30.0 }];
        let mut gate = FrameGate::new(Params { ladder, ..Params::default() });
        let sent = offer(&mut gate, 30.0, 0.0, 5.0, true);
        assert!((48..=52).contains(&sent), "{sent}");
    }

    #[test]
    fn a_snapshot_goes_out_at_once_and_only_once() {
        let mut gate = FrameGate::new(Params::default());
        offer(&mut gate, 10.0, 0.0, 1.0, false);
        gate.snapshot();
        assert_eq!(offer(&mut gate, 10.0, 1.0, 1.5, false), 1);
    }

    #[test]
    fn a_source_exactly_as_fast_as_wanted_loses_no_frame() {
        let mut gate = FrameGate::new(Params { fps: 5.0, ..Params::default() });
        let sent = offer(&mut gate, 5.0, 0.0, 20.0, true);
        assert!(sent >= 99, "{sent}");
    }
}
