use std::process::Command;
use std::time::Duration;

use base::geometry::Rect;
use base::ids::SegmentId;
use base::incident::{Rule, Sighting};
use base::segment::{SegmentMeta, sha256_hex};
use base::wire::{CameraStatus, SpoolStatus};
use media::{Picture, SegmentOptions, SegmentReader, Segmenter};
use serde_json::Value;
use tables::StoreConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::archive::{files, index::Index};
use crate::children::tests::some_weed;
use crate::http::tests::{Page, incident};
use crate::incident::evidence::{Frame, Kept};
use crate::ledger::{Entry, Ledger};
use crate::upload::s3::{Bucket, Multipart};

/// Capture time of the first picture, and of the end of the last.
const BEGIN: Micros = Micros(1_700_000_088_000_000);
const END: Micros = Micros(1_700_000_112_000_000);
const OPENED: Micros = Micros(1_700_000_100_000_000);

fn camera() -> CameraId {
    CameraId::new("gate").unwrap()
}

/// Twelve segments of two seconds, ten pictures a second.
fn footage() -> Vec<(SegmentMeta, Vec<u8>)> {
    let options = SegmentOptions { target_us: 2_000_000, ..SegmentOptions::default() };
    let mut segmenter = Segmenter::for_pictures(10.0, options);
    let mut segments = Vec::new();
    for n in 0..240u32 {
        let bgr = (0..64 * 48).flat_map(|i| [(i / 64 * 5) as u8, (n % 200) as u8, 90]).collect();
        let picture = Picture { width: 64, height: 48, bgr, pts_us: i64::from(n) * 100_000, key: false };
        segments.extend(segmenter.push_picture(&picture).unwrap());
    }
    segments.extend(std::iter::from_fn(|| segmenter.finish().unwrap()));
    assert_eq!(segments.len(), 12);
    let with_meta = segments.into_iter().map(|s| {
        let meta = SegmentMeta {
            camera: camera(),
            id: SegmentId::new(format!("s{}", s.start_pts_us / 2_000_000)).unwrap(),
            start: BEGIN.plus_us(s.start_pts_us),
            duration_us: s.duration_us,
            bytes: s.bytes.len() as u64,
            sha256: sha256_hex(&s.bytes),
            codec: s.codec,
            width: s.width,
            height: s.height,
            fps: s.fps,
            frames: s.frames,
            motion: 0.5,
            drill: false,
        };
        (meta, s.bytes)
    });
    with_meta.collect()
}

/// As the archive stores segments.
fn store(dir: &std::path::Path, segments: &[(SegmentMeta, Vec<u8>)]) {
    for (meta, bytes) in segments {
        let path = files::path(&dir.join("archive"), meta);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let metas: Vec<SegmentMeta> = segments.iter().map(|(meta, _)| meta.clone()).collect();
    Index::open(&dir.join("state.db")).unwrap().insert(&metas, END).unwrap();
}

fn nowhere() -> StoreConfig {
    StoreConfig {
        endpoint: Some("http://127.0.0.1:9".into()),
        region: "us-east-1".into(),
        bucket: "zoo".into(),
        access_key: "nobody".into(),
        secret_key: "nobody".into(),
    }
}

/// A page over this footage, with an escape in its middle, a minute later.
async fn page(segments: &[(SegmentMeta, Vec<u8>)]) -> Page {
    page_at(segments, END.plus_us(60_000_000)).await
}

async fn page_at(segments: &[(SegmentMeta, Vec<u8>)], now: Micros) -> Page {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), segments);
    let page = Page::serve_over(dir, now, nowhere()).await;
    escape(&page);
    page
}

/// An incident at `OPENED` with a still and the evidence of one picture.
fn escape(page: &Page) -> IncidentId {
    let id = IncidentId::new("escape-1").unwrap();
    let rect = Rect { x: 0.5, y: 0.5, w: 0.25, h: 0.25 };
    let mut escaped = Incident { id: id.clone(), opened_at: OPENED, updated_at: OPENED, ..incident() };
    escaped.reason.rule = Some(Rule::OutsideEnclosures);
    escaped.sightings = vec![Sighting {
        camera: camera(),
        track: 1,
        first_seen: OPENED.plus_us(-1_000_000),
        last_seen: OPENED.plus_us(3_000_000),
        rect,
        zone: None,
    }];
    let frame = Frame {
        t: OPENED,
        camera: camera(),
        track: 1,
        rect,
        score: 0.6,
        labels: vec![("dog".into(), 0.5)],
        p_out: 0.99,
        llr: 2.0,
        sum: 7.0,
        sum_needed: 6.9,
        zone: None,
        rule: Some(Rule::OutsideEnclosures),
        spoke: vec!["animal".into()],
        against: vec![],
    };
    let grey = Picture { width: 64, height: 48, bgr: vec![128; 3 * 64 * 48], pts_us: 0, key: true };
    let still = crate::detect::jpeg::encode(&grey, 95).unwrap();
    let entry = Entry {
        incidents: vec![escaped],
        stills: vec![(id.clone(), still.into())],
        evidence: vec![Kept { incident: id.clone(), frames: vec![frame] }],
        ..Entry::default()
    };
    Ledger::open(&page.shared.state_db).unwrap().commit(&entry).unwrap();
    id
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|l| l.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

async fn get(page: &Page, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(page.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    Answer { status: head[9..12].parse().unwrap(), head, body: answer[end + 4..].to_vec() }
}

fn span(from: Micros, to: Micros) -> String {
    format!("?from={}&to={}", from.0, to.0)
}

/// Times of the pictures in a video, µs, counted from its first.
fn pictures(video: Vec<u8>) -> Vec<i64> {
    SegmentReader::open(video).unwrap().map(|picture| picture.unwrap().pts_us).collect()
}

#[tokio::test]
async fn the_timeline_shows_what_was_recorded_the_gaps_with_reasons_and_the_incidents() {
    let mut segments = footage();
    segments.drain(4..6);
    let page = page(&segments).await;
    let gap = Gap { start: BEGIN.plus_us(8_000_000), end: BEGIN.plus_us(12_000_000), why: "spool full".into() };
    let spool = SpoolStatus { gaps: vec![gap], ..SpoolStatus::default() };
    assert!(page.shared.view.status(&camera(), CameraStatus { spool, ..CameraStatus::last_will() }));
    let (status, told) = page.json("GET", &format!("/api/footage/gate{}", span(BEGIN, END)), "").await;
    assert_eq!((status, told["camera"].as_str()), (200, Some("gate")), "{told}");
    let recorded = told["recorded"].as_array().unwrap();
    assert_eq!(
        (recorded.len(), recorded[0]["start"].as_i64(), &recorded[0]["segment"]),
        (10, Some(BEGIN.0), &json!("s0"))
    );
    assert_eq!((&recorded[0]["motion"], &recorded[0]["uploaded"]), (&json!(0.5), &json!(false)));
    let start = BEGIN.0 + 8_000_000;
    assert_eq!(told["gaps"], json!([{ "start": start, "end": start + 4_000_000, "why": "spool full" }]));
    let (start, end) = (OPENED.0 - 1_000_000, OPENED.0 + 3_000_000);
    assert_eq!(told["incidents"], json!([{ "id": "escape-1", "start": start, "end": end, "tier": "escape" }]));
}

#[tokio::test]
async fn a_span_is_one_video_that_plays_and_any_range_of_it_is_the_same_bytes() {
    let page = page(&footage()).await;
    let path = format!("/api/footage/gate/video.mp4{}", span(BEGIN.plus_us(5_000_000), BEGIN.plus_us(13_000_000)));
    let whole = get(&page, &path, "").await;
    assert_eq!(
        (whole.status, whole.header("content-type"), whole.header("accept-ranges")),
        (200, "video/mp4", "bytes")
    );
    assert_eq!(whole.header("content-length"), whole.body.len().to_string());
    // From the key frame before: 4 s to 14 s.
    assert_eq!(whole.header("x-paddock-start-us"), BEGIN.plus_us(4_000_000).0.to_string());
    let times = pictures(whole.body.clone());
    assert_eq!(times.len(), 100);
    assert!(times.windows(2).all(|w| (99_000..=101_000).contains(&(w[1] - w[0]))), "{times:?}");

    let length = whole.body.len();
    for (from, to) in [(0, 1), (0, 2000), (1500, length - 1), (length - 10, length)] {
        let part = get(&page, &path, &format!("range: bytes={from}-{}\r\n", to - 1)).await;
        assert_eq!((part.status, part.body == whole.body[from..to]), (206, true), "{from}..{to}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{length}", to - 1));
    }
    let beyond = get(&page, &path, &format!("range: bytes={length}-\r\n")).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, format!("bytes */{length}").as_str()));
    let stale = get(&page, &path, "range: bytes=5-9\r\nif-range: \"another\"\r\n").await;
    assert_eq!((stale.status, stale.body.len()), (200, length));
}

#[tokio::test]
async fn a_clip_is_awaited_while_its_footage_is_on_its_way_and_covers_ten_seconds_each_side() {
    let all = footage();
    let page = page_at(&all[..8], OPENED.plus_us(12_000_000)).await;
    let path = "/api/incidents/escape-1/clip.mp4";
    let waiting = get(&page, path, "").await;
    assert_eq!((waiting.status, waiting.header("retry-after")), (202, "2"));
    assert!(waiting.json()["waiting"].as_str().unwrap().contains("on its way"));
    let goodbye = CameraStatus { at: Some(OPENED), ..CameraStatus::last_will() };
    for (status, answer) in [(CameraStatus::last_will(), 202), (goodbye, 200), (CameraStatus::last_will(), 202)] {
        assert!(page.shared.view.status(&camera(), status));
        assert_eq!(get(&page, path, "").await.status, answer, "after a goodbye nothing more comes");
    }
    let partial = get(&page, &format!("{path}?partial=1"), "").await;
    assert_eq!((partial.status, pictures(partial.body).len()), (200, 140), "from 2 s to 16 s");

    store(page.dir.path(), &all[8..]);
    let clip = get(&page, path, "").await;
    let us = |name: &str| clip.header(name).parse::<i64>().unwrap();
    assert_eq!(clip.status, 200);
    assert!(us("x-paddock-start-us") <= OPENED.0 - 10_000_000 && us("x-paddock-end-us") >= OPENED.0 + 10_000_000);
    assert_eq!(pictures(clip.body.clone()).len(), 200);
}

#[tokio::test]
async fn a_clip_whose_footage_waits_in_the_agents_spool_is_awaited_however_old_it_is() {
    let segments = footage();
    let page = page(&segments[..7]).await;
    let spool = |oldest| {
        let spool = SpoolStatus { segments: 3, oldest, ..SpoolStatus::default() };
        assert!(page.shared.view.status(&camera(), CameraStatus { spool, ..CameraStatus::last_will() }));
    };
    spool(Some(BEGIN.plus_us(14_000_000)));
    assert_eq!(get(&page, "/api/incidents/escape-1/clip.mp4", "").await.status, 202);
    // The agent has given it up: what there is, is all there will be.
    spool(None);
    assert_eq!(get(&page, "/api/incidents/escape-1/clip.mp4", "").await.status, 200);
}

#[tokio::test]
async fn an_export_is_the_original_files_with_checksums_that_agree() {
    let segments = footage();
    let page = page(&segments).await;
    let path = format!("/api/footage/gate/export{}", span(BEGIN, BEGIN.plus_us(6_000_000)));
    let export = get(&page, &path, "").await;
    assert_eq!((export.status, export.header("content-type")), (200, "application/x-tar"));
    assert_eq!(export.header("content-length"), export.body.len().to_string());
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.tar"), &export.body).unwrap();
    let run = |line: &str| {
        let output = Command::new("sh").args(["-c", line]).current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run("tar --strip-components 1 -xf a.tar && sha256sum --strict -c SHA256SUMS");
    let manifest: Value = serde_json::from_str(&run("cat manifest.json")).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert_eq!((files.len(), &manifest["camera"], &manifest["gaps"]), (3, &json!("gate"), &json!([])));
    let first = std::fs::read(dir.path().join(files[0]["file"].as_str().unwrap())).unwrap();
    assert!(first == segments[0].1, "byte for byte what the camera's agent sent");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_footage_is_one_sentence() {
    let page = page(&footage()).await;
    let long = span(BEGIN, BEGIN.plus_us(601_000_000));
    let before = span(Micros(1), Micros(1_000_000));
    let cases = [
        ("/api/footage/gate".to_owned(), 400, "microseconds"),
        (format!("/api/footage/gate{}", span(END, BEGIN)), 400, "later"),
        (format!("/api/footage/Gate%20{}", span(BEGIN, END)), 400, ""),
        (format!("/api/footage/gate/video.mp4{long}"), 400, "10 minutes"),
        (format!("/api/footage/gate/video.mp4{before}"), 404, "no footage of camera gate"),
        (format!("/api/footage/gate/export{before}"), 404, "no footage"),
        (format!("/api/footage/far/video.mp4{}", span(BEGIN, END)), 404, "no footage of camera far"),
        ("/api/incidents/nobody/clip.mp4".to_owned(), 404, "no such incident"),
        ("/api/incidents/escape-1/clip.mp4?camera=far".to_owned(), 404, "no footage"),
        ("/api/incidents/nobody/evidence".to_owned(), 404, "no such incident"),
        ("/api/incidents/nobody/still.jpg".to_owned(), 404, "no still"),
    ];
    for (path, status, word) in cases {
        let answer = get(&page, &path, "").await;
        let sentence = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == status && sentence.contains(word), "{path}: {} {sentence}", answer.status);
    }
}

#[tokio::test]
async fn evidence_is_told_and_the_still_has_its_box() {
    let page = page(&[]).await;
    let (status, told) = page.json("GET", "/api/incidents/escape-1/evidence", "").await;
    assert_eq!(
        (status, &told["rule"], &told["rule_text"]),
        (200, &json!("outside-enclosures"), &json!("outside every enclosure"))
    );
    assert_eq!(
        (&told["frames"][0]["box"], &told["frames"][0]["spoke"]),
        (&json!([0.5, 0.5, 0.25, 0.25]), &json!(["animal"]))
    );
    let plain = get(&page, "/api/incidents/escape-1/still.jpg?plain=1", "").await.body;
    let marked = get(&page, "/api/incidents/escape-1/still.jpg", "").await.body;
    let pixels = |jpeg: &[u8]| crate::detect::jpeg::decode(jpeg, (64, 48)).unwrap().bgr;
    assert!(pixels(&plain).iter().all(|c| c.abs_diff(128) < 8));
    assert!(pixels(&marked).iter().any(|c| c.abs_diff(128) > 60));
}

#[tokio::test]
async fn what_is_only_watched_is_listed_by_its_tier_alone() {
    let page = page(&[]).await;
    let id = IncidentId::new("watch-1").unwrap();
    page.shared.view.watch(Incident { id: id.clone(), tier: Tier::Watch, ..incident() });
    let ids = async |query: &str| {
        let (_, list) = page.json("GET", &format!("/api/incidents{query}"), "").await;
        list.as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("?tier=watch").await, ["watch-1"]);
    assert!(!ids("").await.contains(&"watch-1".to_owned()));
    assert_eq!(page.json("GET", "/api/incidents/watch-1", "").await.1["tier"], "watch");
    page.shared.view.unwatch(&id);
    assert!(ids("?tier=watch").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn footage_that_is_only_in_object_storage_any_more_is_fetched_from_there() {
    let (segments, dir) = (footage(), tempfile::tempdir().unwrap());
    let weed_dir = tempfile::tempdir().unwrap();
    let weed = some_weed(weed_dir.path()).await;
    store(dir.path(), &segments);
    let bucket = Bucket::new(&weed.store(), Multipart::default());
    let metas: Vec<SegmentMeta> = segments.iter().take(4).map(|(meta, _)| meta.clone()).collect();
    let site = incident().site;
    for (meta, bytes) in &segments[..3] {
        bucket.put(&meta.key(&site), bytes.clone().into(), &meta.sha256).await.unwrap();
    }
    // The fourth is said to be there and is not.
    let mut index = Index::open(&dir.path().join("state.db")).unwrap();
    index.uploaded(&metas, END).unwrap();
    index.removed(&metas, END).unwrap();
    for meta in &metas {
        std::fs::remove_file(files::path(&dir.path().join("archive"), meta)).unwrap();
    }
    let page = Page::serve_over(dir, END.plus_us(60_000_000), weed.store()).await;
    let path = format!("/api/footage/gate/video.mp4{}", span(BEGIN, BEGIN.plus_us(12_000_000)));
    let video = get(&page, &path, "").await;
    let times = pictures(video.body);
    assert_eq!((video.status, times.len()), (200, 100), "six segments without the fourth");
    assert!((1_990_000..2_110_000).contains(&(times[60] - times[59])), "and its time stays free: {times:?}");
    tokio::task::spawn_blocking(move || drop(weed)).await.unwrap();
    // The store is gone, and so is what was only there and is not remembered.
    let gone = get(&page, &format!("/api/footage/gate/export{}", span(BEGIN, END)), "").await;
    assert!(gone.body.len() < gone.header("content-length").parse().unwrap(), "an answer that is not whole says so");
}
