use std::time::Duration;

use base::geometry::Rect;
use base::ids::{CameraId, SiteId};
use base::incident::{IncidentState, Tier};
use base::time::{Micros, SimClock};
use base::wire::{CameraStatus, FrameHeader, VERSION};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::incident::command;
use crate::ledger::{Entry, Ledger};
use crate::view::LastFrame;

/// A served page with one open incident, and something that carries commands out on it.
pub(super) struct Page {
    pub(super) address: SocketAddr,
    pub(super) shared: Shared,
    pub(super) dir: tempfile::TempDir,
    _stopper: base::stop::Stopper,
}

pub(super) fn incident() -> Incident {
    Incident {
        v: VERSION,
        id: IncidentId::derived(Micros(5_000_000), 1),
        site: SiteId::new("demo").unwrap(),
        tier: Tier::Escape,
        state: IncidentState::Open,
        opened_at: Micros(5_000_000),
        updated_at: Micros(5_000_000),
        camera: CameraId::new("gate").unwrap(),
        zone: None,
        rect: Rect::FULL,
        label: "dog".into(),
        species: None,
        danger: Some("red".into()),
        confidence: 0.9,
        heading: None,
        reason: Default::default(),
        whereabouts: Default::default(),
        sightings: vec![],
        next: vec![],
        acknowledged: None,
        resolved: None,
        notes: vec![],
        drill: false,
        late_by_us: None,
    }
}

impl Page {
    async fn serve() -> Self {
        let nowhere = tables::StoreConfig {
            endpoint: Some("http://127.0.0.1:9".into()),
            region: "us-east-1".into(),
            bucket: "zoo".into(),
            access_key: "nobody".into(),
            secret_key: "nobody".into(),
        };
        Self::serve_over(tempfile::tempdir().unwrap(), Micros(9_000_000), nowhere).await
    }

    pub(super) async fn serve_over(dir: tempfile::TempDir, now: Micros, store: tables::StoreConfig) -> Self {
        let state_db = dir.path().join("state.db");
        let mut ledger = Ledger::open(&state_db).unwrap();
        let still = (incident().id, bytes::Bytes::from_static(b"\xFF\xD8still"));
        ledger.commit(&Entry { incidents: vec![incident()], stills: vec![still], ..Entry::default() }).unwrap();
        let (commands, mut commands_in) = mpsc::channel::<Commanded>(8);
        tokio::spawn(async move {
            let mut incident = incident();
            while let Some(Commanded { id, command, reply }) = commands_in.recv().await {
                let outcome = match id == incident.id {
                    true => command::apply(&mut incident, &command).map(|_| incident.clone()),
                    false => Err(CommandError::Unknown(id)),
                };
                reply.unwrap().send(outcome).unwrap();
            }
        });
        let footage = Arc::new(Shelf::new(incident().site, dir.path(), &store));
        let site_file = dir.path().join("site.toml");
        std::fs::write(&site_file, "[site]\nname = \"demo\"\ntimezone = \"UTC\"\n[[camera]]\nid = \"gate\"\n").unwrap();
        let (new_sites, mut new_sites_in) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Some(crate::site::desk::NewSite { done, .. }) = new_sites_in.recv().await {
                done.send(()).unwrap();
            }
        });
        let site = Arc::new(base::site::Site::load(&site_file).unwrap());
        let site = Arc::new(Desk::new(&site_file, dir.path(), site, new_sites));
        let (stopper, stop) = base::stop::pair();
        let shared = Shared {
            footage,
            metrics: Metrics::new(),
            view: Arc::new(View::new([CameraId::new("gate").unwrap()])),
            state_db,
            commands,
            channels: alerts::Channels::default(),
            model: "test".into(),
            clock: Arc::new(SimClock::at(now)),
            hub: Arc::default(),
            site,
            data_dir: dir.path().to_owned(),
            stop: stop.clone(),
            told: Arc::default(),
            health: health::Handle::deaf(),
            drills: Drills {
                asks: std::sync::mpsc::sync_channel(1).0,
                reports: Arc::default(),
                injector: Arc::default(),
            },
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, shared.clone(), stop));
        Self { address, shared, _stopper: stopper, dir }
    }

    async fn request(&self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        (status, answer[end + 4..].to_vec())
    }

    pub(super) async fn json(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, body) = self.request(method, path, body).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn health_is_503_until_what_an_alarm_needs_works_and_the_store_only_degrades_it() {
    let page = Page::serve().await;
    let (status, body) = page.json("GET", "/healthz", "").await;
    assert_eq!((status, &body["status"], &body["broker"]["up"]), (503, &json!("failing"), &json!(false)));
    let m = &page.shared.metrics;
    for gauge in [&m.broker_connected, &m.detector_up, &m.archive_up] {
        gauge.set(1);
    }
    let (status, body) = page.json("GET", "/healthz", "").await;
    assert_eq!((status, &body["status"]), (200, &json!("degraded")));
    m.store_up.set(1);
    let (status, body) = page.json("GET", "/healthz", "").await;
    assert_eq!((status, &body["status"]), (200, &json!("ok")));
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let page = Page::serve().await;
    page.shared.metrics.reject("version");
    let (status, body) = page.request("GET", "/metrics", "").await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 200);
    assert!(text.contains("paddock_messages_rejected_total{reason=\"version\"} 1"), "{text}");
    assert!(text.contains("paddock_capture_to_alert_seconds_bucket"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn incidents_are_listed_filtered_and_shown_with_their_still() {
    let page = Page::serve().await;
    let id = incident().id;
    let (status, list) = page.json("GET", "/api/incidents", "").await;
    assert_eq!((status, list[0]["id"].as_str()), (200, Some(id.as_str())));
    let count =
        async |query: &str| page.json("GET", &format!("/api/incidents?{query}"), "").await.1.as_array().map(Vec::len);
    assert_eq!(count("state=open&since=5000000").await, Some(1));
    assert_eq!(count("state=resolved").await, Some(0));
    assert_eq!(count("since=5000001").await, Some(0));
    assert_eq!(page.json("GET", &format!("/api/incidents/{id}"), "").await.1["label"], "dog");
    assert_eq!(page.request("GET", &format!("/api/incidents/{id}/still"), "").await, (200, b"\xFF\xD8still".to_vec()));
    assert_eq!(page.json("GET", &format!("/api/incidents/{id}/deliveries"), "").await, (200, json!([])));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_in_json() {
    let page = Page::serve().await;
    let id = incident().id;
    let cases = [
        ("GET", "/api/incidents?state=lost".to_owned(), "", 400),
        ("GET", "/api/incidents?sinse=1".to_owned(), "", 400),
        ("GET", "/api/incidents/nobody".to_owned(), "", 404),
        ("GET", "/api/incidents/No%20Id".to_owned(), "", 400),
        ("GET", "/api/nothing".to_owned(), "", 404),
        ("GET", "/api/cameras/gate/frame".to_owned(), "", 404),
        ("POST", format!("/api/incidents/{id}/acknowledge"), "keeper", 400),
        ("POST", format!("/api/incidents/{id}/acknowledge"), "{\"by\":\" \"}", 400),
        ("POST", format!("/api/incidents/{id}/explode"), "{\"by\":\"keeper\"}", 404),
        ("POST", "/api/incidents/nobody/resolve".to_owned(), "{\"by\":\"keeper\"}", 404),
    ];
    for (method, path, body, wanted) in cases {
        let (status, answer) = page.json(method, &path, body).await;
        assert_eq!(status, wanted, "{path} {answer}");
        assert!(answer["error"].is_string(), "{path} {answer}");
    }
}

#[tokio::test]
async fn an_incident_is_acknowledged_noted_and_resolved() {
    let page = Page::serve().await;
    let id = incident().id;
    let act = async |action: &str, body: &str| page.json("POST", &format!("/api/incidents/{id}/{action}"), body).await;
    let (status, answer) = act("acknowledge", "{\"by\":\"keeper\"}").await;
    assert_eq!(
        (status, &answer["state"], &answer["acknowledged"]["at"]),
        (200, &json!("acknowledged"), &json!(9_000_000))
    );
    let (_, answer) = act("note", "{\"by\":\"keeper\",\"text\":\"by the kiosk\"}").await;
    assert_eq!(answer["notes"][0]["text"], "by the kiosk");
    let (_, answer) = act("resolve", "{\"by\":\"curator\"}").await;
    assert_eq!((&answer["state"], &answer["resolved"]["by"]), (&json!("resolved"), &json!("curator")));
    assert_eq!(act("acknowledge", "{\"by\":\"keeper\"}").await.0, 409);
}

#[tokio::test]
async fn cameras_are_shown_with_status_and_last_frame() {
    let page = Page::serve().await;
    let gate = CameraId::new("gate").unwrap();
    let status = CameraStatus { online: true, source: "file".into(), ..CameraStatus::last_will() };
    assert!(page.shared.view.status(&gate, status));
    let header = FrameHeader {
        v: VERSION,
        seq: 1,
        captured_at: Micros(8_500_000),
        width: 64,
        height: 64,
        motion: vec![],
        light: Default::default(),
        drill: false,
    };
    let frame = LastFrame { header, jpeg: bytes::Bytes::from_static(b"\xFF\xD8frame"), received_at: Micros(8_600_000) };
    page.shared.view.frame(&gate, frame).unwrap();
    let (_, cameras) = page.json("GET", "/api/cameras", "").await;
    assert_eq!((&cameras[0]["online"], &cameras[0]["last_frame_age_ms"]), (&json!(true), &json!(500)));
    assert_eq!(page.request("GET", "/api/cameras/gate/frame", "").await, (200, b"\xFF\xD8frame".to_vec()));
}

/// The routes as `router` writes them, with their methods.
fn routes() -> Vec<(String, String)> {
    let source: String = include_str!("mod.rs").split_whitespace().collect();
    let calls = source.split(".route(\"").skip(1);
    let of_call = |call: &str| {
        let (path, handlers) = call.split_once("\",").unwrap();
        let methods = ["get", "put", "post", "delete"].into_iter();
        let handlers = handlers.split(".route(").next().unwrap().split(".layer(").next().unwrap().to_owned();
        methods
            .filter(|m| handlers.contains(&format!("{m}(")))
            .map(|m| (path.to_owned(), m.to_owned()))
            .collect::<Vec<_>>()
    };
    calls.flat_map(of_call).collect()
}

#[test]
fn the_openapi_document_names_every_route_and_nothing_else() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut documented: Vec<(String, String)> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        documented.extend(methods.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())));
    }
    let mut routes = routes();
    routes.sort();
    documented.sort();
    assert!(routes.len() > 15, "{routes:?}");
    assert_eq!(routes, documented);
}

#[tokio::test]
async fn the_site_is_read_and_changed_and_a_mistake_names_its_line() {
    let page = Page::serve().await;
    let (_, site) = page.json("GET", "/api/site", "").await;
    assert_eq!((&site["site"]["camera"][0]["id"], &site["applied"]), (&json!("gate"), &json!(true)));
    let mut wanted = site["site"].clone();
    wanted["camera"][0]["zone"] = json!([{ "id": "path", "kind": "public", "polygon": [[0, 0], [1, 0], [1, 1]] }]);
    let body = json!({ "by": "kim", "version": site["version"], "site": wanted }).to_string();
    let (status, checked) = page.json("PUT", "/api/site?check=true", &body).await;
    assert!(status == 200 && checked["text"].as_str().unwrap().contains("[[camera.zone]]"), "{checked}");
    let (status, saved) = page.json("PUT", "/api/site", &body).await;
    assert_eq!((status, &saved["applied"]), (200, &json!(true)), "{saved}");
    assert_eq!(page.shared.site.current().cameras[0].zones.len(), 1);
    assert_eq!(page.json("PUT", "/api/site", &body).await.0, 409);
    wanted["camera"][0]["zone"][0]["polygon"] = json!([[0, 0], [1, 0]]);
    let body = json!({ "by": "kim", "version": saved["version"], "site": wanted }).to_string();
    let (status, fault) = page.json("PUT", "/api/site", &body).await;
    assert_eq!((status, fault["line"].as_u64()), (422, Some(10)), "{fault}");
    let (_, history) = page.json("GET", "/api/site/history", "").await;
    assert_eq!(history[0]["by"], "kim");
    let id = history[0]["id"].as_str().unwrap();
    let body = json!({ "by": "kim", "version": saved["version"], "restore": id }).to_string();
    assert_eq!(page.json("PUT", "/api/site", &body).await.1["text"], site["text"]);
    let (status, text) = page.request("GET", &format!("/api/site/history/{id}"), "").await;
    assert_eq!((status, String::from_utf8(text).unwrap()), (200, site["text"].as_str().unwrap().to_owned()));
}

#[tokio::test]
async fn a_plan_is_a_picture_with_two_marks() {
    let page = Page::serve().await;
    assert_eq!(page.request("GET", "/api/site/plan", "").await.0, 404);
    assert_eq!(page.request("PUT", "/api/site/plan", "<svg/>").await.0, 415);
    assert_eq!(page.request("PUT", "/api/site/plan", "RIFF....WEBPVP8 ").await.0, 200);
    assert_eq!(page.request("GET", "/api/site/plan", "").await, (200, b"RIFF....WEBPVP8 ".to_vec()));
    let scale =
        json!({ "marks": [{ "at": [0.1, 0.1], "metres": [0.0, 0.0] }, { "at": [0.9, 0.1], "metres": [80.0, 0.0] }] });
    assert_eq!(page.json("PUT", "/api/site/plan/scale", &scale.to_string()).await, (200, scale.clone()));
    assert_eq!(page.json("GET", "/api/site/plan/scale", "").await, (200, scale));
    assert_eq!(page.json("PUT", "/api/site/plan/scale", "{}").await.0, 400);
}

/// The head of an answer and what has come of its body when `enough` of it has.
async fn stream_until(page: &Page, request: &str, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(page.address).await.unwrap();
    stream.write_all(format!("GET {request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut come = Vec::new();
    let read = async {
        while !enough(&come) {
            assert_ne!(stream.read_buf(&mut come).await.unwrap(), 0, "the stream ended");
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
    come
}

#[tokio::test]
async fn a_watcher_is_told_the_whole_state_and_then_what_happens() {
    let page = Page::serve().await;
    let hub = Arc::clone(&page.shared.hub);
    tokio::spawn(async move {
        loop {
            hub.incident(&incident());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let come = text(&stream_until(&page, "/api/events", |come| text(come).contains("event: tick")).await);
    assert!(come.contains("text/event-stream") && come.contains("event: hello"), "{come}");
    assert!(come.find("event: hello") < come.find("event: incident"), "{come}");
}

#[tokio::test]
async fn pictures_come_in_one_stream_newest_only() {
    let page = Page::serve().await;
    let gate = CameraId::new("gate").unwrap();
    let put = |at: i64, jpeg: &'static [u8]| {
        let header = FrameHeader {
            v: VERSION,
            seq: 1,
            captured_at: Micros(at),
            width: 64,
            height: 64,
            motion: vec![],
            light: Default::default(),
            drill: false,
        };
        let jpeg = bytes::Bytes::from_static(jpeg);
        page.shared.view.frame(&gate, LastFrame { header, jpeg, received_at: Micros(at) }).unwrap();
    };
    put(1, b"first");
    put(2, b"second");
    let has = |come: &[u8], what: &[u8]| come.windows(what.len()).any(|w| w == what);
    let come = stream_until(&page, "/api/frames?fps=30", |come| has(come, b"second")).await;
    assert!(!has(&come, b"first") && has(&come, b"\"camera\":\"gate\""));
    assert_eq!(page.request("GET", "/api/frames?fps=900", "").await.0, 400);
}

#[tokio::test]
async fn the_page_or_how_to_build_it_is_served_at_any_of_its_places_and_another_origin_changes_nothing() {
    let page = Page::serve().await;
    for place in ["/", "/incident/abc", "/setup"] {
        let (status, body) = page.request("GET", place, "").await;
        assert!(status == 200 && body.starts_with(b"<!doctype html>"), "{place}");
    }
    assert_eq!(page.request("GET", "/assets/no.js", "").await.0, 404);
    let mut stream = TcpStream::connect(page.address).await.unwrap();
    let request =
        "PUT /api/site HTTP/1.1\r\nhost: x\r\norigin: http://evil\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}
