//! Other people's readers of our tables: the Python environment that `deploy/setup` makes.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::place::setup_file;
use crate::process::Start;

/// Runs a script that prints one JSON value.
///
/// # Errors
/// It fails, or prints something else.
pub fn json(script: &str, args: &[&str], deadline: Duration) -> Result<serde_json::Value> {
    let out = Start::new(setup_file("venv/bin/python")?).args(["-c", script]).args(args).run(deadline)?.success()?;
    serde_json::from_str(&out).with_context(|| format!("not one JSON value: {out}"))
}
