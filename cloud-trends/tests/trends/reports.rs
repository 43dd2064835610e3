//! Reports over a history whose truth is known (see [`history::write`]).

use std::path::Path;

use serde_json::Value;

use crate::program::trends;
use crate::{golden, history};

struct Zoo {
    dir: tempfile::TempDir,
}

impl Zoo {
    async fn with_history() -> Self {
        let zoo = Self::empty();
        history::write(&zoo.dir.path().join("lake")).await;
        zoo
    }

    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        history::write_site(dir.path());
        std::fs::create_dir(dir.path().join("lake")).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> String {
        Path::join(self.dir.path(), name).display().to_string()
    }

    fn report(&self, args: &[&str]) -> String {
        let (lake, site) = (self.path("lake"), self.path("site.toml"));
        let place = ["--lake", &lake, "--site", &site];
        trends(["report"].iter().chain(args).chain(&place)).ok()
    }

    fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
        serde_json::from_str(&self.report(&args)).unwrap()
    }
}

/// The rows that have all of these values.
fn rows<'a>(report: &'a Value, sheet: &str, wanted: &[(&str, Value)]) -> Vec<&'a Value> {
    let rows = report[sheet].as_array().unwrap().iter();
    rows.filter(|row| wanted.iter().all(|(key, value)| row[*key] == *value)).collect()
}

fn the_row<'a>(report: &'a Value, sheet: &str, wanted: &[(&str, Value)]) -> &'a Value {
    let found = rows(report, sheet, wanted);
    assert_eq!(found.len(), 1, "{wanted:?} in {report:#}");
    found[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_by_hour_says_what_the_history_holds() {
    let zoo = Zoo::with_history().await;
    let report = zoo.json(&["activity"]);
    let at = |hour: i64| the_row(&report, "rows", &[("hour", hour.into()), ("where", "tigers".into())]);
    // 30 minutes on the first day and 10 on the second, of three hours less the failed minute.
    let ten = at(10);
    assert_eq!((&ten["minutes"], &ten["visits"], &ten["covered_hours"]), (&40.0.into(), &2.into(), &2.983.into()));
    assert_eq!(ten["minutes_per_hour"], 13.41);
    assert!(ten["low"].as_f64().unwrap() < 13.41 && ten["high"].as_f64().unwrap() > 13.41);
    assert_eq!(ten["coverage"], 0.99);
    // The second day's outage is no absence: five minutes in two hours less the minute that waits.
    let eleven = at(11);
    assert_eq!((&eleven["minutes"], &eleven["visits"]), (&5.0.into(), &1.into()));
    assert_eq!((&eleven["covered_hours"], &eleven["minutes_per_hour"]), (&1.983.into(), &2.52.into()));
    assert_eq!(eleven["coverage"], 0.66);
    assert_eq!(rows(&report, "rows", &[("where", "tigers".into())]).len(), 2, "hours without footage are left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_animal_outside_its_enclosure_has_a_row_of_its_own() {
    let zoo = Zoo::with_history().await;
    let report = zoo.json(&["activity"]);
    let outside =
        the_row(&report, "rows", &[("hour", 10.into()), ("where", "outside".into()), ("zone", "visitor-path".into())]);
    assert_eq!((&outside["animal"], &outside["visits"]), (&"tiger".into(), &1.into()));
    assert_eq!(outside["minutes"], 0.33);
    let bear = the_row(&report, "rows", &[("animal", "bear".into())]);
    assert_eq!((&bear["camera"], &bear["where"]), (&"plaza-1".into(), &"outside".into()));
    assert_eq!((&bear["zone"], &bear["minutes"]), (&Value::Null, &0.5.into()));
    assert_eq!(bear["low"], Value::Null, "one day has no interval");
    assert!(rows(&report, "rows", &[("animal", "person".into())]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_footer_says_which_analysis_it_is_and_what_it_left_out() {
    let zoo = Zoo::with_history().await;
    let report = zoo.json(&["activity"]);
    assert_eq!(report["analysis"], "net@aaaaaaaaaaaa");
    assert_eq!(report["other_analyses"][0], "net@bbbbbbbbbbbb");
    let counts = ["segments_analysed", "segments_failed", "segments_waiting", "segments_skipped"].map(|k| &report[k]);
    assert_eq!(counts, [358, 1, 1, 0]);
    assert_eq!(report["hours_recorded"], 6.0);
    let older = zoo.json(&["activity", "--analysis", "net@bbbbbbbbbbbb"]);
    assert_eq!(the_row(&older, "totals", &[])["minutes"], 10.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_the_rest_out() {
    let zoo = Zoo::with_history().await;
    let second_day = zoo.json(&["activity", "--since", "2026-05-02", "--until", "2026-05-02", "--species", "tiger"]);
    let home = the_row(&second_day, "totals", &[("where", "tigers".into())]);
    assert_eq!((&home["minutes"], &home["covered_hours"], &home["visits"]), (&10.0.into(), &1.0.into(), &1.into()));
    // An hour of a day that was asked for whole.
    assert_eq!(home["coverage"], 0.04);
    let plaza = zoo.json(&["activity", "--camera", "plaza-1"]);
    assert_eq!(plaza["totals"].as_array().unwrap().len(), 1);
    let cat = zoo.json(&["activity", "--species", "cat"]);
    assert_eq!(the_row(&cat, "totals", &[])["minutes"], 35.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_written_as_they_always_were() {
    let zoo = Zoo::with_history().await;
    golden::check("activity-hour.txt", &zoo.report(&["activity"]));
    golden::check("activity-hour.csv", &zoo.report(&["activity", "--format", "csv"]));
    golden::check("activity-hour.json", &zoo.report(&["activity", "--format", "json"]));
    golden::check("activity-day.txt", &zoo.report(&["activity", "--by", "day"]));
    golden::check("incidents.txt", &zoo.report(&["incidents"]));
    golden::check("incidents.csv", &zoo.report(&["incidents", "--format", "csv"]));
    golden::check("incidents.json", &zoo.report(&["incidents", "--format", "json"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_tell_drills_from_escapes() {
    let zoo = Zoo::with_history().await;
    let report = zoo.json(&["incidents"]);
    assert_eq!((&report["incidents"], &report["drills"]), (&2.into(), &1.into()));
    let escapes = the_row(&report, "summary", &[("kind", "escape".into())]);
    assert_eq!((&escapes["incidents"], &escapes["acknowledged"]), (&2.into(), &1.into()));
    assert_eq!((&escapes["median_to_acknowledge_s"], &escapes["median_to_all_clear_s"]), (&45.0.into(), &450.0.into()));
    assert_eq!(escapes["median_to_alarm_s"], 0.8);
    let later = zoo.json(&["incidents", "--since", "2026-05-03"]);
    assert_eq!(later["incidents"], 1);
}

#[test]
fn empty_tables_are_a_sentence() {
    let zoo = Zoo::empty();
    assert!(zoo.report(&["activity"]).contains("No footage of site 'demo' is stored"));
    assert!(zoo.report(&["incidents"]).contains("No incident of site 'demo' was closed"));
    assert_eq!(zoo.json(&["activity"])["rows"], serde_json::json!([]));
    assert!(zoo.report(&["activity", "--format", "csv"]).starts_with("hour,camera,animal,where,zone,minutes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_goes_into_a_file() {
    let zoo = Zoo::with_history().await;
    let file = zoo.path("report.csv");
    assert_eq!(zoo.report(&["activity", "--format", "csv", "--out", &file]), "");
    golden::check("activity-hour.csv", &std::fs::read_to_string(file).unwrap());
}
