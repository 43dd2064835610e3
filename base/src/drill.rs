//! Pure: a drill: a synthetic animal that walks through a picture.

use serde::{Deserialize, Serialize};

use crate::geometry::{Point, Rect};

/// What is walked, and by what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct DrillOrder {
    /// Names the drill.
    #[serde(default)]
    pub id: String,
    /// For so long, from the first picture that carries it.
    #[serde(default)]
    pub seconds: f64,
    /// Where its ground point begins.
    #[serde(default)]
    pub from: Point,
    /// Where its ground point ends.
    #[serde(default)]
    pub to: Point,
    /// Its height, a share of the picture's.
    #[serde(default)]
    pub height: f32,
    /// A PNG with transparency, base64; it is not turned round.
    #[serde(default)]
    pub sprite: String,
}

/// Longest drill, seconds.
pub const MAX_SECONDS: f64 = 60.0;
/// Largest sprite, bytes of base64.
pub const MAX_SPRITE_BYTES: usize = 400_000;

impl DrillOrder {
    /// What is wrong with it.
    ///
    /// # Errors
    /// One sentence.
    pub fn check(&self) -> Result<(), String> {
        if !(1.0..=MAX_SECONDS).contains(&self.seconds) {
            return Err(format!("seconds {} is not between 1 and {MAX_SECONDS}", self.seconds));
        }
        if !(0.02..=1.0).contains(&self.height) {
            return Err(format!("height {} is not between 0.02 and 1", self.height));
        }
        if ![self.from.x, self.from.y, self.to.x, self.to.y].iter().all(|v| (0.0..=1.0).contains(v)) {
            return Err("from and to must lie in the picture, 0 to 1".into());
        }
        if self.sprite.is_empty() || self.sprite.len() > MAX_SPRITE_BYTES {
            return Err(format!("sprite has {} bytes; it must have 1 to {MAX_SPRITE_BYTES}", self.sprite.len()));
        }
        Ok(())
    }

    /// Where it is `t_s` after it began, in a picture and with a sprite of these widths over their heights;
    /// `None` when it is over.
    pub fn at(&self, t_s: f64, picture_aspect: f32, sprite_aspect: f32) -> Option<Rect> {
        if !(0.0..=self.seconds).contains(&t_s) {
            return None;
        }
        let share = (t_s / self.seconds) as f32;
        let ground = |a: f32, b: f32| a + (b - a) * share;
        let (x, y) = (ground(self.from.x, self.to.x), ground(self.from.y, self.to.y));
        let width = self.height * sprite_aspect / picture_aspect;
        // It sways a little as it walks, two steps a second.
        let sway = 0.01 * self.height * (t_s * std::f64::consts::TAU * 2.0).sin() as f32;
        Some(Rect { x: x - width / 2.0, y: y - self.height + sway, w: width, h: self.height })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> DrillOrder {
        let (from, to) = (Point { x: 0.2, y: 0.8 }, Point { x: 0.6, y: 0.8 });
        DrillOrder { id: "d".into(), seconds: 8.0, from, to, height: 0.4, sprite: "x".into() }
    }

    #[test]
    fn it_walks_from_one_point_to_the_other_and_is_gone() {
        let middle = order().at(4.0, 2.0, 1.0).unwrap();
        assert!((middle.center().x - 0.4).abs() < 1e-5 && (middle.bottom() - 0.8).abs() < 0.01, "{middle:?}");
        assert!((middle.w - 0.2).abs() < 1e-5 && (middle.h - 0.4).abs() < 1e-5);
        assert_eq!((order().at(-0.1, 2.0, 1.0), order().at(8.1, 2.0, 1.0)), (None, None));
    }

    #[test]
    fn an_order_that_cannot_be_carried_out_says_why() {
        assert_eq!(order().check(), Ok(()));
        let cases = [
            (DrillOrder::default(), "seconds 0"),
            (DrillOrder { height: f32::NAN, ..order() }, "height NaN"),
            (DrillOrder { from: Point { x: -1.0, y: 0.0 }, ..order() }, "from and to"),
            (DrillOrder { sprite: String::new(), ..order() }, "sprite has 0 bytes"),
        ];
        for (wrong, why) in cases {
            assert!(wrong.check().unwrap_err().contains(why), "{why}");
        }
    }
}
