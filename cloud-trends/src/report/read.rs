//! Adapter: what the reports ask of the tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::site::Site;
use base::time::Micros;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::activity::{BIN_US, Covered, Facts, Seen, Trace};
use super::incidents::{Closed, first_seen};
use super::place::{Group, Sighted, group};
use super::visits::Span;
use crate::calendar::Range;
use crate::frame::{Frame, date, quoted, timestamp};
use crate::settings::tag;

/// One analysis of a site's footage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// The model's name.
    pub model: String,
    /// Hash of the settings.
    pub settings: String,
}

impl Analysis {
    /// As `observations` names it.
    pub fn tag(&self) -> String {
        tag(&self.model, &self.settings)
    }

    fn filter(&self) -> String {
        format!("model = {} AND settings = {}", quoted(&self.model), quoted(&self.settings))
    }
}

/// Which rows a report is about.
#[derive(Debug, Clone)]
pub struct Filter<'a> {
    /// Whose.
    pub site: &'a Site,
    /// Of which time.
    pub range: Range,
    /// Of which camera.
    pub camera: Option<&'a str>,
    /// Of which species or label.
    pub species: Option<&'a str>,
}

impl Filter<'_> {
    /// A condition on a table with `site`, `date` and this column of times; `camera` is a column too.
    fn sql(&self, time: &str) -> String {
        let mut text = format!("site = {}", quoted(self.site.name.as_str()));
        if let Some(camera) = self.camera {
            text.push_str(&format!(" AND camera = {}", quoted(camera)));
        }
        if let Some(since) = self.range.since {
            text.push_str(&format!(" AND \"date\" >= {} AND {time} >= {}", date(since), timestamp(since)));
        }
        if let Some(until) = self.range.until {
            text.push_str(&format!(" AND \"date\" <= {} AND {time} < {}", date(until), timestamp(until)));
        }
        text
    }
}

/// The analyses of a site, newest first.
///
/// # Errors
/// The engine fails, or the lake below it.
pub async fn analyses(session: &SessionContext, site: &Site) -> Result<Vec<Analysis>, DataFusionError> {
    let sql = format!(
        "SELECT model, settings FROM analyses WHERE site = {} GROUP BY model, settings \
         ORDER BY max(analysed_at) DESC, model, settings",
        quoted(site.name.as_str())
    );
    let frame = Frame::ask(session, &sql).await?;
    let (models, settings) = (frame.texts(0)?, frame.texts(1)?);
    let pairs = models.into_iter().flatten().zip(settings.into_iter().flatten());
    Ok(pairs.map(|(model, settings)| Analysis { model, settings }).collect())
}

/// How much footage there is, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Footage {
    /// Segments with an answer.
    pub analysed: i64,
    /// Segments whose analysis failed.
    pub failed: i64,
    /// Segments that were not tried.
    pub waiting: i64,
    /// Hours with an answer.
    pub analysed_h: f64,
    /// Hours in all.
    pub stored_h: f64,
    /// Hours recorded, as the table `coverage` says.
    pub recorded_h: f64,
    /// Start of the first and end of the last segment.
    pub span: Option<(Micros, Micros)>,
}

/// Reads [`Footage`] under an analysis.
///
/// # Errors
/// The engine fails, or the lake below it.
pub async fn footage(
    session: &SessionContext,
    filter: &Filter<'_>,
    analysis: Option<&Analysis>,
) -> Result<Footage, DataFusionError> {
    let sql = format!(
        "SELECT sum(CASE WHEN a.ok > 0 THEN 1 ELSE 0 END), sum(CASE WHEN a.ok = 0 THEN 1 ELSE 0 END), \
         sum(CASE WHEN a.ok IS NULL THEN 1 ELSE 0 END), \
         sum(CASE WHEN a.ok > 0 THEN s.duration_us ELSE 0 END), sum(s.duration_us), \
         min(CAST(s.\"start\" AS BIGINT)), max(CAST(s.\"end\" AS BIGINT)), count(*) \
         FROM (SELECT * FROM segments WHERE {}) s LEFT JOIN ({}) a ON s.camera = a.camera AND s.id = a.segment",
        filter.sql("\"start\""),
        outcomes(filter, analysis)
    );
    let frame = Frame::ask(session, &sql).await?;
    let at = |i: usize| Ok::<_, DataFusionError>(frame.longs(i)?.first().copied().unwrap_or(0));
    let recorded = format!("SELECT sum(recorded_s) FROM coverage WHERE {}", filter.sql("\"minute\""));
    let recorded = Frame::ask(session, &recorded).await?;
    let hours = |us: i64| us as f64 / 3.6e9;
    Ok(Footage {
        analysed: at(0)?,
        failed: at(1)?,
        waiting: at(2)?,
        analysed_h: hours(at(3)?),
        stored_h: hours(at(4)?),
        recorded_h: recorded.doubles(0)?.first().copied().unwrap_or(0.0) / 3600.0,
        span: if at(7)? > 0 { Some((Micros(at(5)?), Micros(at(6)?))) } else { None },
    })
}

/// Each segment that was tried, and whether with an answer: columns `camera`, `segment`, `ok`.
fn outcomes(filter: &Filter<'_>, analysis: Option<&Analysis>) -> String {
    let of = analysis.map_or_else(|| "false".to_owned(), Analysis::filter);
    format!(
        "SELECT camera, segment, sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS ok FROM analyses \
         WHERE site = {} AND {of} GROUP BY camera, segment",
        quoted(filter.site.name.as_str())
    )
}

/// Reads what `report activity` is computed from.
///
/// # Errors
/// The engine fails, or the lake below it.
pub async fn activity(
    session: &SessionContext,
    filter: &Filter<'_>,
    analysis: &Analysis,
    period: (Micros, Micros),
) -> Result<Facts, DataFusionError> {
    let observed = format!("source = 'batch' AND model = {} AND {}", quoted(&analysis.tag()), filter.sql("ts"));
    let (groups, members) = groups(session, filter, &observed).await?;
    let covered = covered(session, filter, analysis).await?;
    let mut facts = Facts { groups, covered, period, ..Facts::default() };
    if facts.groups.is_empty() {
        return Ok(facts);
    }
    register_members(session, members)?;
    let joined = format!(
        "(SELECT m.member AS g, o.track, CAST(o.ts AS BIGINT) AS us FROM observations o JOIN members m \
         ON o.camera = m.camera AND o.label = m.label AND coalesce(o.species, '') = m.species \
         AND coalesce(o.\"zone\", '') = m.\"zone\" AND coalesce(o.enclosure, '') = m.enclosure WHERE {})",
        // The members have none of these columns but the camera.
        observed.replace("camera =", "o.camera =")
    );
    let sql = format!(
        "SELECT g, us - us % {BIN_US} AS bin, count(*) FROM (SELECT DISTINCT g, us FROM {joined}) GROUP BY 1, 2"
    );
    let frame = Frame::ask(session, &sql).await?;
    let (of, bins, seconds) = (frame.longs(0)?, frame.longs(1)?, frame.longs(2)?);
    facts.seen = (0..frame.rows())
        .map(|i| Seen { group: of[i] as usize, bin: Micros(bins[i]), seconds: seconds[i] as f64 })
        .collect();
    let sql = format!("SELECT g, track, min(us), max(us) FROM {joined} GROUP BY 1, 2");
    let frame = Frame::ask(session, &sql).await?;
    let (of, tracks, first, last) = (frame.longs(0)?, frame.texts(1)?, frame.longs(2)?, frame.longs(3)?);
    facts.traces = (0..frame.rows())
        .map(|i| Trace {
            group: of[i] as usize,
            track: tracks[i].clone().unwrap_or_default(),
            span: Span { first: Micros(first[i]), last: Micros(last[i]) },
        })
        .collect();
    // The engine answers in no order; sums of fractions must not depend on it.
    facts.seen.sort_by_key(|s| (s.group, s.bin));
    facts.traces.sort_by(|a, b| (a.group, &a.track).cmp(&(b.group, &b.track)));
    Ok(facts)
}

/// Groups in order, and which rows belong to which.
async fn groups(
    session: &SessionContext,
    filter: &Filter<'_>,
    observed: &str,
) -> Result<(Vec<Group>, Vec<(Sighted, usize)>), DataFusionError> {
    let sql = format!(
        "SELECT DISTINCT camera, label, coalesce(species, ''), coalesce(\"zone\", ''), coalesce(enclosure, '') \
         FROM observations WHERE {observed}"
    );
    let frame = Frame::ask(session, &sql).await?;
    let columns = (0..5).map(|i| frame.texts(i)).collect::<Result<Vec<_>, _>>()?;
    let text = |column: usize, row: usize| columns[column][row].clone().unwrap_or_default();
    let mut of: BTreeMap<Group, Vec<Sighted>> = BTreeMap::new();
    for i in 0..frame.rows() {
        let sighted = Sighted {
            camera: text(0, i),
            label: text(1, i),
            species: text(2, i),
            zone: text(3, i),
            enclosure: text(4, i),
        };
        let wanted = |g: &Group| filter.species.is_none_or(|s| g.animal == s || sighted.label == s);
        if let Some(group) = group(filter.site, &sighted).filter(wanted) {
            of.entry(group).or_default().push(sighted);
        }
    }
    let mut members = Vec::new();
    let mut groups = Vec::new();
    for (index, (group, rows)) in of.into_iter().enumerate() {
        groups.push(group);
        members.extend(rows.into_iter().map(|row| (row, index)));
    }
    Ok((groups, members))
}

fn register_members(session: &SessionContext, members: Vec<(Sighted, usize)>) -> Result<(), DataFusionError> {
    let text = |of: fn(&Sighted) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(members.iter().map(|(row, _)| of(row))))
    };
    let index: ArrayRef = Arc::new(Int64Array::from_iter_values(members.iter().map(|(_, i)| *i as i64)));
    let rows = RecordBatch::try_from_iter([
        ("camera", text(|s| &s.camera)),
        ("label", text(|s| &s.label)),
        ("species", text(|s| &s.species)),
        ("zone", text(|s| &s.zone)),
        ("enclosure", text(|s| &s.enclosure)),
        ("member", index),
    ])?;
    session.register_table("members", Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))?;
    Ok(())
}

/// Seconds of analysed footage by camera and bin; a segment across a border counts on both sides.
async fn covered(
    session: &SessionContext,
    filter: &Filter<'_>,
    analysis: &Analysis,
) -> Result<Vec<Covered>, DataFusionError> {
    let analysed = format!(
        "SELECT s.camera, CAST(s.\"start\" AS BIGINT) AS a, CAST(s.\"end\" AS BIGINT) AS b, \
         CAST(s.\"start\" AS BIGINT) - CAST(s.\"start\" AS BIGINT) % {BIN_US} AS bin \
         FROM (SELECT * FROM segments WHERE {}) s JOIN ({}) t ON s.camera = t.camera AND s.id = t.segment WHERE t.ok > 0",
        filter.sql("\"start\""),
        outcomes(filter, Some(analysis))
    );
    let sql = format!(
        "SELECT camera, bin, sum(us) FROM ( \
         SELECT camera, bin, least(b, bin + {BIN_US}) - a AS us FROM ({analysed}) UNION ALL \
         SELECT camera, bin + {BIN_US} AS bin, b - bin - {BIN_US} AS us FROM ({analysed}) WHERE b > bin + {BIN_US} \
         ) GROUP BY camera, bin ORDER BY camera, bin"
    );
    let frame = Frame::ask(session, &sql).await?;
    let (cameras, bins, us) = (frame.texts(0)?, frame.longs(1)?, frame.longs(2)?);
    let one = |i: usize| Covered {
        camera: cameras[i].clone().unwrap_or_default(),
        bin: Micros(bins[i]),
        seconds: us[i] as f64 / 1e6,
    };
    Ok((0..frame.rows()).map(one).collect())
}

/// Closed incidents, oldest first.
///
/// # Errors
/// The engine fails, or the lake below it.
pub async fn incidents(session: &SessionContext, filter: &Filter<'_>) -> Result<Vec<Closed>, DataFusionError> {
    let mut condition = format!("site = {}", quoted(filter.site.name.as_str()));
    if let Some(since) = filter.range.since {
        condition.push_str(&format!(" AND opened_at >= {}", timestamp(since)));
    }
    if let Some(until) = filter.range.until {
        condition.push_str(&format!(" AND opened_at < {}", timestamp(until)));
    }
    let sql = format!(
        "SELECT id, tier, CAST(opened_at AS BIGINT) AS opened_us, CAST(acknowledged_at AS BIGINT) AS acknowledged_us, \
         CAST(resolved_at AS BIGINT) AS resolved_us, \
         resolved_by, cameras, \"zone\", coalesce(species, label), danger, drill, detail \
         FROM incidents WHERE {condition} ORDER BY opened_us, id"
    );
    let frame = Frame::ask(session, &sql).await?;
    let texts = |i: usize| frame.texts(i);
    let (ids, tiers, by, cameras) = (texts(0)?, texts(1)?, texts(5)?, texts(6)?);
    let (zones, animals, dangers, details) = (texts(7)?, texts(8)?, texts(9)?, texts(11)?);
    let (opened, drills) = (frame.longs(2)?, frame.flags(10)?);
    let (acknowledged, resolved) = (frame.maybe_longs(3)?, frame.maybe_longs(4)?);
    let text = |column: &[Option<String>], i: usize| column[i].clone().unwrap_or_default();
    let one = |i: usize| Closed {
        id: text(&ids, i),
        tier: text(&tiers, i),
        opened_at: Micros(opened[i]),
        acknowledged_at: acknowledged[i].map(Micros),
        resolved_at: resolved[i].map(Micros),
        resolved_by: by[i].clone(),
        cameras: text(&cameras, i),
        zone: zones[i].clone(),
        animal: text(&animals, i),
        danger: dangers[i].clone(),
        drill: drills[i],
        first_seen: details[i].as_deref().and_then(first_seen),
    };
    Ok((0..frame.rows()).map(one).collect())
}
