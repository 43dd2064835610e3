//! Pure: JUDGE: what was seen on several cameras, merged on media time, through the [`Pipeline`].

use std::sync::Arc;

use base::ids::CameraId;
use base::incident::{AlertType, Incident};
use base::site::Site;
use base::time::Micros;
use vision::ModelCard;

use super::seen::{Seen, SeenClip};
use crate::incident::IdSource;
use crate::judge;
use crate::pipeline::{Detected, Pipeline};

/// One event, with its time from the clips' start.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayEvent {
    /// What happened.
    pub kind: AlertType,
    /// Media time of the picture that decided it.
    pub t: Micros,
    /// The incident after it.
    pub incident: Incident,
}

/// A pipeline with what has come out of it.
pub struct Judged {
    pipeline: Pipeline,
    /// In the order of media time.
    pub events: Vec<ReplayEvent>,
    /// Pictures that were judged.
    pub pictures: u64,
}

impl Judged {
    /// Nothing yet. Incidents are numbered, so that the same pictures give the same events.
    pub fn new(site: Arc<Site>, card: Arc<ModelCard>, params: judge::Params) -> Self {
        let pipeline = Pipeline::new(site, card, params, IdSource::Counted(0));
        Self { pipeline, events: Vec::new(), pictures: 0 }
    }

    /// Takes in one picture; returns the events that it makes.
    pub fn take(&mut self, camera: &CameraId, seen: &Seen) -> &[ReplayEvent] {
        let Seen { t, light, motion, detections } = seen;
        let picture = Detected { camera, t: *t, light: *light, motion, drill: false, detections };
        let before = self.events.len();
        for change in self.pipeline.take(&picture).changes {
            if let Some(kind) = change.alert {
                self.events.push(ReplayEvent { kind, t: *t, incident: change.after });
            }
        }
        self.pictures += 1;
        &self.events[before..]
    }

    /// Takes in all pictures of clips that begin at the same moment.
    pub fn take_all(&mut self, clips: &[(&CameraId, &SeenClip)]) {
        let mut next = vec![0; clips.len()];
        loop {
            let heads = clips.iter().zip(&next).map(|((_, clip), &i)| clip.seen.get(i).map(|seen| seen.t));
            let Some(lane) = earliest(heads) else { return };
            let (camera, clip) = clips[lane];
            self.take(camera, &clip.seen[next[lane]]);
            next[lane] += 1;
        }
    }
}

/// Which of the lanes has the earliest picture; of equally early ones the first.
pub fn earliest(heads: impl IntoIterator<Item = Option<Micros>>) -> Option<usize> {
    let there = heads.into_iter().enumerate().filter_map(|(lane, t)| Some((t?, lane)));
    there.min().map(|(_, lane)| lane)
}
