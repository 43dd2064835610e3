//! Verdicts on their way to the broker, where each is retained, and for the page.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::health::Health;
use base::ids::CameraId;
use tokio::sync::Notify;

/// The newest verdict of everyone, until it is published; all again on a new connection, since a broker may
/// forget. A std lock: nothing is awaited while it is held.
#[derive(Debug, Default)]
pub struct Told {
    states: Mutex<BTreeMap<Option<CameraId>, (Health, bool)>>,
    changed: Notify,
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<CameraId>, (Health, bool)>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new verdict.
    pub fn put(&self, health: Health) {
        self.lock().insert(health.camera.clone(), (health, true));
        self.changed.notify_one();
    }

    /// How a camera is; `None` asks for the analyzer.
    pub fn get(&self, subject: Option<&CameraId>) -> Option<Health> {
        self.lock().get(&subject.cloned()).map(|(health, _)| health.clone())
    }

    /// Everything has to be published again.
    pub fn all_due(&self) {
        self.lock().values_mut().for_each(|(_, due)| *due = true);
        self.changed.notify_one();
    }

    /// The next verdict to publish; waits for one.
    pub async fn next(&self) -> Health {
        loop {
            let next = self.lock().values_mut().find(|(_, due)| *due).map(|(health, due)| {
                *due = false;
                health.clone()
            });
            match next {
                Some(health) => return health,
                None => self.changed.notified().await,
            }
        }
    }

    /// A verdict could not be published.
    pub fn failed(&self, subject: &Option<CameraId>) {
        if let Some((_, due)) = self.lock().get_mut(subject) {
            *due = true;
        }
    }
}
