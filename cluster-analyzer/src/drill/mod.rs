//! Drills: a synthetic animal goes through the whole chain, on a schedule or on request, and what does not arrive
//! as an alert in time is an alarm.
//!
//! - [`plan`] (pure): when the next one is due, and where it walks.
//! - [`split`] (pure): what in a drill's picture is the synthetic animal.
//! - [`sprite`] (adapter): its picture.
//! - [`inject`]: puts it into frames that have come, for agents that cannot.
//! - [`master`]: the thread that holds drills and watches whether they arrive.
//!
//! Invariants: a drill's pictures are judged apart, by a pipeline of their own: what is not the synthetic animal
//! is real, and alarms as such; no real animal joins a drill's incident; none is begun while an escape is open.

use base::ids::CameraId;
use base::time::Micros;
use serde::Serialize;

pub mod inject;
pub mod master;
pub mod plan;
pub mod split;
pub mod sprite;

/// Who puts the animal into the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Where {
    /// The agent; where it does not, the analyzer.
    #[default]
    Agent,
    /// The analyzer, in frames that have come.
    Analyzer,
}

/// How drills are held.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// One every so often, µs.
    pub every_us: Option<i64>,
    /// One a day at this hour and minute of the site's time.
    pub at: Option<(u8, u8)>,
    /// On these in turn; empty: on all of the site.
    pub cameras: Vec<CameraId>,
    /// How long the animal walks, s.
    pub seconds: f64,
    /// Its height, a share of the picture's.
    pub height: f32,
    /// The alert must be delivered so soon after the drill was asked for, µs.
    pub deadline_us: i64,
    /// Who puts it in.
    pub place: Where,
}

/// How a drill ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Its name.
    pub id: String,
    /// On which camera.
    pub camera: CameraId,
    /// When it was asked for.
    pub at: Micros,
    /// From the capture of the picture that decided it to the delivery of the alert, µs; `None`: it failed.
    pub latency_us: Option<i64>,
    /// From its begin to the delivery of the alert, µs.
    pub took_us: Option<i64>,
    /// The analyzer put the animal in.
    pub injected: bool,
    /// `arrived`, or why not.
    pub result: String,
}

impl From<Report> for base::wire::DrillStatus {
    fn from(report: Report) -> Self {
        let Report { camera, at, latency_us, result, .. } = report;
        Self { at, camera, latency_us, result }
    }
}
