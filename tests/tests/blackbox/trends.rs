//! Trends: footage in the store becomes tables, exactly once, and tables become reports.

use base::incident::IncidentState;
use serde_json::json;
use tests::http::{get_json, post};
use tests::process::{Finished, Start};
use tests::wait::{eventually_ok, secs};
use tests::{Scratch, bin};

use crate::common::{SOON, Stage, wait_opened};

/// cloud-trends over the stage's bucket.
struct Trends {
    files: Scratch,
}

impl Trends {
    fn new(stage: &Stage, site: &std::path::Path) -> Self {
        let files = Scratch::new("trends").unwrap();
        let mut config = toml::Table::new();
        config.insert("site".into(), site.display().to_string().into());
        config.insert("model".into(), tests::repo_root().join("models/centernet").display().to_string().into());
        config.insert("store".into(), toml::Value::try_from(stage.bucket.config()).unwrap());
        files.write("trends.toml", config.to_string()).unwrap();
        Self { files }
    }

    fn start(&self, args: &[&str]) -> Start {
        let config = self.files.join("trends.toml").display().to_string();
        Start::new(bin("cloud-trends").unwrap()).args(args).args(["--config", &config])
    }

    fn run(&self, args: &[&str]) -> String {
        self.start(args).run(secs(120)).and_then(Finished::success).unwrap_or_else(|e| panic!("{args:?}: {e:#}"))
    }

    /// The observations of the batch and the analyses, without what differs from run to run.
    fn tables(&self) -> (String, String) {
        let observations = "SELECT model, camera, track, ts, label, score, box_x, box_y, box_w, box_h, zone \
                            FROM observations WHERE source = 'batch' ORDER BY model, camera, ts, track";
        let analyses = "SELECT model, settings, camera, segment, batch, outcome FROM analyses \
                        ORDER BY model, settings, camera, segment";
        let ask = |sql| self.run(&["query", sql, "--format", "csv"]);
        (ask(observations), ask(analyses))
    }
}

#[test]
fn footage_is_analysed_exactly_once_whoever_runs_it_how_often_and_reports_count_the_visit() {
    let (mut stage, set) = Stage::smoke().unwrap();
    let clips = [set.escapes()[0], set.escapes()[1]];
    let mut agents: Vec<_> = clips.iter().map(|clip| stage.agent_on(&set, clip, &["--once"]).unwrap()).collect();
    let (alert, _) = wait_opened(&stage.watch, &clips[0].camera, SOON).unwrap();
    for agent in &mut agents {
        assert!(agent.process().wait(SOON).unwrap().success(), "{}", agent.log());
    }
    // The all-clear: only a closed incident is in the table.
    let resolve = stage.analyzer.url(&format!("/api/incidents/{}/resolve", alert.after.id));
    let answer = post(&resolve, &json!({"by": "keeper", "text": "back in its yard"})).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let state = get_json(&stage.analyzer.url(&format!("/api/incidents/{}", alert.after.id))).unwrap()["state"].clone();
    assert_eq!(serde_json::from_value::<IncidentState>(state).unwrap(), IncidentState::Resolved);

    let segments = stage.cut().len();
    let trends = Trends::new(&stage, &set.site());
    let count = |sql: &str| -> anyhow::Result<usize> {
        let text = trends.start(&["query", sql, "--format", "csv"]).run(secs(60))?.success()?;
        Ok(text.lines().nth(1).unwrap_or_default().parse()?)
    };
    eventually_ok(secs(60), "all rows were in the tables", || {
        let (rows, closed) = (count("SELECT count(*) FROM segments")?, count("SELECT count(*) FROM incidents")?);
        anyhow::ensure!(rows == segments && closed == 1, "{rows} of {segments} segments, {closed} incidents");
        Ok(())
    })
    .unwrap();
    // From here on the analyzer is not needed, and does not take the processor.
    assert!(stage.analyzer.stop().unwrap().success(), "{}", stage.analyzer.log());

    trends.run(&["analyze"]);
    let once = trends.tables();
    assert_eq!(once.1.lines().count(), segments + 1, "one analysis a segment:\n{}", once.1);
    assert!(once.0.lines().count() > 5, "{}", once.0);
    trends.run(&["analyze"]);
    assert_eq!(trends.tables(), once, "analysed twice");

    // Other settings, so that there is work for both: two at once.
    let mut both: Vec<_> = ["a.log", "b.log"]
        .iter()
        .map(|log| trends.start(&["analyze", "--fps", "1", "--workers", "1"]).spawn(&trends.files.join(log)).unwrap())
        .collect();
    for one in &mut both {
        assert!(one.wait(secs(120)).unwrap().success(), "{}", one.log());
    }
    let twice = trends.tables();
    assert_eq!(twice.1.lines().count(), 2 * segments + 1, "{}", twice.1);
    let mut rows: Vec<&str> = twice.0.lines().skip(1).collect();
    assert!(rows.len() > once.0.lines().count() - 1);
    let all = rows.len();
    rows.dedup();
    assert_eq!(rows.len(), all, "no row twice");

    assert_reports(&trends, clips[0].camera.as_str());
}

fn assert_reports(trends: &Trends, camera: &str) {
    let activity = trends.run(&["report", "activity", "--camera", camera, "--format", "json"]);
    let activity: serde_json::Value = serde_json::from_str(&activity).unwrap();
    let rows = activity.as_object().unwrap().values().filter_map(|v| v.as_array()).flatten();
    let visits: i64 = rows.filter_map(|row| row["visits"].as_i64()).sum();
    assert!(visits >= 1, "{activity:#}");
    let csv = trends.run(&["report", "incidents", "--format", "csv"]);
    assert!(csv.lines().count() >= 2 && csv.contains("keeper"), "{csv}");
    let table = trends.run(&["report", "incidents"]);
    assert!(table.contains("escape"), "{table}");
    trends.run(&["report", "activity"]);
}
