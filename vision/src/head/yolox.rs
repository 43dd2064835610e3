//! Pure: YOLOX. One row per anchor point of three grids, not yet decoded.
//!
//! After Ge et al. 2021, "YOLOX: Exceeding YOLO Series in 2021": centre `(cx + column, cy + row) * stride`, size
//! `exp(w, h) * stride`, score of a class `objectness * class`.

use crate::detection::{Detection, SCORE_FLOOR};
use crate::head::{Candidate, HeadParams, merge};
use crate::letterbox::Letterbox;

/// Input pixels per cell of the three grids, in the order of the rows.
pub const STRIDES_PX: [u32; 3] = [8, 16, 32];

/// The output: `[anchors][5 + classes]`.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    input: (u32, u32),
    classes: usize,
}

impl<'a> Rows<'a> {
    /// Checks that the array has the size that an input of `input` (width, height) pixels gives.
    ///
    /// # Errors
    /// A sentence that names the array.
    pub fn new(values: &'a [f32], input: (u32, u32), classes: usize) -> Result<Self, String> {
        let rows = Self { values, input, classes };
        let anchors = rows.anchors().count();
        let wanted = anchors * (5 + classes);
        if values.len() != wanted {
            let found = values.len();
            return Err(format!(
                "the output of key `output.output` has {found} values, but {anchors} anchors of 5 + {classes} make {wanted}"
            ));
        }
        Ok(rows)
    }

    /// Column, row and stride of each anchor.
    fn anchors(&self) -> impl Iterator<Item = (f32, f32, f32)> {
        let (width, height) = self.input;
        STRIDES_PX.into_iter().flat_map(move |stride| {
            let cells = (0..height / stride).flat_map(move |row| (0..width / stride).map(move |column| (column, row)));
            cells.map(move |(column, row)| (column as f32, row as f32, stride as f32))
        })
    }
}

/// The objects among the rows, best first.
pub fn decode(rows: &Rows<'_>, letterbox: &Letterbox, params: &HeadParams) -> Vec<Detection> {
    let anchors = rows.anchors().zip(rows.values.chunks_exact(5 + rows.classes));
    let candidates = anchors.filter_map(|(anchor, row)| candidate(anchor, row, letterbox, params));
    merge(candidates.collect(), params)
}

fn candidate(
    (column, row, stride): (f32, f32, f32),
    values: &[f32],
    letterbox: &Letterbox,
    params: &HeadParams,
) -> Option<Candidate> {
    let &[cx, cy, w, h, objectness, ref classes @ ..] = values else { return None };
    // No class can score more than the objectness: most rows end here.
    if objectness.is_nan() || objectness < params.min_score {
        return None;
    }
    let scores = classes.iter().enumerate().map(|(label, class)| (label as u16, objectness * class));
    let scores: Vec<_> = scores.filter(|(_, score)| *score >= SCORE_FLOOR).collect();
    let &(label, score) = scores.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    if score < params.min_score {
        return None;
    }
    let (x, y) = ((cx + column) * stride, (cy + row) * stride);
    let (half_w, half_h) = (w.exp() * stride / 2.0, h.exp() * stride / 2.0);
    let rect = letterbox.to_picture(x - half_w, y - half_h, x + half_w, y + half_h);
    Some(Candidate { rect, label, score, scores })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::tests::params;
    use crate::letterbox::Fit;

    const CLASSES: usize = 5;
    /// 64 by 32 pixels: 8x4 + 4x2 + 2x1 anchors.
    const INPUT: (u32, u32) = (64, 32);
    const ANCHORS: usize = 32 + 8 + 2;

    fn detect(anchors: &[(usize, [f32; 5], [f32; CLASSES])]) -> Vec<Detection> {
        let mut values = vec![0.0; ANCHORS * (5 + CLASSES)];
        for (anchor, head, classes) in anchors {
            let row = &mut values[anchor * (5 + CLASSES)..][..5 + CLASSES];
            row[..5].copy_from_slice(head);
            row[5..].copy_from_slice(classes);
        }
        let rows = Rows::new(&values, INPUT, CLASSES).unwrap();
        decode(&rows, &Letterbox::new(Fit::Stretch, INPUT, INPUT), &params())
    }

    #[test]
    fn an_anchor_is_decoded_by_its_place_and_stride() {
        // The second grid's row 1, column 2: stride 16, centre ((0.5 + 2) * 16, (0.25 + 1) * 16) = (40, 20).
        let size = 1f32.ln();
        let found = detect(&[(32 + 4 + 2, [0.5, 0.25, size, size, 0.5], [0.0, 0.8, 0.4, 0.0, 0.01])]);
        assert_eq!(found.len(), 1);
        let rect = found[0].rect;
        let edges_px = [rect.x * 64.0, rect.y * 32.0, rect.right() * 64.0, rect.bottom() * 32.0];
        for (edge, wanted) in edges_px.iter().zip([32.0, 12.0, 48.0, 28.0]) {
            assert!((edge - wanted).abs() < 1e-4, "{edges_px:?}");
        }
        assert_eq!(found[0].scores, vec![(1, 0.4), (2, 0.2)]);
    }

    #[test]
    fn anchors_on_one_object_become_one_detection_with_the_best_score_of_each_class() {
        let size = 2f32.ln();
        let found = detect(&[
            (9, [0.5, 0.5, size, size, 1.0], [0.0, 0.5, 0.1, 0.0, 0.0]),
            (10, [-0.4, 0.5, size, size, 1.0], [0.0, 0.2, 0.3, 0.0, 0.0]),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scores, vec![(1, 0.5), (2, 0.3)]);
    }

    #[test]
    fn rows_without_an_object_or_with_nonsense_give_nothing() {
        assert!(detect(&[(3, [0.5, 0.5, 0.0, 0.0, 0.05], [1.0; CLASSES])]).is_empty());
        assert!(detect(&[(3, [0.5, 0.5, 0.0, 0.0, f32::NAN], [1.0; CLASSES])]).is_empty());
        assert!(detect(&[(3, [f32::NAN, 0.5, 0.0, 0.0, 1.0], [1.0; CLASSES])]).is_empty());
        assert!(detect(&[(3, [0.5, 0.5, 500.0, 0.0, 1.0], [1.0; CLASSES])]).is_empty(), "a width without end");
    }

    #[test]
    fn an_array_of_the_wrong_size_is_named() {
        let error = Rows::new(&[0.0; 7], INPUT, CLASSES).unwrap_err();
        assert!(error.contains("has 7 values, but 42 anchors of 5 + 5 make 420"), "{error}");
    }
}
