//! Adapter: OpenCV cuts windows out of a picture and lays them side by side, enlarged.

use opencv::core::{Mat, MatTraitConst as _, MatTraitConstManual as _, Rect as PxRect, Scalar, Size, Vec3b};
use opencv::imgproc;

use crate::looks::Tile;
use crate::model::ImageRef;

/// A picture of windows of another.
#[derive(Debug, Default)]
pub(crate) struct Mosaic {
    canvas: Mat,
}

impl Mosaic {
    /// Lays `tiles` of `image` into a picture of `size` pixels; what no tile covers is `pad`.
    pub(crate) fn fill(
        &mut self,
        image: ImageRef<'_>,
        tiles: &[Tile],
        size: (u32, u32),
        pad: u8,
    ) -> opencv::Result<ImageRef<'_>> {
        let (width, height) = (size.0 as i32, size.1 as i32);
        let grey = Scalar::all(f64::from(pad));
        self.canvas = Mat::new_rows_cols_with_default(height, width, opencv::core::CV_8UC3, grey)?;
        let source = Mat::new_rows_cols_with_bytes::<Vec3b>(image.height as i32, image.width as i32, image.bgr)?;
        for tile in tiles {
            let from = pixels(&tile.window, image.width as i32, image.height as i32);
            let to = pixels(&tile.place, width, height);
            let window = Mat::roi(&source, from)?;
            let shrinks = from.width > 2 * to.width;
            let method = if shrinks { imgproc::INTER_AREA } else { imgproc::INTER_LINEAR };
            let mut place = Mat::roi_mut(&mut self.canvas, to)?;
            let mut scaled = Mat::default();
            imgproc::resize(&window, &mut scaled, Size::new(to.width, to.height), 0.0, 0.0, method)?;
            scaled.copy_to(&mut place)?;
        }
        Ok(ImageRef { width: size.0, height: size.1, bgr: self.canvas.data_bytes()? })
    }
}

/// A normalised box in whole pixels, inside the picture and never empty.
fn pixels(rect: &base::geometry::Rect, width: i32, height: i32) -> PxRect {
    let at = |v: f32, side: i32| (v * side as f32).round() as i32;
    let (left, top) = (at(rect.x, width).clamp(0, width - 1), at(rect.y, height).clamp(0, height - 1));
    let right = at(rect.right(), width).clamp(left + 1, width);
    let bottom = at(rect.bottom(), height).clamp(top + 1, height);
    PxRect::new(left, top, right - left, bottom - top)
}
