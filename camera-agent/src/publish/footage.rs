//! The bulk connection: segments out in order, acknowledgements in.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::ids::{CameraId, SegmentId, SiteId};
use base::input::chain;
use base::segment::SegmentMeta;
use base::topic::Topic;
use base::wire::{AnalyzerStatus, Form as _, MAX_CHUNK_BYTES, SegmentAck};
use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::mqtt::{Link, LinkEvent, NotSent, Up};
use super::window::{Next, Params, Window};
use crate::spool::worker::Access;

/// Serves the bulk connection.
pub struct Sender {
    /// Which site.
    pub site: SiteId,
    /// Which camera.
    pub camera: CameraId,
    /// The connection.
    pub link: Link,
    /// What happens on it.
    pub events: mpsc::Receiver<LinkEvent>,
    /// The footage.
    pub spool: Access,
    /// How much may be under way.
    pub window: Params,
}

/// What both halves share.
struct Shared {
    window: Mutex<Window>,
    changed: Notify,
    begun: Instant,
}

impl Shared {
    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Sender {
    /// What this connection wants to hear.
    pub fn subscriptions(site: &SiteId, camera: &CameraId) -> Vec<String> {
        [Topic::SegmentAck(camera.clone()), Topic::AnalyzerStatus].map(|topic| topic.name(site)).into()
    }

    /// Runs until the connection is given up.
    pub async fn run(self) {
        let Self { site, camera, link, events, spool, window } = self;
        let shared = Shared { window: Mutex::new(Window::new(window)), changed: Notify::new(), begun: Instant::now() };
        // Sending waits for room in the socket; acknowledgements are heard meanwhile.
        tokio::select! {
            () = listen(&shared, &site, events, &spool) => {}
            () = send(&shared, &site, &camera, link, &spool) => {}
        }
    }
}

async fn listen(shared: &Shared, site: &SiteId, mut events: mpsc::Receiver<LinkEvent>, spool: &Access) {
    while let Some(event) = events.recv().await {
        match event {
            LinkEvent::Message { topic, payload } => match Topic::parse(site, &topic) {
                Some(Topic::SegmentAck(_)) => hear_ack(shared, &payload, spool).await,
                Some(Topic::AnalyzerStatus) => hear_analyzer(shared, &payload),
                _ => continue,
            },
            _ => continue,
        }
        shared.changed.notify_one();
    }
}

async fn hear_ack(shared: &Shared, payload: &[u8], spool: &Access) {
    match SegmentAck::from_json(payload) {
        Ok(SegmentAck { ids, rejected, .. }) => {
            shared.window().done(&ids);
            shared.window().done(&rejected);
            spool.acknowledge(ids).await;
            spool.reject(rejected).await;
        }
        Err(error) => tracing::warn!("an acknowledgement was not understood: {}", chain(&error)),
    }
}

fn hear_analyzer(shared: &Shared, payload: &[u8]) {
    match AnalyzerStatus::from_json(payload) {
        Ok(status) => shared.window().peer(status.online),
        Err(_) if payload.is_empty() => {}
        Err(error) => tracing::warn!("the analyzer's status was not understood: {}", chain(&error)),
    }
}

async fn send(shared: &Shared, site: &SiteId, camera: &CameraId, mut link: Link, spool: &Access) {
    let mut view = spool.view();
    let (mut failed, mut known) = (None, None);
    while let Some(up) = link.wait_up(failed).await {
        if known.replace(up.epoch()) != Some(up.epoch()) {
            shared.window().again();
        }
        let oldest = view.borrow_and_update().oldest.clone();
        let next = shared.window().next(&oldest, shared.now());
        match next {
            Next::Send(id) => match spool.read(&id).await {
                Some((meta, data)) => match send_segment(&up, site, camera, &meta, data).await {
                    Ok(()) => shared.window().sent(&id, shared.now()),
                    Err(NotSent) => failed = Some(up.epoch()),
                },
                // Acknowledged or given up meanwhile.
                None => shared.window().done(std::slice::from_ref(&id)),
            },
            Next::Wait(wait) => tokio::select! {
                changed = view.changed() => if changed.is_err() { return },
                () = shared.changed.notified() => {}
                () = link.changed() => {}
                () = tokio::time::sleep(wait.unwrap_or(Duration::from_secs(3600))) => {}
            },
        }
    }
}

async fn send_segment(
    up: &Up,
    site: &SiteId,
    camera: &CameraId,
    meta: &SegmentMeta,
    data: Bytes,
) -> Result<(), NotSent> {
    let topic = topic(site, camera, &meta.id);
    for (chunk, start) in (0..data.len()).step_by(MAX_CHUNK_BYTES).enumerate() {
        let end = (start + MAX_CHUNK_BYTES).min(data.len());
        up.chunk(&topic, meta.header(chunk as u32).to_json(), data.slice(start..end)).await?;
    }
    tracing::debug!("segment {} sent, {} bytes", meta.id, data.len());
    Ok(())
}

fn topic(site: &SiteId, camera: &CameraId, id: &SegmentId) -> String {
    Topic::Segment(camera.clone(), id.clone()).name(site)
}
