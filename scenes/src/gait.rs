//! Pure: how a body moves while it walks. A photograph has one pose; its legs swing, its back rises and falls
//! and it rocks a little, in time with the metres it walks, so that feet do not slide.

use std::f32::consts::TAU;

use crate::path::Pose;

/// Where the legs begin, as a share of the height from the top.
const HIP: f32 = 0.58;
/// How far a foot swings, as a share of the body's length.
const SWING: f32 = 0.035;
/// How the two legs of a pair differ: waves of the swing along the body.
const LEG_WAVES: f32 = 2.6;

/// How a photograph is bent at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gait {
    /// Shares of the stride, 0 to 1.
    phase: f32,
    /// 0 standing, 1 walking.
    amount: f32,
    /// 0 up to a trot, 1 at a gallop.
    gallop: f32,
    /// How far the top leans, as a share of the length.
    sway: f32,
}

/// Above this speed strides get longer and the back moves more.
const TROT_MPS: f32 = 2.0;

impl Gait {
    /// The gait of an animal in a pose.
    pub fn of(pose: &Pose, stride_m: f32) -> Self {
        let longer = (pose.speed_mps / TROT_MPS).max(1.0).powf(0.7);
        Self {
            phase: (pose.walked_m / (stride_m * longer)).fract(),
            amount: (pose.speed_mps / 0.5).clamp(0.0, 1.0),
            gallop: ((pose.speed_mps - TROT_MPS) / 3.0).clamp(0.0, 1.0),
            sway: 0.0,
        }
    }

    /// What does not move by itself.
    pub fn still() -> Self {
        Self { phase: 0.0, amount: 0.0, gallop: 0.0, sway: 0.0 }
    }

    /// What the wind moves, at a time.
    pub fn swaying(t_s: f32, own: f32) -> Self {
        let sway = 0.035 * ((2.3 + own) * t_s + 9.0 * own).sin() + 0.02 * (5.1 * t_s + own).sin();
        Self { sway, ..Self::still() }
    }

    /// How much the body rises, as a share of its height.
    pub fn rise(&self) -> f32 {
        self.amount * (0.012 + 0.05 * self.gallop) * (0.5 + 0.5 * (2.0 * TAU * self.phase).sin())
    }

    /// How far it rocks, in radians, nose down.
    pub fn rock(&self) -> f32 {
        self.amount * (0.014 + 0.05 * self.gallop) * (TAU * self.phase).sin()
    }

    /// Where in the photograph that shows at (u, v) comes from; u from the left, v from the top, 0 to 1.
    pub fn source_of(&self, u: f32, v: f32) -> (f32, f32) {
        let u = u + self.sway * (1.0 - v).max(0.0).powf(1.3);
        let below_hip = ((v - HIP) / (1.0 - HIP)).max(0.0);
        if self.amount == 0.0 || below_hip == 0.0 {
            return (u, v);
        }
        let angle = TAU * (self.phase + LEG_WAVES * u);
        let swing = self.amount * SWING * below_hip.powf(1.3) * angle.sin();
        // A foot that swings forward is off the ground.
        let lift = self.amount * 0.03 * below_hip * angle.cos().max(0.0);
        (u + swing, v + lift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Px;

    fn pose(walked_m: f32, speed_mps: f32) -> Pose {
        Pose { foot: Px::new(0.0, 400.0), facing: 1.0, walked_m, speed_mps }
    }

    #[test]
    fn an_animal_that_stands_is_not_bent() {
        let gait = Gait::of(&pose(0.7, 0.0), 1.3);
        assert_eq!((gait.source_of(0.3, 0.9), gait.rise(), gait.rock()), ((0.3, 0.9), 0.0, 0.0));
    }

    #[test]
    fn only_the_legs_swing() {
        let gait = Gait::of(&pose(0.3, 1.2), 1.3);
        assert_eq!(gait.source_of(0.2, 0.4), (0.2, 0.4));
        assert_ne!(gait.source_of(0.2, 0.95).0, 0.2);
    }

    #[test]
    fn the_swing_never_folds_the_picture_over_itself() {
        for step in 0..20 {
            let gait = Gait::of(&pose(step as f32 * 0.065, 1.2), 1.3);
            let row: Vec<f32> = (0..=100).map(|i| gait.source_of(i as f32 / 100.0, 1.0).0).collect();
            assert!(row.windows(2).all(|pair| pair[1] > pair[0]));
        }
    }
}
