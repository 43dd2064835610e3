//! Our tracker against supervision's ByteTrack on the same detections, scored by TrackEval.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Row, progress};
use crate::place::{Scratch, bin, repo_root};
use crate::process::Start;
use crate::scenes;
use crate::wait::secs;

/// Animals that walk among and behind people.
const SET: &str = "crossing";

pub fn measure(_rounds: usize) -> Result<Vec<Row>> {
    let set = scenes::set(SET)?;
    let scratch = Scratch::new("bench-tracker")?;
    let mot = scratch.join("mot");
    Start::new(bin("cluster-analyzer")?)
        .args(["evaluate", "--set"])
        .args([&set.dir])
        .args(["--mot"])
        .args([&mot])
        .run(secs(1800))?
        .success()?;
    let scored = Start::new(peers()?).args([repo_root().join("deploy/score_tracker.py"), mot]).run(secs(600))?;
    let lines: Vec<Value> =
        scored.success()?.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("score_tracker.py")?;
    let of = |tracker: &str, key: &str| {
        let line = lines.iter().find(|line| line["tracker"] == tracker);
        line.and_then(|line| line[key].as_f64()).with_context(|| format!("no {key} of {tracker}"))
    };
    let row = |key: &str| -> Result<Row> {
        let (ours, theirs) = (of("paddock", key)?, of("bytetrack", key)?);
        let what = format!("tracking, set `{SET}`: {key}");
        Ok(Row::against(what, format!("{ours:.3}"), format!("supervision's ByteTrack {theirs:.3}"), ours / theirs))
    };
    Ok(vec![row("HOTA")?, row("AssA")?, row("IDF1")?])
}

/// A Python with the peer and the scoring, made when it is first needed.
fn peers() -> Result<PathBuf> {
    let root = repo_root();
    let (venv, wanted) = (root.join(".setup/bench-venv"), root.join("deploy/requirements-bench.txt"));
    let (python, done) = (venv.join("bin/python"), venv.join("requirements-bench.txt"));
    let text = std::fs::read_to_string(&wanted)?;
    if std::fs::read_to_string(&done).is_ok_and(|there| there == text) {
        return Ok(python);
    }
    progress("installing deploy/requirements-bench.txt into .setup/bench-venv");
    Start::new("python3").args(["-m", "venv"]).args([&venv]).run(secs(120))?.success()?;
    let pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r"];
    Start::new(&python).args(pip).args([&wanted]).run(secs(900))?.success()?;
    std::fs::write(done, text)?;
    Ok(python)
}
