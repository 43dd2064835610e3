//! Adapter: what footage there is, and what of it is open: `segments` minus `analyses`.

use base::ids::{CameraId, SegmentId, SiteId};
use base::time::Micros;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::calendar::Range;
use crate::frame::{Frame, date, quoted, timestamp};
use crate::plan::{Footage, Generations};
use crate::settings::{Settings, WINDOW_US};

/// What there is to do, and what was done before.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalog {
    /// Segments that are open.
    pub open: Vec<Footage>,
    /// How many batches of each window are in `analyses`.
    pub committed: Generations,
    /// Segments whose last analysis failed and that are not open.
    pub failed: i64,
    /// Segments that are analysed.
    pub analysed: i64,
}

/// Which of the footage is meant.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    /// Whose.
    pub site: &'a SiteId,
    /// Under which analysis.
    pub settings: &'a Settings,
    /// Of which time.
    pub range: Range,
    /// What failed before is open again.
    pub retry_failed: bool,
}

/// Reads it from the registered tables.
///
/// # Errors
/// The engine fails, or the lake below it.
pub async fn read(session: &SessionContext, scope: &Scope<'_>) -> Result<Catalog, DataFusionError> {
    let tries = tries(scope);
    let open = if scope.retry_failed { "a.ok = 0" } else { "false" };
    let sql = format!(
        "SELECT s.camera, s.id, s.key, CAST(s.\"start\" AS BIGINT), s.duration_us, s.bytes, s.sha256, a.tries \
         FROM segments s LEFT JOIN ({tries}) a ON s.camera = a.camera AND s.id = a.segment \
         WHERE {where_} AND (a.tries IS NULL OR {open})",
        where_ = within(scope),
    );
    let open = footage(&Frame::ask(session, &sql).await?)?;
    let (analysed, failed) = counts(session, scope, &open).await?;
    let committed = if open.is_empty() { Generations::new() } else { generations(session, scope).await? };
    Ok(Catalog { open, committed, failed, analysed })
}

/// How often each segment was tried under this analysis, and whether with an answer.
fn tries(scope: &Scope<'_>) -> String {
    format!(
        "SELECT camera, segment, count(*) AS tries, sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS ok \
         FROM analyses WHERE {} GROUP BY camera, segment",
        this_analysis(scope)
    )
}

fn this_analysis(scope: &Scope<'_>) -> String {
    let Settings { model, .. } = scope.settings;
    let hash = scope.settings.hash();
    format!("site = {} AND model = {} AND settings = {}", quoted(scope.site.as_str()), quoted(model), quoted(&hash))
}

fn within(scope: &Scope<'_>) -> String {
    let mut text = format!("s.site = {}", quoted(scope.site.as_str()));
    if let Some(since) = scope.range.since {
        text.push_str(&format!(" AND s.date >= {} AND s.\"start\" >= {}", date(since), timestamp(since)));
    }
    if let Some(until) = scope.range.until {
        text.push_str(&format!(" AND s.date <= {} AND s.\"start\" < {}", date(until), timestamp(until)));
    }
    text
}

fn footage(frame: &Frame) -> Result<Vec<Footage>, DataFusionError> {
    let (cameras, ids, keys, hashes) = (frame.texts(0)?, frame.texts(1)?, frame.texts(2)?, frame.texts(6)?);
    let (starts, durations, bytes, tries) = (frame.longs(3)?, frame.longs(4)?, frame.longs(5)?, frame.longs(7)?);
    let one = |i: usize| {
        let text = |column: &[Option<String>]| column[i].clone().unwrap_or_default();
        let ids = (CameraId::new(text(&cameras)), SegmentId::new(text(&ids)));
        let (Ok(camera), Ok(id)) = ids else {
            tracing::warn!(key = text(&keys), "a row of `segments` has no camera or id and is left out");
            return None;
        };
        Some(Footage {
            camera,
            id,
            key: text(&keys),
            start: Micros(starts[i]),
            duration_us: durations[i],
            bytes: bytes[i].max(0) as u64,
            sha256: text(&hashes),
            attempt: tries[i].try_into().unwrap_or(u32::MAX),
        })
    };
    Ok((0..frame.rows()).filter_map(one).collect())
}

async fn counts(session: &SessionContext, scope: &Scope<'_>, open: &[Footage]) -> Result<(i64, i64), DataFusionError> {
    let sql = format!(
        "SELECT sum(CASE WHEN a.ok > 0 THEN 1 ELSE 0 END), sum(CASE WHEN a.ok = 0 THEN 1 ELSE 0 END) \
         FROM segments s JOIN ({}) a ON s.camera = a.camera AND s.id = a.segment WHERE {}",
        tries(scope),
        within(scope)
    );
    let frame = Frame::ask(session, &sql).await?;
    let at = |i: usize| Ok::<_, DataFusionError>(frame.longs(i)?.first().copied().unwrap_or(0));
    let again = open.iter().filter(|f| f.attempt > 0).count() as i64;
    Ok((at(0)?, at(1)? - again))
}

/// See [`crate::plan`]: from `analyses` and not from the observations' own log, so that a batch whose second
/// commit is missing counts as not committed and is found again.
async fn generations(session: &SessionContext, scope: &Scope<'_>) -> Result<Generations, DataFusionError> {
    let sql = format!(
        "SELECT s.camera, CAST(floor(CAST(s.\"start\" AS BIGINT) / {WINDOW_US}.0) AS BIGINT), count(DISTINCT a.batch) \
         FROM segments s JOIN analyses a ON s.site = a.site AND s.camera = a.camera AND s.id = a.segment \
         WHERE {} GROUP BY 1, 2",
        this_analysis(scope).replace("site =", "a.site =")
    );
    let frame = Frame::ask(session, &sql).await?;
    let (cameras, windows, batches) = (frame.texts(0)?, frame.longs(1)?, frame.longs(2)?);
    let one = |i: usize| {
        let camera = CameraId::new(cameras[i].as_deref()?).ok()?;
        Some(((camera, Micros(windows[i] * WINDOW_US)), batches[i]))
    };
    Ok((0..frame.rows()).filter_map(one).collect())
}
