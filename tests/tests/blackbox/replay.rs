//! `replay`: the live path over files.

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
fn a_replay_gives_the_same_lines_twice_and_an_escape_is_among_them() {
    let mut set = scenes::set("smoke").unwrap();
    // What is found in the whole set is the matter of `evaluate`.
    let wanted = [set.escapes()[0].camera.clone(), set.quiet()[0].camera.clone()];
    set.clips.retain(|clip| wanted.contains(&clip.camera));
    let scratch = Scratch::new("replay").unwrap();
    // Side by side: that one takes a core from the other must not change a line.
    let outs = ["a", "b"].map(|name| scratch.join(&format!("{name}.jsonl")));
    let mut runs: Vec<Proc> = outs.iter().map(|out| start(&set, out, &out.with_extension("log"))).collect();
    for run in &mut runs {
        assert!(run.wait(secs(150)).unwrap().success(), "{}", run.log());
    }
    let [a, b] = outs.map(|out| std::fs::read_to_string(out).unwrap());
    assert_eq!(a, b);
    let events: Vec<Value> = a.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let opened = |event: &&Value| event["type"] == "opened" && event["tier"] == "escape";
    let escape = set.escapes()[0];
    let alarm = events.iter().find(opened).unwrap_or_else(|| panic!("no escape: {a}"));
    assert_eq!(alarm["camera"], escape.camera.as_str());
    let (t, start) = (alarm["t"].as_f64().unwrap(), escape.events[0].start);
    assert!((start - 1.0..start + 10.0).contains(&t), "{t} for an event at {start}");
}
