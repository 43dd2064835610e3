//! Pure: whether a box has moved as a whole.
//!
//! A statue behind which a visitor passes has a box whose one edge moves; an animal's edges move together. What
//! comes into view has one edge at the picture's border, which stays there: then the other edge counts.

use base::geometry::Rect;

/// How far `now` is from `then` in box sizes: the part of the move that both edges of an axis share, or how
/// much it has grown or shrunk in both axes (walking towards the lens).
pub fn moved_sizes(then: &Rect, now: &Rect) -> f32 {
    let size = ((then.w + then.h + now.w + now.h) / 4.0).max(LEAST_SIZE);
    let dx = along((then.x, then.right()), (now.x, now.right()));
    let dy = along((then.y, then.bottom()), (now.y, now.bottom()));
    (dx.hypot(dy) / size).max(growth(then, now))
}

/// Whether `now` is `then` with more to be seen of it, since what hid it on one side has gone on: three edges stay.
pub fn reveals(then: &Rect, now: &Rect) -> bool {
    let near = |a: f32, b: f32, size: f32| (a - b).abs() < 0.15 * size;
    let upright = near(then.y, now.y, then.h) && near(then.bottom(), now.bottom(), then.h);
    let left = near(then.x, now.x, then.w) && now.x > BORDER;
    let right = near(then.right(), now.right(), then.w) && now.right() < 1.0 - BORDER;
    upright && (left != right) && now.w > 1.05 * then.w && now.w < 3.0 * then.w
}

/// What is smaller jitters by more than its own size: for it the way counts as if it were this large.
const LEAST_SIZE: f32 = 0.045;

/// An edge this near to the picture's border is cut off there.
const BORDER: f32 = 0.015;

/// How far a pair of edges has moved along its axis.
fn along(then: (f32, f32), now: (f32, f32)) -> f32 {
    let (low, high) = (now.0 - then.0, now.1 - then.1);
    let at_low = then.0 < BORDER || now.0 < BORDER;
    let at_high = then.1 > 1.0 - BORDER || now.1 > 1.0 - BORDER;
    match (at_low, at_high) {
        (true, false) => high,
        (false, true) => low,
        _ => shared(low, high),
    }
}

/// What two moves of one direction have in common.
fn shared(a: f32, b: f32) -> f32 {
    if a * b > 0.0 { a.abs().min(b.abs()) } else { 0.0 }
}

/// Sizes jitter more than places do, so that growth counts for less.
const GROWTH_WEIGHT: f32 = 0.6;

fn growth(then: &Rect, now: &Rect) -> f32 {
    if [then.w, then.h, now.w, now.h].iter().any(|side| *side < 1e-4) {
        return 0.0;
    }
    let (w, h) = ((now.w / then.w).ln(), (now.h / then.h).ln());
    let small = [then, now].iter().any(|rect| (rect.w + rect.h) / 2.0 < LEAST_SIZE);
    if small { 0.0 } else { GROWTH_WEIGHT * shared(w, h) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Rect = Rect { x: 0.4, y: 0.4, w: 0.2, h: 0.2 };

    #[test]
    fn a_box_that_slides_has_moved_by_its_slide() {
        let slid = Rect { x: 0.5, ..BOX };
        assert!((moved_sizes(&BOX, &slid) - 0.5).abs() < 1e-5);
    }

    #[test]
    fn a_box_that_is_half_hidden_has_not_moved() {
        let half = Rect { w: 0.1, ..BOX };
        assert_eq!(moved_sizes(&BOX, &half), 0.0);
        let other_half = Rect { x: 0.5, w: 0.1, ..BOX };
        assert_eq!(moved_sizes(&BOX, &other_half), 0.0);
    }

    #[test]
    fn a_box_that_comes_in_over_the_border_has_moved_by_its_free_edge() {
        let then = Rect { x: 0.9, y: 0.4, w: 0.1, h: 0.2 };
        let now = Rect { x: 0.8, y: 0.4, w: 0.2, h: 0.2 };
        assert!(moved_sizes(&then, &now) > 0.5);
    }

    #[test]
    fn a_box_of_which_more_is_seen_on_one_side_is_revealed_and_one_that_slides_is_not() {
        assert!(reveals(&BOX, &Rect { w: 0.32, ..BOX }) && reveals(&BOX, &Rect { x: 0.3, w: 0.3, ..BOX }));
        assert!(!reveals(&BOX, &Rect { x: 0.5, ..BOX }) && !reveals(&BOX, &Rect { x: 0.35, w: 0.3, ..BOX }));
        let at_border = Rect { x: 0.0, ..BOX };
        assert!(!reveals(&at_border, &Rect { w: 0.3, ..at_border }), "it walks in over the border");
    }

    #[test]
    fn a_box_that_grows_on_all_sides_has_come_nearer() {
        assert!(moved_sizes(&BOX, &Rect { x: 0.3, y: 0.3, w: 0.4, h: 0.4 }) > 0.4);
    }
}
