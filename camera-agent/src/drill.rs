//! Adapter: a synthetic animal in the frames that go out, by the crate `png`. Footage is never touched.

use base::drill::DrillOrder;
use base::geometry::Rect;
use base::time::Micros;
use base64::Engine as _;
use media::{CutOut, Picture};

/// One drill, from its order to its end.
#[derive(Debug)]
pub struct Drill {
    order: DrillOrder,
    cut: CutOut,
    began: Option<Micros>,
    until: Micros,
}

impl Drill {
    /// A drill that begins with the next frame, and is given up when there is none until `until`.
    ///
    /// # Errors
    /// One sentence: the sprite is no PNG with transparency.
    pub fn new(order: DrillOrder, until: Micros) -> Result<Self, String> {
        let cut = sprite(&order.sprite).ok_or("drill refused: its sprite is no PNG with transparency")?;
        Ok(Self { order, cut, began: None, until })
    }

    /// Puts the animal into a picture of capture time `at`; where, normalised. `None`: the drill is over.
    pub fn paste(&mut self, picture: &mut Picture, at: Micros) -> Option<Rect> {
        if self.began.is_none() && at > self.until {
            return None;
        }
        let began = *self.began.get_or_insert(at);
        let (width, height) = (picture.width as f32, picture.height as f32);
        let aspect = self.cut.width() as f32 / self.cut.height() as f32;
        let rect = self.order.at(at.seconds_since(began), width / height, aspect)?;
        self.cut.paste(picture, [rect.x * width, rect.y * height, rect.w * width, rect.h * height]);
        Some(rect.clamped())
    }
}

fn sprite(text: &str) -> Option<CutOut> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut pixels).ok()?;
    if (info.color_type, info.bit_depth) != (png::ColorType::Rgba, png::BitDepth::Eight) {
        return None;
    }
    pixels.truncate(info.buffer_size());
    pixels.as_chunks_mut::<4>().0.iter_mut().for_each(|[red, _, blue, _]| std::mem::swap(red, blue));
    CutOut::new(info.width, info.height, &pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::geometry::Point;

    /// A red PNG of 20 x 10 pixels.
    fn png() -> String {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 20, 10);
        encoder.set_color(png::ColorType::Rgba);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[255u8, 0, 0, 255].repeat(200)).unwrap();
        writer.finish().unwrap();
        base64::engine::general_purpose::STANDARD.encode(&bytes)
    }

    #[test]
    fn the_animal_walks_through_the_pictures_and_is_gone_when_the_drill_is_over() {
        let (from, to) = (Point { x: 0.25, y: 0.9 }, Point { x: 0.75, y: 0.9 });
        let order = DrillOrder { id: "d".into(), seconds: 4.0, from, to, height: 0.25, sprite: png() };
        let mut drill = Drill::new(order, Micros(60_000_000)).unwrap();
        let mut centres = vec![];
        for i in 0..6 {
            let mut picture = Picture { width: 200, height: 100, bgr: vec![0; 60_000], pts_us: 0, key: true };
            let place = drill.paste(&mut picture, Micros(5_000_000 + i * 1_000_000));
            let red = picture.bgr.chunks(3).filter(|p| **p == [0, 0, 255]).count();
            assert_eq!(red > 1000, place.is_some(), "{i}: {red}");
            centres.extend(place.map(|rect| (rect.center().x * 100.0).round() as i32));
        }
        assert_eq!(centres, [25, 38, 50, 63, 75]);
    }

    #[test]
    fn a_sprite_that_is_none_is_refused_with_a_sentence() {
        let order = DrillOrder { sprite: "bm90IGEgcG5n".into(), ..DrillOrder::default() };
        assert!(Drill::new(order, Micros(0)).unwrap_err().contains("no PNG with transparency"));
    }
}
