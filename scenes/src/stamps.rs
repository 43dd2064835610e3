//! The packaged photographs, read with OpenCV.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use opencv::core::{CV_8UC4, Mat, MatTraitConst as _, MatTraitConstManual as _};
use opencv::imgcodecs;

use crate::animals::Animal;
use crate::error::ScenesError;
use crate::plan::Tint;
use crate::sprite::Sprite;

/// Where Debian puts them.
pub const PACKAGED: &str = "/usr/share/tuxpaint/stamps/animals";

/// The photographs, each read once.
pub struct Stamps {
    folder: PathBuf,
    scene_brightness: f32,
    read: HashMap<(&'static str, Tint), Sprite>,
}

impl Stamps {
    /// The photographs of a folder, to be matched to a scene of this mean brightness.
    pub fn new(folder: &Path, scene_brightness: f32) -> Self {
        Self { folder: folder.to_owned(), scene_brightness, read: HashMap::new() }
    }

    /// Where an animal's photograph is.
    pub fn path(folder: &Path, animal: &Animal) -> PathBuf {
        folder.join(animal.stamp)
    }

    /// An animal's photograph.
    ///
    /// # Errors
    /// [`ScenesError::NoStamp`] names the package, [`ScenesError::BadStamp`] the file.
    pub fn get(&mut self, animal: &'static Animal, tint: Tint) -> Result<&Sprite, ScenesError> {
        let key = (animal.stamp, tint);
        if !self.read.contains_key(&key) {
            let sprite = self.load(animal)?.tinted(tint);
            self.read.insert(key, sprite);
        }
        self.read.get(&key).ok_or_else(|| ScenesError::BadStamp(Self::path(&self.folder, animal)))
    }

    fn load(&self, animal: &Animal) -> Result<Sprite, ScenesError> {
        let path = Self::path(&self.folder, animal);
        if !path.is_file() {
            return Err(ScenesError::NoStamp(path));
        }
        let image: Mat = imgcodecs::imread(&path, imgcodecs::IMREAD_UNCHANGED)?;
        if image.empty() || image.typ() != CV_8UC4 {
            return Err(ScenesError::BadStamp(path));
        }
        let (width, height) = (image.cols() as usize, image.rows() as usize);
        let bgra = image.data_bytes()?.to_vec();
        Sprite::from_photograph(width, height, bgra, animal.grass_at_feet, self.scene_brightness)
            .ok_or(ScenesError::BadStamp(path))
    }
}
