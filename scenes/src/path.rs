//! Pure: where an animal is at each moment. It walks straight over the ground from place to place, at speeds
//! in metres per second, so that it is slower in the picture where it is farther away.

use crate::world::{Metres, Px};

/// How long turning round takes.
const TURN_S: f32 = 0.5;

/// Where an animal is, and how it walks there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// The middle of its feet.
    pub foot: Px,
    /// Which way it faces across the picture: 1 right, -1 left, between while it turns.
    pub facing: f32,
    /// Metres walked so far.
    pub walked_m: f32,
    /// Metres per second.
    pub speed_mps: f32,
}

#[derive(Debug, Clone, PartialEq)]
struct Leg {
    from: Metres,
    to: Metres,
    start_s: f32,
    end_s: f32,
    walked_m: f32,
    /// -1 or 1; a pause keeps that of the leg before it.
    facing: f32,
}

/// The way of one animal through a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    start_s: f32,
    here: Metres,
    now_s: f32,
    walked_m: f32,
    legs: Vec<Leg>,
}

impl Path {
    /// Begins at a place at a time of the clip. Before that the animal is nowhere.
    pub fn from(start_s: f32, place: Px) -> Self {
        Self { start_s, here: place.on_ground(), now_s: start_s, walked_m: 0.0, legs: Vec::new() }
    }

    /// Walks on to a place.
    #[must_use]
    pub fn to(mut self, place: Px, speed_mps: f32) -> Self {
        let (from, to) = (self.here, place.on_ground());
        let metres = from.distance(to);
        let facing = if place.x >= from.in_picture().x { 1.0 } else { -1.0 };
        let end_s = self.now_s + metres / speed_mps;
        self.legs.push(Leg { from, to, start_s: self.now_s, end_s, walked_m: self.walked_m, facing });
        self.walked_m += metres;
        (self.here, self.now_s) = (to, end_s);
        self
    }

    /// Stands still.
    #[must_use]
    pub fn wait(mut self, seconds: f32) -> Self {
        let facing = self.legs.last().map_or(1.0, |leg| leg.facing);
        let end_s = self.now_s + seconds;
        self.legs.push(Leg {
            from: self.here,
            to: self.here,
            start_s: self.now_s,
            end_s,
            walked_m: self.walked_m,
            facing,
        });
        self.now_s = end_s;
        self
    }

    /// The same way later, every place moved by these pixels.
    #[must_use]
    pub fn beside(&self, late_s: f32, dx_px: f32, dy_px: f32) -> Self {
        let moved = |place: Metres| {
            let there = place.in_picture();
            Px::new(there.x + dx_px, (there.y + dy_px).max(60.0)).on_ground()
        };
        let mut other = self.clone();
        (other.start_s, other.now_s, other.here) = (self.start_s + late_s, self.now_s + late_s, moved(self.here));
        for leg in &mut other.legs {
            (leg.start_s, leg.end_s) = (leg.start_s + late_s, leg.end_s + late_s);
            (leg.from, leg.to) = (moved(leg.from), moved(leg.to));
        }
        other
    }

    /// When it comes.
    pub fn begin_s(&self) -> f32 {
        self.start_s
    }

    /// When the last place is reached.
    pub fn end_s(&self) -> f32 {
        self.now_s
    }

    /// Where the animal is at a time of the clip; at the end of its way it stays.
    pub fn at(&self, t_s: f32) -> Option<Pose> {
        if t_s < self.start_s {
            return None;
        }
        let Some(leg) = self.leg(t_s) else {
            let foot = self.here.in_picture();
            return Some(Pose { foot, facing: 1.0, walked_m: 0.0, speed_mps: 0.0 });
        };
        let (lasts_s, metres) = (leg.end_s - leg.start_s, leg.from.distance(leg.to));
        let share = if lasts_s > 0.0 { ((t_s - leg.start_s) / lasts_s).clamp(0.0, 1.0) } else { 1.0 };
        let done = t_s >= leg.end_s;
        Some(Pose {
            foot: leg.from.towards(leg.to, share).in_picture(),
            facing: self.facing(t_s),
            walked_m: leg.walked_m + metres * share,
            speed_mps: if done || lasts_s <= 0.0 { 0.0 } else { metres / lasts_s },
        })
    }

    fn leg(&self, t_s: f32) -> Option<&Leg> {
        self.legs.iter().find(|leg| t_s < leg.end_s).or(self.legs.last())
    }

    /// The mean facing around `t_s`, so that a turn takes its time.
    fn facing(&self, t_s: f32) -> f32 {
        const SAMPLES: i32 = 6;
        let sum: f32 = (-SAMPLES..=SAMPLES)
            .filter_map(|i| self.leg(t_s + i as f32 * TURN_S / 2.0 / SAMPLES as f32))
            .map(|leg| leg.facing)
            .sum();
        sum / (2 * SAMPLES + 1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back() -> Path {
        Path::from(1.0, Px::new(200.0, 400.0)).to(Px::new(400.0, 400.0), 1.0).wait(2.0).to(Px::new(200.0, 400.0), 1.0)
    }

    #[test]
    fn an_animal_is_nowhere_before_it_comes_and_stays_at_the_end() {
        let path = there_and_back();
        assert_eq!(path.at(0.9), None);
        let last = path.at(1000.0).unwrap();
        assert!((last.foot.x - 200.0).abs() < 0.1 && last.speed_mps == 0.0);
    }

    #[test]
    fn it_walks_at_its_speed_in_metres() {
        let path = there_and_back();
        let (a, b) = (path.at(2.0).unwrap(), path.at(3.0).unwrap());
        assert!((b.foot.x - a.foot.x - Px::new(0.0, 400.0).px_per_m()).abs() < 0.5);
        assert!((b.walked_m - a.walked_m - 1.0).abs() < 0.01);
    }

    #[test]
    fn turning_takes_a_moment_and_passes_through_the_middle() {
        let path = there_and_back();
        let turn_s = path.legs[2].start_s;
        assert_eq!(path.at(turn_s - 1.0).unwrap().facing, 1.0);
        assert!(path.at(turn_s).unwrap().facing.abs() < 0.2);
        assert_eq!(path.at(turn_s + 1.0).unwrap().facing, -1.0);
    }
}
