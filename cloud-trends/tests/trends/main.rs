//! The built program over local lakes: hand-made ones with known truth, and real footage by the real model.

mod batch;
mod commands;
mod footage;
mod golden;
mod history;
mod program;
mod reports;
