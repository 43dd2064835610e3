//! Pure: one track at one second, the row that every report is computed from.

use serde::{Deserialize, Serialize};

use crate::geometry::{Point, Rect};
use crate::ids::{CameraId, EnclosureId, SpeciesId, ZoneId};
use crate::time::Micros;

/// Who computed an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObservationSource {
    /// The analyzer, as it happened.
    Live,
    /// cloud-trends, from footage.
    Batch,
}

impl ObservationSource {
    /// As the table writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            ObservationSource::Live => "live",
            ObservationSource::Batch => "batch",
        }
    }
}

/// One track at one second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The second, at its beginning.
    pub ts: Micros,
    /// Which camera.
    pub camera: CameraId,
    /// The track, unique within the site: `{camera}:{first_seen_us}:{number}`.
    pub track: String,
    /// The detector's label with the best score over the track.
    pub label: String,
    /// What it could be, of the site's species.
    pub species: Option<SpeciesId>,
    /// Score of `label`, 0..1.
    pub score: f32,
    /// Box, normalised.
    pub rect: Rect,
    /// Where it stands, normalised.
    pub ground: Point,
    /// Zone that holds the ground point.
    pub zone: Option<ZoneId>,
    /// The zone's enclosure.
    pub enclosure: Option<EnclosureId>,
    /// Speed of the ground point in picture widths a second.
    pub speed: f32,
    /// Who computed it.
    pub source: ObservationSource,
    /// The model's name.
    pub model: String,
}
