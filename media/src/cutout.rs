//! Pure: a cut-out laid into a picture.

use crate::Picture;

/// A picture with transparency: BGRA, 8 bits a channel, interleaved, without a border that shows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOut {
    width: u32,
    height: u32,
    bgra: Vec<u8>,
}

impl CutOut {
    /// Takes `4 * width * height` bytes and cuts the transparent border off; `None` when they are not so many, or
    /// when there is nothing to see.
    pub fn new(width: u32, height: u32, bgra: &[u8]) -> Option<Self> {
        let (w, h) = (width as usize, height as usize);
        if bgra.len() != 4 * w * h {
            return None;
        }
        let seen = |x: usize, y: usize| bgra[4 * (y * w + x) + 3] > 127;
        let rows = (0..h).filter(|y| (0..w).any(|x| seen(x, *y)));
        let (top, bottom) = rows.fold((h, 0), |(top, bottom), y| (top.min(y), bottom.max(y + 1)));
        let columns = (0..w).filter(|x| (top..bottom).any(|y| seen(*x, y)));
        let (left, right) = columns.fold((w, 0), |(left, right), x| (left.min(x), right.max(x + 1)));
        if left >= right {
            return None;
        }
        let cut = (top..bottom).flat_map(|y| &bgra[4 * (y * w + left)..4 * (y * w + right)]).copied().collect();
        Some(Self { width: (right - left) as u32, height: (bottom - top) as u32, bgra: cut })
    }

    /// Pixels across.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// `4 * width * height` bytes.
    pub fn bgra(&self) -> &[u8] {
        &self.bgra
    }

    /// Lays it into a box of the picture: left, top, width, height in pixels. What is outside is left out.
    pub fn paste(&self, picture: &mut Picture, [left, top, width, height]: [f32; 4]) {
        if !(width >= 1.0 && height >= 1.0) {
            return;
        }
        let (columns, rows) = (covered(left, width, picture.width), covered(top, height, picture.height));
        let stride = picture.width as usize * 3;
        for y in rows {
            let from_y = source(y, top, height, self.height);
            for x in columns.clone() {
                let from_x = source(x, left, width, self.width);
                let [b, g, r, alpha] = self.mean(from_x, from_y.clone());
                let at = y * stride + 3 * x;
                for (pixel, colour) in picture.bgr[at..at + 3].iter_mut().zip([b, g, r]) {
                    *pixel = (f32::from(*pixel) * (1.0 - alpha) + colour * alpha) as u8;
                }
            }
        }
    }

    /// Mean colour, weighted by opacity, and mean opacity 0..1 of an area.
    fn mean(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> [f32; 4] {
        let (mut sum, mut count) = ([0.0f32; 4], 0.0f32);
        for y in rows {
            for x in columns.clone() {
                let at = 4 * (y * self.width as usize + x);
                let alpha = f32::from(self.bgra[at + 3]) / 255.0;
                for (channel, value) in self.bgra[at..at + 3].iter().enumerate() {
                    sum[channel] += f32::from(*value) * alpha;
                }
                sum[3] += alpha;
                count += 1.0;
            }
        }
        let opaque = sum[3].max(1e-6);
        [sum[0] / opaque, sum[1] / opaque, sum[2] / opaque, sum[3] / count.max(1.0)]
    }
}

/// The pixels of a line of `size` that a stretch covers.
fn covered(begin: f32, length: f32, size: u32) -> std::ops::Range<usize> {
    let clamp = |v: f32| v.clamp(0.0, size as f32) as usize;
    clamp(begin.round())..clamp((begin + length).round())
}

/// The pixels of the cut-out that a pixel of the picture stands for; at least one.
fn source(at: usize, begin: f32, length: f32, size: u32) -> std::ops::Range<usize> {
    let scale = size as f32 / length;
    let from = ((at as f32 - begin) * scale).clamp(0.0, size as f32 - 1.0) as usize;
    let until = ((at as f32 + 1.0 - begin) * scale).ceil().clamp(0.0, size as f32) as usize;
    from..until.max(from + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A red square of 4 within a transparent border of 2.
    fn square() -> CutOut {
        let pixel = |i: usize| {
            let (x, y) = (i % 8, i / 8);
            let inside = (2..6).contains(&x) && (2..6).contains(&y);
            [0, 0, 255, if inside { 255 } else { 0 }]
        };
        CutOut::new(8, 8, &(0..64).flat_map(pixel).collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn a_cut_out_fills_its_box_and_nothing_else_also_at_the_edge() {
        let cut = square();
        assert_eq!((cut.width(), cut.height()), (4, 4));
        for (place, pixels) in [([3.0, 5.0, 8.0, 2.0], 16), ([-4.0, 0.0, 8.0, 8.0], 32), ([30.0, 30.0, 5.0, 5.0], 0)] {
            let mut picture = Picture { width: 16, height: 16, bgr: vec![0; 768], pts_us: 0, key: true };
            cut.paste(&mut picture, place);
            let red = picture.bgr.chunks(3).filter(|p| **p == [0, 0, 255]).count();
            assert_eq!(red, pixels, "{place:?}");
        }
    }

    #[test]
    fn what_shows_nothing_or_is_of_another_size_is_refused() {
        assert!(CutOut::new(2, 2, &[0; 16]).is_none());
        assert!(CutOut::new(2, 2, &[255; 15]).is_none());
    }
}
