//! Pure: a set as values. Pixels ([`crate::compose`]) and truth ([`crate::truth`]) both follow from it.

use base::geometry::Rect;
use base::ids::CameraId;
use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::animals::Animal;
use crate::look::Look;
use crate::path::{Path, Pose};
use crate::site_file::SiteFile;
use crate::view::View;
use crate::world::{FPS, Px};

/// An animal that turns is seen from its front or back, which is this narrow.
const NARROWEST: f32 = 0.45;

/// A whole set.
#[derive(Debug, Clone, PartialEq)]
pub struct SetPlan {
    /// What becomes `site.toml`.
    pub site: SiteFile,
    /// One camera each.
    pub clips: Vec<ClipPlan>,
}

/// One clip.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipPlan {
    /// The camera, which also names the file.
    pub camera: CameraId,
    /// The part of the street that it shows.
    pub view: View,
    /// What the camera does to the picture.
    pub look: Look,
    /// Where in the footage it begins.
    pub first_frame: u32,
    /// How long it is.
    pub frames: u32,
    /// Who walks through it, visitors apart.
    pub actors: Vec<Actor>,
}

/// One animal in one clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Actor {
    /// Which.
    pub animal: &'static Animal,
    /// Its way.
    pub path: Path,
    /// How much larger than its kind it is.
    pub size: f32,
}

/// An animal's outline in the street, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stance {
    /// The middle of its feet.
    pub foot: Px,
    /// Pixels across.
    pub width_px: f32,
    /// Pixels up.
    pub height_px: f32,
}

impl ClipPlan {
    /// The file's name.
    pub fn file(&self) -> String {
        format!("{}.mp4", self.camera)
    }

    /// The time of a frame from the clip's start.
    pub fn time_s(frame: u32) -> f32 {
        frame as f32 / FPS as f32
    }

    /// The clip's length.
    pub fn seconds(&self) -> f32 {
        Self::time_s(self.frames)
    }
}

impl Actor {
    /// An animal of its kind's size.
    pub fn new(animal: &'static Animal, path: Path) -> Self {
        Self { animal, path, size: 1.0 }
    }

    /// Where it is and how it stands at a time of the clip.
    pub fn at(&self, t_s: f32) -> Option<(Pose, Stance)> {
        let pose = self.path.at(t_s)?;
        let height_px = self.animal.height_m * self.size * pose.foot.px_per_m();
        let width_px = height_px * self.animal.aspect * pose.facing.abs().max(NARROWEST);
        Some((pose, Stance { foot: pose.foot, width_px, height_px }))
    }

    /// The whole animal's box in a camera's picture at a time; it may lie outside.
    pub fn whole_box(&self, view: &View, t_s: f32) -> Option<Rect> {
        let (_, stance) = self.at(t_s)?;
        let (left, top) = (stance.foot.x - stance.width_px / 2.0, stance.foot.y - stance.height_px);
        Some(view.rect(left, top, stance.width_px, stance.height_px))
    }
}

/// Chance for one clip: the same for the same seed and name, whatever else the set contains.
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The chance of one clip of one seed.
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a, because the standard hasher may change with the compiler.
        let hash =
            name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Self(ChaCha8Rng::seed_from_u64(seed ^ hash))
    }

    /// A number between two.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0.random_range(low..=high)
    }

    /// A whole number between two.
    pub fn whole(&mut self, low: u32, high: u32) -> u32 {
        self.0.random_range(low..=high)
    }

    /// A place near another.
    pub fn near(&mut self, x: f32, y: f32, within_px: f32) -> Px {
        Px::new(x + self.between(-within_px, within_px), y + self.between(-within_px / 2.0, within_px / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_depends_on_seed_and_name_alone() {
        let draw = |seed, name| Chance::new(seed, name).whole(0, u32::MAX);
        assert_eq!(draw(1, "plaza"), draw(1, "plaza"));
        assert_ne!(draw(1, "plaza"), draw(2, "plaza"));
        assert_ne!(draw(1, "plaza"), draw(1, "gate"));
    }
}
