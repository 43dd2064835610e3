//! Pure: an answer as columns for people, CSV or JSON. Reports and queries both end here, so that the
//! same numbers come out whoever asks.

use serde_json::{Map, Value, json};

use crate::args::Format;

/// One value of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing is known.
    Missing,
    /// A word, an id, a time.
    Text(String),
    /// A count.
    Int(i64),
    /// A measure, with the digits after the point that mean something.
    Number(f64, usize),
    /// A number as it is.
    Float(f64),
    /// Yes or no.
    Flag(bool),
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    /// A text, where there is one.
    pub fn maybe_text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Cell::Missing, |t| Cell::Text(t.into()))
    }

    /// A measure, where there is one.
    pub fn maybe_number(value: Option<f64>, digits: usize) -> Self {
        value.map_or(Cell::Missing, |v| Cell::Number(v, digits))
    }

    fn plain(&self, missing: &str) -> String {
        match self {
            Cell::Missing => missing.to_owned(),
            Cell::Text(text) => text.clone(),
            Cell::Int(value) => value.to_string(),
            Cell::Number(value, _) if !value.is_finite() => missing.to_owned(),
            Cell::Number(value, digits) => format!("{value:.digits$}"),
            Cell::Float(value) if !value.is_finite() => missing.to_owned(),
            Cell::Float(value) => value.to_string(),
            Cell::Flag(value) => value.to_string(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Cell::Missing => Value::Null,
            Cell::Text(text) => json!(text),
            Cell::Int(value) => json!(value),
            Cell::Number(value, digits) => rounded(*value, *digits),
            Cell::Float(value) => json!(value),
            Cell::Flag(value) => json!(value),
        }
    }

    fn is_numeric(&self) -> bool {
        matches!(self, Cell::Int(_) | Cell::Number(..) | Cell::Float(_))
    }
}

/// The number as it is printed, so that JSON and table agree; null where it is none.
fn rounded(value: f64, digits: usize) -> Value {
    let printed = format!("{value:.digits$}").parse::<f64>().unwrap_or(f64::NAN);
    // A negative zero would print as "-0.0".
    json!(if printed == 0.0 { 0.0 } else { printed })
}

/// Named columns and rows of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// Its name: the key in JSON.
    pub name: String,
    /// A line above it in a table for people; none when empty.
    pub title: String,
    /// Names, as in CSV and JSON.
    pub columns: Vec<String>,
    /// As many cells as columns, each.
    pub rows: Vec<Vec<Cell>>,
}

impl Sheet {
    /// A sheet without rows.
    pub fn new(name: &str, title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Self { name: name.to_owned(), title: title.to_owned(), columns, rows: Vec::new() }
    }

    fn objects(&self) -> Vec<Value> {
        let object = |row: &Vec<Cell>| {
            Value::Object(self.columns.iter().cloned().zip(row.iter().map(Cell::json)).collect::<Map<_, _>>())
        };
        self.rows.iter().map(object).collect()
    }

    fn table(&self, text: &mut String) {
        if !self.title.is_empty() {
            text.push_str(&format!("{}\n", self.title));
        }
        let cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| one_line(&cell.plain("-"))).collect()).collect();
        let width = |column: usize| {
            let widest = cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            widest.max(self.columns[column].chars().count())
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let right = |column: usize| {
            let mut known = self.rows.iter().map(|row| &row[column]).filter(|cell| **cell != Cell::Missing).peekable();
            known.peek().is_some() && known.all(Cell::is_numeric)
        };
        let rights: Vec<bool> = (0..self.columns.len()).map(right).collect();
        let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
        for row in [&self.columns, &rule].into_iter().chain(&cells) {
            let padded = row.iter().enumerate().map(|(column, cell)| match (rights[column], widths[column]) {
                (true, width) => format!("{cell:>width$}"),
                (false, width) => format!("{cell:<width$}"),
            });
            text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
    }

    fn csv(&self, text: &mut String) {
        csv_line(text, self.columns.iter().map(String::as_str));
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.plain("")).collect();
            csv_line(text, cells.iter().map(String::as_str));
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\t'], " ")
}

fn csv_line<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>) {
    let quoted = cells.map(|cell| match cell.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    });
    text.push_str(&quoted.collect::<Vec<_>>().join(","));
    text.push('\n');
}

/// An answer: its main sheet, what sums it up, and what must be said about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// A line on top, for people.
    pub title: String,
    /// What it is and where it comes from, for machines; the beginning of the JSON object.
    pub facts: Map<String, Value>,
    /// The rows: all that CSV holds.
    pub main: Sheet,
    /// Sums.
    pub others: Vec<Sheet>,
    /// Sentences for the foot of the page.
    pub notes: Vec<String>,
}

impl Document {
    /// The whole document. CSV has room for the main rows alone; whoever writes it shows
    /// [`Document::notes`] elsewhere.
    pub fn render(&self, format: Format) -> String {
        let mut text = String::new();
        match format {
            Format::Table => self.table(&mut text),
            Format::Csv => self.main.csv(&mut text),
            Format::Json => {
                let mut object = self.facts.clone();
                for sheet in std::iter::once(&self.main).chain(&self.others) {
                    object.insert(sheet.name.clone(), Value::Array(sheet.objects()));
                }
                object.insert("notes".into(), json!(self.notes));
                text = serde_json::to_string_pretty(&Value::Object(object)).unwrap_or_default();
                text.push('\n');
            }
        }
        text
    }

    fn table(&self, text: &mut String) {
        if !self.title.is_empty() {
            text.push_str(&format!("{}\n\n", self.title));
        }
        let sheets = std::iter::once(&self.main).chain(&self.others);
        // A report without rows says so in its notes; a query shows its columns all the same.
        for sheet in sheets.filter(|s| !s.columns.is_empty() && (!s.rows.is_empty() || self.title.is_empty())) {
            sheet.table(text);
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&format!("{note}\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let mut main = Sheet::new("rows", "", &["who", "minutes", "visits"]);
        main.rows.push(vec![Cell::text("tiger, \"Raja\""), Cell::Number(12.351, 2), Cell::Int(3)]);
        main.rows.push(vec![Cell::text("bear"), Cell::Missing, Cell::Int(14)]);
        let facts = Map::from_iter([("report".to_owned(), json!("test"))]);
        Document { title: "Title".into(), facts, main, others: vec![], notes: vec!["A note.".into()] }
    }

    #[test]
    fn numbers_are_aligned_to_the_right_and_what_is_missing_is_a_dash() {
        let expected = "Title\n\nwho            minutes  visits\n-------------  -------  ------\n\
                        tiger, \"Raja\"    12.35       3\nbear                 -      14\n\nA note.\n";
        assert_eq!(document().render(Format::Table), expected);
    }

    #[test]
    fn csv_quotes_what_it_must() {
        let text = document().render(Format::Csv);
        assert_eq!(text.lines().next(), Some("who,minutes,visits"));
        assert!(text.contains("\"tiger, \"\"Raja\"\"\",12.3"), "{text}");
        assert!(text.ends_with("bear,,14\n"), "{text}");
    }

    #[test]
    fn json_holds_rows_as_objects_and_the_notes() {
        let value: Value = serde_json::from_str(&document().render(Format::Json)).unwrap();
        assert_eq!(value["report"], "test");
        assert_eq!(value["rows"][1]["minutes"], Value::Null);
        assert_eq!(value["rows"][0]["visits"], 3);
        assert_eq!(value["notes"][0], "A note.");
    }

    #[test]
    fn a_number_that_is_none_is_missing() {
        assert_eq!(Cell::Number(f64::NAN, 1).plain("-"), "-");
        assert_eq!(Cell::Number(f64::INFINITY, 1).json(), Value::Null);
        assert_eq!(Cell::Number(-0.001, 1).json().to_string(), "0.0");
    }
}
