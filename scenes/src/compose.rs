//! Pictures out of plans, with OpenCV: animals into the street, then the camera's crop and look.
//!
//! Animals are put into the street at its own size, before the crop is blown up, so that they become as soft
//! as everything around them. People in front of an animal hide it: they are what differs from the empty
//! street, and they are in front when their feet are nearer.

use std::mem;
use std::path::Path;

use media::Picture;
use opencv::core::{
    CV_32F, Mat, MatTrait as _, MatTraitConst as _, MatTraitConstManual as _, Rect as CvRect, Scalar, Size, flip,
};
use opencv::imgproc;

use crate::effects::Prepared;
use crate::error::ScenesError;
use crate::gait::Gait;
use crate::look::Develop;
use crate::people;
use crate::plan::{Actor, ClipPlan, Role, Stance};
use crate::sprite::{Posed, Sprite};
use crate::stamps::Stamps;
use crate::world::{HEIGHT, Px, WIDTH, standing_map};

/// People this far below an animal's feet no longer reach up to it.
const LOOK_BELOW_PX: i32 = 150;
const SHADOW: f32 = 0.42;
/// Height of the shadow under an overcast sky, as a share of the animal's.
const SHADOW_HEIGHT: f32 = 0.17;

/// A camera's settings, made ready for one clip.
pub struct Settings {
    /// Night, weather, lens.
    pub effects: Prepared,
    /// The sensor.
    pub develop: Develop,
}

/// A picture, and what became of the actors in it.
pub struct Composed {
    /// What the camera sends.
    pub picture: Picture,
    /// For each actor of the clip the share of it, 0 to 1, that nothing hides and that lies in the street's picture.
    pub shows: Vec<f32>,
    /// How far all of the picture is off, pixels.
    pub shake_px: [f32; 2],
}

/// Makes pictures of clips.
pub struct Composer {
    stamps: Stamps,
    /// The empty street, interleaved BGR.
    background: Vec<u8>,
    standing: Vec<u16>,
    /// The street without and with the animals, and the camera's picture: memory that is used again.
    street: Vec<u8>,
    painted: Vec<u8>,
    out: Vec<u8>,
    mats: [Mat; 2],
}

impl Composer {
    /// A composer for the street whose empty picture is `background`, with the photographs of a folder.
    pub fn new(background: Vec<u8>, stamps: &Path) -> Self {
        let brightness = background.iter().map(|v| u64::from(*v)).sum::<u64>() as f32 / background.len().max(1) as f32;
        Self {
            stamps: Stamps::new(stamps, brightness),
            background,
            standing: standing_map(),
            street: Vec::new(),
            painted: Vec::new(),
            out: Vec::new(),
            mats: [Mat::default(), Mat::default()],
        }
    }

    /// Reads the photographs of a clip, so that a missing one is found before anything is written.
    ///
    /// # Errors
    /// [`ScenesError::NoStamp`] or [`ScenesError::BadStamp`].
    pub fn prepare(&mut self, clip: &ClipPlan) -> Result<(), ScenesError> {
        clip.actors.iter().try_for_each(|actor| self.stamps.get(actor.animal, actor.tint).map(|_| ()))
    }

    /// One picture of a clip, from the footage's pictures at that moment: first its own, then those whose people
    /// join it.
    ///
    /// # Errors
    /// A photograph is missing, or OpenCV refuses.
    pub fn picture(
        &mut self,
        clip: &ClipPlan,
        settings: &Settings,
        frame: u32,
        streets: &[&[u8]],
    ) -> Result<Composed, ScenesError> {
        let t_s = ClipPlan::time_s(frame);
        let mut there: Vec<_> =
            clip.actors.iter().enumerate().filter_map(|(i, actor)| Some((i, actor, actor.at(t_s)?))).collect();
        // Far ones first: near ones cover them.
        there.sort_by(|a, b| a.2.1.foot.y.total_cmp(&b.2.1.foot.y));
        let own = *streets.first().ok_or_else(|| ScenesError::Plan("a picture without a street".into()))?;
        let (mut bgr, mut street) = (mem::take(&mut self.painted), mem::take(&mut self.street));
        if !clip.actors.is_empty() || streets.len() > 1 {
            // Buffers of this size are reused: the kernel takes longer to hand out new ones than the painting.
            street.clear();
            street.extend_from_slice(own);
            if streets.len() > 1 {
                people::join(&mut street, &streets[1..], &self.background)?;
            }
            bgr.clone_from(&street);
        }
        let brush_px = if clip.coding.fast { people::NARROW } else { people::BROAD };
        let mut shows = vec![0.0; clip.actors.len()];
        let mut before: Vec<(usize, Posed, Vec<u8>)> = Vec::new();
        for (i, actor, (pose, stance)) in there {
            if actor.whole_box(&clip.view, t_s).is_none_or(|b| b.clamped().area() <= 0.0) {
                continue;
            }
            let gait = match actor.role {
                Role::Animal => Gait::of(&pose, actor.animal.stride_m),
                Role::Swaying => Gait::swaying(t_s, i as f32),
                Role::Drill | Role::Thing => Gait::still(),
            };
            let lifted = actor.carried.filter(|[until_s, _]| t_s < *until_s);
            let lift_px = lifted.map_or(0.0, |[_, lift_m]| lift_m * stance.foot.px_per_m());
            let drawn = Stance { foot: Px::new(stance.foot.x, stance.foot.y - lift_px), ..stance };
            let posed = self.posed(actor, &drawn, &gait, pose.facing, t_s)?;
            let hidden = match actor.role {
                Role::Drill => vec![0; posed.sprite.width * posed.sprite.height],
                _ => self.hidden(&posed, &stance, &street, brush_px)?,
            };
            if lifted.is_none() && actor.role != Role::Drill {
                shadow(&posed, &stance)?.shade(&mut bgr, WIDTH as usize, SHADOW);
            }
            posed.blend(&mut bgr, WIDTH as usize, &hidden);
            for (_, farther, hidden) in &mut before {
                posed.cover(farther, hidden);
            }
            before.push((i, posed, hidden));
        }
        for (i, posed, hidden) in &before {
            shows[*i] = posed.shown(hidden);
        }
        let shake_px = settings.effects.shake(frame);
        let untouched = clip.actors.is_empty() && streets.len() == 1;
        let mut seen = mem::take(&mut self.out);
        self.seen(if untouched { own } else { &bgr }, clip, shake_px, &mut seen)?;
        (self.painted, self.street) = (bgr, street);
        let mut bgr = seen;
        settings.effects.apply(&mut bgr, frame);
        settings.develop.apply(&mut bgr, frame);
        let pts_us = i64::from(frame) * 1_000_000 / i64::from(crate::world::FPS);
        let picture = Picture { width: WIDTH, height: HEIGHT, bgr, pts_us, key: frame == 0 };
        Ok(Composed { picture, shows, shake_px })
    }

    /// Takes back a picture that is no longer needed, so that its memory serves the next.
    pub fn reuse(&mut self, picture: Picture) {
        self.out = picture.bgr;
    }

    /// The camera's part of the street, at full size.
    fn seen(
        &mut self,
        street: &[u8],
        clip: &ClipPlan,
        shake_px: [f32; 2],
        to: &mut Vec<u8>,
    ) -> Result<(), ScenesError> {
        let view = &clip.view;
        let whole = Mat::from_slice(street)?;
        let whole = whole.reshape(3, HEIGHT as i32)?;
        let crop = CvRect::new(view.x as i32, view.y as i32, view.width as i32, view.height() as i32);
        let method = if clip.coding.fast { imgproc::INTER_LINEAR } else { imgproc::INTER_CUBIC };
        let size = Size::new(WIDTH as i32, HEIGHT as i32);
        let [mut full, mut other] = mem::take(&mut self.mats);
        imgproc::resize(&whole.roi(crop)?, &mut full, size, 0.0, 0.0, method)?;
        if view.mirrored {
            flip(&full, &mut other, 1)?;
            mem::swap(&mut full, &mut other);
        }
        if shake_px != [0.0, 0.0] {
            shifted(&full, shake_px, &mut other)?;
            mem::swap(&mut full, &mut other);
        }
        to.clear();
        to.extend_from_slice(full.data_bytes()?);
        self.mats = [full, other];
        Ok(())
    }

    fn posed(
        &mut self,
        actor: &Actor,
        stance: &Stance,
        gait: &Gait,
        facing: f32,
        t_s: f32,
    ) -> Result<Posed, ScenesError> {
        let shape = actor.shape(t_s);
        let sprite = self.stamps.get(shape, actor.tint)?;
        let aspect = if actor.counts() { shape.aspect } else { sprite.aspect() };
        let full_width = stance.height_px * sprite.aspect();
        let sized = soft(&resized(sprite, full_width, stance.height_px)?, 0.55)?;
        let narrowed = (stance.width_px / (stance.height_px * aspect)).min(1.0);
        Ok(sized.posed(stance, gait, (facing > 0.0) != shape.faces_right, narrowed))
    }

    /// How much of each of the sprite's pixels is behind something, 0 to 255.
    fn hidden(&self, posed: &Posed, stance: &Stance, street: &[u8], brush_px: i32) -> Result<Vec<u8>, ScenesError> {
        let (width, height) = (posed.sprite.width as i32, posed.sprite.height as i32);
        let frame = CvRect::new(0, 0, WIDTH as i32, HEIGHT as i32);
        let around = CvRect::new(posed.left, posed.top, width, height + LOOK_BELOW_PX) & frame;
        let mut hidden = vec![0u8; (width * height) as usize];
        if around.width < 3 || around.height < 3 {
            return Ok(hidden);
        }
        let feet = people::feet(around, street, &self.background, brush_px)?;
        for y in around.y..(around.y + around.height).min(posed.top + height) {
            for x in around.x..around.x + around.width {
                let standing = self.standing[(y * WIDTH as i32 + x) as usize];
                let feet_y = feet[((y - around.y) * around.width + x - around.x) as usize];
                if feet_y as f32 > stance.foot.y + 4.0 || f32::from(standing) > stance.foot.y {
                    hidden[((y - posed.top) * width + x - posed.left) as usize] = 255;
                }
            }
        }
        let mat = Mat::new_rows_cols_with_data(height, width, &hidden)?;
        let mut softened = Mat::default();
        imgproc::gaussian_blur_def(&mat, &mut softened, Size::new(3, 3), 0.0)?;
        Ok(softened.data_bytes()?.to_vec())
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

fn shifted(picture: &Mat, by_px: [f32; 2], out: &mut Mat) -> Result<(), ScenesError> {
    let mut matrix = Mat::new_rows_cols_with_default(2, 3, CV_32F, Scalar::all(0.0))?;
    for (row, column, value) in [(0, 0, 1.0), (1, 1, 1.0), (0, 2, by_px[0]), (1, 2, by_px[1])] {
        *matrix.at_2d_mut::<f32>(row, column)? = value;
    }
    imgproc::warp_affine(
        picture,
        out,
        &matrix,
        picture.size()?,
        imgproc::INTER_LINEAR,
        opencv::core::BORDER_REPLICATE,
        Scalar::default(),
    )?;
    Ok(())
}
