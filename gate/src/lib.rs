//! The gate: which pictures of a camera are worth looking at, and where something moves in them.
//!
//! What belongs here: the choice that the agent makes at the lens, which the analyzer makes again when it
//! replays footage, so that what is measured is what runs. What does not: capture, sending, a neural network.
//!
//! Modules in reading order:
//! - [`motion`]: where something moves, as values; [`motion::mog2`] (adapter): by OpenCV's background model.
//! - [`frames`]: pure: which frames go out.
//!
//! Invariants: a still scene is let through every few seconds; a gate that fails lets the picture through.

pub mod frames;
pub mod motion;

pub use frames::FrameGate;
pub use motion::mog2::Mog2;
pub use motion::{Brightness, Detector, GATE_SIDE_PX, Motion};
