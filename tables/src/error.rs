//! What can go wrong with the lake, sorted once, here, into what a person mends and what time mends.

use std::error::Error;

use deltalake::DeltaTableError;
use deltalake::kernel::transaction::TransactionError;
use deltalake::logstore::object_store;

use crate::schema::Table;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The store answers, but has no such bucket.
    #[error("bucket '{bucket}' does not exist at {place}: create it there, or name another one as `bucket`")]
    NoBucket {
        /// The bucket.
        bucket: String,
        /// The endpoint.
        place: String,
    },
    /// The store answers, but not to these keys.
    #[error("{place} refuses access to bucket '{bucket}': check `access_key` and `secret_key`, and what they may do")]
    Denied {
        /// The bucket.
        bucket: String,
        /// The endpoint.
        place: String,
        /// What the client says.
        #[source]
        source: BoxError,
    },
    /// The store does not answer, or says that it cannot now.
    #[error("{place} cannot be reached")]
    Unreachable {
        /// The endpoint.
        place: String,
        /// What the client says.
        #[source]
        source: BoxError,
    },
    /// The configuration of the store cannot be.
    #[error("the store's configuration is not usable: {what}")]
    Config {
        /// What is wrong, and what would be right.
        what: String,
    },
    /// No such object.
    #[error("object '{key}' does not exist in {place}")]
    NoObject {
        /// Its key.
        key: String,
        /// Bucket and endpoint.
        place: String,
    },
    /// Others wrote the table all the time.
    #[error("table '{table}' was changed by others {attempts} times in a row")]
    Contended {
        /// Which table.
        table: Table,
        /// How often it was tried.
        attempts: u32,
    },
    /// A table cannot be read or written.
    #[error("table '{table}' cannot be used")]
    Table {
        /// Which table.
        table: Table,
        /// What the Delta library says.
        #[source]
        source: BoxError,
    },
    /// An object cannot be read.
    #[error("object '{key}' cannot be read")]
    Object {
        /// Its key.
        key: String,
        /// What the client says.
        #[source]
        source: BoxError,
    },
}

/// The error of a library below.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

impl TableError {
    /// Time mends it: try again later.
    pub fn is_transient(&self) -> bool {
        matches!(self, TableError::Unreachable { .. } | TableError::Contended { .. })
    }
}

/// What an error of the libraries below comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NoBucket,
    NotFound,
    Denied,
    Unreachable,
    Conflict,
    Other,
}

/// Sorts by the error itself where the chain still has it, and by its text where a library in between
/// (the Delta kernel) has flattened it.
pub(crate) fn fault(error: &(dyn Error + 'static)) -> Fault {
    let text = chain_text(error);
    if text.contains("NoSuchBucket") {
        return Fault::NoBucket;
    }
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = by_type(cause) {
            return found;
        }
        next = cause.source();
    }
    by_text(&text)
}

fn by_type(error: &(dyn Error + 'static)) -> Option<Fault> {
    use object_store::Error as Store;
    if let Some(error) = error.downcast_ref::<Store>() {
        return match error {
            Store::NotFound { .. } => Some(Fault::NotFound),
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => Some(Fault::Denied),
            Store::AlreadyExists { .. } | Store::Precondition { .. } => Some(Fault::Conflict),
            _ => None,
        };
    }
    let conflict = match error.downcast_ref::<DeltaTableError>()? {
        DeltaTableError::VersionAlreadyExists(_) => true,
        DeltaTableError::Transaction { source } => matches!(
            source,
            TransactionError::VersionAlreadyExists(_)
                | TransactionError::CommitConflict(_)
                | TransactionError::MaxCommitAttempts(_)
        ),
        _ => false,
    };
    conflict.then_some(Fault::Conflict)
}

fn by_text(text: &str) -> Fault {
    let any = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if any(&["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403 Forbidden", "401 Unauthorized"]) {
        Fault::Denied
    } else if any(&[
        "error sending request",
        "connection closed",
        "Connection refused",
        "Connection reset",
        "timed out",
        "operation timed out",
        "dns error",
        "HTTP error",
        "503 Service",
        "500 Internal",
        "502 Bad",
        "504 Gateway",
    ]) {
        Fault::Unreachable
    } else if any(&["404 Not Found"]) {
        Fault::NotFound
    } else {
        Fault::Other
    }
}

fn chain_text(error: &(dyn Error + 'static)) -> String {
    // Debug too: some libraries show their cause there only.
    format!("{} {error:?}", base::input::chain(error))
}
