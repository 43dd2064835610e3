//! Frames arrive at once, with what is known of them; what is asked for is done or refused.

use base::drill::DrillOrder;
use base::geometry::Point;
use base::time::{Clock as _, Micros, SystemClock};
use base::topic::Topic;
use base::wire::{CameraConfig, Control, ControlAction, FRAME_EXPIRY_S, Form as _, Light};

use crate::harness::*;

/// CCTV of a street with walkers, 768x576, 10 frames a second, MPEG-4.
const STREET: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

/// A PNG of 16 x 8 red pixels.
const RED: &str =
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAICAYAAADwdn+XAAAAFUlEQVR4nGP4z8DwnxLMMGrAcDAAAA01/wGXrQmDAAAAAElFTkSuQmCC";

#[test]
fn frames_of_a_moving_scene_come_at_once_and_say_where_it_moves() {
    let broker = Broker::start();
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let _agent = Agent::run(STREET, &broker.url(), &["--segment-seconds", "2"]);
    wait_for("twenty frames", || (peer.seen.lock().unwrap().frames.len() >= 20).then_some(()));
    // What is not H.264 yet is encoded once.
    let (meta, _) = peer.wait_segments(2).remove(1);
    assert_eq!((meta.codec.as_str(), meta.width, meta.height), ("h264", 768, 576));
    let seen = peer.seen.lock().unwrap();
    let headers: Vec<_> = seen.frames.iter().map(|frame| &frame.header).collect();
    assert!(headers.windows(2).all(|w| w[0].seq < w[1].seq && w[0].captured_at < w[1].captured_at));
    assert!(
        headers.iter().all(|h| (h.width, h.height) == (640, 480) && h.light == Light::Day && !h.drill),
        "{headers:?}"
    );
    assert!(headers[10..].iter().all(|h| !h.motion.is_empty()), "{headers:?}");
    assert!(headers.iter().flat_map(|h| &h.motion).all(|r| r.x >= 0.0 && r.right() <= 1.001 && r.bottom() <= 1.001));
    let frame = seen.frames.last().unwrap();
    assert!(frame.jpeg.starts_with(&[0xff, 0xd8, 0xff]) && frame.jpeg.ends_with(&[0xff, 0xd9]));
    assert_eq!(frame.expiry_s, Some(FRAME_EXPIRY_S));
    let mut lags_us: Vec<_> = seen.frames.iter().map(|f| f.received_at.since(f.header.captured_at)).collect();
    lags_us.sort();
    assert!((0..1_000_000).contains(&lags_us[lags_us.len() / 2]), "{lags_us:?}");
    let times = &headers[5..];
    let rate = (times.len() - 1) as f64 / times[times.len() - 1].captured_at.seconds_since(times[0].captured_at);
    assert!((3.5..=5.6).contains(&rate), "{rate} frames a second");
}

#[test]
fn a_still_scene_sends_few_frames_until_it_is_boosted() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let source = clip(dir.path(), "still.mp4", 60, false);
    let _agent = Agent::run(source.to_str().unwrap(), &broker.url(), &["--still-interval", "1"]);
    let count = || peer.seen.lock().unwrap().frames.len();
    wait_for("four frames", || (count() >= 4).then_some(()));
    {
        let seen = peer.seen.lock().unwrap();
        let times: Vec<_> = seen.frames.iter().map(|f| f.header.captured_at).collect();
        assert!(times.windows(2).all(|w| w[1].since(w[0]) >= 850_000), "{times:?}");
        assert!(seen.frames.iter().all(|f| f.header.motion.is_empty()));
    }
    let control = |action| Control { v: 1, expires_at: SystemClock::new().now().plus_us(20_000_000), action };
    let say = |action| peer.say(&Topic::Control(camera()), control(action).to_json(), false);
    say(ControlAction::Boost { fps: 10.0 });
    let before = count();
    wait_for("boosted frames", || {
        let seen = peer.seen.lock().unwrap();
        let new = &seen.frames[before..];
        (new.len() >= 10)
            .then(|| new[9].header.captured_at.since(new[1].header.captured_at))
            .filter(|us| *us < 2_000_000)
    });
    say(ControlAction::Drill(DrillOrder::default()));
    let status =
        peer.wait_status("the drill to be refused", |s| s.config.as_deref().is_some_and(|c| c.contains("drill")));
    assert!(status.config.unwrap().starts_with("drill refused:"));
    // Half of the picture's height, on the spot, for two seconds.
    let ground = Point { x: 0.5, y: 0.75 };
    let order = DrillOrder { id: "d".into(), seconds: 2.0, from: ground, to: ground, height: 0.5, sprite: RED.into() };
    let before = count();
    say(ControlAction::Drill(order));
    wait_for("the drill to begin and to end", || {
        let seen = peer.seen.lock().unwrap();
        let drilled: Vec<bool> = seen.frames[before..].iter().map(|f| f.header.drill).collect();
        (drilled.iter().filter(|d| **d).count() >= 5 && drilled.ends_with(&[false])).then_some(())
    });
    let seen = peer.seen.lock().unwrap();
    let drilled = seen.frames[before..].iter().filter(|f| f.header.drill);
    assert!(drilled.clone().all(|f| (f.header.motion[0].center().y - 0.5).abs() < 0.05));
}

#[test]
fn a_desired_config_is_applied_or_refused_with_a_reason() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let source = clip(dir.path(), "clip.mp4", 60, true);
    let desired = |fps, side| CameraConfig {
        v: 1,
        fps: Some(fps),
        still_interval_s: None,
        jpeg_quality: None,
        max_side_px: side,
    };
    // Retained: an agent that comes later hears it too.
    peer.say(&Topic::Config(camera()), desired(2.0, Some(160)).to_json(), true);
    let _agent = Agent::run(source.to_str().unwrap(), &broker.url(), &[]);
    peer.wait_status("the config to be applied", |s| {
        s.config.as_deref().is_some_and(|c| c.starts_with("applied: fps 2,"))
    });
    wait_for("a small frame", || {
        peer.seen.lock().unwrap().frames.iter().any(|f| (f.header.width, f.header.height) == (160, 120)).then_some(())
    });
    peer.say(&Topic::Config(camera()), desired(1e6, None).to_json(), true);
    peer.wait_status("the config to be refused", |s| {
        s.config.as_deref().is_some_and(|c| c.contains("fps 1000000 is not between"))
    });
    peer.say(&Topic::Config(camera()), "{".into(), false);
    peer.wait_status("nonsense to be refused", |s| {
        s.config.as_deref().is_some_and(|c| c.contains("not a camera config"))
    });
    peer.say(
        &Topic::Control(camera()),
        Control { v: 1, expires_at: Micros(5), action: ControlAction::Snapshot }.to_json(),
        false,
    );
    peer.wait_status("what is late to be refused", |s| s.config.as_deref().is_some_and(|c| c.contains("expired")));
}

#[test]
fn frames_are_dropped_and_counted_while_there_is_no_broker_and_never_sent_late() {
    let (mut broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let source = clip(dir.path(), "clip.mp4", 60, true);
    let _agent = Agent::run(source.to_str().unwrap(), &broker.url(), &["--segment-seconds", "2"]);
    wait_for("frames", || (peer.seen.lock().unwrap().frames.len() >= 5).then_some(()));
    broker.kill();
    let gone_at = SystemClock::new().now();
    wait_for("some time", || (SystemClock::new().now().since(gone_at) > 3_000_000).then_some(()));
    broker.restart();
    let back_at = SystemClock::new().now();
    peer.wait_status("dropped frames to be counted", |s| s.frames.dropped >= 3 && s.at.is_some_and(|at| at > back_at));
    let after = wait_for("frames again", || {
        let seen = peer.seen.lock().unwrap();
        let new: Vec<_> =
            seen.frames.iter().filter(|f| f.received_at > back_at).map(|f| f.header.captured_at).collect();
        (new.len() >= 3).then_some(new)
    });
    assert!(after.iter().all(|at| at.since(back_at) > -2_000_000), "newest first: {after:?}");
}
