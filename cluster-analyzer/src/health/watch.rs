//! The thread that watches over all cameras.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use base::health::{Health, HealthState};
use base::ids::CameraId;
use base::input::chain;
use base::segment::sha256_hex;
use base::site::{Site, Zone};
use base::time::{Clock, Micros};
use base::wire::{Light, VERSION};

use super::lane::{Lane, Verdict};
use super::picture::Eye;
use super::store::Store;
use super::told::Told;
use super::{Handle, Heard, Params};
use crate::metrics::{Metrics, OfCamera, Reason};

/// Pictures that wait; each is 19 KB.
const WAITING: usize = 256;
/// Silence is noticed this often.
const EVERY: Duration = Duration::from_secs(1);
/// What detail is usual is written down this often, µs.
const KEEP_EVERY_US: i64 = 600_000_000;

/// Everything that the thread owns.
pub struct Watch {
    params: Params,
    zones: BTreeMap<CameraId, String>,
    lanes: BTreeMap<CameraId, Lane>,
    eyes: BTreeMap<(CameraId, bool), Eye>,
    store: Store,
    told: Arc<Told>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    heard: Receiver<Heard>,
    kept_at: Micros,
    judged_at: Micros,
}

impl Watch {
    /// A watch over the cameras of a site, that goes on from what was said before.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn new(
        params: Params,
        site: &Site,
        store: Store,
        told: Arc<Told>,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> rusqlite::Result<(Self, Handle)> {
        let (to, heard) = mpsc::sync_channel(WAITING);
        let now = clock.now();
        let zones = site.cameras.iter().map(|c| (c.id.clone(), zones_hash(&c.zones)));
        let zones: BTreeMap<CameraId, String> = zones.collect();
        let mut last = store.last()?;
        let lanes = zones.keys().map(|camera| {
            let before = last.remove(&Some(camera.clone()));
            let verdict = before.as_ref().map(|h| Verdict { state: h.state, since: h.since, detail: h.detail.clone() });
            before.into_iter().for_each(|health| told.put(health));
            (camera.clone(), Lane::new(now, verdict))
        });
        let lanes = lanes.collect();
        last.remove(&None).into_iter().for_each(|health| told.put(health));
        let watch = Self {
            params,
            zones,
            lanes,
            eyes: BTreeMap::new(),
            store,
            told,
            metrics,
            clock,
            heard,
            kept_at: now,
            judged_at: now,
        };
        Ok((watch, Handle { to }))
    }

    /// Watches until the last handle goes.
    pub fn run(mut self) {
        loop {
            match self.heard.recv_timeout(EVERY) {
                Ok(heard) => self.hear(heard),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // By the clock and not by the timeout: a busy site gives no pause to notice silence in.
            let now = self.clock.now();
            if now.since(self.judged_at) >= EVERY.as_micros() as i64 {
                self.judged_at = now;
                self.judge_all(now);
            }
        }
        self.keep_usual();
    }

    pub(super) fn hear(&mut self, heard: Heard) {
        let now = self.clock.now();
        match heard {
            Heard::Seen { camera, luma, light, captured_at, received_at } => {
                self.seen(&camera, &luma, light, captured_at, received_at);
                self.judge(&camera, now);
            }
            Heard::Status(camera, status) => {
                if let Some(lane) = self.lanes.get_mut(&camera) {
                    lane.status(&status, now);
                    self.judge(&camera, now);
                }
            }
            Heard::Relearn(camera) => {
                tracing::info!(%camera, "the view of now becomes the reference");
                self.eyes.retain(|(of, _), _| *of != camera);
                self.lanes.get_mut(&camera).into_iter().for_each(Lane::forget_view);
                self.written(|store| store.forget(&camera));
                self.judge(&camera, now);
            }
            Heard::Analyzer(wrong) => self.analyzer(wrong, now),
        }
        if now.since(self.kept_at) > KEEP_EVERY_US {
            self.keep_usual();
        }
    }

    fn seen(&mut self, camera: &CameraId, luma: &[u8], light: Light, captured_at: Micros, received_at: Micros) {
        let (Some(lane), Some(zones)) = (self.lanes.get_mut(camera), self.zones.get(camera)) else { return };
        let key = (camera.clone(), light == Light::Infrared);
        let eye = self.eyes.entry(key).or_insert_with(|| {
            let known = self.store.reference(camera, light, zones);
            Eye::new(known.inspect_err(|e| tracing::error!("state.db cannot be read: {}", chain(e))).ok().flatten())
        });
        let (view, learnt) = eye.look(luma, received_at.0);
        if learnt && let Some(reference) = eye.reference() {
            tracing::info!(%camera, ?light, "the view is known from here on");
            if let Err(error) = self.store.keep(camera, light, zones, received_at, reference) {
                tracing::error!("the reference view cannot be written: {}", chain(&error));
            }
        }
        lane.look(&self.params, view, captured_at, received_at);
    }

    pub(super) fn judge_all(&mut self, now: Micros) {
        if self.metrics.broker_connected.get() == 0 {
            // It is the analyzer that hears nothing: that says nothing of any camera.
            return self.lanes.values_mut().for_each(|lane| lane.deaf(now));
        }
        let cameras: Vec<CameraId> = self.lanes.keys().cloned().collect();
        cameras.iter().for_each(|camera| self.judge(camera, now));
    }

    fn judge(&mut self, camera: &CameraId, now: Micros) {
        let Some(verdict) = self.lanes.get_mut(camera).and_then(|lane| lane.judge(&self.params, now)) else { return };
        let Verdict { state, since, detail } = verdict;
        let well = state == HealthState::Ok;
        let of_camera = OfCamera { camera: camera.to_string() };
        self.metrics.camera_healthy.get_or_create(&of_camera).set(i64::from(well));
        match well {
            true => tracing::info!(%camera, "{detail}"),
            false => tracing::warn!(%camera, state = state.as_str(), "{detail}"),
        }
        self.say(Health { v: VERSION, camera: Some(camera.clone()), state, since, at: now, detail });
    }

    fn analyzer(&mut self, wrong: Option<String>, now: Micros) {
        let state = if wrong.is_some() { HealthState::DrillFailed } else { HealthState::Ok };
        let before = self.told.get(None);
        if wrong.is_none() && before.is_none_or(|before| before.state == HealthState::Ok) {
            return;
        }
        let detail = wrong.unwrap_or_else(|| "the last drill arrived".into());
        self.say(Health { v: VERSION, camera: None, state, since: now, at: now, detail });
    }

    fn say(&mut self, health: Health) {
        self.metrics.health_changes.get_or_create(&Reason { reason: health.state.as_str() }).inc();
        self.written(|store| store.say(&health));
        self.told.put(health);
    }

    fn written(&mut self, write: impl FnOnce(&mut Store) -> rusqlite::Result<()>) {
        if let Err(error) = write(&mut self.store) {
            tracing::error!("the health of cameras cannot be written to disk: {}", chain(&error));
        }
    }

    fn keep_usual(&mut self) {
        self.kept_at = self.clock.now();
        for ((camera, infrared), eye) in &self.eyes {
            let light = if *infrared { Light::Infrared } else { Light::Day };
            let (Some(zones), Some(reference)) = (self.zones.get(camera), eye.reference()) else { continue };
            if let Err(error) = self.store.keep(camera, light, zones, self.kept_at, reference) {
                tracing::error!("the usual view cannot be written: {}", chain(&error));
            }
        }
    }
}

/// What tells zones apart.
pub(super) fn zones_hash(zones: &[Zone]) -> String {
    sha256_hex(format!("{zones:?}").as_bytes())
}
