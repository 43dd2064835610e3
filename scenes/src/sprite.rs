//! Pure: a photograph, posed for one moment and put into a picture.

use crate::gait::Gait;
use crate::plan::{Stance, Tint};

/// Room around the outline for rocking, rising and swinging, in shares of the height.
const MARGIN: f32 = 0.12;
/// What the footage's haze leaves of a photograph's contrast.
const CONTRAST: f32 = 0.92;
const BLACK_LEVEL: f32 = 10.0;
/// What a cheap camera leaves of a photograph's colour.
const COLOUR: f32 = 0.85;
/// Greener than this over the other colours (steps of 256) is grass.
const GRASS_GREEN: u8 = 30;
/// What the lawn's light may leave on fur.
const FUR_GREEN: u8 = 6;

/// A picture with transparency: interleaved BGRA, 8 bits a channel, colour already multiplied by alpha.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sprite {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `4 * width * height` bytes.
    pub bgra: Vec<u8>,
}

/// A sprite at its place in a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posed {
    /// Left edge in the picture; may be outside it.
    pub left: i32,
    /// Top edge in the picture.
    pub top: i32,
    /// What is there.
    pub sprite: Sprite,
}

impl Sprite {
    /// Makes a sprite of a photograph whose colour is not yet multiplied by alpha: grass around the feet taken
    /// out if asked, cut to what is in it, and matched to a scene of this mean brightness. None when nothing is
    /// in it.
    pub fn from_photograph(width: usize, height: usize, mut bgra: Vec<u8>, grass: bool, scene: f32) -> Option<Self> {
        for (i, pixel) in bgra.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let grey_green = pixel[0].max(pixel[2]);
            // Only at the feet, and only what is plainly green: shaded fur on a lawn is a little green too.
            let tuft = grass && i / width > height * 7 / 10 && pixel[1].saturating_sub(grey_green) > GRASS_GREEN;
            if pixel[3] < 24 || tuft {
                pixel[3] = 0;
            }
            if grass {
                pixel[1] = pixel[1].min(grey_green.saturating_add(FUR_GREEN));
            }
        }
        match_to_scene(&mut bgra, scene);
        for pixel in bgra.as_chunks_mut::<4>().0 {
            let alpha = u16::from(pixel[3]);
            for channel in &mut pixel[..3] {
                *channel = (u16::from(*channel) * alpha / 255) as u8;
            }
        }
        Self { width, height, bgra }.cut()
    }

    /// The sprite as a statue or a poster of what it shows.
    pub fn tinted(mut self, tint: Tint) -> Self {
        let toned = |bgra: &mut [u8], tone: [f32; 3], light: f32| {
            for pixel in bgra.as_chunks_mut::<4>().0 {
                let grey = luma(pixel);
                let base = f32::from(pixel[3]) * light;
                for (channel, tone) in pixel[..3].iter_mut().zip(tone) {
                    *channel = ((base + grey * (1.0 - light)) * tone).min(255.0) as u8;
                }
            }
        };
        match tint {
            Tint::Natural => self,
            Tint::Stone => {
                toned(&mut self.bgra, [0.92, 0.97, 1.0], 0.3);
                self
            }
            Tint::Bronze => {
                toned(&mut self.bgra, [0.42, 0.55, 0.66], 0.12);
                self
            }
            Tint::Poster => self.on_a_board(),
        }
    }

    /// Printed on a pale board with a dark frame, on two posts.
    fn on_a_board(&self) -> Self {
        let (width, board) = (self.width * 12 / 10 + 8, self.height * 14 / 10 + 8);
        let height = board * 14 / 10;
        let (left, top) = ((width - self.width) / 2, (board - self.height) / 2);
        let frame = width / 40 + 1;
        let mut bgra = Vec::with_capacity(4 * width * height);
        for y in 0..height {
            for x in 0..width {
                let rim = y < frame || y + frame >= board || x < frame || x + frame >= width;
                let post = (x >= width / 8 && x < width / 8 + 2 * frame)
                    || (x + width / 8 < width && x + width / 8 + 2 * frame >= width);
                let printed = x >= left && y >= top && x - left < self.width && y - top < self.height;
                bgra.extend(match (y < board, rim, post, printed) {
                    (true, true, ..) | (false, _, true, _) => [52, 58, 60, 255],
                    (false, ..) => [0, 0, 0, 0],
                    (true, _, _, true) => {
                        let at = 4 * ((y - top) * self.width + x - left);
                        let alpha = u16::from(self.bgra[at + 3]);
                        let over = |i: usize, paper: u16| {
                            (u16::from(self.bgra[at + i]) + paper * (255 - alpha) / 255).min(255) as u8
                        };
                        [over(0, 168), over(1, 186), over(2, 190), 255]
                    }
                    _ => [168, 186, 190, 255],
                });
            }
        }
        Self { width, height, bgra }
    }

    /// Width over height.
    pub fn aspect(&self) -> f32 {
        self.width as f32 / self.height as f32
    }

    /// Without the empty rows and columns around it. A row with a stray pixel or two counts as empty.
    fn cut(&self) -> Option<Self> {
        let solid = |x: usize, y: usize| self.bgra[4 * (y * self.width + x) + 3] > 96;
        let rows: Vec<usize> =
            (0..self.height).filter(|&y| (0..self.width).filter(|&x| solid(x, y)).count() > 2).collect();
        let columns: Vec<usize> =
            (0..self.width).filter(|&x| (0..self.height).filter(|&y| solid(x, y)).count() > 2).collect();
        let (&top, &bottom, &left, &right) = (rows.first()?, rows.last()?, columns.first()?, columns.last()?);
        let bgra = (top..=bottom)
            .flat_map(|y| &self.bgra[4 * (y * self.width + left)..4 * (y * self.width + right + 1)])
            .copied()
            .collect();
        Some(Self { width: right - left + 1, height: bottom - top + 1, bgra })
    }

    /// The pixel at a place between pixels, mixed of its four neighbours; transparent outside.
    fn sample(&self, x: f32, y: f32) -> [f32; 4] {
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = (x - x0, y - y0);
        let mut sum = [0.0; 4];
        for (dx, dy, weight) in
            [(0, 0, (1.0 - fx) * (1.0 - fy)), (1, 0, fx * (1.0 - fy)), (0, 1, (1.0 - fx) * fy), (1, 1, fx * fy)]
        {
            let (px, py) = (x0 as i32 + dx, y0 as i32 + dy);
            if px >= 0 && py >= 0 && (px as usize) < self.width && (py as usize) < self.height {
                let at = 4 * (py as usize * self.width + px as usize);
                for (total, value) in sum.iter_mut().zip(&self.bgra[at..at + 4]) {
                    *total += weight * f32::from(*value);
                }
            }
        }
        sum
    }

    /// The sprite, already of the stance's height, turned, bent and placed. `mirrored`: left and right
    /// exchanged; `narrowed`: what turning leaves of its width, 0 to 1.
    pub fn posed(&self, stance: &Stance, gait: &Gait, mirrored: bool, narrowed: f32) -> Posed {
        let (width_px, height_px) = (self.width as f32 * narrowed, self.height as f32);
        let margin = (MARGIN * height_px).ceil();
        let left = (stance.foot.x - width_px / 2.0 - margin).floor();
        let top = (stance.foot.y - height_px - margin).floor();
        let (width, height) =
            ((width_px + 2.0 * margin).ceil() as usize + 1, (height_px + 2.0 * margin).ceil() as usize);
        let (sin, cos) = gait.rock().sin_cos();
        let mut bgra = Vec::with_capacity(4 * width * height);
        for y in 0..height {
            for x in 0..width {
                // From the foot, right and up; then turned back, into the photograph.
                let (dx, dy) = (left + x as f32 + 0.5 - stance.foot.x, top + y as f32 + 0.5 - stance.foot.y);
                let (dx, dy) = (if mirrored { -dx } else { dx }, dy + gait.rise() * height_px);
                let (rx, ry) = (dx * cos + dy * sin, dy * cos - dx * sin);
                let (u, v) = gait.source_of(0.5 + rx / width_px, 1.0 + ry / height_px);
                let pixel = self.sample(u * self.width as f32 - 0.5, v * height_px - 0.5);
                bgra.extend(pixel.map(|value| value.round() as u8));
            }
        }
        Posed { left: left as i32, top: top as i32, sprite: Self { width, height, bgra } }
    }
}

impl Posed {
    /// Puts the sprite into a picture of interleaved BGR. `hidden` says for each of the sprite's pixels how much
    /// of it something nearer covers: 0 nothing, 255 all.
    pub fn blend(&self, bgr: &mut [u8], width: usize, hidden: &[u8]) {
        self.each(bgr, width, |i, pixel| {
            let source = &self.sprite.bgra[4 * i..4 * i + 4];
            let shown = 255 - u32::from(hidden[i]);
            let rest = 255 - u32::from(source[3]) * shown / 255;
            for (under, over) in pixel.iter_mut().zip(source) {
                *under = ((u32::from(*over) * shown + u32::from(*under) * rest) / 255).min(255) as u8;
            }
        });
    }

    /// Marks in `hidden` what this sprite, which is nearer, covers of a farther one.
    pub fn cover(&self, farther: &Posed, hidden: &mut [u8]) {
        let (width, height) = (self.sprite.width as i32, self.sprite.height as i32);
        let (dx, dy) = (farther.left - self.left, farther.top - self.top);
        for y in (-dy).max(0)..(height - dy).min(farther.sprite.height as i32) {
            for x in (-dx).max(0)..(width - dx).min(farther.sprite.width as i32) {
                let alpha = self.sprite.bgra[4 * ((y + dy) * width + x + dx) as usize + 3];
                let there = &mut hidden[(y * farther.sprite.width as i32 + x) as usize];
                *there = (*there).max(alpha);
            }
        }
    }

    /// The share of the sprite that shows, 0 to 1, when `hidden` is covered.
    pub fn shown(&self, hidden: &[u8]) -> f32 {
        let (mut all, mut shown) = (0u64, 0u64);
        for (pixel, hidden) in self.sprite.bgra.as_chunks::<4>().0.iter().zip(hidden) {
            all += u64::from(pixel[3]) * 255;
            shown += u64::from(pixel[3]) * u64::from(255 - hidden);
        }
        if all > 0 { shown as f32 / all as f32 } else { 0.0 }
    }

    /// Darkens a picture under the sprite's alpha by up to `strength`, 0 to 1.
    pub fn shade(&self, bgr: &mut [u8], width: usize, strength: f32) {
        self.each(bgr, width, |i, pixel| {
            let left = 1.0 - strength * f32::from(self.sprite.bgra[4 * i + 3]) / 255.0;
            for under in pixel {
                *under = (f32::from(*under) * left) as u8;
            }
        });
    }

    /// Calls with the index of each of the sprite's pixels that lies in the picture, and that picture's pixel.
    fn each(&self, bgr: &mut [u8], width: usize, mut paint: impl FnMut(usize, &mut [u8])) {
        let rows = bgr.len() / 3 / width;
        for y in 0..self.sprite.height {
            let Some(row) = usize::try_from(self.top + y as i32).ok().filter(|row| *row < rows) else { continue };
            for x in 0..self.sprite.width {
                let i = y * self.sprite.width + x;
                if self.sprite.bgra[4 * i + 3] == 0 {
                    continue;
                }
                if let Some(column) = usize::try_from(self.left + x as i32).ok().filter(|column| *column < width) {
                    let at = 3 * (row * width + column);
                    paint(i, &mut bgr[at..at + 3]);
                }
            }
        }
    }
}

/// Takes a photograph a third of the way to the scene's brightness, and its contrast and colour to CCTV's.
fn match_to_scene(bgra: &mut [u8], scene: f32) {
    let (mut sum, mut weight) = (0.0f64, 0.0f64);
    for pixel in bgra.as_chunks::<4>().0 {
        sum += f64::from(luma(pixel)) * f64::from(pixel[3]);
        weight += f64::from(pixel[3]);
    }
    let mean = if weight > 0.0 { (sum / weight) as f32 } else { scene };
    let gain = (scene / mean.max(1.0)).powf(1.0 / 3.0).clamp(0.75, 1.35);
    for pixel in bgra.as_chunks_mut::<4>().0 {
        let grey = luma(pixel);
        for channel in &mut pixel[..3] {
            let coloured = grey + (f32::from(*channel) - grey) * COLOUR;
            *channel = (BLACK_LEVEL + coloured * gain * CONTRAST).clamp(0.0, 255.0) as u8;
        }
    }
}

fn luma(bgr: &[u8]) -> f32 {
    0.114 * f32::from(bgr[0]) + 0.587 * f32::from(bgr[1]) + 0.299 * f32::from(bgr[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Pose;
    use crate::world::Px;

    fn half_red(width: usize, height: usize) -> Sprite {
        let bgra = (0..width * height)
            .flat_map(|i| if i % width < width / 2 { [0, 0, 255, 255] } else { [255, 0, 0, 255] })
            .collect();
        Sprite { width, height, bgra }
    }

    fn standing() -> Gait {
        Gait::of(&Pose { foot: Px::new(0.0, 1.0), facing: 1.0, walked_m: 0.0, speed_mps: 0.0 }, 1.0)
    }

    fn painted(mirrored: bool, hidden: u8) -> Vec<u8> {
        let stance = Stance { foot: Px::new(10.0, 16.0), width_px: 8.0, height_px: 8.0 };
        let posed = half_red(8, 8).posed(&stance, &standing(), mirrored, 1.0);
        let mut picture = vec![100u8; 3 * 20 * 20];
        posed.blend(&mut picture, 20, &vec![hidden; posed.sprite.width * posed.sprite.height]);
        picture
    }

    fn at(picture: &[u8], x: usize, y: usize) -> [u8; 3] {
        picture[3 * (y * 20 + x)..][..3].try_into().unwrap()
    }

    #[test]
    fn it_stands_with_its_feet_on_its_place() {
        let picture = painted(false, 0);
        assert_eq!(at(&picture, 7, 15), [0, 0, 255]);
        assert_eq!(at(&picture, 12, 15), [255, 0, 0]);
        assert_eq!(at(&picture, 7, 16), [100, 100, 100]);
        assert_eq!(at(&picture, 5, 12), [100, 100, 100]);
    }

    #[test]
    fn a_mirror_exchanges_its_sides() {
        assert_eq!(at(&painted(true, 0), 7, 12), [255, 0, 0]);
    }

    #[test]
    fn what_is_hidden_leaves_the_picture_as_it_was() {
        assert_eq!(painted(false, 255), vec![100u8; 3 * 20 * 20]);
    }

    #[test]
    fn a_sprite_beyond_the_edge_is_cut_off() {
        let stance = Stance { foot: Px::new(-3.0, 4.0), width_px: 8.0, height_px: 8.0 };
        let posed = half_red(8, 8).posed(&stance, &standing(), false, 1.0);
        let mut picture = vec![100u8; 3 * 20 * 20];
        posed.blend(&mut picture, 20, &vec![0; posed.sprite.width * posed.sprite.height]);
        assert_eq!(at(&picture, 0, 3), [255, 0, 0]);
    }

    #[test]
    fn grass_goes_and_the_empty_rim_is_cut() {
        let mut bgra = vec![0u8; 4 * 10 * 10];
        for (x, y, colour) in
            (3..8).flat_map(|x| (2..9).map(move |y| (x, y, if y < 8 { [90, 90, 90] } else { [40, 180, 60] })))
        {
            bgra[4 * (y * 10 + x)..][..3].copy_from_slice(&colour);
            bgra[4 * (y * 10 + x) + 3] = 255;
        }
        let sprite = Sprite::from_photograph(10, 10, bgra, true, 90.0).unwrap();
        assert_eq!((sprite.width, sprite.height), (5, 6));
    }
}
