//! The thread that holds drills and watches whether they arrive.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::drill::DrillOrder;
use base::ids::{CameraId, IncidentId};
use base::input::chain;
use base::site::Site;
use base::time::{Clock, Micros};
use base::wire::{Control, ControlAction, IncidentAction, IncidentCommand, VERSION};
use tokio::sync::{mpsc, oneshot};

use super::inject::Injector;
use super::sprite::Sprite;
use super::{Params, Report, Where, plan};
use crate::alert::outbox;
use crate::health::{self, Heard};
use crate::http::Commanded;
use crate::ledger::Ledger;
use crate::metrics::{Metrics, Reason};
use crate::view::View;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(200);
/// An agent that has sent no drill frame by then cannot, µs.
const AGENT_WITHIN_US: i64 = 4_000_000;
/// Frames a second while a drill runs.
const FPS: f64 = 10.0;
/// Reports that are kept.
const MOST_REPORTS: usize = 100;
/// Incidents of drills are looked for this often, µs.
const CLOSE_EVERY_US: i64 = 2_000_000;
/// A drill's incident is closed so long after it was last seen, µs.
const CLOSE_AFTER_US: i64 = 3_000_000;

/// Somebody asks for a drill.
#[derive(Debug)]
pub struct Ask {
    /// On which camera; `None`: the next in turn.
    pub camera: Option<CameraId>,
    /// Where the answer goes: the drill's name and camera, or why there is none.
    pub reply: oneshot::Sender<Result<(String, CameraId), String>>,
}

/// How drills ended, oldest first. A std lock: nothing is awaited while it is held.
#[derive(Debug, Default)]
pub struct Reports(Mutex<VecDeque<Report>>);

impl Reports {
    fn push(&self, report: Report) {
        let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reports.push_back(report);
        while reports.len() > MOST_REPORTS {
            reports.pop_front();
        }
    }

    /// All that are kept.
    pub fn all(&self) -> Vec<Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The last one.
    pub fn last(&self) -> Option<Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).back().cloned()
    }
}

/// Tells an agent what to do; false when it cannot be told now.
pub type Tell = dyn Fn(&CameraId, Control) -> bool + Send;

/// What the thread is made of.
pub struct Master {
    /// How drills are held.
    pub params: Params,
    /// The animal, or why there is none.
    pub sprite: Result<Sprite, String>,
    /// The site.
    pub site: Arc<Site>,
    /// Which cameras there are, and what they send.
    pub view: Arc<View>,
    /// Puts the animal in here.
    pub injector: Arc<Injector>,
    /// Tells agents.
    pub tell: Box<Tell>,
    /// Incidents.
    pub ledger: Ledger,
    /// Deliveries of their alerts; a connection of its own.
    pub db: rusqlite::Connection,
    /// Closes incidents.
    pub commands: mpsc::Sender<Commanded>,
    /// A drill that fails is an alarm.
    pub health: health::Handle,
    /// How they ended.
    pub reports: Arc<Reports>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// One that runs.
struct Running {
    order: DrillOrder,
    camera: CameraId,
    at: Micros,
    injected: bool,
}

impl Master {
    /// Holds drills until nobody can ask for one any more.
    pub fn run(self, asks: Receiver<Ask>) {
        let (mut running, mut turn, mut last) = (None::<Running>, 0usize, self.clock.now());
        let mut closed_at = last;
        loop {
            match asks.recv_timeout(EVERY) {
                Ok(ask) => {
                    let begun = match &running {
                        Some(_) => Err("a drill is under way; wait for its end".to_owned()),
                        None => self.begin(ask.camera.as_ref(), &mut turn),
                    };
                    let told = begun.as_ref().map(|r| (r.order.id.clone(), r.camera.clone())).map_err(Clone::clone);
                    running = running.or(begun.ok());
                    let _ = ask.reply.send(told);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.injector.end(),
            }
            let now = self.clock.now();
            if let Some(drill) = running.take() {
                running = self.watch(drill, now);
            } else if plan::due(&self.params, last, &self.site.timezone).is_some_and(|due| now >= due) {
                last = now;
                running = self.scheduled(&mut turn, now);
            }
            if now.since(closed_at) > CLOSE_EVERY_US {
                closed_at = now;
                self.close_incidents(now);
            }
        }
    }

    /// What is due begins; where it cannot, that is told as one that failed.
    fn scheduled(&self, turn: &mut usize, now: Micros) -> Option<Running> {
        match self.begin(None, turn) {
            Ok(drill) => Some(drill),
            Err(why) if self.metrics.incidents_open.get() > 0 => {
                tracing::info!("a drill was due: {why}");
                None
            }
            Err(why) => {
                self.failed(&format!("a drill was due and could not begin at {now}: {why}"));
                None
            }
        }
    }

    fn begin(&self, camera: Option<&CameraId>, turn: &mut usize) -> Result<Running, String> {
        let sprite = self.sprite.as_ref().map_err(Clone::clone)?;
        if self.metrics.incidents_open.get() > 0 {
            return Err("an escape is open: no drill now".into());
        }
        let camera = match camera {
            Some(camera) => camera.clone(),
            None => self.next_camera(turn).ok_or("no camera is online")?,
        };
        if !self.is_online(&camera) {
            return Err(format!("camera {camera} is not online"));
        }
        let (from, to) = plan::walk(&self.site, &camera, sprite.faces_right)
            .ok_or_else(|| format!("camera {camera} shows no ground outside an enclosure"))?;
        let at = self.clock.now();
        let order = DrillOrder {
            id: format!("d{:x}", at.0),
            seconds: self.params.seconds,
            from,
            to,
            height: self.params.height,
            sprite: sprite.base64.clone(),
        };
        let mut drill = Running { order, camera, at, injected: false };
        tracing::info!(camera = %drill.camera, drill = drill.order.id, "a drill begins");
        let action = ControlAction::Drill(drill.order.clone());
        if self.params.place == Where::Analyzer || !self.tell(&drill, action) {
            self.inject(&mut drill);
        }
        Ok(drill)
    }

    fn tell(&self, drill: &Running, action: ControlAction) -> bool {
        let until_us = (self.params.seconds * 1e6) as i64 + AGENT_WITHIN_US;
        (self.tell)(&drill.camera, Control { v: VERSION, expires_at: drill.at.plus_us(until_us), action })
    }

    fn inject(&self, drill: &mut Running) {
        if let Ok(sprite) = &self.sprite {
            self.injector.begin(drill.camera.clone(), drill.order.clone(), sprite.cut.clone());
            // So that there are frames to put it into.
            self.tell(drill, ControlAction::Boost { fps: FPS });
            drill.injected = true;
        }
    }

    /// Looks after a drill; gives it back while it goes on.
    fn watch(&self, mut drill: Running, now: Micros) -> Option<Running> {
        match self.arrived(&drill) {
            Ok(Some((latency_us, at))) => {
                let took_us = at.since(drill.at);
                tracing::info!(camera = %drill.camera, latency_us, took_us, "the drill arrived");
                self.metrics.drill_capture_to_alert_seconds.observe(latency_us as f64 / 1e6);
                self.end(&drill, Some(latency_us), Some(took_us), "arrived");
                self.health.hear(Heard::Analyzer(None));
                return None;
            }
            Ok(None) => {}
            Err(error) => tracing::error!("state.db cannot be read: {}", chain(&error)),
        }
        let after_us = now.since(drill.at);
        if after_us > self.params.deadline_us {
            let seconds = self.params.deadline_us as f64 / 1e6;
            let why = format!("the drill on camera {} did not arrive as an alert within {seconds} s", drill.camera);
            self.end(&drill, None, None, &why);
            self.failed(&why);
            return None;
        }
        if !drill.injected && after_us > AGENT_WITHIN_US && !self.agent_drills(&drill) {
            tracing::info!(camera = %drill.camera, "its agent puts no animal in: the analyzer does");
            self.inject(&mut drill);
        }
        Some(drill)
    }

    /// The alert's latency and when it was delivered.
    fn arrived(&self, drill: &Running) -> rusqlite::Result<Option<(i64, Micros)>> {
        // The agent's clock may be a little behind ours.
        let since = drill.at.plus_us(-5_000_000);
        for incident in self.ledger.opened_since(since)? {
            if !incident.drill || incident.camera != drill.camera {
                continue;
            }
            let attempts = outbox::attempts(&self.db, &incident.id)?;
            let told = attempts.iter().find(|a| a.kind == "opened" && a.error.is_none() && a.at >= drill.at);
            if let Some(told) = told {
                return Ok(Some((told.latency_us, told.at)));
            }
        }
        Ok(None)
    }

    fn agent_drills(&self, drill: &Running) -> bool {
        let frame = self.view.camera(&drill.camera).and_then(|view| view.frame);
        frame.is_some_and(|frame| frame.header.drill && frame.received_at >= drill.at)
    }

    fn end(&self, drill: &Running, latency_us: Option<i64>, took_us: Option<i64>, result: &str) {
        self.injector.end();
        let outcome = if latency_us.is_some() { "arrived" } else { "failed" };
        self.metrics.drills.get_or_create(&Reason { reason: outcome }).inc();
        self.reports.push(Report {
            id: drill.order.id.clone(),
            camera: drill.camera.clone(),
            at: drill.at,
            latency_us,
            took_us,
            injected: drill.injected,
            result: result.into(),
        });
    }

    fn failed(&self, why: &str) {
        tracing::error!("{why}");
        self.health.hear(Heard::Analyzer(Some(why.into())));
    }

    fn next_camera(&self, turn: &mut usize) -> Option<CameraId> {
        let named = &self.params.cameras;
        let all: Vec<CameraId> = match named.is_empty() {
            true => self.site.cameras.iter().map(|c| c.id.clone()).collect(),
            false => named.clone(),
        };
        (0..all.len()).find_map(|_| {
            *turn += 1;
            let camera = &all[*turn % all.len()];
            let usable = self.is_online(camera) && plan::walk(&self.site, camera, true).is_some();
            usable.then(|| camera.clone())
        })
    }

    fn is_online(&self, camera: &CameraId) -> bool {
        self.view.camera(camera).is_some_and(|view| view.in_site && view.status.is_some_and(|status| status.online))
    }

    /// Nobody has to clear a synthetic animal away.
    fn close_incidents(&self, now: Micros) {
        let open = match self.ledger.unresolved() {
            Ok(open) => open,
            Err(error) => return tracing::error!("state.db cannot be read: {}", chain(&error)),
        };
        for incident in open.into_iter().filter(|i| i.drill && now.since(i.updated_at) > CLOSE_AFTER_US) {
            self.resolve(incident.id, now);
        }
    }

    fn resolve(&self, id: IncidentId, at: Micros) {
        let command = IncidentCommand { v: VERSION, by: "drill".into(), at, action: IncidentAction::Resolve };
        let _ = self.commands.try_send(Commanded { id, command, reply: None });
    }
}
