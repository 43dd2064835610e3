//! Pure: which places of a picture moved, cleaned of specks and put together into things.

/// One cell for each place, rows without padding.
#[derive(Debug, Default)]
pub(super) struct Mask {
    width: usize,
    height: usize,
    cells: Vec<bool>,
    spare: Vec<bool>,
}

/// Cells that hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) left: usize,
    pub(super) top: usize,
    /// One past the last.
    pub(super) right: usize,
    /// One past the last.
    pub(super) bottom: usize,
    pub(super) cells: usize,
}

impl Mask {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, cells: vec![false; width * height], spare: vec![false; width * height] }
    }

    pub(super) fn cells_mut(&mut self) -> &mut [bool] {
        &mut self.cells
    }

    pub(super) fn count(&self) -> usize {
        self.cells.iter().filter(|cell| **cell).count()
    }

    /// Takes away what is thinner than a cross of five cells, and gives the rest its shape back.
    pub(super) fn open(&mut self) {
        // Outside counts as moving when shrinking and as still when growing, so that what enters over an
        // edge is not shaved.
        self.combine(true, |here, around| here & around[0] & around[1] & around[2] & around[3]);
        self.grow(1);
    }

    /// Takes every neighbour in, so many times.
    pub(super) fn grow(&mut self, times: usize) {
        for _ in 0..times {
            self.combine(false, |here, around| here | around[0] | around[1] | around[2] | around[3]);
        }
    }

    fn combine(&mut self, outside: bool, rule: impl Fn(bool, [bool; 4]) -> bool) {
        let (width, height) = (self.width, self.height);
        let edge = vec![outside; width];
        for y in 0..height {
            let row = &self.cells[y * width..][..width];
            let up = if y > 0 { &self.cells[(y - 1) * width..][..width] } else { &edge[..] };
            let down = if y + 1 < height { &self.cells[(y + 1) * width..][..width] } else { &edge[..] };
            let out = &mut self.spare[y * width..][..width];
            for x in 0..width {
                let left = if x > 0 { row[x - 1] } else { outside };
                let right = if x + 1 < width { row[x + 1] } else { outside };
                out[x] = rule(row[x], [up[x], down[x], left, right]);
            }
        }
        std::mem::swap(&mut self.cells, &mut self.spare);
    }

    /// What hangs together, by edges or corners. The mask is empty afterwards.
    pub(super) fn things(&mut self) -> Vec<Thing> {
        let mut things = Vec::new();
        let mut open = Vec::new();
        for at in 0..self.cells.len() {
            if !std::mem::take(&mut self.cells[at]) {
                continue;
            }
            let mut thing = Thing { left: usize::MAX, top: usize::MAX, right: 0, bottom: 0, cells: 0 };
            open.push(at);
            while let Some(cell) = open.pop() {
                let (x, y) = (cell % self.width, cell / self.width);
                thing.left = thing.left.min(x);
                thing.top = thing.top.min(y);
                thing.right = thing.right.max(x + 1);
                thing.bottom = thing.bottom.max(y + 1);
                thing.cells += 1;
                for ny in y.saturating_sub(1)..(y + 2).min(self.height) {
                    for nx in x.saturating_sub(1)..(x + 2).min(self.width) {
                        let next = ny * self.width + nx;
                        if std::mem::take(&mut self.cells[next]) {
                            open.push(next);
                        }
                    }
                }
            }
            things.push(thing);
        }
        things
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let mut mask = Mask::new(rows[0].len(), rows.len());
        mask.cells = rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect();
        mask
    }

    #[test]
    fn specks_go_and_what_is_thick_keeps_its_place() {
        let mut mask = mask(&["........#", ".###.....", ".###..##.", ".###.....", "........."]);
        mask.open();
        assert_eq!(mask.count(), 5, "a cross is left of three by three");
        mask.grow(1);
        let things = mask.things();
        assert_eq!(things.len(), 1);
        assert_eq!((things[0].left, things[0].top, things[0].right, things[0].bottom), (0, 0, 5, 5));
    }

    #[test]
    fn what_touches_by_a_corner_is_one_thing_and_what_does_not_is_two() {
        let things = mask(&["##..#", "..#.#", "....#"]).things();
        assert_eq!(things.iter().map(|thing| thing.cells).collect::<Vec<_>>(), [3, 3]);
    }

    #[test]
    fn what_comes_in_over_the_edge_is_not_shaved() {
        let mut mask = mask(&["##...", "##...", "##..."]);
        mask.open();
        assert_eq!(mask.count(), 6);
    }
}
