//! What ends a command, sorted into a person's mistake (exit code 2) and an outage (exit code 1).

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
