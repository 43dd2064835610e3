//! Adapter: answers of the SQL engine as plain columns. Whatever encoding a table's text has (views,
//! dictionaries), here it is text.

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

/// An answer of known columns, in memory.
#[derive(Debug)]
pub struct Frame {
    columns: Vec<ArrayRef>,
    rows: usize,
}

impl Frame {
    /// Asks a query of our own.
    ///
    /// # Errors
    /// The engine fails, or the lake below it.
    pub async fn ask(session: &SessionContext, sql: &str) -> Result<Self, DataFusionError> {
        let answer = session.sql(sql).await?;
        let width = answer.schema().fields().len();
        let batches = answer.collect().await?;
        let column = |i: usize| -> Result<ArrayRef, DataFusionError> {
            let parts: Vec<_> = batches.iter().map(|b| b.column(i).as_ref()).collect();
            let none = || Ok(datafusion::arrow::array::new_empty_array(&DataType::Null));
            Ok(if parts.is_empty() { none() } else { concat(&parts) }?)
        };
        let columns = (0..width).map(column).collect::<Result<_, _>>()?;
        Ok(Self { columns, rows: batches.iter().map(|b| b.num_rows()).sum() })
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Column `i` as text.
    ///
    /// # Errors
    /// It is nothing that could be written as text.
    pub fn texts(&self, i: usize) -> Result<Vec<Option<String>>, DataFusionError> {
        let column = cast(&self.columns[i], &DataType::Utf8)?;
        Ok(column.as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect())
    }

    /// Column `i` as whole numbers; 0 where there is none. A time is microseconds since the Unix epoch.
    ///
    /// # Errors
    /// It is no number.
    pub fn longs(&self, i: usize) -> Result<Vec<i64>, DataFusionError> {
        Ok(self.maybe_longs(i)?.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// The same, with gaps.
    ///
    /// # Errors
    /// It is no number.
    pub fn maybe_longs(&self, i: usize) -> Result<Vec<Option<i64>>, DataFusionError> {
        let column = cast(&self.columns[i], &DataType::Int64)?;
        Ok(column.as_primitive::<Int64Type>().iter().collect())
    }

    /// Column `i` as numbers; 0 where there is none.
    ///
    /// # Errors
    /// It is no number.
    pub fn doubles(&self, i: usize) -> Result<Vec<f64>, DataFusionError> {
        let column = cast(&self.columns[i], &DataType::Float64)?;
        Ok(column.as_primitive::<Float64Type>().iter().map(Option::unwrap_or_default).collect())
    }

    /// Column `i` as yes or no; no where there is neither.
    ///
    /// # Errors
    /// It is neither.
    pub fn flags(&self, i: usize) -> Result<Vec<bool>, DataFusionError> {
        let column = cast(&self.columns[i], &DataType::Boolean)?;
        Ok(column.as_boolean().iter().map(Option::unwrap_or_default).collect())
    }

    /// Nothing was answered.
    pub fn is_empty(&self) -> bool {
        self.rows == 0 || self.columns.iter().all(|c| c.is_empty())
    }
}

/// `text` as an SQL literal.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A time as an SQL literal.
pub fn timestamp(t: base::time::Micros) -> String {
    format!("arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')", t.0)
}

/// A UTC date as an SQL literal, to prune partitions by.
pub fn date(t: base::time::Micros) -> String {
    format!("arrow_cast({}, 'Date32')", t.0.div_euclid(86_400_000_000))
}

#[cfg(test)]
mod tests {
    use base::time::Micros;

    use super::*;

    #[tokio::test]
    async fn columns_come_as_they_are_asked_for() {
        let session = SessionContext::new();
        let sql = format!(
            "SELECT arrow_cast('a', 'Utf8View'), {}, 1.5, true, {} FROM (VALUES (1), (2))",
            timestamp(Micros(1_500_000)),
            date(Micros(86_400_000_000))
        );
        let frame = Frame::ask(&session, &sql).await.unwrap();
        assert_eq!((frame.rows(), frame.is_empty()), (2, false));
        assert_eq!(frame.texts(0).unwrap()[1].as_deref(), Some("a"));
        assert_eq!(frame.longs(1).unwrap(), [1_500_000, 1_500_000]);
        assert_eq!((frame.doubles(2).unwrap()[0], frame.flags(3).unwrap()[0]), (1.5, true));
        assert_eq!(frame.texts(4).unwrap()[0].as_deref(), Some("1970-01-02"));
    }

    #[tokio::test]
    async fn an_empty_answer_has_empty_columns() {
        let frame = Frame::ask(&SessionContext::new(), "SELECT 'a' AS a WHERE false").await.unwrap();
        assert!(frame.is_empty() && frame.texts(0).unwrap().is_empty() && frame.longs(0).unwrap().is_empty());
    }

    #[test]
    fn a_quote_in_a_text_cannot_end_the_literal() {
        assert_eq!(quoted("o'; DROP"), "'o''; DROP'");
    }
}
