//! The thread that owns the spool: disk calls block, and neither capture nor the network waits for them.

use std::sync::{Arc, Mutex, PoisonError};

use base::ids::SegmentId;
use base::segment::SegmentMeta;
use base::time::Micros;
use base::wire::SpoolStatus;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::Spool;
use crate::segments::Footage;

/// The oldest segments, as many as a window could ask for.
const HEAD: usize = 64;

/// What the network side asks.
#[derive(Debug)]
enum Command {
    Acknowledge(Vec<SegmentId>),
    Reject(Vec<SegmentId>),
    Read(SegmentId, oneshot::Sender<Option<(SegmentMeta, Bytes)>>),
}

/// What everyone may see of the spool.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// What the status says.
    pub status: SpoolStatus,
    /// The oldest segments that wait.
    pub oldest: Vec<SegmentId>,
    /// No more footage comes: capture is over and all of it is kept.
    pub complete: bool,
}

/// Where capture puts footage.
#[derive(Debug)]
pub struct Intake {
    puts: mpsc::Sender<Footage>,
    too_slow: Spans,
}

/// Spans that the disk was too slow for, until the worker has noted them.
type Spans = Arc<Mutex<Vec<(Micros, Micros)>>>;

/// How the network side reaches the spool.
#[derive(Debug, Clone)]
pub struct Access {
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<View>,
}

/// The spool's own side.
#[derive(Debug)]
pub struct Worker {
    spool: Spool,
    puts: mpsc::Receiver<Footage>,
    too_slow: Spans,
    commands: mpsc::Receiver<Command>,
    view: watch::Sender<View>,
}

/// A worker and its two ends. It has to be run on a thread that may block.
pub fn worker(spool: Spool) -> (Worker, Intake, Access) {
    // Two segments may wait for the disk: more would be memory that a small computer does not have.
    let (put, puts) = mpsc::channel(2);
    let (command, commands) = mpsc::channel(16);
    let first = View { status: spool.status(), oldest: spool.oldest(HEAD), complete: false };
    let (show, view) = watch::channel(first);
    let too_slow = Spans::default();
    let intake = Intake { puts: put, too_slow: too_slow.clone() };
    (Worker { spool, puts, too_slow, commands, view: show }, intake, Access { commands: command, view })
}

impl Worker {
    /// Serves until everyone else is gone.
    pub async fn run(mut self) {
        let mut complete = false;
        loop {
            tokio::select! {
                put = self.puts.recv(), if !complete => match put {
                    Some(footage) => drop(self.spool.put(&footage)),
                    None => complete = true,
                },
                command = self.commands.recv() => match command {
                    Some(Command::Acknowledge(ids)) => self.spool.acknowledge(&ids),
                    Some(Command::Reject(ids)) => self.spool.reject(&ids),
                    Some(Command::Read(id, answer)) => drop(answer.send(self.spool.read(&id))),
                    None => return,
                },
            }
            let too_slow = std::mem::take(&mut *self.too_slow.lock().unwrap_or_else(PoisonError::into_inner));
            too_slow.into_iter().for_each(|span| self.spool.lost(Some(span), "the disk was too slow"));
            let next = View { status: self.spool.status(), oldest: self.spool.oldest(HEAD), complete };
            self.view.send_if_modified(|view| std::mem::replace(view, next.clone()) != next);
        }
    }
}

impl Intake {
    /// Hands footage over. `may_wait`: for a file, which can be read later; a camera cannot wait, and what the
    /// disk is too slow for is lost and counted.
    pub fn put(&self, footage: Footage, may_wait: bool) {
        if may_wait {
            let _ = self.puts.blocking_send(footage);
            return;
        }
        let (start, end) = (footage.meta.start, footage.meta.end());
        if self.puts.try_send(footage).is_err() {
            tracing::warn!(
                "the disk is too slow: {:.1} s of footage from {start} on are lost",
                end.seconds_since(start)
            );
            self.too_slow.lock().unwrap_or_else(PoisonError::into_inner).push((start, end));
        }
    }
}

impl Access {
    /// What the spool holds; changes are seen.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// These are stored durably elsewhere.
    pub async fn acknowledge(&self, ids: Vec<SegmentId>) {
        let _ = self.commands.send(Command::Acknowledge(ids)).await;
    }

    /// These were refused for good.
    pub async fn reject(&self, ids: Vec<SegmentId>) {
        let _ = self.commands.send(Command::Reject(ids)).await;
    }

    /// A segment; `None` when it is not there any more.
    pub async fn read(&self, id: &SegmentId) -> Option<(SegmentMeta, Bytes)> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Read(id.clone(), answer)).await.ok()?;
        answered.await.ok()?
    }
}
