//! A real MQTT broker on a port of its own.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::place::Scratch;
use crate::process::{Proc, Start};
use crate::wait::{eventually, secs};

/// A running mosquitto that keeps its state through [`Mosquitto::restart`].
#[derive(Debug)]
pub struct Mosquitto {
    process: Proc,
    port: u16,
    scratch: Scratch,
}

impl Mosquitto {
    /// Starts one, trying other ports where one is taken.
    ///
    /// # Errors
    /// mosquitto is not installed or does not start.
    pub fn start() -> Result<Self> {
        let scratch = Scratch::new("mosquitto")?;
        for port in ports() {
            if let Some(process) = launch(&scratch, port)? {
                return Ok(Self { process, port, scratch });
            }
        }
        bail!("mosquitto found no free port")
    }

    /// `mqtt://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether what it has on its disk holds these bytes; it writes every second or two.
    pub fn has_saved(&self, bytes: &[u8]) -> bool {
        let saved = std::fs::read(self.scratch.join("mosquitto.db")).unwrap_or_default();
        saved.windows(bytes.len()).any(|window| window == bytes)
    }

    /// Ends it as a power cut would.
    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Starts it again on the same port with what it has on disk; ends it first where it runs.
    ///
    /// # Errors
    /// The port has been taken, or it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill9();
        self.process = launch(&self.scratch, self.port)?.context("another program has taken the broker's port")?;
        Ok(())
    }
}

/// Random ports below the range from which the kernel takes ports for outgoing connections.
pub(crate) fn ports() -> impl Iterator<Item = u16> {
    std::iter::repeat_with(|| 11_000 + (random_u32() % 20_000) as u16).take(20)
}

/// A random number, without a dependency: the standard library seeds each hasher anew.
pub(crate) fn random_u32() -> u32 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::collections::hash_map::RandomState::new().build_hasher().finish() as u32
}

/// `None`: the port is taken.
fn launch(scratch: &Scratch, port: u16) -> Result<Option<Proc>> {
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\npersistence_location {}/\n\
         autosave_interval 1\nautosave_on_changes false\nset_tcp_nodelay true\n\
         max_inflight_messages 100\nmax_queued_messages 4000\nlog_dest stderr\nlog_type error\nlog_type warning\n\
         log_type notice\nlog_type information\n",
        scratch.path().display()
    );
    let config = scratch.write("mosquitto.conf", config)?;
    let log = scratch.join("mosquitto.log");
    // Each start has a log of its own, for the line that says it is ready must be this one's.
    let _ = std::fs::remove_file(&log);
    let mut process = Start::new(program()).args(["-c".as_ref(), config.as_os_str()]).spawn(&log)?;
    let running = eventually(secs(10), "mosquitto is ready or has ended", || {
        if process.log().contains(" running") { Some(true) } else { (!process.is_running()).then_some(false) }
    })?;
    if !running && !process.log().contains("Address already in use") {
        bail!("mosquitto ended at once: {}", process.log());
    }
    Ok(running.then_some(process))
}

fn program() -> String {
    std::env::var("PADDOCK_MOSQUITTO").unwrap_or_else(|_| {
        let packaged = "/usr/sbin/mosquitto";
        if std::path::Path::new(packaged).exists() { packaged.into() } else { "mosquitto".into() }
    })
}

/// How long a broker may take to deliver on one machine, however busy.
pub const DELIVERY: Duration = secs(10);
