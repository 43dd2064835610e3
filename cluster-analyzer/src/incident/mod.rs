//! Pure: one animal, one incident, across cameras.
//!
//! Modules in reading order:
//! - [`book`]: all incidents that are not resolved: what a picture does to them.
//! - [`entry`]: one of them: its bodies, its place, whom its changes are told.
//! - [`matching`]: which incident a new track belongs to; two boxes that are one animal.
//! - [`next`]: which cameras see it next, and its way over the site plan.
//! - [`naming`]: what it could be, how dangerous that is, and the sentence that says why.
//! - [`evidence`]: what each picture said, kept for the incident.
//! - [`command`]: what people do with an incident.
//! - [`store`] (adapter): incidents, stills and evidence in SQLite; [`still`] (adapter): the box on the picture.
//!
//! A [`Book`] takes what the judge says of one picture ([`Sight`]s) and returns [`Change`]s. An escape that no
//! camera sees stays open with its last place, until somebody gives the all-clear. A watched track is an
//! incident of tier `watch`: it is told as [`Watched`], never an alert, and goes when it was not seen for a while.
//!
//! Invariants: a track belongs to one incident; an incident's id and opening never change; what was resolved
//! is not opened again by the same animal in the same place; tracks that one picture shows apart are never one
//! incident for longer than a second.

use base::geometry::{Point, Rect};
use base::ids::{CameraId, IncidentId};
use base::incident::{AlertType, Incident, Tier};
use base::time::Micros;

pub mod book;
pub mod command;
mod entry;
pub mod evidence;
pub mod matching;
pub mod naming;
pub mod next;
pub mod still;
pub mod store;

pub use book::Book;

/// How incidents are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// An incident whose place changes is told at most this often, µs.
    pub update_every_us: i64,
    /// One that stands still, this often, µs.
    pub still_every_us: i64,
    /// A watched track that was not seen for so long is forgotten, µs.
    pub watch_for_us: i64,
    /// An animal that was not seen for so long is no longer seen now, µs.
    pub lost_after_us: i64,
    /// One that is seen again after so long is told as news, µs.
    pub found_after_us: i64,
    /// On its last camera an animal is the same one for so long after it was lost, µs.
    pub rejoin_within_us: i64,
    /// Within this after its opening, a box that touches the animal's and moves with it is the same animal, µs.
    pub double_within_us: i64,
    /// Tracks of one incident that one picture shows apart are two animals after so long, µs.
    pub apart_after_us: i64,
    /// Added to both ends of a link's travel window, µs.
    pub link_slack_us: i64,
    /// A resolved incident's place raises nothing for so long after the animal was seen there, µs.
    pub cleared_for_us: i64,
    /// A boost lasts so long, µs.
    pub boost_us: i64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            update_every_us: 1_000_000,
            still_every_us: 5_000_000,
            watch_for_us: 10_000_000,
            lost_after_us: 3_000_000,
            found_after_us: 10_000_000,
            rejoin_within_us: 60_000_000,
            double_within_us: 3_000_000,
            apart_after_us: 1_000_000,
            link_slack_us: 3_000_000,
            cleared_for_us: 60_000_000,
            boost_us: 10_000_000,
        }
    }
}

/// Where ids come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdSource {
    /// Random: live work.
    Random,
    /// Counted: replays, which must say the same twice.
    Counted(u32),
}

/// One track in one picture, as the judge sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// The tracker's number.
    pub track: u64,
    /// Since when it has been taken for an animal out of place.
    pub since: Micros,
    /// Where it is.
    pub rect: Rect,
    /// Velocity of its centre, normalised units per second.
    pub velocity: Point,
    /// Metres that one width of the picture spans where it stands, when the picture's scale is known.
    pub metres_per_width: Option<f32>,
    /// What the judge says of it now.
    pub tier: Option<Tier>,
    /// It has moved by itself.
    pub moved: bool,
    /// In this picture it looks more like an animal than like a person or a cart.
    pub looks_animal: bool,
    /// Probability that it is an animal out of place.
    pub confidence: f32,
    /// The zone it stands in.
    pub zone: Option<base::ids::ZoneId>,
    /// The enclosure it has been seen in at home.
    pub home: Option<base::ids::EnclosureId>,
    /// Animal labels with scores, best first.
    pub scores: Vec<(String, f32)>,
    /// What this picture says, to be kept should it become an incident.
    pub evidence: evidence::Frame,
}

/// What happened to one incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whom it is told: `Some` makes an alert.
    pub alert: Option<AlertType>,
    /// The state before; `None` when it was opened.
    pub before: Option<Incident>,
    /// The state after.
    pub after: Incident,
}

/// What happened to what is only watched.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    /// Its newest state, of tier `watch`.
    Seen(Box<Incident>),
    /// Nobody sees it any more, or it belongs to another incident now.
    Gone(IncidentId),
}

/// A camera to be looked at more often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boost {
    /// Which.
    pub camera: CameraId,
    /// Until when.
    pub until: Micros,
    /// It sees an escape now; else it may see one next, or sees what is only watched.
    pub sees_it: bool,
}

#[cfg(test)]
mod tests;
