//! Pure: DETR and what came of it (RT-DETR, D-FINE, RF-DETR). A fixed number of queries, each an object or none.
//!
//! After Carion et al. 2020, "End-to-End Object Detection with Transformers" (softmax, with a class for "no
//! object"), and Zhao et al. 2024, "DETRs Beat YOLOs on Real-time Object Detection" (a sigmoid for each class).
//! Queries answer for one object each, so suppression does little here; what it does is make one detection of an
//! animal that two queries take for two species.

use crate::card::NoObject;
use crate::detection::{Detection, SCORE_FLOOR};
use crate::head::{Candidate, HeadParams, merge};
use crate::letterbox::Letterbox;

/// The network's own outputs.
#[derive(Debug, Clone, Copy)]
pub struct Queries<'a> {
    logits: &'a [f32],
    boxes: &'a [f32],
    /// Logits of a query, "no object" among them.
    width: usize,
    softmax: bool,
    no_object: NoObject,
    input: (u32, u32),
}

impl<'a> Queries<'a> {
    /// Checks that logits and boxes are of the same number of queries. `boxes`: centre and size in parts of an input
    /// of `input` (width, height) pixels; `classes`: the labels, without "no object".
    ///
    /// # Errors
    /// A sentence that names the array.
    pub fn new(
        logits: &'a [f32],
        boxes: &'a [f32],
        input: (u32, u32),
        classes: usize,
        softmax: bool,
        no_object: NoObject,
    ) -> Result<Self, String> {
        let width = classes + usize::from(no_object != NoObject::None);
        if boxes.is_empty() || !boxes.len().is_multiple_of(4) {
            return Err(format!(
                "the output of key `output.boxes` has {} values, but must have 4 a query",
                boxes.len()
            ));
        }
        let queries = boxes.len() / 4;
        if logits.len() != queries * width {
            let no_object = if width > classes { " and one for no object" } else { "" };
            return Err(format!(
                "the output of key `output.logits` has {} values, but {queries} queries of {classes} labels{no_object} \
                 make {}",
                logits.len(),
                queries * width
            ));
        }
        Ok(Self { logits, boxes, width, softmax, no_object, input })
    }

    /// Each class's score, by its label.
    fn scores(&self, logits: &[f32]) -> Vec<(u16, f32)> {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = if self.softmax { logits.iter().map(|l| (l - highest).exp()).sum() } else { 1.0 };
        let score = |logit: f32| if self.softmax { (logit - highest).exp() / sum } else { sigmoid(logit) };
        let labels = match self.no_object {
            NoObject::None => logits,
            NoObject::First => &logits[1..],
            NoObject::Last => &logits[..self.width - 1],
        };
        let all = labels.iter().enumerate().map(|(label, logit)| (label as u16, score(*logit)));
        all.filter(|(_, score)| *score >= SCORE_FLOOR).collect()
    }
}

/// The objects among the queries, best first.
pub fn decode(queries: &Queries<'_>, letterbox: &Letterbox, params: &HeadParams) -> Vec<Detection> {
    let (width, height) = (queries.input.0 as f32, queries.input.1 as f32);
    let rows = queries.logits.chunks_exact(queries.width).zip(queries.boxes.as_chunks::<4>().0);
    let candidates = rows.filter_map(|(logits, [cx, cy, w, h])| {
        let scores = queries.scores(logits);
        let (label, score) = best(&scores).filter(|(_, score)| *score >= params.min_score)?;
        let (left, top) = ((cx - w / 2.0) * width, (cy - h / 2.0) * height);
        let (right, bottom) = ((cx + w / 2.0) * width, (cy + h / 2.0) * height);
        Some(Candidate { rect: letterbox.to_picture(left, top, right, bottom), label, score, scores })
    });
    merge(candidates.collect(), params)
}

/// Outputs of an exported postprocessor, one entry a pair of query and class.
#[derive(Debug, Clone, Copy)]
pub struct Fused<'a> {
    labels: &'a [i64],
    boxes: &'a [f32],
    scores: &'a [f32],
}

impl<'a> Fused<'a> {
    /// Checks that there are as many labels as boxes and scores. `boxes`: left, top, right, bottom in input pixels.
    ///
    /// # Errors
    /// A sentence that names the array.
    pub fn new(labels: &'a [i64], boxes: &'a [f32], scores: &'a [f32]) -> Result<Self, String> {
        let pairs = scores.len();
        for (key, found, wanted) in [("labels", labels.len(), pairs), ("boxes", boxes.len(), 4 * pairs)] {
            if found != wanted {
                return Err(format!(
                    "the output of key `output.{key}` has {found} values, but {pairs} scores make {wanted}"
                ));
            }
        }
        Ok(Self { labels, boxes, scores })
    }
}

/// The objects among the pairs, best first. `classes`: how many labels there are; pairs of others are dropped.
pub fn decode_fused(fused: &Fused<'_>, classes: usize, letterbox: &Letterbox, params: &HeadParams) -> Vec<Detection> {
    let pairs = fused.labels.iter().zip(fused.boxes.as_chunks::<4>().0).zip(fused.scores);
    let candidates = pairs.filter_map(|((label, [left, top, right, bottom]), score)| {
        let label = u16::try_from(*label).ok().filter(|label| usize::from(*label) < classes)?;
        let rect = letterbox.to_picture(*left, *top, *right, *bottom);
        (*score >= SCORE_FLOOR).then(|| Candidate { rect, label, score: *score, scores: vec![(label, *score)] })
    });
    merge_pairs(candidates.collect(), params)
}

/// Makes detections of candidates that carry one class each. What one is too weak for by itself still adds its
/// class to a stronger one in the same place, and only then the weak ones go.
pub(super) fn merge_pairs(candidates: Vec<Candidate>, params: &HeadParams) -> Vec<Detection> {
    let mut found = merge(candidates, params);
    found.retain(|detection| detection.score >= params.min_score);
    found
}

/// The best class and its score.
pub(super) fn best(scores: &[(u16, f32)]) -> Option<(u16, f32)> {
    scores.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::tests::params;
    use crate::letterbox::Fit;

    const INPUT: (u32, u32) = (100, 50);

    fn letterbox() -> Letterbox {
        Letterbox::new(Fit::Stretch, INPUT, INPUT)
    }

    fn detect(logits: &[f32], boxes: &[f32], softmax: bool, no_object: NoObject) -> Vec<Detection> {
        decode(&Queries::new(logits, boxes, INPUT, 5, softmax, no_object).unwrap(), &letterbox(), &params())
    }

    #[test]
    fn a_query_keeps_every_class_that_its_sigmoids_give() {
        let found = detect(&[-9.0, 0.0, -1.0, -9.0, -9.0], &[0.5, 0.5, 0.2, 0.4], false, NoObject::None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scores.iter().map(|s| s.0).collect::<Vec<_>>(), [1, 2]);
        assert!((found[0].score - 0.5).abs() < 1e-6 && (found[0].scores[1].1 - 0.268_941).abs() < 1e-5);
        let [x, y, w, h] = found[0].rect.into();
        assert!((x - 0.4).abs() < 1e-6 && (y - 0.3).abs() < 1e-6 && (w - 0.2).abs() < 1e-6 && (h - 0.4).abs() < 1e-6);
    }

    #[test]
    fn with_a_softmax_the_class_no_object_takes_its_share_and_has_no_label() {
        let boxes = [0.5, 0.5, 0.2, 0.4];
        // e^1 / (e^1 + e^0 + 4 e^-9).
        let last = detect(&[-9.0, 1.0, -9.0, -9.0, -9.0, 0.0], &boxes, true, NoObject::Last);
        assert!((last[0].score - 0.730_8).abs() < 1e-3 && last[0].label == 1, "{last:?}");
        let first = detect(&[0.0, -9.0, 1.0, -9.0, -9.0, -9.0], &boxes, true, NoObject::First);
        assert_eq!((first[0].label, first[0].score), (last[0].label, last[0].score));
        assert!(detect(&[-9.0, 1.0, -9.0, -9.0, -9.0, 9.0], &boxes, true, NoObject::Last).is_empty());
    }

    #[test]
    fn pairs_of_one_query_become_one_detection_with_the_weak_class_too() {
        let boxes = [10.0, 10.0, 30.0, 40.0].repeat(2);
        let fused = Fused::new(&[1, 2], &boxes, &[0.6, 0.05]).unwrap();
        let found = decode_fused(&fused, 5, &letterbox(), &params());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scores, [(1, 0.6), (2, 0.05)]);
    }

    #[test]
    fn labels_that_do_not_exist_and_numbers_that_are_none_do_no_harm() {
        let boxes = [10.0, 10.0, 30.0, 40.0].repeat(3);
        let fused = Fused::new(&[-1, 99, i64::MAX], &boxes, &[0.6; 3]).unwrap();
        assert!(decode_fused(&fused, 5, &letterbox(), &params()).is_empty());
        assert!(detect(&[f32::NAN; 5], &[0.5, 0.5, 0.2, 0.4], false, NoObject::None).is_empty());
        assert!(detect(&[f32::NAN; 6], &[0.5, 0.5, 0.2, 0.4], true, NoObject::Last).is_empty());
        assert!(detect(&[1.0; 5], &[f32::NAN, 0.5, 0.2, 0.4], false, NoObject::None).is_empty());
    }

    #[test]
    fn arrays_of_the_wrong_size_are_named() {
        let error = Queries::new(&[0.0; 10], &[0.0; 4], INPUT, 5, true, NoObject::Last).unwrap_err();
        assert!(error.contains("`output.logits` has 10 values, but 1 queries of 5 labels and one for no"), "{error}");
        let error = Queries::new(&[0.0; 10], &[0.0; 7], INPUT, 5, false, NoObject::None).unwrap_err();
        assert!(error.contains("`output.boxes` has 7 values"), "{error}");
        let error = Fused::new(&[1], &[0.0; 8], &[0.5; 2]).unwrap_err();
        assert!(error.contains("`output.labels` has 1 values, but 2 scores make 2"), "{error}");
    }
}
