//! The live end of the pipeline: a thread that owns tracks, evidence and incidents, and passes on what follows.
//!
//! One thread, so that nothing about incidents is shared: detections and commands come in through one channel,
//! in order. What is told goes to disk first; when the disk refuses it, it is told all the same, since an alarm
//! matters more than its record.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::ids::IncidentId;
use base::incident::{Alert, AlertType, Incident, IncidentState, Tier};
use base::input::chain;
use base::site::Site;
use base::time::{Clock, Micros};
use base::wire::{IncidentCommand, VERSION};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::alert::Queued;
use crate::catchup::Found;
use crate::detect::desk::Desk;
use crate::detect::worker::Done;
use crate::http::Commanded;
use crate::hub::Hub;
use crate::incident::command::{self, CommandError};
use crate::incident::{Boost, Change, Watched};
use crate::judge::store::Views;
use crate::lake::LakeHandle;
use crate::ledger::{Entry, Ledger};
use crate::metrics::{Event, Metrics};
use crate::pipeline::{Detected, Output, Pipeline};
use crate::upload::UploadHandle;
use crate::view::View;

mod drilled;
mod late;

pub use drilled::DrillLane;
pub use late::LateBook;

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// A frame that was looked at.
    Seen(Box<Done>),
    /// What somebody does with an incident.
    Commanded(Commanded),
    /// Another site file; who waits until it is in use.
    Site(Arc<Site>, oneshot::Sender<()>),
    /// What was found in footage that arrived late.
    Late(Box<Found>),
}

/// Where things go. Nothing here makes the thread wait: an alarm must not stand behind a table.
pub struct Outputs {
    /// To the outbox.
    pub alerts: mpsc::UnboundedSender<Queued>,
    /// States of incidents for the broker.
    pub retained: Arc<Retained>,
    /// Cameras to look at more often.
    pub boosts: mpsc::Sender<Boost>,
    /// To whoever watches a page.
    pub hub: Arc<Hub>,
    /// Rows for the tables.
    pub lake: LakeHandle,
    /// Which footage goes to object storage first.
    pub upload: UploadHandle,
    /// What the page shows, for what is only watched.
    pub view: Arc<View>,
}

/// Footage this long before and after a sighting goes to object storage first, µs.
const FOOTAGE_AROUND_US: i64 = 10_000_000;

/// The thread's state.
pub struct Live {
    /// Tracks, evidence, incidents.
    pub pipeline: Pipeline,
    /// `state.db`.
    pub ledger: Ledger,
    /// What cameras know of their views.
    pub views: Views,
    /// Where frames wait, to move cameras up.
    pub desk: Arc<Desk>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where things go.
    pub out: Outputs,
    /// Waits with a limit, so that time goes on without pictures.
    pub runtime: tokio::runtime::Handle,
    /// What late footage has found since the start.
    pub late: LateBook,
    /// Judges synthetic animals.
    pub drills: DrillLane,
}

/// After so long without a picture of any camera, time is taken to go on.
const QUIET: Duration = Duration::from_secs(1);

impl Live {
    /// Works until the last sender of `inputs` goes.
    pub fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        self.count_open();
        let runtime = self.runtime.clone();
        // Capture time of the newest picture, and when it was here.
        let mut newest: Option<(Micros, Micros)> = None;
        loop {
            match runtime.block_on(async { tokio::time::timeout(QUIET, inputs.recv()).await }) {
                Ok(None) => break,
                Err(_quiet) => {
                    let now = self.clock.now();
                    newest.into_iter().for_each(|(t, here)| self.quiet(t.plus_us(now.since(here).max(0))));
                }
                Ok(Some(Input::Seen(done))) => {
                    newest = Some((done.job.header.captured_at, self.clock.now()));
                    self.seen(*done);
                }
                Ok(Some(Input::Late(found))) => self.late(*found),
                Ok(Some(Input::Commanded(commanded))) => {
                    let outcome = self.command(&commanded.id, &commanded.command);
                    if let Err(error) = &outcome {
                        tracing::warn!(incident = %commanded.id, "command refused: {error}");
                    }
                    if let Some(reply) = commanded.reply {
                        let _ = reply.send(outcome);
                    }
                }
                Ok(Some(Input::Site(site, done))) => {
                    self.pipeline.set_site(site);
                    let _ = done.send(());
                }
            }
        }
        let evidence = self.pipeline.book().take_evidence(true);
        self.tell(Output { evidence, ..Output::default() }, Vec::new(), self.clock.now());
        let rows = self.pipeline.finish();
        self.out.lake.observations(rows);
    }

    /// No camera has sent a picture for a while; `t` is what the time is by theirs.
    fn quiet(&mut self, t: Micros) {
        let output = self.pipeline.pass(t);
        self.tell(output, Vec::new(), t);
    }

    fn seen(&mut self, done: Done) {
        let Done { job, detections } = self.drilled(done);
        let header = &job.header;
        // What is synthetic has been taken out: the rest is as real as in any picture.
        let picture = Detected {
            camera: &job.camera,
            t: header.captured_at,
            light: header.light,
            motion: header.motion.get(usize::from(header.drill)..).unwrap_or_default(),
            drill: false,
            detections: &detections,
        };
        let mut output = self.pipeline.take(&picture);
        let (boosts, observations) = (std::mem::take(&mut output.boosts), std::mem::take(&mut output.observations));
        let shown = std::mem::take(&mut output.seen);
        let opened = |change: &&Change| change.alert == Some(AlertType::Opened);
        let stills = output.changes.iter().filter(opened).map(|c| (c.after.id.clone(), job.jpeg.clone())).collect();
        self.tell(output, stills, header.captured_at);
        for boost in boosts {
            self.boost(boost, header.captured_at);
        }
        self.out.hub.tracks(&job.camera, header.captured_at, &shown);
        self.out.lake.observations(observations);
        self.out.lake.analysed(&job.camera, header.captured_at);
        if let Some(memory) = self.pipeline.memory(&job.camera) {
            self.views.keep(&job.camera, memory, header.captured_at);
        }
    }

    /// Writes changes down and passes them on. `since`: the capture or command from which latency counts.
    fn tell(&mut self, output: Output, stills: Vec<(IncidentId, bytes::Bytes)>, since: Micros) {
        let Output { changes, watched, evidence, .. } = output;
        watched.into_iter().for_each(|watched| self.watched(watched));
        if changes.is_empty() && evidence.is_empty() {
            return;
        }
        let (incidents, alerts) = self.told(changes, since);
        let entry = Entry { incidents, alerts, stills, evidence };
        let queued = self.ledger.commit(&entry).unwrap_or_else(|error| {
            tracing::error!("incidents cannot be written to disk and are told all the same: {}", chain(&error));
            entry.alerts.iter().map(|alert| Queued { seq: None, payload: alert.clone().into() }).collect()
        });
        self.pass(entry.incidents, queued);
    }

    /// What is only watched is shown and published, and neither stored nor an alert.
    fn watched(&self, watched: Watched) {
        match watched {
            Watched::Seen(incident) => {
                self.out.view.watch((*incident).clone());
                self.out.retained.put(*incident);
            }
            Watched::Gone(id) => {
                self.out.view.unwatch(&id);
                self.out.retained.clear(&id);
            }
        }
    }

    fn told(&self, changes: Vec<Change>, since: Micros) -> (Vec<Incident>, Vec<Alert>) {
        let at = self.clock.now();
        let incidents = changes.iter().map(|change| change.after.clone()).collect();
        let alerts = changes.into_iter().filter_map(|change| {
            let Change { alert, before, after } = change;
            alert.map(|kind| Alert { v: VERSION, kind, at, latency_us: at.since(since), before, after })
        });
        (incidents, alerts.collect())
    }

    fn pass(&mut self, incidents: Vec<Incident>, queued: Vec<Queued>) {
        for queued in queued {
            let Some(alert) = queued.payload.alert() else { continue };
            self.metrics.alerts.get_or_create(&Event { event: alert.kind.as_str() }).inc();
            if alert.kind == AlertType::Opened {
                let incident = &alert.after;
                tracing::warn!(
                    incident = %incident.id, camera = %incident.camera, label = %incident.label,
                    species = incident.species.as_ref().map(tracing::field::display),
                    danger = incident.danger, zone = incident.zone.as_ref().map(tracing::field::display),
                    drill = incident.drill, "an animal is out"
                );
            }
            let _ = self.out.alerts.send(queued);
        }
        for incident in incidents {
            // It may have been watched before.
            self.out.view.unwatch(&incident.id);
            if incident.state == IncidentState::Resolved {
                self.out.lake.incident(incident.clone());
            } else {
                let around_us = FOOTAGE_AROUND_US;
                let (from, until) = (incident.updated_at.plus_us(-around_us), incident.updated_at.plus_us(around_us));
                self.out.upload.prioritise(incident.camera.clone(), from, until);
            }
            self.out.hub.incident(&incident);
            self.out.retained.put(incident);
        }
        self.count_open();
    }

    fn count_open(&mut self) {
        let open = self.pipeline.book().open().filter(|i| i.tier == Tier::Escape).count();
        self.metrics.incidents_open.set(open as i64);
    }

    fn boost(&self, boost: Boost, captured_at: Micros) {
        // Frames carry their agent's time, the desk has ours.
        let until = self.clock.now().plus_us(boost.until.since(captured_at));
        self.desk.raise(&boost.camera, until, boost.sees_it);
        let _ = self.out.boosts.try_send(boost);
    }

    fn command(&mut self, id: &IncidentId, command: &IncidentCommand) -> Result<Incident, CommandError> {
        let stored = |error: rusqlite::Error| {
            tracing::error!("state.db cannot be used: {}", chain(&error));
            CommandError::Store
        };
        let in_book = self.pipeline.book().get(id).filter(|i| i.tier == Tier::Escape).cloned();
        let before = match in_book {
            Some(incident) => incident,
            None => self.ledger.get(id).map_err(stored)?.ok_or_else(|| CommandError::Unknown(id.clone()))?,
        };
        let mut after = before.clone();
        let Some(kind) = command::apply(&mut after, command)? else { return Ok(after) };
        let change = Change { alert: Some(kind), before: Some(before), after: after.clone() };
        let (incidents, alerts) = self.told(vec![change], self.clock.now());
        let entry = Entry { incidents, alerts, ..Entry::default() };
        // A command that is not on disk would be forgotten by a restart: whoever gave it must know.
        let queued = self.ledger.commit(&entry).map_err(stored)?;
        self.pipeline.book().replace(&after);
        self.pass(entry.incidents, queued);
        Ok(after)
    }
}

/// States of incidents for the broker, where each is retained: the newest state of each, until it is published.
/// All are published again on a new connection, since a broker may forget.
#[derive(Debug, Default)]
pub struct Retained {
    /// `None`: to be cleared.
    states: Mutex<BTreeMap<IncidentId, (Option<Incident>, bool)>>,
    changed: Notify,
    /// One more with each new state.
    version: watch::Sender<u64>,
}

/// So many incidents that are over are published again on a new connection.
const MOST_OVER: usize = 100;

/// Resolved, or no longer watched.
fn is_over(state: &Option<Incident>) -> bool {
    state.as_ref().is_none_or(|i| i.state == IncidentState::Resolved)
}

impl Retained {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<IncidentId, (Option<Incident>, bool)>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new state.
    pub fn put(&self, incident: Incident) {
        self.set(incident.id.clone(), Some(incident));
    }

    /// The broker shall hold nothing of this one any more.
    pub fn clear(&self, id: &IncidentId) {
        self.set(id.clone(), None);
    }

    fn set(&self, id: IncidentId, state: Option<Incident>) {
        let mut states = self.lock();
        states.insert(id, (state, true));
        while states.values().filter(|(i, due)| is_over(i) && !due).count() > MOST_OVER {
            let oldest = states.iter().find(|(_, (i, due))| is_over(i) && !due).map(|(id, _)| id.clone());
            oldest.map(|id| states.remove(&id));
        }
        drop(states);
        self.changed.notify_one();
        self.version.send_modify(|version| *version += 1);
    }

    /// Says each time that a state is new.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Those that are not resolved.
    pub fn open(&self) -> Vec<Incident> {
        self.lock().values().filter(|(i, _)| !is_over(i)).filter_map(|(i, _)| i.clone()).collect()
    }

    /// Not to be published any more, unless it changes.
    pub fn forget(&self, id: &IncidentId) {
        self.lock().remove(id);
    }

    /// Everything has to be published again.
    pub fn all_due(&self) {
        self.lock().values_mut().for_each(|(_, due)| *due = true);
        self.changed.notify_one();
    }

    /// The next state to publish, `None` to clear it; waits for one.
    pub async fn next(&self) -> (IncidentId, Option<Incident>) {
        loop {
            let next = self.lock().iter_mut().find(|(_, (_, due))| *due).map(|(id, (incident, due))| {
                *due = false;
                (id.clone(), incident.clone())
            });
            match next {
                Some(next) => return next,
                None => self.changed.notified().await,
            }
        }
    }

    /// A state could not be published.
    pub fn failed(&self, id: &IncidentId) {
        if let Some((_, due)) = self.lock().get_mut(id) {
            *due = true;
        }
    }

    /// Whether something waits to be published.
    pub fn is_due(&self) -> bool {
        self.lock().values().any(|(_, due)| *due)
    }
}
