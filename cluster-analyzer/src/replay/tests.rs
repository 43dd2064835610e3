use std::path::Path;

use base::geometry::Rect;
use media::{ClipOptions, ClipWriter};
use vision::{Detection, ModelCard};

use super::line::Line;
use super::*;
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
    Params { site: site(), clips, fps: 5.0, judge: judge::Params::default() }
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
        assert_eq!((replayed.frames, told), (200, replayed.events.len()));
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
