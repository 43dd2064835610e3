//! Pure: a set as values. Pixels ([`crate::compose`]) and truth ([`crate::truth`]) both follow from it.

use base::geometry::Rect;
use base::ids::CameraId;
use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::animals::Animal;
use crate::catalogue;
use crate::effects::Effects;
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
    /// Frames of the footage whose people walk through it too.
    pub also: Vec<u32>,
    /// Night, weather, what is on the lens.
    pub effects: Effects,
    /// How it is encoded.
    pub coding: Coding,
    /// Words for what makes it hard, for the tables of an evaluation.
    pub conditions: Vec<&'static str>,
    /// Clips of the same scene begin at the same moment and show the same animals.
    pub scene: Option<String>,
}

/// How a clip is encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Coding {
    /// x264's quality, 0 to 51, less is better and larger.
    pub crf: u8,
    /// As a large set needs it: x264's fastest preset, and a crop blown up linearly.
    pub fast: bool,
}

/// About a megabit per second, as CCTV is set.
impl Default for Coding {
    fn default() -> Self {
        Self { crf: 24, fast: false }
    }
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
    /// What it is to the truth, and how it moves.
    pub role: Role,
    /// How its photograph is changed.
    pub tint: Tint,
    /// When it lies down, if it does, seconds of the clip.
    pub lies_from_s: Option<f32>,
    /// Carried until a time of the clip, seconds, so high above the ground, metres.
    pub carried: Option<[f32; 2]>,
    /// How it comes to be out, for the truth.
    pub entry: Option<&'static str>,
}

/// What someone in a scene is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An animal: it walks, and it is in the truth.
    Animal,
    /// An animal as a drill puts it into the picture: it glides, and nothing hides it.
    Drill,
    /// A thing: it does not move by itself, and the truth does not know it.
    Thing,
    /// A thing that the wind moves.
    Swaying,
}

/// How a photograph is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tint {
    /// Not at all.
    Natural,
    /// Grey, as stone.
    Stone,
    /// Brown and dark, as bronze.
    Bronze,
    /// Printed on a board.
    Poster,
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
        let (role, tint) = (Role::Animal, Tint::Natural);
        Self { animal, path, size: 1.0, role, tint, lies_from_s: None, carried: None, entry: None }
    }

    /// A thing.
    pub fn thing(thing: &'static Animal, path: Path, role: Role, tint: Tint) -> Self {
        Self { role, tint, ..Self::new(thing, path) }
    }

    /// Whether the truth knows it.
    pub fn counts(&self) -> bool {
        matches!(self.role, Role::Animal | Role::Drill)
    }

    /// The photograph that shows it at a time: another when it lies.
    pub fn shape(&self, t_s: f32) -> &'static Animal {
        let lies = self.lies_from_s.is_some_and(|from_s| t_s >= from_s);
        lies.then(|| catalogue::lying(self.animal)).flatten().unwrap_or(self.animal)
    }

    /// Where it is and how it stands at a time of the clip.
    pub fn at(&self, t_s: f32) -> Option<(Pose, Stance)> {
        let pose = self.path.at(t_s)?;
        let shape = self.shape(t_s);
        let height_px = shape.height_m * self.size * pose.foot.px_per_m();
        let width_px = height_px * shape.aspect * pose.facing.abs().max(NARROWEST);
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

    /// Whether something of this likelihood happens.
    pub fn happens(&mut self, likelihood: f32) -> bool {
        self.between(0.0, 1.0) < likelihood
    }

    /// One of several.
    ///
    /// # Panics
    /// When there are none.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.0.random_range(0..of.len())]
    }

    /// A number between two, as likely between 40 and 80 as between 80 and 160.
    pub fn log_between(&mut self, low: f32, high: f32) -> f32 {
        self.between(low.ln(), high.ln()).exp()
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
