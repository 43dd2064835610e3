//! Broker and store of a one-box installation: `mosquitto` and `weed` (SeaweedFS), the same programs as in
//! production, started, watched and ended by the analyzer.
//!
//! Modules in reading order: [`supervise`] (one process: started, started again, ended), [`mosquitto`] and
//! [`weed`] (what each is told and when it is ready), [`ports`] (clashes), [`access`] (how cloud-trends reaches
//! the store).
//!
//! Invariants: children listen on 127.0.0.1 only; they end with the analyzer, even when it is killed; a clash or
//! a missing program is one sentence that names the key that mends it.

pub mod access;
pub mod mosquitto;
mod ports;
mod supervise;
pub mod weed;

use std::path::PathBuf;

pub use mosquitto::Mosquitto;
pub use weed::Weed;

/// Why a child cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// It is not installed.
    #[error(
        "{program} is not installed: run deploy/setup, or name the program in {variable}, or configure your own as {instead}"
    )]
    Missing {
        /// Which program.
        program: &'static str,
        /// The environment variable that names it.
        variable: &'static str,
        /// The configuration that makes it unnecessary.
        instead: &'static str,
    },
    /// Another program has its port.
    #[error("port {port} is in use by another program: {program} needs {ports}; choose others with {flag} or `{key}`")]
    PortTaken {
        /// The port.
        port: u16,
        /// Which program wants it.
        program: &'static str,
        /// All that it wants.
        ports: String,
        /// The flag that changes it.
        flag: &'static str,
        /// The key that changes it.
        key: &'static str,
    },
    /// There are not enough ports above it.
    #[error("`{key}` is {port}: {program} needs ports above it too; choose one from 1024 to {most}")]
    PortTooHigh {
        /// The port.
        port: u16,
        /// Which program wants it.
        program: &'static str,
        /// The key that changes it.
        key: &'static str,
        /// The highest that works.
        most: u16,
    },
    /// Its folder or configuration cannot be written.
    #[error("{program}: {} cannot be written", path.display())]
    Files {
        /// Which program.
        program: &'static str,
        /// What cannot be written.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It ended instead of serving.
    #[error("{program} ended at once ({status}): {last_line}; all that it said is in {}", log.display())]
    Ended {
        /// Which program.
        program: &'static str,
        /// How.
        status: String,
        /// The last that it said.
        last_line: String,
        /// Its log.
        log: PathBuf,
    },
    /// It runs and does not answer.
    #[error("{program} did not answer within {seconds} s; what it said is in {}", log.display())]
    NotReady {
        /// Which program.
        program: &'static str,
        /// How long it had.
        seconds: u64,
        /// Its log.
        log: PathBuf,
    },
}

/// The first of: what `variable` names, what lies at `beside` in the current folder or one above it, `name` on the
/// PATH or in the folders of system programs.
fn find_program(name: &str, variable: &str, beside: &str) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Some(PathBuf::from(named)).filter(|p| p.is_file());
    }
    let here = std::env::current_dir().unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    here.ancestors().map(|f| f.join(beside)).chain(folders.map(|f| f.join(name))).find(|p| p.is_file())
}

#[cfg(test)]
pub(crate) mod tests;
