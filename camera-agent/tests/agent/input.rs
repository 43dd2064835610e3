//! Wrong input: one sentence and exit code 2. An outage: retried for ever, said once.

use std::path::Path;
use std::process::Output;

use base::wire::SourceState;

use crate::harness::*;

fn agent(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().unwrap()
}

/// Asserts that `output` is one sentence with `part` in it, and exit code 2.
#[track_caller]
fn assert_refused(output: &Output, part: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(part), "{part:?} in {said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    assert!(!said.contains("secret") && !said.contains("panicked"), "{said}");
}

#[test]
fn a_persons_mistake_is_one_sentence_and_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text.mp4");
    std::fs::write(&text, "this is no video\n".repeat(100)).unwrap();
    let good = clip(dir.path(), "clip.mp4", 1, true);
    let good = good.to_str().unwrap();
    std::fs::write(dir.path().join("agent.toml"), "site = \"demo\"\n[frames]\nfpps = 5\n").unwrap();
    let run = |source: &str, broker: &str| {
        agent(dir.path(), &["run", "--site", "demo", "--camera", "c", "--source", source, "--broker", broker, "--once"])
    };
    let nowhere = "mqtt://127.0.0.1:1";
    assert_refused(&run("/nowhere/clip.mp4", nowhere), "there is nothing at `/nowhere/clip.mp4`");
    assert_refused(&run(text.to_str().unwrap(), nowhere), "cannot be read as video");
    assert_refused(&run("ftp://u:secret@host/clip.mp4", nowhere), "source");
    assert_refused(&run(good, "http://127.0.0.1:1883"), "give mqtt://host:port");
    assert_refused(&run(good, "mqtt://u:secret@127.0.0.1:port"), "give mqtt://host:port");
    assert_refused(&agent(dir.path(), &["run", "--config", "agent.toml"]), "agent.toml line 3: unknown field `fpps`");
    assert_refused(&agent(dir.path(), &["run", "--config", "none.toml"]), "none.toml");
    assert_refused(&agent(dir.path(), &["run", "--site", "demo"]), "`camera` is missing: give --camera");
    assert_refused(&agent(dir.path(), &["probe", "--source", "/nowhere/clip.mp4"]), "there is nothing at");
    std::fs::write(dir.path().join("paddock-spool"), "a file where the folder should be").unwrap();
    assert_refused(&run(good, nowhere), "spool folder `paddock-spool/c` cannot be used");
}

#[test]
fn two_agents_do_not_share_a_spool() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "clip.mp4", 5, true);
    let source = source.to_str().unwrap();
    let first = Agent::run(source, "mqtt://127.0.0.1:1", &[]);
    wait_for("the spool", || first.dir.path().join("spool/lock").exists().then_some(()));
    wait_for("the lock", || first.log().contains("footage waits in").then_some(()));
    let args =
        ["run", "--site", "demo", "--camera", "d", "--source", source, "--broker", "mqtt://h", "--spool", "spool"];
    assert_refused(&agent(first.dir.path(), &args), "in use by another agent");
}

#[test]
fn a_wrong_broker_address_is_retried_and_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "clip.mp4", 5, true);
    let mut agent = Agent::run(source.to_str().unwrap(), "mqtt://u:secret@127.0.0.1:1", &["--segment-seconds", "1"]);
    wait_for("the sentence", || agent.log().contains("frames: no connection to the broker").then_some(()));
    wait_for("footage to pile up", || (agent.spooled().len() >= 3).then_some(()));
    let log = agent.log();
    assert_eq!(log.matches("no connection to the broker").count(), 2, "once for each connection: {log}");
    assert!(log.contains("mqtt://u:***@127.0.0.1:1") && !log.contains("secret"), "{log}");
    agent.signal("TERM");
    let asked = std::time::Instant::now();
    assert_eq!(agent.wait(), Some(0));
    assert!(asked.elapsed().as_secs() < 9, "nobody acknowledges: no reason to wait");
}

#[test]
fn a_camera_that_is_off_is_retried_and_its_status_says_so() {
    let broker = Broker::start();
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let mut agent = Agent::run("rtsp://u:secret@127.0.0.1:1/stream", &broker.url(), &[]);
    let status = peer.wait_status("retrying", |s| matches!(s.source_state, SourceState::Retrying(_)));
    let SourceState::Retrying(why) = &status.source_state else { unreachable!() };
    assert!(why.contains("rtsp://u:***@127.0.0.1:1/stream"), "{why}");
    let tries = |log: &str| log.matches("trying again for ever").count();
    assert_eq!(tries(&agent.log()), 1, "{}", agent.log());
    assert!(!agent.log().contains("secret") && !status.source.contains("secret"));
    agent.signal("TERM");
    assert_eq!(agent.wait(), Some(0));
}

#[test]
fn a_second_signal_leaves_at_once() {
    let broker = Broker::start();
    let peer = Peer::connect(&broker, Answer::Nothing);
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "clip.mp4", 30, true);
    let mut agent = Agent::run(source.to_str().unwrap(), &broker.url(), &["--segment-seconds", "1"]);
    peer.wait_segments(1);
    agent.signal("TERM");
    wait_for("the first signal to be heard", || agent.log().contains("a second signal leaves at once").then_some(()));
    agent.signal("TERM");
    assert_eq!(agent.wait(), Some(130));
}

#[test]
fn probe_says_what_a_source_is() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "clip.mp4", 5, true);
    let source = source.to_str().unwrap();
    let output = agent(dir.path(), &["probe", "--source", source]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("320x240 h264") && said.contains("10.00 frames/s"), "{said}");
    assert!(said.contains("every 1.0 s") && said.contains("copied as it is"), "{said}");
    let output = agent(dir.path(), &["probe", "--json", "--source", source]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((value["width"].as_u64(), value["footage"].as_str()), (Some(320), Some("copied")));
}
