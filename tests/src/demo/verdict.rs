//! What has to be true when the clips are over, and whether it is.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use base::incident::{Alert, AlertType, Tier};
use base::time::Clock as _;
use base::wire::{Form as _, IncidentAction, IncidentCommand, VERSION};

use super::stage::{Cast, Stage};
use super::story::Story;
use crate::http;
use crate::process::is_alive;
use crate::wait::{eventually, secs};
use crate::watch::Outgoing;

/// One thing that has to be true.
#[derive(Debug)]
pub struct Check {
    /// What.
    pub what: String,
    /// What was seen.
    pub seen: String,
    /// Whether it is true.
    pub passed: bool,
}

fn check(what: &str, passed: bool, seen: impl Into<String>) -> Check {
    Check { what: what.into(), seen: seen.into(), passed }
}

/// What became of the footage.
#[derive(Debug)]
pub struct Stored {
    agents_ended_well: bool,
    acknowledged: usize,
    uploaded: usize,
    in_table: usize,
    bytes: u64,
}

/// The reports, as far as the verdict needs them.
#[derive(Debug)]
pub struct Reports {
    /// Camera and whether the animal was outside, of each visit that the batch found.
    visits_outside: BTreeSet<String>,
    closed_incidents: usize,
}

/// Waits until every acknowledged segment is verified in the object store and named in the table.
pub fn settle(story: &mut Story, stage: &mut Stage) -> Result<Stored> {
    let exits = stage.agent_exits()?;
    for (camera, status) in exits.iter().filter(|(_, status)| !status.success()) {
        story.tell(&format!("the agent of {camera} ended with {status}"));
    }
    story.follow(&stage.watch.messages());
    let acknowledged = story.acknowledged.len();
    story.tell(&format!("{acknowledged} segments acknowledged; waiting until the object store has them all"));
    let uploaded = || {
        let page = stage.metrics().ok()?;
        let done = http::metric_sum(&page, "paddock_segments_uploaded_total") as usize;
        (done >= acknowledged).then_some(done)
    };
    let uploaded = eventually(secs(30), "all footage was uploaded", uploaded)?;
    let in_table = eventually(secs(30), "all footage was in the table `segments`", || {
        let rows = query(stage, "SELECT count(*) AS n, coalesce(sum(bytes), 0) AS bytes FROM segments").ok()?;
        let row = rows.first()?;
        let (n, bytes) = (row["n"].as_u64()?, row["bytes"].as_u64()?);
        (n as usize >= acknowledged).then_some((n as usize, bytes))
    })?;
    story.tell(&format!("{uploaded} segments, {:.1} MB, verified there by checksum", in_table.1 as f64 / 1e6));
    let agents_ended_well = exits.iter().all(|(_, status)| status.success());
    Ok(Stored { agents_ended_well, acknowledged, uploaded, in_table: in_table.0, bytes: in_table.1 })
}

/// Gives the all-clear for every escape, as a keeper would.
pub fn resolve_incidents(story: &mut Story, stage: &Stage) -> Result<()> {
    let open: BTreeSet<String> = opened(story).map(|alert| alert.after.id.to_string()).collect();
    if open.is_empty() {
        story.tell("nothing to clear");
        return Ok(());
    }
    for id in &open {
        for action in [IncidentAction::Acknowledge, IncidentAction::Resolve] {
            let at = base::time::SystemClock::new().now();
            let command = IncidentCommand { v: VERSION, by: "demo keeper".into(), at, action };
            let topic = format!("paddock/{}/incident/{id}/command", stage.site());
            stage.watch.publish(Outgoing::new(topic, command.to_json()))?;
        }
    }
    eventually(secs(10), "the incidents were resolved", || {
        story.follow(&stage.watch.messages());
        let resolved: BTreeSet<String> = story
            .alerts
            .iter()
            .filter(|alert| alert.kind == AlertType::Resolved)
            .map(|alert| alert.after.id.to_string())
            .collect();
        open.is_subset(&resolved).then_some(())
    })?;
    eventually(secs(20), "the incidents were in the table `incidents`", || {
        let rows = query(stage, "SELECT count(*) AS n FROM incidents").ok()?;
        (rows.first()?["n"].as_u64()? as usize >= open.len()).then_some(())
    })
}

/// Runs the batch and prints the reports.
pub fn report(story: &mut Story, stage: &Stage) -> Result<Reports> {
    let said = stage.trends(&["analyze"])?;
    story.quote(said.err.lines().last().unwrap_or_default());
    story.quote(&said.success().context("cloud-trends analyze")?);
    for name in ["activity", "incidents"] {
        story.tell(&format!("cloud-trends report {name}"));
        story.quote(&stage.trends(&["report", name])?.success().with_context(|| format!("report {name}"))?);
    }
    let outside =
        "SELECT DISTINCT camera FROM observations WHERE source = 'batch' AND enclosure IS NULL AND species IS NOT NULL";
    let visits = query(stage, outside)?;
    let closed = query(stage, "SELECT count(*) AS n FROM incidents")?;
    Ok(Reports {
        visits_outside: visits.iter().filter_map(|row| row["camera"].as_str().map(str::to_owned)).collect(),
        closed_incidents: closed.first().and_then(|row| row["n"].as_u64()).unwrap_or_default() as usize,
    })
}

/// What has to be true of alerts, footage and reports.
pub fn checks(story: &Story, cast: &Cast, stored: &Stored, reports: &Reports) -> Vec<Check> {
    let mut checks = alarm_checks(story, cast);
    checks.push(check(
        "every agent ended well, its spool empty",
        stored.agents_ended_well && stored.acknowledged > 0,
        format!("{} segments acknowledged", stored.acknowledged),
    ));
    checks.push(check(
        "all of it is in the object store and in the table",
        stored.uploaded == stored.acknowledged && stored.in_table == stored.acknowledged,
        format!("{} uploaded, {} in the table, {:.1} MB", stored.uploaded, stored.in_table, stored.bytes as f64 / 1e6),
    ));
    let expected: BTreeSet<String> =
        cast.truth.iter().filter(|c| !c.events.is_empty()).map(|c| c.camera.to_string()).collect();
    if !expected.is_empty() {
        checks.push(check(
            "the report counts the visit outside",
            expected.is_subset(&reports.visits_outside),
            format!("seen outside at {}", list(&reports.visits_outside)),
        ));
        checks.push(check(
            "the closed incident is in its table",
            reports.closed_incidents > 0,
            reports.closed_incidents.to_string(),
        ));
    }
    checks
}

fn alarm_checks(story: &Story, cast: &Cast) -> Vec<Check> {
    if cast.truth.is_empty() {
        return Vec::new(); // nobody knows what a camera of the user's sees
    }
    let is_escape_at = |camera: &str| cast.truth.iter().any(|c| c.camera.as_str() == camera && !c.events.is_empty());
    let escapes: Vec<&Alert> = opened(story).collect();
    let mut seen_at = BTreeSet::new();
    for alert in story.alerts.iter().filter(|a| a.after.tier == Tier::Escape) {
        seen_at.extend(alert.after.sightings.iter().map(|s| s.camera.to_string()));
    }
    let expected: BTreeSet<String> =
        cast.truth.iter().filter(|c| !c.events.is_empty()).map(|c| c.camera.to_string()).collect();
    let false_at: BTreeSet<String> = seen_at.iter().filter(|c| !is_escape_at(c)).cloned().collect();
    let latency = escapes.first().map_or(f64::INFINITY, |alert| alert.latency_us as f64 / 1e6);
    vec![
        check("the alert came", latency < 1.0, format!("{latency:.3} s after the frame that decided it")),
        check(
            "one animal is one incident, followed from camera to camera",
            escapes.len() == 1 && expected.is_subset(&seen_at),
            format!("{} incident(s), seen at {}", escapes.len(), list(&seen_at)),
        ),
        check(
            "the animal that stayed where it belongs raised none",
            false_at.is_empty(),
            if false_at.is_empty() { "quiet".to_owned() } else { format!("alarms at {}", list(&false_at)) },
        ),
    ]
}

/// Stops the analyzer; neither it nor anything that it started may be left.
pub fn stops_cleanly(stage: Stage, family: &[u32]) -> Check {
    let analyzer = stage.analyzer_pid();
    let status = stage.stop();
    let gone = eventually(secs(10), "the processes were gone", || {
        family.iter().chain([&analyzer]).all(|pid| !is_alive(*pid)).then_some(())
    });
    let what = "everything that was started has ended";
    match (status, gone) {
        (Ok(status), Ok(())) => check(what, status.success(), format!("analyzer: {status}")),
        (Err(error), _) | (_, Err(error)) => check(what, false, format!("{error:#}")),
    }
}

fn opened(story: &Story) -> impl Iterator<Item = &Alert> {
    story.alerts.iter().filter(|alert| alert.kind == AlertType::Opened && alert.after.tier == Tier::Escape)
}

fn query(stage: &Stage, sql: &str) -> Result<Vec<serde_json::Value>> {
    let text = stage.trends(&["query", sql, "--format", "json"])?.success()?;
    let document: serde_json::Value = serde_json::from_str(&text)?;
    match document.get("rows").and_then(|rows| rows.as_array()) {
        Some(rows) => Ok(rows.clone()),
        None => bail!("no rows in {text}"),
    }
}

fn list(names: &BTreeSet<String>) -> String {
    if names.is_empty() { "none".into() } else { names.iter().cloned().collect::<Vec<_>>().join(", ") }
}
