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
    /// How likely it is among the cameras named, 0..1; they add up to 1.
    #[serde(default)]
    pub likelihood: f32,
}

/// Which rule of containment an animal breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Its ground point is in no enclosure zone.
    OutsideEnclosures,
    /// Its ground point is in an enclosure zone of species that do not look like it.
    WrongEnclosure,
}

impl Rule {
    /// In words.
    pub fn sentence(self) -> &'static str {
        match self {
            Rule::OutsideEnclosures => "outside every enclosure",
            Rule::WrongEnclosure => "in an enclosure where its species does not live",
        }
    }
}

/// Why an incident was opened; its fields stand in the incident itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Reason {
    /// Which rule was broken; `None` for incidents of before this was written down.
    pub rule: Option<Rule>,
    /// One sentence for a person. The evidence itself is at `/api/incidents/{id}/evidence`.
    pub why: String,
}

/// Where the animal is, as far as is known; its fields stand in the incident itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Whereabouts {
    /// Capture time of the last sighting; 0 for incidents of before this was written down.
    pub last_seen: Micros,
    /// A camera sees it now. False: it was last seen at `last_seen` where `camera`, `zone` and `box` say.
    pub seen_now: bool,
    /// Speed across the picture, picture widths a second (a height counts as 9/16 of a width); `None` while it
    /// stands.
    pub speed_widths_per_s: Option<f32>,
    /// Speed over the ground, metres a second: from the picture's scale where that is known, else from the way
    /// between two cameras with positions.
    pub speed_m_per_s: Option<f32>,
    /// Position of the camera that saw it last, metres on the site plan.
    pub position_m: Option<[f32; 2]>,
    /// Where it is heading on the site plan, a direction of length 1, from the way between two cameras with
    /// positions.
    pub heading_on_plan: Option<Point>,
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
    /// Why it was opened: `rule` and `why`.
    #[serde(flatten)]
    pub reason: Reason,
    /// Where it is: `last_seen`, `seen_now`, speeds, place and heading on the plan.
    #[serde(flatten)]
    pub whereabouts: Whereabouts,
    /// Oldest first.
    pub sightings: Vec<Sighting>,
    /// Which cameras may see it next, the likeliest first.
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
    /// It was found in footage that arrived late: from its opening to when it was found, µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_by_us: Option<i64>,
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
