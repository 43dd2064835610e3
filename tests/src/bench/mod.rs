//! The benches: what Paddock costs and how fast it is, each figure against what it is built on.
//!
//! Reading order: this page runs and prints them; [`latency`] is frame and event to alert, [`detector`] is
//! our detection against ONNX Runtime alone, [`agent`] is the agent against `ffmpeg`, [`ingest`] is the
//! archive against the broker alone, [`evaluate`] is what alarms take in media time and how fast footage is
//! replayed, [`tracker`] is our tracker against supervision's ByteTrack.
//!
//! Invariant: what is compared is measured in turns in one run, so that a machine that is busy for a while is
//! busy for both; a figure is the median of at least three.

mod agent;
mod detector;
mod evaluate;
mod ingest;
mod latency;
mod tracker;

use std::fmt::Write as _;

use anyhow::Result;
use base::time::{Clock as _, SystemClock};

/// What `bench` takes on the command line.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Measures Paddock on this machine and prints a table in Markdown")]
pub struct Options {
    /// How often each figure is measured.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Only these parts: latency, detector, agent, ingest, evaluate, tracker.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
}

/// One figure of the table.
#[derive(Debug, Clone)]
pub struct Row {
    what: String,
    value: String,
    against: String,
    ratio: String,
}

impl Row {
    fn alone(what: impl Into<String>, value: impl Into<String>) -> Self {
        Self { what: what.into(), value: value.into(), against: String::new(), ratio: String::new() }
    }

    fn against(what: impl Into<String>, value: impl Into<String>, against: impl Into<String>, ratio: f64) -> Self {
        let (what, value, against) = (what.into(), value.into(), against.into());
        Self { what, value, against, ratio: format!("{ratio:.2}") }
    }
}

/// Measures everything and gives the table.
///
/// # Errors
/// Something could not be started or measured.
pub fn run(options: &Options) -> Result<String> {
    type Part = fn(usize) -> Result<Vec<Row>>;
    let parts: [(&str, Part); 6] = [
        ("detector", detector::measure),
        ("agent", agent::measure),
        ("ingest", ingest::measure),
        ("latency", latency::measure),
        ("evaluate", evaluate::measure),
        ("tracker", tracker::measure),
    ];
    let mut rows = Vec::new();
    for (name, measure) in parts {
        if options.only.is_empty() || options.only.iter().any(|wanted| wanted == name) {
            progress(&format!("{name} ..."));
            rows.extend(measure(options.rounds.max(1))?);
        }
    }
    Ok(table(&rows, options.rounds))
}

fn table(rows: &[Row], rounds: usize) -> String {
    let mut text = format!("{}, medians of {rounds} rounds or more\n\n", machine());
    text.push_str("| measured | value | against | ratio |\n|---|---|---|---|\n");
    for Row { what, value, against, ratio } in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {what} | {value} | {against} | {ratio} |");
    }
    text
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, m)| m));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let build = if cfg!(debug_assertions) { "development build" } else { "release build" };
    format!("{}, {cores} cores ({}), {build}", SystemClock::new().now().date(), model.unwrap_or("unknown"))
}

/// Says how far it is; the table alone goes to standard output.
fn progress(text: &str) {
    eprintln!("bench: {text}");
}

/// The middle one; not a number where there is none.
fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len().max(1) - 1) as f64 * q).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_in_any_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(quantile(&[5.0, 1.0, 4.0, 2.0, 3.0], 1.0), 5.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_table_is_markdown() {
        let text = table(&[Row::alone("a", "1 ms"), Row::against("b", "2 s", "ffmpeg 1 s", 2.0)], 3);
        assert!(text.contains("| a | 1 ms |  |  |\n| b | 2 s | ffmpeg 1 s | 2.00 |\n"), "{text}");
    }
}
