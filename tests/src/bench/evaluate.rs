//! What alarms take in media time, and how fast footage is replayed, by `cluster-analyzer evaluate`.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Row, median, progress};
use crate::place::{Scratch, bin};
use crate::process::Start;
use crate::scenes;
use crate::wait::secs;

/// Frames a second of the sets.
const SET_FPS: f64 = 10.0;

pub fn measure(rounds: usize) -> Result<Vec<Row>> {
    let set = scenes::set("smoke")?;
    let scratch = Scratch::new("bench-evaluate")?;
    let json = scratch.join("evaluation.json");
    let (mut frames, mut pictures, mut evaluation) = (Vec::new(), Vec::new(), Value::Null);
    for round in 0..rounds {
        Start::new(bin("cluster-analyzer")?)
            .args(["evaluate", "--jobs", "1", "--set"])
            .args([&set.dir])
            .args(["--json"])
            .args([&json])
            .run(secs(600))?
            .success()?;
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(&json)?)?;
        evaluation = whole["evaluation"].clone();
        let speed = |key: &str| evaluation["speed"][key].as_f64().context("no speed in evaluation.json");
        frames.push(speed("frames_per_s")?);
        pictures.push(speed("pictures_per_s")?);
        progress(&format!("evaluate, round {}: {:.0} frames/s a core", round + 1, frames[round]));
    }
    let headline = &evaluation["headline"];
    let delay = |q: &str| headline["from_out_s"][q]["value"].as_f64().unwrap_or(f64::NAN);
    let count = |key: &str| headline[key].as_u64().unwrap_or_default();
    let (frames, pictures) = (median(&frames), median(&pictures));
    Ok(vec![
        Row::alone(
            "alarms of the set `smoke`: media time from the ground point being out, p50 and p95",
            format!("{:.2} s, {:.2} s ({} of {} found)", delay("p50"), delay("p95"), count("found"), count("events")),
        ),
        Row::against(
            "replay on one core: frames decoded, gated and, where wanted, detected",
            format!("{frames:.0} frames/s ({pictures:.1} pictures/s detected)"),
            "the camera's 10 frames/s",
            frames / SET_FPS,
        ),
    ])
}
