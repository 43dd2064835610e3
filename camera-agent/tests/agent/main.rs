//! The built agent against a real broker and a peer that acknowledges.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is how something is said")]

mod footage;
mod frames;
mod harness;
mod input;
mod local;
