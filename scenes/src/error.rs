//! What can go wrong, one sentence each.

use std::path::PathBuf;

use media::MediaError;

/// Why a set was not rendered.
#[derive(Debug, thiserror::Error)]
pub enum ScenesError {
    /// The packaged CCTV is missing.
    #[error("there is no footage at {}: install the Debian package opencv-doc, as deploy/setup does, or name a copy of vtest.avi with --footage", .0.display())]
    NoFootage(PathBuf),
    /// The packaged photographs are missing.
    #[error("there is no photograph at {}: install the Debian package tuxpaint-stamps-default, as deploy/setup does, or name its folder `animals` with --stamps", .0.display())]
    NoStamp(PathBuf),
    /// A photograph without transparency, or none at all.
    #[error("{} is no photograph with a transparent background: install the Debian package tuxpaint-stamps-default again", .0.display())]
    BadStamp(PathBuf),
    /// The footage is not `vtest.avi`.
    #[error("{} is not OpenCV's vtest.avi (768x576, 795 frames): {found}; name that file with --footage", path.display())]
    OtherFootage {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// Nothing can be written there.
    #[error("{} cannot be written: name a folder that you may write to, on a disk with room, with --out", path.display())]
    Out {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder holds something else.
    #[error("{} holds the set `{found}`: name another folder with --out, or remove this one", path.display())]
    OtherSet {
        /// The folder.
        path: PathBuf,
        /// Which set.
        found: String,
    },
    /// Footage or clips.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// An image operation.
    #[error("an image operation failed")]
    Image(#[from] opencv::Error),
    /// The plan does not make a valid site; only a fault in this crate does that.
    #[error("the set's own site file is wrong: {0}")]
    Plan(String),
}

impl ScenesError {
    /// Whether the person who asked can put it right.
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Image(_) | Self::Plan(_))
    }
}
