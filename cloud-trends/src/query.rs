//! Adapter: one read-only SQL query over the five tables.

use datafusion::arrow::array::{Array, AsArray as _};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use serde_json::{Map, json};

use crate::error::TrendError;
use crate::output::{Cell, Document, Sheet};

/// Answers `sql` with at most `limit` rows.
///
/// # Errors
/// [`TrendError::Sql`]: it is no query, or one that would write.
pub async fn ask(session: &SessionContext, sql: &str, limit: usize) -> Result<Document, TrendError> {
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let answer = session.sql_with_options(sql, read_only).await.map_err(refused)?;
    let columns: Vec<String> = answer.schema().fields().iter().map(|f| f.name().clone()).collect();
    // One more than shown says whether there are more.
    let batches = answer.limit(0, Some(limit.saturating_add(1))).map_err(refused)?.collect().await.map_err(failed)?;
    let mut sheet = Sheet { name: "rows".into(), columns, ..Sheet::default() };
    for batch in &batches {
        let cells = batch.columns().iter().map(|c| cells(c.as_ref())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        sheet.rows.extend((0..batch.num_rows()).map(|row| cells.iter().map(|column| column[row].clone()).collect()));
    }
    let more = sheet.rows.len() > limit;
    sheet.rows.truncate(limit);
    let rows = sheet.rows.len();
    let mut notes = Vec::new();
    if more {
        notes.push(format!("There are more than {limit} rows; these are the first. Ask for others by LIMIT and OFFSET, or raise --limit."));
    }
    if rows == 0 {
        notes.push("No rows.".into());
    }
    let facts = Map::from_iter([("query".to_owned(), json!(sql)), ("truncated".to_owned(), json!(more))]);
    Ok(Document { title: String::new(), facts, main: sheet, others: Vec::new(), notes })
}

/// The plan was refused, so the text is wrong.
fn refused(error: DataFusionError) -> TrendError {
    let text = base::input::one_line(&error.strip_backtrace());
    let what = match text.split_once("not supported: ") {
        Some((kind, statement)) if ["DDL", "DML", "Statement"].iter().any(|k| kind.trim_end().ends_with(k)) => {
            format!("it would change something ({statement}), and only reading is allowed; ask with SELECT")
        }
        _ => text,
    };
    TrendError::Sql { what }
}

/// The plan was accepted and failed: by its values (a division by zero), or by the store.
fn failed(error: DataFusionError) -> TrendError {
    match error.find_root() {
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) | DataFusionError::Plan(_) => refused(error),
        DataFusionError::SchemaError(..) | DataFusionError::NotImplemented(_) => refused(error),
        _ => TrendError::Engine(error),
    }
}

fn cells(column: &dyn Array) -> Result<Vec<Cell>, DataFusionError> {
    let cells = match column.data_type() {
        DataType::Boolean => column.as_boolean().iter().map(|v| v.map_or(Cell::Missing, Cell::Flag)).collect(),
        DataType::UInt64 | DataType::Int64 | DataType::Int32 | DataType::Int16 | DataType::Int8 => whole(column)?,
        DataType::UInt32 | DataType::UInt16 | DataType::UInt8 => whole(column)?,
        DataType::Float64 => column.as_primitive::<Float64Type>().iter().map(measure).collect(),
        // Through its own digits: 0.1 in single precision is not 0.10000000149.
        DataType::Float32 => column
            .as_primitive::<Float32Type>()
            .iter()
            .map(|v| measure(v.and_then(|v| v.to_string().parse().ok())))
            .collect(),
        _ => {
            let options = FormatOptions::default().with_null("");
            let format = ArrayFormatter::try_new(column, &options)?;
            let text = |i: usize| match column.is_null(i) {
                true => Ok(Cell::Missing),
                false => Ok::<_, DataFusionError>(Cell::Text(format.value(i).try_to_string()?)),
            };
            (0..column.len()).map(text).collect::<Result<_, _>>()?
        }
    };
    Ok(cells)
}

fn whole(column: &dyn Array) -> Result<Vec<Cell>, DataFusionError> {
    let column = cast(column, &DataType::Int64)?;
    Ok(column.as_primitive::<Int64Type>().iter().map(|v| v.map_or(Cell::Missing, Cell::Int)).collect())
}

fn measure(value: Option<f64>) -> Cell {
    value.map_or(Cell::Missing, Cell::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Format;

    async fn complaint(sql: &str) -> String {
        let error = ask(&SessionContext::new(), sql, 10).await.unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        error.to_string()
    }

    #[tokio::test]
    async fn whatever_would_write_is_refused() {
        for sql in [
            "CREATE TABLE x AS SELECT 1",
            "DROP TABLE segments",
            "INSERT INTO segments VALUES (1)",
            "COPY (SELECT 1) TO '/tmp/never.csv'",
            "CREATE EXTERNAL TABLE p STORED AS CSV LOCATION '/etc/passwd'",
            "SET datafusion.execution.batch_size = 1",
        ] {
            complaint(sql).await;
        }
        assert!(complaint("DROP TABLE IF EXISTS segments").await.contains("only reading is allowed"));
    }

    #[tokio::test]
    async fn a_mistake_is_one_sentence() {
        assert!(complaint("SELEKT 1").await.starts_with("the query cannot be answered: "));
        assert!(complaint("SELECT nope FROM nowhere").await.contains("nowhere"));
        assert!(complaint("SELECT 1/0").await.to_lowercase().contains("divide by zero"));
        assert!(complaint("SELECT * FROM '/etc/passwd'").await.contains("/etc/passwd"));
        complaint("").await;
    }

    #[tokio::test]
    async fn rows_beyond_the_limit_are_counted_out() {
        let sql = "SELECT * FROM (VALUES (1, 'a', 0.5, true), (2, NULL, 1.25, false), (3, 'c', NULL, NULL)) AS t(n, s, x, y) ORDER BY n";
        let document = ask(&SessionContext::new(), sql, 2).await.unwrap();
        assert_eq!(document.main.rows.len(), 2);
        assert_eq!(document.facts["truncated"], true);
        assert!(document.notes[0].starts_with("There are more than 2 rows"));
        assert_eq!(document.render(Format::Csv), "n,s,x,y\n1,a,0.5,true\n2,,1.25,false\n");
        assert_eq!(ask(&SessionContext::new(), sql, 3).await.unwrap().notes, Vec::<String>::new());
    }
}
