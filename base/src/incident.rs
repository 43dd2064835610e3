//! Pure: an incident is one animal out of place, across cameras, from its opening to its resolution; an
//! alert is one event of it.

use serde::{Deserialize, Serialize};

use crate::geometry::{Point, Rect};
use crate::ids::{CameraId, IncidentId, SiteId, SpeciesId, ZoneId};
use crate::site::Danger;
use crate::time::Micros;
use crate::wire::{Form, form};

/// How sure and how loud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Seen in the console, boosts the camera; alerts no one.
    Watch,
    /// Alerts.
    Escape,
}

/// Where an incident is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// Nobody has taken it.
    Open,
    /// Somebody has taken it.
    Acknowledged,
    /// All-clear was given.
    Resolved,
}

/// Whom and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signed {
    /// Who.
    pub by: String,
    /// When.
    pub at: Micros,
    /// What they wrote.
    #[serde(default)]
    pub text: String,
}

/// The animal as one camera saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// Which camera.
    pub camera: CameraId,
    /// The tracker's number on that camera.
    pub track: u64,
    /// From.
    pub first_seen: Micros,
    /// To.
    pub last_seen: Micros,
    /// Last box, normalised.
    #[serde(rename = "box")]
    pub rect: Rect,
    /// Last zone; `None` where no zone covers the picture.
    pub zone: Option<ZoneId>,
}

/// A camera that may see the animal next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextCamera {
    /// Which.
    pub camera: CameraId,
    /// Not before.
    pub from: Micros,
    /// Not after.
    pub until: Micros,
}

/// The whole state of an incident: `incident/{id}`, `/api/incidents`, the `incidents` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Version.
    pub v: u32,
    /// Which.
    pub id: IncidentId,
    /// Where.
    pub site: SiteId,
    /// How loud.
    pub tier: Tier,
    /// Where it is in its life.
    pub state: IncidentState,
    /// Capture time of the frame that decided it.
    pub opened_at: Micros,
    /// Capture time of the newest frame in it, or time of the last command.
    pub updated_at: Micros,
    /// Camera of the last sighting.
    pub camera: CameraId,
    /// Zone of the last sighting.
    pub zone: Option<ZoneId>,
    /// Box of the last sighting, normalised.
    #[serde(rename = "box")]
    pub rect: Rect,
    /// The detector's best label.
    pub label: String,
    /// What it could be, of the site's species; names the alarm only.
    pub species: Option<SpeciesId>,
    /// The zoo's danger code of the species, or of the most dangerous that it could be.
    pub danger: Option<Danger>,
    /// Probability that it is an animal out of place, 0..1.
    pub confidence: f32,
    /// Where it is heading, a direction in the picture of length 1; `None` while it stands.
    pub heading: Option<Point>,
    /// Oldest first.
    pub sightings: Vec<Sighting>,
    /// Which cameras may see it next.
    pub next: Vec<NextCamera>,
    /// Who took it.
    #[serde(default)]
    pub acknowledged: Option<Signed>,
    /// Who gave the all-clear.
    #[serde(default)]
    pub resolved: Option<Signed>,
    /// Remarks, oldest first.
    #[serde(default)]
    pub notes: Vec<Signed>,
    /// A synthetic animal.
    #[serde(default)]
    pub drill: bool,
}
form!(Incident, "incident");

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertType {
    /// It began.
    Opened,
    /// It moved on, or somebody said something.
    Updated,
    /// All-clear.
    Resolved,
}

impl AlertType {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertType::Opened => "opened",
            AlertType::Updated => "updated",
            AlertType::Resolved => "resolved",
        }
    }
}

/// On `alert`: one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Version.
    pub v: u32,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: AlertType,
    /// When the analyzer sent it.
    pub at: Micros,
    /// From the capture of the frame that decided it to `at`, µs.
    pub latency_us: i64,
    /// The state before; `None` when it was opened.
    pub before: Option<Incident>,
    /// The state after.
    pub after: Incident,
}
form!(Alert, "alert");
