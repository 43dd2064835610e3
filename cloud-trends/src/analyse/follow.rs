//! Pure: detections of a batch's pictures into rows, one track at one second.

use base::ids::CameraId;
use base::observation::{Observation, ObservationSource};
use base::site::Site;
use base::time::Micros;
use vision::observe::Observer;
use vision::{Detection, ModelCard, Tracker, TrackerParams};

/// What was detected in one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// When it was captured.
    pub t: Micros,
    /// What is in it.
    pub detections: Vec<Detection>,
}

/// Follows one camera's animals through a batch: tracks run on across the borders of segments.
#[derive(Debug)]
pub struct Follower<'a> {
    site: &'a Site,
    card: &'a ModelCard,
    tracker: Tracker,
    observer: Observer,
    rows: Vec<Observation>,
}

impl<'a> Follower<'a> {
    /// A follower that has seen nothing. `tag` stands in every row's `model`.
    pub fn new(site: &'a Site, card: &'a ModelCard, camera: &CameraId, tag: &str) -> Self {
        let observer = Observer::new(camera.clone(), tag.to_owned(), ObservationSource::Batch);
        Self { site, card, tracker: Tracker::new(TrackerParams::for_card(card)), observer, rows: Vec::new() }
    }

    /// Takes in one segment's pictures.
    pub fn see(&mut self, looks: &[Look]) {
        for look in looks {
            let tracks = self.tracker.update(look.t, &look.detections);
            self.rows.extend(self.observer.update(self.site, self.card, look.t, &tracks));
        }
    }

    /// The rows of all of it, by second, then track.
    pub fn finish(mut self) -> Vec<Observation> {
        self.rows.extend(self.observer.finish());
        self.rows.sort_by(|a, b| a.ts.cmp(&b.ts).then_with(|| a.track.cmp(&b.track)));
        self.rows
    }
}
