//! Adapter: the small picture that [`super::picture`] looks at, by OpenCV.

use media::Picture;
use opencv::core::{Mat, MatTraitConst as _, MatTraitConstManual as _, Size};
use opencv::imgproc;

use super::picture::{HEIGHT, WIDTH};

/// Brightness of a picture at [`WIDTH`] x [`HEIGHT`], by area; takes about a third of a millisecond.
///
/// # Errors
/// OpenCV refuses the picture.
pub fn luma(picture: &Picture) -> opencv::Result<Vec<u8>> {
    let rows = Mat::from_slice(&picture.bgr)?;
    let image = rows.reshape(3, picture.height as i32)?;
    let (mut small, mut grey) = (Mat::default(), Mat::default());
    imgproc::resize(&image, &mut small, Size::new(WIDTH as i32, HEIGHT as i32), 0.0, 0.0, imgproc::INTER_AREA)?;
    imgproc::cvt_color_def(&small, &mut grey, imgproc::COLOR_BGR2GRAY)?;
    Ok(grey.data_bytes()?.to_vec())
}
