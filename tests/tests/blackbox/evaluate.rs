//! `evaluate`: what is found, missed and raised falsely on a labelled set.

use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use tests::process::{Finished, Start};
use tests::wait::secs;
use tests::{Scratch, bin, repo_root, scenes};

fn evaluate(set: &Path, more: &[&str]) -> Finished {
    let program = bin("cluster-analyzer").unwrap();
    Start::new(program).args(["evaluate", "--set"]).args([set]).args(more).run(secs(240)).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_smoke_set_is_as_good_as_recorded_and_what_was_seen_is_judged_again_at_once() {
    let set = scenes::set("smoke").unwrap();
    let scratch = Scratch::new("evaluate").unwrap();
    let path = |name: &str| scratch.join(name).display().to_string();
    let recorded = repo_root().join("tests/recorded/smoke.toml").display().to_string();
    let (seen, out, mot) = (path("seen"), path("out"), path("mot"));
    let first = evaluate(&set.dir, &["--seen", &seen, "--out", &out, "--mot", &mot, "--at-least", &recorded]);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.out.contains("recall") && first.out.contains("by species"), "{}", first.out);

    let (began, again_json) = (Instant::now(), path("again.json"));
    let again = evaluate(&set.dir, &["--seen", &seen, "--json", &again_json]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(began.elapsed() < secs(20), "{:?}", began.elapsed());
    let (first, again) = (json(&scratch.join("out").join("evaluation.json")), json(Path::new(&again_json)));
    for part in ["headline", "tables"] {
        assert_eq!(first["evaluation"][part], again["evaluation"][part]);
    }
    assert_eq!(first["clips"], again["clips"]);
    assert_eq!(again["evaluation"]["speed"]["clips_looked_at"], 0);
    let events: usize = set.clips.iter().map(|clip| clip.events.len()).sum();
    assert_eq!(first["evaluation"]["headline"]["events"], events);

    // Every alarm is a line, and what went wrong has its picture.
    let alarms = std::fs::read_to_string(scratch.join("out").join("alarms.jsonl")).unwrap();
    let verdicts = alarms.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["verdict"].clone());
    let wrong = verdicts.filter(|verdict| ["stray", "late", "again", "hand-off"].iter().any(|v| verdict == v)).count();
    let missed = events - first["evaluation"]["headline"]["found"].as_u64().unwrap() as usize;
    let files = std::fs::read_dir(scratch.join("out")).unwrap().flatten();
    let sheets = files.filter(|file| file.path().extension().is_some_and(|e| e == "png")).count();
    assert_eq!(sheets, wrong + missed);
    assert!(Path::new(&mot).join("det").read_dir().unwrap().count() >= set.clips.len());

    // Figures that nothing reaches.
    let impossible = scratch.write("impossible.toml", "events = 100000\n").unwrap().display().to_string();
    let worse = evaluate(&set.dir, &["--seen", &seen, "--at-least", &impossible]);
    assert!(worse.code == Some(1) && worse.err.contains("events is"), "{worse:?}");
}

#[test]
fn typed_sets_that_are_none_are_told() {
    let scratch = Scratch::new("evaluate").unwrap();
    let told = |more: &[&str], parts: &[&str]| {
        let finished = evaluate(scratch.path(), more);
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert_eq!(finished.err.lines().count(), 1, "{finished:?}");
        assert!(parts.iter().all(|part| finished.err.contains(part)), "{parts:?} in {}", finished.err);
    };
    told(&[], &["site.toml"]);
    scratch.write("site.toml", tests::site::open_ground("zoo", &["gate"])).unwrap();
    told(&[], &["truth.json", "cannot be read"]);
    scratch.write("truth.json", r#"[{"clip":"a.mp4","camera":"gate","events":[{"end":3}]}]"#).unwrap();
    told(&[], &["truth.json", "clip 1 (a.mp4), event 1", "`start`"]);
    scratch.write("truth.json", r#"[{"clip":"a.mp4","camera":"moon","events":[]}]"#).unwrap();
    told(&[], &["truth.json", "`camera`", "moon"]);
    scratch.write("truth.json", r#"[{"clip":"a.mp4","camera":"gate","events":[]}]"#).unwrap();
    told(&[], &["truth.json", "`clip`", "a.mp4"]);
    let limits = scratch.write("limits.toml", "recal = 0.9\n").unwrap().display().to_string();
    told(&["--at-least", &limits], &["limits.toml:1", "recal"]);
    let calibration = scratch.write("c.toml", "v = 9\n").unwrap().display().to_string();
    told(&["--calibration", &calibration], &["c.toml"]);
}
