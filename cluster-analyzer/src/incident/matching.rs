//! Pure: which incident a new track belongs to.

use base::geometry::Rect;
use base::ids::CameraId;
use base::site::Site;
use base::time::Micros;

use super::{Params, Sight};

/// Nothing walks across more of the picture in a second.
const MOST_WIDTHS_PER_S: f32 = 0.5;
/// Two boxes of one picture that overlap by this much are one animal.
const SAME_ANIMAL_IOU: f32 = 0.3;

/// The last sighting of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Camera.
    pub camera: CameraId,
    /// Track; `None` for one of before a restart.
    pub track: Option<u64>,
    /// When.
    pub at: Micros,
    /// Where.
    pub rect: Rect,
}

/// How badly a new track fits an incident that was last seen as `seen`; `None` when it cannot be the same animal.
pub fn fit(site: &Site, params: &Params, seen: &Seen, camera: &CameraId, t: Micros, sight: &Sight) -> Option<f32> {
    if seen.camera == *camera {
        fit_here(params, seen, t, sight)
    } else {
        fit_linked(site, params, seen, camera, sight)
    }
}

/// On the same camera: near enough for the time that passed. In the same picture only a box that overlaps is.
fn fit_here(params: &Params, seen: &Seen, t: Micros, sight: &Sight) -> Option<f32> {
    let gap_us = t.since(seen.at);
    if gap_us > params.rejoin_within_us {
        return None;
    }
    let (a, b) = (seen.rect.center(), sight.rect.center());
    let distance = (a.x - b.x).hypot(a.y - b.y);
    if gap_us <= 0 {
        return (seen.rect.iou(&sight.rect) >= SAME_ANIMAL_IOU).then_some(distance);
    }
    let size = (seen.rect.w + seen.rect.h + sight.rect.w + sight.rect.h) / 4.0;
    let reach = MOST_WIDTHS_PER_S * gap_us as f32 / 1e6 + 2.0 * size;
    (distance <= reach).then_some(distance / reach)
}

/// On a linked camera: it came into view within the travel window. Paths are walked both ways.
fn fit_linked(site: &Site, params: &Params, seen: &Seen, camera: &CameraId, sight: &Sight) -> Option<f32> {
    let gap_us = sight.since.since(seen.at);
    let joins = |from: &CameraId, to: &CameraId| {
        (*from == seen.camera && to == camera) || (from == camera && *to == seen.camera)
    };
    let links = site.links.iter().filter(|link| joins(&link.from, &link.to));
    let fits = links.filter_map(|link| {
        let [least_us, most_us] = link.seconds.map(|s| (f64::from(s) * 1e6) as i64);
        let within = least_us - params.link_slack_us <= gap_us && gap_us <= most_us + params.link_slack_us;
        let middle_us = (least_us + most_us) / 2;
        let half_us = (most_us - least_us).max(1_000_000) as f32 / 2.0;
        // Worse than anything on the same camera.
        within.then(|| 1.0 + (gap_us - middle_us).abs() as f32 / half_us)
    });
    fits.min_by(f32::total_cmp)
}
