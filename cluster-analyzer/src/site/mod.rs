//! The site file, as people change it while the service runs.
//!
//! - [`merge`] (pure): a site as JSON into the file's text, comments kept.
//! - [`desk`]: the file on disk, its older versions, and the plan's picture.
//!
//! Invariants: what is written has been checked as at a start of the service; the version before each change is
//! kept; nothing is written over a change that somebody else made in the meantime.

pub mod desk;
pub mod merge;
