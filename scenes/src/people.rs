//! The people of the footage, told from the empty street with OpenCV: where they hide an animal, and how those
//! of one moment are put into the picture of another.

use opencv::core::{
    CV_32S, Mat, MatTraitConst as _, MatTraitConstManual as _, Point as CvPoint, Rect as CvRect, Scalar, Size,
};
use opencv::imgproc;

use crate::error::ScenesError;
use crate::world::WIDTH;

/// What differs from the empty street by more than this is a person (steps of 256).
const PERSON_CONTRAST: u8 = 30;
const PERSON_MIN_PX: i32 = 120;

/// How far beyond what differs from the empty street a person is taken to reach, as the side of a brush in pixels.
pub const BROAD: i32 = 5;
/// The same for crops that are blown up so far that a rim of street around a person would show.
pub const NARROW: i32 = 3;

/// For each pixel of a region of the street the line (pixels from the top) at which the person there stands; 0
/// where there is none.
///
/// # Errors
/// OpenCV refuses.
pub fn feet(region: CvRect, street: &[u8], empty: &[u8], brush_px: i32) -> Result<Vec<i32>, ScenesError> {
    let mut differs: Vec<u8> = Vec::with_capacity((region.width * region.height) as usize);
    for y in region.y..region.y + region.height {
        let from = 3 * (y * WIDTH as i32 + region.x) as usize;
        let row = from..from + 3 * region.width as usize;
        let pairs = street[row.clone()].as_chunks::<3>().0.iter().zip(empty[row].as_chunks::<3>().0);
        differs.extend(pairs.map(|(there, empty)| {
            let most = there.iter().zip(empty).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
            if most > PERSON_CONTRAST { 255 } else { 0 }
        }));
    }
    let differs = Mat::new_rows_cols_with_data(region.height, region.width, &differs)?;
    let (mut clean, mut whole) = (Mat::default(), Mat::default());
    imgproc::median_blur(&differs, &mut clean, 5)?;
    let shape =
        imgproc::get_structuring_element(imgproc::MORPH_ELLIPSE, Size::new(brush_px, brush_px), CvPoint::new(-1, -1))?;
    imgproc::dilate(
        &clean,
        &mut whole,
        &shape,
        CvPoint::new(-1, -1),
        1,
        opencv::core::BORDER_CONSTANT,
        Scalar::default(),
    )?;
    let (mut labels, mut stats, mut centres) = (Mat::default(), Mat::default(), Mat::default());
    let count = imgproc::connected_components_with_stats(&whole, &mut labels, &mut stats, &mut centres, 8, CV_32S)?;
    let mut bottoms = vec![0; count as usize];
    for label in 1..count {
        let stat = |column| stats.at_2d::<i32>(label, column).copied();
        if stat(imgproc::CC_STAT_AREA)? >= PERSON_MIN_PX {
            bottoms[label as usize] = region.y + stat(imgproc::CC_STAT_TOP)? + stat(imgproc::CC_STAT_HEIGHT)?;
        }
    }
    Ok(labels.data_typed::<i32>()?.iter().map(|label| bottoms[*label as usize]).collect())
}

/// Puts the people of other pictures into a picture of the same street; the nearer one is in front.
///
/// # Errors
/// OpenCV refuses.
pub fn join(street: &mut [u8], others: &[&[u8]], empty: &[u8]) -> Result<(), ScenesError> {
    let all = CvRect::new(0, 0, WIDTH as i32, (street.len() / 3 / WIDTH as usize) as i32);
    let mut here = feet(all, street, empty, NARROW)?;
    for other in others {
        let there = feet(all, other, empty, NARROW)?;
        for (i, (here, there)) in here.iter_mut().zip(&there).enumerate() {
            if there > here {
                street[3 * i..3 * i + 3].copy_from_slice(&other[3 * i..3 * i + 3]);
                *here = *there;
            }
        }
    }
    Ok(())
}
