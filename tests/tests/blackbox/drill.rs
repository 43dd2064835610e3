//! Drills: the whole chain, with a synthetic animal, told apart from real ones everywhere.

use base::health::{Health, HealthState};
use base::incident::{Alert, AlertType};
use base::wire::Form as _;
use serde_json::{Value, json};
use tests::http::{get_json, metric_sum, post};
use tests::process::Start;
use tests::wait::{eventually_ok, secs};
use tests::{Agent, Analyzer, Message, Mosquitto, MqttWatch, Scratch, scenes, site};

use crate::common::{SOON, STREET, STREET_CAMERA, opened};

/// Asks until the camera is online: which drill.
fn begin(analyzer: &Analyzer, camera: &str) -> Value {
    eventually_ok(SOON, "a drill begins", || {
        let answer = post(&analyzer.url("/api/drills"), &json!({ "camera": camera }))?;
        anyhow::ensure!(answer.status == 202, "{}: {}", answer.status, answer.body);
        Ok(serde_json::from_str(&answer.body)?)
    })
    .unwrap()
}

fn report(analyzer: &Analyzer, id: &Value) -> Value {
    eventually_ok(secs(45), "the drill has ended", || {
        let reports = get_json(&analyzer.url("/api/drills"))?;
        let found = reports.as_array().and_then(|all| all.iter().find(|r| r["id"] == *id)).cloned();
        found.ok_or_else(|| anyhow::anyhow!("{reports}"))
    })
    .unwrap()
}

fn opened_as(message: &Message, drill: bool) -> Option<Alert> {
    opened(message).filter(|alert| alert.after.drill == drill)
}

fn analyzer_health(message: &Message) -> Option<Health> {
    message.topic.ends_with("/analyzer/health").then(|| Health::from_json(&message.payload).ok())?
}

#[test]
fn a_drill_arrives_marked_as_one_and_a_real_animal_meanwhile_is_real() {
    let set = scenes::set("smoke").unwrap();
    let site_id = base::site::Site::load(&set.site()).unwrap().name;
    let clip = set.escapes()[0];
    let broker = Mosquitto::start().unwrap();
    let watch = MqttWatch::connect(&broker.url(), &["paddock/#"]).unwrap();
    let analyzer = Analyzer::builder(&set.site()).broker(&broker.url()).store(&site::no_store()).start().unwrap();
    let source = set.path(clip).display().to_string();
    let _agent = Agent::builder(site_id.as_str(), clip.camera.as_str(), &source, &broker.url())
        .flags(&["--segment-seconds", "2"])
        .start()
        .unwrap();
    let drill = begin(&analyzer, clip.camera.as_str());
    let alert = watch.wait_for(SOON, |m| opened_as(m, true).is_some()).unwrap();
    let alert = opened_as(&alert, true).unwrap();
    let real = watch.wait_for(SOON, |m| opened_as(m, false).is_some()).unwrap();
    assert_ne!(opened_as(&real, false).unwrap().after.id, alert.after.id);

    let report = report(&analyzer, &drill["id"]);
    assert_eq!((&report["result"], &report["injected"]), (&json!("arrived"), &json!(false)), "{report}");
    let latency_us = report["latency_us"].as_i64().unwrap();
    assert!((0..5_000_000).contains(&latency_us), "{report}");
    let status = |m: &Message| {
        m.topic.ends_with("/analyzer/status") && m.json()["drill"]["latency_us"].as_i64() == Some(latency_us)
    };
    watch.wait_for(SOON, status).unwrap();
    // Nobody has to clear it away, and it stands in no real figure.
    watch
        .wait_for(SOON, |m| {
            let event = m.topic.ends_with("/alert").then(|| Alert::from_json(&m.payload).ok()).flatten();
            event.is_some_and(|e| e.kind == AlertType::Resolved && e.after.id == alert.after.id)
        })
        .unwrap();
    let page = analyzer.metrics().unwrap();
    assert_eq!(metric_sum(&page, "paddock_drill_capture_to_alert_seconds_count"), 1.0);
    eventually_ok(SOON, "real alerts, and no other, stand in the latency that counts", || {
        let counted = metric_sum(&analyzer.metrics()?, "paddock_capture_to_alert_seconds_count");
        let real = watch.messages().iter().filter(|m| opened_as(m, false).is_some()).count();
        anyhow::ensure!(counted == real as f64, "{counted} of {real}");
        Ok(())
    })
    .unwrap();
    let frames = watch.messages().into_iter().filter(|m| m.topic.ends_with("/frame"));
    assert!(frames.filter(|m| m.header_json()["drill"] == true).count() > 5, "its agent put the animal in");
}

#[test]
fn the_analyzer_drills_by_itself_and_a_drill_that_nobody_sees_is_an_alarm() {
    let files = Scratch::new("drill").unwrap();
    let path = files.write("site.toml", site::open_ground(STREET, &[STREET_CAMERA])).unwrap();
    let broker = Mosquitto::start().unwrap();
    let watch = MqttWatch::connect(&broker.url(), &["paddock/#"]).unwrap();
    let clip = scenes::street_clip(79).unwrap().display().to_string();
    let _agent = Agent::builder(STREET, STREET_CAMERA, &clip, &broker.url()).start().unwrap();
    let start = || Analyzer::builder(&path).broker(&broker.url()).store(&site::no_store());

    // Nothing that a detector takes for an animal.
    let red = files.join("red.png");
    Start::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "color=red:size=64x64,format=rgba", "-frames:v", "1"])
        .args([&red])
        .run(secs(30))
        .unwrap()
        .success()
        .unwrap();
    let sprite = red.display().to_string();
    let unseen = start().set("drill", "sprite", sprite).set("drill", "seconds", 3).set("drill", "deadline_s", 6);
    let mut analyzer = unseen.start().unwrap();
    let drill = begin(&analyzer, STREET_CAMERA);
    let failed = report(&analyzer, &drill["id"]);
    assert!(failed["latency_us"].is_null(), "{failed}");
    let told = watch.wait_for(SOON, |m| analyzer_health(m).is_some()).unwrap();
    let health = analyzer_health(&told).unwrap();
    assert_eq!((health.state, health.camera), (HealthState::DrillFailed, None));
    assert!(health.detail.contains("did not arrive as an alert within 6 s"), "{}", health.detail);
    assert!(analyzer.stop().unwrap().success());

    let analyzer = start().set("drill", "inject", "analyzer").start().unwrap();
    let drill = begin(&analyzer, STREET_CAMERA);
    let arrived = report(&analyzer, &drill["id"]);
    assert_eq!((&arrived["result"], &arrived["injected"]), (&json!("arrived"), &json!(true)), "{arrived}");
    assert!(watch.messages().iter().filter_map(|m| opened_as(m, false)).next().is_none());
}
