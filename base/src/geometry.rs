//! Pure: normalised image geometry. x runs right and y runs down, both 0..1 over the picture.

use serde::{Deserialize, Serialize};

/// A point in the picture, normalised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[serde(from = "[f32; 2]", into = "[f32; 2]")]
pub struct Point {
    /// 0 at the left edge, 1 at the right.
    pub x: f32,
    /// 0 at the top edge, 1 at the bottom.
    pub y: f32,
}

impl From<[f32; 2]> for Point {
    fn from([x, y]: [f32; 2]) -> Self {
        Self { x, y }
    }
}

impl From<Point> for [f32; 2] {
    fn from(p: Point) -> Self {
        [p.x, p.y]
    }
}

/// A box in the picture, normalised: left, top, width, height. On the wire `[x, y, w, h]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[serde(from = "[f32; 4]", into = "[f32; 4]")]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

impl From<[f32; 4]> for Rect {
    fn from([x, y, w, h]: [f32; 4]) -> Self {
        Self { x, y, w, h }
    }
}

impl From<Rect> for [f32; 4] {
    fn from(r: Rect) -> Self {
        [r.x, r.y, r.w, r.h]
    }
}

impl Rect {
    /// The whole picture.
    pub const FULL: Rect = Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 };

    /// A box from its edges.
    pub fn from_edges(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { x: left, y: top, w: (right - left).max(0.0), h: (bottom - top).max(0.0) }
    }

    /// Right edge.
    pub fn right(&self) -> f32 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f32 {
        self.y + self.h
    }

    /// Area as a share of the picture.
    pub fn area(&self) -> f32 {
        self.w.max(0.0) * self.h.max(0.0)
    }

    /// Centre.
    pub fn center(&self) -> Point {
        Point { x: self.x + self.w / 2.0, y: self.y + self.h / 2.0 }
    }

    /// Where it stands: the middle of the bottom edge.
    pub fn ground_point(&self) -> Point {
        Point { x: self.x + self.w / 2.0, y: self.bottom() }
    }

    /// What both cover.
    pub fn intersection(&self, other: &Rect) -> Rect {
        let (left, top) = (self.x.max(other.x), self.y.max(other.y));
        Rect::from_edges(
            left,
            top,
            self.right().min(other.right()).max(left),
            self.bottom().min(other.bottom()).max(top),
        )
    }

    /// Intersection over union, 0..1; 0 for boxes without area.
    pub fn iou(&self, other: &Rect) -> f32 {
        let shared = self.intersection(other).area();
        let all = self.area() + other.area() - shared;
        if all > 0.0 { shared / all } else { 0.0 }
    }

    /// The smallest box around both.
    pub fn union(&self, other: &Rect) -> Rect {
        Rect::from_edges(
            self.x.min(other.x),
            self.y.min(other.y),
            self.right().max(other.right()),
            self.bottom().max(other.bottom()),
        )
    }

    /// The part inside the picture.
    pub fn clamped(&self) -> Rect {
        self.intersection(&Rect::FULL)
    }

    /// The box with `margin` (normalised) more on every side, cut at the picture's edge.
    pub fn grown(&self, margin: f32) -> Rect {
        Rect::from_edges(self.x - margin, self.y - margin, self.right() + margin, self.bottom() + margin).clamped()
    }

    /// All four numbers are finite.
    pub fn is_finite(&self) -> bool {
        [self.x, self.y, self.w, self.h].iter().all(|v| v.is_finite())
    }
}

/// A closed polygon; the last corner joins the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Polygon(pub Vec<Point>);

impl Polygon {
    /// Even-odd rule; a point on the left or top edge counts as inside, one on the right or bottom as
    /// outside, so that two zones that share an edge never both hold it.
    pub fn contains(&self, p: Point) -> bool {
        let mut inside = false;
        for (a, b) in self.edges() {
            if (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x {
                inside = !inside;
            }
        }
        inside
    }

    /// Area as a share of the picture (shoelace formula).
    pub fn area(&self) -> f32 {
        self.edges().map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f32>().abs() / 2.0
    }

    /// Distance from `p` to the nearest edge, in normalised units.
    pub fn distance_to_edge(&self, p: Point) -> f32 {
        self.edges().map(|(a, b)| distance_to_segment(p, a, b)).fold(f32::INFINITY, f32::min)
    }

    fn edges(&self) -> impl Iterator<Item = (Point, Point)> + '_ {
        let next = self.0.iter().cycle().skip(1);
        self.0.iter().copied().zip(next.copied())
    }
}

fn distance_to_segment(p: Point, a: Point, b: Point) -> f32 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length_squared = dx * dx + dy * dy;
    let t = if length_squared > 0.0 {
        (((p.x - a.x) * dx + (p.y - a.y) * dy) / length_squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (p.x - a.x - t * dx).hypot(p.y - a.y - t * dy)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rect() -> impl Strategy<Value = Rect> {
        (0.0f32..1.0, 0.0f32..1.0, 0.01f32..1.0, 0.01f32..1.0).prop_map(|(x, y, w, h)| Rect { x, y, w, h })
    }

    proptest! {
        #[test]
        fn iou_is_symmetric_and_between_0_and_1(a in rect(), b in rect()) {
            prop_assert!((0.0..=1.0001).contains(&a.iou(&b)));
            prop_assert!((a.iou(&b) - b.iou(&a)).abs() < 1e-6);
            prop_assert!((a.iou(&a) - 1.0).abs() < 1e-4);
        }

        #[test]
        fn two_halves_never_both_hold_a_point(x in 0.0f32..1.0, y in 0.0f32..1.0, split in 0.1f32..0.9) {
            let left = Polygon([[0.0, 0.0], [split, 0.0], [split, 1.0], [0.0, 1.0]].map(Point::from).to_vec());
            let right = Polygon([[split, 0.0], [1.0, 0.0], [1.0, 1.0], [split, 1.0]].map(Point::from).to_vec());
            let p = Point { x, y };
            prop_assert!(left.contains(p) != right.contains(p));
        }
    }

    #[test]
    fn the_ground_point_is_the_middle_of_the_bottom_edge() {
        assert_eq!(Rect { x: 0.2, y: 0.1, w: 0.2, h: 0.4 }.ground_point(), Point { x: 0.3, y: 0.5 });
    }

    #[test]
    fn distance_to_an_edge_is_zero_on_it() {
        let square = Polygon([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(Point::from).to_vec());
        assert_eq!(square.distance_to_edge(Point { x: 0.5, y: 0.0 }), 0.0);
        assert_eq!(square.distance_to_edge(Point { x: 0.5, y: 0.25 }), 0.25);
        assert!((square.area() - 1.0).abs() < 1e-6);
    }
}
