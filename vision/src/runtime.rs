//! Adapter: ONNX Runtime itself, loaded once per process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::error::ModelError;

/// Where `deploy/setup` puts the library, relative to the current directory.
pub const DEFAULT_DYLIB: &str = ".setup/onnxruntime/libonnxruntime.so";

/// The one environment of this process. A std mutex: nothing is awaited, and it is taken once per session.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Loads ONNX Runtime from `dylib`, or else from `ORT_DYLIB_PATH`, or else from [`DEFAULT_DYLIB`]. The first
/// call that succeeds decides for the whole process; later ones do nothing.
///
/// # Errors
/// One sentence where the library is missing, is no library, or is older than 1.22.
pub fn load(dylib: Option<&Path>) -> Result<(), ModelError> {
    environment(dylib).map(drop)
}

/// The library that [`load`] would take without an argument.
pub fn default_dylib() -> PathBuf {
    match std::env::var_os("ORT_DYLIB_PATH") {
        Some(path) if !path.is_empty() => path.into(),
        _ => DEFAULT_DYLIB.into(),
    }
}

pub(crate) fn environment(dylib: Option<&Path>) -> Result<Environment, ModelError> {
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = slot.as_ref() {
        return Ok(environment.clone());
    }
    let path = dylib.map_or_else(default_dylib, Path::to_path_buf);
    let environment = start(&path)?;
    Ok(slot.insert(environment).clone())
}

/// `ort` panics when it has to find the library by itself, and looks for a relative path beside the
/// executable first; so the file is checked here and handed over as an absolute path.
fn start(path: &Path) -> Result<Environment, ModelError> {
    let found = path.canonicalize().ok().filter(|p| p.is_file());
    let library = found.ok_or_else(|| ModelError::RuntimeMissing { path: path.to_path_buf() })?;
    let builder =
        ort::init_from(&library).map_err(|source| ModelError::RuntimeLoad { path: path.to_path_buf(), source })?;
    builder
        .with_name("paddock")
        .with_telemetry(false)
        .with_logger(Arc::new(log))
        .build()
        .map_err(|source| ModelError::RuntimeStart { source })
}

/// ONNX Runtime writes to standard error by itself otherwise. Its errors come back as values too and are told
/// by whoever gets them, so none is louder than a debug line here.
fn log(level: LogLevel, category: &str, id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Verbose | LogLevel::Info => tracing::trace!(category, id, location, "{message}"),
        LogLevel::Warning | LogLevel::Error | LogLevel::Fatal => {
            tracing::debug!(category, id, location, "{message}");
        }
    }
}
