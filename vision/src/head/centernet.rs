//! Pure: CenterNet. One map of scores per class and one of distances to the box's edges; an object is a local
//! maximum of a class's map.
//!
//! After Zhou, Wang, Krähenbühl 2019, "Objects as Points": a maximum among its eight neighbours stands in for
//! suppression. Distances are taken from the cell's centre.

use crate::detection::{Detection, SCORE_FLOOR};
use crate::head::{Candidate, HeadParams, merge};
use crate::letterbox::Letterbox;

/// The two outputs, each a batch of one with classes (or sides) first: `[classes][rows][columns]`.
#[derive(Debug, Clone, Copy)]
pub struct Maps<'a> {
    scores: &'a [f32],
    distances: &'a [f32],
    columns: usize,
    rows: usize,
    stride_px: u32,
}

impl<'a> Maps<'a> {
    /// Checks that the arrays have the sizes that an input of `input` (width, height) pixels gives.
    ///
    /// # Errors
    /// A sentence that names the array.
    pub fn new(
        scores: &'a [f32],
        distances: &'a [f32],
        input: (u32, u32),
        stride_px: u32,
        classes: usize,
    ) -> Result<Self, String> {
        let (columns, rows) = ((input.0 / stride_px) as usize, (input.1 / stride_px) as usize);
        for (key, array, planes) in [("scores", scores, classes), ("wh", distances, 4)] {
            if array.len() != planes * rows * columns {
                return Err(format!(
                    "the output of key `output.{key}` has {} values, but {planes} maps of {columns}x{rows} cells make {}",
                    array.len(),
                    planes * rows * columns
                ));
            }
        }
        Ok(Self { scores, distances, columns, rows, stride_px })
    }

    fn cells(&self) -> usize {
        self.columns * self.rows
    }

    /// The cells around one, itself included.
    fn neighbourhood(&self, cell: usize) -> impl Iterator<Item = usize> + Clone {
        let (row, column, columns) = (cell / self.columns, cell % self.columns, self.columns);
        let rows = row.saturating_sub(1)..(row + 2).min(self.rows);
        let across = column.saturating_sub(1)..(column + 2).min(self.columns);
        rows.flat_map(move |r| across.clone().map(move |c| r * columns + c))
    }

    /// Each class's best score in the neighbourhood: the classes of one object peak in cells side by side.
    fn scores_around(&self, cell: usize) -> Vec<(u16, f32)> {
        let around = self.neighbourhood(cell);
        let best = |map: &[f32]| around.clone().map(|c| map[c]).fold(0.0, f32::max);
        let all = self.scores.chunks_exact(self.cells()).map(best).enumerate();
        all.filter(|(_, score)| *score >= SCORE_FLOOR).map(|(label, score)| (label as u16, score)).collect()
    }

    fn candidate(&self, label: usize, cell: usize, score: f32, letterbox: &Letterbox) -> Candidate {
        let stride = self.stride_px as f32;
        let x = ((cell % self.columns) as f32 + 0.5) * stride;
        let y = ((cell / self.columns) as f32 + 0.5) * stride;
        let [left, top, right, bottom] = [0, 1, 2, 3].map(|side| self.distances[side * self.cells() + cell]);
        Candidate {
            rect: letterbox.to_picture(x - left, y - top, x + right, y + bottom),
            label: label as u16,
            score,
            scores: self.scores_around(cell),
        }
    }
}

/// The objects on the maps, best first.
pub fn decode(maps: &Maps<'_>, letterbox: &Letterbox, params: &HeadParams) -> Vec<Detection> {
    let mut candidates = Vec::new();
    for (label, map) in maps.scores.chunks_exact(maps.cells()).enumerate() {
        for cell in cells_above(map, params.min_score) {
            let score = map[cell];
            // Of equal neighbours the first counts, so that a plateau is one peak.
            let is_peak = maps.neighbourhood(cell).all(|n| map[n] < score || (map[n] == score && n >= cell));
            if is_peak {
                candidates.push(maps.candidate(label, cell, score, letterbox));
            }
        }
    }
    merge(candidates, params)
}

/// Cells with at least `min_score`; NaN has not. Nearly all of the million have not, so a block is looked at as
/// a whole first: without that the search takes a tenth of the network's own time in an unoptimised build.
fn cells_above(map: &[f32], min_score: f32) -> Vec<usize> {
    let (blocks, rest) = map.as_chunks::<8>();
    let is = |score: f32| score >= min_score;
    let mut found = Vec::new();
    for (index, b) in blocks.iter().enumerate() {
        if is(b[0]) | is(b[1]) | is(b[2]) | is(b[3]) | is(b[4]) | is(b[5]) | is(b[6]) | is(b[7]) {
            found.extend((0..8).filter(|i| is(b[*i])).map(|i| 8 * index + i));
        }
    }
    let first_of_rest = map.len() - rest.len();
    found.extend((0..rest.len()).filter(|i| is(rest[*i])).map(|i| first_of_rest + i));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::tests::params;
    use crate::letterbox::Fit;

    const CLASSES: usize = 5;
    /// An input of 32 by 32 pixels at stride 4.
    const SIDE: usize = 8;

    struct Arrays {
        scores: Vec<f32>,
        distances: Vec<f32>,
    }

    impl Arrays {
        fn new() -> Self {
            Self { scores: vec![0.001; CLASSES * SIDE * SIDE], distances: vec![8.0; 4 * SIDE * SIDE] }
        }

        fn with(mut self, label: usize, column: usize, row: usize, score: f32) -> Self {
            self.scores[(label * SIDE + row) * SIDE + column] = score;
            self
        }

        fn detect(&self) -> Vec<Detection> {
            let maps = Maps::new(&self.scores, &self.distances, (32, 32), 4, CLASSES).unwrap();
            decode(&maps, &Letterbox::new(Fit::Stretch, (64, 64), (32, 32)), &params())
        }
    }

    #[test]
    fn a_peak_gives_the_box_around_the_centre_of_its_cell() {
        let mut arrays = Arrays::new().with(1, 4, 2, 0.5);
        for (side, distance) in [4.0, 2.0, 6.0, 10.0].into_iter().enumerate() {
            arrays.distances[(side * SIDE + 2) * SIDE + 4] = distance;
        }
        let found = arrays.detect();
        assert_eq!(found.len(), 1);
        // The centre is (18, 10) px: left 14, top 8, right 24, bottom 20 of 32.
        let [x, y, w, h] = found[0].rect.into();
        assert_eq!([x * 32.0, y * 32.0, w * 32.0, h * 32.0], [14.0, 8.0, 10.0, 12.0]);
        assert_eq!((found[0].label, found[0].score), (1, 0.5));
    }

    #[test]
    fn only_the_maximum_of_a_hill_counts_and_a_plateau_counts_once() {
        let hill = Arrays::new().with(1, 3, 3, 0.5).with(1, 4, 3, 0.4).with(1, 3, 4, 0.3);
        assert_eq!(hill.detect().len(), 1);
        let plateau = Arrays::new().with(1, 3, 3, 0.5).with(1, 4, 3, 0.5);
        assert_eq!(plateau.detect().len(), 1);
    }

    #[test]
    fn classes_that_peak_in_neighbouring_cells_are_one_object_with_all_scores() {
        let found = Arrays::new().with(1, 3, 3, 0.3).with(2, 4, 3, 0.25).with(4, 3, 4, 0.05).detect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].scores, vec![(1, 0.3), (2, 0.25), (4, 0.05)]);
    }

    #[test]
    fn two_objects_apart_are_two_and_the_better_one_comes_first() {
        let found = Arrays::new().with(1, 1, 1, 0.3).with(2, 6, 6, 0.6).detect();
        assert_eq!(found.iter().map(|d| d.label).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn peaks_in_corners_and_values_that_are_no_numbers_do_no_harm() {
        let found = Arrays::new().with(1, 0, 0, 0.5).with(1, 7, 7, 0.5).with(2, 4, 4, f32::NAN).detect();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|d| d.rect.is_finite() && d.rect.x >= 0.0 && d.rect.bottom() <= 1.0));
    }

    #[test]
    fn no_cell_is_missed_wherever_it_lies_in_a_block() {
        for cell in 0..21 {
            let mut map = [0.01; 21];
            (map[cell], map[(cell + 5) % 21]) = (0.1, f32::NAN);
            assert_eq!(cells_above(&map, 0.1), [cell]);
        }
    }

    #[test]
    fn arrays_of_the_wrong_size_are_named() {
        let error = Maps::new(&[0.0; 10], &[0.0; 256], (32, 32), 4, CLASSES).unwrap_err();
        assert!(error.contains("`output.scores` has 10 values, but 5 maps of 8x8 cells make 320"), "{error}");
    }
}
