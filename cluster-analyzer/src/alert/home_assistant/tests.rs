use base::time::Micros;
use serde_json::Value;

use super::*;
use crate::testkit;

fn params() -> Params {
    Params { prefix: "homeassistant".into(), page_url: Some("http://zoo:8420".into()) }
}

fn config(messages: &Messages, topic: &str) -> Value {
    let text = messages.get(topic).unwrap_or_else(|| panic!("{topic} is not among {:?}", messages.keys()));
    serde_json::from_str(text).unwrap()
}

#[test]
fn each_camera_and_zone_and_the_site_have_entities_with_availability_and_a_device() {
    let messages = discovery(&testkit::site(), &params());
    // Three cameras with a picture and a connection, two zones, the alarm and the drill.
    assert_eq!(messages.len(), 3 * 2 + 2 + 2);
    let picture = config(&messages, "homeassistant/camera/paddock_demo/gate_picture/config");
    assert_eq!(picture["topic"], "paddock/demo/camera/gate/frame");
    let connection = config(&messages, "homeassistant/binary_sensor/paddock_demo/gate_connection/config");
    assert_eq!(connection["device_class"], "connectivity");
    assert_eq!(connection["state_topic"], "paddock/demo/camera/gate/status");
    let zone = config(&messages, "homeassistant/binary_sensor/paddock_demo/gate_zone_path/config");
    assert_eq!(
        (&zone["device_class"], &zone["state_topic"]),
        (&"safety".into(), &"paddock/demo/zone/gate/path".into())
    );
    assert!(messages.contains_key("homeassistant/binary_sensor/paddock_demo/alarm/config"));
    let mut ids = std::collections::BTreeSet::new();
    for text in messages.values() {
        let config: Value = serde_json::from_str(text).unwrap();
        assert_eq!(config["availability_topic"], "paddock/demo/analyzer/status");
        assert_eq!(config["device"]["manufacturer"], "Paddock");
        assert!(ids.insert(config["unique_id"].as_str().unwrap().to_owned()), "{config}");
    }
}

#[test]
fn a_zone_is_unsafe_while_an_animal_was_last_seen_there_and_a_drill_is_no_alarm() {
    let site = testkit::site();
    let state = |open: &[Incident], topic: &str| config(&states(&site, open), topic)["state"].clone();
    let incident = testkit::incident(Micros(5));
    let (zone, alarm, drill) = ("paddock/demo/zone/gate/path", "paddock/demo/site/alarm", "paddock/demo/site/drill");
    assert_eq!((state(&[], zone), state(&[], alarm)), ("OFF".into(), "OFF".into()));
    let open = std::slice::from_ref(&incident);
    assert_eq!((state(open, zone), state(open, alarm), state(open, drill)), ("ON".into(), "ON".into(), "OFF".into()));
    assert_eq!(state(open, "paddock/demo/zone/gate/yard"), "OFF");
    let exercise = [Incident { drill: true, ..incident.clone() }];
    assert_eq!((state(&exercise, zone), state(&exercise, alarm)), ("OFF".into(), "OFF".into()));
    assert_eq!(state(&exercise, drill), "ON");
    let over = [Incident { state: IncidentState::Resolved, ..incident }];
    assert_eq!(state(&over, alarm), "OFF");
}

#[test]
fn entities_of_a_camera_that_left_the_site_file_are_to_be_taken_back_until_they_were() {
    let db = rusqlite::Connection::open_in_memory().unwrap();
    tell::create(&db).unwrap();
    let set = |topics: &[&str]| topics.iter().map(|t| (*t).to_owned()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(tell::stale(&db, &set(&["a", "b"])).unwrap(), set(&[]));
    assert_eq!(tell::stale(&db, &set(&["a"])).unwrap(), set(&["b"]));
    // Not taken back yet: still known after the next start.
    assert_eq!(tell::stale(&db, &set(&["a"])).unwrap(), set(&["b"]));
}
