//! What ends a command, sorted into a person's mistake (exit code 2) and an outage (exit code 1).

use std::error::Error;

use base::input::one_line;
use tables::TableError;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum TrendError {
    /// Something that was typed cannot be: one sentence with what would be right.
    #[error("{0}")]
    Input(String),
    /// The site file.
    #[error(transparent)]
    Site(#[from] base::site::SiteError),
    /// The model folder, or ONNX Runtime.
    #[error(transparent)]
    Model(#[from] vision::ModelError),
    /// The bucket or a table of it.
    #[error(transparent)]
    Lake(#[from] TableError),
    /// A query that was typed.
    #[error("the query cannot be answered: {what}")]
    Sql {
        /// What the engine says, on one line.
        what: String,
    },
    /// A query of our own failed.
    #[error("reading the tables failed")]
    Engine(#[from] datafusion::error::DataFusionError),
    /// The result cannot be written.
    #[error("{place} cannot be written")]
    Write {
        /// The file, or standard output.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// Footage is left over, because the store or the machine failed.
    #[error("{batches} of {of} batches were not analysed, the first because {first}; run the same command again")]
    Unfinished {
        /// How many.
        batches: usize,
        /// Of how many.
        of: usize,
        /// Why the first one was not.
        first: String,
    },
}

impl TrendError {
    /// 2 for a person's mistake, 1 for an outage.
    pub fn exit_code(&self) -> i32 {
        let person = match self {
            TrendError::Input(_) | TrendError::Site(_) | TrendError::Sql { .. } => true,
            TrendError::Lake(error) => {
                matches!(error, TableError::NoBucket { .. } | TableError::Denied { .. } | TableError::Config { .. })
            }
            TrendError::Model(error) => !matches!(error, vision::ModelError::Run { .. }),
            TrendError::Write { .. } => true,
            TrendError::Engine(_) | TrendError::Unfinished { .. } => false,
        };
        if person { base::input::EXIT_BAD_INPUT } else { 1 }
    }
}

/// The error as one sentence: what it says, and the innermost cause where that is short. Whole chains of the store's
/// client repeat a page of XML at every level.
pub fn sentence(error: &dyn Error) -> String {
    let said = one_line(&error.to_string());
    let mut root = None;
    let mut next = error.source();
    while let Some(cause) = next {
        root = Some(one_line(&cause.to_string()));
        next = cause.source();
    }
    match root {
        Some(root) if root.len() <= LONGEST_CAUSE && !said.contains(&root) => format!("{said}: {root}"),
        _ => said,
    }
}

const LONGEST_CAUSE: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_cause_is_told_and_a_page_of_xml_is_not() {
        let denied = |cause: &str| {
            let source = Box::new(std::io::Error::other(cause.to_owned()));
            sentence(&TrendError::from(TableError::Unreachable { place: "http://store".into(), source }))
        };
        assert_eq!(denied("Connection refused"), "http://store cannot be reached: Connection refused");
        assert_eq!(denied(&"<xml>".repeat(100)), "http://store cannot be reached");
        assert_eq!(denied("two\nlines"), "http://store cannot be reached: two lines");
    }

    #[test]
    fn a_mistake_ends_with_two_and_an_outage_with_one() {
        let source = || Box::new(std::io::Error::other("x"));
        let place = || "http://store".to_owned();
        let code = |error: TableError| TrendError::from(error).exit_code();
        assert_eq!(code(TableError::NoBucket { bucket: "b".into(), place: place() }), 2);
        assert_eq!(code(TableError::Denied { bucket: "b".into(), place: place(), source: source() }), 2);
        assert_eq!(code(TableError::Unreachable { place: place(), source: source() }), 1);
    }
}
