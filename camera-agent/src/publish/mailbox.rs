//! One place for the next frame. The newest takes it; what it displaces is dropped and counted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use base::wire::FrameHeader;
use bytes::Bytes;
use tokio::sync::Notify;

/// A frame as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameOut {
    /// What it is.
    pub header: FrameHeader,
    /// A JPEG.
    pub jpeg: Bytes,
}

/// Between the thread that makes frames and the task that sends them.
#[derive(Debug, Default)]
pub struct Mailbox {
    // A std Mutex and not a Tokio one, because nothing is awaited while it is held.
    place: Mutex<Option<FrameOut>>,
    filled: Notify,
    open: AtomicBool,
}

impl Mailbox {
    /// Whether frames are taken at all: not while there is no connection.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes frames from now on, or no more; hands out what still lay there.
    pub fn set_open(&self, open: bool) -> Option<FrameOut> {
        self.open.store(open, Ordering::Relaxed);
        if open { None } else { self.place().take() }
    }

    /// Puts a frame; hands out the one that it displaces.
    pub fn put(&self, frame: FrameOut) -> Option<FrameOut> {
        let displaced = self.place().replace(frame);
        self.filled.notify_one();
        displaced
    }

    /// The next frame. Nothing is lost when the future is dropped.
    pub async fn take(&self) -> FrameOut {
        loop {
            if let Some(frame) = self.place().take() {
                return frame;
            }
            self.filled.notified().await;
        }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Option<FrameOut>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::time::Micros;

    fn frame(seq: u64) -> FrameOut {
        let (motion, light) = (Vec::new(), Default::default());
        let header =
            FrameHeader { v: 1, seq, captured_at: Micros(0), width: 64, height: 48, motion, light, drill: false };
        FrameOut { header, jpeg: Bytes::new() }
    }

    #[tokio::test]
    async fn the_newest_frame_takes_the_place_and_the_older_one_comes_out() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.put(frame(1)), None);
        assert_eq!(mailbox.put(frame(2)), Some(frame(1)));
        assert_eq!(mailbox.take().await, frame(2));
        mailbox.put(frame(3));
        assert_eq!(mailbox.set_open(false), Some(frame(3)));
    }

    #[tokio::test]
    async fn a_frame_that_comes_later_wakes_who_waits() {
        let mailbox = std::sync::Arc::new(Mailbox::default());
        let waiting = tokio::spawn({
            let mailbox = mailbox.clone();
            async move { mailbox.take().await }
        });
        tokio::task::yield_now().await;
        mailbox.put(frame(7));
        assert_eq!(waiting.await.unwrap(), frame(7));
    }
}
