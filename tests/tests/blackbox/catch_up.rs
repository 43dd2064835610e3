//! An escape that nobody could see, for there was an outage, is found in the footage that comes after it.

use std::collections::BTreeSet;

use base::topic::Topic;
use tests::http::metric_sum;
use tests::wait::{eventually_ok, secs};
use tests::{Analyzer, MqttWatch, scenes, site};

use crate::common::{SOON, opened, wait_opened};

#[test]
fn an_escape_during_an_outage_is_told_late_once_and_says_how_late() {
    let set = scenes::set("smoke").unwrap();
    let site_id = base::site::Site::load(&set.site()).unwrap().name;
    let clip = set.escapes()[0];
    let mut broker = tests::Mosquitto::start().unwrap();
    let mut analyzer = Analyzer::builder(&set.site())
        .broker(&broker.url())
        .store(&site::no_store())
        .set("catch_up", "late_after_s", 3)
        .start()
        .unwrap();
    broker.kill9();
    // The agent films the escape and keeps it; nobody hears of it.
    let mut agent = tests::Agent::builder(
        site_id.as_str(),
        clip.camera.as_str(),
        &set.path(clip).display().to_string(),
        &broker.url(),
    )
    .flags(&["--segment-seconds", "2", "--once"])
    .start()
    .unwrap();
    eventually_ok(SOON, "the whole clip lies in the spool", || {
        anyhow::ensure!(agent.log().contains("all footage is kept"), "not yet");
        Ok(())
    })
    .unwrap();
    assert!(agent.process().is_running());
    // Nothing but time makes it late.
    std::thread::sleep(secs(4));
    broker.restart().unwrap();
    let watch = MqttWatch::connect(&broker.url(), &["paddock/#"]).unwrap();

    let (alert, received_at) = wait_opened(&watch, &clip.camera, secs(90)).unwrap();
    let late_by_us = alert.after.late_by_us.unwrap();
    let since_us = received_at.since(alert.after.opened_at);
    assert!((4_000_000..=since_us).contains(&late_by_us), "{late_by_us} of {since_us}");
    assert!(alert.after.notes[0].text.contains("late, in footage that arrived after an outage"), "{alert:?}");
    assert!(!alert.after.drill);
    // A crash in the middle: the rest is judged, and nothing is told twice.
    analyzer.kill9();
    analyzer.restart().unwrap();
    let topic = Topic::Incident(alert.after.id.clone()).name(&site_id);
    let state = watch.wait_for(SOON, |m| m.topic == topic).unwrap();
    assert!(state.json()["late_by_us"].as_i64() >= Some(4_000_000));

    eventually_ok(secs(150), "the rest was judged", || {
        let page = analyzer.metrics()?;
        let of = |name| metric_sum(&page, name);
        let (judged, waiting) = (of("paddock_catch_up_segments_total"), of("paddock_catch_up_waiting"));
        anyhow::ensure!(judged >= 1.0 && waiting == 0.0, "{judged} judged, {waiting} wait");
        Ok(())
    })
    .unwrap();
    assert!(agent.process().wait(SOON).unwrap().success(), "{}", agent.log());
    // An alert is sent at least once: the crash may have come before its delivery was written down.
    let ids: BTreeSet<_> = watch.messages().iter().filter_map(opened).map(|alert| alert.after.id).collect();
    assert_eq!(ids, BTreeSet::from([alert.after.id]));
    assert_eq!(analyzer.incidents().unwrap().len(), 1);
}
