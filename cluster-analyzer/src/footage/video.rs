//! Adapter: a span of segments as one video, in parts of any range.

use std::sync::Arc;

use base::ids::CameraId;
use base::time::Micros;
use bytes::Bytes;
use futures::Stream;
use media::{Joined, Layout, join};

use super::FootageError;
use super::shelf::{Shelf, blocking};
use super::timeline::Row;

/// A video that is made while it is sent.
#[derive(Debug)]
pub struct Video {
    shelf: Arc<Shelf>,
    rows: Vec<Row>,
    joined: Joined,
}

impl Video {
    /// All that there is of `rows` between the two times. Segments that can no longer be had are gaps.
    ///
    /// # Errors
    /// Nothing is there, or it cannot be read.
    pub async fn of(
        shelf: &Arc<Shelf>,
        camera: &CameraId,
        rows: Vec<Row>,
        from: Micros,
        until: Micros,
    ) -> Result<Self, FootageError> {
        let (mut kept, mut layouts): (Vec<Row>, Vec<Arc<Layout>>) = (Vec::new(), Vec::new());
        for row in rows.into_iter().filter(Row::is_there) {
            match shelf.layout(&row).await {
                Ok(layout) => {
                    kept.push(row);
                    layouts.push(layout);
                }
                Err(FootageError::Gone { .. }) => {}
                Err(FootageError::File(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                    tracing::warn!(%camera, segment = %row.meta.id, "left out of a video: {error}");
                }
                Err(error) => return Err(error),
            }
        }
        let timed: Vec<(i64, &Layout)> =
            kept.iter().zip(&layouts).map(|(row, layout)| (row.meta.start.0, layout.as_ref())).collect();
        let joined = join(&timed, from.0, until.0).ok_or_else(|| FootageError::Nothing { camera: camera.clone() })?;
        Ok(Self { shelf: Arc::clone(shelf), rows: kept, joined })
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.joined.bytes()
    }

    /// Capture time of the video's time 0.
    pub fn start(&self) -> Micros {
        Micros(self.joined.start_us)
    }

    /// Capture time of its end.
    pub fn end(&self) -> Micros {
        Micros(self.joined.end_us)
    }

    /// Changes when another video would be made of the same span: footage that came late.
    pub fn tag(&self) -> String {
        let pieces = self.joined.pieces.iter().map(|p| format!("{}+{}", p.start_us, p.bytes));
        let text = pieces.collect::<Vec<_>>().join(",");
        format!("\"{}\"", &base::segment::sha256_hex(text.as_bytes())[..16])
    }

    /// The bytes from `from` up to and without `to`, one fragment at a time.
    pub fn part(self, from: u64, to: u64) -> impl Stream<Item = Result<Bytes, FootageError>> + Send + 'static {
        let video = Arc::new(self);
        let mut at = 0;
        let mut parts = Vec::new();
        let sizes = std::iter::once(video.joined.head.len() as u64).chain(video.joined.pieces.iter().map(|p| p.bytes));
        for (n, bytes) in sizes.enumerate() {
            if at < to && at + bytes > from {
                parts.push((n, from.saturating_sub(at), (to - at).min(bytes)));
            }
            at += bytes;
        }
        futures::stream::unfold((video, parts.into_iter()), |(video, mut parts)| async move {
            let (n, from, to) = parts.next()?;
            let part = video.numbered(n).await.map(|bytes| bytes.slice(from as usize..to as usize));
            // What cannot be read ends the answer early: its length says that it is not whole.
            let rest = if part.is_ok() { parts } else { Vec::new().into_iter() };
            Some((part, (video, rest)))
        })
    }

    /// The head (0) or a piece (from 1).
    async fn numbered(&self, n: usize) -> Result<Bytes, FootageError> {
        let Some(piece) = n.checked_sub(1).map(|n| self.joined.pieces[n]) else {
            return Ok(Bytes::from(self.joined.head.clone()));
        };
        let content = self.shelf.content(&self.rows[piece.segment]).await?;
        let read = blocking(move || {
            let mut bytes = content.read(piece.offset, piece.bytes)?;
            piece.put_right(&mut bytes)?;
            Ok::<_, std::io::Error>(Bytes::from(bytes))
        });
        Ok(read.await??)
    }
}
