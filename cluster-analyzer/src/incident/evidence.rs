//! Pure: what each picture said about an animal, kept so that an incident explains itself.
//!
//! For each track the last pictures are remembered; when it becomes an incident they are kept with it, and so
//! are the pictures after its opening, of whatever camera, up to a bound. Nothing here decides anything.

use std::collections::{BTreeMap, HashMap, VecDeque};

use base::geometry::Rect;
use base::ids::{CameraId, IncidentId, ZoneId};
use base::incident::Rule;
use base::time::Micros;
use serde::{Deserialize, Serialize};
use vision::{Group, ModelCard, Track};

use crate::judge::Verdict;
use crate::judge::evidence::fused_animal;

/// Pictures kept of before an opening, the deciding one included.
pub const MOST_BEFORE: usize = 60;
/// Pictures kept of after it.
pub const MOST_AFTER: usize = 120;
/// Labels kept of each picture.
const MOST_LABELS: usize = 4;

/// What one picture said about one track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// When it was captured.
    pub t: Micros,
    /// Whose picture.
    pub camera: CameraId,
    /// The tracker's number.
    pub track: u64,
    /// Where it was.
    #[serde(rename = "box")]
    pub rect: Rect,
    /// How surely it is an animal in this picture: all animal labels fused, 0..1.
    pub score: f32,
    /// The best labels of this picture with their scores, animals or not.
    pub labels: Vec<(String, f32)>,
    /// Probability that its ground point is out of place.
    pub p_out: f32,
    /// What this picture added to the sum.
    pub llr: f32,
    /// The sum of the log-likelihood ratios so far.
    pub sum: f32,
    /// The sum at which a track is an escape.
    pub sum_needed: f32,
    /// The zone it stood in.
    pub zone: Option<ZoneId>,
    /// Which rule it broke in this picture.
    pub rule: Option<Rule>,
    /// What spoke for an alarm: `animal`, `out-of-place`, `wrong-enclosure`, `moved`, `walked-out`.
    pub spoke: Vec<String>,
    /// What spoke against: `person-like`, `at-home`, `free-roaming`, `part-of-another`, `never-moved`.
    pub against: Vec<String>,
}

impl Frame {
    /// What the picture of `track` said, as the judge took it; `sum_needed` is the sum at which it is an escape.
    pub fn of(
        card: &ModelCard,
        camera: &CameraId,
        t: Micros,
        track: &Track,
        verdict: &Verdict,
        was_home: bool,
        sum_needed: f32,
    ) -> Self {
        let at = &verdict.at;
        let detection = track.last_detection.as_ref();
        let labels = detection.map(|d| d.scores.as_slice()).unwrap_or_default().iter().take(MOST_LABELS);
        let out = at.p_out > 0.5;
        let words = |list: &[(bool, &str)]| list.iter().filter(|(is, _)| *is).map(|(_, w)| (*w).to_owned()).collect();
        let round = |v: f32| (v * 1e4).round() / 1e4;
        Self {
            t,
            camera: camera.clone(),
            track: track.id,
            rect: track.rect,
            score: round(detection.map_or(0.0, |d| fused_animal(d, card))),
            labels: labels.map(|&(label, score)| (card.label_name(label).to_owned(), round(score))).collect(),
            p_out: round(at.p_out),
            llr: 0.0,
            sum: round(verdict.llr),
            sum_needed: round(sum_needed),
            zone: at.zone.clone(),
            rule: rule(at.foreign, out),
            spoke: words(&[
                (verdict.looks_animal, "animal"),
                (out && !at.foreign, "out-of-place"),
                (at.foreign, "wrong-enclosure"),
                (verdict.moved, "moved"),
                (was_home && at.p_out > 0.9, "walked-out"),
            ]),
            against: words(&[
                (
                    !verdict.looks_animal && detection.is_some_and(|d| card.group(d.label) == Group::Person),
                    "person-like",
                ),
                (at.home.is_some(), "at-home"),
                (at.roaming, "free-roaming"),
                (at.part, "part-of-another"),
                (!verdict.moved, "never-moved"),
            ]),
        }
    }
}

fn rule(foreign: bool, out: bool) -> Option<Rule> {
    match (foreign, out) {
        (true, _) => Some(Rule::WrongEnclosure),
        (false, true) => Some(Rule::OutsideEnclosures),
        (false, false) => None,
    }
}

/// New pictures of one incident, oldest first: to be appended to what is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Whose.
    pub incident: IncidentId,
    /// What they say.
    pub frames: Vec<Frame>,
}

/// Pictures that wait to be kept are handed out after so many,
const HAND_OUT: usize = 10;
/// or this long after the first of them, µs.
const HAND_OUT_AFTER_US: i64 = 2_000_000;
/// A track that was not seen for so long has ended, µs.
const ENDED_US: i64 = 60_000_000;

/// Remembers the last pictures of each track, and collects those of incidents.
#[derive(Debug, Default)]
pub struct Recorder {
    tracks: HashMap<(CameraId, u64), VecDeque<Frame>>,
    incidents: BTreeMap<IncidentId, Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    after: usize,
    waiting: Vec<Frame>,
    opening: bool,
}

impl Recorder {
    /// Takes in what one picture said about one track.
    pub fn saw(&mut self, frame: &Frame) {
        let track = self.tracks.entry((frame.camera.clone(), frame.track)).or_default();
        let sum_before = track.back().map_or(0.0, |last| last.sum);
        let llr = ((frame.sum - sum_before) * 1e4).round() / 1e4;
        track.push_back(Frame { llr, ..frame.clone() });
        if track.len() > MOST_BEFORE {
            track.pop_front();
        }
    }

    /// The track has become an incident: all that is remembered of it is kept.
    pub fn opened(&mut self, incident: &IncidentId, camera: &CameraId, track: u64) {
        let frames = self.tracks.get(&(camera.clone(), track)).cloned().unwrap_or_default();
        let collected = Collected { after: 0, waiting: frames.into(), opening: true };
        self.incidents.insert(incident.clone(), collected);
    }

    /// The newest picture of the track shows the animal of an incident.
    pub fn goes_on(&mut self, incident: &IncidentId, camera: &CameraId, track: u64) {
        // One of before a restart is not in here: its evidence is stored already.
        let Some(collected) = self.incidents.get_mut(incident).filter(|c| c.after < MOST_AFTER) else { return };
        let newest = self.tracks.get(&(camera.clone(), track)).and_then(VecDeque::back);
        if let Some(frame) = newest.filter(|frame| collected.waiting.last() != Some(frame)) {
            collected.waiting.push(frame.clone());
            collected.after += 1;
        }
    }

    /// The pictures to be stored now; all that wait when `all`.
    pub fn take(&mut self, now: Micros, all: bool) -> Vec<Kept> {
        self.tracks.retain(|_, frames| frames.back().is_some_and(|last| now.since(last.t) <= ENDED_US));
        let mut kept = Vec::new();
        self.incidents.retain(|id, c| {
            let waited_us = c.waiting.first().map_or(0, |first| now.since(first.t));
            let complete = c.after >= MOST_AFTER;
            let due = all || complete || c.opening || c.waiting.len() >= HAND_OUT || waited_us >= HAND_OUT_AFTER_US;
            if due && !c.waiting.is_empty() {
                kept.push(Kept { incident: id.clone(), frames: std::mem::take(&mut c.waiting) });
                c.opening = false;
            }
            !complete
        });
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: i64) -> Frame {
        Frame {
            t: Micros(n * 200_000),
            camera: CameraId::new("gate").unwrap(),
            track: 7,
            rect: Rect::FULL,
            score: 0.5,
            labels: vec![("dog".into(), 0.5)],
            p_out: 0.9,
            llr: 0.0,
            sum: n as f32,
            sum_needed: 6.9,
            zone: None,
            rule: Some(Rule::OutsideEnclosures),
            spoke: vec!["animal".into()],
            against: vec![],
        }
    }

    #[test]
    fn the_last_pictures_before_an_opening_and_the_first_after_it_are_kept_and_no_more() {
        let (mut recorder, id) = (Recorder::default(), IncidentId::new("i1").unwrap());
        let camera = frame(0).camera;
        let mut kept = Vec::new();
        for n in 0..400 {
            recorder.saw(&frame(n));
            match n {
                99 => recorder.opened(&id, &camera, 7),
                100.. => recorder.goes_on(&id, &camera, 7),
                _ => {}
            }
            let handed_out = recorder.take(frame(n).t, false);
            if n == 99 {
                assert_eq!(handed_out.len(), 1, "what decided is stored with the opening");
            }
            kept.extend(handed_out.into_iter().flat_map(|k| k.frames));
        }
        assert_eq!(kept.len(), MOST_BEFORE + MOST_AFTER);
        assert_eq!((kept[0].t, kept[MOST_BEFORE - 1].t), (frame(40).t, frame(99).t));
        assert!(kept.is_sorted_by(|a, b| a.t < b.t), "none twice");
        assert!(kept.iter().all(|f| f.llr == 1.0), "each says what it added");
    }

    #[test]
    fn what_waits_is_handed_out_at_the_end() {
        let (mut recorder, id) = (Recorder::default(), IncidentId::new("i1").unwrap());
        recorder.saw(&frame(0));
        recorder.opened(&id, &frame(0).camera, 7);
        assert_eq!(recorder.take(frame(0).t, false).len(), 1);
        recorder.saw(&frame(1));
        recorder.goes_on(&id, &frame(1).camera, 7);
        assert!(recorder.take(frame(1).t, false).is_empty());
        assert_eq!(recorder.take(frame(1).t, true)[0].frames.len(), 1);
    }
}
