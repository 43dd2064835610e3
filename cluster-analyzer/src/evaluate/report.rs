//! Pure: an evaluation as it is written to files.

use serde::Serialize;
use serde_json::json;

use super::figures::{ClipScore, Figures, Table};

/// What looking and judging cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Speed {
    /// Clips that were looked at; the others were kept from before.
    pub clips_looked_at: usize,
    /// Frames that were decoded, a second of processor time; 0 where all was kept.
    pub frames_per_s: f64,
    /// Pictures that the detector looked at, a second of processor time.
    pub pictures_per_s: f64,
    /// Pictures that were judged, a second of processor time.
    pub judged_per_s: f64,
}

/// An evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model's name.
    pub model: String,
    /// Its checksum.
    pub model_sha256: String,
    /// Without apes: what counts.
    pub headline: Figures,
    /// Apes alone.
    pub apes: Figures,
    /// All events.
    pub with_apes: Figures,
    /// Tables.
    pub tables: Vec<Table>,
    /// What it cost.
    pub speed: Speed,
}

/// The whole of it as JSON, events and alarms included.
pub fn to_json(evaluation: &Evaluation, clips: &[ClipScore]) -> String {
    let clips: Vec<_> = clips.iter().map(clip).collect();
    let whole = json!({ "evaluation": evaluation, "clips": clips });
    // Strings and numbers only: this cannot fail.
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

fn clip(clip: &ClipScore) -> serde_json::Value {
    let events = clip.events.iter().map(|score| {
        let event = &score.event;
        json!({
            "start": event.start, "end": event.end, "species": event.species, "ape": event.ape,
            "ground_out": event.ground_out, "size_px": event.size_px, "entry": event.entry, "found_at": score.found_at,
        })
    });
    json!({
        "set": clip.set, "clip": clip.clip, "camera": clip.camera, "scene": clip.scene,
        "conditions": clip.conditions, "seconds": clip.camera_s, "pictures": clip.pictures,
        "events": events.collect::<Vec<_>>(),
    })
}

/// One alarm a line: the line of a replay with the set, the clip and what is thought of it.
pub fn alarm_lines(clips: &[ClipScore]) -> String {
    let mut lines = String::new();
    for clip in clips {
        for alarm in &clip.alarms {
            let mut line = serde_json::to_value(&alarm.line).unwrap_or_default();
            line["set"] = json!(clip.set);
            line["clip"] = json!(clip.clip);
            line["verdict"] = json!(alarm.verdict);
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
    }
    lines
}
