use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::geometry::Rect;
use base::incident::AlertType;
use media::{ClipOptions, ClipWriter, Picture};
use vision::{Detection, ModelCard};

use super::cache::Cache;
use super::line::Line;
use super::seen::SeenClip;
use super::watch::{Looked, Watch};
use super::*;
use crate::config::DetectConfig;
use crate::detect::DetectError;
use crate::testkit::{CAT, camera, card, site, thing};

/// Sees a tiger where the picture's brightest column is, so that clips can be made in the test.
struct Brightest(Arc<ModelCard>);

impl Detector for Brightest {
    fn card(&self) -> &ModelCard {
        &self.0
    }

    fn detect(&mut self, picture: &Picture, _: &[Rect]) -> Result<Vec<Detection>, DetectError> {
        let row = &picture.bgr[..3 * picture.width as usize];
        let bright = row.chunks(3).enumerate().filter(|(_, p)| p[1] > 128).map(|(x, _)| x).collect::<Vec<_>>();
        let Some(middle) = bright.get(bright.len() / 2) else { return Ok(vec![]) };
        Ok(vec![thing(*middle as f32 / picture.width as f32, &[(CAT, 0.6)])])
    }
}

/// A clip of `seconds` at 10 fps with a bright column at `at(t)`; none where that is outside of the picture.
fn clip(path: &Path, seconds: u32, at: impl Fn(f32) -> f32) {
    let (width, height) = (160u32, 96u32);
    let mut writer = ClipWriter::create(path, width, height, 10.0, &ClipOptions::default()).unwrap();
    for i in 0..seconds * 10 {
        let column = at(i as f32 / 10.0) * width as f32;
        let bright = |x: u32| (x as f32 - column).abs() < 6.0;
        let row: Vec<u8> = (0..width).flat_map(|x| [if bright(x) { 250 } else { 5 }; 3]).collect();
        let bgr = row.repeat(height as usize);
        writer.write(&Picture { width, height, bgr, pts_us: i64::from(i) * 100_000, key: false }).unwrap();
    }
    writer.finish().unwrap();
}

fn params(clips: Vec<(CameraId, PathBuf)>) -> Params {
    Params { site: site(), clips, see: SeeParams::at_fps(5.0), judge: judge::Params::default() }
}

#[test]
fn an_escape_is_followed_from_clip_to_clip_and_the_lines_are_the_same_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (gate, plaza) = (dir.path().join("gate.mp4"), dir.path().join("plaza.mp4"));
    clip(&gate, 20, |t| 0.1 * t);
    clip(&plaza, 20, |t| 0.1 * (t - 14.0));
    let params = params(vec![(camera("gate"), gate), (camera("plaza"), plaza)]);
    let lines = || -> Vec<String> {
        let mut told = 0;
        let replayed = run(&params, &mut Brightest(card()), |_| told += 1).unwrap();
        assert_eq!(told, replayed.events.len());
        // Both cameras at five a second would be 200: what is still is looked at less.
        assert!((80..140).contains(&replayed.pictures), "{}", replayed.pictures);
        replayed.events.iter().map(|event| Line::of(event).to_json()).collect()
    };
    let first = lines();
    assert_eq!(first, lines());
    let read: Vec<Line> = first.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read[0].kind, AlertType::Opened);
    assert!((5.0..6.5).contains(&read[0].t), "{first:?}");
    assert_eq!(read.iter().filter(|line| line.kind == AlertType::Opened).count(), 1, "{first:?}");
    assert!(read.iter().any(|line| line.kind == AlertType::Updated && line.camera == camera("plaza")), "{first:?}");
    let keys = ["type", "incident", "tier", "camera", "t", "label", "species", "danger", "zone", "box", "confidence"];
    let value: serde_json::Value = serde_json::from_str(&first[0]).unwrap();
    assert!(keys.iter().all(|key| value.get(key).is_some()), "{value}");
}

#[test]
fn a_clip_that_is_missing_names_camera_and_file() {
    let params = params(vec![(camera("gate"), "no-such.mp4".into())]);
    let error = run(&params, &mut Brightest(card()), |_| {}).unwrap_err();
    let text = base::input::chain(&error);
    assert!(text.contains("gate") && text.contains("no-such.mp4"), "{text}");
}

/// What is seen of clips by `jobs` threads, and how many detectors were opened for it.
fn watch(clips: &[PathBuf], cache: Option<&Cache>, jobs: usize) -> (Vec<Looked>, usize) {
    let opened = AtomicUsize::new(0);
    let open = || -> Result<Box<dyn Detector>, Box<dyn std::error::Error + Send + Sync>> {
        opened.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Brightest(card())))
    };
    let params = SeeParams::at_fps(5.0);
    let looked = Watch { params: &params, open: &open, cache, jobs, progress: &|_, _| {} }.all(clips).unwrap();
    (looked, opened.load(Ordering::Relaxed))
}

fn seen(looked: &[Looked]) -> Vec<&SeenClip> {
    looked.iter().map(|looked| &looked.clip).collect()
}

#[test]
fn what_was_kept_is_what_would_be_seen_and_needs_no_detector() {
    let dir = tempfile::tempdir().unwrap();
    let clips: Vec<PathBuf> = (0..3).map(|i| dir.path().join(format!("{i}.mp4"))).collect();
    for (i, path) in clips.iter().enumerate() {
        clip(path, 6, |t| 0.1 * t * (i + 1) as f32);
    }
    let kept = dir.path().join("seen");
    let see = SeeParams::at_fps(5.0);
    let cache = |model: &str| Cache::open(&kept, model, &DetectConfig::default(), &see).unwrap();
    let (fresh, opened) = watch(&clips, None, 1);
    assert!(opened == 1 && fresh.iter().all(|looked| looked.took.is_some() && looked.clip.seen.len() > 10));
    let (parallel, _) = watch(&clips, Some(&cache("a")), 3);
    let (again, opened) = watch(&clips, Some(&cache("a")), 2);
    assert_eq!((seen(&fresh), seen(&fresh)), (seen(&parallel), seen(&again)));
    assert!(opened == 0 && again.iter().all(|looked| looked.took.is_none()));
    assert_eq!(watch(&clips, Some(&cache("b")), 1).1, 1, "another model sees for itself");
    clip(&clips[1], 6, |t| 0.05 * t);
    let (changed, opened) = watch(&clips, Some(&cache("a")), 1);
    assert_eq!(opened, 1, "another content under the same name is looked at anew");
    assert_ne!(changed[1].clip, fresh[1].clip);
}

#[test]
fn a_clip_judged_from_what_was_kept_gives_the_events_of_the_replay() {
    let dir = tempfile::tempdir().unwrap();
    let (gate, plaza) = (dir.path().join("gate.mp4"), dir.path().join("plaza.mp4"));
    clip(&gate, 15, |t| 0.1 * t);
    clip(&plaza, 15, |t| 0.1 * (t - 11.0));
    let params = params(vec![(camera("gate"), gate.clone()), (camera("plaza"), plaza.clone())]);
    let streamed = run(&params, &mut Brightest(card()), |_| {}).unwrap();
    let (looked, _) = watch(&[gate, plaza], None, 2);
    let mut judged = Judged::new(site(), card(), judge::Params::default());
    judged.take_all(&[(&camera("gate"), &looked[0].clip), (&camera("plaza"), &looked[1].clip)]);
    assert!(!streamed.events.is_empty());
    assert_eq!((judged.events, judged.pictures), (streamed.events, streamed.pictures));
    assert_eq!((looked[0].clip.frames, looked[0].clip.duration_us), (150, 15_000_000));
}
