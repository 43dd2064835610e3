//! Pure: MegaDetector 6 as it is exported with one output. Three classes: animal, person, vehicle.
//!
//! Its YOLOv9 variants give `(4 + classes) x anchors`, to be suppressed here; exports that suppress by themselves
//! give rows of six. Its RT-DETR variants that give labels, boxes and scores are read by [`super::detr`].

use crate::card::{Boxes, Rows};
use crate::detection::{Detection, SCORE_FLOOR};
use crate::head::detr::{best, merge_pairs};
use crate::head::{Candidate, HeadParams, merge};
use crate::letterbox::Letterbox;

/// The output with what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    values: &'a [f32],
    rows: Rows,
    classes: usize,
    input: (u32, u32),
}

impl<'a> Output<'a> {
    /// Checks the output's shape, a batch of one. `input`: width and height of the network's input in pixels.
    ///
    /// # Errors
    /// A sentence that names the array.
    pub fn new(
        values: &'a [f32],
        shape: &[i64],
        rows: Rows,
        input: (u32, u32),
        classes: usize,
    ) -> Result<Self, String> {
        let fits = match (rows, shape) {
            (Rows::Yolov9, [1, planes, _]) => *planes == 4 + classes as i64,
            (Rows::Edges(_) | Rows::Centres(_), [1, _, 6] | [_, 6]) => true,
            _ => false,
        };
        if !fits {
            let wanted = match rows {
                Rows::Yolov9 => format!("1 x {} x anchors", 4 + classes),
                Rows::Edges(_) | Rows::Centres(_) => "1 x boxes x 6".to_owned(),
            };
            return Err(format!(
                "the output of key `output.output` is {}, but `output.rows` and `labels.names` make it {wanted}",
                shape.iter().map(i64::to_string).collect::<Vec<_>>().join("x")
            ));
        }
        Ok(Self { values, rows, classes, input })
    }

    /// Edges of a box in input pixels.
    fn edges(&self, [a, b, c, d]: [f32; 4]) -> [f32; 4] {
        let (width, height) = (self.input.0 as f32, self.input.1 as f32);
        let boxes = match self.rows {
            Rows::Yolov9 => Boxes::Pixels,
            Rows::Edges(boxes) | Rows::Centres(boxes) => boxes,
        };
        let (x, y) = if boxes == Boxes::Parts { (width, height) } else { (1.0, 1.0) };
        match self.rows {
            Rows::Edges(_) => [a * x, b * y, c * x, d * y],
            Rows::Yolov9 | Rows::Centres(_) => {
                [(a - c / 2.0) * x, (b - d / 2.0) * y, (a + c / 2.0) * x, (b + d / 2.0) * y]
            }
        }
    }
}

/// The objects in the output, best first.
pub fn decode(output: &Output<'_>, letterbox: &Letterbox, params: &HeadParams) -> Vec<Detection> {
    match output.rows {
        Rows::Yolov9 => merge(anchors(output, letterbox, params), params),
        Rows::Edges(_) | Rows::Centres(_) => merge_pairs(rows(output, letterbox), params),
    }
}

fn anchors(output: &Output<'_>, letterbox: &Letterbox, params: &HeadParams) -> Vec<Candidate> {
    let count = output.values.len() / (4 + output.classes);
    if count == 0 {
        return Vec::new();
    }
    let (boxes, scores) = output.values.split_at(4 * count);
    let planes: Vec<&[f32]> = scores.chunks_exact(count).collect();
    let good = (0..count).filter(|anchor| planes.iter().any(|plane| plane[*anchor] >= params.min_score));
    let candidates = good.filter_map(|anchor| {
        let scores = planes.iter().enumerate().map(|(label, plane)| (label as u16, plane[anchor]));
        let scores: Vec<_> = scores.filter(|(_, score)| *score >= SCORE_FLOOR).collect();
        let (label, score) = best(&scores)?;
        let [left, top, right, bottom] = output.edges([0, 1, 2, 3].map(|side| boxes[side * count + anchor]));
        Some(Candidate { rect: letterbox.to_picture(left, top, right, bottom), label, score, scores })
    });
    candidates.collect()
}

fn rows(output: &Output<'_>, letterbox: &Letterbox) -> Vec<Candidate> {
    let rows = output.values.as_chunks::<6>().0.iter();
    let candidates = rows.filter_map(|&[a, b, c, d, score, class]| {
        let known = class >= 0.0 && class < output.classes as f32 && score >= SCORE_FLOOR;
        let [left, top, right, bottom] = output.edges([a, b, c, d]);
        let (label, rect) = (class as u16, letterbox.to_picture(left, top, right, bottom));
        known.then(|| Candidate { rect, label, score, scores: vec![(label, score)] })
    });
    candidates.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Group;
    use crate::letterbox::Fit;

    const INPUT: (u32, u32) = (100, 50);

    fn params() -> HeadParams {
        HeadParams { min_score: 0.1, max_detections: 100, groups: vec![Group::Animal, Group::Person, Group::Vehicle] }
    }

    fn detect(values: &[f32], shape: &[i64], rows: Rows) -> Vec<Detection> {
        let output = Output::new(values, shape, rows, INPUT, 3).unwrap();
        decode(&output, &Letterbox::new(Fit::Stretch, INPUT, INPUT), &params())
    }

    #[track_caller]
    fn assert_box(found: &[Detection]) {
        assert_eq!(found.len(), 1, "{found:?}");
        let [x, y, w, h] = found[0].rect.into();
        assert!((x - 0.1).abs() < 1e-6 && (y - 0.2).abs() < 1e-6, "{found:?}");
        assert!((w - 0.2).abs() < 1e-6 && (h - 0.4).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn planes_of_anchors_become_boxes_and_neighbours_one_detection() {
        // Two anchors on one animal, and a third on nothing; centre (20, 20), size (20, 20).
        let planes = [
            [20.0, 20.5, 70.0],
            [20.0, 20.0, 20.0],
            [20.0, 20.0, 20.0],
            [20.0, 20.0, 20.0],
            [0.8, 0.6, 0.0],
            [0.1, 0.3, 0.01],
            [0.0, 0.0, 0.05],
        ];
        let found = detect(&planes.concat(), &[1, 7, 3], Rows::Yolov9);
        assert_box(&found);
        assert_eq!(found[0].scores, [(0, 0.8), (1, 0.3)]);
    }

    #[test]
    fn rows_of_six_are_read_by_edges_or_centres_in_pixels_or_parts() {
        let read = |row: [f32; 6], rows| detect(&row, &[1, 1, 6], rows);
        assert_box(&read([10.0, 10.0, 30.0, 30.0, 0.7, 0.0], Rows::Edges(Boxes::Pixels)));
        assert_box(&read([0.1, 0.2, 0.3, 0.6, 0.7, 0.0], Rows::Edges(Boxes::Parts)));
        assert_box(&read([20.0, 20.0, 20.0, 20.0, 0.7, 0.0], Rows::Centres(Boxes::Pixels)));
        assert_box(&read([0.2, 0.4, 0.2, 0.4, 0.7, 0.0], Rows::Centres(Boxes::Parts)));
    }

    #[test]
    fn rows_of_one_animal_add_their_classes_and_nonsense_is_dropped() {
        let at = |score: f32, class: f32| [10.0, 10.0, 30.0, 30.0, score, class];
        let rows = [at(0.7, 0.0), at(0.06, 1.0), at(0.9, 7.0), at(f32::NAN, 0.0), at(0.9, f32::NAN), at(0.9, -1.0)];
        let found = detect(&rows.concat(), &[1, 6, 6], Rows::Edges(Boxes::Pixels));
        assert_box(&found);
        assert_eq!(found[0].scores, [(0, 0.7), (1, 0.06)]);
        assert!(detect(&[], &[1, 0, 6], Rows::Edges(Boxes::Pixels)).is_empty());
        assert!(detect(&[], &[1, 7, 0], Rows::Yolov9).is_empty());
    }

    #[test]
    fn a_shape_that_does_not_fit_is_told() {
        let error = Output::new(&[0.0; 84], &[1, 84, 1], Rows::Yolov9, INPUT, 3).unwrap_err();
        assert!(error.contains("is 1x84x1, but") && error.contains("make it 1 x 7 x anchors"), "{error}");
        assert!(Output::new(&[0.0; 7], &[1, 1, 7], Rows::Edges(Boxes::Parts), INPUT, 3).is_err());
    }
}
