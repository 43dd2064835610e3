//! Pure: what was found, missed and raised falsely, as figures with their intervals.

use std::collections::BTreeMap;

use base::ids::CameraId;
use serde::Serialize;

use super::matching::Verdict;
use super::stats::{Interval, bootstrap, f1, percentile, poisson, wilson};
use super::truth::Event;
use crate::replay::line::Line;

/// One event and whether it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct EventScore {
    /// The event.
    pub event: Event,
    /// When its alarm came, seconds from the clip's start.
    pub found_at: Option<f64>,
}

/// One alarm and what is thought of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmScore {
    /// What is thought of it.
    pub verdict: Verdict,
    /// It is about an ape that is out.
    pub ape: bool,
    /// The alarm.
    pub line: Line,
}

/// One clip, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipScore {
    /// The set it belongs to.
    pub set: String,
    /// Its file.
    pub clip: String,
    /// Its camera.
    pub camera: CameraId,
    /// Clips of the same number were judged together.
    pub scene: usize,
    /// What makes it hard.
    pub conditions: Vec<String>,
    /// Its length.
    pub camera_s: f64,
    /// The part of it in which nothing is out.
    pub quiet_s: f64,
    /// Pictures that were looked at.
    pub pictures: u64,
    /// Its events, in order of time.
    pub events: Vec<EventScore>,
    /// Its alarms, in order of time.
    pub alarms: Vec<AlarmScore>,
}

/// Seconds of a clip in which no event goes on.
pub fn quiet_s(camera_s: f64, events: &[Event]) -> f64 {
    let mut spans: Vec<(f64, f64)> = events.iter().map(|e| (e.start.min(camera_s), e.end.min(camera_s))).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut busy_s, mut until) = (0.0, 0.0f64);
    for (start, end) in spans {
        busy_s += (end - start.max(until)).max(0.0);
        until = until.max(end);
    }
    camera_s - busy_s
}

/// Median and 95th percentile of seconds to alarm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delays {
    /// Half of the found events were faster.
    pub p50: Interval,
    /// One found event in twenty was slower.
    pub p95: Interval,
}

/// The figures of some clips.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Animals that were out.
    pub events: u64,
    /// Those that were found.
    pub found: u64,
    /// Alarms that were false.
    pub false_alarms: u64,
    /// Of those, ones that opened a second incident for an animal that has one, more than ten seconds after its
    /// start.
    pub again: u64,
    /// Of those, ones that came too late for an animal that was missed.
    pub late: u64,
    /// Incidents that came to a camera on which nothing was out; no false alarms.
    pub false_hand_offs: u64,
    /// Footage.
    pub camera_hours: f64,
    /// Footage in which nothing was out.
    pub quiet_hours: f64,
    /// Pictures that were looked at.
    pub pictures: u64,
    /// Share of events that were found.
    pub recall: Interval,
    /// Share of alarms that were right.
    pub precision: Interval,
    /// Of both, a = 0.65.
    pub f1: Interval,
    /// False alarms an hour of one camera.
    pub false_per_camera_hour: Interval,
    /// Seconds to alarm from when the ground point is out.
    pub from_out_s: Delays,
    /// Seconds to alarm from the event's start.
    pub from_start_s: Delays,
}

/// Which events and alarms count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apes {
    /// All.
    With,
    /// All but apes and what is raised while one is out.
    Without,
    /// Apes only, and no false alarms.
    Only,
}

impl Apes {
    fn counts(self, ape: bool) -> bool {
        match self {
            Apes::With => true,
            Apes::Without => !ape,
            Apes::Only => ape,
        }
    }
}

/// What counts of the clips that were judged together.
#[derive(Default)]
struct Unit {
    events: u64,
    false_alarms: u64,
    from_out: Vec<f64>,
    from_start: Vec<f64>,
}

impl Unit {
    fn f1(units: &[&Unit]) -> Option<f64> {
        let sum = |of: fn(&Unit) -> u64| units.iter().map(|unit| of(unit)).sum::<u64>() as f64;
        let (events, found, wrong) = (sum(|u| u.events), sum(|u| u.from_start.len() as u64), sum(|u| u.false_alarms));
        let precision = if found + wrong > 0.0 { found / (found + wrong) } else { 0.0 };
        (events > 0.0).then(|| f1(found / events, precision))
    }

    fn delay(units: &[&Unit], of: fn(&Unit) -> &[f64], q: f64) -> Option<f64> {
        let delays: Vec<f64> = units.iter().flat_map(|unit| of(unit)).copied().collect();
        percentile(&delays, q)
    }
}

/// The figures of these clips, of the events that `wanted` takes.
pub fn figures(clips: &[ClipScore], apes: Apes, wanted: impl Fn(&ClipScore, &Event) -> bool) -> Figures {
    let mut units: BTreeMap<usize, Unit> = BTreeMap::new();
    let mut count: BTreeMap<Verdict, u64> = BTreeMap::new();
    for clip in clips {
        let unit = units.entry(clip.scene).or_default();
        for EventScore { event, found_at } in &clip.events {
            if apes.counts(event.ape) && wanted(clip, event) {
                unit.events += 1;
                unit.from_out.extend(found_at.map(|t| t - event.out_from()));
                unit.from_start.extend(found_at.map(|t| t - event.start));
            }
        }
        for alarm in clip.alarms.iter().filter(|alarm| apes.counts(alarm.ape)) {
            *count.entry(alarm.verdict).or_default() += 1;
            unit.false_alarms += u64::from(alarm.verdict.is_false());
        }
    }
    let units: Vec<Unit> = units.into_values().collect();
    let events = units.iter().map(|unit| unit.events).sum();
    let found = units.iter().map(|unit| unit.from_start.len() as u64).sum();
    let false_alarms = units.iter().map(|unit| unit.false_alarms).sum();
    let of = |verdict| count.get(&verdict).copied().unwrap_or(0);
    let hours = |of: fn(&ClipScore) -> f64| clips.iter().map(of).sum::<f64>() / 3600.0;
    let delays = |of: fn(&Unit) -> &[f64]| Delays {
        p50: bootstrap(&units, |units| Unit::delay(units, of, 0.5)),
        p95: bootstrap(&units, |units| Unit::delay(units, of, 0.95)),
    };
    Figures {
        events,
        found,
        false_alarms,
        again: of(Verdict::Again),
        late: of(Verdict::Late),
        false_hand_offs: of(Verdict::HandOff),
        camera_hours: hours(|clip| clip.camera_s),
        quiet_hours: hours(|clip| clip.quiet_s),
        pictures: clips.iter().map(|clip| clip.pictures).sum(),
        recall: wilson(found, events),
        precision: wilson(found, found + false_alarms),
        f1: bootstrap(&units, Unit::f1),
        false_per_camera_hour: poisson(false_alarms, hours(|clip| clip.camera_s)),
        from_out_s: delays(|unit| &unit.from_out),
        from_start_s: delays(|unit| &unit.from_start),
    }
}

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What its events or clips have in common.
    pub name: String,
    /// Animals that were out.
    pub events: u64,
    /// Those that were found.
    pub found: u64,
    /// Share of events that were found.
    pub recall: Interval,
    /// Seconds to alarm from when the ground point is out.
    pub p50_s: Option<f64>,
    /// The same, the slowest of twenty.
    pub p95_s: Option<f64>,
    /// False alarms of its clips; `None` where the table is about events.
    pub false_alarms: Option<u64>,
    /// Footage of its clips.
    pub camera_hours: Option<f64>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// What its rows are.
    pub by: &'static str,
    /// By name.
    pub rows: Vec<Row>,
}

/// The class of a size in pixels.
pub fn size_class(size_px: Option<f64>) -> &'static str {
    match size_px {
        None => "unknown",
        Some(px) if px < 60.0 => "under 60 px",
        Some(px) if px < 100.0 => "60 to 100 px",
        Some(px) if px <= 160.0 => "100 to 160 px",
        Some(_) => "over 160 px",
    }
}

/// The tables: per set and condition (clips), per species, size and entry (events); apes are in the table of
/// species only.
pub fn tables(clips: &[ClipScore]) -> Vec<Table> {
    let by_clip = |by, names: &dyn Fn(&ClipScore) -> Vec<String>| Table { by, rows: clip_rows(clips, names) };
    let by_event = |by, apes, name: &dyn Fn(&Event) -> String| Table { by, rows: event_rows(clips, apes, name) };
    let plain = |clip: &ClipScore| match &clip.conditions[..] {
        [] => vec!["none".to_owned()],
        all => all.to_vec(),
    };
    vec![
        by_clip("set", &|clip| vec![clip.set.clone()]),
        by_clip("condition", &plain),
        by_event("species", Apes::With, &|e| if e.ape { format!("{} (ape)", e.species) } else { e.species.clone() }),
        by_event("size", Apes::Without, &|e| size_class(e.size_px).to_owned()),
        by_event("entry", Apes::Without, &|e| e.entry.clone().unwrap_or_else(|| "unknown".into())),
    ]
}

#[derive(Default)]
struct Tally {
    events: u64,
    delays: Vec<f64>,
    false_alarms: u64,
    camera_s: f64,
}

impl Tally {
    fn add(&mut self, score: &EventScore) {
        self.events += 1;
        self.delays.extend(score.found_at.map(|t| t - score.event.out_from()));
    }

    fn row(self, name: String, of_clips: bool) -> Row {
        let found = self.delays.len() as u64;
        Row {
            name,
            events: self.events,
            found,
            recall: wilson(found, self.events),
            p50_s: percentile(&self.delays, 0.5),
            p95_s: percentile(&self.delays, 0.95),
            false_alarms: of_clips.then_some(self.false_alarms),
            camera_hours: of_clips.then_some(self.camera_s / 3600.0),
        }
    }
}

fn clip_rows(clips: &[ClipScore], names: &dyn Fn(&ClipScore) -> Vec<String>) -> Vec<Row> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for clip in clips {
        for name in names(clip) {
            let tally = tallies.entry(name).or_default();
            clip.events.iter().filter(|score| !score.event.ape).for_each(|score| tally.add(score));
            let counts = |alarm: &&AlarmScore| alarm.verdict.is_false() && !alarm.ape;
            tally.false_alarms += clip.alarms.iter().filter(counts).count() as u64;
            tally.camera_s += clip.camera_s;
        }
    }
    tallies.into_iter().map(|(name, tally)| tally.row(name, true)).collect()
}

fn event_rows(clips: &[ClipScore], apes: Apes, name: &dyn Fn(&Event) -> String) -> Vec<Row> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for score in clips.iter().flat_map(|clip| &clip.events).filter(|score| apes.counts(score.event.ape)) {
        tallies.entry(name(&score.event)).or_default().add(score);
    }
    tallies.into_iter().map(|(name, tally)| tally.row(name, false)).collect()
}
