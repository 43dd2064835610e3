//! Late footage: the thread that judges it.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use base::stop::Stop;
use tokio::sync::mpsc;

use super::{Parts, RunError, thread};
use crate::catchup::queue::Queue;
use crate::catchup::worker::{Seen, Worker};
use crate::detect::desk::Desk;
use crate::live::Input;
use crate::pipeline::Fresh;

impl Parts {
    /// The thread, and where it hears of what detectors see.
    pub(super) fn catch_up(
        &self,
        desk: &Arc<Desk>,
        fresh: &Arc<Fresh>,
        inputs: &mpsc::Sender<Input>,
        stop: Stop,
    ) -> Result<(Sender<Seen>, JoinHandle<()>), RunError> {
        let failed = |source| self.state_db_error(source);
        let queue = crate::archive::index::open_state(&self.state_db()).and_then(|db| Queue::new(db, self.clock.now()));
        let (to, seen) = std::sync::mpsc::channel();
        let worker = Worker {
            params: self.config.catch_up.params(),
            archive: self.config.data_dir.join("archive"),
            queue: queue.map_err(failed)?,
            desk: Arc::clone(desk),
            seen,
            fresh: Arc::clone(fresh),
            metrics: self.metrics(),
            clock: self.clock(),
            stop,
        };
        let inputs = inputs.clone();
        let found = move |found| inputs.blocking_send(Input::Late(Box::new(found))).is_ok();
        Ok((to, thread("catch-up", move || worker.run(found))?))
    }
}
