//! `/api/events`: what happens, as server-sent events, and `/api/frames`: the cameras' pictures in one stream.
//!
//! Events: `hello` (the whole state, first and whenever this watcher missed something), `incident`, `tracks`,
//! `camera`, `site`, and `tick` once a second, so that a page knows that it is still connected and what time it is here.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use base::ids::CameraId;
use base::incident::IncidentState;
use base::stop::Stop;
use base::time::Micros;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::Stream;
use futures::stream::unfold;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

use super::incidents::ask;
use super::{Fault, Shared, cameras};
use crate::hub::Event;
use crate::incident::store;
use crate::view::LastFrame;

const TICK: Duration = Duration::from_secs(1);

/// One watcher's place in the events.
struct Watcher {
    shared: Shared,
    events: broadcast::Receiver<Event>,
    tick: tokio::time::Interval,
    stop: Stop,
    greet: bool,
}

pub(super) async fn events(State(shared): State<Shared>) -> Sse<impl Stream<Item = Result<SseEvent, Infallible>>> {
    let watcher = Watcher {
        events: shared.hub.watch(),
        tick: tokio::time::interval_at(tokio::time::Instant::now() + TICK, TICK),
        stop: shared.stop.clone(),
        shared,
        greet: true,
    };
    let stream = unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok(SseEvent::default().event(event.name).data(event.data)), watcher))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

impl Watcher {
    /// `None`: the service stops.
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.greet) {
            let data = hello(&self.shared).await.to_string();
            return Some(Event { name: "hello", data });
        }
        tokio::select! {
            () = self.stop.asked() => None,
            event = self.events.recv() => match event {
                Ok(event) => Some(event),
                Err(RecvError::Closed) => None,
                Err(RecvError::Lagged(_)) => {
                    let data = hello(&self.shared).await.to_string();
                    Some(Event { name: "hello", data })
                }
            },
            _ = self.tick.tick() => {
                let data = json!({ "now": self.shared.clock.now(), "seen": ages(&self.shared) }).to_string();
                Some(Event { name: "tick", data })
            }
        }
    }
}

/// The whole state: what a page must know before it shows anything.
async fn hello(shared: &Shared) -> Value {
    let unresolved = |db: &Connection| {
        let mut open = store::list(db, Some(IncidentState::Open), None, 100)?;
        open.extend(store::list(db, Some(IncidentState::Acknowledged), None, 100)?);
        Ok(open)
    };
    // The page must show its cameras even when the disk is gone.
    let incidents = ask(shared, unresolved).await.unwrap_or_default();
    json!({
        "now": shared.clock.now(),
        "version": env!("CARGO_PKG_VERSION"),
        "model": &*shared.model,
        "site": shared.site.current().name,
        "site_version": shared.site.version(),
        "cameras": cameras::rows(shared),
        "incidents": incidents,
    })
}

/// When the newest picture of each camera was taken.
fn ages(shared: &Shared) -> BTreeMap<CameraId, Micros> {
    let mut ages = BTreeMap::new();
    shared.view.each_frame(|camera, frame| {
        ages.insert(camera.clone(), frame.header.captured_at);
    });
    ages
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// Ids with commas between; none: all.
    cameras: Option<String>,
    /// Pictures a second of each camera, at most.
    fps: Option<f64>,
}

/// One page's place in the pictures.
struct Frames {
    shared: Shared,
    only: Vec<CameraId>,
    every: Duration,
    sent: BTreeMap<CameraId, (Micros, Instant)>,
    changed: watch::Receiver<u64>,
    stop: Stop,
}

/// Each picture as: length of its header (4 bytes, big-endian), the header (JSON with `camera`, `captured_at`,
/// `width`, `height`, `light`, `drill`), length of the JPEG (4 bytes), the JPEG.
///
/// Only the newest picture of a camera is ever sent: a page that reads slowly gets fewer, not older ones.
pub(super) async fn frames(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Fault> {
    let Query(wanted) = wanted.map_err(|e| Fault::bad(e.body_text()))?;
    let names = wanted.cameras.iter().flat_map(|list| list.split(',')).filter(|name| !name.is_empty());
    let only: Vec<CameraId> =
        names.map(|name| CameraId::new(name).map_err(|e| Fault::bad(e.to_string()))).collect::<Result<_, _>>()?;
    let fps = wanted.fps.unwrap_or(5.0);
    if !(0.05..=30.0).contains(&fps) {
        return Err(Fault::bad(format!("fps is {fps}; it must be between 0.05 and 30")));
    }
    let frames = Frames {
        changed: shared.view.changes(),
        stop: shared.stop.clone(),
        shared,
        only,
        // A little less than the period, so that a camera at exactly that rate loses no picture to jitter.
        every: Duration::from_secs_f64(0.9 / fps),
        sent: BTreeMap::new(),
    };
    let stream = unfold(frames, |mut frames| async move {
        let record = frames.next().await?;
        Some((Ok::<_, Infallible>(record), frames))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-paddock-frames"), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::OK, kind, Body::from_stream(stream)).into_response())
}

impl Frames {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.changed.borrow_and_update();
            let now = Instant::now();
            let (mut next, mut soonest) = (None, None);
            // Of the cameras that are due the one that was sent longest ago, so that none waits for the others.
            self.shared.view.each_frame(|camera, frame| {
                let wanted = self.only.is_empty() || self.only.contains(camera);
                let sent = self.sent.get(camera);
                if !wanted || sent.is_some_and(|(captured_at, _)| *captured_at == frame.header.captured_at) {
                    return;
                }
                let sent_at = sent.map(|(_, at)| *at);
                match sent_at.map(|at| at + self.every) {
                    Some(due) if due > now => soonest = Some(soonest.map_or(due, |s: Instant| s.min(due))),
                    _ if next.as_ref().is_none_or(|(_, before)| sent_at < *before) => {
                        next = Some(((camera.clone(), frame.clone()), sent_at));
                    }
                    _ => {}
                }
            });
            if let Some(((camera, frame), _)) = next {
                let record = record(&camera, &frame);
                self.sent.insert(camera, (frame.header.captured_at, now));
                return Some(record);
            }
            let wait = async {
                match soonest {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => drop(self.changed.changed().await),
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.stop.asked() => return None,
            }
        }
    }
}

fn record(camera: &CameraId, frame: &LastFrame) -> Bytes {
    let h = &frame.header;
    let header = json!({
        "camera": camera, "captured_at": h.captured_at, "width": h.width, "height": h.height,
        "light": h.light, "drill": h.drill,
    });
    let header = header.to_string();
    let mut record = BytesMut::with_capacity(8 + header.len() + frame.jpeg.len());
    record.put_u32(header.len() as u32);
    record.put_slice(header.as_bytes());
    record.put_u32(frame.jpeg.len() as u32);
    record.put_slice(&frame.jpeg);
    record.freeze()
}
