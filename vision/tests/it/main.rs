//! The crate from outside: real detectors on real photographs, and model folders with mistakes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod bad_models;
mod networks;
mod real_models;
mod support;
