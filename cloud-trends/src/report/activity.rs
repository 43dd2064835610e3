//! Pure: minutes seen and visits by hour of day or by day, per hour of footage that was analysed.
//!
//! A camera that was down is not an animal that was away: a rate is minutes seen for each hour of analysed
//! footage, hours without any are left out, and a day counts for nothing in hours in which it has none.

use std::collections::BTreeMap;

use base::time::Micros;
use jiff::civil::Date;

use super::bootstrap::{Day, interval, ratio};
use super::place::Group;
use super::visits::{Span, starts};
use crate::args::By;
use crate::calendar::{Calendar, Local};
use crate::output::{Cell, Sheet};

/// Width of the bins that the queries answer in, µs: every time zone's hours begin at one.
pub const BIN_US: i64 = 900_000_000;

/// Seconds of a group in a bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Which group: an index.
    pub group: usize,
    /// The bin's start.
    pub bin: Micros,
    /// Seconds in which at least one of the group was seen.
    pub seconds: f64,
}

/// One track within a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Which group: an index.
    pub group: usize,
    /// The track's name.
    pub track: String,
    /// From when to when.
    pub span: Span,
}

/// Seconds of analysed footage in a bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Covered {
    /// Which camera.
    pub camera: String,
    /// The bin's start.
    pub bin: Micros,
    /// Seconds.
    pub seconds: f64,
}

/// What the tables say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// What is counted together.
    pub groups: Vec<Group>,
    /// How long each was seen.
    pub seen: Vec<Seen>,
    /// Each group's tracks.
    pub traces: Vec<Trace>,
    /// How long each camera was analysed.
    pub covered: Vec<Covered>,
    /// From when to when the report is.
    pub period: (Micros, Micros),
}

/// A row's place on the time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// Hour of day.
    Hour(u8),
    /// Calendar day.
    Day(Date),
    /// All of the period.
    All,
}

impl Bucket {
    fn of(by: Option<By>, local: Local) -> Self {
        match by {
            Some(By::Hour) => Bucket::Hour(local.hour),
            Some(By::Day) => Bucket::Day(local.date),
            None => Bucket::All,
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// When.
    pub bucket: Bucket,
    /// Who and where: an index.
    pub group: usize,
    /// Minutes in which at least one was seen.
    pub minutes: f64,
    /// Visits that began.
    pub visits: i64,
    /// Hours of footage analysed.
    pub covered_h: f64,
    /// Minutes seen per hour analysed.
    pub rate: f64,
    /// 95 % interval of the rate; `None` with fewer than two days.
    pub interval: Option<(f64, f64)>,
    /// Share of the period that was analysed, 0..1.
    pub coverage: f64,
}

/// Each track by its name: from when to when, and the group in which it began.
type Tracks<'a> = BTreeMap<&'a str, (Span, usize)>;

type SecondsPerDay<K> = BTreeMap<K, BTreeMap<Date, f64>>;

/// Rows by `by`, or one row a group where it is `None`; in order of bucket, then group. Buckets in which a group's
/// camera has no analysed footage are left out, those in which the group was not seen are not.
pub fn rows(facts: &Facts, calendar: &Calendar, by: Option<By>) -> Vec<Row> {
    let bucket = |t: Micros| {
        let local = calendar.local(t);
        (Bucket::of(by, local), local.date)
    };
    let mut seen: SecondsPerDay<(usize, Bucket)> = BTreeMap::new();
    for item in &facts.seen {
        let (bucket, date) = bucket(item.bin);
        *seen.entry((item.group, bucket)).or_default().entry(date).or_default() += item.seconds;
    }
    let mut covered: BTreeMap<&str, SecondsPerDay<Bucket>> = BTreeMap::new();
    for item in facts.covered.iter().filter(|c| c.seconds > 0.0) {
        let (bucket, date) = bucket(item.bin);
        let days = covered.entry(&item.camera).or_default().entry(bucket).or_default();
        *days.entry(date).or_default() += item.seconds;
    }
    let visits = visits(facts, |t| bucket(t).0);
    let wall = wall_seconds(facts.period, |t| bucket(t).0);

    let mut rows = Vec::new();
    for (group, named) in facts.groups.iter().enumerate() {
        for (bucket, covered) in covered.get(named.camera.as_str()).into_iter().flatten() {
            let nothing = BTreeMap::new();
            let seen = seen.get(&(group, *bucket)).unwrap_or(&nothing);
            let days: Vec<Day> = covered
                .iter()
                .map(|(date, covered)| Day { seen: seen.get(date).copied().unwrap_or(0.0), covered: *covered })
                .collect();
            rows.push(row(*bucket, group, &days, &visits, &wall));
        }
    }
    rows.sort_by_key(|row| (row.bucket, row.group));
    rows
}

fn row(
    bucket: Bucket,
    group: usize,
    days: &[Day],
    visits: &BTreeMap<(usize, Bucket), i64>,
    wall: &BTreeMap<Bucket, f64>,
) -> Row {
    // A second in 60 is a minute in an hour.
    let per_hour = |share: f64| 60.0 * share;
    let covered_s: f64 = days.iter().map(|d| d.covered).sum();
    let wall_s = wall.get(&bucket).copied().unwrap_or(0.0).max(covered_s);
    Row {
        bucket,
        group,
        minutes: days.iter().map(|d| d.seen).sum::<f64>() / 60.0,
        visits: visits.get(&(group, bucket)).copied().unwrap_or(0),
        covered_h: covered_s / 3600.0,
        rate: per_hour(ratio(days).unwrap_or(0.0)),
        interval: interval(days).map(|(low, high)| (per_hour(low), per_hour(high))),
        coverage: covered_s / wall_s,
    }
}

/// Visits are those of an animal at a camera and place: one that walks from zone to zone is one visit, counted in
/// the zone where it began.
fn visits(facts: &Facts, bucket: impl Fn(Micros) -> Bucket) -> BTreeMap<(usize, Bucket), i64> {
    let mut together: BTreeMap<(&str, &str, &str), Tracks<'_>> = BTreeMap::new();
    for Trace { group, track, span } in &facts.traces {
        let named = &facts.groups[*group];
        let tracks = together.entry((&named.camera, &named.animal, &named.place)).or_default();
        let (whole, began) = tracks.entry(track).or_insert((*span, *group));
        if span.first < whole.first {
            *began = *group;
        }
        *whole = Span { first: whole.first.min(span.first), last: whole.last.max(span.last) };
    }
    let mut counts = BTreeMap::new();
    for tracks in together.into_values() {
        let (spans, groups): (Vec<Span>, Vec<usize>) = tracks.into_values().unzip();
        for index in starts(&spans) {
            *counts.entry((groups[index], bucket(spans[index].first))).or_insert(0) += 1;
        }
    }
    counts
}

/// How much of the period lies in each bucket, seconds.
fn wall_seconds((from, to): (Micros, Micros), bucket: impl Fn(Micros) -> Bucket) -> BTreeMap<Bucket, f64> {
    let mut wall = BTreeMap::new();
    let mut bin = Micros(from.0.div_euclid(BIN_US) * BIN_US);
    while bin < to {
        let next = bin.plus_us(BIN_US);
        *wall.entry(bucket(bin)).or_default() += next.min(to).seconds_since(bin.max(from));
        bin = next;
    }
    wall
}

/// The columns that follow a row's time.
const COLUMNS: [&str; 11] = [
    "camera",
    "animal",
    "where",
    "zone",
    "minutes",
    "visits",
    "covered_hours",
    "minutes_per_hour",
    "low",
    "high",
    "coverage",
];

/// Rows as a sheet.
pub fn sheet(name: &str, title: &str, facts: &Facts, rows: &[Row], by: Option<By>) -> Sheet {
    let time = match by {
        Some(By::Hour) => Some("hour"),
        Some(By::Day) => Some("date"),
        None => None,
    };
    let columns: Vec<&str> = time.into_iter().chain(COLUMNS).collect();
    let mut sheet = Sheet::new(name, title, &columns);
    sheet.rows = rows.iter().map(|row| cells(row, &facts.groups[row.group])).collect();
    sheet
}

fn cells(row: &Row, group: &Group) -> Vec<Cell> {
    let time = match row.bucket {
        Bucket::Hour(hour) => Some(Cell::Int(hour.into())),
        Bucket::Day(date) => Some(Cell::text(date.to_string())),
        Bucket::All => None,
    };
    let rest = [
        Cell::text(&group.camera),
        Cell::text(&group.animal),
        Cell::text(&group.place),
        Cell::maybe_text(group.zone.as_deref()),
        Cell::Number(row.minutes, 2),
        Cell::Int(row.visits),
        Cell::Number(row.covered_h, 3),
        Cell::Number(row.rate, 2),
        Cell::maybe_number(row.interval.map(|i| i.0), 2),
        Cell::maybe_number(row.interval.map(|i| i.1), 2),
        Cell::Number(row.coverage, 2),
    ];
    time.into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = 3_600_000_000;
    const DAY_US: i64 = 24 * HOUR_US;

    fn group(camera: &str, place: &str, zone: &str) -> Group {
        Group {
            camera: camera.into(),
            animal: "tiger".into(),
            place: place.into(),
            zone: Some(zone.into()).filter(|z: &String| !z.is_empty()),
        }
    }

    /// Two days of a camera that covers 10:00 to 12:00 UTC on the first and 10:00 to 11:00 on the second.
    fn facts() -> Facts {
        let covered = |day: i64, hour: i64| {
            (0..4).map(move |quarter| Covered {
                camera: "gate".into(),
                bin: Micros(day * DAY_US + hour * HOUR_US + quarter * BIN_US),
                seconds: 900.0,
            })
        };
        let seen =
            |day: i64, hour: i64, seconds: f64| Seen { group: 0, bin: Micros(day * DAY_US + hour * HOUR_US), seconds };
        let span = |day: i64, hour: i64, from_s: i64, to_s: i64| {
            let second = |s: i64| Micros(day * DAY_US + hour * HOUR_US + s * 1_000_000);
            let span = Span { first: second(from_s), last: second(to_s) };
            Trace { group: 0, track: format!("gate:{day}:{hour}:{from_s}"), span }
        };
        Facts {
            groups: vec![group("gate", "tigers", "yard"), group("attic", "outside", "")],
            seen: vec![seen(0, 10, 600.0), seen(0, 11, 300.0)],
            traces: vec![span(0, 10, 0, 590), span(0, 10, 600, 610), span(0, 11, 0, 300)],
            covered: covered(0, 10).chain(covered(0, 11)).chain(covered(1, 10)).collect(),
            period: (Micros(10 * HOUR_US), Micros(DAY_US + 12 * HOUR_US)),
        }
    }

    fn utc() -> Calendar {
        Calendar::new("UTC").unwrap()
    }

    #[test]
    fn an_hour_without_footage_is_no_hour_without_animals() {
        let rows = rows(&facts(), &utc(), Some(By::Hour));
        let shape: Vec<_> = rows.iter().map(|r| (r.bucket, r.minutes, r.visits, r.covered_h, r.rate)).collect();
        // 10:00 was covered on two days and the tiger seen for 10 minutes of one of them: 5 minutes an hour.
        // 11:00 was covered on the first day alone, and the second day's outage does not halve its rate.
        assert_eq!(shape, [(Bucket::Hour(10), 10.0, 1, 2.0, 5.0), (Bucket::Hour(11), 5.0, 1, 1.0, 5.0)]);
        let (low, high) = rows[0].interval.unwrap();
        assert_eq!((low, high), (0.0, 10.0), "drawn days are with it or without it");
        assert_eq!(rows[1].interval, None, "one day");
        assert_eq!((rows[0].coverage, rows[1].coverage), (1.0, 0.5));
    }

    #[test]
    fn a_day_that_was_covered_and_empty_is_a_row_of_zero() {
        let rows = rows(&facts(), &utc(), Some(By::Day));
        let shape: Vec<_> = rows.iter().map(|r| (r.minutes, r.visits, r.covered_h)).collect();
        assert_eq!(shape, [(15.0, 2, 2.0), (0.0, 0, 1.0)]);
        assert!(rows.iter().all(|r| r.interval.is_none()));
    }

    #[test]
    fn the_sum_is_over_the_period_and_hours_are_the_sites_own() {
        let all = rows(&facts(), &utc(), None);
        assert_eq!((all.len(), all[0].minutes, all[0].visits, all[0].rate), (1, 15.0, 2, 5.0));
        assert!(all[0].interval.is_some());
        let tokyo = rows(&facts(), &Calendar::new("Asia/Tokyo").unwrap(), Some(By::Hour));
        assert_eq!(tokyo.iter().map(|r| r.bucket).collect::<Vec<_>>(), [Bucket::Hour(19), Bucket::Hour(20)]);
    }

    #[test]
    fn walking_from_zone_to_zone_is_one_visit() {
        let mut facts = facts();
        facts.groups[1] = group("gate", "tigers", "pool");
        let second = |s: i64| Micros(11 * HOUR_US + s * 1_000_000);
        // Another track goes on in the pool; the first one went there and back.
        let pool = |track: &str, from_s: i64, to_s: i64| Trace {
            group: 1,
            track: track.into(),
            span: Span { first: second(from_s), last: second(to_s) },
        };
        facts.traces.push(pool("gate:1:1", 301, 400));
        facts.traces.push(pool("gate:0:11:0", 100, 200));
        let all = rows(&facts, &utc(), None);
        assert_eq!(all.iter().map(|r| r.visits).collect::<Vec<_>>(), [2, 0]);
    }
}
