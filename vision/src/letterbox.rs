//! Pure: between pixels of the network's input and normalised picture coordinates.

use base::geometry::Rect;
use serde::Deserialize;

/// How a picture is laid into the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Stretched to fill it, whatever that does to its shape.
    Stretch,
    /// Scaled as a whole, centred, the rest padded.
    LetterboxCenter,
    /// Scaled as a whole, at the top left, the rest padded.
    LetterboxTopLeft,
}

/// Where a picture of one size lies in the network's input, in whole input pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letterbox {
    /// Left edge of the picture in the input.
    pub left_px: u32,
    /// Top edge of the picture in the input.
    pub top_px: u32,
    /// Width of the picture in the input; at least 1.
    pub width_px: u32,
    /// Height of the picture in the input; at least 1.
    pub height_px: u32,
}

impl Letterbox {
    /// Lays a picture of `picture` (width, height) into an input of `input` (width, height).
    pub fn new(fit: Fit, picture: (u32, u32), input: (u32, u32)) -> Self {
        let (input_w, input_h) = input;
        if fit == Fit::Stretch {
            return Self { left_px: 0, top_px: 0, width_px: input_w, height_px: input_h };
        }
        let (w, h) = (f64::from(picture.0.max(1)), f64::from(picture.1.max(1)));
        let scale = (f64::from(input_w) / w).min(f64::from(input_h) / h);
        let width_px = ((w * scale).round() as u32).clamp(1, input_w);
        let height_px = ((h * scale).round() as u32).clamp(1, input_h);
        let (left_px, top_px) = match fit {
            Fit::LetterboxCenter => ((input_w - width_px) / 2, (input_h - height_px) / 2),
            Fit::LetterboxTopLeft | Fit::Stretch => (0, 0),
        };
        Self { left_px, top_px, width_px, height_px }
    }

    /// A box given by its edges in input pixels, in picture coordinates. Not clamped: a box may reach into the
    /// padding.
    pub fn to_picture(&self, left: f32, top: f32, right: f32, bottom: f32) -> Rect {
        let x = |px: f32| (px - self.left_px as f32) / self.width_px as f32;
        let y = |px: f32| (px - self.top_px as f32) / self.height_px as f32;
        Rect::from_edges(x(left), y(top), x(right), y(bottom))
    }

    /// The edges (left, top, right, bottom) in input pixels of a box in picture coordinates.
    pub fn to_input(&self, rect: &Rect) -> [f32; 4] {
        let x = |v: f32| v * self.width_px as f32 + self.left_px as f32;
        let y = |v: f32| v * self.height_px as f32 + self.top_px as f32;
        [x(rect.x), y(rect.y), x(rect.right()), y(rect.bottom())]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fit() -> impl Strategy<Value = Fit> {
        prop_oneof![Just(Fit::Stretch), Just(Fit::LetterboxCenter), Just(Fit::LetterboxTopLeft)]
    }

    proptest! {
        #[test]
        fn a_box_survives_the_way_into_the_input_and_back(
            fit in fit(), w in 1u32..4000, h in 1u32..4000, iw in 32u32..1024, ih in 32u32..1024,
            x in 0.0f32..1.0, y in 0.0f32..1.0, bw in 0.001f32..1.0, bh in 0.001f32..1.0,
        ) {
            let letterbox = Letterbox::new(fit, (w, h), (iw, ih));
            prop_assert!(letterbox.width_px >= 1 && letterbox.left_px + letterbox.width_px <= iw);
            prop_assert!(letterbox.height_px >= 1 && letterbox.top_px + letterbox.height_px <= ih);
            let rect = Rect { x, y, w: bw, h: bh };
            let [left, top, right, bottom] = letterbox.to_input(&rect);
            let back = letterbox.to_picture(left, top, right, bottom);
            // One ten-thousandth of an input pixel, seen from a picture that may be one pixel wide.
            let tolerance = |size: u32| 1e-4 + 2e-4 * iw.max(ih) as f32 / size as f32;
            prop_assert!((back.x - x).abs() < tolerance(letterbox.width_px), "{back:?}");
            prop_assert!((back.w - bw).abs() < tolerance(letterbox.width_px), "{back:?}");
            prop_assert!((back.y - y).abs() < tolerance(letterbox.height_px), "{back:?}");
            prop_assert!((back.h - bh).abs() < tolerance(letterbox.height_px), "{back:?}");
        }
    }

    #[test]
    fn a_wide_picture_is_centred_between_two_bars() {
        let letterbox = Letterbox::new(Fit::LetterboxCenter, (640, 320), (512, 512));
        assert_eq!(letterbox, Letterbox { left_px: 0, top_px: 128, width_px: 512, height_px: 256 });
        assert_eq!(letterbox.to_picture(0.0, 128.0, 512.0, 384.0), Rect::FULL);
    }

    #[test]
    fn a_tall_picture_at_the_top_left_has_its_bar_on_the_right() {
        let letterbox = Letterbox::new(Fit::LetterboxTopLeft, (480, 960), (416, 416));
        assert_eq!(letterbox, Letterbox { left_px: 0, top_px: 0, width_px: 208, height_px: 416 });
    }

    #[test]
    fn stretching_fills_the_input() {
        let letterbox = Letterbox::new(Fit::Stretch, (1, 1000), (512, 256));
        assert_eq!((letterbox.width_px, letterbox.height_px), (512, 256));
    }
}
