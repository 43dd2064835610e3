//! Pure: what is remembered of a batch. Its note stands in the log of `observations`, in the very commit that
//! carries its rows, so that `analyses` can be rebuilt from the log whenever the second commit is missing.

pub mod lake;

use base::ids::{CameraId, SegmentId};
use base::time::Micros;
use serde::{Deserialize, Serialize};
use tables::{AnalysisRow, Outcome};

use crate::analyse::SegmentOutcome;
use crate::plan::Batch;

/// Who analysed, with what, when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    /// The model's name.
    pub model: String,
    /// Hash of the settings.
    pub settings: String,
    /// The run.
    pub run: String,
    /// When the batch was done.
    pub analysed_at: Micros,
}

/// A committed batch, as the log of `observations` remembers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Its id.
    pub batch: String,
    /// Its window.
    pub window: String,
    /// How many batches of the window are committed with it.
    pub generation: i64,
    /// Which camera.
    pub camera: CameraId,
    /// Who.
    #[serde(flatten)]
    pub signature: Signature,
    /// Its segments.
    pub segments: Vec<NotedSegment>,
}

/// One segment of a [`Note`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotedSegment {
    /// Which.
    pub id: SegmentId,
    /// Its object key.
    pub key: String,
    /// Its start.
    pub start: Micros,
    /// Why it has no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Frames decoded.
    pub frames_decoded: u64,
    /// Time spent, µs.
    pub cpu_us: i64,
}

impl Note {
    /// Of a batch and what became of its segments, which come in the same order.
    pub fn new(batch: &Batch, outcomes: &[SegmentOutcome], signature: Signature) -> Self {
        let segments = batch.footage.iter().zip(outcomes).map(|(footage, outcome)| NotedSegment {
            id: footage.id.clone(),
            key: footage.key.clone(),
            start: footage.start,
            failure: match &outcome.outcome {
                Outcome::Ok => None,
                Outcome::Failed(why) => Some(why.clone()),
            },
            frames_decoded: outcome.frames_decoded,
            cpu_us: outcome.cpu_us,
        });
        Self {
            batch: batch.id.clone(),
            window: batch.fence.window.clone(),
            generation: batch.fence.generation,
            camera: batch.camera.clone(),
            signature,
            segments: segments.collect(),
        }
    }

    /// The batch's rows of `analyses`.
    pub fn rows(&self) -> Vec<AnalysisRow> {
        let row = |segment: &NotedSegment| AnalysisRow {
            camera: self.camera.clone(),
            segment: segment.id.clone(),
            start: segment.start,
            key: segment.key.clone(),
            model: self.signature.model.clone(),
            settings: self.signature.settings.clone(),
            run: self.signature.run.clone(),
            batch: self.batch.clone(),
            analysed_at: self.signature.analysed_at,
            outcome: segment.failure.clone().map_or(Outcome::Ok, Outcome::Failed),
            frames_decoded: segment.frames_decoded,
            cpu_us: segment.cpu_us,
        };
        self.segments.iter().map(row).collect()
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Its rows are in the tables now.
    Written,
    /// They were there before.
    AlreadyThere,
    /// Another run has committed other footage of the same window first: what is still open has to be planned anew.
    Overtaken,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Fence, Footage};

    #[test]
    fn a_note_survives_the_log_and_gives_the_rows_of_analyses() {
        let camera = CameraId::new("gate").unwrap();
        let footage = |id: &str| Footage {
            camera: camera.clone(),
            id: SegmentId::new(id).unwrap(),
            key: format!("footage/{id}.mp4"),
            start: Micros(7),
            duration_us: 4,
            bytes: 5,
            sha256: String::new(),
            attempt: 0,
        };
        let outcome = |id: &str, outcome| SegmentOutcome {
            segment: SegmentId::new(id).unwrap(),
            outcome,
            frames_decoded: 8,
            cpu_us: 9,
        };
        let fence = Fence { window: "w".into(), generation: 2 };
        let batch =
            Batch { id: "b1".into(), camera: camera.clone(), fence, footage: vec![footage("s1"), footage("s2")] };
        let signature = Signature { model: "m".into(), settings: "h".into(), run: "r".into(), analysed_at: Micros(11) };
        let outcomes = [outcome("s1", Outcome::Ok), outcome("s2", Outcome::Failed("missing".into()))];
        let note = Note::new(&batch, &outcomes, signature);
        let read: Note = serde_json::from_str(&serde_json::to_string(&note).unwrap()).unwrap();
        assert_eq!(read, note);
        let rows = read.rows();
        assert_eq!((rows[0].outcome.clone(), rows[0].frames_decoded), (Outcome::Ok, 8));
        assert_eq!((rows[1].outcome.clone(), rows[1].batch.as_str()), (Outcome::Failed("missing".into()), "b1"));
    }
}
