//! The harness itself: its servers are real, keep their state, and leave nothing behind.

use tests::process::{Start, is_alive};
use tests::wait::secs;
use tests::watch::Outgoing;
use tests::{Mosquitto, MqttWatch, RtspServer, Scratch, Weed, eventually, scenes};

#[test]
fn a_broker_that_is_killed_and_started_again_keeps_what_was_retained() {
    let mut broker = Mosquitto::start().unwrap();
    let watch = MqttWatch::connect(&broker.url(), &["t/#"]).unwrap();
    let message = Outgoing::new("t/1", "payload").header("{\"v\":1}").retained();
    watch.publish(message).unwrap();
    let seen = watch.wait_for(secs(5), |m| m.topic == "t/1").unwrap();
    assert_eq!((&seen.payload[..], seen.header_json()["v"].as_u64()), (&b"payload"[..], Some(1)));
    watch.publish(Outgoing::new("t/0", "another change").retained()).unwrap();
    watch.wait_acknowledged(2, secs(5)).unwrap();

    let saved = || broker.has_saved(b"payload").then_some(());
    eventually(secs(5), "mosquitto saved its state", saved).unwrap();
    broker.kill9();
    broker.restart().unwrap();
    let late = MqttWatch::connect(&broker.url(), &["t/#"]).unwrap();
    assert!(late.wait_for(secs(5), |m| m.topic == "t/1").unwrap().retained);
    // The first client has come back by itself.
    late.publish(Outgoing::new("t/2", "again").retained()).unwrap();
    watch.wait_for(secs(10), |m| m.topic == "t/2").unwrap();
}

#[test]
fn an_s3_server_that_is_killed_and_started_again_keeps_its_objects() {
    let mut weed = Weed::start().unwrap();
    let bucket = weed.create_bucket("zoo").unwrap();
    bucket.put("a/1", b"one".to_vec()).unwrap();
    bucket.put("b/2", vec![7; 300_000]).unwrap();
    assert_eq!(bucket.list("a/").unwrap(), ["a/1"]);
    weed.restart().unwrap();
    assert_eq!(bucket.get("a/1").unwrap(), "one");
    assert_eq!(bucket.get("b/2").unwrap(), vec![7; 300_000]);
    assert!(bucket.get("c").is_err());
}

#[test]
fn a_camera_streams_h264_at_the_same_address_after_its_plug_was_pulled() {
    let mut camera = RtspServer::start(&scenes::street_clip(10).unwrap()).unwrap();
    let url = camera.url();
    let probe = || {
        let args = ["-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name", "-of", "csv=p=0"];
        Start::new("ffprobe").args(args).args([url.as_str()]).run(secs(20)).unwrap().out
    };
    assert_eq!(probe().trim(), "h264");
    camera.kill9();
    camera.restart().unwrap();
    assert_eq!(probe().trim(), "h264");
}

#[test]
fn a_process_ends_with_its_holder_and_says_how_it_ended() {
    let scratch = Scratch::new("harness").unwrap();
    let sleeper = || Start::new("sleep").args(["60"]).spawn(&scratch.join("log")).unwrap();
    let dropped = sleeper();
    let pid = dropped.pid();
    assert!(is_alive(pid));
    drop(dropped);
    assert!(!is_alive(pid));

    let mut asked = sleeper();
    assert_eq!(asked.terminate_and_wait(secs(5)).unwrap().code(), None);
    let done = Start::new("sh").args(["-c", "echo out; echo err >&2; exit 7"]).run(secs(5)).unwrap();
    assert_eq!((done.code, done.out.trim(), done.err.trim()), (Some(7), "out", "err"));
}
