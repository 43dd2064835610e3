//! Adapter: tracks, detections and truth in the format of MOTChallenge, for programs that score trackers.
//!
//! A sequence is a clip; its frames are the pictures that were looked at, from 1. Our tracks are made here of
//! what looks most like an animal, and so are the detections that a peer gets, so that both track the same; who
//! is a person to the detector is in neither. `gt/`, `trackers/` and `seqmaps/` lie as TrackEval wants them, and
//! `det/` beside them.

use std::fmt::Write as _;
use std::path::Path;

use base::geometry::Rect;
use vision::card::best_group;
use vision::{Detection, Group, ModelCard, Tracker, TrackerParams};

use super::calibrate::Labelled;
use crate::replay::seen::{Seen, SeenClip};

/// The folder's name of the split, as TrackEval builds paths.
const SPLIT: &str = "paddock-train";
/// Less of an animal than this share is no box that a tracker must have.
const SHOWS: f32 = 0.25;

/// Writes all clips; `clips` have the set's name with them.
///
/// # Errors
/// The folder cannot be written.
pub fn write(dir: &Path, clips: &[(&str, Labelled<'_>)], card: &ModelCard) -> std::io::Result<()> {
    let gt = dir.join("gt").join(SPLIT);
    let ours = dir.join("trackers").join(SPLIT).join("paddock").join("data");
    let det = dir.join("det");
    let maps = dir.join("gt").join("seqmaps");
    [&gt, &ours, &det, &maps].into_iter().try_for_each(std::fs::create_dir_all)?;
    let mut names = "name\n".to_owned();
    for (set, clip) in clips {
        let stem = Path::new(&clip.truth.clip).with_extension("");
        let name = format!("{set}-{}", stem.display());
        std::fs::write(det.join(format!("{name}.txt")), detections(clip.seen, card))?;
        std::fs::write(ours.join(format!("{name}.txt")), tracks(clip.seen, card))?;
        let Some(truth) = truth(clip) else { continue };
        let folder = gt.join(&name);
        std::fs::create_dir_all(folder.join("gt"))?;
        std::fs::write(folder.join("gt").join("gt.txt"), truth)?;
        let SeenClip { width, height, seen, .. } = clip.seen;
        let info = format!(
            "[Sequence]\nname={name}\nimDir=img1\nframeRate=5\nseqLength={}\nimWidth={width}\nimHeight={height}\nimExt=.jpg\n",
            seen.len()
        );
        std::fs::write(folder.join("seqinfo.ini"), info)?;
        names.push_str(&name);
        names.push('\n');
    }
    std::fs::write(maps.join(format!("{SPLIT}.txt")), names)
}

/// `left,top,width,height` in pixels of the clip, MOTChallenge counts from 1.
fn pixels(rect: &Rect, clip: &SeenClip) -> String {
    let (width, height) = (clip.width as f32, clip.height as f32);
    format!("{:.2},{:.2},{:.2},{:.2}", rect.x * width + 1.0, rect.y * height + 1.0, rect.w * width, rect.h * height)
}

fn is_animal(detection: &Detection, card: &ModelCard) -> bool {
    best_group(&card.groups, &detection.scores) == Group::Animal
}

fn detections(clip: &SeenClip, card: &ModelCard) -> String {
    let params = TrackerParams::for_card(card);
    let mut text = String::new();
    for (frame, Seen { detections, t, .. }) in clip.seen.iter().enumerate() {
        for detection in detections.iter().filter(|d| is_animal(d, card)) {
            let (rect, score) = (pixels(&detection.rect, clip), params.strength(detection));
            // Writing to a String cannot fail. Column eight is the time, for whoever wants gaps.
            let _ = writeln!(text, "{},-1,{rect},{score:.4},{:.3},-1,-1", frame + 1, t.0 as f64 / 1e6);
        }
    }
    text
}

fn tracks(clip: &SeenClip, card: &ModelCard) -> String {
    let mut tracker = Tracker::new(TrackerParams::for_card(card));
    let mut text = String::new();
    for (frame, seen) in clip.seen.iter().enumerate() {
        let animals: Vec<Detection> = seen.detections.iter().filter(|d| is_animal(d, card)).cloned().collect();
        for track in tracker.update(seen.t, &animals).iter().filter(|track| track.confirmed) {
            // The box as it was detected, as the peer reports it too.
            let rect = track.last_detection.as_ref().map_or(track.rect, |detection| detection.rect);
            let _ = writeln!(text, "{},{},{},1,-1,-1,-1", frame + 1, track.id, pixels(&rect, clip));
        }
    }
    text
}

fn truth(clip: &Labelled<'_>) -> Option<String> {
    let tracks = clip.tracks?;
    let mut text = String::new();
    for (frame, seen) in clip.seen.seen.iter().enumerate() {
        for (animal, boxed) in tracks.at(seen.t.0 as f64 / 1e6).filter(|(_, boxed)| boxed.shows >= SHOWS) {
            let (rect, shows) = (pixels(&boxed.rect, clip.seen), boxed.shows);
            let _ = writeln!(text, "{},{},{rect},1,1,{shows:.2}", frame + 1, animal + 1);
        }
    }
    Some(text)
}
