//! Pure: what in a drill's picture is the synthetic animal, and what is not.

use base::geometry::Rect;
use vision::Detection;

/// A detection belongs to the synthetic animal when so much of it lies in that animal's box.
const INSIDE: f32 = 0.6;
/// And it is not larger than this many of its boxes: a real animal may stand behind.
const LARGEST: f32 = 1.8;
/// The box is taken this much larger, in its own widths and heights.
const MARGIN: f32 = 0.12;

/// Real detections, and those of the synthetic animal in `drilled`. When in doubt it is real.
pub fn split(detections: Vec<Detection>, drilled: Option<&Rect>) -> (Vec<Detection>, Vec<Detection>) {
    let Some(place) = drilled else { return (detections, Vec::new()) };
    let (dx, dy) = (place.w * MARGIN, place.h * MARGIN);
    let grown = Rect { x: place.x - dx, y: place.y - dy, w: place.w + 2.0 * dx, h: place.h + 2.0 * dy };
    let is_real = |d: &Detection| {
        let inside = d.rect.intersection(&grown).area() / d.rect.area().max(1e-9);
        inside < INSIDE || d.rect.area() > LARGEST * place.area()
    };
    detections.into_iter().partition(is_real)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, y: f32, w: f32, h: f32) -> Detection {
        Detection::new(Rect { x, y, w, h }, vec![(1, 0.8)])
    }

    #[test]
    fn what_lies_in_the_box_is_the_drill_and_all_else_is_real() {
        let place = Rect { x: 0.4, y: 0.4, w: 0.2, h: 0.2 };
        let drilled = [at(0.4, 0.4, 0.2, 0.2), at(0.38, 0.41, 0.2, 0.2), at(0.45, 0.45, 0.1, 0.1)];
        // Elsewhere, half beside it, and one so large that the drill stands before it.
        let real = [at(0.1, 0.4, 0.2, 0.2), at(0.55, 0.4, 0.2, 0.2), at(0.3, 0.3, 0.35, 0.35)];
        let all = drilled.iter().chain(&real).cloned().collect::<Vec<_>>();
        assert_eq!(split(all.clone(), Some(&place)), (real.to_vec(), drilled.to_vec()));
        assert_eq!(split(all.clone(), None), (all, vec![]));
    }
}
