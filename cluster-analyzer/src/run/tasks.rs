//! The loops between channels and connections.

use std::sync::Arc;
use std::time::Duration;

use base::incident::Tier;
use base::site::Site;
use base::stop::Stop;
use base::time::Clock;
use base::topic::Topic;
use base::wire::{AnalyzerStatus, Control, ControlAction, Form as _, VERSION};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::archive::{AckOut, ArchiveHandle, SegmentChunk};
use crate::catchup::worker::Seen;
use crate::detect::desk::{Desk, Job};
use crate::detect::worker::Done;
use crate::drill::inject::Injector;
use crate::health::{self, Heard};
use crate::http::Commanded;
use crate::hub::Hub;
use crate::incident::Boost;
use crate::ingest::Message;
use crate::ingest::mqtt::{Link, PublishError};
use crate::live::{Input, Retained};
use crate::metrics::{Metrics, OfCamera};
use crate::schedule::Motion;
use crate::site::desk::NewSite;
use crate::view::{LastFrame, Refused, View};

/// Frames a second that a boosted agent sends.
const BOOST_FPS: f64 = 10.0;
/// What is only watched is told again sooner than this, as long as it is seen.
const WATCH_EXPIRES: Duration = Duration::from_secs(60);
/// How often the analyzer says how it does.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// What taking frames and statuses in needs.
pub(super) struct Taker {
    pub(super) site: watch::Receiver<Arc<Site>>,
    pub(super) hub: Arc<Hub>,
    pub(super) view: Arc<View>,
    pub(super) desk: Arc<Desk>,
    pub(super) watch: health::Handle,
    pub(super) injector: Arc<Injector>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Frames to the desk, statuses to the view, commands to the incidents.
pub(super) async fn take_urgent(mut messages: mpsc::Receiver<Message>, taker: Taker, inputs: mpsc::Sender<Input>) {
    while let Some(message) = messages.recv().await {
        match message {
            Message::Frame(camera, header, jpeg) => taker.frame(camera, header, jpeg),
            Message::Status(camera, status) => {
                taker.hub.tell("camera", &json!({ "camera": camera, "status": status }));
                taker.watch.hear(Heard::Status(camera.clone(), status.clone()));
                if !taker.view.status(&camera, *status) {
                    taker.metrics.reject(Refused::TooMany.reason());
                }
            }
            Message::Command(id, command) => {
                let commanded = Commanded { id, command, reply: None };
                let _ = inputs.send(Input::Commanded(commanded)).await;
            }
            Message::Chunk(..) => taker.metrics.reject("bad_topic"),
        }
    }
}

impl Taker {
    fn frame(&self, camera: base::ids::CameraId, header: base::wire::FrameHeader, jpeg: bytes::Bytes) {
        let received_at = self.clock.now();
        let frame = LastFrame { header: header.clone(), jpeg: jpeg.clone(), received_at };
        if let Err(refused) = self.view.frame(&camera, frame) {
            return self.metrics.reject(refused.reason());
        }
        let (header, jpeg) = self.with_drill(&camera, header, jpeg);
        let of_camera = OfCamera { camera: camera.to_string() };
        self.metrics.frames_received.get_or_create(&of_camera).inc();
        let motion = Motion::of(&self.site.borrow(), &camera, &header.motion);
        if self.desk.put(Job { camera, header, jpeg, received_at, late: false }, motion).is_some() {
            self.metrics.frames_superseded.get_or_create(&of_camera).inc();
        }
        self.metrics.frames_waiting.set(self.desk.waiting() as i64);
    }

    /// A frame into which the analyzer puts a synthetic animal; nearly always, as it came.
    fn with_drill(
        &self,
        camera: &base::ids::CameraId,
        header: base::wire::FrameHeader,
        jpeg: bytes::Bytes,
    ) -> (base::wire::FrameHeader, bytes::Bytes) {
        if !self.injector.wants(camera) {
            return (header, jpeg);
        }
        // Some milliseconds of decoding, which must not hold up the messages of others.
        let changed = tokio::task::block_in_place(|| self.injector.apply(camera, &header, &jpeg));
        changed.unwrap_or((header, jpeg))
    }
}

/// Footage to the archive, which holds this up when the disk is behind.
pub(super) async fn take_footage(mut messages: mpsc::Receiver<Message>, archive: ArchiveHandle) {
    while let Some(message) = messages.recv().await {
        if let Message::Chunk(camera, id, header, payload) = message
            && !archive.offer(SegmentChunk { camera, id, header, payload }).await
        {
            return;
        }
    }
}

/// Commands of the page to the incidents.
pub(super) async fn forward_commands(mut commands: mpsc::Receiver<Commanded>, inputs: mpsc::Sender<Input>) {
    while let Some(commanded) = commands.recv().await {
        if inputs.send(Input::Commanded(commanded)).await.is_err() {
            return;
        }
    }
}

/// A changed site file to everything that goes by it; what came before it is judged by the old one.
pub(super) async fn swap_sites(mut sites: mpsc::Receiver<NewSite>, view: Arc<View>, inputs: mpsc::Sender<Input>) {
    while let Some(NewSite { site, done }) = sites.recv().await {
        view.set_site(&site);
        if inputs.send(Input::Site(site, done)).await.is_err() {
            return;
        }
    }
}

/// Boosts to agents. One that cannot be told now is of no use later: the next one comes in seconds.
pub(super) async fn tell_boosts(link: Link, mut boosts: mpsc::Receiver<Boost>, clock: Arc<dyn Clock>) {
    while let Some(boost) = boosts.recv().await {
        let control = Control { v: VERSION, expires_at: boost.until, action: ControlAction::Boost { fps: BOOST_FPS } };
        let expiry = Duration::from_micros(boost.until.since(clock.now()).max(0) as u64);
        if let Err(error) =
            link.publish(&Topic::Control(boost.camera.clone()), control.to_json(), false, Some(expiry)).await
        {
            tracing::debug!(camera = %boost.camera, "boost not told: {error}");
        }
    }
}

/// Acknowledgements to agents. One that is lost is given again, when the agent sends the segment again.
pub(super) async fn tell_acks(link: Link, mut acks: mpsc::Receiver<AckOut>, metrics: Arc<Metrics>) {
    while let Some(AckOut { camera, ack }) = acks.recv().await {
        match link.publish(&Topic::SegmentAck(camera.clone()), ack.to_json(), false, None).await {
            Ok(()) => drop(metrics.segments_acked.inc_by(ack.ids.len() as u64)),
            Err(error) => tracing::debug!(%camera, "acknowledgement not told: {error}"),
        }
    }
}

/// States of incidents, retained at the broker; all of them again on each new connection. Before it ends it
/// tells what is still due, unless the broker is gone.
pub(super) async fn tell_incidents(link: Link, retained: Arc<Retained>, mut end: Stop) {
    let mut connected = link.connected();
    loop {
        if !*connected.borrow_and_update() {
            tokio::select! {
                changed = connected.changed() => if changed.is_err() { return },
                () = end.asked() => return,
            }
            retained.all_due();
            continue;
        }
        if end.is_asked() && !retained.is_due() {
            return;
        }
        let (id, incident) = tokio::select! {
            next = retained.next() => next,
            _ = connected.changed() => continue,
            () = end.asked(), if !end.is_asked() => continue,
        };
        let topic = Topic::Incident(id.clone());
        // What is only watched goes from the broker by itself, should nobody be left to clear it.
        let watched = incident.as_ref().is_some_and(|i| i.tier == Tier::Watch);
        // An empty message clears what is retained.
        let state = incident.map(|i| i.to_json()).unwrap_or_default();
        if let Err(error) = link.publish(&topic, state, true, watched.then_some(WATCH_EXPIRES)).await {
            tracing::debug!(incident = %id, "state not told: {error}");
            retained.failed(&id);
            if end.is_asked() {
                return;
            }
            if error != PublishError::Offline {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// How the analyzer does, retained: on each new connection, every few seconds, and a goodbye at the end.
pub(super) async fn tell_status(link: Link, status: impl Fn() -> AnalyzerStatus, mut end: Stop) {
    let mut connected = link.connected();
    let tell = async |status: AnalyzerStatus| {
        if let Err(error) = link.publish(&Topic::AnalyzerStatus, status.to_json(), true, None).await {
            tracing::debug!("status not told: {error}");
        }
    };
    loop {
        if *connected.borrow_and_update() {
            tell(status()).await;
        }
        tokio::select! {
            changed = connected.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(STATUS_EVERY) => {}
            () = end.asked() => break,
        }
    }
    tell(AnalyzerStatus { online: false, ..status() }).await;
}

/// What a detector has seen: live frames to the incidents, late ones to those who judge late footage. False when
/// nobody takes it.
pub(super) fn pass_on(done: Done, inputs: &mpsc::Sender<Input>, seen: &std::sync::mpsc::Sender<Seen>) -> bool {
    if done.job.late {
        // Their end goes before that of the detectors.
        let _ = seen.send(Seen::Late(Box::new(done)));
        return true;
    }
    let live = Seen::Live(done.job.camera.clone(), done.job.header.captured_at);
    let passed = inputs.blocking_send(Input::Seen(Box::new(done))).is_ok();
    let _ = seen.send(live);
    passed
}
