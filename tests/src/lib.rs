//! The harness of the black-box tests, the demo and the benches: it starts real programs, watches what
//! they do and ends them.
//!
//! What belongs here: starting and stopping a process, waiting for a state, speaking the public
//! contracts (MQTT, S3, HTTP, site and truth files). What does not: anything that a user of Paddock
//! could not do too. No module here looks inside a service.
//!
//! Reading order:
//! - [`place`], [`wait`], [`process`]: where things are, waiting with a deadline, one child process.
//! - [`mosquitto`], [`weed`], [`rtsp`], [`receivers`]: a real broker, a real S3 server, a real camera, those who are told.
//! - [`watch`], [`http`], [`python`]: looking from outside: MQTT, HTTP, other people's table readers.
//! - [`analyzer`], [`agent`], [`scenes`], [`site`]: our own programs, footage and site files.
//! - [`demo`]: `make demo`; [`bench`]: `make bench`.
//!
//! Invariants:
//! - A process that was started here never outlives the [`process::Proc`] that holds it, nor the process that
//!   holds that.
//! - Nothing waits without a deadline, and nothing sleeps instead of waiting for a state.
//! - A server gets its port by binding it: a clash is met with another port, never with luck.

pub mod agent;
pub mod analyzer;
pub mod bench;
pub mod demo;
pub mod http;
pub mod mosquitto;
pub mod place;
pub mod process;
pub mod python;
pub mod receivers;
pub mod rtsp;
pub mod scenes;
pub mod site;
pub mod wait;
pub mod watch;
pub mod weed;

pub use agent::Agent;
pub use analyzer::Analyzer;
pub use mosquitto::Mosquitto;
pub use place::{Scratch, bin, repo_root};
pub use process::Proc;
pub use receivers::Receivers;
pub use rtsp::RtspServer;
pub use wait::eventually;
pub use watch::{Message, MqttWatch};
pub use weed::Weed;
