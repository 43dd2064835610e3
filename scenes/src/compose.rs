//! Pictures out of plans, with OpenCV: animals into the street, then the camera's crop and look.
//!
//! Animals are put into the street at its own size, before the crop is blown up, so that they become as soft
//! as everything around them. People in front of an animal hide it: they are what differs from the empty
//! street, and they are in front when their feet are nearer.

use std::path::Path;

use media::Picture;
use opencv::core::{
    CV_32S, Mat, MatTraitConst as _, MatTraitConstManual as _, Point as CvPoint, Rect as CvRect, Scalar, Size, flip,
};
use opencv::imgproc;

use crate::error::ScenesError;
use crate::gait::Gait;
use crate::look::Develop;
use crate::plan::{Actor, ClipPlan, Stance};
use crate::sprite::{Posed, Sprite};
use crate::stamps::Stamps;
use crate::view::View;
use crate::world::{HEIGHT, WIDTH, standing_map};

/// What differs from the empty street by more than this is a person (steps of 256).
const PERSON_CONTRAST: u8 = 30;
const PERSON_MIN_PX: i32 = 120;
/// People this far below an animal's feet no longer reach up to it.
const LOOK_BELOW_PX: i32 = 150;
const SHADOW: f32 = 0.42;
/// Height of the shadow under an overcast sky, as a share of the animal's.
const SHADOW_HEIGHT: f32 = 0.17;

/// Makes pictures of clips.
pub struct Composer {
    stamps: Stamps,
    /// The empty street, interleaved BGR.
    background: Vec<u8>,
    standing: Vec<u16>,
}

impl Composer {
    /// A composer for the street whose empty picture is `background`, with the photographs of a folder.
    pub fn new(background: Vec<u8>, stamps: &Path) -> Self {
        let brightness = background.iter().map(|v| u64::from(*v)).sum::<u64>() as f32 / background.len().max(1) as f32;
        Self { stamps: Stamps::new(stamps, brightness), background, standing: standing_map() }
    }

    /// Reads the photographs of a clip, so that a missing one is found before anything is written.
    ///
    /// # Errors
    /// [`ScenesError::NoStamp`] or [`ScenesError::BadStamp`].
    pub fn prepare(&mut self, clip: &ClipPlan) -> Result<(), ScenesError> {
        clip.actors.iter().try_for_each(|actor| self.stamps.get(actor.animal).map(|_| ()))
    }

    /// One picture of a clip, from the footage's picture at that moment.
    ///
    /// # Errors
    /// A photograph is missing, or OpenCV refuses.
    pub fn picture(
        &mut self,
        clip: &ClipPlan,
        develop: &Develop,
        frame: u32,
        street: &Picture,
    ) -> Result<Picture, ScenesError> {
        let t_s = ClipPlan::time_s(frame);
        let mut there: Vec<_> = clip.actors.iter().filter_map(|actor| Some((actor, actor.at(t_s)?))).collect();
        // Far ones first: near ones cover them.
        there.sort_by(|a, b| a.1.1.foot.y.total_cmp(&b.1.1.foot.y));
        let mut bgr = street.bgr.clone();
        for (actor, (pose, stance)) in there {
            let gait = Gait::of(&pose, actor.animal.stride_m);
            if actor.whole_box(&clip.view, t_s).is_some_and(|b| b.clamped().area() > 0.0) {
                let posed = self.posed(actor, &stance, &gait, pose.facing)?;
                let hidden = self.hidden(&posed, &stance, &street.bgr)?;
                shadow(&posed, &stance)?.shade(&mut bgr, WIDTH as usize, SHADOW);
                posed.blend(&mut bgr, WIDTH as usize, &hidden);
            }
        }
        let mut bgr = seen(&bgr, &clip.view)?;
        develop.apply(&mut bgr, frame);
        let pts_us = i64::from(frame) * 1_000_000 / i64::from(crate::world::FPS);
        Ok(Picture { width: WIDTH, height: HEIGHT, bgr, pts_us, key: frame == 0 })
    }

    fn posed(&mut self, actor: &Actor, stance: &Stance, gait: &Gait, facing: f32) -> Result<Posed, ScenesError> {
        let sprite = self.stamps.get(actor.animal)?;
        let full_width = stance.height_px * sprite.aspect();
        let sized = soft(&resized(sprite, full_width, stance.height_px)?, 0.55)?;
        let narrowed = (stance.width_px / (stance.height_px * actor.animal.aspect)).min(1.0);
        Ok(sized.posed(stance, gait, (facing > 0.0) != actor.animal.faces_right, narrowed))
    }

    /// How much of each of the sprite's pixels is behind something, 0 to 255.
    fn hidden(&self, posed: &Posed, stance: &Stance, street: &[u8]) -> Result<Vec<u8>, ScenesError> {
        let (width, height) = (posed.sprite.width as i32, posed.sprite.height as i32);
        let frame = CvRect::new(0, 0, WIDTH as i32, HEIGHT as i32);
        let around = CvRect::new(posed.left, posed.top, width, height + LOOK_BELOW_PX) & frame;
        let mut hidden = vec![0u8; (width * height) as usize];
        if around.width < 3 || around.height < 3 {
            return Ok(hidden);
        }
        let people = self.people_in_front(around, stance.foot.y, street)?;
        for y in around.y..(around.y + around.height).min(posed.top + height) {
            for x in around.x..around.x + around.width {
                let standing = self.standing[(y * WIDTH as i32 + x) as usize];
                let person = people[((y - around.y) * around.width + x - around.x) as usize];
                if person || f32::from(standing) > stance.foot.y {
                    hidden[((y - posed.top) * width + x - posed.left) as usize] = 255;
                }
            }
        }
        let mat = Mat::new_rows_cols_with_data(height, width, &hidden)?;
        let mut softened = Mat::default();
        imgproc::gaussian_blur_def(&mat, &mut softened, Size::new(3, 3), 0.0)?;
        Ok(softened.data_bytes()?.to_vec())
    }

    /// For each pixel of a region whether a person stands there whose feet are below `foot_y`.
    fn people_in_front(&self, region: CvRect, foot_y: f32, street: &[u8]) -> Result<Vec<bool>, ScenesError> {
        let differs: Vec<u8> = (region.y..region.y + region.height)
            .flat_map(|y| (region.x..region.x + region.width).map(move |x| 3 * (y * WIDTH as i32 + x) as usize))
            .map(|at| {
                let most = (at..at + 3).map(|i| street[i].abs_diff(self.background[i])).max().unwrap_or(0);
                if most > PERSON_CONTRAST { 255 } else { 0 }
            })
            .collect();
        let differs = Mat::new_rows_cols_with_data(region.height, region.width, &differs)?;
        let (mut clean, mut whole) = (Mat::default(), Mat::default());
        imgproc::median_blur(&differs, &mut clean, 5)?;
        let shape = imgproc::get_structuring_element(imgproc::MORPH_ELLIPSE, Size::new(5, 5), CvPoint::new(-1, -1))?;
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
        let mut in_front = vec![false; count as usize];
        for label in 1..count {
            let stat = |column| stats.at_2d::<i32>(label, column).copied();
            let bottom = region.y + stat(imgproc::CC_STAT_TOP)? + stat(imgproc::CC_STAT_HEIGHT)?;
            in_front[label as usize] = stat(imgproc::CC_STAT_AREA)? >= PERSON_MIN_PX && bottom as f32 > foot_y + 4.0;
        }
        Ok(labels.data_typed::<i32>()?.iter().map(|label| in_front[*label as usize]).collect())
    }
}

fn mat_of(sprite: &Sprite) -> Result<Mat, ScenesError> {
    Ok(Mat::from_slice(&sprite.bgra)?.reshape(4, sprite.height as i32)?.try_clone()?)
}

fn sprite_of(mat: &Mat) -> Result<Sprite, ScenesError> {
    Ok(Sprite { width: mat.cols() as usize, height: mat.rows() as usize, bgra: mat.data_bytes()?.to_vec() })
}

fn resized(sprite: &Sprite, width: f32, height: f32) -> Result<Sprite, ScenesError> {
    let size = Size::new(width.round().max(2.0) as i32, height.round().max(2.0) as i32);
    let method = if size.width < sprite.width as i32 { imgproc::INTER_AREA } else { imgproc::INTER_LINEAR };
    let mut out = Mat::default();
    imgproc::resize(&mat_of(sprite)?, &mut out, size, 0.0, 0.0, method)?;
    sprite_of(&out)
}

fn soft(sprite: &Sprite, sigma_px: f64) -> Result<Sprite, ScenesError> {
    let mut out = Mat::default();
    imgproc::gaussian_blur_def(&mat_of(sprite)?, &mut out, Size::new(0, 0), sigma_px)?;
    sprite_of(&out)
}

/// The soft dark patch on the ground under an animal: its own outline, pressed flat.
fn shadow(posed: &Posed, stance: &Stance) -> Result<Posed, ScenesError> {
    let flat = resized(&posed.sprite, posed.sprite.width as f32, posed.sprite.height as f32 * SHADOW_HEIGHT)?;
    let room = (stance.height_px * 0.08).ceil() as i32 + 2;
    let mut padded = Mat::default();
    opencv::core::copy_make_border(
        &mat_of(&flat)?,
        &mut padded,
        room,
        room,
        room,
        room,
        opencv::core::BORDER_CONSTANT,
        Scalar::default(),
    )?;
    let sprite = soft(&sprite_of(&padded)?, f64::from(stance.height_px) * 0.03 + 0.8)?;
    let top = stance.foot.y - sprite.height as f32 * 0.62;
    Ok(Posed { left: posed.left - room, top: top.round() as i32, sprite })
}

/// The camera's part of the street, at full size.
fn seen(street: &[u8], view: &View) -> Result<Vec<u8>, ScenesError> {
    let whole = Mat::from_slice(street)?.reshape(3, HEIGHT as i32)?.try_clone()?;
    let crop = CvRect::new(view.x as i32, view.y as i32, view.width as i32, view.height() as i32);
    let mut full = Mat::default();
    imgproc::resize(
        &whole.roi(crop)?,
        &mut full,
        Size::new(WIDTH as i32, HEIGHT as i32),
        0.0,
        0.0,
        imgproc::INTER_CUBIC,
    )?;
    if view.mirrored {
        let mut turned = Mat::default();
        flip(&full, &mut turned, 1)?;
        full = turned;
    }
    Ok(full.data_bytes()?.to_vec())
}
