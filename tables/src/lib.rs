//! The Delta Lake tables in the bucket: their columns, how rows are made, and how they are committed
//! exactly once. Both the analyzer and cloud-trends write them, so that they live in neither.
//!
//! Reading order:
//! - [`schema`]: the five tables, column by column, with units. Pure.
//! - [`rows`]: values of `base` become record batches. Pure.
//! - [`store`]: which bucket, with which keys.
//! - [`lake`]: opening, registering for SQL, reading objects, committing.
//! - [`error`]: what can go wrong, sorted into what a person mends and what time mends.
//!
//! Invariants:
//! - Rows enter a table through [`Lake::append_once`] and [`Lake::append_fenced`] only, under Delta's own
//!   application transaction: the same [`Txn`] is never written twice, whoever retries, races or is killed.
//! - Every table is partitioned by `site` first; times are UTC microseconds.
//! - Nothing here looks up credentials or regions by itself: what is not in [`StoreConfig`] is not used.

pub mod error;
pub mod lake;
pub mod rows;
pub mod schema;
pub mod store;

pub use error::TableError;
pub use lake::{Appended, Fenced, FencedAppend, Lake, ObjectInfo, Txn};
pub use rows::{AnalysisRow, CoverageRow, Outcome};
pub use schema::Table;
pub use store::StoreConfig;
