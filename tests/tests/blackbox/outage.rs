//! Outages, all of them real: a process is killed while footage is under way, and nothing promised is lost.

use base::wire::SourceState;
use tests::wait::{eventually, secs};
use tests::{Agent, scenes};

use crate::common::{ALERT_WITHIN_US, SOON, STREET_CAMERA, Stage, wait_metric, wait_opened, wait_status};

/// Long enough to be killed in the middle.
const CLIP_S: u32 = 14;

/// An agent on the street, in segments of a second, so that several are under way at any time.
fn street_agent(stage: &Stage) -> Agent {
    let clip = scenes::street_clip(CLIP_S).unwrap();
    let flags = ["--once", "--segment-seconds", "1"];
    Agent::builder(stage.site.as_str(), STREET_CAMERA, &clip.display().to_string(), &stage.broker.url())
        .flags(&flags)
        .start()
        .unwrap()
}

/// The whole clip was delivered, and all that was acknowledged is in the store as it was cut.
#[track_caller]
fn assert_nothing_lost(stage: &Stage, agent: &mut Agent) {
    assert!(agent.process().wait(secs(60)).unwrap().success(), "{}", agent.log());
    let acknowledged = stage.acknowledged();
    let cut = stage.cut();
    let recorded_us: i64 = cut.values().map(|(header, _)| header.duration_us).sum();
    let whole_us = i64::from(CLIP_S) * 1_000_000;
    assert!((recorded_us - whole_us).abs() < 300_000, "{recorded_us} µs of {whole_us}");
    assert!(cut.keys().all(|id| acknowledged.contains(id)), "cut {:?}\nacked {acknowledged:?}", cut.keys());
    let keys = stage.wait_uploaded(cut.len(), secs(60)).unwrap();
    assert_eq!(keys.len(), cut.len(), "no copy twice");
    for (id, (header, _)) in &cut {
        let key = keys.iter().find(|key| key.contains(id.as_str())).unwrap();
        let object = stage.bucket.get(key).unwrap();
        assert_eq!(base::segment::sha256_hex(&object), header.sha256, "{key}");
    }
}

#[test]
fn killing_the_analyzer_loses_nothing_acknowledged_and_the_agent_delivers_the_rest() {
    let mut stage = Stage::street().unwrap();
    let mut agent = street_agent(&stage);
    let before = stage.wait_acknowledged(3, SOON).unwrap();
    stage.analyzer.kill9();

    // The agent goes on cutting while nobody acknowledges.
    let camera = STREET_CAMERA.parse().unwrap();
    wait_status(&stage.watch, &stage.site, &camera, SOON, |s| s.spool.segments >= 3).unwrap();
    assert!(agent.process().is_running());
    let while_down = stage.acknowledged();
    stage.analyzer.restart().unwrap();
    assert_nothing_lost(&stage, &mut agent);
    assert!(before.iter().chain(&while_down).all(|id| stage.cut().contains_key(id)));
}

#[test]
fn killing_the_broker_loses_nothing_acknowledged_and_everybody_comes_back() {
    let mut stage = Stage::street().unwrap();
    let mut agent = street_agent(&stage);
    stage.wait_acknowledged(3, SOON).unwrap();
    stage.broker.kill9();
    // Down for as long as it takes the analyzer to notice.
    eventually(SOON, "the analyzer saw that the broker is gone", || {
        let page = stage.analyzer.metrics().ok()?;
        (tests::http::metric(&page, "paddock_broker_connected") == Some(0.0)).then_some(())
    })
    .unwrap();
    assert!(agent.process().is_running());
    stage.broker.restart().unwrap();
    assert_nothing_lost(&stage, &mut agent);
}

#[test]
fn without_the_store_alarms_go_on_and_footage_is_uploaded_when_it_is_back() {
    let (mut stage, set) = Stage::smoke().unwrap();
    stage.weed.kill9();
    let clip = set.escapes()[0];
    let mut agent = stage.agent_on(&set, clip, &["--once"]).unwrap();
    let (alert, received_at) = wait_opened(&stage.watch, &clip.camera, SOON).unwrap();
    let late_us = received_at.since(alert.after.opened_at);
    assert!(late_us < ALERT_WITHIN_US, "{late_us} µs after the frame that decided it");
    assert!(agent.process().wait(SOON).unwrap().success(), "the archive alone is enough to acknowledge");
    let cut = stage.cut();
    wait_metric(&stage.analyzer, "paddock_segments_stored_total", cut.len() as f64, SOON).unwrap();

    stage.weed.restart().unwrap();
    let keys = stage.wait_uploaded(cut.len(), secs(90)).unwrap();
    assert_eq!(keys.len(), cut.len());
    let ended = |s: &base::wire::CameraStatus| !s.online || s.source_state == SourceState::Ended;
    wait_status(&stage.watch, &stage.site, &clip.camera, SOON, ended).unwrap();
}
