//! `analyze` over real footage by the real model: what it sees, and that the tables stay the same however often
//! and by however many it is run.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tables::Lake;

use crate::footage::Footage;
use crate::program::{Said, command, trends};

fn args(footage: &Footage, more: &[&str]) -> Vec<String> {
    let (lake, site) = (footage.lake().display().to_string(), footage.site().display().to_string());
    let fixed = ["analyze", "--lake", &lake, "--site", &site, "--workers", "2"];
    fixed.iter().chain(more).map(|a| (*a).to_owned()).collect()
}

fn analyze(footage: &Footage, more: &[&str]) -> Said {
    trends(args(footage, more))
}

/// The last line of `--json`.
fn done(said: Said) -> Value {
    let out = said.ok();
    serde_json::from_str(out.lines().last().unwrap()).unwrap()
}

fn query(footage: &Footage, sql: &str) -> String {
    trends(["query", "--format", "csv", "--lake", &footage.lake().display().to_string(), sql]).ok()
}

/// What must be the same after every run: all but who ran it, and when.
fn tables(footage: &Footage) -> (String, String) {
    let rows = "SELECT ts, camera, track, label, species, score, zone, enclosure, source, model FROM observations \
                ORDER BY ts, camera, track";
    let facts = "SELECT camera, segment, key, model, settings, batch, outcome FROM analyses ORDER BY camera, segment";
    (query(footage, rows), query(footage, facts))
}

#[tokio::test(flavor = "multi_thread")]
async fn footage_becomes_rows_once_however_often_it_is_analysed() {
    let footage = Footage::new().await;
    let first = done(analyze(&footage, &["--json"]));
    assert_eq!((&first["segments"], &first["batches_written"], &first["failures"]), (&6.into(), &2.into(), &0.into()));
    let (rows, facts) = tables(&footage);
    let dog =
        |camera: &&str| rows.lines().filter(|l| l.contains(&format!(",{camera},")) && l.contains(",dog,")).count();
    assert_eq!(["yard", "gate"].iter().map(dog).collect::<Vec<_>>(), [12, 12], "one dog for twelve seconds:\n{rows}");
    assert_eq!(facts.lines().count(), 7, "{facts}");
    let tracks = query(&footage, "SELECT count(DISTINCT track) AS tracks FROM observations WHERE label = 'dog'");
    assert_eq!(tracks, "tracks\n2\n", "tracks run on across segments");

    let second = done(analyze(&footage, &["--json"]));
    assert_eq!((&second["segments"], &second["analysed_before"]), (&0.into(), &6.into()));
    assert_eq!(tables(&footage), (rows.clone(), facts.clone()));
    assert!(analyze(&footage, &[]).ok().contains("Nothing to do: 6 segments were analysed before"));

    let (lake, site) = (footage.lake().display().to_string(), footage.site().display().to_string());
    let report = trends(["report", "activity", "--format", "json", "--lake", &lake, "--site", &site]).ok();
    let report: Value = serde_json::from_str(&report).unwrap();
    let places: Vec<_> = report["totals"].as_array().unwrap().iter().map(|t| (&t["where"], &t["visits"])).collect();
    assert_eq!(places, [(&"outside".into(), &1.into()), (&"wolves".into(), &1.into())], "{report:#}");
    assert_eq!(report["totals"][0]["minutes"], 0.2);

    // Other settings: another analysis beside the old one, and the report takes the newest alone.
    done(analyze(&footage, &["--json", "--fps", "1"]));
    let report = trends(["report", "activity", "--format", "json", "--lake", &lake, "--site", &site]).ok();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["totals"][0]["minutes"], 0.2, "{report:#}");
    assert_eq!(report["other_analyses"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_leave_the_tables_of_one() {
    let (one, two) = (Footage::new().await, Footage::new().await);
    analyze(&one, &[]).ok();
    let start = || command(args(&two, &[])).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let runs = [start(), start()];
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(tables(&two), tables(&one));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_is_completed_by_the_next() {
    let (one, two) = (Footage::new().await, Footage::new().await);
    analyze(&one, &[]).ok();
    // Killed as soon as there is anything of it in the tables, which may be between the two commits.
    let mut run = command(args(&two, &[])).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let log = two.lake().join("tables/observations/_delta_log/00000000000000000001.json");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !log.exists() && run.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "nothing was committed");
        std::thread::sleep(Duration::from_millis(1));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(log.exists(), "{} is not what was waited for", log.display());
    analyze(&two, &[]).ok();
    assert_eq!(tables(&two), tables(&one));
}

#[tokio::test(flavor = "multi_thread")]
async fn footage_at_fault_costs_its_segment_and_is_tried_again_when_asked_to() {
    let footage = Footage::new().await;
    let good = std::fs::read(footage.file(0)).unwrap();
    std::fs::remove_file(footage.file(0)).unwrap();
    std::fs::write(footage.file(1), &good[..good.len() / 2]).unwrap();
    let mut other = std::fs::read(footage.file(2)).unwrap();
    let middle = other.len() / 2;
    other[middle] ^= 0xff;
    std::fs::write(footage.file(2), &other).unwrap();

    let said = analyze(&footage, &["--json"]);
    for (segment, why) in [(0, "is missing"), (1, "bytes where the table says"), (2, "sha256 is not")] {
        let key = footage.segments[segment].key(&crate::history::site_id());
        let line = said.err.lines().find(|l| l.contains(&key)).unwrap_or_else(|| panic!("{said:?}"));
        assert!(line.contains(why), "{line}");
    }
    let totals = done(said);
    assert_eq!((&totals["segments"], &totals["failures"]), (&3.into(), &3.into()));
    let failed = "SELECT count(*) AS n FROM analyses WHERE outcome LIKE 'failed: %'";
    assert_eq!(query(&footage, failed), "n\n3\n");

    // Not by itself; and only what is mended succeeds.
    std::fs::write(footage.file(0), &good).unwrap();
    assert!(analyze(&footage, &[]).ok().contains("3 failed (--retry-failed tries them again)"));
    let again = done(analyze(&footage, &["--json", "--retry-failed"]));
    assert_eq!((&again["segments"], &again["failures"]), (&1.into(), &2.into()));
    let rows = query(&footage, "SELECT count(*) AS n FROM observations WHERE camera = 'yard' AND label = 'dog'");
    assert_eq!(rows, "n\n4\n", "the first four seconds");
    let third = done(analyze(&footage, &["--json", "--retry-failed"]));
    assert_eq!((&third["segments"], &third["failures"]), (&0.into(), &2.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn footage_that_arrives_later_is_added_to_its_window() {
    let footage = Footage::new().await;
    analyze(&footage, &[]).ok();
    let lake = Lake::local(&footage.lake()).unwrap();
    let mut late = footage.segments[0].clone();
    late.id = base::ids::SegmentId::new("late").unwrap();
    late.start = late.start.plus_us(60_000_000);
    let file = footage.lake().join(late.key(&crate::history::site_id()));
    std::fs::copy(footage.file(0), file).unwrap();
    footage.index(&lake, &[late], 2).await;
    let totals = done(analyze(&footage, &["--json"]));
    assert_eq!((&totals["segments"], &totals["batches_written"]), (&1.into(), &1.into()));
    assert_eq!(query(&footage, "SELECT count(*) AS n FROM observations WHERE label = 'dog'"), "n\n28\n");
}
