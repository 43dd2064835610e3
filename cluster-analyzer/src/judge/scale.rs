//! Pure: how large things are, learnt from the people in the picture.
//!
//! A person's height in the picture grows with the row on which they stand: on flat ground and with a level
//! camera linearly, `h(y) = a + b y` (Hoiem, Efros and Hebert 2008, "Putting objects in perspective"). Each row
//! band keeps a running median of the heights of those who stand in it; a line through the bands' medians says
//! how tall a person would be on any row, and so how tall a thing is that stands there.

use base::geometry::Rect;
use serde::{Deserialize, Serialize};

/// Mean height of a person, adults and children, m.
const PERSON_M: f32 = 1.65;
/// Bands of rows.
const BANDS: usize = 16;
/// People seen in a band before it counts.
const BAND_SIGHTINGS: u32 = 12;
/// People seen in all before anything is said.
const SIGHTINGS: u32 = 60;

/// The scale of one camera's picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scale {
    bands: [Band; BANDS],
    #[serde(skip)]
    line: Option<[f32; 2]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Band {
    sightings: u32,
    /// Running median of heights, normalised.
    height: f32,
}

impl Scale {
    /// Takes in a person; `rect` is their whole box.
    pub fn learn(&mut self, rect: &Rect) {
        // Cut off by the picture's edge, or not upright.
        let whole = rect.x > 0.01 && rect.right() < 0.99 && rect.y > 0.01 && rect.bottom() < 0.985;
        if !whole || rect.h < 1.2 * rect.w || rect.h < 0.03 {
            return;
        }
        let band = &mut self.bands[((rect.bottom() * BANDS as f32) as usize).min(BANDS - 1)];
        band.sightings = band.sightings.saturating_add(1);
        if band.sightings == 1 {
            band.height = rect.h;
        }
        // A step towards each new height, of a size that does not depend on how far off it is, ends at the median.
        let step = band.height * (1.0 / band.sightings as f32).clamp(0.01, 0.3);
        band.height += step.min((rect.h - band.height).abs()).copysign(rect.h - band.height);
        self.line = None;
    }

    /// Fits the line anew where people were seen since.
    pub fn refresh(&mut self) {
        if self.line.is_none() {
            self.line = fit(&self.bands);
        }
    }

    /// How tall a person is who stands on row `y`, normalised; `None` until enough people were seen.
    pub fn person_height(&self, y: f32) -> Option<f32> {
        let [a, b] = self.line?;
        let height = a + b * y;
        // Beyond the rows in which people were seen the line is a guess.
        let seen = self.bands.iter().enumerate().filter(|(_, band)| band.sightings >= BAND_SIGHTINGS);
        let near = seen.map(|(i, _)| (row(i) - y).abs()).fold(f32::MAX, f32::min);
        (height > 0.02 && near <= 0.2).then_some(height)
    }

    /// Size of a thing, m: its height, or half of its length where that is more (what lies is long).
    pub fn size_m(&self, rect: &Rect, aspect: f32) -> Option<f32> {
        let person = self.person_height(rect.bottom())?;
        Some(PERSON_M * rect.h.max(0.5 * rect.w * aspect) / person)
    }
}

/// The middle of a band.
fn row(band: usize) -> f32 {
    (band as f32 + 0.5) / BANDS as f32
}

/// Least squares over the bands, each by the root of its people; a single band gives a constant.
fn fit(bands: &[Band; BANDS]) -> Option<[f32; 2]> {
    let all: u32 = bands.iter().fold(0, |sum, band| sum.saturating_add(band.sightings));
    if all < SIGHTINGS {
        return None;
    }
    let used = || bands.iter().enumerate().filter(|(_, band)| band.sightings >= BAND_SIGHTINGS);
    let weight = |band: &Band| (band.sightings as f32).sqrt();
    let (mut w, mut y, mut h) = (0.0, 0.0, 0.0);
    for (i, band) in used() {
        (w, y, h) = (w + weight(band), y + weight(band) * row(i), h + weight(band) * band.height);
    }
    if w <= 0.0 {
        return None;
    }
    let (y, h) = (y / w, h / w);
    let (mut yy, mut yh) = (0.0, 0.0);
    for (i, band) in used() {
        yy += weight(band) * (row(i) - y).powi(2);
        yh += weight(band) * (row(i) - y) * (band.height - h);
    }
    // People do not shrink towards the lens.
    let slope = if yy / w > 0.001 { (yh / yy).max(0.0) } else { 0.0 };
    Some([h - slope * y, slope])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A person whose feet are on row `y`, where people are `0.1 + 0.3 y` tall, give or take.
    fn person(y: f32, by: f32) -> Rect {
        let h = (0.1 + 0.3 * y) * by;
        Rect { x: 0.4, y: y - h, w: 0.4 * h, h }
    }

    fn street() -> Scale {
        let mut scale = Scale::default();
        for i in 0..300 {
            let y = 0.4 + 0.5 * ((i * 37) % 100) as f32 / 100.0;
            // Children, and boxes that hold two.
            let by = [0.7, 1.0, 1.0, 1.05, 0.95, 1.0, 1.6][i % 7];
            scale.learn(&person(y, by));
        }
        scale.refresh();
        scale
    }

    #[test]
    fn a_persons_height_is_learnt_for_each_row() {
        let scale = street();
        for y in [0.45, 0.65, 0.85] {
            let (found, wanted) = (scale.person_height(y).unwrap(), 0.1 + 0.3 * y);
            assert!((found / wanted - 1.0).abs() < 0.12, "{y}: {found} instead of {wanted}");
        }
        assert_eq!(scale.person_height(0.05), None, "nobody was seen there");
    }

    #[test]
    fn a_plush_tiger_is_smaller_than_a_tiger() {
        let scale = street();
        let tall = |m: f32| {
            let h = (0.1 + 0.3 * 0.7) * m / PERSON_M;
            Rect { x: 0.3, y: 0.7 - h, w: h, h }
        };
        assert!((scale.size_m(&tall(1.0), 1.33).unwrap() - 1.0).abs() < 0.15);
        assert!(scale.size_m(&tall(0.25), 1.33).unwrap() < 0.35);
    }

    #[test]
    fn nothing_is_said_before_enough_people_were_seen() {
        let mut scale = Scale::default();
        (0..20).for_each(|_| scale.learn(&person(0.7, 1.0)));
        scale.refresh();
        assert_eq!(scale.person_height(0.7), None);
    }
}
