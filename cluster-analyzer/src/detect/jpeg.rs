//! Adapter: JPEGs into pictures and back, by OpenCV.

use media::Picture;
use opencv::core::{Mat, MatTraitConst as _, MatTraitConstManual as _, Vector, VectorToVec as _};
use opencv::imgcodecs;

use super::DetectError;

/// Decodes a JPEG whose header promised `wanted` pixels.
///
/// # Errors
/// Bytes that are no JPEG, and a picture of another size.
pub fn decode(jpeg: &[u8], wanted: (u32, u32)) -> Result<Picture, DetectError> {
    let bad = |source: opencv::Error| DetectError::Jpeg { source: Box::new(source) };
    let buffer = Mat::from_slice(jpeg).map_err(bad)?;
    let image = imgcodecs::imdecode(&buffer, imgcodecs::IMREAD_COLOR).map_err(bad)?;
    let found = (image.cols() as u32, image.rows() as u32);
    if found == (0, 0) {
        return Err(DetectError::Jpeg { source: "it cannot be decoded".into() });
    }
    if found != wanted {
        return Err(DetectError::Size { wanted, found });
    }
    let bgr = image.data_bytes().map_err(bad)?.to_vec();
    Ok(Picture { width: found.0, height: found.1, bgr, pts_us: 0, key: true })
}

/// Encodes a picture, as an agent does.
///
/// # Errors
/// OpenCV refuses it.
pub fn encode(picture: &Picture, quality: i32) -> Result<Vec<u8>, DetectError> {
    let bad = |source: opencv::Error| DetectError::Jpeg { source: Box::new(source) };
    let rows = Mat::from_slice(&picture.bgr).map_err(bad)?;
    let image = rows.reshape(3, picture.height as i32).map_err(bad)?;
    let mut jpeg = Vector::new();
    let options = Vector::from_slice(&[imgcodecs::IMWRITE_JPEG_QUALITY, quality]);
    imgcodecs::imencode(".jpg", &image, &mut jpeg, &options).map_err(bad)?;
    Ok(jpeg.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture { width: 64, height: 48, bgr: [10, 120, 240].repeat(64 * 48), pts_us: 0, key: true }
    }

    #[test]
    fn a_picture_comes_back_in_its_colours() {
        let jpeg = encode(&picture(), 95).unwrap();
        let back = decode(&jpeg, (64, 48)).unwrap();
        assert_eq!((back.width, back.height, back.bgr.len()), (64, 48, 64 * 48 * 3));
        assert!(back.bgr.chunks(3).all(|p| p[0].abs_diff(10) < 6 && p[2].abs_diff(240) < 6));
    }

    #[test]
    fn what_is_no_jpeg_or_of_another_size_is_an_error_and_not_a_panic() {
        assert!(matches!(decode(b"", (64, 48)), Err(DetectError::Jpeg { .. })));
        assert!(matches!(decode(b"not a jpeg at all", (64, 48)), Err(DetectError::Jpeg { .. })));
        let jpeg = encode(&picture(), 95).unwrap();
        assert!(matches!(decode(&jpeg, (32, 48)), Err(DetectError::Size { .. })));
    }
}
