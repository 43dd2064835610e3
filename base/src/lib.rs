//! Values that cross a process boundary, and what every process needs: clock, retry, stop, logging.
//!
//! What belongs here: what two of the three services must agree on. What does not: an async client, a
//! codec, an image or a database — those live behind the crates that name them.
//!
//! Reading order:
//! - [`ids`], [`time`], [`geometry`]: the words everything else is written in.
//! - [`site`]: the zoo's truth, read from `site.toml` with every check.
//! - [`topic`], [`wire`], [`drill`]: the MQTT contract (docs/wire.md); golden bytes in `base/testdata`.
//! - [`segment`], [`observation`], [`incident`], [`health`]: what is stored and sent.
//! - [`retry`], [`stop`], [`logging`], [`input`]: how a process behaves.
//!
//! Invariants: a value that was parsed is valid (ids, polygons, hashes are checked where they enter); a
//! reader ignores JSON fields it does not know, so that agents and clusters of different ages talk.

pub mod drill;
pub mod geometry;
pub mod health;
pub mod ids;
pub mod incident;
pub mod input;
pub mod logging;
pub mod observation;
pub mod retry;
pub mod segment;
pub mod site;
pub mod stop;
pub mod time;
pub mod topic;
pub mod wire;
