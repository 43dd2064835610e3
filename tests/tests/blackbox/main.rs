//! Black-box tests: the built programs against a real broker, a real S3 server and a real camera.
//!
//! Every test sees only what a user of Paddock could see: MQTT, HTTP, objects and tables, exit codes, logs.
//! One binary, so that the harness is linked once; one module for each thing that Paddock promises.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do the helpers of tests")]

mod alert;
mod bad_input;
mod catch_up;
mod common;
mod deploy;
mod drill;
mod evaluate;
mod footage;
mod health;
mod incident;
mod notify;
mod one_box;
mod outage;
mod replay;
mod trends;
