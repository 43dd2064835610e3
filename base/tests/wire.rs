//! The wire contract: golden bytes (base/testdata) and round trips.
//!
//! The files are what agents and clusters in the field send. `PADDOCK_REGENERATE=1 cargo test -p base`
//! writes them anew; a diff in them is a change of the contract and needs a new version.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Debug;
use std::path::PathBuf;

use base::drill::DrillOrder;
use base::geometry::{Point, Rect};
use base::health::{Health, HealthState};
use base::ids::{CameraId, IncidentId, SegmentId, SiteId, SpeciesId, ZoneId};
use base::incident::{
    Alert, AlertType, Incident, IncidentState, NextCamera, Reason, Rule, Sighting, Signed, Tier, Whereabouts,
};
use base::segment::{SegmentMeta, sha256_hex};
use base::time::Micros;
use base::wire::{
    AnalyzerStatus, CameraConfig, CameraStatus, Control, ControlAction, DetectionMessage, Detections, DrillStatus,
    Form, FrameCounts, FrameHeader, Gap, IncidentAction, IncidentCommand, Light, MAX_CHUNK_BYTES, SegmentAck,
    SegmentHeader, SourceState, SpoolStatus, VERSION,
};
use proptest::prelude::*;

const T: Micros = Micros(1_790_000_000_123_456);

fn camera(id: &str) -> CameraId {
    CameraId::new(id).unwrap()
}

fn golden<T: Form + PartialEq + Debug>(name: &str, value: &T) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    if std::env::var_os("PADDOCK_REGENERATE").is_some() {
        std::fs::write(&path, value.to_json()).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(String::from_utf8_lossy(&bytes), value.to_json(), "{name}: what is written changed");
    assert_eq!(&T::from_json(&bytes).unwrap(), value, "{name}: what is read changed");
}

fn segment_header() -> SegmentHeader {
    SegmentHeader {
        v: VERSION,
        chunk: 1,
        chunks: 3,
        bytes: 2 * MAX_CHUNK_BYTES as u64 + 7,
        sha256: sha256_hex(b"a segment"),
        start: T,
        duration_us: 4_000_000,
        codec: "h264".into(),
        width: 1280,
        height: 720,
        fps: 25.0,
        frames: 100,
        motion: 0.25,
        drill: false,
    }
}

fn incident() -> Incident {
    Incident {
        v: VERSION,
        id: IncidentId::new("i1").unwrap(),
        site: SiteId::new("demo").unwrap(),
        tier: Tier::Escape,
        state: IncidentState::Acknowledged,
        opened_at: T,
        updated_at: T.plus_us(1_500_000),
        camera: camera("gate-3"),
        zone: Some(ZoneId::new("visitor-path").unwrap()),
        rect: Rect { x: 0.5, y: 0.25, w: 0.125, h: 0.25 },
        label: "dog".into(),
        species: Some(SpeciesId::new("tiger").unwrap()),
        danger: Some("red".into()),
        confidence: 0.96875,
        heading: Some(Point { x: 1.0, y: 0.0 }),
        reason: Reason {
            rule: Some(Rule::OutsideEnclosures),
            why: "tiger (dog) outside every enclosure, in zone visitor-path".into(),
        },
        whereabouts: Whereabouts {
            last_seen: T.plus_us(1_500_000),
            seen_now: true,
            speed_widths_per_s: Some(0.125),
            speed_m_per_s: Some(1.5),
            position_m: Some([12.0, 40.5]),
            heading_on_plan: Some(Point { x: 0.0, y: 1.0 }),
        },
        sightings: vec![Sighting {
            camera: camera("gate-3"),
            track: 7,
            first_seen: T,
            last_seen: T.plus_us(1_500_000),
            rect: Rect { x: 0.5, y: 0.25, w: 0.125, h: 0.25 },
            zone: None,
        }],
        next: vec![NextCamera {
            camera: camera("plaza-1"),
            from: T.plus_us(4_000_000),
            until: T.plus_us(40_000_000),
            likelihood: 1.0,
        }],
        acknowledged: Some(Signed { by: "Kim".into(), at: T.plus_us(1_000_000), text: String::new() }),
        resolved: None,
        notes: vec![Signed { by: "Kim".into(), at: T.plus_us(1_000_000), text: "net team on its way".into() }],
        drill: false,
        late_by_us: None,
    }
}

#[test]
fn what_is_on_the_wire_has_not_changed() {
    golden(
        "frame-header.json",
        &FrameHeader {
            v: VERSION,
            seq: 42,
            captured_at: T,
            width: 640,
            height: 480,
            motion: vec![Rect { x: 0.5, y: 0.25, w: 0.125, h: 0.0625 }],
            light: Light::Infrared,
            drill: false,
        },
    );
    golden("segment-header.json", &segment_header());
    golden(
        "segment-ack.json",
        &SegmentAck {
            v: VERSION,
            ids: vec![SegmentId::new("s1").unwrap(), SegmentId::new("s2").unwrap()],
            rejected: vec![],
        },
    );
    golden("camera-status-will.json", &CameraStatus::last_will());
    golden("camera-status.json", &camera_status());
    golden(
        "camera-config.json",
        &CameraConfig { v: VERSION, fps: Some(5.0), still_interval_s: None, jpeg_quality: Some(80), max_side_px: None },
    );
    golden("control-boost.json", &Control { v: VERSION, expires_at: T, action: ControlAction::Boost { fps: 10.0 } });
    golden("control-snapshot.json", &Control { v: VERSION, expires_at: T, action: ControlAction::Snapshot });
    let order = DrillOrder {
        id: "d1".into(),
        seconds: 8.0,
        from: Point { x: 0.75, y: 0.75 },
        to: Point { x: 0.25, y: 0.75 },
        height: 0.25,
        sprite: "iVBORw0KGgo=".into(),
    };
    golden("control-drill.json", &Control { v: VERSION, expires_at: T, action: ControlAction::Drill(order) });
    golden(
        "detections.json",
        &Detections {
            v: VERSION,
            seq: 42,
            captured_at: T,
            model: "centernet".into(),
            detections: vec![DetectionMessage {
                rect: Rect::FULL,
                scores: vec![("dog".into(), 0.5), ("cat".into(), 0.25)],
            }],
        },
    );
    golden("incident.json", &incident());
    golden("incident-late.json", &Incident { late_by_us: Some(95_000_000), ..incident() });
    golden(
        "alert.json",
        &Alert {
            v: VERSION,
            kind: AlertType::Opened,
            at: T.plus_us(250_000),
            latency_us: 250_000,
            before: None,
            after: incident(),
        },
    );
    golden(
        "camera-health.json",
        &Health {
            v: VERSION,
            camera: Some(camera("gate-3")),
            state: HealthState::Moved,
            since: T,
            at: T,
            detail: "the view matches its reference in 1 of 40 places".into(),
        },
    );
    golden(
        "incident-command.json",
        &IncidentCommand {
            v: VERSION,
            by: "Kim".into(),
            at: T,
            action: IncidentAction::Note { text: "seen at the kiosk".into() },
        },
    );
    golden(
        "analyzer-status.json",
        &AnalyzerStatus {
            v: VERSION,
            online: true,
            at: Some(T),
            analyzer: "0.1.0".into(),
            model: "centernet".into(),
            lag_ms: 62.5,
            frames_superseded: 3,
            messages_rejected: 0,
            upload_backlog: 12,
            last_drill: Some(T),
            drill: Some(DrillStatus {
                at: T,
                camera: camera("gate-3"),
                latency_us: Some(310_000),
                result: "arrived".into(),
            }),
        },
    );
}

fn camera_status() -> CameraStatus {
    CameraStatus {
        online: true,
        at: Some(T),
        agent: "0.1.0".into(),
        source: "rtsp://user:***@10.0.0.7/stream1".into(),
        source_state: SourceState::Retrying("connection refused".into()),
        codec: "h264".into(),
        width: 1280,
        height: 720,
        fps: 25.0,
        clock_offset_us: -1500,
        spool: SpoolStatus {
            segments: 2,
            bytes: 500_000,
            capacity_bytes: 1_000_000_000,
            oldest: Some(T),
            lost_segments: 1,
            rejected_segments: 0,
            acknowledged_segments: 900,
            gaps: vec![Gap { start: T, end: T.plus_us(4_000_000), why: "spool full".into() }],
        },
        frames: FrameCounts { seen: 1000, sent: 200, dropped: 1 },
        load: Some(0.5),
        temperature_c: Some(51.5),
        config: None,
        ..CameraStatus::last_will()
    }
}

#[test]
fn an_incident_of_before_reasons_and_whereabouts_is_still_read() {
    let mut old: serde_json::Value = serde_json::from_str(&incident().to_json()).unwrap();
    let fields = old.as_object_mut().unwrap();
    for name in ["rule", "why", "last_seen", "seen_now", "speed_widths_per_s", "speed_m_per_s", "position_m"] {
        assert!(fields.remove(name).is_some(), "{name} stands in the incident itself");
    }
    fields["next"][0].as_object_mut().unwrap().remove("likelihood");
    let read = Incident::from_json(old.to_string().as_bytes()).unwrap();
    assert_eq!((read.reason, read.whereabouts.last_seen, read.next[0].likelihood), (Reason::default(), Micros(0), 0.0));
}

#[test]
fn a_field_of_the_future_is_ignored_and_a_version_of_the_future_refused() {
    let json = segment_header().to_json();
    let more = json.replacen('{', "{\"colour\":\"mauve\",", 1);
    assert_eq!(SegmentHeader::from_json(more.as_bytes()).unwrap(), segment_header());
    let error = SegmentHeader::from_json(json.replacen("\"v\":1", "\"v\":2", 1).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "version 2 of a segment header is unknown; this build speaks version 1");
}

#[test]
fn a_header_that_cannot_be_is_refused_with_its_reason() {
    type Spoil = fn(&mut SegmentHeader);
    let cases: [(Spoil, &str); 5] = [
        (|h| h.chunk = 3, "chunk 3 of 3 does not exist"),
        (|h| h.bytes = 0, "is not between 1 and"),
        (|h| h.chunks = 4, "cannot carry"),
        (|h| h.sha256 = "12".into(), "64 hexadecimal"),
        (|h| h.duration_us = -1, "negative"),
    ];
    for (spoil, why) in cases {
        let mut header = segment_header();
        spoil(&mut header);
        let error = SegmentHeader::from_json(header.to_json().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error:?} does not say {why:?}");
    }
}

proptest! {
    #[test]
    fn a_frame_header_survives_the_wire(seq in any::<u64>(), at in any::<i64>(), w in 16u32..8192, h in 16u32..8192,
                                        boxes in prop::collection::vec((0f32..1.0, 0f32..1.0, 0f32..1.0, 0f32..1.0), 0..5), drill: bool) {
        let motion = boxes.into_iter().map(|(x, y, w, h)| Rect { x, y, w, h }).collect();
        let header = FrameHeader { v: VERSION, seq, captured_at: Micros(at), width: w, height: h, motion, light: Light::Day, drill };
        prop_assert_eq!(FrameHeader::from_json(header.to_json().as_bytes()).unwrap(), header);
    }

    #[test]
    fn a_segment_survives_its_header(bytes in 1u64..50_000_000, start in 0i64..4_000_000_000_000_000, motion in 0f32..=1.0) {
        let meta = SegmentMeta { bytes, start: Micros(start), motion,
            ..SegmentMeta::from_header(camera("a"), SegmentId::new("s").unwrap(), &segment_header()) };
        for chunk in [0, meta.chunks() - 1] {
            let header = SegmentHeader::from_json(meta.header(chunk).to_json().as_bytes()).unwrap();
            prop_assert_eq!(&SegmentMeta::from_header(meta.camera.clone(), meta.id.clone(), &header), &meta);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = FrameHeader::from_json(&bytes);
        let _ = SegmentHeader::from_json(&bytes);
        let _ = Incident::from_json(&bytes);
        let _ = Control::from_json(&bytes);
    }
}
