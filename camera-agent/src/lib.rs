//! The edge binary: captures one camera, gates on motion, publishes frames for analysis, and keeps
//! footage on disk until the analyzer has said that it is stored.
//!
//! What belongs here: whatever sits at the lens. What does not: a neural network, a decision about
//! animals, anything that needs the cluster to be there.
//!
//! Modules in reading order:
//! - [`config`]: what was typed, and what is needed of it.
//! - [`timeline`]: pure: the stream's own times into UTC; [`capture`]: the source, opened again for ever.
//! - [`gate`]: where something moves, and which frames go out.
//! - [`segments`]: pure: footage with its capture time, hash and motion; [`spool`]: kept on disk.
//! - [`publish`]: two MQTT connections, the newest frame, footage in order until acknowledged.
//! - [`control`]: pure: what the analyzer asks for; [`drill`]: a synthetic animal in the frames; [`status`]: what is said
//!   of all this.
//! - [`systemd`]: readiness and signs of life.
//! - [`run`]: wires them up; [`probe`]: looks at a source and says what it is.
//!
//! Invariants:
//! - A segment leaves the spool when `segment-ack` names it or when there is no room for it, and the
//!   latter is counted and reported as a gap. Nothing else removes it: no restart, no outage.
//! - A frame is never queued: there is one place for the next one, and the newest takes it.
//! - Only [`run`] names adapters, spawns, makes channels and reads the clock.
//! - No password reaches a log or a message.

pub mod capture;
pub mod cli;
pub mod config;
pub mod control;
pub mod drill;
pub mod host;
pub mod probe;
pub mod publish;
pub mod run;
pub mod segments;
pub mod spool;
pub mod status;
pub mod systemd;
pub mod timeline;
