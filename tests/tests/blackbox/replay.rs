//! `replay`: the live path over files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tests::process::{Proc, Start};
use tests::scenes::Set;
use tests::wait::secs;
use tests::{Scratch, bin, scenes};

/// Starts a replay of all clips of a set.
fn start(set: &Set, out: &Path, log: &Path) -> Proc {
    let cameras = set
        .clips
        .iter()
        .flat_map(|clip| ["--camera".to_owned(), format!("{}={}", clip.camera, set.path(clip).display())]);
    Start::new(bin("cluster-analyzer").unwrap())
        .args(["replay".as_ref(), "--site".as_ref(), set.site().as_os_str()])
        .args(cameras)
        .args(["--out".as_ref(), out.as_os_str()])
        .spawn(log)
        .unwrap()
}

#[test]
fn a_replay_of_the_smoke_set_finds_its_escapes_and_nothing_else_and_the_same_twice() {
    let set = scenes::set("smoke").unwrap();
    let scratch = Scratch::new("replay").unwrap();
    // Side by side: that one takes a core from the other must not change a line.
    let outs = ["a", "b"].map(|name| scratch.join(&format!("{name}.jsonl")));
    let mut runs: Vec<Proc> = outs.iter().map(|out| start(&set, out, &out.with_extension("log"))).collect();
    for run in &mut runs {
        assert!(run.wait(secs(150)).unwrap().success(), "{}", run.log());
    }
    let [a, b] = outs.map(|out| std::fs::read_to_string(out).unwrap());
    assert_eq!(a, b);

    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in a.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["type"] == "opened" && event["tier"] == "escape" {
            found.entry(event["camera"].as_str().unwrap().into()).or_default().push(event["t"].as_f64().unwrap());
        }
    }
    let mut faults = Vec::new();
    for clip in &set.clips {
        let alerts = found.remove(clip.camera.as_str()).unwrap_or_default();
        let right = match &clip.events[..] {
            [] => alerts.is_empty(),
            // A repeat within ten seconds of the event's start is the same alarm, as `evaluate` counts.
            [event, ..] => {
                let counts = event.start - 0.3..event.start + 10.0;
                !alerts.is_empty() && alerts.iter().all(|t| counts.contains(t))
            }
        };
        if !right {
            faults.push(format!("{}: alerts at {alerts:?}, truth {:?}", clip.camera, clip.events));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}\n{a}");
}
