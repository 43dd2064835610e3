//! Pure: the scenes of a set, judged and compared with the truth.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::ids::CameraId;
use base::site::Site;
use vision::ModelCard;

use super::figures::{AlarmScore, ClipScore, EventScore, quiet_s};
use super::matching::{Alarm, alarms, match_up};
use super::truth::ClipTruth;
use crate::judge;
use crate::replay::ReplayEvent;
use crate::replay::judged::Judged;
use crate::replay::line::Line;
use crate::replay::seen::SeenClip;

/// By what is judged.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The set's site.
    pub site: Arc<Site>,
    /// The model's card.
    pub card: Arc<ModelCard>,
    /// When a track is an alarm.
    pub judge: judge::Params,
}

/// Judges the clips of one scene, which begin at the same moment, with a judge that has seen nothing before.
/// `set` names the set of clips that do not say; `scene` is this scene's number.
pub fn scene(bench: &Bench, set: &str, scene: usize, clips: &[(&ClipTruth, &SeenClip)]) -> Vec<ClipScore> {
    let mut judged = Judged::new(Arc::clone(&bench.site), Arc::clone(&bench.card), bench.judge.clone());
    let lanes: Vec<(&CameraId, &SeenClip)> = clips.iter().map(|(truth, seen)| (&truth.camera, *seen)).collect();
    judged.take_all(&lanes);
    let raised = alarms(&judged.events);
    clips.iter().map(|(truth, seen)| clip(truth, seen, set, scene, &raised, &judged.events)).collect()
}

fn clip(
    truth: &ClipTruth,
    seen: &SeenClip,
    set: &str,
    scene: usize,
    raised: &BTreeMap<CameraId, Vec<Alarm>>,
    events: &[ReplayEvent],
) -> ClipScore {
    let camera_s = seen.duration_us as f64 / 1e6;
    let raised = raised.get(&truth.camera).map_or(&[][..], Vec::as_slice);
    let matched = match_up(&truth.events, raised);
    let found = truth.events.iter().zip(&matched.found);
    let alarms = raised.iter().zip(&matched.verdicts).map(|(alarm, &(verdict, about))| AlarmScore {
        verdict,
        ape: about.is_some_and(|e| truth.events[e].ape),
        line: Line::of(&events[alarm.event]),
    });
    ClipScore {
        set: truth.set.clone().unwrap_or_else(|| set.to_owned()),
        clip: truth.clip.clone(),
        camera: truth.camera.clone(),
        scene,
        conditions: truth.conditions.clone(),
        camera_s,
        quiet_s: quiet_s(camera_s, &truth.events),
        pictures: seen.seen.len() as u64,
        events: found
            .map(|(event, found)| EventScore { event: event.clone(), found_at: found.map(|i| raised[i].t_s) })
            .collect(),
        alarms: alarms.collect(),
    }
}
