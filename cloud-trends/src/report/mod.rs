//! Reports: each is a query ([`read`]), pure arithmetic, and a [`crate::output::Document`].
//!
//! Reading order: [`place`] (what a row of `observations` means at this zoo), [`visits`], [`bootstrap`],
//! [`activity`], [`incidents`], [`read`]. docs/reports.md holds each formula with its source.

pub mod activity;
pub mod bootstrap;
pub mod incidents;
pub mod place;
pub mod read;
pub mod visits;
