//! Pure: who belongs to whom at the least cost in all.

/// Assigns rows to columns so that the sum of costs is least, where leaving a row alone costs `limit`: a pair
/// that costs `limit` or more is never made, and no good pair is given up to make two bad ones. `costs` is
/// row-major and finite. Returns each row's column.
///
/// The Hungarian method with potentials and shortest augmenting paths (Jonker and Volgenant 1987), O(rows² ·
/// columns).
pub fn assign(costs: &[f32], rows: usize, columns: usize, limit: f32) -> Vec<Option<usize>> {
    assert_eq!(costs.len(), rows * columns, "a cost for each pair");
    if rows > columns {
        let transposed: Vec<f32> = (0..columns).flat_map(|c| (0..rows).map(move |r| costs[r * columns + c])).collect();
        let mut of_row = vec![None; rows];
        for (column, row) in assign(&transposed, columns, rows, limit).into_iter().enumerate() {
            if let Some(row) = row {
                of_row[row] = Some(column);
            }
        }
        return of_row;
    }
    let cost = |row: usize, column: usize| f64::from(costs[row * columns + column].min(limit));
    let of_column = solve(rows, columns, cost);
    let mut of_row = vec![None; rows];
    for (column, row) in of_column.into_iter().enumerate() {
        if let Some(row) = row.filter(|row| costs[row * columns + column] < limit) {
            of_row[row] = Some(column);
        }
    }
    of_row
}

/// Each column's row; needs `rows <= columns`. Column 0 of the working arrays is where a row enters.
fn solve(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<Option<usize>> {
    let mut row_potential = vec![0.0; rows + 1];
    let mut column_potential = vec![0.0; columns + 1];
    let mut row_of = vec![0; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut came_from = vec![0; columns + 1];
        let mut done = vec![false; columns + 1];
        let mut column = 0;
        while row_of[column] != 0 {
            done[column] = true;
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for c in (1..=columns).filter(|c| !done[*c]) {
                let reduced = cost(row_of[column] - 1, c - 1) - row_potential[row_of[column]] - column_potential[c];
                if reduced < least[c] {
                    (least[c], came_from[c]) = (reduced, column);
                }
                if least[c] < delta {
                    (delta, next) = (least[c], c);
                }
            }
            for c in 0..=columns {
                if done[c] {
                    row_potential[row_of[c]] += delta;
                    column_potential[c] -= delta;
                } else {
                    least[c] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[came_from[column]];
            column = came_from[column];
        }
    }
    row_of[1..].iter().map(|row| row.checked_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn total(costs: &[f32], columns: usize, assigned: &[Option<usize>], limit: f32) -> f32 {
        assigned.iter().enumerate().map(|(r, c)| c.map_or(limit, |c| costs[r * columns + c])).sum()
    }

    /// Tries everything.
    fn best(costs: &[f32], rows: usize, columns: usize, limit: f32, row: usize, used: u32) -> f32 {
        if row == rows {
            return 0.0;
        }
        let alone = limit + best(costs, rows, columns, limit, row + 1, used);
        let free = (0..columns).filter(|c| used & (1 << c) == 0 && costs[row * columns + c] < limit);
        free.map(|c| costs[row * columns + c] + best(costs, rows, columns, limit, row + 1, used | (1 << c)))
            .fold(alone, f32::min)
    }

    proptest! {
        #[test]
        fn no_other_assignment_costs_less(
            (rows, columns, costs) in (0usize..6, 0usize..6)
                .prop_flat_map(|(r, c)| (Just(r), Just(c), prop::collection::vec(0.0f32..1.0, r * c))),
            limit in 0.1f32..1.0,
        ) {
            let assigned = assign(&costs, rows, columns, limit);
            prop_assert_eq!(assigned.len(), rows);
            let mut used: Vec<_> = assigned.iter().flatten().collect();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), assigned.iter().flatten().count(), "a column twice");
            for (row, column) in assigned.iter().enumerate() {
                prop_assert!(column.is_none_or(|c| costs[row * columns + c] < limit));
            }
            let least = best(&costs, rows, columns, limit, 0, 0);
            prop_assert!((total(&costs, columns, &assigned, limit) - least).abs() < 1e-4);
        }
    }

    #[test]
    fn the_cheapest_pair_yields_where_that_is_cheaper_in_all() {
        assert_eq!(assign(&[0.1, 0.2, 0.15, 0.9], 2, 2, 1.0), [Some(1), Some(0)]);
    }

    #[test]
    fn a_good_pair_is_not_given_up_for_two_bad_ones() {
        assert_eq!(assign(&[0.1, 0.75, 0.75, 0.99], 2, 2, 0.8), [Some(0), None]);
    }
}
