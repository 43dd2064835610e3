//! Pure: what is usual at each place of the picture, as a mixture of a few brightnesses.
//!
//! This is Zivkovic's adaptive mixture (Z. Zivkovic, F. van der Heijden, "Efficient adaptive density estimation
//! per image pixel for the task of background subtraction", Pattern Recognition Letters 27, 2006), which OpenCV
//! calls MOG2, for one channel and at most three modes, with two additions: light that changes everywhere at once
//! is taken over at once, and a change of the whole picture is learnt within seconds. OpenCV's own costs the agent
//! 24 MiB of libraries, and as much again for what those load.

use base::geometry::Rect;

use super::mask::Mask;
use super::{Brightness, Detector, Motion, MotionError, Params, merge};

/// So many looks are needed before the model knows what is usual; until then nothing moves.
const LEARNING_LOOKS: u32 = 8;
/// Looks that the model remembers: a minute and a half at five a second.
const HISTORY_LOOKS: u32 = 450;
/// More of the picture than this at once is the light, not an animal: learn it quickly.
const SCENE_CHANGE: f32 = 0.7;
/// How quickly then.
const SCENE_RATE: f32 = 0.3;
/// Modes of one place.
const MODES: usize = 3;
/// The heaviest modes that together weigh this much are what is usual. What stays becomes usual once what was
/// there weighs less: after `-ln(0.9) * HISTORY_LOOKS` = 47 looks, about ten seconds.
const USUAL_WEIGHT: f32 = 0.9;
/// A brightness this far from a mode, in variances, still belongs to it.
const BELONGS: f32 = 9.0;
/// Variance of a new mode, and the limits, in squared levels of 256.
const VARIANCE: (f32, f32, f32) = (4.0, 15.0, 75.0);
/// A mode that is not seen loses this much weight beside forgetting, in looks: modes by chance die out.
const PRIOR: f32 = 0.05;
/// A common change of brightness below this is noise, levels of 256.
const LIGHT_STEP: i32 = 2;

#[derive(Debug, Clone, Copy, Default)]
struct Mode {
    weight: f32,
    mean: f32,
    variance: f32,
}

/// The modes of one place, the heaviest first.
type Place = [Mode; MODES];

/// A background model of one stream.
#[derive(Debug)]
pub struct Background {
    params: Params,
    places: Vec<Place>,
    mask: Mask,
    looks: u32,
    size: (u32, u32),
}

impl Background {
    /// A model that knows nothing yet.
    pub fn new(params: Params) -> Self {
        Self { params, places: Vec::new(), mask: Mask::default(), looks: 0, size: (0, 0) }
    }

    fn begin(&mut self, picture: Brightness<'_>) {
        self.size = (picture.width, picture.height);
        self.looks = 0;
        let first = |&v: &u8| {
            let mode = Mode { weight: 1.0, mean: f32::from(v), variance: VARIANCE.1 };
            [mode, Mode::default(), Mode::default()]
        };
        self.places = picture.data.iter().map(first).collect();
        self.mask = Mask::new(picture.width as usize, picture.height as usize);
    }

    /// Takes a change of light that is the same everywhere into all modes, so that no place moves for it.
    fn follow_light(&mut self, picture: Brightness<'_>) {
        let step = common_step(picture.data, &self.places);
        if step.abs() >= LIGHT_STEP {
            let step = step as f32;
            self.places.iter_mut().flatten().for_each(|mode| mode.mean = (mode.mean + step).clamp(0.0, 255.0));
        }
    }

    fn learn(&mut self, picture: Brightness<'_>, rate: f32) {
        let threshold = self.params.threshold as f32;
        let seen = self.places.iter_mut().zip(picture.data);
        for ((place, &value), moves) in seen.zip(self.mask.cells_mut()) {
            *moves = !see(place, f32::from(value), rate, threshold);
        }
    }

    fn motion(&mut self, picture: Brightness<'_>) -> Motion {
        self.looks = self.looks.saturating_add(1);
        self.follow_light(picture);
        let rate = 1.0 / (2 * self.looks).min(HISTORY_LOOKS) as f32;
        self.learn(picture, rate);
        if self.looks <= LEARNING_LOOKS {
            return Motion::default();
        }
        self.mask.open();
        let pixels = picture.data.len() as f32;
        let score = self.mask.count() as f32 / pixels;
        if score > SCENE_CHANGE {
            self.learn(picture, SCENE_RATE);
            return Motion { boxes: vec![Rect::FULL], score };
        }
        // Grown, so that the legs and the back of one animal are one thing.
        self.mask.grow(2);
        let (width, height) = (picture.width as f32, picture.height as f32);
        let things = self.mask.things().into_iter().filter(|thing| thing.cells as f32 / pixels >= self.params.min_area);
        let boxes = things.map(|thing| Rect {
            x: thing.left as f32 / width,
            y: thing.top as f32 / height,
            w: (thing.right - thing.left) as f32 / width,
            h: (thing.bottom - thing.top) as f32 / height,
        });
        Motion { boxes: merge(boxes.collect()), score }
    }
}

impl Detector for Background {
    fn look(&mut self, picture: Brightness<'_>) -> Result<Motion, MotionError> {
        let Brightness { width, height, data } = picture;
        if data.is_empty() || data.len() != width as usize * height as usize {
            return Err(MotionError { width, height, bytes: data.len() });
        }
        if self.size != (width, height) {
            self.begin(picture);
        }
        Ok(self.motion(picture))
    }
}

/// Whether `value` is usual at `place`, which learns it.
#[inline]
fn see(place: &mut Place, value: f32, rate: f32, threshold: f32) -> bool {
    // Most places have known one brightness for long, and see it again.
    if place[1].weight <= 0.0 {
        let mode = &mut place[0];
        let off = value - mode.mean;
        let distance = off * off;
        if distance < BELONGS * mode.variance {
            mode.mean += rate * off;
            mode.variance = (mode.variance + rate * (distance - mode.variance)).clamp(VARIANCE.0, VARIANCE.2);
            return true;
        }
    }
    let (mut usual, mut fitted, mut total) = (false, false, 0.0);
    for at in 0..MODES {
        if place[at].weight <= 0.0 {
            break;
        }
        let before = total;
        let mode = &mut place[at];
        mode.weight = (1.0 - rate) * mode.weight - rate * PRIOR;
        let off = value - mode.mean;
        let distance = off * off;
        usual |= !fitted && before < USUAL_WEIGHT && distance < threshold * mode.variance;
        let mut now_at = at;
        if !fitted && distance < BELONGS * mode.variance {
            fitted = true;
            mode.weight += rate;
            let share = rate / mode.weight;
            mode.mean += share * off;
            mode.variance = (mode.variance + share * (distance - mode.variance)).clamp(VARIANCE.0, VARIANCE.2);
            while now_at > 0 && place[now_at].weight > place[now_at - 1].weight {
                place.swap(now_at, now_at - 1);
                now_at -= 1;
            }
        }
        if place[at].weight < rate * PRIOR {
            place[at].weight = 0.0;
        }
        total += place[at].weight;
    }
    if !fitted {
        total += admit(place, value, rate);
    }
    if total > 0.0 {
        let scale = 1.0 / total;
        place.iter_mut().for_each(|mode| mode.weight *= scale);
    }
    usual
}

/// A new mode in the place of the lightest; what it adds to the weight.
fn admit(place: &mut Place, value: f32, rate: f32) -> f32 {
    let last = place.iter().position(|mode| mode.weight <= 0.0).unwrap_or(MODES - 1);
    let lost = place[last].weight;
    let weight = if last == 0 { 1.0 } else { rate };
    place[last] = Mode { weight, mean: value, variance: VARIANCE.1 };
    let mut at = last;
    while at > 0 && place[at].weight > place[at - 1].weight {
        place.swap(at, at - 1);
        at -= 1;
    }
    weight - lost
}

/// By how many levels most of the picture is brighter than it mostly is: the median, from every few places.
fn common_step(data: &[u8], places: &[Place]) -> i32 {
    const EVERY: usize = 7;
    let mut counts = [0u32; 511];
    let mut seen = 0;
    for (&value, place) in data.iter().zip(places).step_by(EVERY) {
        let step = i32::from(value) - place[0].mean as i32;
        counts[(step + 255).clamp(0, 510) as usize] += 1;
        seen += 1;
    }
    let mut below = 0;
    let middle = counts.iter().position(|&count| {
        below += count;
        below * 2 > seen
    });
    middle.map_or(0, |at| at as i32 - 255)
}

#[cfg(test)]
mod tests;
