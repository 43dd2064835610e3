//! People are told: on every channel, again until somebody acknowledges, and after a kill.

use serde_json::{Value as Json, json};
use tests::http::{get_json, post};
use tests::receivers::Receivers;
use tests::scenes::Set;
use tests::wait::{eventually_ok, secs};
use tests::{Agent, Analyzer, Mosquitto, MqttWatch, Scratch, scenes, site};
use toml::{Table, Value};

use crate::common::{SOON, wait_opened};

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

fn tables(texts: &[String]) -> Value {
    Value::Array(texts.iter().map(|text| Value::Table(table(text))).collect())
}

fn hook(receivers: &Receivers) -> String {
    format!(
        "name = 'hook'\nkind = 'webhook'\nurl = '{}'\nsecret_file = '{}'\ntimeout_s = 1\n",
        receivers.url("/hook"),
        receivers.file("secret")
    )
}

/// A broker, somebody who watches, an analyzer without a store over the set `smoke`, with these channels and routes.
struct Zoo {
    watch: MqttWatch,
    analyzer: Analyzer,
    broker: Mosquitto,
    set: Set,
}

impl Zoo {
    fn with(channels: &[String], routes: &[String]) -> Self {
        let set = scenes::set("smoke").unwrap();
        let broker = Mosquitto::start().unwrap();
        let watch = MqttWatch::connect(&broker.url(), &["paddock/#", "homeassistant/#"]).unwrap();
        let analyzer = Analyzer::builder(&set.site())
            .broker(&broker.url())
            .store(&site::no_store())
            .set("alert", "page_url", "http://paddock.zoo:8420/")
            .set("alert", "channel", tables(channels))
            .set("alert", "route", tables(routes))
            .set("alert", "home_assistant", Table::new())
            .start()
            .unwrap();
        Self { watch, analyzer, broker, set }
    }

    /// An animal walks out; the incident's id.
    fn escape(&self) -> (Agent, String) {
        let clip = self.set.escapes()[0];
        let site = base::site::Site::load(&self.set.site()).unwrap().name;
        let source = self.set.path(clip).display().to_string();
        let agent = Agent::builder(site.as_str(), clip.camera.as_str(), &source, &self.broker.url())
            .flags(&["--once"])
            .start()
            .unwrap();
        let (alert, _) = wait_opened(&self.watch, &clip.camera, SOON).unwrap();
        (agent, alert.after.id.to_string())
    }

    fn command(&self, id: &str, action: &str) {
        let answer = post(&self.analyzer.url(&format!("/api/incidents/{id}/{action}")), &json!({"by": "Kim"})).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The retained state of Home Assistant's alarm.
    fn alarm(&self) -> Option<Json> {
        let messages = self.watch.messages();
        messages.iter().rfind(|m| m.topic.ends_with("/site/alarm")).map(|m| m.json()["state"].clone())
    }
}

fn reasons(requests: &[Json]) -> Vec<String> {
    requests.iter().filter_map(|r| Some(r["body"]["reason"].as_str()?.to_owned())).collect()
}

#[test]
fn an_escape_reaches_every_channel_and_acknowledging_stops_the_repeats() {
    let receivers = Receivers::start(&["503", "reset", "hang"]).unwrap();
    let files = Scratch::new("siren").unwrap();
    let siren = files.join("siren");
    let channels = [
        hook(&receivers),
        // Nobody listens there: it must hold up no other.
        "name = 'dead'\nkind = 'webhook'\nurl = 'http://127.0.0.1:9/'\n".to_owned(),
        format!(
            "name = 'phone'\nkind = 'ntfy'\nurl = '{}'\ntopic = 'guards'\ntoken_file = '{}'\n",
            receivers.url("/ntfy"),
            receivers.file("token")
        ),
        format!(
            "name = 'mail'\nkind = 'email'\nhost = 'localhost'\nport = {}\nusername = 'kim'\npassword_file = '{}'\n\
             ca_file = '{}'\nfrom = 'Paddock <alarm@zoo.example>'\nto = ['guards@zoo.example']\n",
            receivers.smtp_port(),
            receivers.file("token"),
            receivers.file("cert.pem")
        ),
        format!(
            "name = 'siren'\nkind = 'command'\nargv = ['/bin/sh', '-c', 'cat >> {0}; echo >> {0}']\n",
            siren.display()
        ),
    ];
    // Of the animal alone: a camera that comes and goes tells of its health as well.
    let route = "name = 'guards'\nchannels = ['hook', 'dead', 'phone', 'mail', 'siren']\nrepeat_every_s = 2\n\
                 event = ['opened', 'updated', 'acknowledged', 'resolved']\n";
    let zoo = Zoo::with(&channels, &[route.to_owned()]);
    let (_agent, id) = zoo.escape();

    eventually_ok(SOON, "everybody was told, and reminded by the webhook", || {
        let told = (receivers.requests("ntfy").len(), receivers.mails().len());
        let reminded = reasons(&receivers.requests("hook")).iter().any(|r| r == "repeat");
        let siren = std::fs::read_to_string(&siren).unwrap_or_default();
        anyhow::ensure!(told.0 > 0 && told.1 > 0 && reminded && siren.contains(&id), "{told:?} {reminded} {siren}");
        Ok(())
    })
    .unwrap_or_else(|e| panic!("{e:#}\n{}\n{}", zoo.analyzer.log(), receivers.log()));
    assert_eq!(zoo.alarm(), Some("ON".into()));

    // The webhook failed three ways, then took it; every attempt was the same delivery, and signed.
    let requests = receivers.requests("hook");
    let first: Vec<&Json> = requests.iter().filter(|r| r["body"]["reason"] == "opened").collect();
    let behaviours: Vec<&str> = first.iter().filter_map(|r| r["behaviour"].as_str()).collect();
    assert_eq!(behaviours, ["503", "reset", "hang", "take"]);
    assert!(first.iter().all(|r| r["delivery"] == first[0]["delivery"] && r["idempotency_key"] == r["delivery"]));
    assert!(requests.iter().all(|r| r["signed"] == true && r["fresh"] == true), "{requests:?}");
    assert_eq!(first[0]["body"]["alert"]["after"]["id"], id.as_str());

    let push = &receivers.requests("ntfy")[0];
    assert_eq!((&push["topic"], &push["priority"], &push["jpeg"]), (&"guards".into(), &5.into(), &true.into()));
    assert!(push["message"].as_str().unwrap().starts_with("RED: "), "{push}");
    assert!(push["actions"].as_str().unwrap().contains(&format!("/api/incidents/{id}/acknowledge")), "{push}");
    let mail = &receivers.mails()[0];
    assert_eq!(
        (&mail["tls"], &mail["login"], &mail["inline"], &mail["jpeg"]),
        (&true.into(), &true.into(), &true.into(), &true.into())
    );
    assert_eq!(mail["to"], json!(["guards@zoo.example"]));
    assert!(mail["text"].as_str().unwrap().contains(&format!("http://paddock.zoo:8420/incidents/{id}")), "{mail}");

    zoo.command(&id, "acknowledge");
    let acknowledged_us =
        get_json(&zoo.analyzer.url(&format!("/api/incidents/{id}"))).unwrap()["acknowledged"]["at"].as_i64();
    let began = std::time::Instant::now();
    tests::eventually(secs(10), "two repeats' time went by", || (began.elapsed() > secs(5)).then_some(())).unwrap();
    zoo.command(&id, "resolve");
    eventually_ok(SOON, "everybody heard the all-clear", || {
        let hook = reasons(&receivers.requests("hook"));
        anyhow::ensure!(hook.last().is_some_and(|r| r == "resolved"), "{hook:?}");
        let subjects: Vec<Json> = receivers.mails().iter().map(|m| m["subject"].clone()).collect();
        anyhow::ensure!(subjects.last().is_some_and(|s| s.to_string().contains("All clear")), "{subjects:?}");
        anyhow::ensure!(zoo.alarm() == Some("OFF".into()), "Home Assistant's alarm is still on");
        Ok(())
    })
    .unwrap();
    let late = receivers
        .requests("hook")
        .into_iter()
        .filter(|r| r["body"]["reason"] == "repeat" && r["body"]["planned_at"].as_i64() > acknowledged_us);
    assert_eq!(late.count(), 0, "no reminder after somebody acknowledged");

    let told = get_json(&zoo.analyzer.url(&format!("/api/alerts/deliveries?incident={id}"))).unwrap();
    let attempts = told["attempts"].as_array().unwrap();
    for channel in ["mqtt", "hook", "phone", "mail", "siren"] {
        let ok = attempts.iter().find(|a| a["channel"] == channel && a["ok"] == true);
        assert!(ok.is_some_and(|a| a["latency_ms"].is_i64() && a["answer"].is_string()), "{channel}: {told}");
    }
    assert!(attempts.iter().any(|a| a["channel"] == "dead" && a["ok"] == false), "{told}");
    assert!(told["undelivered"].as_array().unwrap().iter().any(|n| n["channel"] == "dead"), "{told}");
    let log = zoo.analyzer.log();
    assert!(!log.contains(tests::receivers::SECRET) && !log.contains(tests::receivers::TOKEN), "{log}");
}

#[test]
fn killed_between_opening_and_delivery_it_tells_after_the_restart_and_twice_at_most() {
    let receivers = Receivers::start(&["down"]).unwrap();
    let route = "name = 'guards'\nchannels = ['hook']\nevent = ['opened']\nrepeat_every_s = 0\n".to_owned();
    let mut zoo = Zoo::with(&[hook(&receivers).replace("timeout_s = 1", "timeout_s = 10")], &[route]);
    let (_agent, id) = zoo.escape();
    zoo.analyzer.kill9();

    // The next one has it and does not say so before the analyzer is killed again.
    receivers.mend(&["slow"]).unwrap();
    let taken = |behaviour: &str| {
        let mut requests = receivers.requests("hook");
        requests.retain(|r| r["behaviour"] == behaviour && r["body"]["alert"]["after"]["id"] == id.as_str());
        requests
    };
    zoo.analyzer.restart().unwrap();
    tests::eventually(SOON, "the webhook has it", || taken("slow").pop()).unwrap();
    zoo.analyzer.kill9();
    zoo.analyzer.restart().unwrap();
    let again = tests::eventually(SOON, "the webhook has it again", || taken("take").pop()).unwrap();
    assert_eq!(again["delivery"], taken("slow")[0]["delivery"], "by which the receiver knows that it has it");

    let told = |zoo: &Zoo| -> anyhow::Result<()> {
        let told = get_json(&zoo.analyzer.url(&format!("/api/alerts/deliveries?incident={id}")))?;
        anyhow::ensure!(told["undelivered"] == json!([]), "{told}");
        Ok(())
    };
    eventually_ok(SOON, "the delivery is recorded", || told(&zoo)).unwrap();
    zoo.analyzer.restart().unwrap();
    eventually_ok(SOON, "nothing is left to tell", || told(&zoo)).unwrap();
    assert_eq!(taken("slow").len() + taken("take").len(), 2);
}

#[test]
fn a_channel_can_be_tried_and_home_assistant_forgets_a_camera_that_left_the_site_file() {
    let receivers = Receivers::start(&[]).unwrap();
    let files = Scratch::new("site").unwrap();
    let site_file = files.write("site.toml", site::open_ground("box", &["gate", "plaza"])).unwrap();
    let broker = Mosquitto::start().unwrap();
    let mut analyzer = Analyzer::builder(&site_file)
        .broker(&broker.url())
        .store(&site::no_store())
        .set("alert", "channel", tables(&[hook(&receivers)]))
        .set("alert", "home_assistant", Table::new())
        .start()
        .unwrap();
    let test = |body: Json| post(&analyzer.url("/api/alerts/test"), &body).unwrap();
    let answer: Json = serde_json::from_str(&test(json!({"channel": "hook", "by": "Kim"})).body).unwrap();
    assert_eq!((&answer["ok"], &answer["channel"]), (&true.into(), &"hook".into()), "{answer}");
    assert!(receivers.requests("hook")[0]["body"]["text"].as_str().unwrap().contains("no animal is out"));
    assert_eq!(test(json!({"channel": "fax"})).status, 404);
    let channels = get_json(&analyzer.url("/api/alerts/channels")).unwrap();
    assert_eq!(channels, json!([{"channel": "mqtt", "kind": "mqtt"}, {"channel": "hook", "kind": "webhook"}]));

    let entity = |camera: &str| format!("homeassistant/camera/paddock_box/{camera}_picture/config");
    let retained = |topic: &str| {
        let marker = "homeassistant/binary_sensor/paddock_box/alarm/config";
        let watch = MqttWatch::connect(&broker.url(), &["homeassistant/#"]).unwrap();
        // Retained messages come in no order, but all of them at once.
        watch.wait_for(SOON, |m| m.topic == marker).unwrap();
        watch.wait_for(secs(1), |m| m.topic == topic).is_ok()
    };
    tests::eventually(SOON, "both cameras are told", || {
        (retained(&entity("gate")) && retained(&entity("plaza"))).then_some(())
    })
    .unwrap();
    assert!(analyzer.stop().unwrap().success());
    files.write("site.toml", site::open_ground("box", &["gate"])).unwrap();
    analyzer.restart().unwrap();
    tests::eventually(SOON, "the camera is forgotten", || (!retained(&entity("plaza"))).then_some(())).unwrap();
    assert!(retained(&entity("gate")));
}
