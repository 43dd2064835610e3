//! Turns footage in object storage into tables, and tables into reports.
//!
//! What belongs here: the batch over recorded footage, and whatever is computed from the tables. What does
//! not: the tables' columns and commits (`tables`), decoding (`media`), detection and tracking (`vision`); an
//! alarm never waits for anything in this crate.
//!
//! Reading order, which is the order in which data flows:
//! - [`args`], [`config`]: what was typed, and what is needed. [`error`]: exit code 2 for a person's mistake, 1 for
//!   an outage.
//! - [`settings`]: what changes the answer. [`catalog`]: what is open. [`plan`]: what is analysed together.
//! - [`analyse`]: from footage to rows, as a function of the SQL engine.
//! - [`commit`]: rows into the tables, exactly once.
//! - [`query`], [`report`]: from tables to answers; [`calendar`], [`frame`] and [`output`] help.
//! - [`run`]: the commands; the only place that reads the clock and starts tasks.
//!
//! Invariants:
//! - Run it twice, two at once, or kill it anywhere and run it again: the tables are the same ([`plan`] says how).
//! - Footage at fault costs its segment, an outage costs its batch, and neither ends the run.
//! - Reports add up batch rows of one analysis only, and never count what was not analysed as absence.

pub mod analyse;
pub mod args;
pub mod calendar;
pub mod catalog;
pub mod commit;
pub mod config;
pub mod error;
pub mod frame;
pub mod output;
pub mod plan;
pub mod query;
pub mod report;
pub mod run;
pub mod settings;
