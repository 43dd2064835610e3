//! The built-in broker.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::ports::Wanted;
use super::supervise::{Spec, Supervised, wait_for_former};
use super::{ChildError, find_program};
use crate::metrics::Metrics;

const NAME: &str = "mosquitto";

/// How long it may take to begin.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running mosquitto; dropping it ends it.
#[derive(Debug)]
pub struct Mosquitto {
    port: u16,
    process: Supervised,
}

impl Mosquitto {
    /// Starts it on `port` of 127.0.0.1, with its data under `data_dir/children`, and waits until it answers.
    ///
    /// # Errors
    /// See [`ChildError`].
    pub async fn start(data_dir: &Path, port: u16, metrics: Arc<Metrics>) -> Result<Self, ChildError> {
        let missing = ChildError::Missing { program: NAME, variable: "PADDOCK_MOSQUITTO", instead: "`broker.url`" };
        let program = find_program(NAME, "PADDOCK_MOSQUITTO", ".setup/bin/mosquitto").ok_or(missing)?;
        let folder = data_dir.join("children").join(NAME);
        let folder = write_config(&folder, port).map_err(|source| ChildError::Files {
            program: NAME,
            path: folder.clone(),
            source,
        })?;
        wait_for_former(NAME, &folder, Duration::from_secs(10)).await;
        Wanted { program: NAME, ports: vec![port], flag: "--mqtt-port", key: "children.mqtt_port" }.check()?;
        let config = folder.join("mosquitto.conf").display().to_string();
        let args = vec!["-c".to_owned(), config];
        let spec = Spec { name: NAME, program, args, folder, grace: Duration::from_secs(5) };
        let process = Supervised::start(spec, metrics)?;
        process
            .until_ready(READY_WITHIN, async || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok())
            .await?;
        Ok(Self { port, process })
    }

    /// `mqtt://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// The process, if it runs now.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }
}

/// Writes the folder and its configuration. Returns the folder without links and dots.
fn write_config(folder: &Path, port: u16) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder.join("data"))?;
    let folder = folder.canonicalize()?;
    std::fs::write(folder.join("mosquitto.conf"), config(&folder, port))?;
    Ok(folder)
}

fn config(folder: &Path, port: u16) -> String {
    // As root it would become the user `mosquitto`, who may not enter a folder below /root or /home.
    let user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
    format!(
        "# Written at every start of cluster-analyzer; changes here are lost.
listener {port} 127.0.0.1
allow_anonymous true
{user}persistence true
persistence_location {}/data/
# Retained messages survive a kill: saved every second, not every half hour. Saving at each change would slow
# footage tenfold (1,000 messages of 100 kB: 5.2 s instead of 0.5 s).
autosave_on_changes false
autosave_interval 1
# A frame must not wait for the next one.
set_tcp_nodelay true
# Footage that the analyzer has not taken yet; agents send again what is dropped here.
max_inflight_messages 100
max_queued_messages 4000
log_dest stderr
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S
",
        folder.display()
    )
}
