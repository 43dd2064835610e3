//! Pure: which cameras see an animal next, and its way over the site plan.
//!
//! What is known: the links with their travel windows; where the cameras stand, for those with a position; the
//! way that the animal took from one camera to another. A camera's position stands for the place that it looks
//! at, so that speeds and directions on the plan are as exact as the cameras are near to what they see.

use base::geometry::Point;
use base::ids::CameraId;
use base::incident::NextCamera;
use base::site::Site;
use base::time::Micros;

/// The way from one camera to another over the site plan.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Way {
    /// Direction of length 1.
    pub heading: Option<Point>,
    /// Metres a second.
    pub speed_m_per_s: Option<f32>,
}

/// Where an animal was, and how it came there.
#[derive(Debug, Clone, PartialEq)]
pub struct From<'a> {
    /// The camera that sees it, or saw it last.
    pub camera: &'a CameraId,
    /// When.
    pub at: Micros,
    /// The camera that saw it before.
    pub before: Option<&'a CameraId>,
    /// Its way.
    pub way: Way,
}

/// An animal turns back less often than it goes on.
const TURNS_BACK: f32 = 0.3;
/// Weight of a camera that lies straight behind, of one that lies straight ahead.
const BEHIND: f32 = 0.15;
/// Travel times shorter than this, s, are equally likely.
const LEAST_S: f32 = 2.0;
/// An animal takes between this share of the expected time and its inverse.
const EARLY: f32 = 0.5;

/// The way from `from`, left at `left`, to `to`, reached at `reached`.
pub fn way(site: &Site, from: &CameraId, left: Micros, to: &CameraId, reached: Micros) -> Way {
    let Some([dx, dy]) = between(site, from, to) else { return Way::default() };
    let metres = dx.hypot(dy);
    if metres < 1.0 {
        return Way::default();
    }
    let seconds = reached.seconds_since(left) as f32;
    Way {
        heading: Some(Point { x: dx / metres, y: dy / metres }),
        speed_m_per_s: (seconds > 0.5).then(|| metres / seconds),
    }
}

/// The cameras that are linked with the one that saw it last, the likeliest first, with the times between which
/// it comes there. Paths are walked both ways.
pub fn cameras(site: &Site, from: &From<'_>) -> Vec<NextCamera> {
    let mut next: Vec<NextCamera> = Vec::new();
    for link in &site.links {
        let to = match (link.from == *from.camera, link.to == *from.camera) {
            (true, false) => &link.to,
            (false, true) => &link.from,
            _ => continue,
        };
        let found = candidate(site, from, to, link.seconds);
        match next.iter_mut().find(|n| n.camera == *to) {
            // A link for each way: the wider window of both.
            Some(known) => {
                known.from = known.from.min(found.from);
                known.until = known.until.max(found.until);
                known.likelihood = known.likelihood.max(found.likelihood);
            }
            None => next.push(found),
        }
    }
    let all: f32 = next.iter().map(|n| n.likelihood).sum();
    next.iter_mut().for_each(|n| n.likelihood /= all.max(f32::MIN_POSITIVE));
    next.sort_by(|a, b| b.likelihood.total_cmp(&a.likelihood));
    next
}

/// One camera, with a weight for its likelihood.
fn candidate(site: &Site, from: &From<'_>, to: &CameraId, [least_s, most_s]: [f32; 2]) -> NextCamera {
    let step = between(site, from.camera, to);
    let expected_s = step.zip(from.way.speed_m_per_s).map(|([dx, dy], speed)| dx.hypot(dy) / speed.max(0.1));
    let (early_s, late_s) = match expected_s {
        Some(s) => ((s * EARLY).clamp(least_s, most_s), (s / EARLY).clamp(least_s, most_s)),
        None => (least_s, most_s),
    };
    let ahead = match (step, from.way.heading) {
        (Some([dx, dy]), Some(heading)) if dx.hypot(dy) >= 1.0 => {
            let cosine = (dx * heading.x + dy * heading.y) / dx.hypot(dy);
            BEHIND + (1.0 - BEHIND) * (1.0 + cosine) / 2.0
        }
        _ if from.before == Some(to) => TURNS_BACK,
        _ => 1.0,
    };
    let us = |seconds: f32| (f64::from(seconds) * 1e6) as i64;
    NextCamera {
        camera: to.clone(),
        from: from.at.plus_us(us(early_s)),
        until: from.at.plus_us(us(late_s)),
        likelihood: ahead / ((least_s + most_s) / 2.0).max(LEAST_S),
    }
}

/// Metres on the plan from one camera to another.
fn between(site: &Site, from: &CameraId, to: &CameraId) -> Option<[f32; 2]> {
    let position = |id| site.camera(id).and_then(|camera| camera.position);
    let ([ax, ay], [bx, by]) = (position(from)?, position(to)?);
    Some([bx - ax, by - ay])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// `mid` lies between `west` and `east`, 20 m apart each; `yard` has no position and is near.
    fn site() -> Site {
        let camera = |id: &str, place: &str| format!("[[camera]]\nid = \"{id}\"\n{place}\n");
        let link = |to: &str, s: &str| format!("[[link]]\nfrom = \"mid\"\nto = \"{to}\"\nseconds = {s}\n");
        let text = "[site]\nname = \"demo\"\ntimezone = \"UTC\"\n".to_owned()
            + &camera("west", "position = [0.0, 0.0]")
            + &camera("mid", "position = [20.0, 0.0]")
            + &camera("east", "position = [40.0, 0.0]")
            + &camera("yard", "")
            + &link("west", "[2, 60]")
            + &link("east", "[2, 60]")
            + &link("yard", "[2, 10]");
        Site::parse(&text, Path::new("site.toml")).unwrap()
    }

    fn id(name: &str) -> CameraId {
        CameraId::new(name).unwrap()
    }

    #[test]
    fn without_a_way_the_nearest_in_time_is_the_likeliest() {
        let (site, mid) = (site(), id("mid"));
        let next = cameras(&site, &From { camera: &mid, at: Micros(0), before: None, way: Way::default() });
        assert_eq!(next[0].camera, id("yard"));
        assert!((next.iter().map(|n| n.likelihood).sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn with_positions_the_camera_ahead_is_likelier_and_its_time_follows_from_the_speed() {
        let (site, west, mid) = (site(), id("west"), id("mid"));
        let way = way(&site, &west, Micros(0), &mid, Micros(10_000_000));
        assert_eq!((way.heading, way.speed_m_per_s), (Some(Point { x: 1.0, y: 0.0 }), Some(2.0)));
        let next = cameras(&site, &From { camera: &mid, at: Micros(0), before: Some(&west), way });
        let of = |name: &str| next.iter().find(|n| n.camera == id(name)).unwrap();
        assert!(of("east").likelihood > 3.0 * of("west").likelihood, "{next:?}");
        // 20 m at 2 m/s: ten seconds, within a factor of two.
        assert_eq!((of("east").from, of("east").until), (Micros(5_000_000), Micros(20_000_000)));
    }

    #[test]
    fn without_positions_an_animal_seldom_turns_back() {
        let (site, mid, yard) = (site(), id("mid"), id("yard"));
        let next = |before| cameras(&site, &From { camera: &mid, at: Micros(0), before, way: Way::default() });
        let of_yard = |all: Vec<NextCamera>| all.into_iter().find(|n| n.camera == id("yard")).unwrap().likelihood;
        assert!(of_yard(next(Some(&yard))) < of_yard(next(None)));
    }
}
