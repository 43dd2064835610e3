//! Whether cameras see: told on the broker and by the API, within the time that is promised.

use base::health::{Health, HealthState};
use base::ids::CameraId;
use base::topic::Topic;
use base::wire::Form as _;
use tests::http::{get_json, post};
use tests::process::Start;
use tests::wait::{eventually_ok, secs};
use tests::{Analyzer, Message, Mosquitto, MqttWatch, Scratch, scenes, site};

use crate::common::{SOON, STREET, STREET_CAMERA, wait_metric};

fn health(message: &Message, camera: &str) -> Option<Health> {
    let topic = Topic::CameraHealth(CameraId::new(camera).ok()?).name(&STREET.parse().ok()?);
    (message.topic == topic).then(|| Health::from_json(&message.payload).ok())?
}

#[track_caller]
fn wait(watch: &MqttWatch, camera: &str, state: HealthState, deadline: std::time::Duration) -> Message {
    watch.wait_for(deadline, |m| health(m, camera).is_some_and(|h| h.state == state)).unwrap()
}

#[test]
fn an_agent_that_is_killed_and_a_picture_that_stands_still_are_told() {
    let files = Scratch::new("health").unwrap();
    let path = files.write("site.toml", site::open_ground(STREET, &[STREET_CAMERA, "still", "nobody"])).unwrap();
    // A camera whose picture hangs: one picture of the street for a minute.
    let still = files.join("still.mp4");
    let hang = "select=eq(n\\,0),loop=loop=600:size=1,setpts=N/10/TB";
    Start::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .args([scenes::street_clip(8).unwrap()])
        .args(["-vf", hang, "-r", "10", "-c:v", "libx264", "-preset", "ultrafast", "-g", "20"])
        .args([&still])
        .run(secs(60))
        .unwrap()
        .success()
        .unwrap();
    let broker = Mosquitto::start().unwrap();
    let watch = MqttWatch::connect(&broker.url(), &["paddock/+/camera/+/health"]).unwrap();
    let analyzer = Analyzer::builder(&path)
        .broker(&broker.url())
        .store(&site::no_store())
        .set("health", "frozen_after_s", 8)
        .start()
        .unwrap();
    let agent = |camera: &str, source: &std::path::Path| {
        tests::Agent::builder(STREET, camera, &source.display().to_string(), &broker.url()).start().unwrap()
    };
    let mut moving = agent(STREET_CAMERA, &scenes::street_clip(79).unwrap());
    let _still = agent("still", &still);
    wait(&watch, STREET_CAMERA, HealthState::Ok, SOON);
    let frozen = wait(&watch, "still", HealthState::Frozen, SOON);
    assert!(health(&frozen, "still").unwrap().detail.contains("the same for"), "{frozen:?}");
    wait(&watch, "nobody", HealthState::Offline, SOON);

    moving.kill9();
    // The broker sees at once that the connection is gone.
    let gone = wait(&watch, STREET_CAMERA, HealthState::Offline, secs(5));
    eventually_ok(SOON, "the page says so", || {
        let cameras = get_json(&analyzer.url("/api/cameras"))?;
        let row = cameras.as_array().and_then(|rows| rows.iter().find(|row| row["camera"] == STREET_CAMERA)).cloned();
        anyhow::ensure!(row.as_ref().is_some_and(|row| row["health"] == gone.json()), "{row:?}");
        Ok(())
    })
    .unwrap();
    wait_metric(&analyzer, "paddock_health_changes_total{reason=\"offline\"}", 2.0, SOON).unwrap();

    // Who comes later finds it on the broker; who comes back is well again.
    let later = MqttWatch::connect(&broker.url(), &["paddock/+/camera/+/health"]).unwrap();
    assert!(wait(&later, STREET_CAMERA, HealthState::Offline, SOON).retained);
    moving.restart().unwrap();
    later.wait_for(SOON, |m| health(m, STREET_CAMERA).is_some_and(|h| h.state == HealthState::Ok)).unwrap();

    let answer = post(&analyzer.url("/api/cameras/still/reference"), &serde_json::json!({})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let unknown = post(&analyzer.url("/api/cameras/elsewhere/reference"), &serde_json::json!({})).unwrap();
    assert_eq!(unknown.status, 404, "{}", unknown.body);
}
