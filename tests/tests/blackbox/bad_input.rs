//! Bad input: what a person gets wrong is told in one sentence with exit code 2; what comes wrong over the
//! network is counted and harms nothing.
//!
//! Tests whose name begins with `typed_` start one program that ends by itself.

use std::path::Path;

use base::ids::SegmentId;
use base::segment::{SegmentMeta, sha256_hex};
use base::time::{Clock as _, Micros, SystemClock};
use base::topic::Topic;
use base::wire::{CameraStatus, Form as _, FrameHeader, Light, MAX_CHUNK_BYTES, SegmentAck, SourceState, VERSION};
use tests::process::{Finished, Start};
use tests::wait::{eventually, secs};
use tests::watch::Outgoing;
use tests::{Agent, Analyzer, Mosquitto, MqttWatch, RtspServer, Scratch, Weed, bin, repo_root, scenes, site};

use crate::common::{SOON, STREET, STREET_CAMERA, wait_metric, wait_status};

/// Exit code 2, nothing but one sentence, and that names what is wrong.
#[track_caller]
fn assert_told(finished: &Finished, parts: &[&str]) {
    assert_eq!(finished.code, Some(2), "{finished:?}");
    let lines: Vec<&str> = finished.err.lines().filter(|line| !line.contains(" INFO ")).collect();
    assert_eq!(lines.len(), 1, "one sentence: {finished:?}");
    assert!(parts.iter().all(|part| lines[0].contains(part)), "{parts:?} in {}", lines[0]);
    assert!(!lines[0].contains("panicked"), "{finished:?}");
}

fn run(program: &str, args: &[&str]) -> Finished {
    Start::new(bin(program).unwrap()).args(args).run(SOON).unwrap()
}

fn agent_run(source: &str, broker: &str, spool: &str) -> Finished {
    let args = ["run", "--site", "zoo", "--camera", "gate", "--source", source, "--broker", broker, "--spool", spool];
    run("camera-agent", &args)
}

#[test]
fn typed_sources_that_cannot_be_played_are_told() {
    let scratch = Scratch::new("bad").unwrap();
    let spool = scratch.join("spool").display().to_string();
    let text = scratch.write("notes.mp4", "this is no video").unwrap().display().to_string();
    let broker = "mqtt://127.0.0.1:9";
    assert_told(&agent_run("/nowhere/clip.mp4", broker, &spool), &["/nowhere/clip.mp4"]);
    assert_told(&agent_run(&text, broker, &spool), &["notes.mp4", "video"]);
    assert_told(&agent_run("ftp://camera/1", broker, &spool), &["ftp", "rtsp://"]);
    assert_told(&run("camera-agent", &["probe", "--source", "/nowhere/clip.mp4"]), &["/nowhere/clip.mp4"]);
    assert_told(&run("camera-agent", &["probe", "--source", &text]), &["notes.mp4", "video"]);
    assert_told(&run("camera-agent", &["probe", "--source", "rtsp://127.0.0.1:9/x"]), &["rtsp://127.0.0.1:9/x"]);
}

#[test]
fn typed_settings_that_cannot_be_are_told() {
    let scratch = Scratch::new("bad").unwrap();
    let clip = scenes::street_clip(10).unwrap().display().to_string();
    let spool = scratch.join("spool").display().to_string();
    assert_told(&agent_run(&clip, "http://127.0.0.1:1883", &spool), &["mqtt://"]);
    assert_told(&agent_run(&clip, "mqtt://127.0.0.1:9", "/proc/spool"), &["/proc/spool"]);
    let config = scratch.write("agent.toml", "site = \"zoo\"\ncamra = \"gate\"\n").unwrap().display().to_string();
    assert_told(&run("camera-agent", &["run", "--config", &config]), &["agent.toml", "2", "camra"]);
    let config = scratch.write("analyzer.toml", "site = \"s\"\n\n[archive]\nmax_byte = 1\n").unwrap();
    let config = config.display().to_string();
    assert_told(&run("cluster-analyzer", &["run", "--config", &config]), &["analyzer.toml:4", "max_byte"]);
    assert_told(&run("cluster-analyzer", &["run", "--config", "/nowhere.toml"]), &["/nowhere.toml"]);
}

#[test]
fn typed_models_that_do_not_exist_or_cannot_be_fetched_are_told() {
    let told = |args: &[&str], parts: &[&str]| assert_told(&run("cluster-analyzer", args), parts);
    told(&["models", "list", "--models", "/nowhere"], &["/nowhere", "--models"]);
    told(&["models", "fetch", "tiger_net"], &["tiger_net", "centernet", "yolox_nano"]);
    told(&["models", "fetch", "mdv6_apa_rtdetr_c"], &["zenodo.org", "models/mdv6_apa_rtdetr_c/model.onnx"]);
    let listed = run("cluster-analyzer", &["models", "list"]);
    assert!(listed.code == Some(0) && listed.out.contains("centernet"), "{listed:?}");
}

/// A site file with each kind of mistake: what to replace by what, and what must be told.
const SITE_MISTAKES: [(&str, &str, &[&str]); 14] = [
    ("name = \"zoo\"", "name = \"Zoo One\"", &[":2:", "site.name", "Zoo One"]),
    ("Europe/Berlin", "Europe/Atlantis", &[":3:", "timezone", "Atlantis"]),
    ("danger = \"red\"", "danger = \"\"", &["danger", "tiger"]),
    ("looks_like = [\"cat\"]", "looks_like = []", &["looks_like", "tiger"]),
    ("height_m = 1.0", "height_m = -1.0", &["height_m"]),
    ("height_m = 1.0", "heigth_m = 1.0", &["heigth_m"]),
    ("species = [\"tiger\"]", "species = [\"lion\"]", &["lion", "[[species]]"]),
    ("id = \"plaza\"", "id = \"gate\"", &["gate", "twice"]),
    ("kind = \"enclosure\"", "kind = \"cage\"", &["cage", "enclosure, public"]),
    ("enclosure = \"tigers\"", "enclosure = \"lions\"", &["lions", "[[enclosure]]"]),
    ("[0.4, 0.6]]", "]", &["polygon", "three"]),
    ("[0.4, 0.6]]", "[0.4, 1.6]]", &["1.6", "0 to 1"]),
    ("to = \"plaza\"", "to = \"gift-shop\"", &["gift-shop", "[[camera]]"]),
    ("seconds = [4, 40]", "seconds = [40, 4]", &["seconds", "window"]),
];

const SITE: &str = r#"[site]
name = "zoo"
timezone = "Europe/Berlin"

[[species]]
id = "tiger"
danger = "red"
looks_like = ["cat"]
height_m = 1.0

[[enclosure]]
id = "tigers"
species = ["tiger"]

[[camera]]
id = "gate"

[[camera.zone]]
id = "yard"
kind = "enclosure"
enclosure = "tigers"
polygon = [[0.0, 0.0], [0.4, 0.0], [0.4, 0.6]]

[[camera]]
id = "plaza"

[[link]]
from = "gate"
to = "plaza"
seconds = [4, 40]
"#;

#[test]
fn typed_site_files_are_checked_and_each_mistake_names_its_line() {
    let scratch = Scratch::new("bad").unwrap();
    let check = |text: &str| {
        let path = scratch.write("site.toml", text).unwrap();
        run("cluster-analyzer", &["check", "--site", &path.display().to_string()])
    };
    let right = check(SITE);
    assert_eq!(right.code, Some(0), "{right:?}");
    assert!(right.out.contains("2 cameras"), "{right:?}");
    for (what, by, told) in SITE_MISTAKES {
        assert!(SITE.contains(what), "{what}");
        let finished = check(&SITE.replacen(what, by, 1));
        assert_told(&finished, told);
        assert!(finished.err.contains("site.toml:"), "{finished:?}");
    }
    assert_told(&check("[site\n"), &["site.toml:1:"]);
    assert_told(&run("cluster-analyzer", &["check", "--site", "/nowhere.toml"]), &["/nowhere.toml"]);
}

#[test]
fn typed_models_and_stores_that_are_not_usable_are_told() {
    let scratch = Scratch::new("bad").unwrap();
    let model = scratch.join("model");
    std::fs::create_dir(&model).unwrap();
    let default = repo_root().join("models/centernet");
    std::fs::copy(default.join("model.onnx"), model.join("model.onnx")).unwrap();
    let card: toml::Table = std::fs::read_to_string(default.join("model.toml")).unwrap().parse().unwrap();
    let mut without_labels = card;
    without_labels.remove("labels");
    std::fs::write(model.join("model.toml"), without_labels.to_string()).unwrap();
    let site = scratch.write("site.toml", site::open_ground("zoo", &["gate"])).unwrap();

    let with_model = |model: &Path| {
        let start = Analyzer::builder(&site).model(model).broker("mqtt://127.0.0.1:9").store(&site::no_store());
        let config = start.write(&scratch, 1883, 8333).unwrap().display().to_string();
        run("cluster-analyzer", &["run", "--config", &config])
    };
    assert_told(&with_model(&model), &["model.toml", "labels"]);
    assert_told(&with_model(&scratch.join("none")), &["none", "model.toml"]);

    let missing = ["analyze", "--bucket", "zoo", "--access-key", "a", "--secret-key", "b", "--site", "/nowhere.toml"];
    assert_told(
        &run("cloud-trends", &[&missing[..], &["--endpoint", "http://127.0.0.1:9"]].concat()),
        &["/nowhere.toml"],
    );
}

#[test]
fn a_bucket_that_does_not_exist_is_told_by_both_who_need_it() {
    let (broker, weed) = (Mosquitto::start().unwrap(), Weed::start().unwrap());
    let scratch = Scratch::new("bad").unwrap();
    let site = scratch.write("site.toml", site::open_ground("zoo", &["gate"])).unwrap();
    let store = weed.store_config("no-such-bucket");
    let args = ["query", "--endpoint", store.endpoint.as_deref().unwrap(), "--bucket", "no-such-bucket"];
    let keys = ["--access-key", &store.access_key, "--secret-key", &store.secret_key, "SELECT 1"];
    assert_told(&run("cloud-trends", &[&args[..], &keys[..]].concat()), &["no-such-bucket"]);

    // The analyzer says so and goes on: alarms need no bucket.
    let analyzer = Analyzer::builder(&site).broker(&broker.url()).store(&store).start().unwrap();
    eventually(SOON, "the analyzer said that the bucket does not exist", || {
        analyzer.log().contains("no-such-bucket").then_some(())
    })
    .unwrap();
    let page = analyzer.metrics().unwrap();
    assert_eq!(tests::http::metric(&page, "paddock_store_up"), Some(0.0));
}

#[test]
fn a_broker_that_is_not_there_is_said_and_tried_again() {
    let clip = scenes::street_clip(10).unwrap().display().to_string();
    // A port that was just free; nobody listens there until the broker does.
    let mut broker = Mosquitto::start().unwrap();
    let url = broker.url();
    broker.kill9();
    let mut agent = Agent::builder(STREET, STREET_CAMERA, &clip, &url).start().unwrap();
    eventually(SOON, "the agent said that it cannot reach the broker", || {
        agent.log().lines().any(|line| line.contains(&broker.port().to_string()) && line.contains("WARN")).then_some(())
    })
    .unwrap();
    assert!(agent.process().is_running());
    broker.restart().unwrap();
    let watch = MqttWatch::connect(&url, &["paddock/#"]).unwrap();
    let (site, camera) = (STREET.parse().unwrap(), STREET_CAMERA.parse().unwrap());
    wait_status(&watch, &site, &camera, SOON, |s| s.online).unwrap();
    assert!(agent.stop().unwrap().success());
}

#[test]
fn a_camera_that_is_not_there_or_ends_is_said_and_opened_again() {
    let broker = Mosquitto::start().unwrap();
    let watch = MqttWatch::connect(&broker.url(), &["paddock/#"]).unwrap();
    let mut camera = RtspServer::start(&scenes::street_clip(10).unwrap()).unwrap();
    camera.kill9();
    let mut agent = Agent::builder(STREET, STREET_CAMERA, &camera.url(), &broker.url()).start().unwrap();
    let (site, id) = (STREET.parse().unwrap(), STREET_CAMERA.parse().unwrap());
    let lost = |s: &CameraStatus| matches!(&s.source_state, SourceState::Retrying(why) if !why.is_empty());
    wait_status(&watch, &site, &id, SOON, lost).unwrap();
    camera.restart().unwrap();
    wait_status(&watch, &site, &id, SOON, |s| s.source_state == SourceState::Streaming).unwrap();
    // Now the stream ends in the middle.
    watch.clear();
    camera.kill9();
    wait_status(&watch, &site, &id, SOON, lost).unwrap();
    assert!(agent.stop().unwrap().success());
    // A file that is played once ends too, and says so; nobody acknowledges its footage here.
    let clip = scenes::street_clip(8).unwrap().display().to_string();
    let flags = ["--once", "--pace", "none", "--drain-timeout", "1"];
    let mut agent = Agent::builder(STREET, "file", &clip, &broker.url()).flags(&flags).start().unwrap();
    assert_eq!(agent.process().wait(SOON).unwrap().code(), Some(3), "{}", agent.log());
    assert!(agent.log().contains("not acknowledged"), "{}", agent.log());
}

#[test]
fn a_full_disk_under_the_spool_loses_the_oldest_footage_and_says_so_and_nothing_else() {
    let broker = Mosquitto::start().unwrap();
    let watch = MqttWatch::connect(&broker.url(), &["paddock/#"]).unwrap();
    let scratch = Scratch::new("full").unwrap();
    let disk = scratch.join("disk");
    std::fs::create_dir(&disk).unwrap();
    let clip = scenes::street_clip(10).unwrap();
    // A file system of one megabyte in a namespace of the agent's own, so that it goes with the agent.
    let script = "mount -t tmpfs -o size=1m paddock-test \"$0\" && exec \"$@\"";
    let mut agent = Start::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .args([&disk, &bin("camera-agent").unwrap()])
        .args(["run", "--site", STREET, "--camera", STREET_CAMERA, "--broker", &broker.url(), "--source"])
        .args([&clip])
        .args(["--spool".as_ref(), disk.as_os_str()])
        .args(["--segment-seconds", "1", "--pace", "none"])
        .spawn(&scratch.join("agent.log"))
        .unwrap();
    let (site, camera) = (STREET.parse().unwrap(), STREET_CAMERA.parse().unwrap());
    let full = |s: &CameraStatus| s.spool.lost_segments >= 2 && !s.spool.gaps.is_empty() && s.spool.segments > 0;
    let status = wait_status(&watch, &site, &camera, SOON, full).unwrap();
    assert!(status.spool.gaps.iter().any(|gap| gap.why.contains("full")), "{:?}", status.spool.gaps);
    let before = watch.messages().iter().filter(|m| m.topic.ends_with("/frame")).count();
    watch
        .wait_until(SOON, |all| {
            let frames = all.iter().filter(|m| m.topic.ends_with("/frame")).count();
            (frames > before + 3).then_some(())
        })
        .unwrap();
    assert!(agent.is_running());
    assert!(!agent.log().contains("panicked"), "{}", agent.log());
    assert!(agent.terminate_and_wait(secs(20)).unwrap().success(), "{}", agent.log());
}

/// A wire that carries wrong things, and somebody who counts.
struct Wire {
    analyzer: Analyzer,
    watch: MqttWatch,
    _broker: Mosquitto,
    _files: Scratch,
}

impl Wire {
    fn new() -> Self {
        let broker = Mosquitto::start().unwrap();
        let files = Scratch::new("bad").unwrap();
        let path = files.write("site.toml", site::open_ground("zoo", &["gate"])).unwrap();
        let analyzer = Analyzer::builder(&path).broker(&broker.url()).store(&site::no_store()).start().unwrap();
        let watch = MqttWatch::connect(&broker.url(), &["paddock/zoo/camera/gate/segment-ack"]).unwrap();
        Self { analyzer, watch, _broker: broker, _files: files }
    }

    fn send(&self, topic: &str, payload: &[u8], header: Option<&str>) {
        let message = Outgoing::new(format!("paddock/zoo/camera/gate/{topic}"), payload.to_vec());
        let message = Outgoing { header: header.map(str::to_owned), ..message };
        self.watch.publish(message).unwrap();
    }

    fn send_chunk(&self, meta: &SegmentMeta, content: &[u8], chunk: usize) {
        let bytes = content.chunks(MAX_CHUNK_BYTES).nth(chunk).unwrap();
        let header = meta.header(chunk as u32).to_json();
        self.send(&format!("segment/{}", meta.id), bytes, Some(&header));
    }

    #[track_caller]
    fn assert_counted(&self, series: &str, count: f64) {
        wait_metric(&self.analyzer, series, count, SOON).unwrap();
    }

    fn is_acknowledged(&self, id: &SegmentId) -> bool {
        let acks = |m: &tests::Message| SegmentAck::from_json(&m.payload).is_ok_and(|ack| ack.ids.contains(id));
        self.watch.messages().iter().any(acks)
    }

    #[track_caller]
    fn wait_answered(&self, id: &SegmentId) -> SegmentAck {
        let read = |m: &tests::Message| SegmentAck::from_json(&m.payload).ok();
        let names = |ack: &SegmentAck| ack.ids.contains(id) || ack.rejected.contains(id);
        let message = self.watch.wait_for(SOON, |m| read(m).is_some_and(|ack| names(&ack))).unwrap();
        read(&message).unwrap()
    }
}

fn segment(content: &[u8]) -> SegmentMeta {
    let start = Micros(SystemClock::new().now().0 - 5_000_000);
    SegmentMeta {
        camera: "gate".parse().unwrap(),
        id: SegmentId::generate(start),
        start,
        duration_us: 2_000_000,
        bytes: content.len() as u64,
        sha256: sha256_hex(content),
        codec: "h264".into(),
        width: 768,
        height: 576,
        fps: 10.0,
        frames: 20,
        motion: 0.0,
        drill: false,
    }
}

#[test]
fn what_comes_wrong_over_the_wire_is_counted_and_what_is_right_still_goes_through() {
    let wire = Wire::new();
    let frame = FrameHeader {
        v: VERSION,
        seq: 1,
        captured_at: SystemClock::new().now(),
        width: 640,
        height: 480,
        motion: Vec::new(),
        light: Light::Day,
        drill: false,
    };
    wire.send("frame", b"this is no JPEG", Some(&frame.to_json()));
    wire.assert_counted("paddock_messages_rejected_total{reason=\"not_jpeg\"}", 1.0);
    wire.send("frame", b"x", Some("this is no JSON"));
    wire.assert_counted("paddock_messages_rejected_total{reason=\"header_not_json\"}", 1.0);
    wire.send("frame", b"x", None);
    wire.assert_counted("paddock_messages_rejected_total{reason=\"no_header\"}", 1.0);
    let future = FrameHeader { v: 99, ..frame };
    wire.send("frame", b"x", Some(&future.to_json()));
    wire.assert_counted("paddock_messages_rejected_total{reason=\"version\"}", 1.0);

    // A segment whose bytes are not what its header says is refused for good after a few times.
    let content: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    let wrong = SegmentMeta { sha256: sha256_hex(b"something else"), ..segment(&content) };
    let refused = eventually(SOON, "the segment was refused for good", || {
        (0..2).for_each(|chunk| wire.send_chunk(&wrong, &content, chunk));
        let counted = wire.analyzer.metrics().ok()?;
        let count = tests::http::metric(&counted, "paddock_segments_rejected_total{reason=\"wrong_checksum\"}")?;
        (count >= 3.0).then_some(())
    });
    refused.unwrap();
    assert!(wire.wait_answered(&wrong.id).rejected.contains(&wrong.id));
    assert!(!wire.is_acknowledged(&wrong.id));

    let right = segment(&content);
    (0..2).for_each(|chunk| wire.send_chunk(&right, &content, chunk));
    assert!(wire.wait_answered(&right.id).ids.contains(&right.id));
    assert!(tests::http::get_text(&wire.analyzer.url("/healthz")).is_ok());
}

#[test]
fn a_segment_with_a_chunk_missing_is_never_acknowledged_and_given_up_after_a_while() {
    let wire = Wire::new();
    let content: Vec<u8> = (0..400_000_u32).map(|i| (i % 241) as u8).collect();
    let (whole_later, never_whole) = (segment(&content), segment(&content));
    for meta in [&whole_later, &never_whole] {
        for chunk in [0, 1, 3] {
            wire.send_chunk(meta, &content, chunk);
        }
    }
    wire.assert_counted("paddock_segments_in_assembly", 2.0);
    assert!(!wire.is_acknowledged(&whole_later.id) && !wire.is_acknowledged(&never_whole.id));
    wire.send_chunk(&whole_later, &content, 2);
    assert!(wire.wait_answered(&whole_later.id).ids.contains(&whole_later.id));
    // It is given up after a minute without a chunk; its agent would have sent it again long before.
    wait_metric(&wire.analyzer, "paddock_segments_rejected_total{reason=\"incomplete\"}", 1.0, secs(90)).unwrap();
    assert!(!wire.is_acknowledged(&never_whole.id));
    let topic = Topic::SegmentAck("gate".parse().unwrap()).name(&"zoo".parse().unwrap());
    assert!(wire.watch.messages().iter().all(|m| m.topic == topic));
}
