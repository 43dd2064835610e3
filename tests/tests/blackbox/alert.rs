//! The alarm: in time, on the wire, in the API, retained, and counted; from every kind of source.

use anyhow::Result;
use base::ids::SiteId;
use base::time::Micros;
use base::topic::Topic;
use base::wire::SourceState;
use tests::http::metric;
use tests::scenes::Clip;
use tests::wait::{eventually_ok, secs};
use tests::{Analyzer, Mosquitto, MqttWatch, RtspServer, scenes, site};

use crate::common::{ALERT_WITHIN_US, SOON, Stage, frames, opened, wait_opened, wait_status};

/// The alert came in time, and from a frame in which the animal was out.
#[track_caller]
fn assert_in_time(watch: &MqttWatch, site: &SiteId, clip: &Clip) -> base::incident::Alert {
    let (alert, received_at) = wait_opened(watch, &clip.camera, SOON).unwrap();
    let decided_at = alert.after.opened_at;
    let late_us = received_at.since(decided_at);
    assert!((0..ALERT_WITHIN_US).contains(&late_us), "{late_us} µs after the frame that decided it");
    assert!((0..=late_us).contains(&alert.latency_us), "it says {} µs, but took {late_us}", alert.latency_us);
    let first = frames(watch, site, &clip.camera).iter().map(|h| h.captured_at).min().unwrap();
    let t_s = decided_at.seconds_since(first);
    let event = &clip.events[0];
    // The clocks of the clip and of its first frame differ by at most a frame or two.
    assert!((event.start - 0.3..event.end + 0.3).contains(&t_s), "decided at {t_s:.1} s; it was out from {event:?}");
    alert
}

#[test]
fn an_escape_in_a_file_is_alerted_within_a_second_told_by_the_api_retained_and_counted() {
    let (mut stage, set) = Stage::smoke().unwrap();
    let clip = set.escapes()[0];
    let mut agent = stage.agent_on(&set, clip, &["--once"]).unwrap();
    let alert = assert_in_time(&stage.watch, &stage.site, clip);

    let incidents = stage.analyzer.incidents().unwrap();
    let told = incidents.iter().find(|i| i["id"] == alert.after.id.as_str()).unwrap();
    assert_eq!(told["camera"], clip.camera.as_str());
    assert_eq!(told["opened_at"], alert.after.opened_at.0);

    // Somebody who comes later finds the incident on the broker.
    let topic = Topic::Incident(alert.after.id.clone()).name(&stage.site);
    let late = MqttWatch::connect(&stage.broker.url(), &[&topic]).unwrap();
    let state = late.wait_for(secs(5), |m| m.topic == topic).unwrap();
    assert!(state.retained);
    assert_eq!(state.json()["id"], alert.after.id.as_str());

    eventually_ok(secs(5), "the alert was counted", || {
        let page = stage.analyzer.metrics()?;
        let within_1_s = metric(&page, "paddock_capture_to_alert_seconds_bucket{le=\"1.0\"}");
        anyhow::ensure!(within_1_s == Some(1.0), "{within_1_s:?}");
        Ok(())
    })
    .unwrap();
    assert!(agent.process().wait(SOON).unwrap().success(), "the clip was over, and its footage acknowledged");
    let alerts = stage.watch.messages().iter().filter_map(opened).count();
    assert_eq!(alerts, 1, "one animal, one alert");
    assert!(stage.analyzer.stop().unwrap().success());
}

#[test]
fn a_looped_file_and_a_camera_are_alerted_too_and_a_camera_that_was_unplugged_comes_back() {
    let set = scenes::set("smoke").unwrap();
    let broker = Mosquitto::start().unwrap();
    let watch = MqttWatch::connect(&broker.url(), &["paddock/#"]).unwrap();
    // Nobody listens where the store should be: an alarm needs none.
    let _analyzer = Analyzer::builder(&set.site()).broker(&broker.url()).store(&site::no_store()).start().unwrap();
    let site = base::site::Site::load(&set.site()).unwrap().name;
    let (looped, streamed) = (set.escapes()[0], set.escapes()[1]);
    let mut camera = RtspServer::start(&set.path(streamed)).unwrap();

    let agent = |clip: &Clip, source: &str| {
        tests::Agent::builder(site.as_str(), clip.camera.as_str(), source, &broker.url()).start().unwrap()
    };
    let _loop_agent = agent(looped, &set.path(looped).display().to_string());
    let _rtsp_agent = agent(streamed, &camera.url());
    assert_in_time(&watch, &site, looped);
    assert_in_time(&watch, &site, streamed);

    camera.kill9();
    let lost = |s: &base::wire::CameraStatus| matches!(s.source_state, SourceState::Retrying(_));
    wait_status(&watch, &site, &streamed.camera, SOON, lost).unwrap();
    watch.clear();
    camera.restart().unwrap();
    wait_status(&watch, &site, &streamed.camera, SOON, |s| s.source_state == SourceState::Streaming).unwrap();

    // By now the file has begun again; its capture times go on as if it had not.
    goes_on(&watch, &site, looped).unwrap();
}

/// Frames of the last seconds come in order, none from the future.
fn goes_on(watch: &MqttWatch, site: &SiteId, clip: &Clip) -> Result<()> {
    let until = frames(watch, site, &clip.camera).last().map_or(Micros(0), |h| h.captured_at);
    eventually_ok(SOON, "the looped file went on", || {
        let headers = frames(watch, site, &clip.camera);
        anyhow::ensure!(headers.last().is_some_and(|h| h.captured_at.since(until) > 3_000_000), "nothing new");
        anyhow::ensure!(headers.is_sorted_by(|a, b| a.captured_at < b.captured_at && a.seq < b.seq), "not in order");
        Ok(())
    })
}
