//! Pure: what a camera does to a picture: exposure, colour, noise. It comes last, over animals and street alike.

use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// A camera's picture settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Brightness, 1 as the footage.
    pub gain: f32,
    /// Contrast around mid grey, 1 as the footage.
    pub contrast: f32,
    /// Warmth: red up and blue down by this share.
    pub warmth: f32,
    /// Standard deviation of the sensor's noise, in steps of 256.
    pub noise: f32,
}

/// A camera's settings made ready for pictures.
pub struct Develop {
    /// Blue, green, red.
    curves: [[u8; 256]; 3],
    noise: Vec<i8>,
}

/// A prime, so that the noise does not repeat in columns.
const NOISE_LEN: usize = 65_537;

impl Develop {
    /// Prepares the settings; `seed` is the noise's.
    pub fn new(look: &Look, seed: u64) -> Self {
        let curve = |channel_gain: f32| {
            std::array::from_fn(|v| {
                let lit = v as f32 * look.gain * channel_gain;
                ((lit - 118.0) * look.contrast + 118.0).round().clamp(0.0, 255.0) as u8
            })
        };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Four even draws add up to nearly a bell curve, of standard deviation 2 / sqrt(12).
        let mut bell = || (0..4).map(|_| random.random_range(-0.5..0.5f32)).sum::<f32>() * 1.732;
        let noise = (0..NOISE_LEN).map(|_| (bell() * look.noise).round().clamp(-127.0, 127.0) as i8).collect();
        Self { curves: [curve(1.0 - look.warmth), curve(1.0), curve(1.0 + look.warmth)], noise }
    }

    /// Develops one picture of interleaved BGR, in place. Its noise depends on the frame's number.
    pub fn apply(&self, bgr: &mut [u8], frame: u32) {
        let mut at = (frame as usize).wrapping_mul(40_503) % NOISE_LEN;
        let [blue, green, red] = &self.curves;
        for pixel in bgr.as_chunks_mut::<3>().0 {
            // Sensors are noisy in brightness far more than in colour, so one draw serves all three.
            let noise = self.noise[at];
            at = if at + 1 == NOISE_LEN { 0 } else { at + 1 };
            pixel[0] = blue[usize::from(pixel[0])].saturating_add_signed(noise);
            pixel[1] = green[usize::from(pixel[1])].saturating_add_signed(noise);
            pixel[2] = red[usize::from(pixel[2])].saturating_add_signed(noise);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { gain: 1.0, contrast: 1.0, warmth: 0.0, noise: 0.0 };

    #[test]
    fn a_plain_look_changes_nothing() {
        let mut picture: Vec<u8> = (0..=254).collect();
        Develop::new(&PLAIN, 1).apply(&mut picture, 3);
        assert_eq!(picture, (0..=254).collect::<Vec<u8>>());
    }

    #[test]
    fn noise_has_its_strength_and_differs_from_frame_to_frame() {
        let develop = Develop::new(&Look { noise: 3.0, ..PLAIN }, 1);
        let mut frames = [vec![128u8; 30_000], vec![128u8; 30_000]];
        for (i, frame) in frames.iter_mut().enumerate() {
            develop.apply(frame, i as u32);
        }
        let deviation =
            (frames[0].iter().map(|v| (f32::from(*v) - 128.0).powi(2)).sum::<f32>() / frames[0].len() as f32).sqrt();
        assert!((2.6..3.4).contains(&deviation), "{deviation}");
        assert_ne!(frames[0], frames[1]);
    }
}
