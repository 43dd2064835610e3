//! Sets rendered from the packaged photographs and CCTV.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base::site::{Containment, Site};
use media::{OpenOptions, Picture, Source, SourceUrl};
use scenes::compose::Composer;
use scenes::footage::{Footage, to_and_fro};
use scenes::plan::{ClipPlan, Tint};
use scenes::progress::Progress;
use scenes::sets::SetName;
use scenes::stamps::{self, Stamps};
use scenes::tracks::ClipTracks;
use scenes::truth::{self, ClipTruth};
use scenes::{Request, ScenesError, render, run};
use scenes::{animals, catalogue};

fn footage() -> Footage {
    Footage::find(None).expect("opencv-doc")
}

fn request(set: SetName, seed: u64, out: &Path) -> Request {
    Request { set, seed, out: out.to_owned(), clips: None, footage: None, stamps: None }
}

fn scenes(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scenes")).args(arguments).output().expect("the binary runs")
}

fn error_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
}

/// One picture of a clip, as it is before it is encoded.
fn picture(set: SetName, seed: u64, clip: usize, frame: u32) -> Picture {
    picture_of(&set.plan(seed).clips[clip], seed, frame)
}

fn picture_of(clip: &ClipPlan, seed: u64, frame: u32) -> Picture {
    let mut composer = Composer::new(footage().background().expect("background"), Path::new(stamps::PACKAGED));
    let mut player = footage().play(to_and_fro(clip.first_frame + frame)).expect("footage");
    let street = player.next_picture().expect("readable").expect("long enough");
    let composed = composer.picture(clip, &run::settings(clip, seed), frame, &[&street.bgr]);
    composed.expect("composed").picture
}

#[test]
fn every_photograph_is_packaged_and_has_the_shape_that_the_catalogue_says() {
    let mut stamps = Stamps::new(Path::new(stamps::PACKAGED), 100.0);
    for animal in animals::ALL.into_iter().chain(catalogue::all()) {
        let sprite = stamps.get(animal, Tint::Natural).unwrap_or_else(|e| panic!("{e}"));
        let off = sprite.aspect() / animal.aspect - 1.0;
        assert!(off.abs() < 0.04, "{}: {} and not {}", animal.stamp, sprite.aspect(), animal.aspect);
    }
}

#[test]
fn the_same_seed_gives_the_same_pixels_and_another_seed_others() {
    let first = picture(SetName::Demo, 3, 0, 60);
    assert_eq!(first, picture(SetName::Demo, 3, 0, 60));
    assert_ne!(first.bgr, picture(SetName::Demo, 4, 0, 60).bgr);
}

#[test]
fn an_animal_shows_where_the_plan_puts_it() {
    let mut empty = SetName::Demo.plan(1);
    empty.clips[0].actors.clear();
    let with = picture(SetName::Demo, 1, 0, 50);
    let clip = &empty.clips[0];
    let without = picture_of(clip, 1, 50);
    let planned = SetName::Demo.plan(1).clips[0].actors[0].whole_box(&clip.view, 5.0).expect("in the picture");
    let (mut inside, mut outside) = (0, 0);
    for (i, (a, b)) in with.bgr.chunks(3).zip(without.bgr.chunks(3)).enumerate() {
        let (x, y) =
            ((i as u32 % with.width) as f32 / with.width as f32, (i as u32 / with.width) as f32 / with.height as f32);
        let in_box = x >= planned.x && x < planned.right() && y >= planned.y && y < planned.bottom();
        let changed = a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 40);
        inside += u32::from(changed && in_box);
        outside += u32::from(changed && !in_box);
    }
    let area = planned.area() * (with.width * with.height) as f32;
    assert!(inside as f32 > area * 0.4, "{inside} of {area} pixels changed in the box");
    assert!(outside as f32 <= area * 0.05, "{outside} pixels changed outside the box of {area}");
}

#[test]
fn an_animal_is_out_exactly_inside_its_events() {
    for set in [SetName::Demo, SetName::Smoke] {
        let plan = set.plan(11);
        let site = Site::parse(&plan.site.to_toml("").expect("toml"), Path::new("site.toml")).expect("a valid site");
        for (clip, truth) in plan.clips.iter().zip(truth::of(&plan, &site)) {
            assert_eq!(truth.camera, clip.camera);
            for frame in 0..clip.frames {
                let t_s = frame as f32 / 10.0;
                let out = clip.actors.iter().any(|actor| {
                    truth::ground_point(actor, &clip.view, t_s).is_some_and(|ground| {
                        // Whatever the detector calls it: every label that its species lists.
                        let verdicts: Vec<bool> = actor
                            .animal
                            .looks_like
                            .iter()
                            .map(|label| matches!(site.containment(&clip.camera, label, ground), Containment::Out(_)))
                            .collect();
                        assert!(verdicts.iter().all(|out| *out == verdicts[0]), "{} at {t_s}", clip.camera);
                        verdicts[0]
                    })
                });
                let in_event = truth.events.iter().any(|e| (e.start..e.end - 0.05).contains(&(f64::from(t_s) + 1e-4)));
                assert_eq!(out, in_event, "{} at {t_s}: {:?}", clip.camera, truth.events);
            }
        }
    }
}

#[test]
fn a_set_is_rendered_whole_once_and_then_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("smoke");
    let first = render(&request(SetName::Smoke, 5, &out), |_| Progress::silent()).expect("rendered");
    assert_eq!((first.clips, first.events, first.already_there), (8, 4, false));

    let site = Site::load(&out.join("site.toml")).expect("a valid site");
    let text = std::fs::read_to_string(out.join("truth.json")).expect("truth");
    let truth: Vec<ClipTruth> = serde_json::from_str(&text).expect("as DESIGN says");
    for clip in &truth {
        assert!(site.camera(&clip.camera).is_some());
        let url = SourceUrl::file(out.join(&clip.clip)).expect("a path");
        let source = Source::open(&url, &OpenOptions::default()).expect("a video");
        let info = source.info();
        assert_eq!((info.codec.as_str(), info.width, info.height, info.fps), ("h264", 768, 576, 10.0));
        assert_eq!(info.duration_us, Some(10_000_000), "{}", clip.clip);
    }
    let written = |out: &PathBuf| std::fs::read(out.join("lion-yard.mp4")).expect("a clip");
    let before = written(&out);
    let again = render(&request(SetName::Smoke, 5, &out), |_| Progress::silent()).expect("there");
    assert!(again.already_there && written(&out) == before);

    let other = render(&request(SetName::Demo, 5, &out), |_| Progress::silent());
    assert!(matches!(other, Err(ScenesError::OtherSet { .. })));
}

#[test]
fn the_first_clips_of_a_large_set_come_with_the_boxes_of_their_animals() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |set: SetName, clips: usize| {
        let out = folder.path().join(set.to_string());
        let request = Request { clips: Some(clips), ..request(set, 4, &out) };
        let done = render(&request, |_| Progress::silent()).expect("rendered");
        assert_eq!(done.clips, clips);
        let text = |name: &str| std::fs::read_to_string(out.join(name)).expect(name);
        let truth: Vec<ClipTruth> = serde_json::from_str(&text("truth.json")).expect("truth");
        let tracks: Vec<ClipTracks> = serde_json::from_str(&text("tracks.json")).expect("tracks");
        assert!(render(&request, |_| Progress::silent()).expect("there").already_there);
        (truth, tracks)
    };
    let (truth, tracks) = read(SetName::Escapes, 2);
    for (clip, tracks) in truth.iter().zip(&tracks) {
        assert_eq!((&clip.clip, clip.set.as_deref()), (&tracks.clip, Some("escapes")));
        for event in &clip.events {
            let track = tracks.animals.iter().find(|track| Some(&track.animal) == event.animal.as_ref());
            let frames = &track.expect("every animal that is out has a track").frames;
            let out = frames.iter().filter(|f| f.out).count() as f64;
            assert!((out / 10.0 - (event.end - event.start)).abs() < 0.35, "{out} {event:?}");
            assert!((0.0..=1.0).contains(&event.hidden.expect("rendering says how hidden it is")));
            let inside =
                |[x, y, w, h]: [f32; 4]| x >= 0.0 && y >= 0.0 && w > 0.0 && h > 0.0 && x + w <= 1.001 && y + h <= 1.001;
            assert!(frames.iter().all(|f| inside(f.rect) && (0.0..=1.0).contains(&f.shows)));
            assert!(frames.iter().any(|f| f.shows > 0.5), "{} is never seen", clip.clip);
        }
    }
    let (truth, tracks) = read(SetName::Drill, 1);
    assert_eq!(truth[0].events[0].entry.as_deref(), Some("drill"));
    // What a drill puts in lies over everything.
    assert!(tracks[0].animals[0].frames.iter().all(|f| f.shows > 0.99));
}

#[test]
fn a_statue_and_a_poster_differ_from_the_animal_and_do_not_move() {
    let plan = SetName::Decoys.plan(5);
    let clip = plan.clips.iter().find(|clip| clip.conditions == ["poster"]).expect("a poster");
    let mut empty = clip.clone();
    empty.actors.clear();
    let (mut first, mut last) = (picture_of(clip, 5, 0).bgr, picture_of(clip, 5, 290).bgr);
    // What the poster adds to the same street, at both times.
    for (picture, frame) in [(&mut first, 0), (&mut last, 290)] {
        let without = picture_of(&empty, 5, frame).bgr;
        picture.iter_mut().zip(without).for_each(|(a, b)| *a = u8::from(a.abs_diff(b) > 60));
    }
    let count = |picture: &[u8]| picture.iter().filter(|v| **v > 0).count();
    let same = first.iter().zip(&last).filter(|(a, b)| **a > 0 && a == b).count();
    assert!(count(&first) > 1_000, "{} values changed", count(&first));
    assert!(same * 2 > count(&first), "{same} of {} are where they were", count(&first));
}

#[test]
fn missing_packages_are_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("set");
    let path = out.to_str().expect("text");
    let no_footage = scenes(&["render", "--set", "demo", "--out", path, "--footage", "/nowhere/vtest.avi"]);
    assert_eq!(no_footage.status.code(), Some(2));
    assert!(error_line(&no_footage).contains("opencv-doc") && error_line(&no_footage).contains("deploy/setup"));
    let no_stamps = scenes(&["render", "--set", "demo", "--out", path, "--stamps", "/nowhere"]);
    assert_eq!(no_stamps.status.code(), Some(2));
    assert!(error_line(&no_stamps).contains("tuxpaint-stamps-default"));
    assert!(!out.join("site.toml").exists());
}

#[test]
fn bad_flags_and_folders_get_one_sentence() {
    let unknown = scenes(&["render", "--set", "zoo", "--out", "/tmp/never"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("possible values: demo, smoke, escapes"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    let below_a_file = file.path().join("set");
    let output = scenes(&["render", "--set", "demo", "--out", below_a_file.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(2));
    let line = error_line(&output);
    assert!(line.contains("cannot be written") && line.contains("--out"), "{line}");
}

#[test]
fn another_video_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = "/usr/share/doc/opencv-doc/examples/data/Megamind.avi";
    let refused = Footage::find(Some(Path::new(other))).expect("opencv-doc").play(0).err();
    assert!(matches!(refused, Some(ScenesError::OtherFootage { .. })), "{refused:?} {folder:?}");
}
