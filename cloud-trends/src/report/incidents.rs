//! Pure: closed incidents, and how long the zoo needed for them. Drills are counted apart: they are staged.

use base::incident::Incident;
use base::time::Micros;
use base::wire::Form as _;

use crate::calendar::Calendar;
use crate::output::{Cell, Sheet};

/// One row of the table `incidents`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Closed {
    /// Which.
    pub id: String,
    /// `watch` or `escape`.
    pub tier: String,
    /// Capture time of the picture that decided it.
    pub opened_at: Micros,
    /// When somebody took it.
    pub acknowledged_at: Option<Micros>,
    /// All-clear.
    pub resolved_at: Option<Micros>,
    /// Who gave it.
    pub resolved_by: Option<String>,
    /// Every camera that saw it, separated by commas.
    pub cameras: String,
    /// Where it was last.
    pub zone: Option<String>,
    /// Species, or the detector's label.
    pub animal: String,
    /// The zoo's danger code.
    pub danger: Option<String>,
    /// A synthetic animal.
    pub drill: bool,
    /// When the animal was first seen, where the row's detail says so.
    pub first_seen: Option<Micros>,
}

impl Closed {
    /// From the picture in which it was first seen to the one that decided the alarm, seconds.
    pub fn to_alarm_s(&self) -> Option<f64> {
        self.first_seen.map(|seen| self.opened_at.seconds_since(seen).max(0.0))
    }

    /// From the alarm to somebody taking it, seconds.
    pub fn to_acknowledge_s(&self) -> Option<f64> {
        self.acknowledged_at.map(|at| at.seconds_since(self.opened_at))
    }

    /// From the alarm to the all-clear, seconds.
    pub fn to_all_clear_s(&self) -> Option<f64> {
        self.resolved_at.map(|at| at.seconds_since(self.opened_at))
    }

    fn kind(&self) -> &str {
        if self.drill { "drill" } else { &self.tier }
    }
}

/// When the animal of an incident was first seen, from the JSON in the table's column `detail`.
pub fn first_seen(detail: &str) -> Option<Micros> {
    Incident::from_json(detail.as_bytes()).ok()?.sightings.iter().map(|s| s.first_seen).min()
}

/// The incidents themselves, oldest first.
pub fn rows(incidents: &[Closed], calendar: &Calendar) -> Sheet {
    let columns = [
        "opened",
        "kind",
        "animal",
        "danger",
        "cameras",
        "last_zone",
        "to_alarm_s",
        "to_acknowledge_s",
        "to_all_clear_s",
        "closed_by",
        "id",
    ];
    let mut sheet = Sheet::new("rows", "", &columns);
    let row = |i: &Closed| {
        vec![
            Cell::text(calendar.show(i.opened_at)),
            Cell::text(i.kind()),
            Cell::text(&i.animal),
            Cell::maybe_text(i.danger.as_deref()),
            Cell::text(&i.cameras),
            Cell::maybe_text(i.zone.as_deref()),
            Cell::maybe_number(i.to_alarm_s(), 1),
            Cell::maybe_number(i.to_acknowledge_s(), 1),
            Cell::maybe_number(i.to_all_clear_s(), 1),
            Cell::maybe_text(i.resolved_by.as_deref()),
            Cell::text(&i.id),
        ]
    };
    sheet.rows = incidents.iter().map(row).collect();
    sheet
}

/// How many of each kind, and their times: medians, and the longest.
pub fn summary(incidents: &[Closed]) -> Sheet {
    let columns = [
        "kind",
        "incidents",
        "acknowledged",
        "median_to_alarm_s",
        "median_to_acknowledge_s",
        "longest_to_acknowledge_s",
        "median_to_all_clear_s",
        "longest_to_all_clear_s",
    ];
    let mut sheet = Sheet::new("summary", "By kind (drills are staged and counted apart)", &columns);
    for kind in ["escape", "watch", "drill"] {
        let of: Vec<&Closed> = incidents.iter().filter(|i| i.kind() == kind).collect();
        if of.is_empty() {
            continue;
        }
        let times = |time: fn(&Closed) -> Option<f64>| of.iter().filter_map(|i| time(i)).collect::<Vec<f64>>();
        let (alarm, acknowledge, clear) =
            (times(Closed::to_alarm_s), times(Closed::to_acknowledge_s), times(Closed::to_all_clear_s));
        sheet.rows.push(vec![
            Cell::text(kind),
            Cell::Int(of.len() as i64),
            Cell::Int(acknowledge.len() as i64),
            Cell::maybe_number(median(&alarm), 1),
            Cell::maybe_number(median(&acknowledge), 1),
            Cell::maybe_number(longest(&acknowledge), 1),
            Cell::maybe_number(median(&clear), 1),
            Cell::maybe_number(longest(&clear), 1),
        ]);
    }
    sheet
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

fn longest(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: i64) -> Micros {
        Micros(s * 1_000_000)
    }

    fn incident(opened_s: i64, acknowledged_s: Option<i64>, drill: bool) -> Closed {
        Closed {
            id: format!("i{opened_s}"),
            tier: "escape".into(),
            opened_at: second(opened_s),
            acknowledged_at: acknowledged_s.map(second),
            resolved_at: Some(second(opened_s + 600)),
            drill,
            ..Closed::default()
        }
    }

    #[test]
    fn drills_are_kept_apart_and_times_count_from_the_alarm() {
        let incidents =
            [incident(100, Some(130), false), incident(900, Some(990), false), incident(500, Some(505), true)];
        let sheet = summary(&incidents);
        assert_eq!(sheet.rows.len(), 2);
        assert_eq!(sheet.rows[0][..2], [Cell::text("escape"), Cell::Int(2)]);
        assert_eq!(sheet.rows[0][4..6], [Cell::Number(60.0, 1), Cell::Number(90.0, 1)]);
        assert_eq!(sheet.rows[1][..3], [Cell::text("drill"), Cell::Int(1), Cell::Int(1)]);
        assert_eq!(sheet.rows[1][6], Cell::Number(600.0, 1));
    }

    #[test]
    fn an_incident_that_nobody_took_has_no_time_to_acknowledge() {
        let sheet = rows(&[incident(100, None, false)], &Calendar::new("UTC").unwrap());
        assert_eq!(sheet.rows[0][0], Cell::text("1970-01-01 00:01:40"));
        assert_eq!((&sheet.rows[0][7], &sheet.rows[0][8]), (&Cell::Missing, &Cell::Number(600.0, 1)));
        assert_eq!(first_seen("no json"), None);
    }

    #[test]
    fn the_median_of_two_lies_between_them() {
        assert_eq!((median(&[]), median(&[3.0]), median(&[4.0, 1.0])), (None, Some(3.0), Some(2.5)));
    }
}
