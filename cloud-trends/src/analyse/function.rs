//! Adapter: `analyse_footage(camera, segments)` as a function of the SQL engine.
//!
//! Its argument is a list of segments and not one key: a track that crosses from one segment into the next is
//! one track, so what is analysed together must come in one call. It answers one struct a call, with the rows
//! of `observations` and the outcome of each segment, so that a batch stays one row of the plan from here to
//! its commit. All that it needs is in its arguments and in whoever registered it, so a plan that
//! names it runs wherever it is registered under this name: an executor of a cluster too.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base::ids::{CameraId, SegmentId, SiteId};
use base::time::Micros;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray as _, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use tables::{Outcome, Table};

use super::{Analyser, Findings, Outage, SegmentOutcome};
use crate::plan::{Batch, Footage};

/// Its name in SQL.
pub const NAME: &str = "analyse_footage";

/// The function, over whoever can analyse.
pub struct AnalyseFootage {
    site: SiteId,
    analyser: Arc<dyn Analyser>,
    signature: Signature,
}

impl AnalyseFootage {
    /// The function for one site's footage.
    pub fn new(site: SiteId, analyser: Arc<dyn Analyser>) -> Self {
        let arguments = vec![DataType::Utf8, DataType::List(list_item(segment_fields()))];
        // Volatile: two mentions are two calls, so nothing may be folded, doubled or evaluated early.
        Self { site, analyser, signature: Signature::new(TypeSignature::Exact(arguments), Volatility::Volatile) }
    }

    fn answer(&self, camera: &str, segments: &StructArray) -> Result<std::result::Result<Findings, Outage>> {
        let (camera, footage) = match (CameraId::new(camera), footage(camera, segments)) {
            (Ok(camera), Some(footage)) => (camera, footage),
            _ => return exec_err!("{NAME} was called with something that is no footage"),
        };
        Ok(self.analyser.analyse(&camera, &footage))
    }
}

impl std::fmt::Debug for AnalyseFootage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct(NAME).field("site", &self.site).finish_non_exhaustive()
    }
}

impl PartialEq for AnalyseFootage {
    fn eq(&self, other: &Self) -> bool {
        self.site == other.site && Arc::ptr_eq(&self.analyser, &other.analyser)
    }
}

impl Eq for AnalyseFootage {}

impl Hash for AnalyseFootage {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.site.hash(state);
    }
}

impl ScalarUDFImpl for AnalyseFootage {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(answer_fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [cameras, lists] = columns.as_slice() else {
            return exec_err!("{NAME} takes a camera and a list of segments");
        };
        let (cameras, lists) = (cameras.as_string::<i32>().clone(), lists.as_list::<i32>().clone());
        // Hours of decoding may follow. tokio's worker gives its other tasks away first; on a thread that is
        // not a worker of a multi-threaded runtime nobody waits behind us.
        let multi_threaded = tokio::runtime::Handle::try_current()
            .is_ok_and(|h| h.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
        let work = || -> Result<Vec<_>> {
            (0..cameras.len()).map(|i| self.answer(cameras.value(i), lists.value(i).as_struct())).collect()
        };
        let answers = if multi_threaded { tokio::task::block_in_place(work)? } else { work()? };
        Ok(ColumnarValue::Array(Arc::new(encode(&self.site, &answers)?)))
    }
}

fn list_item(fields: Fields) -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(fields), false))
}

fn segment_fields() -> Fields {
    Fields::from(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("key", DataType::Utf8, false),
        Field::new("start_us", DataType::Int64, false),
        Field::new("duration_us", DataType::Int64, false),
        Field::new("bytes", DataType::Int64, false),
        Field::new("sha256", DataType::Utf8, false),
    ])
}

fn outcome_fields() -> Fields {
    Fields::from(vec![
        Field::new("segment", DataType::Utf8, false),
        Field::new("failure", DataType::Utf8, true),
        Field::new("frames_decoded", DataType::Int64, false),
        Field::new("cpu_us", DataType::Int64, false),
    ])
}

fn answer_fields() -> Fields {
    Fields::from(vec![
        Field::new("outage", DataType::Utf8, true),
        Field::new("observations", DataType::List(list_item(Table::Observations.schema().fields().clone())), false),
        Field::new("outcomes", DataType::List(list_item(outcome_fields())), false),
    ])
}

/// One row a batch: `batch`, `camera` and `segments`, the latter two being the function's arguments.
pub fn batch_row(batch: &Batch) -> Result<RecordBatch> {
    let of = |text: fn(&Footage) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(batch.footage.iter().map(text)))
    };
    let number = |value: fn(&Footage) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(batch.footage.iter().map(value)))
    };
    let columns = vec![
        of(|f| f.id.as_str()),
        of(|f| f.key.as_str()),
        number(|f| f.start.0),
        number(|f| f.duration_us),
        number(|f| f.bytes as i64),
        of(|f| f.sha256.as_str()),
    ];
    let segments = StructArray::try_new(segment_fields(), columns, None)?;
    let list = lists(segment_fields(), [segments.len()], Arc::new(segments))?;
    let one = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text.to_owned()])) };
    let named: Vec<(&str, ArrayRef)> =
        vec![("batch", one(&batch.id)), ("camera", one(batch.camera.as_str())), ("segments", Arc::new(list))];
    Ok(RecordBatch::try_from_iter(named)?)
}

fn lists(fields: Fields, lengths: impl IntoIterator<Item = usize>, values: ArrayRef) -> Result<ListArray> {
    Ok(ListArray::try_new(list_item(fields), OffsetBuffer::from_lengths(lengths), values, None)?)
}

fn footage(camera: &str, segments: &StructArray) -> Option<Vec<Footage>> {
    let text = |name: &str| segments.column_by_name(name)?.as_string_opt::<i32>();
    let number = |name: &str| segments.column_by_name(name)?.as_primitive_opt::<Int64Type>();
    let (ids, keys, hashes) = (text("id")?, text("key")?, text("sha256")?);
    let (starts, durations, bytes) = (number("start_us")?, number("duration_us")?, number("bytes")?);
    let camera = CameraId::new(camera).ok()?;
    let one = |i: usize| {
        Some(Footage {
            camera: camera.clone(),
            id: SegmentId::new(ids.value(i)).ok()?,
            key: keys.value(i).to_owned(),
            start: Micros(starts.value(i)),
            duration_us: durations.value(i),
            bytes: u64::try_from(bytes.value(i)).ok()?,
            sha256: hashes.value(i).to_owned(),
            attempt: 0,
        })
    };
    (0..segments.len()).map(one).collect()
}

fn encode(site: &SiteId, answers: &[std::result::Result<Findings, Outage>]) -> Result<StructArray> {
    let nothing = Findings::default();
    let findings: Vec<&Findings> = answers.iter().map(|a| a.as_ref().unwrap_or(&nothing)).collect();
    let outages: StringArray = answers.iter().map(|a| a.as_ref().err().map(|o| o.0.as_str())).collect();

    let rows: Vec<_> = findings.iter().flat_map(|f| f.observations.iter().cloned()).collect();
    let rows = StructArray::from(tables::rows::observations(site, &rows));
    let fields = Table::Observations.schema().fields().clone();
    let rows = lists(fields, findings.iter().map(|f| f.observations.len()), Arc::new(rows))?;

    let outcomes: Vec<&SegmentOutcome> = findings.iter().flat_map(|f| &f.outcomes).collect();
    let failures = outcomes.iter().map(|o| match &o.outcome {
        Outcome::Ok => None,
        Outcome::Failed(why) => Some(why.as_str()),
    });
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(outcomes.iter().map(|o| o.segment.as_str()))),
        Arc::new(failures.collect::<StringArray>()),
        Arc::new(Int64Array::from_iter_values(outcomes.iter().map(|o| o.frames_decoded as i64))),
        Arc::new(Int64Array::from_iter_values(outcomes.iter().map(|o| o.cpu_us))),
    ];
    let outcomes = StructArray::try_new(outcome_fields(), columns, None)?;
    let outcomes = lists(outcome_fields(), findings.iter().map(|f| f.outcomes.len()), Arc::new(outcomes))?;
    Ok(StructArray::try_new(answer_fields(), vec![Arc::new(outages), Arc::new(rows), Arc::new(outcomes)], None)?)
}

/// One batch's answer as it leaves the plan.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Which batch.
    pub batch: String,
    /// Rows of `observations` and outcomes, or why there are none.
    pub result: std::result::Result<(RecordBatch, Vec<SegmentOutcome>), Outage>,
}

/// Reads rows of `SELECT batch, analyse_footage(camera, segments)`.
pub fn decode(rows: &RecordBatch) -> Result<Vec<Answer>> {
    let broken = || datafusion::error::DataFusionError::Execution(format!("{NAME} answered in another form"));
    let batches = rows.column(0).as_string_opt::<i32>().ok_or_else(broken)?;
    let answers: &StructArray = rows.column(1).as_any().downcast_ref().ok_or_else(broken)?;
    let part = |name: &str| answers.column_by_name(name).ok_or_else(broken);
    let outages = part("outage")?.as_string_opt::<i32>().ok_or_else(broken)?;
    let found = part("observations")?.as_list_opt::<i32>().ok_or_else(broken)?;
    let outcomes = part("outcomes")?.as_list_opt::<i32>().ok_or_else(broken)?;
    let one = |i: usize| {
        let result = if outages.is_valid(i) {
            Err(Outage(outages.value(i).to_owned()))
        } else {
            let columns = found.value(i).as_struct_opt().ok_or_else(broken)?.columns().to_vec();
            let found = RecordBatch::try_new(Table::Observations.schema(), columns)?;
            Ok((found, decode_outcomes(&outcomes.value(i)).ok_or_else(broken)?))
        };
        Ok(Answer { batch: batches.value(i).to_owned(), result })
    };
    (0..rows.num_rows()).map(one).collect()
}

fn decode_outcomes(values: &dyn Array) -> Option<Vec<SegmentOutcome>> {
    let values: &StructArray = values.as_any().downcast_ref()?;
    let text = |name: &str| values.column_by_name(name)?.as_string_opt::<i32>();
    let number = |name: &str| values.column_by_name(name)?.as_primitive_opt::<Int64Type>();
    let (segments, failures) = (text("segment")?, text("failure")?);
    let (frames, cpu_us) = (number("frames_decoded")?, number("cpu_us")?);
    let one = |i: usize| {
        let failed = failures.is_valid(i).then(|| Outcome::Failed(failures.value(i).to_owned()));
        Some(SegmentOutcome {
            segment: SegmentId::new(segments.value(i)).ok()?,
            outcome: failed.unwrap_or(Outcome::Ok),
            frames_decoded: u64::try_from(frames.value(i)).ok()?,
            cpu_us: cpu_us.value(i),
        })
    };
    (0..values.len()).map(one).collect()
}
