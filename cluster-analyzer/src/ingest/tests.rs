use base::geometry::Rect;
use base::time::Micros;
use base::wire::VERSION;
use proptest::prelude::*;

use super::*;

fn site() -> SiteId {
    SiteId::new("demo").unwrap()
}

fn frame_header(width: u32, height: u32) -> FrameHeader {
    FrameHeader {
        v: VERSION,
        seq: 1,
        captured_at: Micros(1),
        width,
        height,
        motion: vec![Rect::FULL],
        light: Default::default(),
        drill: false,
    }
}

/// Start of image, an APP0 segment, a frame header of the size, end of image.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xFF, 0xC0, 0, 17, 8];
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend([3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1, 0xFF, 0xD9]);
    bytes
}

fn reason(topic: &str, header: Option<&str>, payload: impl Into<Bytes>) -> &'static str {
    read(&site(), topic.as_bytes(), header, payload.into()).unwrap_err().reason()
}

const FRAME: &str = "paddock/demo/camera/gate-3/frame";

#[test]
fn a_frame_is_read_with_its_header() {
    let header = frame_header(640, 480);
    let message = read(&site(), FRAME.as_bytes(), Some(&header.to_json()), jpeg(640, 480).into()).unwrap();
    let Message::Frame(camera, read_header, _) = message else { panic!("{message:?}") };
    assert_eq!((camera.as_str(), read_header), ("gate-3", header));
}

#[test]
fn each_bad_frame_is_refused_with_its_own_reason() {
    let header = frame_header(640, 480).to_json();
    let good = || jpeg(640, 480);
    assert_eq!(reason("paddock/other/camera/gate-3/frame", Some(&header), good()), "bad_topic");
    assert_eq!(reason("paddock/demo/camera/Gate 3/frame", Some(&header), good()), "bad_topic");
    assert_eq!(reason("paddock/demo/alert", Some(&header), good()), "bad_topic");
    assert_eq!(reason(FRAME, None, good()), "no_header");
    assert_eq!(reason(FRAME, Some("{"), good()), "header_not_json");
    assert_eq!(reason(FRAME, Some(&header.replace("\"v\":1", "\"v\":9")), good()), "version");
    assert_eq!(reason(FRAME, Some(&header.replace("640", "3")), good()), "bad_value");
    assert_eq!(reason(FRAME, Some(&header), &b"GIF89a"[..]), "not_jpeg");
    assert_eq!(reason(FRAME, Some(&header), &b""[..]), "not_jpeg");
    assert_eq!(reason(FRAME, Some(&header), jpeg(641, 480)), "wrong_size");
    assert_eq!(reason(FRAME, Some(&header), vec![0; MAX_FRAME_BYTES + 1]), "oversize");
}

#[test]
fn a_topic_that_is_no_text_is_refused() {
    let refused = read(&site(), &[0xFF, 0xFE], None, Bytes::new()).unwrap_err();
    assert_eq!(refused.reason(), "bad_topic");
}

#[test]
fn a_chunk_that_is_larger_than_a_chunk_is_refused() {
    let meta = base::segment::SegmentMeta {
        camera: CameraId::new("c").unwrap(),
        id: SegmentId::new("s").unwrap(),
        start: Micros(1),
        duration_us: 1,
        bytes: 5,
        sha256: base::segment::sha256_hex(b"12345"),
        codec: "h264".into(),
        width: 64,
        height: 64,
        fps: 10.0,
        frames: 1,
        motion: 0.0,
        drill: false,
    };
    let header = meta.header(0).to_json();
    let topic = "paddock/demo/camera/c/segment/s";
    assert!(read(&site(), topic.as_bytes(), Some(&header), Bytes::from_static(b"12345")).is_ok());
    assert_eq!(reason(topic, Some(&header), vec![0; MAX_CHUNK_BYTES + 1]), "oversize");
    assert_eq!(reason(topic, None, &b"12345"[..]), "no_header");
}

#[test]
fn a_command_without_a_name_is_refused() {
    let topic = "paddock/demo/incident/i1/command";
    let good = r#"{"v":1,"by":"keeper","at":5,"action":"acknowledge"}"#;
    assert!(read(&site(), topic.as_bytes(), None, Bytes::from(good)).is_ok());
    assert_eq!(reason(topic, None, good.replace("keeper", " ")), "bad_value");
    assert_eq!(reason(topic, None, good.replace("acknowledge", "explode")), "header_not_json");
}

#[test]
fn every_reason_is_among_those_that_are_counted() {
    assert!(Rejection::REASONS.contains(&Rejection::NotJpeg.reason()));
    assert!(Rejection::REASONS.contains(&Rejection::Oversize { bytes: 1, most: 0 }.reason()));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(
        leaf in prop::sample::select(vec!["camera/c/frame", "camera/c/segment/s", "camera/c/status", "incident/i/command", "x"]),
        header in prop::option::of(".{0,200}"),
        payload in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let topic = format!("paddock/demo/{leaf}");
        let _ = read(&site(), topic.as_bytes(), header.as_deref(), payload.into());
    }

    #[test]
    fn a_jpeg_that_is_cut_or_changed_never_panics(cut in 0usize..30, at in 0usize..30, value in any::<u8>()) {
        let mut bytes = jpeg(640, 480);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        bytes.truncate(cut);
        let _ = jpeg::size(&bytes);
    }
}
