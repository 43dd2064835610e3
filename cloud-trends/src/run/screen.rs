//! Adapter: what a run shows while it goes: a bar on a terminal, lines elsewhere, JSON lines for machines.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

/// How often lines are written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What a run shows.
#[derive(Debug)]
pub struct Screen {
    bar: Option<ProgressBar>,
    json: bool,
    quiet: bool,
    last_line: Instant,
}

impl Screen {
    /// A bar or lines, whichever fits standard error; with `json`, objects on standard output.
    pub fn new(json: bool) -> Self {
        let bar = (std::io::stderr().is_terminal() && !json).then(bar);
        Self { bar, json, quiet: false, last_line: Instant::now() }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self { bar: None, json: false, quiet: true, last_line: Instant::now() }
    }

    /// What happened, for machines.
    pub fn event(&self, object: &Value) {
        if self.json {
            println!("{object}");
        }
    }

    /// What happened, for people.
    pub fn say(&self, text: &str) {
        if !self.json && !self.quiet {
            match &self.bar {
                Some(bar) => bar.suspend(|| println!("{text}")),
                None => println!("{text}"),
            }
        }
    }

    /// What went wrong, for all.
    pub fn warn(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("warning: {text}")),
            None => eprintln!("warning: {text}"),
        }
    }

    /// How far it is: footage done and in all (µs), and the seconds that it took.
    pub fn progress(&mut self, done_us: i64, all_us: i64, seconds: f64) {
        let rate = done_us as f64 / 1e6 / seconds.max(0.001);
        if let Some(bar) = &self.bar {
            bar.set_length(all_us.max(0) as u64 / 1_000_000);
            bar.set_position(done_us.max(0) as u64 / 1_000_000);
            bar.set_message(format!("{:.2} of {:.2} h, {rate:.0} x real time", hours(done_us), hours(all_us)));
            return;
        }
        if self.quiet || self.last_line.elapsed() < LINE_EVERY {
            return;
        }
        self.last_line = Instant::now();
        let left_s = if rate > 0.0 { (all_us - done_us).max(0) as f64 / 1e6 / rate } else { 0.0 };
        if self.json {
            let (done, all) = (hours(done_us), hours(all_us));
            self.event(&json!({"type": "progress", "footage_hours": done, "of": all, "rate": rate, "left_s": left_s}));
        } else {
            let (done, all) = (hours(done_us), hours(all_us));
            eprintln!("{done:.2} of {all:.2} h of footage, {rate:.0} x real time, {left_s:.0} s left");
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn hours(us: i64) -> f64 {
    us as f64 / 3.6e9
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{bar:30} {percent}% {msg}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
