//! A camera that speaks RTSP, played by GStreamer's server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{H264, H264_B, HEVC, clip, finish};
use media::{MediaError, OpenOptions, Segment, SegmentReader, Source, SourceUrl};

/// Serves `/cam`, the file given, in real time, to `user` with the password `geheim`.
const SERVER: &str = r#"
import sys, gi
gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')
from gi.repository import Gst, GstRtspServer as R, GLib
Gst.init(None)
server = R.RTSPServer(); server.set_address('127.0.0.1'); server.set_service('0')
auth = R.RTSPAuth(); token = R.RTSPToken(); token.set_string('media.factory.role', 'user')
auth.add_basic(R.RTSPAuth.make_basic('user', 'geheim'), token); server.set_auth(auth)
factory = R.RTSPMediaFactory(); rights = R.RTSPPermissions()
rights.add_permission_for_role('user', 'media.factory.access', True)
rights.add_permission_for_role('user', 'media.factory.construct', True)
factory.set_permissions(rights); factory.set_shared(False)
factory.set_launch('( filesrc location=%s ! qtdemux ! %sparse ! rtp%spay name=pay0 pt=96 config-interval=-1 )' % (sys.argv[1], sys.argv[2], sys.argv[2]))
server.get_mount_points().add_factory('/cam', factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"#;

struct Camera {
    process: Child,
    port: u16,
}

impl Camera {
    /// Runs it under Debian's Python, to which the binding belongs.
    fn serve(file: &Path, codec: &str) -> Self {
        let mut process = Command::new("/usr/bin/python3")
            .args(["-c", SERVER, file.to_str().unwrap(), codec])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("python3-gi and gir1.2-gst-rtsp-server-1.0 are needed: run deploy/setup"));
        Self { process, port }
    }

    fn url(&self, password: &str, path: &str) -> SourceUrl {
        SourceUrl::parse(&format!("rtsp://user:{password}@127.0.0.1:{}/{path}", self.port)).unwrap()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Records what the camera sends until it ends.
fn record(camera: &Camera, rtsp_tcp: bool) -> Vec<Segment> {
    let options = OpenOptions { rtsp_tcp, timeout: Duration::from_secs(5), ..Default::default() };
    let mut source = Source::open(&camera.url("geheim", "cam"), &options).unwrap();
    assert!(source.info().remux && source.info().width == 768, "{:?}", source.info());
    let mut segmenter = source.segmenter(common::seconds(2)).unwrap();
    let mut all = Vec::new();
    loop {
        match source.read() {
            Ok(Some(packet)) => all.extend(segmenter.push(&packet).unwrap()),
            Ok(None) | Err(MediaError::Lost { .. } | MediaError::Stalled { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    all.extend(finish(&mut segmenter));
    all
}

#[test]
fn a_camera_is_recorded_without_losing_a_frame() {
    let dir = tempfile::tempdir().unwrap();
    for (name, options, codec) in [("a.mp4", H264, "h264"), ("b.mp4", H264_B, "h264"), ("c.mp4", HEVC, "h265")] {
        let camera = Camera::serve(&clip(dir.path(), name, 6, options), codec);
        let segments = record(&camera, true);
        let frames: Vec<u32> = segments.iter().map(|segment| segment.frames).collect();
        assert_eq!(frames, [20, 20, 20], "{name}");
        for segment in segments {
            assert!((segment.duration_us - 2_000_000).abs() < 150_000, "{name}: {segment:?}");
            let pictures = SegmentReader::open(segment.bytes).unwrap().map(Result::unwrap);
            assert_eq!(pictures.filter(|picture| picture.width == 768).count(), 20, "{name}");
        }
    }
}

#[test]
fn a_camera_over_udp_is_recorded_too() {
    let dir = tempfile::tempdir().unwrap();
    let camera = Camera::serve(&clip(dir.path(), "a.mp4", 4, H264), "h264");
    let frames: u32 = record(&camera, false).iter().map(|segment| segment.frames).sum();
    assert!(frames >= 20, "{frames}");
}

#[test]
fn a_wrong_password_or_path_is_told_without_telling_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let camera = Camera::serve(&clip(dir.path(), "a.mp4", 2, H264), "h264");
    let error = Source::open(&camera.url("falsch", "cam"), &OpenOptions::default()).unwrap_err();
    assert!(matches!(error, MediaError::Denied { .. }) && !format!("{error}{error:?}").contains("falsch"), "{error:?}");
    let error = Source::open(&camera.url("geheim", "nothing"), &OpenOptions::default()).unwrap_err();
    assert!(
        matches!(error, MediaError::NotFound { .. }) && !format!("{error}{error:?}").contains("geheim"),
        "{error:?}"
    );
}

#[test]
fn a_camera_that_dies_is_lost_or_stalled() {
    let dir = tempfile::tempdir().unwrap();
    let mut camera = Camera::serve(&clip(dir.path(), "a.mp4", 20, H264), "h264");
    let options = OpenOptions { timeout: Duration::from_secs(2), ..Default::default() };
    let mut source = Source::open(&camera.url("geheim", "cam"), &options).unwrap();
    for _ in 0..20 {
        source.read().unwrap().unwrap();
    }
    camera.process.kill().unwrap();
    let end = loop {
        match source.read() {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(end, Ok(None) | Err(MediaError::Lost { .. } | MediaError::Stalled { .. })), "{end:?}");
}

#[test]
fn a_camera_that_hangs_without_closing_is_stalled() {
    let dir = tempfile::tempdir().unwrap();
    let camera = Camera::serve(&clip(dir.path(), "a.mp4", 20, H264), "h264");
    let options = OpenOptions { timeout: Duration::from_secs(2), ..Default::default() };
    let mut source = Source::open(&camera.url("geheim", "cam"), &options).unwrap();
    source.read().unwrap().unwrap();
    let id = camera.process.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &id]).status().unwrap().success());
    let end = std::iter::repeat_with(|| source.read()).find(|read| !matches!(read, Ok(Some(_)))).unwrap();
    assert!(matches!(end, Err(MediaError::Stalled { .. })), "{end:?}");
}

#[test]
fn a_camera_with_sound_gives_its_pictures_alone() {
    let dir = tempfile::tempdir().unwrap();
    let silent = clip(dir.path(), "a.mp4", 4, H264);
    let loud = dir.path().join("loud.mkv");
    let mut args =
        vec!["-v", "error", "-i", silent.to_str().unwrap(), "-f", "lavfi", "-i", "sine=frequency=440:duration=4"];
    args.extend(["-c:v", "copy", "-c:a", "aac", "-shortest", loud.to_str().unwrap()]);
    common::run("ffmpeg", &args);
    let mut source = common::open(&loud);
    assert!(source.info().has_audio);
    let segments = common::segments(&mut source, common::seconds(2));
    assert_eq!(segments.iter().map(|segment| segment.frames).sum::<u32>(), 40);
}
