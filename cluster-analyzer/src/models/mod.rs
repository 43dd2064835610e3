//! `models`: which detectors there are, where they come from, whether they run. Nothing here runs in the service.
//!
//! - [`catalogue`]: the model folders and what is in them; [`list`] shows it.
//! - [`fetch`]: puts `model.onnx` into its folder, from a cache or from its address; [`download`] (adapter) is the
//!   latter.
//! - [`check`]: opens a model and runs it once.
//!
//! Invariants: a file under the name `model.onnx` is whole and, where its card names a checksum, has it; what is
//! refused is told in one sentence with what to do instead.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use vision::ModelError;

use catalogue::Catalogue;
use download::DownloadError;

pub mod catalogue;
pub mod check;
pub mod download;
pub mod fetch;
pub mod list;

/// The subcommands of `models`.
#[derive(Debug, clap::Subcommand)]
pub enum ModelsCommand {
    /// List the detectors: licence, head, input size, animals, whether it is installed, where it comes from.
    List {
        /// Where they lie.
        #[command(flatten)]
        place: Place,
    },
    /// Fetch a detector, from $PADDOCK_MODEL_CACHE or from its public address.
    Fetch {
        /// The detector's folder, as `models list` shows it.
        name: String,
        /// A folder with files NAME.onnx that is looked at before anything is fetched.
        #[arg(long, value_name = "DIR", env = "PADDOCK_MODEL_CACHE")]
        cache: Option<PathBuf>,
        /// Where it is put.
        #[command(flatten)]
        place: Place,
    },
    /// Open a detector, or all that are installed, and run it once.
    Check {
        /// The detector's folder; all that are installed where none is given.
        name: Option<String>,
        /// Where it lies.
        #[command(flatten)]
        place: Place,
    },
}

/// Where the model folders lie.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// Folder of model folders, each with a model.toml.
    #[arg(long = "models", value_name = "DIR", env = "PADDOCK_MODELS", default_value = "models")]
    pub dir: PathBuf,
}

/// Why a command of `models` ended without what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// There are no model folders.
    #[error("{} holds no folder with a model.toml; name the folder of model folders with --models", path.display())]
    NoModels {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// No such model.
    #[error("there is no model '{name}'; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A model folder has a mistake, or its network does not run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Several do not run; each was told.
    #[error("{failed} of {checked} models cannot be used; what is wrong with each stands above")]
    SomeFailed {
        /// How many do not run.
        failed: usize,
        /// Of how many.
        checked: usize,
    },
    /// It is not here.
    #[error("{name} is not installed: run `cluster-analyzer models fetch {name}`, or put the file at {}", path.display())]
    NotInstalled {
        /// The model.
        name: String,
        /// Where its network would lie.
        path: PathBuf,
    },
    /// Nobody publishes the file as it is.
    #[error(
        "{name} has no address from which model.onnx can be fetched as it is; it comes from {from}: make or unpack it \
         as docs/detection.md says and put it at {}, then run `cluster-analyzer models check {name}`",
        path.display()
    )]
    NoAddress {
        /// The model.
        name: String,
        /// Where it comes from.
        from: String,
        /// Where its network belongs.
        path: PathBuf,
    },
    /// A file that was put there by hand is not the one.
    #[error("{} has sha256 {found}, but model.toml of {name} names {wanted}: copy it again, or remove it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The model.
        name: String,
        /// What the file is.
        found: String,
        /// What the card says.
        wanted: String,
    },
    /// What the address gave is not what the card names.
    #[error(
        "{url} gave a file with sha256 {found}, but model.toml of {name} names {wanted}, so it was thrown away: a proxy \
         or the publisher changed it; {instead}"
    )]
    WrongFile {
        /// Where it came from.
        url: String,
        /// The model.
        name: String,
        /// What the file is.
        found: String,
        /// What the card says.
        wanted: String,
        /// What to do.
        instead: String,
    },
    /// The address cannot be used without a checksum.
    #[error(
        "{url} is not encrypted and model.toml of {name} names no sha256: write one there, or use an https address"
    )]
    Open {
        /// The address.
        url: String,
        /// The model.
        name: String,
    },
    /// The download was refused, or did not come to its end.
    #[error("{url} could not be fetched: {source}; {instead}")]
    Refused {
        /// Where it was asked for.
        url: String,
        /// What to do.
        instead: String,
        /// Why.
        source: DownloadError,
    },
    /// Another process fetches the same model.
    #[error("another process is fetching to {}; wait for it", path.display())]
    Busy {
        /// The half file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// read, written.
        what: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// What was found cannot be printed.
    #[error("the answer cannot be written")]
    Out(#[source] std::io::Error),
}

impl ModelsError {
    /// A person can put it right here, without a network; exit code 2.
    pub fn is_bad_input(&self) -> bool {
        !matches!(
            self,
            Self::Refused { .. } | Self::WrongFile { .. } | Self::Busy { .. } | Self::File { .. } | Self::Out(_)
        )
    }
}

/// Runs a command and writes what it found to `out`.
///
/// # Errors
/// One sentence that says what is wrong and what to do.
pub fn run(command: &ModelsCommand, out: &mut dyn Write) -> Result<(), ModelsError> {
    match command {
        ModelsCommand::List { place } => {
            let catalogue = Catalogue::read(&place.dir)?;
            out.write_all(list::table(&catalogue.entries).as_bytes()).map_err(ModelsError::Out)
        }
        ModelsCommand::Fetch { name, cache, place } => {
            let catalogue = Catalogue::read(&place.dir)?;
            let entry = catalogue.entry(name)?;
            let params = fetch::Params { cache: cache.clone(), pause: Duration::from_secs(1), tries: 4 };
            let fetched = fetch::fetch(entry, &params)?;
            writeln!(out, "{}", fetched.sentence(entry)).map_err(ModelsError::Out)
        }
        ModelsCommand::Check { name: Some(name), place } => {
            let line = check::check(Catalogue::read(&place.dir)?.entry(name)?)?;
            writeln!(out, "{line}").map_err(ModelsError::Out)
        }
        ModelsCommand::Check { name: None, place } => check::check_all(&Catalogue::read(&place.dir)?, out),
    }
}

#[cfg(test)]
mod tests;
