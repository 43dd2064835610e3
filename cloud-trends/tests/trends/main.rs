//! The built program over local lakes: hand-made ones with known truth, and real footage by the real model.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod batch;
mod commands;
mod footage;
mod golden;
mod history;
mod program;
mod reports;
