//! Pure: where something moves, as values, and how a picture was lit.
//!
//! [`background`] implements [`Detector`] with a background model; nothing else here knows of it.

pub mod background;
mod mask;

use base::geometry::Rect;
use base::wire::Light;

/// The longest side of the brightness picture that the gate looks at, pixels.
pub const GATE_SIDE_PX: u32 = 256;

/// What is tunable about looking for motion.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// The smallest moving thing, as a share of the picture.
    pub min_area: f32,
    /// How far a pixel must be from what it usually is, in variances.
    pub threshold: f64,
}

impl Default for Params {
    fn default() -> Self {
        // 0.0006 of 256x144 is about 22 pixels: a dog at the far end of a yard.
        Self { min_area: 0.0006, threshold: 24.0 }
    }
}

/// The brightness of one picture, 8 bits a pixel, rows without padding.
#[derive(Debug, Clone, Copy)]
pub struct Brightness<'a> {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// `width * height` bytes.
    pub data: &'a [u8],
}

/// What moved in one picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Motion {
    /// Around each moving thing, normalised, largest first, at most [`Motion::MAX_BOXES`].
    pub boxes: Vec<Rect>,
    /// Share of the picture that moved, 0..1.
    pub score: f32,
}

impl Motion {
    /// More boxes than this tell no more than that everything moves.
    pub const MAX_BOXES: usize = 16;

    /// Whether anything moved.
    pub fn moving(&self) -> bool {
        !self.boxes.is_empty()
    }
}

/// Tells what moves from what stays. One for each stream of pictures.
pub trait Detector: Send {
    /// Looks at the next picture.
    ///
    /// # Errors
    /// Its bytes do not fit its size.
    fn look(&mut self, picture: Brightness<'_>) -> Result<Motion, MotionError>;
}

/// Why a picture could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("the motion gate cannot look at a picture of {width}x{height} with {bytes} bytes")]
pub struct MotionError {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// What came.
    pub bytes: usize,
}

/// Joins boxes that touch, largest first, at most [`Motion::MAX_BOXES`].
pub fn merge(mut boxes: Vec<Rect>) -> Vec<Rect> {
    let touch = |a: &Rect, b: &Rect| a.x <= b.right() && b.x <= a.right() && a.y <= b.bottom() && b.y <= a.bottom();
    let mut i = 0;
    while i < boxes.len() {
        match (i + 1..boxes.len()).find(|&j| touch(&boxes[i], &boxes[j])) {
            Some(j) => {
                let other = boxes.swap_remove(j);
                boxes[i] = boxes[i].union(&other);
                i = 0; // what has grown may touch an earlier one
            }
            None => i += 1,
        }
    }
    boxes.sort_by(|a, b| b.area().total_cmp(&a.area()));
    boxes.truncate(Motion::MAX_BOXES);
    boxes
}

/// The same by the colour planes of a picture, whose grey is 128: `colour` is how far they are from it on average.
pub fn light_of_colour(colour: f32) -> Light {
    // Compression leaves a grey picture less than one; a dull day is above two.
    if colour < 1.3 { Light::Infrared } else { Light::Day }
}

/// Cameras turn grey when they switch to infrared: the channels of interleaved BGR then agree.
pub fn light(bgr: &[u8]) -> Light {
    const STEP: usize = 37; // coprime to usual widths, so that no column is looked at alone
    let spread = |p: &[u8]| {
        let (low, high) = p.iter().fold((u8::MAX, 0), |(low, high), &v| (low.min(v), high.max(v)));
        u64::from(high - low)
    };
    let (sum, count) =
        bgr.chunks_exact(3).step_by(STEP).fold((0, 0u64), |(sum, count), p| (sum + spread(p), count + 1));
    // Compression leaves a grey picture a spread of one or two; a dull day is well above five.
    if count > 0 && sum < 3 * count { Light::Infrared } else { Light::Day }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: f32, y: f32, w: f32, h: f32) -> Rect {
        Rect { x, y, w, h }
    }

    #[test]
    fn boxes_that_touch_become_one_and_the_largest_comes_first() {
        let merged = merge(vec![
            rect(0.8, 0.8, 0.1, 0.1),
            rect(0.0, 0.0, 0.2, 0.2),
            rect(0.3, 0.0, 0.2, 0.2),
            rect(0.1, 0.1, 0.25, 0.05),
        ]);
        assert_eq!(merged.len(), 2);
        assert!((merged[0].w - 0.5).abs() < 1e-6 && merged[1].x == 0.8, "{merged:?}");
    }

    #[test]
    fn a_grey_picture_is_infrared_and_a_coloured_one_is_not() {
        let grey: Vec<u8> = (0..3000u32).flat_map(|i| [(i % 200) as u8; 3]).collect();
        assert_eq!(light(&grey), Light::Infrared);
        let green: Vec<u8> = (0..3000).flat_map(|_| [60, 120, 70]).collect();
        assert_eq!((light(&green), light(&[])), (Light::Day, Light::Day));
    }
}
