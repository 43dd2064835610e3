//! Adapter: a span of segments as they are, with checksums, as one tar archive.
//!
//! `manifest.json` says what is in it and what is missing; `SHA256SUMS` is checked by `sha256sum -c SHA256SUMS`.

use std::sync::Arc;

use base::ids::{CameraId, SegmentId};
use base::time::Micros;
use base::wire::Gap;
use bytes::Bytes;
use futures::Stream;
use serde::Serialize;

use super::shelf::{Shelf, blocking};
use super::timeline::Row;
use super::{FootageError, tar};

/// An archive that is made while it is sent.
#[derive(Debug)]
pub struct Export {
    shelf: Arc<Shelf>,
    folder: String,
    texts: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    made_at: Micros,
}

#[derive(Serialize)]
struct Manifest<'a> {
    camera: &'a CameraId,
    from: Micros,
    to: Micros,
    exported_at: Micros,
    files: Vec<ManifestFile<'a>>,
    gaps: &'a [Gap],
}

#[derive(Serialize)]
struct ManifestFile<'a> {
    file: String,
    segment: &'a SegmentId,
    start: Micros,
    end: Micros,
    bytes: u64,
    sha256: &'a str,
    codec: &'a str,
    width: u32,
    height: u32,
    frames: u32,
}

impl Export {
    /// The segments of `rows` that can be had; `gaps` are named in the manifest.
    ///
    /// # Errors
    /// There are none.
    pub fn of(
        shelf: &Arc<Shelf>,
        camera: &CameraId,
        rows: Vec<Row>,
        gaps: &[Gap],
        (from, to): (Micros, Micros),
        made_at: Micros,
    ) -> Result<Self, FootageError> {
        let rows: Vec<Row> = rows.into_iter().filter(Row::is_there).collect();
        if rows.is_empty() {
            return Err(FootageError::Nothing { camera: camera.clone() });
        }
        let files = rows.iter().map(|Row { meta, .. }| ManifestFile {
            file: name(meta),
            segment: &meta.id,
            start: meta.start,
            end: meta.end(),
            bytes: meta.bytes,
            sha256: &meta.sha256,
            codec: &meta.codec,
            width: meta.width,
            height: meta.height,
            frames: meta.frames,
        });
        let manifest = Manifest { camera, from, to, exported_at: made_at, files: files.collect(), gaps };
        // Strings and integers only: this cannot fail.
        let manifest = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
        let sums = rows.iter().map(|row| format!("{}  {}\n", row.meta.sha256, name(&row.meta))).collect();
        let texts = vec![("manifest.json", manifest), ("SHA256SUMS", sums)];
        let folder = format!("footage-{camera}-{}", from.0);
        Ok(Self { shelf: Arc::clone(shelf), folder, texts, rows, made_at })
    }

    /// The archive's file name.
    pub fn file_name(&self) -> String {
        format!("{}.tar", self.folder)
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        let texts = self.texts.iter().map(|(_, text)| text.len() as u64);
        let files = self.rows.iter().map(|row| row.meta.bytes);
        texts.chain(files).map(tar::size).sum::<u64>() + tar::END.len() as u64
    }

    /// The archive, one file at a time.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, FootageError>> + Send + 'static {
        let parts = self.texts.len() + self.rows.len() + 1;
        futures::stream::unfold((self, 0), move |(export, n)| async move {
            if n >= parts {
                return None;
            }
            let part = export.part(n).await;
            let next = if part.is_ok() { n + 1 } else { parts };
            Some((part, (export, next)))
        })
    }

    async fn part(&self, n: usize) -> Result<Bytes, FootageError> {
        let modified_s = self.made_at.0 / 1_000_000;
        if let Some((name, text)) = self.texts.get(n) {
            let header = tar::header(&self.folder, name, text.len() as u64, modified_s);
            return Ok(entry(header, text.clone().into_bytes()));
        }
        let Some(row) = self.rows.get(n - self.texts.len()) else { return Ok(Bytes::from_static(&tar::END)) };
        let (content, bytes) = (self.shelf.content(row).await?, row.meta.bytes);
        let file = blocking(move || content.read(0, bytes)).await??;
        let header = tar::header(&self.folder, &name(&row.meta), bytes, row.meta.start.0 / 1_000_000);
        Ok(entry(header, file))
    }
}

fn name(meta: &base::segment::SegmentMeta) -> String {
    format!("{}-{}.mp4", meta.start.0, meta.id)
}

fn entry(header: [u8; 512], content: Vec<u8>) -> Bytes {
    let padding = tar::padding(content.len() as u64) as usize;
    let mut entry = header.to_vec();
    entry.extend(content);
    entry.resize(entry.len() + padding, 0);
    Bytes::from(entry)
}
