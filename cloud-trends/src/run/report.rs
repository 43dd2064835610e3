//! `report`: asks the tables, computes, and says what the numbers are worth.

use base::ids::CameraId;
use base::site::Site;
use base::time::Micros;
use serde_json::{Map, Value, json};

use super::session;
use crate::args::{ActivityArgs, By, IncidentsArgs};
use crate::calendar::Calendar;
use crate::config::Common;
use crate::error::TrendError;
use crate::output::Document;
use crate::report::activity::{Facts, Row, rows, sheet};
use crate::report::read::{self, Analysis, Filter, Footage};
use crate::report::{bootstrap, incidents as closed};

fn input<T>(message: String) -> Result<T, TrendError> {
    Err(TrendError::Input(message))
}

/// `report activity`.
///
/// # Errors
/// One sentence.
pub async fn activity(args: &ActivityArgs, now: Micros) -> Result<Document, TrendError> {
    let common = Common::new(&args.place)?;
    let site = common.load_site()?;
    let calendar = Calendar::new(&site.timezone).map_err(TrendError::Input)?;
    let range = calendar.range(args.since.as_deref(), args.until.as_deref()).map_err(TrendError::Input)?;
    check_names(&site, args)?;
    let lake = common.open_lake().await?;
    let session = session(&lake).await?;
    let filter = Filter { site: &site, range, camera: args.camera.as_deref(), species: args.species.as_deref() };

    let analyses = read::analyses(&session, &site).await?;
    let chosen = choose(&analyses, args.analysis.as_deref())?;
    let footage = read::footage(&session, &filter, chosen.as_ref()).await?;
    let mut facts = Facts::default();
    if let (Some(analysis), Some((first, last))) = (&chosen, footage.span) {
        // What lies in the future cannot have been covered.
        let until = range.until.map_or(last, |until| until.min(now.max(last)));
        facts = read::activity(&session, &filter, analysis, (range.since.unwrap_or(first), until)).await?;
    }
    Ok(activity_document(&site, &calendar, args, &Found { facts, footage, chosen, others: analyses }))
}

/// What was read for `report activity`.
struct Found {
    facts: Facts,
    footage: Footage,
    chosen: Option<Analysis>,
    others: Vec<Analysis>,
}

fn check_names(site: &Site, args: &ActivityArgs) -> Result<(), TrendError> {
    if let Some(camera) = &args.camera {
        let known = CameraId::new(camera).ok().is_some_and(|id| site.camera(&id).is_some());
        if !known {
            let cameras = site.cameras.iter().map(|c| c.id.as_str());
            return input(format!("--camera '{camera}' is not in the site file, which has {}", list(cameras)));
        }
    }
    if let Some(species) = &args.species {
        let known = site.species.iter().any(|s| s.id.as_str() == species || s.looks_like.contains(species));
        if !known {
            let ids = site.species.iter().map(|s| s.id.as_str());
            let labels = "or a label that one of them looks like";
            return input(format!("--species '{species}' is not in the site file: use {}, {labels}", list(ids)));
        }
    }
    Ok(())
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

fn choose(analyses: &[Analysis], wanted: Option<&str>) -> Result<Option<Analysis>, TrendError> {
    let Some(wanted) = wanted else { return Ok(analyses.first().cloned()) };
    match analyses.iter().find(|a| a.tag() == wanted) {
        Some(analysis) => Ok(Some(analysis.clone())),
        None => {
            let tags: Vec<String> = analyses.iter().map(Analysis::tag).collect();
            input(format!("--analysis '{wanted}' was never made; there is {}", list(tags.iter().map(String::as_str))))
        }
    }
}

fn activity_document(site: &Site, calendar: &Calendar, args: &ActivityArgs, found: &Found) -> Document {
    let facts = &found.facts;
    let by = rows(facts, calendar, Some(args.by));
    let all = rows(facts, calendar, None);
    let axis = match args.by {
        By::Hour => "hour of day",
        By::Day => "day",
    };
    Document {
        title: format!("Activity at {} by {axis} ({})", site.name, calendar.name()),
        facts: activity_facts(site, calendar, args, found),
        main: sheet("rows", "", facts, &by, Some(args.by)),
        others: vec![sheet("totals", "Whole period", facts, &all, None)],
        notes: activity_notes(site, found, args.by, &by, &all),
    }
}

fn activity_facts(site: &Site, calendar: &Calendar, args: &ActivityArgs, found: &Found) -> Map<String, Value> {
    let Found { facts, footage, chosen, others } = found;
    let shown = |t: Micros| calendar.show(t);
    let period = chosen.as_ref().and(footage.span).map(|_| facts.period);
    let tenth = |hours: f64| (hours * 1e4).round() / 1e4;
    let value = json!({
        "report": "activity",
        "site": site.name,
        "timezone": calendar.name(),
        "by": match args.by { By::Hour => "hour", By::Day => "day" },
        "since": period.map(|p| shown(p.0)),
        "until": period.map(|p| shown(p.1)),
        "analysis": chosen.as_ref().map(Analysis::tag),
        "other_analyses": others.iter().filter(|a| Some(*a) != chosen.as_ref()).map(Analysis::tag).collect::<Vec<_>>(),
        "segments_analysed": footage.analysed,
        "segments_failed": footage.failed,
        "segments_skipped": 0,
        "segments_waiting": footage.waiting,
        "hours_analysed": tenth(footage.analysed_h),
        "hours_stored": tenth(footage.stored_h),
        "hours_recorded": tenth(footage.recorded_h),
    });
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn activity_notes(site: &Site, found: &Found, by: By, rows: &[Row], totals: &[Row]) -> Vec<String> {
    let Found { footage, chosen, others, .. } = found;
    if footage.span.is_none() {
        return vec![format!("No footage of site '{}' is stored in that time.", site.name)];
    }
    let Some(analysis) = chosen else {
        return vec![format!(
            "{} segments of footage are stored and none is analysed: run `cloud-trends analyze`.",
            footage.waiting
        )];
    };
    let mut notes = Vec::new();
    if rows.is_empty() {
        notes.push(format!("No animal was seen in {:.2} h of analysed footage.", footage.analysed_h));
    } else {
        notes.push(
            "minutes: in which at least one was seen; visits: that began; minutes_per_hour: of analysed footage, so that a \
             camera that was down is not an animal that was away; coverage: share of the period that was analysed."
                .into(),
        );
        notes.push(interval_note(by, rows, totals));
    }
    notes.push(format!(
        "Analysis {}: {} segments analysed ({:.2} h of {:.2} h stored, {:.2} h recorded), {} failed, 0 skipped, {} not yet analysed.",
        analysis.tag(),
        footage.analysed,
        footage.analysed_h,
        footage.stored_h,
        footage.recorded_h,
        footage.failed,
        footage.waiting
    ));
    let others: Vec<String> = others.iter().filter(|a| *a != analysis).map(Analysis::tag).collect();
    if !others.is_empty() {
        notes.push(format!("Other analyses, by --analysis: {}.", others.join(", ")));
    }
    notes
}

fn interval_note(by: By, rows: &[Row], totals: &[Row]) -> String {
    if totals.iter().all(|row| row.interval.is_none()) {
        return "low and high: n/a (one day): an interval comes from resampling days, and needs two.".into();
    }
    let draws = bootstrap::DRAWS;
    let which = match by {
        By::Hour => "",
        By::Day => " of the whole period",
    };
    let lacking = rows.iter().chain(totals).any(|row| row.interval.is_none());
    let dash = if lacking { "; '-' is n/a (one day)" } else { "" };
    format!("low and high: 95 % interval of minutes_per_hour{which}, from drawing the days {draws} times{dash}.")
}

/// `report incidents`.
///
/// # Errors
/// One sentence.
pub async fn incidents(args: &IncidentsArgs) -> Result<Document, TrendError> {
    let common = Common::new(&args.place)?;
    let site = common.load_site()?;
    let calendar = Calendar::new(&site.timezone).map_err(TrendError::Input)?;
    let range = calendar.range(args.since.as_deref(), args.until.as_deref()).map_err(TrendError::Input)?;
    let lake = common.open_lake().await?;
    let filter = Filter { site: &site, range, camera: None, species: None };
    let incidents = read::incidents(&session(&lake).await?, &filter).await?;
    let drills = incidents.iter().filter(|i| i.drill).count();
    let notes = if incidents.is_empty() {
        vec![format!("No incident of site '{}' was closed in that time; open ones are with the analyzer.", site.name)]
    } else {
        vec![
            format!(
                "Closed incidents: {}; drills: {drills}. Open ones are with the analyzer.",
                incidents.len() - drills
            ),
            "to_alarm_s: from the first picture of the animal to the one that decided the alarm; to_acknowledge_s and \
             to_all_clear_s: from the alarm."
                .into(),
        ]
    };
    let facts = Map::from_iter([
        ("report".to_owned(), json!("incidents")),
        ("site".to_owned(), json!(site.name)),
        ("timezone".to_owned(), json!(calendar.name())),
        ("incidents".to_owned(), json!(incidents.len() - drills)),
        ("drills".to_owned(), json!(drills)),
    ]);
    Ok(Document {
        title: format!("Closed incidents at {} ({})", site.name, calendar.name()),
        facts,
        main: closed::rows(&incidents, &calendar),
        others: vec![closed::summary(&incidents)],
        notes,
    })
}
