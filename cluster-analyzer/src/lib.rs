//! The cluster's service: it raises the alarm when an animal is out of place, follows it from camera to
//! camera, keeps the footage of all cameras and forwards it to object storage.
//!
//! ```text
//! ingest -> schedule -> detect -> (track -> judge -> incident) -> alert , http
//! ingest -> archive (disk) -> upload (object storage) -> lake (tables)
//! ```
//!
//! Modules in reading order:
//! - [`config`]: `analyzer.toml` and flags into what each part needs; [`metrics`]: what is counted.
//! - [`ingest`]: messages into values, bad ones counted; `ingest::mqtt` is the broker.
//! - [`schedule`]: which camera's frame the detector takes next.
//! - [`detect`]: pictures into detections, on threads of its own.
//! - [`judge`]: tracks into decisions; [`incident`]: decisions into incidents across cameras;
//!   [`pipeline`]: track, judge and incident as one, for live work and for [`replay`].
//! - [`alert`]: the outbox; [`ledger`]: where incidents and alerts are written together; [`live`]: the thread
//!   that owns them.
//! - [`catchup`]: footage that arrives late is judged behind live work; [`health`]: whether cameras see;
//!   [`drill`]: whether an alarm would arrive.
//! - [`archive`], [`upload`], [`lake`]: footage and rows.
//! - [`footage`]: footage as people ask for it: timelines, videos, exports.
//! - [`site`]: the site file as people change it while the service runs.
//! - [`http`]: what people and monitoring see; [`view`]: what it shows; [`hub`]: what it tells as it happens.
//! - [`evaluate`]: how well all that works on labelled footage.
//! - [`enroll`]: what an agent is given to begin with.
//! - [`children`]: broker and store of a one-box installation.
//! - [`models`]: which detectors there are, how they are fetched, whether they run.
//! - [`run`]: the only place that names adapters, spawns tasks, makes channels and reads the clock.
//!
//! Invariants: detection never delays or stops recording; a message from outside is taken in whole or
//! counted as refused; a segment is acknowledged only after its file and row are on disk; an alert is on
//! disk before it is sent; live work and replay share one path from detections to alerts; no stage imports
//! a later one.

pub mod alert;
pub mod archive;
pub mod catchup;
pub mod children;
pub mod config;
pub mod detect;
pub mod drill;
pub mod enroll;
pub mod evaluate;
pub mod footage;
pub mod health;
pub mod http;
pub mod hub;
pub mod incident;
pub mod ingest;
pub mod judge;
pub mod lake;
pub mod ledger;
pub mod live;
pub mod metrics;
pub mod models;
pub mod pipeline;
pub mod replay;
pub mod run;
pub mod schedule;
pub mod site;
#[cfg(test)]
pub(crate) mod testkit;
pub mod upload;
pub mod view;
