//! What late footage has found becomes incidents here, where those of live work are, so that none is there twice.

use std::collections::BTreeSet;

use base::ids::{CameraId, IncidentId};
use base::incident::{AlertType, Incident, IncidentState, Signed};
use base::input::chain;
use base::time::Micros;

use super::Live;
use crate::catchup::{self, Found};
use crate::incident::Change;
use crate::pipeline::Output;

/// An animal that a camera saw so shortly before or after is the same one, µs.
const SAME_WITHIN_US: i64 = 60_000_000;
/// Incidents that are looked through were opened at most so long before, µs.
const LOOK_BACK_US: i64 = 86_400_000_000;

/// What late footage has found since the start.
#[derive(Debug, Default)]
pub struct LateBook {
    /// Told.
    opened: BTreeSet<IncidentId>,
    /// Known from live work, or from before a restart: not told.
    doubles: BTreeSet<IncidentId>,
}

impl Live {
    pub(super) fn late(&mut self, found: Found) {
        let Found { camera, t, changes, mut evidence, mut stills } = found;
        let changes: Vec<Change> = changes.into_iter().filter_map(|change| self.late_change(&camera, change)).collect();
        stills.retain(|(id, _)| self.late.opened.contains(id));
        evidence.retain(|kept| self.late.opened.contains(&kept.incident));
        // The book knows them from here on: an animal that is seen live again is one of them.
        self.pipeline.load(changes.iter().map(|change| change.after.clone()).collect());
        self.tell(Output { changes, evidence, ..Output::default() }, stills, t);
    }

    /// A change as it is told; `None` for one that is not.
    fn late_change(&mut self, camera: &CameraId, mut change: Change) -> Option<Change> {
        let id = change.after.id.clone();
        if change.alert == Some(AlertType::Opened) {
            if let Some(known) = self.known(camera, change.after.opened_at) {
                tracing::info!(%camera, incident = %known, "late footage shows what is known");
                self.late.doubles.insert(id);
                return None;
            }
            let now = self.clock.now();
            let late_by_us = now.since(change.after.opened_at);
            change.after.late_by_us = Some(late_by_us);
            let text = catchup::sentence(late_by_us);
            change.after.notes.push(Signed { by: "paddock".into(), at: now, text });
            self.late.opened.insert(id);
            return Some(change);
        }
        if !self.late.opened.contains(&id) {
            return None;
        }
        // People may have said something since; late footage knows nothing of it.
        let stored = self.ledger.get(&id).inspect_err(|e| tracing::error!("state.db cannot be read: {}", chain(e)));
        let before = stored.ok().flatten()?;
        if before.state == IncidentState::Resolved || before.updated_at > change.after.updated_at {
            return None;
        }
        change.after = Incident {
            state: before.state,
            acknowledged: before.acknowledged.clone(),
            notes: before.notes.clone(),
            late_by_us: before.late_by_us,
            ..change.after
        };
        change.before = Some(before);
        Some(change)
    }

    /// The incident that was seen by this camera about then.
    fn known(&self, camera: &CameraId, t: Micros) -> Option<IncidentId> {
        let incidents = self.ledger.opened_since(t.plus_us(-LOOK_BACK_US));
        let incidents = incidents.inspect_err(|e| tracing::error!("state.db cannot be read: {}", chain(e))).ok()?;
        let about_then = |incident: &Incident| {
            incident.sightings.iter().any(|s| {
                let (from, until) = (s.first_seen.plus_us(-SAME_WITHIN_US), s.last_seen.plus_us(SAME_WITHIN_US));
                s.camera == *camera && (from..=until).contains(&t)
            }) && !incident.drill
        };
        // Two animals in the same late footage are two.
        let known = incidents.into_iter().find(|i| about_then(i) && !self.late.opened.contains(&i.id));
        known.map(|incident| incident.id)
    }
}
