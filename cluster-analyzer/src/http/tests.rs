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
struct Page {
    address: SocketAddr,
    shared: Shared,
    _stopper: base::stop::Stopper,
    _dir: tempfile::TempDir,
}

fn incident() -> Incident {
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
        let dir = tempfile::tempdir().unwrap();
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
        let shared = Shared {
            metrics: Metrics::new(),
            view: Arc::new(View::new([CameraId::new("gate").unwrap()])),
            state_db,
            commands,
            model: "test".into(),
            told: Arc::default(),
            health: health::Handle::deaf(),
            drills: Drills {
                asks: std::sync::mpsc::sync_channel(1).0,
                reports: Arc::default(),
                injector: Arc::default(),
            },
            clock: Arc::new(SimClock::at(Micros(9_000_000))),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stopper, stop) = base::stop::pair();
        tokio::spawn(serve(listener, shared.clone(), stop));
        Self { address, shared, _stopper: stopper, _dir: dir }
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

    async fn json(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
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
