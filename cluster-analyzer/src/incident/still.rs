//! Adapter: the box and a word drawn on the picture that decided, by OpenCV.

use base::geometry::Rect;
use opencv::core::{Mat, MatTraitConst as _, Point, Rect as Pixels, Scalar, Vector, VectorToVec as _};
use opencv::{imgcodecs, imgproc};

/// JPEG quality of a picture with a box.
const QUALITY: i32 = 90;

/// Blue, green and red of a danger code; another word than these is shown as orange.
fn colour(danger: Option<&str>) -> Scalar {
    match danger {
        Some("red") => Scalar::new(40.0, 40.0, 230.0, 0.0),
        Some("blue") => Scalar::new(230.0, 120.0, 30.0, 0.0),
        Some("yellow") => Scalar::new(0.0, 210.0, 250.0, 0.0),
        _ => Scalar::new(0.0, 140.0, 250.0, 0.0),
    }
}

/// `jpeg` with a box around `rect` in the colour of `danger`, and `word` beside it.
///
/// # Errors
/// Bytes that are no picture.
pub fn marked(jpeg: &[u8], rect: &Rect, danger: Option<&str>, word: &str) -> opencv::Result<Vec<u8>> {
    let mut image = imgcodecs::imdecode(&Mat::from_slice(jpeg)?, imgcodecs::IMREAD_COLOR)?;
    let (width, height) = (image.cols(), image.rows());
    let px = |share: f32, of: i32| (share.clamp(0.0, 1.0) * of as f32).round() as i32;
    let (x, y) = (px(rect.x, width), px(rect.y, height));
    let (w, h) = ((px(rect.right(), width) - x).max(2), (px(rect.bottom(), height) - y).max(2));
    let (thick, colour) = ((width / 240).max(2), colour(danger));
    imgproc::rectangle(&mut image, Pixels::new(x, y, w, h), colour, thick, imgproc::LINE_8, 0)?;
    let scale = f64::from(width) / 1000.0 + 0.15;
    let font = imgproc::FONT_HERSHEY_SIMPLEX;
    let mut below = 0;
    let size = imgproc::get_text_size(word, font, scale, thick, &mut below)?;
    // Above the box where there is room, else below its upper edge.
    let base = if y > size.height + below + thick { y - below } else { y + size.height + thick };
    let left = x.min(width - size.width).max(0);
    let back = Pixels::new(left, base - size.height - below / 2, size.width, size.height + below);
    imgproc::rectangle(&mut image, back, colour, imgproc::FILLED, imgproc::LINE_8, 0)?;
    let white = Scalar::new(255.0, 255.0, 255.0, 0.0);
    let at = Point::new(left, base);
    imgproc::put_text(&mut image, word, at, font, scale, white, thick.max(2) - 1, imgproc::LINE_AA, false)?;
    let mut marked = Vector::new();
    imgcodecs::imencode(".jpg", &image, &mut marked, &Vector::from_slice(&[imgcodecs::IMWRITE_JPEG_QUALITY, QUALITY]))?;
    Ok(marked.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::jpeg;

    #[test]
    fn the_box_is_drawn_where_the_animal_is_and_nowhere_else() {
        let grey = media::Picture { width: 320, height: 240, bgr: vec![128; 3 * 320 * 240], pts_us: 0, key: true };
        let plain = jpeg::encode(&grey, 95).unwrap();
        let rect = Rect { x: 0.5, y: 0.5, w: 0.25, h: 0.25 };
        let marked = jpeg::decode(&marked(&plain, &rect, Some("red"), "tiger").unwrap(), (320, 240)).unwrap();
        let at = |x: usize, y: usize| &marked.bgr[3 * (y * 320 + x)..][..3];
        assert!(at(160, 150)[2] > 180 && at(160, 150)[0] < 90, "red on the left edge: {:?}", at(160, 150));
        for (x, y) in [(200, 150), (40, 40), (300, 220)] {
            assert!(at(x, y).iter().all(|c| c.abs_diff(128) < 8), "{x} {y}: {:?}", at(x, y));
        }
        assert!(super::marked(b"none", &rect, None, "").is_err());
    }
}
