//! The gate: which pictures of a camera are worth looking at, and where something moves in them.
//!
//! What belongs here: the choice that the agent makes at the lens, which the analyzer makes again when it
//! replays footage, so that what is measured is what runs. What does not: capture, sending, a neural network.
//!
//! Modules in reading order:
//! - [`motion`]: pure: where something moves, as values; [`motion::background`]: by a background model.
//! - [`frames`]: pure: which frames go out.
//!
//! Invariants: a still scene is let through every few seconds; a gate that fails lets the picture through.

pub mod frames;
pub mod motion;

pub use frames::FrameGate;
pub use motion::background::Background;
pub use motion::{Brightness, Detector, GATE_SIDE_PX, Motion};
