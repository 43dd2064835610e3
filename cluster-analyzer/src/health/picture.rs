//! Pure: one small picture against what the camera is known to show.
//!
//! The view is known by the direction of its edges: at each pixel the gradient as a vector of twice its angle,
//! `((gx² - gy²), 2·gx·gy) / (|g|² + c)`, which does not change when light and dark are swapped, fades where
//! there is only noise, and averages to nothing where something passes (the structure tensor's orientation,
//! Bigün and Granlund 1987). Averaged over seconds it is compared with a reference place by place.

/// Pixels across.
pub const WIDTH: usize = 160;
/// Pixels down.
pub const HEIGHT: usize = 120;

const PIXELS: usize = WIDTH * HEIGHT;
/// Side of one place, pixels.
const PLACE_PX: usize = 20;
const ACROSS: usize = WIDTH / PLACE_PX;
/// Places of a picture.
pub const PLACES: usize = ACROSS * (HEIGHT / PLACE_PX);
const PLACE_AREA: f32 = (PLACE_PX * PLACE_PX) as f32;

/// Gradients of this size, grey levels a pixel, squared, count half.
const SOFT: f32 = 36.0;
/// A place has structure when its mean squared direction is above this.
const STRUCTURE: f32 = 0.02;
/// A place shows what it used to when the correlation of its directions is above this.
const SAME: f32 = 0.35;
/// A place has detail when its mean gradient is above this, grey levels a pixel.
const DETAIL: f32 = 1.5;
/// Detail below this share of what it was is lost.
const LOST: f32 = 0.25;
/// A reference needs so many places with structure.
const FEWEST_PLACES: usize = 4;

/// The view of now is an average over about so long, µs.
const VIEW_US: f32 = 5e6;
/// What detail is usual is an average over about so long, µs: dusk is slower, a hand is faster.
const DETAIL_US: f32 = 600e6;
/// A reference is learnt from at least so many pictures over at least so long.
const LEARN_PICTURES: u32 = 20;
const LEARN_US: i64 = 10_000_000;

/// A picture is the same as an earlier one when its pixels differ by less than this on average, grey levels.
const STILL_MEAN: f32 = 0.05;
/// And nowhere by more than this.
const STILL_MOST: u8 = 8;
/// The same picture so often is frozen; seldom frames of a still scene may be alike by chance.
const STILL_PICTURES: u32 = 5;

/// What one picture tells.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct View {
    /// Mean brightness, 0..255.
    pub mean: f32,
    /// Brightness that one pixel in a hundred exceeds, 0..255.
    pub bright: u8,
    /// For how long the picture has been the same, µs.
    pub still_us: i64,
    /// Share of the places with usual detail that have lost it, 0..1; `None` while none is known.
    pub lost: Option<f32>,
    /// Places of the reference that show what they did, and all of them; `None` while none is known.
    pub kept: Option<(u32, u32)>,
    /// Share of places whose structure stands still, 0..1: what passes before a camera has none.
    pub steady: f32,
}

impl View {
    /// Share of the reference's places that show what they did.
    pub fn kept_share(&self) -> Option<f32> {
        self.kept.map(|(kept, all)| kept as f32 / all.max(1) as f32)
    }
}

/// A view as it was when the camera's zones were drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Directions, x of all pixels and then y, each scaled by 127.
    pub directions: Vec<i8>,
    /// Usual detail of each place, grey levels a pixel; follows slowly.
    pub detail: Vec<f32>,
}

/// One camera under one light.
#[derive(Debug, Default)]
pub struct Eye {
    reference: Option<Reference>,
    now: Vec<f32>,
    looked_at_us: i64,
    learning: Learning,
    anchor: Option<(Vec<u8>, i64, u32)>,
}

#[derive(Debug, Default)]
struct Learning {
    directions: Vec<f32>,
    detail: Vec<f32>,
    pictures: u32,
    since_us: i64,
}

impl Eye {
    /// An eye that knows this reference, or will learn one.
    pub fn new(reference: Option<Reference>) -> Self {
        Self { reference, ..Self::default() }
    }

    /// What it knows.
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    /// Looks at a picture of [`WIDTH`] x [`HEIGHT`] at a time in µs; the second value is true when this very
    /// picture has made the reference complete.
    pub fn look(&mut self, luma: &[u8], at_us: i64) -> (View, bool) {
        let (mean, bright) = brightness(luma);
        let still_us = self.still(luma, at_us);
        if luma.len() != PIXELS {
            return (View { mean, bright, ..View::default() }, false);
        }
        let (directions, detail) = edges(luma);
        let past_us = at_us.saturating_sub(self.looked_at_us).max(0) as f32;
        self.looked_at_us = at_us;
        follow(&mut self.now, &directions, past_us / VIEW_US);
        let learnt = self.reference.is_none() && self.learn(&directions, &detail, at_us, bright);
        let lost = match &mut self.reference {
            Some(reference) => lost(&mut reference.detail, &detail, past_us / DETAIL_US),
            // Long looked for, and nothing there that could be known again.
            None => (self.learning.pictures > 2 * LEARN_PICTURES).then_some(1.0),
        };
        let kept = self.reference.as_ref().map(|reference| kept(&reference.directions, &self.now));
        let steady = structured(&self.now).iter().filter(|s| **s).count() as f32 / PLACES as f32;
        (View { mean, bright, still_us, lost, kept, steady }, learnt)
    }

    /// For how long the picture has been this one.
    fn still(&mut self, luma: &[u8], at_us: i64) -> i64 {
        match &mut self.anchor {
            Some((anchor, since_us, pictures)) if same(anchor, luma) => {
                *pictures += 1;
                if *pictures >= STILL_PICTURES { at_us - *since_us } else { 0 }
            }
            anchor => {
                *anchor = Some((luma.to_vec(), at_us, 1));
                0
            }
        }
    }

    fn learn(&mut self, directions: &[f32], detail: &[f32], at_us: i64, bright: u8) -> bool {
        // In the dark there is nothing to learn.
        if bright < super::lane::DARK_BRIGHT {
            self.learning = Learning::default();
            return false;
        }
        let learning = &mut self.learning;
        if learning.pictures == 0 {
            (learning.directions, learning.detail) = (vec![0.0; directions.len()], vec![0.0; detail.len()]);
            learning.since_us = at_us;
        }
        learning.pictures += 1;
        let share = 1.0 / learning.pictures as f32;
        mix(&mut learning.directions, directions, share);
        mix(&mut learning.detail, detail, share);
        if learning.pictures < LEARN_PICTURES || at_us - learning.since_us < LEARN_US {
            return false;
        }
        if structured(&learning.directions).iter().filter(|s| **s).count() < FEWEST_PLACES {
            return false;
        }
        let Learning { directions, detail, .. } = std::mem::take(learning);
        let directions = directions.iter().map(|d| (d * 127.0).round() as i8).collect();
        self.reference = Some(Reference { directions, detail });
        true
    }
}

fn brightness(luma: &[u8]) -> (f32, u8) {
    let mut counts = [0usize; 256];
    luma.iter().for_each(|y| counts[usize::from(*y)] += 1);
    let sum: usize = counts.iter().enumerate().map(|(y, n)| y * n).sum();
    let mut above = luma.len() / 100;
    let bright = (0..=255u8).rev().find(|y| {
        let n = counts[usize::from(*y)];
        let found = n > above;
        above = above.saturating_sub(n);
        found
    });
    (sum as f32 / luma.len().max(1) as f32, bright.unwrap_or(0))
}

fn same(anchor: &[u8], luma: &[u8]) -> bool {
    if anchor.len() != luma.len() {
        return false;
    }
    let mut sum = 0u32;
    for (a, b) in anchor.iter().zip(luma) {
        let off = a.abs_diff(*b);
        if off > STILL_MOST {
            return false;
        }
        sum += u32::from(off);
    }
    (sum as f32) < STILL_MEAN * luma.len() as f32
}

/// Directions (x of all pixels, then y) and the mean gradient of each place.
fn edges(luma: &[u8]) -> (Vec<f32>, Vec<f32>) {
    let mut directions = vec![0.0f32; 2 * PIXELS];
    let mut detail = vec![0.0f32; PLACES];
    let (xs, ys) = directions.split_at_mut(PIXELS);
    for row in 1..HEIGHT - 1 {
        for column in 1..WIDTH - 1 {
            let i = row * WIDTH + column;
            let gx = (f32::from(luma[i + 1]) - f32::from(luma[i - 1])) / 2.0;
            let gy = (f32::from(luma[i + WIDTH]) - f32::from(luma[i - WIDTH])) / 2.0;
            let size = gx * gx + gy * gy;
            xs[i] = (gx * gx - gy * gy) / (size + SOFT);
            ys[i] = 2.0 * gx * gy / (size + SOFT);
            detail[place(i)] += size.sqrt() / PLACE_AREA;
        }
    }
    (directions, detail)
}

fn place(pixel: usize) -> usize {
    let (row, column) = (pixel / WIDTH, pixel % WIDTH);
    row / PLACE_PX * ACROSS + column / PLACE_PX
}

/// Moves an average towards a new value by `1 - exp(-steps)`; an empty one becomes the value.
fn follow(average: &mut Vec<f32>, value: &[f32], steps: f32) {
    if average.len() != value.len() {
        return value.clone_into(average);
    }
    mix(average, value, 1.0 - (-steps).exp());
}

fn mix(average: &mut [f32], value: &[f32], share: f32) {
    average.iter_mut().zip(value).for_each(|(a, v)| *a += share * (v - *a));
}

/// Which places have structure.
fn structured(directions: &[f32]) -> [bool; PLACES] {
    let mut sums = [0.0f32; PLACES];
    for i in 0..PIXELS {
        let (x, y) = (directions[i], directions[PIXELS + i]);
        sums[place(i)] += x * x + y * y;
    }
    sums.map(|sum| sum > STRUCTURE * PLACE_AREA)
}

/// Of the reference's places with structure: which show it now, and how many there are.
fn kept(reference: &[i8], now: &[f32]) -> (u32, u32) {
    let mut sums = [(0.0f32, 0.0f32, 0.0f32); PLACES];
    for i in 0..PIXELS {
        let (rx, ry) = (f32::from(reference[i]) / 127.0, f32::from(reference[PIXELS + i]) / 127.0);
        let (x, y) = (now[i], now[PIXELS + i]);
        let (both, theirs, ours) = &mut sums[place(i)];
        *both += rx * x + ry * y;
        *theirs += rx * rx + ry * ry;
        *ours += x * x + y * y;
    }
    let known = sums.iter().filter(|(_, theirs, _)| *theirs > STRUCTURE * PLACE_AREA);
    let (mut same, mut all) = (0, 0);
    for (both, theirs, ours) in known {
        all += 1;
        same += u32::from(*both > SAME * (theirs * ours).sqrt());
    }
    (same, all)
}

/// Share of the places with usual detail that have lost it. What is usual follows slowly, and not while half of
/// it is gone.
fn lost(usual: &mut [f32], detail: &[f32], steps: f32) -> Option<f32> {
    let pairs = usual.iter().zip(detail).filter(|(usual, _)| **usual > DETAIL);
    let (mut gone, mut all) = (0, 0);
    for (usual, now) in pairs {
        all += 1;
        gone += u32::from(*now < LOST * usual);
    }
    let share = (all >= FEWEST_PLACES).then(|| gone as f32 / all as f32);
    if share.is_none_or(|share| share < 0.5) {
        mix(usual, detail, 1.0 - (-steps).exp());
    }
    share
}
