//! Synthetic animals are taken out of what was seen, and judged apart.

use std::sync::Arc;

use base::incident::{AlertType, IncidentState};
use base::time::Micros;

use super::Live;
use crate::detect::worker::Done;
use crate::drill::split;
use crate::pipeline::{Detected, Fresh, Output, Pipeline};

/// A drill's picture so long after the one before belongs to another drill, µs.
const APART_US: i64 = 5_000_000;

/// Judges synthetic animals: tracks, evidence and incidents of their own, anew for each drill.
pub struct DrillLane {
    fresh: Arc<Fresh>,
    current: Option<(Pipeline, Micros)>,
}

impl DrillLane {
    /// A lane that has seen nothing.
    pub fn new(fresh: Arc<Fresh>) -> Self {
        Self { fresh, current: None }
    }

    fn pipeline(&mut self, t: Micros) -> &mut Pipeline {
        let current = self.current.take().filter(|(_, last)| (-APART_US..APART_US).contains(&t.since(*last)));
        let pipeline = current.map_or_else(|| (self.fresh)(), |(pipeline, _)| pipeline);
        &mut self.current.insert((pipeline, t)).0
    }
}

impl Live {
    /// Judges the synthetic animal of a drill's picture; what is left is real.
    pub(super) fn drilled(&mut self, done: Done) -> Done {
        let Done { job, detections } = done;
        if !job.header.drill {
            return Done { job, detections };
        }
        let t = job.header.captured_at;
        let (real, synthetic) = split::split(detections, job.header.motion.first());
        let picture = Detected {
            camera: &job.camera,
            t,
            light: job.header.light,
            motion: &job.header.motion,
            drill: true,
            detections: &synthetic,
        };
        let Output { mut changes, evidence, .. } = self.drills.pipeline(t).take(&picture);
        changes.retain(|change| change.alert == Some(AlertType::Opened) || !self.is_resolved(change));
        let opened = changes.iter().filter(|change| change.alert == Some(AlertType::Opened));
        let stills = opened.map(|change| (change.after.id.clone(), job.jpeg.clone())).collect();
        self.tell(Output { changes, evidence, ..Output::default() }, stills, t);
        Done { job, detections: real }
    }

    /// Closed since, which its lane does not know.
    fn is_resolved(&self, change: &crate::incident::Change) -> bool {
        let stored = self.ledger.get(&change.after.id);
        stored.ok().flatten().is_none_or(|stored| stored.state == IncidentState::Resolved)
    }
}
