//! Pure: the set `smoke`: eight short clips, each its own camera. Four escapes: two walk out, two come in from
//! the picture's edge. Four without: an animal in its yard, visitors alone, a peacock on the path, an animal
//! that paces along its own fence.

use crate::animals::{BEAR, BISON, GNU, LION, PEACOCK, TIGER, ZEBRA};
use crate::path::Path;
use crate::plan::{Actor, ClipPlan, SetPlan};
use crate::site_file::{Grounds, SiteFile};
use crate::view::View;
use crate::world::Px;

use super::{Shot, shoot};

// The default detector takes a cone, the rock and a white rag on the lawn for a dog or a bird now and then.
// These views leave them out, or inside an enclosure.

/// The right part of the street.
const RIGHT: View = View { x: 208, y: 20, width: 560, mirrored: false };
/// Most of the lawn, and the street beyond it.
const LAWN: View = View { x: 196, y: 146, width: 572, mirrored: false };

pub(super) fn plan(seed: u64) -> SetPlan {
    let (mut site, mut clips) = (SiteFile::new("smoke"), Vec::new());
    escapes(seed, &mut site, &mut clips);
    without(seed, &mut site, &mut clips);
    SetPlan { site, clips }
}

/// Yards, and views that would show no more than a head of who walks on the lawn, begin in the footage's first
/// 39 s, in which nobody does.
fn shot(camera: &'static str, x_m: f32, view: View, grounds: Grounds, begins: u32) -> Shot {
    let mirrored = if view.mirrored { 0.02 } else { -0.02 };
    let begins = [begins, begins + 15];
    Shot { camera, position_m: [x_m, 0.0], view, grounds, seconds: 10, begins, gain: 1.0, warmth: mirrored }
}

fn escapes(seed: u64, site: &mut SiteFile, clips: &mut Vec<ClipPlan>) {
    let lion = shot("lion-yard", 0.0, View { mirrored: true, ..LAWN }, Grounds::Yard(&LION), 0);
    shoot(seed, site, clips, &lion, |chance| {
        let way = Path::from(0.0, chance.near(290.0, 460.0, 8.0))
            .wait(0.5)
            .to(chance.near(420.0, 425.0, 6.0), 1.2)
            .to(chance.near(620.0, 350.0, 6.0), 1.2)
            .to(Px::new(700.0, 350.0), 1.0);
        vec![Actor::new(&LION, way)]
    });
    let zebra = shot("north-gate", 30.0, RIGHT, Grounds::Path, 90);
    shoot(seed, site, clips, &zebra, |chance| {
        let way = Path::from(chance.between(1.2, 1.8), Px::new(840.0, 380.0))
            .to(chance.near(560.0, 330.0, 6.0), 1.6)
            .to(chance.near(300.0, 285.0, 6.0), 1.6);
        vec![Actor::new(&ZEBRA, way)]
    });
    let bear = shot("bear-yard", 60.0, View { y: 150, mirrored: true, ..RIGHT }, Grounds::Yard(&BEAR), 180);
    shoot(seed, site, clips, &bear, |chance| {
        let way = Path::from(0.0, chance.near(360.0, 500.0, 8.0))
            .wait(0.6)
            .to(chance.near(430.0, 490.0, 6.0), 1.0)
            .to(chance.near(600.0, 380.0, 6.0), 1.2)
            .to(chance.near(690.0, 372.0, 6.0), 1.0);
        vec![Actor::new(&BEAR, way)]
    });
    let bison = shot("service-road", 90.0, RIGHT, Grounds::Path, 640);
    shoot(seed, site, clips, &bison, |chance| {
        let way = Path::from(chance.between(0.8, 1.4), Px::new(90.0, 300.0))
            .to(chance.near(420.0, 330.0, 6.0), 1.3)
            .to(chance.near(680.0, 350.0, 6.0), 1.3);
        vec![Actor::new(&BISON, way)]
    });
}

fn without(seed: u64, site: &mut SiteFile, clips: &mut Vec<ClipPlan>) {
    let tiger = shot("tiger-yard", 120.0, LAWN, Grounds::Yard(&TIGER), 360);
    shoot(seed, site, clips, &tiger, |chance| {
        let way = Path::from(0.0, chance.near(420.0, 470.0, 8.0))
            .to(chance.near(250.0, 450.0, 8.0), 0.9)
            .wait(1.0)
            .to(chance.near(440.0, 500.0, 8.0), 1.0)
            .to(chance.near(300.0, 510.0, 8.0), 0.8);
        vec![Actor::new(&TIGER, way)]
    });
    let plaza = shot("plaza", 150.0, View { y: 0, mirrored: true, ..RIGHT }, Grounds::Path, 130);
    shoot(seed, site, clips, &plaza, |_| Vec::new());
    let peacock = shot("peafowl-walk", 180.0, View { mirrored: true, ..RIGHT }, Grounds::Path, 385);
    shoot(seed, site, clips, &peacock, |chance| {
        let way = Path::from(0.0, chance.near(700.0, 370.0, 8.0))
            .to(chance.near(590.0, 350.0, 6.0), 0.5)
            .wait(1.5)
            .to(chance.near(480.0, 330.0, 6.0), 0.5);
        vec![Actor::new(&PEACOCK, way)]
    });
    let gnu = shot("gnu-yard", 210.0, LAWN, Grounds::Yard(&GNU), 270);
    shoot(seed, site, clips, &gnu, |chance| {
        // Along the fence, a body's height inside it.
        let (a, b) = (chance.near(300.0, 380.0, 4.0), chance.near(520.0, 472.0, 4.0));
        let way = Path::from(0.0, a).to(b, 1.1).to(a, 1.1).to(b, 1.1);
        vec![Actor::new(&GNU, way)]
    });
}

#[cfg(test)]
mod tests {
    use base::site::Site;

    use super::*;
    use crate::truth;

    #[test]
    fn four_clips_have_one_escape_each_and_four_have_none() {
        for seed in 0..40 {
            let plan = plan(seed);
            let site = Site::parse(&plan.site.to_toml("").unwrap(), std::path::Path::new("site.toml")).unwrap();
            let truth = truth::of(&plan, &site);
            let counts: Vec<usize> = truth.iter().map(|t| t.events.len()).collect();
            assert_eq!(counts, [1, 1, 1, 1, 0, 0, 0, 0], "seed {seed}");
            for event in truth.iter().flat_map(|t| &t.events) {
                // Time to be seen inside before, and time to be found after.
                assert!(event.start >= 1.0 && event.end - event.start >= 3.0, "seed {seed}: {event:?}");
            }
        }
    }
}
