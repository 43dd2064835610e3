//! Pure: one event as one line of JSON (DESIGN §8).

use base::geometry::Rect;
use base::ids::{CameraId, IncidentId, SpeciesId, ZoneId};
use base::incident::{AlertType, Tier};
use serde::{Deserialize, Serialize};

use super::ReplayEvent;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: AlertType,
    /// Which incident.
    pub incident: IncidentId,
    /// How loud.
    pub tier: Tier,
    /// Where.
    pub camera: CameraId,
    /// Seconds from the clip's start.
    pub t: f64,
    /// The detector's best label.
    pub label: String,
    /// What it could be.
    pub species: Option<SpeciesId>,
    /// The zoo's danger code.
    pub danger: Option<String>,
    /// The zone; `None` where no zone covers the picture.
    pub zone: Option<ZoneId>,
    /// Box, normalised: left, top, width, height.
    #[serde(rename = "box")]
    pub rect: Rect,
    /// Probability that it is an animal out of place.
    pub confidence: f64,
}

impl Line {
    /// The line of an event. Numbers are rounded to what means something.
    pub fn of(event: &ReplayEvent) -> Self {
        let incident = &event.incident;
        let round = |v: f32| (v * 1e4).round() / 1e4;
        let Rect { x, y, w, h } = incident.rect;
        Self {
            kind: event.kind,
            incident: incident.id.clone(),
            tier: incident.tier,
            camera: incident.camera.clone(),
            t: (event.t.0 as f64 / 1e3).round() / 1e3,
            label: incident.label.clone(),
            species: incident.species.clone(),
            danger: incident.danger.clone(),
            zone: incident.zone.clone(),
            rect: Rect { x: round(x), y: round(y), w: round(w), h: round(h) },
            confidence: (f64::from(incident.confidence) * 1e4).round() / 1e4,
        }
    }

    /// As it is written.
    pub fn to_json(&self) -> String {
        // Strings and finite numbers only: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
