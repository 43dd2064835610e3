//! Adapter: OpenCV's MOG2 background model on small brightness pictures, 2-3 ms each.

use base::geometry::Rect;
use opencv::core::{self, Mat, Point, Ptr, Size};
use opencv::prelude::*;
use opencv::{imgproc, video};

use super::{Brightness, Detector, Motion, MotionError, Params, merge};

/// So many looks are needed before the model knows what is usual; until then nothing moves.
const LEARNING_LOOKS: u32 = 8;
/// Looks that the model remembers: a minute and a half at five a second.
const HISTORY_LOOKS: i32 = 450;
/// More of the picture than this at once is the light, not an animal: learn it quickly.
const SCENE_CHANGE: f32 = 0.7;

/// A background model of one stream.
pub struct Mog2 {
    params: Params,
    model: Ptr<video::BackgroundSubtractorMOG2>,
    kernel: Mat,
    smooth: Mat,
    mask: Mat,
    cleaned: Mat,
    labels: Mat,
    stats: Mat,
    centroids: Mat,
    looks: u32,
    size: (u32, u32),
}

impl Mog2 {
    /// A model that knows nothing yet.
    ///
    /// # Errors
    /// OpenCV cannot make one: no memory.
    pub fn new(params: Params) -> opencv::Result<Self> {
        // One picture of this size is not worth waking other cores for.
        core::set_num_threads(1)?;
        let model = video::create_background_subtractor_mog2(HISTORY_LOOKS, params.threshold, false)?;
        let kernel = imgproc::get_structuring_element_def(imgproc::MORPH_ELLIPSE, Size::new(3, 3))?;
        Ok(Self {
            params,
            model,
            kernel,
            smooth: Mat::default(),
            mask: Mat::default(),
            cleaned: Mat::default(),
            labels: Mat::default(),
            stats: Mat::default(),
            centroids: Mat::default(),
            looks: 0,
            size: (0, 0),
        })
    }

    fn look_inner(&mut self, picture: Brightness<'_>) -> opencv::Result<Motion> {
        if self.size != (picture.width, picture.height) {
            self.size = (picture.width, picture.height);
            self.looks = 0;
        }
        let image = Mat::new_rows_cols_with_data(picture.height as i32, picture.width as i32, picture.data)?;
        imgproc::median_blur(&image, &mut self.smooth, 3)?;
        self.learn(self.rate())?;
        self.looks = self.looks.saturating_add(1);
        if self.looks <= LEARNING_LOOKS {
            return Ok(Motion::default());
        }
        let border = imgproc::morphology_default_border_value()?;
        let anchor = Point::new(-1, -1);
        imgproc::morphology_ex_def(&self.mask, &mut self.cleaned, imgproc::MORPH_OPEN, &self.kernel)?;
        let pixels = picture.width as f32 * picture.height as f32;
        let score = core::count_non_zero(&self.cleaned)? as f32 / pixels;
        if score > SCENE_CHANGE {
            self.learn(0.3)?;
            return Ok(Motion { boxes: vec![Rect::FULL], score });
        }
        // Grown, so that the legs and the back of one animal are one thing.
        imgproc::dilate(&self.cleaned, &mut self.mask, &self.kernel, anchor, 2, core::BORDER_CONSTANT, border)?;
        Ok(Motion { boxes: self.boxes(pixels)?, score })
    }

    fn learn(&mut self, rate: f64) -> opencv::Result<()> {
        // Two traits of this type have an `apply`.
        BackgroundSubtractorMOG2Trait::apply(&mut self.model, &self.smooth, &mut self.mask, rate)
    }

    /// -1 lets the model choose: quickly at first, then by its history.
    fn rate(&self) -> f64 {
        if self.looks == 0 { 1.0 } else { -1.0 }
    }

    fn boxes(&mut self, pixels: f32) -> opencv::Result<Vec<Rect>> {
        let (labels, stats, centroids) = (&mut self.labels, &mut self.stats, &mut self.centroids);
        let count = imgproc::connected_components_with_stats_def(&self.mask, labels, stats, centroids)?;
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        let mut boxes = Vec::new();
        for label in 1..count {
            let stat = |what: i32| stats.at_2d::<i32>(label, what).map(|v| *v as f32);
            if stat(imgproc::CC_STAT_AREA)? / pixels < self.params.min_area {
                continue;
            }
            boxes.push(Rect {
                x: stat(imgproc::CC_STAT_LEFT)? / width,
                y: stat(imgproc::CC_STAT_TOP)? / height,
                w: stat(imgproc::CC_STAT_WIDTH)? / width,
                h: stat(imgproc::CC_STAT_HEIGHT)? / height,
            });
        }
        Ok(merge(boxes))
    }
}

impl Detector for Mog2 {
    fn look(&mut self, picture: Brightness<'_>) -> Result<Motion, MotionError> {
        let Brightness { width, height, .. } = picture;
        self.look_inner(picture).map_err(|source| MotionError { width, height, source: source.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 160;

    /// A noisy yard with, perhaps, a bright square in it.
    fn yard(seed: u32, square_at: Option<usize>) -> Vec<u8> {
        let mut state = seed.wrapping_mul(2_654_435_761).max(1);
        let mut noise = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state % 7) as u8
        };
        let mut data: Vec<u8> = (0..SIDE * SIDE).map(|i| 80 + (i % SIDE / 4) as u8 + noise()).collect();
        if let Some(x) = square_at {
            for y in 60..80 {
                data[y * SIDE + x..y * SIDE + x + 20].fill(230);
            }
        }
        data
    }

    fn look(gate: &mut Mog2, data: &[u8]) -> Motion {
        gate.look(Brightness { width: SIDE as u32, height: SIDE as u32, data }).unwrap()
    }

    #[test]
    fn a_square_that_crosses_is_motion_where_it_is_and_noise_is_none() {
        let mut gate = Mog2::new(Params::default()).unwrap();
        for i in 0..40 {
            let motion = look(&mut gate, &yard(i, None));
            assert!(!motion.moving(), "noise in look {i}: {motion:?}");
        }
        for i in 0..10 {
            let x = 20 + 8 * i as usize;
            let motion = look(&mut gate, &yard(100 + i, Some(x)));
            let truth = Rect { x: x as f32 / 160.0, y: 60.0 / 160.0, w: 0.125, h: 0.125 };
            assert!(motion.boxes.iter().any(|found| found.iou(&truth) > 0.4), "look {i}: {motion:?}");
            assert!((0.005..0.05).contains(&motion.score), "{}", motion.score);
        }
    }

    #[test]
    fn light_that_changes_everywhere_is_learnt_within_seconds() {
        let mut gate = Mog2::new(Params::default()).unwrap();
        (0..30).for_each(|i| drop(look(&mut gate, &yard(i, None))));
        let brighter = |seed| yard(seed, None).iter().map(|v| v + 90).collect::<Vec<u8>>();
        assert_eq!(look(&mut gate, &brighter(50)).boxes, [Rect::FULL]);
        let still_moving = (0..20).filter(|i| look(&mut gate, &brighter(60 + i)).moving()).count();
        assert!(still_moving < 10, "{still_moving}");
        assert!(!look(&mut gate, &brighter(99)).moving());
    }

    #[test]
    fn another_picture_size_begins_anew_and_a_wrong_one_is_an_error() {
        let mut gate = Mog2::new(Params::default()).unwrap();
        (0..20).for_each(|i| drop(look(&mut gate, &yard(i, None))));
        let small = vec![90; 64 * 48];
        assert!(!gate.look(Brightness { width: 64, height: 48, data: &small }).unwrap().moving());
        assert!(gate.look(Brightness { width: 100, height: 48, data: &small }).is_err());
    }
}
