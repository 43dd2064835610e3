//! What a person sees while a set renders: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

/// Progress of one set, in frames.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    silent: bool,
}

impl Progress {
    /// Progress on standard error.
    pub fn new(frames: u32) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = if plain { ProgressBar::hidden() } else { ProgressBar::new(u64::from(frames)) };
        if let Ok(style) = ProgressStyle::with_template("scenes: {msg:16} {bar:30} {pos}/{len} frames, {eta} left") {
            bar.set_style(style);
        }
        Self { bar, plain, silent: false }
    }

    /// Progress that nobody sees.
    pub fn silent() -> Self {
        Self { bar: ProgressBar::hidden(), plain: false, silent: true }
    }

    /// Something else begins.
    pub fn begin(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        if self.plain && !self.silent {
            eprintln!("scenes: {what}");
        }
    }

    /// One frame more.
    pub fn frame(&self) {
        self.bar.inc(1);
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
