//! Pure: the figures as a person reads them.

use std::fmt::Write as _;

use super::figures::{Delays, Figures, Row, Table};
use super::stats::Interval;

/// The figures of all clips under a heading.
pub fn figures(heading: &str, f: &Figures) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{heading}");
    let hours = format!("{:.2} camera-hours, {:.2} of them with nothing out", f.camera_hours, f.quiet_hours);
    let _ = writeln!(out, "  events            {} in {hours}", f.events);
    let _ = writeln!(out, "  recall            {}  ({} found)", share(f.recall), f.found);
    let _ = writeln!(out, "  precision         {}  ({} false alarms)", share(f.precision), f.false_alarms);
    let _ = writeln!(out, "  F1 (a = 0.65)     {}", share(f.f1));
    let _ = writeln!(out, "  false alarms      {} a camera-hour", share(f.false_per_camera_hour));
    let _ = writeln!(out, "  of those          {} repeats after 10 s, {} too late for a miss", f.again, f.late);
    let _ = writeln!(out, "  false hand-offs   {}", f.false_hand_offs);
    let _ = writeln!(out, "  seconds to alarm  from ground point out: {}", delays(&f.from_out_s));
    let _ = writeln!(out, "                    from the event's start: {}", delays(&f.from_start_s));
    let _ = writeln!(out, "  pictures          {}", f.pictures);
    out
}

fn delays(d: &Delays) -> String {
    format!("p50 {}, p95 {}", share(d.p50), share(d.p95))
}

/// A value with its interval.
fn share(i: Interval) -> String {
    match i {
        Interval { value: Some(value), low: Some(low), high: Some(high) } => {
            format!("{value:.3} [{low:.3}, {high:.3}]")
        }
        Interval { value: Some(value), .. } => format!("{value:.3}"),
        _ => "-".into(),
    }
}

/// A table with a line a row; columns that no row fills are left out.
pub fn table(table: &Table) -> String {
    let of_clips = table.rows.iter().any(|row| row.false_alarms.is_some());
    let mut lines = vec![vec![
        format!("by {}", table.by),
        "events".into(),
        "found".into(),
        "recall".into(),
        "p50 s".into(),
        "p95 s".into(),
    ]];
    if of_clips {
        lines[0].extend(["false".into(), "hours".into()]);
    }
    lines.extend(table.rows.iter().map(|row| cells(row, of_clips)));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate();
        let padded =
            cells.map(|(i, (cell, width))| if i == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") });
        let _ = writeln!(out, "  {}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    out
}

fn cells(row: &Row, of_clips: bool) -> Vec<String> {
    let seconds = |s: Option<f64>| s.map_or("-".into(), |s| format!("{s:.2}"));
    let mut cells = vec![
        row.name.clone(),
        row.events.to_string(),
        row.found.to_string(),
        share(row.recall),
        seconds(row.p50_s),
        seconds(row.p95_s),
    ];
    if of_clips {
        cells.push(row.false_alarms.map_or("-".into(), |n| n.to_string()));
        cells.push(row.camera_hours.map_or("-".into(), |h| format!("{h:.2}")));
    }
    cells
}
