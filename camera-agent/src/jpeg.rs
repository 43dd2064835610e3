//! Adapter: OpenCV's JPEG encoder.

use bytes::Bytes;
use opencv::core::{Mat, Vec3b, Vector};
use opencv::imgcodecs;

/// Why a picture could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum JpegError {
    /// OpenCV says why.
    #[error("a picture of {width}x{height} cannot be encoded as JPEG")]
    Refused {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// What OpenCV said.
        source: opencv::Error,
    },
    /// OpenCV does not say why.
    #[error("OpenCV was built without a JPEG encoder")]
    NoEncoder,
}

/// Encodes interleaved BGR, `3 * width` bytes a row, at `quality` 1 to 100.
///
/// # Errors
/// The size does not fit the data.
pub fn encode(bgr: &[u8], width: u32, height: u32, quality: u8) -> Result<Bytes, JpegError> {
    let refused = |source| JpegError::Refused { width, height, source };
    let image = Mat::new_rows_cols_with_bytes::<Vec3b>(height as i32, width as i32, bgr).map_err(refused)?;
    let params = Vector::from_slice(&[imgcodecs::IMWRITE_JPEG_QUALITY, i32::from(quality.clamp(1, 100))]);
    let mut out = Vector::<u8>::new();
    match imgcodecs::imencode(".jpg", &image, &mut out, &params).map_err(refused)? {
        true => Ok(Bytes::copy_from_slice(out.as_slice())),
        false => Err(JpegError::NoEncoder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opencv::prelude::*;

    #[test]
    fn a_picture_comes_back_as_it_was_but_for_compression() {
        let (width, height) = (64u32, 48u32);
        let bgr: Vec<u8> =
            (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8 * 2, y as u8 * 4, 90])).collect();
        let jpeg = encode(&bgr, width, height, 90).unwrap();
        assert_eq!(&jpeg[..3], &[0xff, 0xd8, 0xff]);
        let back = imgcodecs::imdecode(&Vector::from_slice(&jpeg), imgcodecs::IMREAD_COLOR).unwrap();
        assert_eq!((back.cols(), back.rows()), (64, 48));
        let off: u32 = back.data_bytes().unwrap().iter().zip(&bgr).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        assert!(off / (bgr.len() as u32) < 6, "{off}");
    }

    #[test]
    fn a_size_that_does_not_fit_is_an_error() {
        assert!(encode(&[0; 10], 64, 48, 80).is_err());
    }
}
