//! The only crate that runs a neural network; the tracker and its geometry stand beside it, pure.
//!
//! What belongs here: from a picture to detections, and from detections to tracks. What does not: what
//! a track means for a zoo (the judge), where pictures come from (`media`), tables.
//!
//! Reading order:
//! - [`detection`]: what a detector says about one object, with a score per class.
//! - [`card`]: `model.toml`, everything about a model that the ONNX file does not say.
//! - [`letterbox`]: between pixels of the network's input and the picture.
//! - [`head`]: from output arrays to detections; `centernet`, `yolox`, `detr` and `megadetector`.
//! - [`runtime`], [`model`]: ONNX Runtime and a session of it; `preprocess` fills its input,
//!   `outputs` reads what it gives out.
//! - [`looks`]: pure: where to look closer; `mosaic` cuts that out.
//! - [`tracker`]: detections of successive frames into tracks.
//! - [`observe`]: tracks into the rows that reports are computed from.
//!
//! Invariants: `ort` is named in `runtime`, `model`, `outputs` and [`error`] alone; a head and the tracker see numbers
//! only, so they are tested without a model. A [`Detection`]'s box is finite and inside the picture. A
//! model whose bytes are not those its card names is never run, nor one whose card names none, unless it says `any`.

pub mod card;
pub mod detection;
pub mod error;
pub mod head;
pub mod letterbox;
pub mod looks;
pub mod model;
mod mosaic;
pub mod observe;
mod outputs;
mod preprocess;
pub mod runtime;
pub mod tracker;

pub use card::{Group, ModelCard};
pub use detection::Detection;
pub use error::ModelError;
pub use looks::LookParams;
pub use model::{ImageRef, Model, ModelOptions};
pub use tracker::{Track, Tracker, TrackerParams};
