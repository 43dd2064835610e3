//! One box: without a broker and a store the analyzer starts its own, and they end with it, however it ends.

use tests::process::{descendants, is_alive};
use tests::wait::{eventually, secs};
use tests::watch::Outgoing;
use tests::weed::S3;
use tests::{Analyzer, MqttWatch, Scratch, site};

#[test]
fn a_broker_and_a_store_are_started_keep_their_data_and_end_with_the_analyzer_even_when_it_is_killed() {
    let files = Scratch::new("site").unwrap();
    let site = files.write("site.toml", site::open_ground("box", &["gate"])).unwrap();
    let mut analyzer = Analyzer::builder(&site).start().unwrap();
    let bucket = S3::new(analyzer.store().clone()).unwrap();
    bucket.put("hello", b"world".to_vec()).unwrap();
    MqttWatch::connect(analyzer.mqtt_url(), &[]).and_then(|watch| watch.publish(Outgoing::new("x", "y"))).unwrap();

    let family = descendants(analyzer.process().pid());
    assert!(family.len() >= 2, "mosquitto and weed: {family:?}");
    analyzer.kill9();
    let all_gone = || family.iter().all(|pid| !is_alive(*pid)).then_some(());
    eventually(secs(10), "the children of the killed analyzer are gone", all_gone).unwrap();

    // The same ports are free again, and the data is still there.
    analyzer.restart().unwrap();
    assert_eq!(bucket.get("hello").unwrap(), "world");
    let family = descendants(analyzer.process().pid());
    assert!(family.len() >= 2, "mosquitto and weed: {family:?}");
    assert!(analyzer.stop().unwrap().success(), "{}", analyzer.log());
    assert!(family.iter().all(|pid| !is_alive(*pid)), "a clean stop leaves no process behind");
}

#[test]
fn a_child_that_dies_is_started_again() {
    let files = Scratch::new("site").unwrap();
    let site = files.write("site.toml", site::open_ground("box", &["gate"])).unwrap();
    let mut analyzer = Analyzer::builder(&site).store(&site::no_store()).start().unwrap();
    let [broker] = descendants(analyzer.process().pid())[..] else { panic!("one child: mosquitto") };
    tests::process::kill9(broker);
    eventually(secs(20), "the broker was started again", || {
        let children = descendants(analyzer.process().pid());
        let again = children.iter().any(|pid| *pid != broker && is_alive(*pid));
        (again && MqttWatch::connect(analyzer.mqtt_url(), &[]).is_ok()).then_some(())
    })
    .unwrap();
}
