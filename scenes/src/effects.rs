//! Pure: what night, weather and a lens do to a camera's picture, between the street and the sensor's noise.

use crate::world::{HEIGHT, WIDTH};

/// What comes between the street and the sensor. All off by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// Infrared: grey, and lit by the camera's own lamp.
    pub night: Option<Night>,
    /// Rain.
    pub rain: Option<Rain>,
    /// Share of what lies 60 m away that fog hides, 0 to 1.
    pub fog: f32,
    /// Shadows of clouds, and steps of brightness.
    pub clouds: Option<Clouds>,
    /// How far the camera shakes, pixels.
    pub shake_px: f32,
    /// Insects on or before the lens.
    pub insects: Vec<Insect>,
}

/// Infrared light.
#[derive(Debug, Clone, PartialEq)]
pub struct Night {
    /// Brightness in the middle of the lamp's light, 1 as by day.
    pub gain: f32,
    /// What is left of it in the corners, 0 to 1.
    pub corners: f32,
}

/// Rain.
#[derive(Debug, Clone, PartialEq)]
pub struct Rain {
    /// When it begins, seconds of the clip.
    pub from_s: f32,
    /// Drops in each picture.
    pub drops: u32,
    /// How far they slant: pixels across for each pixel down.
    pub slant: f32,
}

/// Clouds before the sun.
#[derive(Debug, Clone, PartialEq)]
pub struct Clouds {
    /// How dark their shadows are, 0 to 1.
    pub depth: f32,
    /// Shadows that pass in a second.
    pub per_s: f32,
    /// When the camera's exposure steps, seconds of the clip.
    pub step_s: f32,
    /// To which brightness.
    pub step_gain: f32,
}

/// An insect that flies before the lens, or crawls on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Insect {
    /// When it comes, seconds of the clip.
    pub from_s: f32,
    /// When it has gone.
    pub to_s: f32,
    /// Where it comes from, where it turns, where it goes to, pixels of the picture.
    pub way: [[f32; 2]; 3],
    /// Half its length, pixels.
    pub radius_px: f32,
    /// Added to the picture, steps of 256; below zero is a dark one.
    pub light: f32,
}

/// Noise that is the same for the same numbers.
pub fn hash(seed: u64, a: u32, b: u32) -> u32 {
    let mut h = seed ^ (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (h >> 32) as u32
}

/// The same, -1 to 1.
fn chance(seed: u64, a: u32, b: u32) -> f32 {
    hash(seed, a, b) as f32 / u32::MAX as f32 * 2.0 - 1.0
}

/// Effects made ready for the pictures of one clip.
pub struct Prepared {
    effects: Effects,
    seed: u64,
    /// Of the lamp's light, 256 is 1; empty by day.
    lamp: Vec<u16>,
    /// For each row the share that fog hides, of 256; empty without.
    fog: Vec<u16>,
}

impl Prepared {
    /// Prepares effects. `street_y` gives for a row of the picture its row in the street, which says how far away
    /// that is.
    pub fn new(effects: &Effects, seed: u64, street_y: impl Fn(u32) -> f32) -> Self {
        let lamp = effects.night.as_ref().map(lamp).unwrap_or_default();
        let fog = (0..HEIGHT)
            .map(|row| {
                let away_m = (5905.0 / street_y(row).max(30.0)).min(150.0);
                (256.0 * effects.fog * (1.0 - (-away_m / 60.0).exp()) / 0.632).clamp(0.0, 250.0) as u16
            })
            .collect();
        Self { effects: effects.clone(), seed, lamp, fog: if effects.fog > 0.0 { fog } else { Vec::new() } }
    }

    /// How far the picture is off at a frame, pixels.
    pub fn shake(&self, frame: u32) -> [f32; 2] {
        let amount = self.effects.shake_px;
        if amount == 0.0 {
            return [0.0, 0.0];
        }
        let t = frame as f32 / 10.0;
        // A pole in gusts: slow swings, and a shiver.
        let gust = 0.6 + 0.4 * (0.7 * t).sin();
        let x = (t * 7.1).sin() * 0.5 + (t * 17.3 + 1.0).sin() * 0.3 + 0.35 * chance(self.seed, frame, 1);
        let y = (t * 9.7 + 2.0).sin() * 0.35 + 0.35 * chance(self.seed, frame, 2);
        [x * amount * gust, y * amount * gust]
    }

    /// Applies all but the shaking to a picture of interleaved BGR, in place.
    pub fn apply(&self, bgr: &mut [u8], frame: u32) {
        let t_s = frame as f32 / 10.0;
        if let Some(clouds) = &self.effects.clouds {
            shade(bgr, clouds, t_s);
        }
        if !self.fog.is_empty() {
            fog(bgr, &self.fog);
        }
        if !self.lamp.is_empty() {
            infrared(bgr, &self.lamp);
        }
        if let Some(rain) = self.effects.rain.as_ref().filter(|rain| t_s >= rain.from_s) {
            self.rain(bgr, rain, frame);
        }
        for (number, insect) in self.effects.insects.iter().enumerate() {
            self.insect(bgr, insect, number as u32, frame);
        }
    }

    fn rain(&self, bgr: &mut [u8], rain: &Rain, frame: u32) {
        for drop in 0..rain.drops {
            let number = hash(self.seed, frame, drop);
            let (x, y) = ((number % WIDTH) as f32, ((number >> 12) % HEIGHT) as i32);
            let near = (number >> 24) % 3;
            let (length, light) = (6 + 7 * near as i32, 22 + 12 * near as u8);
            for step in 0..length {
                let column = (x + step as f32 * rain.slant) as i32;
                if (0..WIDTH as i32).contains(&column) && y + step < HEIGHT as i32 {
                    let at = 3 * ((y + step) * WIDTH as i32 + column) as usize;
                    for value in &mut bgr[at..at + 3] {
                        *value = value.saturating_add(light - light / 4 * (*value >> 6));
                    }
                }
            }
        }
    }

    fn insect(&self, bgr: &mut [u8], insect: &Insect, number: u32, frame: u32) {
        let t_s = frame as f32 / 10.0;
        if t_s < insect.from_s || t_s > insect.to_s {
            return;
        }
        let share = (t_s - insect.from_s) / (insect.to_s - insect.from_s).max(0.1);
        let [a, b, c] = insect.way;
        let curve = |i: usize| {
            let rest = 1.0 - share;
            rest * rest * a[i] + 2.0 * share * rest * b[i] + share * share * c[i]
        };
        let flutter = insect.radius_px * 0.25;
        let (x, y) = (
            curve(0) + flutter * chance(self.seed ^ 7, frame, number),
            curve(1) + flutter * chance(self.seed ^ 9, frame, number),
        );
        // Along its way, and twice as long as wide.
        let (dx, dy) = (c[0] - a[0], c[1] - a[1]);
        let norm = dx.hypot(dy).max(1.0);
        let (ux, uy) = (dx / norm, dy / norm);
        let reach = (insect.radius_px * 1.6) as i32;
        for row in (y as i32 - reach).max(0)..(y as i32 + reach).min(HEIGHT as i32) {
            for column in (x as i32 - reach).max(0)..(x as i32 + reach).min(WIDTH as i32) {
                let (px, py) = (column as f32 - x, row as f32 - y);
                let (along, across) = (px * ux + py * uy, px * uy - py * ux);
                let far = (along / insect.radius_px).powi(2) + (across * 1.9 / insect.radius_px).powi(2);
                let light = insect.light * (-1.4 * far * far).exp();
                let at = 3 * (row * WIDTH as i32 + column) as usize;
                for value in &mut bgr[at..at + 3] {
                    *value = (f32::from(*value) + light).clamp(0.0, 255.0) as u8;
                }
            }
        }
    }
}

fn lamp(night: &Night) -> Vec<u16> {
    let (cx, cy) = (WIDTH as f32 * 0.5, HEIGHT as f32 * 0.58);
    (0..WIDTH * HEIGHT)
        .map(|i| {
            let (dx, dy) = (((i % WIDTH) as f32 - cx) / cx, ((i / WIDTH) as f32 - cy) / cy);
            let far = (0.75 * dx * dx + dy * dy).min(1.6) / 1.6;
            (256.0 * night.gain * (1.0 - (1.0 - night.corners) * far)).max(0.0) as u16
        })
        .collect()
}

fn infrared(bgr: &mut [u8], lamp: &[u16]) {
    for (pixel, light) in bgr.as_chunks_mut::<3>().0.iter_mut().zip(lamp) {
        // Leaves and fur are bright in infrared, so red and green count for more than the eye gives them.
        let grey = (u32::from(pixel[0]) * 20 + u32::from(pixel[1]) * 130 + u32::from(pixel[2]) * 106) >> 8;
        let lit = ((grey * u32::from(*light)) >> 8).min(255) as u8;
        *pixel = [lit; 3];
    }
}

fn fog(bgr: &mut [u8], rows: &[u16]) {
    for (line, hides) in bgr.chunks_exact_mut(3 * WIDTH as usize).zip(rows) {
        let (fogged, rest) = (u32::from(*hides) * 196, 256 - u32::from(*hides));
        for value in line {
            *value = ((u32::from(*value) * rest + fogged) >> 8) as u8;
        }
    }
}

fn shade(bgr: &mut [u8], clouds: &Clouds, t_s: f32) {
    const STEPS: usize = 1024;
    let step = if t_s >= clouds.step_s { clouds.step_gain } else { 1.0 };
    let gains: Vec<u32> = (0..STEPS)
        .map(|i| {
            let wave = (i as f32 / STEPS as f32 * std::f32::consts::TAU).sin();
            // Light and shadow with a soft edge between them.
            let shadow = 0.5 + 0.5 * (wave * 4.0).tanh();
            (256.0 * step * (1.0 - clouds.depth * shadow)) as u32
        })
        .collect();
    let begin = (t_s * clouds.per_s * STEPS as f32) as usize;
    for (row, line) in bgr.chunks_exact_mut(3 * WIDTH as usize).enumerate() {
        for (column, pixel) in line.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let gain = gains[(begin + column / 2 + row) % STEPS];
            for value in pixel {
                *value = ((u32::from(*value) * gain) >> 8).min(255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(effects: Effects) -> Prepared {
        Prepared::new(&effects, 3, |row| row as f32)
    }

    fn grey() -> Vec<u8> {
        vec![100; (3 * WIDTH * HEIGHT) as usize]
    }

    #[test]
    fn without_effects_a_picture_stays_as_it_is() {
        let mut picture = grey();
        let prepared = prepared(Effects::default());
        prepared.apply(&mut picture, 5);
        assert_eq!((picture, prepared.shake(5)), (grey(), [0.0, 0.0]));
    }

    #[test]
    fn rain_begins_when_it_should() {
        let rain = Rain { from_s: 1.0, drops: 200, slant: 0.1 };
        let prepared = prepared(Effects { rain: Some(rain), ..Effects::default() });
        let (mut before, mut after) = (grey(), grey());
        prepared.apply(&mut before, 9);
        prepared.apply(&mut after, 10);
        assert_eq!(before, grey());
        let wet = after.iter().filter(|value| **value > 100).count();
        assert!((2_000..20_000).contains(&wet), "{wet}");
    }

    #[test]
    fn night_is_grey_and_darker_in_the_corners() {
        let night = Night { gain: 0.8, corners: 0.3 };
        let prepared = prepared(Effects { night: Some(night), ..Effects::default() });
        let mut picture: Vec<u8> = [200, 100, 50].repeat((WIDTH * HEIGHT) as usize);
        prepared.apply(&mut picture, 0);
        assert!(picture.as_chunks::<3>().0.iter().all(|p| p[0] == p[1] && p[1] == p[2]));
        let middle = picture[3 * (HEIGHT / 2 * WIDTH + WIDTH / 2) as usize];
        assert!(middle > 2 * picture[0], "{middle} {}", picture[0]);
    }

    #[test]
    fn fog_hides_what_is_far_more_than_what_is_near() {
        let mut picture = grey();
        prepared(Effects { fog: 0.5, ..Effects::default() }).apply(&mut picture, 0);
        let row = |y: u32| picture[(3 * y * WIDTH) as usize];
        assert!(row(60) > row(300) && row(300) > row(570) && row(570) > 100);
    }
}
