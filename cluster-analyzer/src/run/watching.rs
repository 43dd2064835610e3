//! The watch over cameras: what it is shown, and where its verdicts go.

use std::sync::Arc;
use std::thread::JoinHandle;

use base::stop::Stop;
use base::topic::Topic;
use base::wire::Form as _;

use super::{Parts, RunError, thread};
use crate::detect::worker::Shown;
use crate::health::store::Store;
use crate::health::told::Told;
use crate::health::watch::Watch;
use crate::health::{Handle, Heard, small};
use crate::ingest::mqtt::Link;

impl Parts {
    /// The watch, on a thread of its own, which ends with the last handle.
    pub(super) fn watch(&self) -> Result<(Arc<Told>, Handle, JoinHandle<()>), RunError> {
        let failed = |source| self.state_db_error(source);
        let store = crate::ledger::open(&self.state_db()).and_then(Store::new).map_err(failed)?;
        let told = Arc::new(Told::default());
        let (params, at) = (self.config.health.params(), self.clock());
        let watch = Watch::new(params, &self.site, store, Arc::clone(&told), self.metrics(), at);
        let (watch, handle) = watch.map_err(failed)?;
        Ok((told, handle, thread("health", move || watch.run())?))
    }
}

/// Shows the watch what the detector decodes.
pub(super) fn shown(watch: Handle) -> Arc<Shown> {
    Arc::new(move |job, picture| match small::luma(picture) {
        // A synthetic animal says nothing of the camera.
        Ok(_) if job.header.drill => {}
        Ok(luma) => watch.hear(Heard::Seen {
            camera: job.camera.clone(),
            luma,
            light: job.header.light,
            captured_at: job.header.captured_at,
            received_at: job.received_at,
        }),
        Err(error) => tracing::debug!(camera = %job.camera, "not looked at for its health: {error}"),
    })
}

/// How cameras are, retained at the broker; all of it again on each new connection.
pub(super) async fn tell_health(link: Link, told: Arc<Told>, mut end: Stop) {
    let mut connected = link.connected();
    loop {
        if !*connected.borrow_and_update() {
            tokio::select! {
                changed = connected.changed() => if changed.is_err() { return },
                () = end.asked() => return,
            }
            told.all_due();
            continue;
        }
        let health = tokio::select! {
            health = told.next() => health,
            _ = connected.changed() => continue,
            () = end.asked() => return,
        };
        let topic = health.camera.clone().map_or(Topic::AnalyzerHealth, Topic::CameraHealth);
        if let Err(error) = link.publish(&topic, health.to_json(), true, None).await {
            tracing::debug!("{topic} not told: {error}");
            told.failed(&health.camera);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}
