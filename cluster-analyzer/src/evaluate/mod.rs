//! How well the alarm works, measured on labelled sets by the rule of DESIGN §8.
//!
//! What belongs here: comparing what a replay says with what is true, and fitting the judge's calibration. What
//! does not: how a clip is seen and judged, which is [`replay`](crate::replay).
//!
//! - [`truth`]: `truth.json` and `tracks.json`; [`set`] (adapter): a set's folder.
//! - [`score`]: the clips of a scene, judged; [`matching`]: which alarm found which event.
//! - [`stats`]: intervals; [`figures`]: what counts, as figures and tables; [`limits`]: what must not get worse.
//! - [`text`], [`report`]: figures for people and for programs; [`sheet`] (adapter): pictures of what went wrong.
//! - [`calibrate`]: what a score is worth; [`mot`] (adapter): tracks for other programs to score.
//! - [`command`] (adapter): all of it as one command.
//!
//! Invariants: the same sets, model and settings give the same figures; an alarm is never right twice; apes are
//! counted apart and are never left out in silence.

pub mod calibrate;
pub mod command;
pub mod figures;
pub mod limits;
pub mod matching;
pub mod mot;
pub mod report;
pub mod score;
pub mod set;
pub mod sheet;
pub mod stats;
pub mod text;
pub mod truth;

/// Why an evaluation ended early, or what is wrong with what it found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A person's mistake: one sentence with the file and the key.
    #[error("{0}")]
    BadInput(String),
    /// Something broke.
    #[error("{0}")]
    Failed(String),
    /// The figures are worse than those recorded.
    #[error("worse than recorded: {0}")]
    Worse(String),
}

#[cfg(test)]
mod tests;
