//! Renders labelled test footage: packaged photographs of animals walk through packaged CCTV, so that any
//! Debian machine has footage of an escape, with the truth beside it, from a seed.
//!
//! A set is a folder with `site.toml`, clips and `truth.json`. The footage is OpenCV's `vtest.avi` (a street
//! with people walking, who are the visitors); the animals are the photographic stamps of Tux Paint. A scene
//! is planned first, as numbers; its pixels and its truth both follow from that plan, so they cannot disagree.
//!
//! What belongs here: which scenes there are, how an animal moves and looks in one, and what the truth is.
//! What does not: detection, and what an alarm is worth (the analyzer's `evaluate` decides that).
//!
//! Modules in reading order:
//! - [`world`]: the street that the footage shows: its scale at each place, its lawn, what stands in front
//! - [`animals`], [`catalogue`]: the photographs, with each animal's height and the way it faces
//! - [`path`]: where an animal is at each moment; [`gait`]: how its body moves while it walks
//! - [`view`]: a camera's part of the street, so that one piece of footage serves as several cameras
//! - [`plan`]: a set as values; [`site_file`]: its `site.toml`; [`truth`], [`tracks`]: its `truth.json` and `tracks.json`
//! - [`sets`]: one function per set
//! - [`sprite`], [`effects`], [`look`]: a photograph posed and put into a picture; night, weather and lens; what a
//!   camera's sensor does to the picture
//! - [`stamps`], [`footage`], [`people`], [`compose`]: the adapters that read photographs and footage and make pictures
//! - [`progress`], [`run`]: one set into one folder
//!
//! Invariants:
//! - The same set, seed and version give the same pixels and the same truth on each run.
//! - An animal is in an event exactly while the containment rule of its site file says that it is out.
//! - Nothing is downloaded: what is missing is named with its Debian package.
//!
//! The sets `demo` and `smoke` prove that the pipeline works. Their animals were picked because the default
//! detector sees them well (photographs pasted into this street at 110 to 190 pixels score at least 0.3 in
//! nine frames of ten), and their zones leave nothing standing outside that it takes for an animal. They
//! say nothing about how good detection is.
//!
//! The other sets are there to say it (docs/detection.md): they are drawn at random within bounds that the tests of
//! [`sets`] hold for every seed, and what the default detector sees had no say in them.

pub mod animals;
pub mod catalogue;
pub mod compose;
pub mod effects;
pub mod error;
pub mod footage;
pub mod gait;
pub mod look;
pub mod path;
pub mod people;
pub mod plan;
pub mod progress;
pub mod run;
pub mod sets;
pub mod site_file;
pub mod sprite;
pub mod stamps;
pub mod tracks;
pub mod truth;
pub mod view;
pub mod world;

pub use error::ScenesError;
pub use run::{Rendered, Request, render};
