//! Adapter: what systemd wants to hear: that the agent is ready, that it lives, that it stops.
//!
//! The protocol is one datagram of `KEY=value` lines to the socket that `NOTIFY_SOCKET` names (sd_notify(3)); without
//! the variable nothing is said. The signs of life come from the task that does the sending, so that an agent that
//! hangs is started again.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Says one thing to systemd, where it listens.
pub fn say(what: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&path),
    };
    let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(what.as_bytes(), &address?));
    if let Err(error) = sent {
        tracing::warn!("systemd does not hear that `{what}`: {error}");
    }
}

/// Says that the agent is ready, and then that it lives, twice as often as systemd wants to hear it.
pub async fn keep_alive() {
    say("READY=1");
    let wanted = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse::<u64>().ok());
    let Some(every_us) = wanted.filter(|us| *us > 0) else { return };
    loop {
        tokio::time::sleep(Duration::from_micros(every_us / 2)).await;
        say("WATCHDOG=1");
    }
}
