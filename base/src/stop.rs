//! Stopping: the first SIGINT or SIGTERM asks, the second leaves at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Says when to stop; clones see the same.
#[derive(Debug, Clone)]
pub struct Stop {
    seen: watch::Receiver<bool>,
}

/// Asks everything that holds the matching [`Stop`] to stop.
#[derive(Debug)]
pub struct Stopper {
    ask: watch::Sender<bool>,
}

/// A stop signal that only its [`Stopper`] gives: tests, and parts of a process.
pub fn pair() -> (Stopper, Stop) {
    let (ask, seen) = watch::channel(false);
    (Stopper { ask }, Stop { seen })
}

/// A stop signal given by SIGINT and SIGTERM. Must be called within a tokio runtime.
///
/// # Errors
/// The operating system refuses the handlers.
pub fn on_signals() -> std::io::Result<Stop> {
    let (stopper, stop) = pair();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        for asked_before in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked_before {
                tracing::warn!("second stop signal: leaving at once");
                std::process::exit(130);
            }
            tracing::info!("stopping; a second signal leaves at once");
            stopper.stop();
        }
    });
    Ok(stop)
}

impl Stopper {
    /// Asks.
    pub fn stop(&self) {
        self.ask.send_replace(true);
    }
}

impl Stop {
    /// Whether it was asked.
    pub fn is_asked(&self) -> bool {
        *self.seen.borrow()
    }

    /// Waits until it is asked; for ever when the [`Stopper`] went without asking.
    pub async fn asked(&mut self) {
        if self.seen.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_sees_the_stop() {
        let (stopper, stop) = pair();
        let mut other = stop.clone();
        assert!(!other.is_asked());
        stopper.stop();
        other.asked().await;
        assert!(stop.is_asked());
    }
}
