//! Pure: where a box is and where it goes, between detections and through gaps.
//!
//! The centre moves with a velocity that fades (half of it is gone after [`VELOCITY_HALF_LIFE_S`]: who is
//! unseen for long has not walked straight on); the size follows a random walk, since a "velocity" of a
//! detector's jitter would blow a lost box up. x and y are independent, so each is a filter of its own. Noise
//! is given in box sizes, and time in seconds, never in frames: frames come 0.1 or 5 seconds apart.

use base::geometry::{Point, Rect};

/// Time after which a velocity has halved when nothing is seen.
pub const VELOCITY_HALF_LIFE_S: f64 = 3.0;

/// A velocity's standard deviation before the second sighting, in box sizes per second.
const FIRST_VELOCITY: f64 = 1.0;
/// How much a velocity changes within a second, in box sizes per second.
const ACCELERATION: f64 = 1.0;
/// How much a size changes within a second, in box sizes.
const GROWTH: f64 = 0.3;
/// A detector's error in box sizes, at a score of 1 and of 0.
const ERROR_BEST: f64 = 0.04;
const ERROR_WORST: f64 = 0.14;
/// Nothing more can be said of what was unseen for longer, and larger steps would only overflow.
const LONGEST_STEP_S: f64 = 60.0;

/// A coordinate with its velocity.
#[derive(Debug, Clone, Copy)]
struct Moving {
    x: f64,
    v: f64,
    xx: f64,
    xv: f64,
    vv: f64,
}

impl Moving {
    fn predict(&mut self, dt: f64, noise: f64) {
        let tau = VELOCITY_HALF_LIFE_S / std::f64::consts::LN_2;
        let keep = (-dt / tau).exp();
        let reach = tau * (1.0 - keep);
        let q = noise * noise;
        self.x += reach * self.v;
        self.v *= keep;
        self.xx += 2.0 * reach * self.xv + reach * reach * self.vv + q * dt.powi(3) / 3.0;
        self.xv = keep * (self.xv + reach * self.vv) + q * dt * dt / 2.0;
        self.vv = keep * keep * self.vv + q * dt;
    }

    fn correct(&mut self, seen: f64, error: f64) {
        let total = self.xx + error * error;
        let (gain_x, gain_v) = (self.xx / total, self.xv / total);
        let surprise = seen - self.x;
        self.x += gain_x * surprise;
        self.v += gain_v * surprise;
        self.vv -= gain_v * self.xv;
        self.xv -= gain_x * self.xv;
        self.xx -= gain_x * self.xx;
    }
}

/// A length without one.
#[derive(Debug, Clone, Copy)]
struct Drifting {
    x: f64,
    xx: f64,
}

impl Drifting {
    fn correct(&mut self, seen: f64, error: f64) {
        let gain = self.xx / (self.xx + error * error);
        self.x += gain * (seen - self.x);
        self.xx -= gain * self.xx;
    }
}

/// The filter of one track.
#[derive(Debug, Clone)]
pub struct BoxFilter {
    x: Moving,
    y: Moving,
    w: Drifting,
    h: Drifting,
}

impl BoxFilter {
    /// Begins at a box, standing still as far as anyone knows.
    pub fn new(rect: &Rect, score: f32) -> Self {
        let [cx, cy, w, h] = measured(rect);
        let (size, error) = (size(w, h), error(w, h, score));
        let moving = |x| Moving { x, v: 0.0, xx: error * error, xv: 0.0, vv: (FIRST_VELOCITY * size).powi(2) };
        let drifting = |x| Drifting { x, xx: error * error };
        Self { x: moving(cx), y: moving(cy), w: drifting(w), h: drifting(h) }
    }

    /// Carries the box on by `dt_s` seconds; a negative step counts as none.
    pub fn predict(&mut self, dt_s: f64) {
        let dt = dt_s.clamp(0.0, LONGEST_STEP_S);
        let size = size(self.w.x, self.h.x);
        self.x.predict(dt, ACCELERATION * size);
        self.y.predict(dt, ACCELERATION * size);
        self.w.xx += (GROWTH * size).powi(2) * dt;
        self.h.xx += (GROWTH * size).powi(2) * dt;
    }

    /// Takes a detection in; the surer it is, the more it counts.
    pub fn correct(&mut self, rect: &Rect, score: f32) {
        let [cx, cy, w, h] = measured(rect);
        let error = error(w, h, score);
        self.x.correct(cx, error);
        self.y.correct(cy, error);
        self.w.correct(w, error);
        self.h.correct(h, error);
    }

    /// The box as it is believed to be now; may reach over the picture's edge.
    pub fn rect(&self) -> Rect {
        let (w, h) = (self.w.x.max(0.0), self.h.x.max(0.0));
        Rect { x: (self.x.x - w / 2.0) as f32, y: (self.y.x - h / 2.0) as f32, w: w as f32, h: h as f32 }
    }

    /// The centre's velocity, normalised units per second.
    pub fn velocity(&self) -> Point {
        Point { x: self.x.v as f32, y: self.y.v as f32 }
    }
}

fn measured(rect: &Rect) -> [f64; 4] {
    let center = rect.center();
    [center.x, center.y, rect.w, rect.h].map(f64::from)
}

/// A box's size for scaling noise; never 0, so that no covariance collapses.
fn size(w: f64, h: f64) -> f64 {
    ((w + h) / 2.0).max(1e-3)
}

fn error(w: f64, h: f64, score: f32) -> f64 {
    let score = f64::from(score).clamp(0.0, 1.0);
    size(w, h) * (ERROR_WORST + (ERROR_BEST - ERROR_WORST) * score)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(cx: f32) -> Rect {
        Rect { x: cx - 0.05, y: 0.4, w: 0.1, h: 0.2 }
    }

    /// Walks at 0.1 a second for `seconds`, seen every `dt`.
    fn walked(seconds: f32, dt: f32) -> BoxFilter {
        let mut filter = BoxFilter::new(&at(0.2), 0.8);
        for i in 1..=(seconds / dt).round() as i32 {
            filter.predict(f64::from(dt));
            filter.correct(&at(0.2 + 0.1 * i as f32 * dt), 0.8);
        }
        filter
    }

    #[test]
    fn a_walker_s_velocity_is_learnt_whatever_the_frame_rate() {
        for dt in [0.1, 0.2, 0.5] {
            let velocity = walked(3.0, dt).velocity();
            assert!((velocity.x - 0.1).abs() < 0.01 && velocity.y.abs() < 1e-6, "{dt}: {velocity:?}");
        }
    }

    #[test]
    fn a_second_unseen_is_bridged_and_a_minute_does_not_fly_off() {
        let mut filter = walked(3.0, 0.2);
        filter.predict(1.0);
        assert!((filter.rect().center().x - 0.6).abs() < 0.02, "{:?}", filter.rect());
        filter.predict(3600.0);
        assert!(filter.rect().center().x < 1.1 && filter.rect().is_finite());
    }

    proptest! {
        #[test]
        fn no_sequence_of_boxes_and_steps_leaves_the_numbers(
            steps in prop::collection::vec(
                (0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0, -1.0f64..1e6), 1..60),
        ) {
            let mut filter = BoxFilter::new(&Rect { x: 0.1, y: 0.1, w: 0.0, h: 0.0 }, 0.5);
            for (x, y, w, h, score, dt) in steps {
                filter.predict(dt);
                filter.correct(&Rect { x, y, w, h }, score);
                prop_assert!(filter.rect().is_finite());
                for axis in [filter.x, filter.y] {
                    prop_assert!(axis.xx >= 0.0 && axis.vv >= 0.0 && axis.xv.is_finite());
                }
            }
        }
    }
}
