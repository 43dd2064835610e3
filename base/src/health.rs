//! Pure: how a camera, or the analyzer itself, is: an alarm of its own beside those of animals.

use serde::{Deserialize, Serialize};

use crate::ids::CameraId;
use crate::time::Micros;
use crate::wire::{Form, form};

/// What is wrong. Of several, the one that stands first here below `Ok` is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// Nothing.
    Ok,
    /// No pictures: the agent is gone, or it gets none from its camera.
    Offline,
    /// Pictures come, and nothing can be seen in them for darkness.
    Black,
    /// Pictures come, and what they used to show in detail is smooth: something is before the lens.
    Covered,
    /// Pictures come, and they are all the same one.
    Frozen,
    /// The camera looks elsewhere than it did when its zones were drawn.
    Moved,
    /// The camera's time and the analyzer's differ.
    Clock,
    /// Of the analyzer: a drill did not arrive as an alert.
    DrillFailed,
}

impl HealthState {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            HealthState::Ok => "ok",
            HealthState::Offline => "offline",
            HealthState::Black => "black",
            HealthState::Covered => "covered",
            HealthState::Frozen => "frozen",
            HealthState::Moved => "moved",
            HealthState::Clock => "clock",
            HealthState::DrillFailed => "drill-failed",
        }
    }
}

/// On `camera/{c}/health` and `analyzer/health`, retained; each change is also an entry of the alerts' outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Version.
    pub v: u32,
    /// Whose; `None`: the analyzer's own.
    pub camera: Option<CameraId>,
    /// What is wrong.
    pub state: HealthState,
    /// Since when, by the analyzer's clock.
    pub since: Micros,
    /// When this was said.
    pub at: Micros,
    /// One sentence for people.
    pub detail: String,
}
form!(Health, "health");
