//! What `models list` prints.

use vision::{Group, ModelCard};

use super::catalogue::{Entry, State};

/// A table with a line for each model, and below it where it comes from.
pub fn table(entries: &[Entry]) -> String {
    let rows: Vec<[String; 6]> = entries.iter().map(row).collect();
    let head = ["NAME", "INSTALLED", "HEAD", "INPUT", "LICENCE", "ANIMALS"].map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = line(&head) + "\n";
    for (entry, row) in entries.iter().zip(&rows) {
        text += &format!("{}\n    {}\n", line(row), origin(entry));
    }
    text
}

fn row(entry: &Entry) -> [String; 6] {
    let installed = match entry.state() {
        State::Missing => "no",
        State::Installed => "yes",
        State::Unverified(_) => "unverified",
        State::Wrong(_) => "wrong file",
        State::Unreadable(_) => "unreadable",
    };
    let [head, input, licence, animals] = match &entry.card {
        Ok(card) => [
            card.head.name().to_owned(),
            format!("{}x{}", card.input.width, card.input.height),
            card.license.clone(),
            animals(card),
        ],
        Err(_) => ["?", "?", "?", "?"].map(str::to_owned),
    };
    [entry.name.clone(), installed.to_owned(), head, input, licence, animals]
}

fn animals(card: &ModelCard) -> String {
    card.labels_of(Group::Animal).collect::<Vec<_>>().join(", ")
}

fn origin(entry: &Entry) -> String {
    match &entry.card {
        Err(error) => error.to_string(),
        Ok(card) => match &card.url {
            Some(url) => format!("from {}: {url}", card.source),
            None => format!("from {}", card.source),
        },
    }
}
