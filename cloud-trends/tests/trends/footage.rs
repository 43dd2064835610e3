//! Real footage: a packaged photograph of a dog as H.264 segments, laid into a lake as the analyzer does it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base::ids::{CameraId, SegmentId};
use base::segment::{SegmentMeta, sha256_hex};
use base::time::Micros;
use media::{OpenOptions, Picture, Segment, SegmentOptions, Segmenter, Source, SourceUrl};
use tables::{Lake, Table, Txn};

use crate::history::site_id;

const DOG: &str = "/usr/share/darknet/data/dog.jpg";
const FPS: i64 = 5;
const SECONDS: i64 = 12;

/// A dog that is allowed in camera `yard` and nowhere else.
pub const SITE: &str = r#"
[site]
name = "demo"
timezone = "Europe/Berlin"

[[species]]
id = "wolf"
danger = "red"
looks_like = ["dog", "cat", "horse", "sheep", "cow", "bear"]

[[enclosure]]
id = "wolves"
species = ["wolf"]

[[camera]]
id = "yard"

[[camera.zone]]
id = "den"
kind = "enclosure"
enclosure = "wolves"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]

[[camera]]
id = "gate"
"#;

/// A lake with three segments of four seconds of each of two cameras, which see the same.
pub struct Footage {
    pub dir: tempfile::TempDir,
    pub segments: Vec<SegmentMeta>,
}

impl Footage {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("site.toml"), SITE).unwrap();
        let lake = Lake::local(&dir.path().join("lake")).unwrap();
        let mut segments = Vec::new();
        for camera in ["yard", "gate"] {
            for segment in cut() {
                let meta = meta(camera, segment);
                write(&dir.path().join("lake").join(meta.key(&site_id())), &segment.bytes);
                segments.push(meta);
            }
        }
        let footage = Self { dir, segments };
        footage.index(&lake, &footage.segments, 1).await;
        footage
    }

    /// Rows of `segments`.
    pub async fn index(&self, lake: &Lake, segments: &[SegmentMeta], version: i64) {
        let rows = tables::rows::segments(&site_id(), segments);
        let txn = Txn { app_id: "upload".into(), version };
        lake.append_once(Table::Segments, rows, &txn).await.unwrap();
    }

    pub fn lake(&self) -> PathBuf {
        self.dir.path().join("lake")
    }

    pub fn site(&self) -> PathBuf {
        self.dir.path().join("site.toml")
    }

    /// Where a segment's file lies.
    pub fn file(&self, segment: usize) -> PathBuf {
        self.lake().join(self.segments[segment].key(&site_id()))
    }
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn meta(camera: &str, segment: &Segment) -> SegmentMeta {
    // Within one window of the plan.
    let start = Micros(1_777_622_400_000_000 + segment.start_pts_us);
    SegmentMeta {
        camera: CameraId::new(camera).unwrap(),
        id: SegmentId::new(format!("{camera}-{}", segment.start_pts_us)).unwrap(),
        start,
        duration_us: segment.duration_us,
        bytes: segment.bytes.len() as u64,
        sha256: sha256_hex(&segment.bytes),
        codec: segment.codec.clone(),
        width: segment.width,
        height: segment.height,
        fps: segment.fps,
        frames: segment.frames,
        motion: 0.0,
        drill: false,
    }
}

/// The photograph as footage, cut once for all tests.
fn cut() -> &'static [Segment] {
    static CUT: OnceLock<Vec<Segment>> = OnceLock::new();
    CUT.get_or_init(|| {
        let dog = photograph();
        let mut segmenter = Segmenter::for_pictures(FPS as f64, SegmentOptions::default());
        let mut segments = Vec::new();
        for i in 0..SECONDS * FPS {
            let picture = Picture { pts_us: i * 1_000_000 / FPS, ..dog.clone() };
            segments.extend(segmenter.push_picture(&picture).unwrap());
        }
        while let Some(last) = segmenter.finish().unwrap() {
            segments.push(last);
        }
        assert_eq!(segments.len(), 3, "{segments:?}");
        segments
    })
}

fn photograph() -> Picture {
    let url = SourceUrl::file(DOG).unwrap();
    let mut source = Source::open(&url, &OpenOptions::default()).unwrap();
    let mut decoder = source.decoder(Some(640)).unwrap();
    while let Some(packet) = source.read().unwrap() {
        if let Some(picture) = decoder.decode(&packet).unwrap().pop() {
            return picture;
        }
    }
    decoder.flush().pop().unwrap()
}
