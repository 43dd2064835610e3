//! Pure: the set `demo`: a tiger gets out on one camera and walks on to the next; a bear stays at home.
//!
//! All three clips begin at the same moment: the tiger leaves the first picture about 13 s in and comes into
//! the second 8 to 9 s later.

use crate::animals::{BEAR, PEACOCK, TIGER};
use crate::path::Path;
use crate::plan::{Actor, Chance, SetPlan};
use crate::site_file::{Grounds, SiteFile};
use crate::view::View;
use crate::world::Px;

use super::{Shot, shoot};

const SECONDS: u32 = 40;

pub(super) fn plan(seed: u64) -> SetPlan {
    let (mut site, mut clips) = (SiteFile::new("demo"), Vec::new());
    // Birds roam free here, as in most zoos.
    site.species(&PEACOCK);
    let yard = Shot {
        camera: "tiger-yard",
        position_m: [0.0, 0.0],
        view: View { x: 156, y: 116, width: 612, mirrored: false },
        grounds: Grounds::Yard(&TIGER),
        seconds: SECONDS,
        // Nobody walks on the lawn in the footage's first 49 s: no visitor is in a yard.
        begins: [0, 12],
        gain: 1.0,
        warmth: 0.0,
    };
    shoot(seed, &mut site, &mut clips, &yard, |chance| vec![Actor::new(&TIGER, out_of_the_yard(chance))]);
    let path = Shot {
        camera: "east-path",
        position_m: [24.0, 6.0],
        view: View { x: 208, y: 20, width: 560, mirrored: true },
        grounds: Grounds::Path,
        seconds: SECONDS,
        begins: [190, 210],
        gain: 0.9,
        warmth: 0.03,
    };
    shoot(seed, &mut site, &mut clips, &path, |chance| vec![Actor::new(&TIGER, along_the_path(chance))]);
    let plaza = Shot {
        camera: "plaza",
        position_m: [60.0, 35.0],
        view: View { x: 0, y: 130, width: 580, mirrored: true },
        grounds: Grounds::Yard(&BEAR),
        seconds: SECONDS,
        begins: [75, 85],
        gain: 1.08,
        warmth: -0.03,
    };
    shoot(seed, &mut site, &mut clips, &plaza, |chance| vec![Actor::new(&BEAR, up_and_down(chance))]);
    site.link("tiger-yard", "east-path", [3.0, 30.0]);
    site.link("east-path", "plaza", [10.0, 90.0]);
    SetPlan { site, clips }
}

/// About its yard, then over the fence line at 8 to 10 s and out of the picture.
fn out_of_the_yard(chance: &mut Chance) -> Path {
    Path::from(0.0, chance.near(290.0, 480.0, 6.0))
        .to(chance.near(400.0, 490.0, 6.0), 0.75)
        .wait(0.8)
        .to(chance.near(290.0, 500.0, 6.0), 0.75)
        .wait(0.5)
        .to(chance.near(470.0, 466.0, 6.0), 1.1)
        .to(chance.near(640.0, 405.0, 4.0), 1.3)
        .to(Px::new(960.0, 388.0), 1.3)
}

/// In from the picture's left, along the visitors' path and out at its right.
fn along_the_path(chance: &mut Chance) -> Path {
    let begins_s = chance.between(20.8, 21.4);
    Path::from(begins_s, Px::new(850.0, 395.0)).to(chance.near(560.0, 330.0, 6.0), 1.25).to(Px::new(60.0, 262.0), 1.25)
}

/// All the time inside its yard.
fn up_and_down(chance: &mut Chance) -> Path {
    let mut path = Path::from(0.0, chance.near(130.0, 400.0, 8.0));
    while path.end_s() < SECONDS as f32 {
        path = path.to(chance.near(330.0, 470.0, 10.0), 0.8).wait(chance.between(0.5, 1.5));
        path = path.to(chance.near(140.0, 500.0, 10.0), 0.7).wait(chance.between(0.5, 1.5));
        path = path.to(chance.near(130.0, 400.0, 8.0), 0.8);
    }
    path
}

#[cfg(test)]
mod tests {
    use base::ids::CameraId;
    use base::site::Site;

    use super::*;
    use crate::truth;
    use crate::world::depth_in_lawn_px;

    fn truth_of(seed: u64) -> Vec<truth::ClipTruth> {
        let plan = plan(seed);
        let site = Site::parse(&plan.site.to_toml("").unwrap(), std::path::Path::new("site.toml")).unwrap();
        truth::of(&plan, &site)
    }

    #[test]
    fn the_tiger_gets_out_between_8_and_10_seconds_and_comes_to_the_next_camera_in_the_travel_window() {
        for seed in 0..40 {
            let truth = truth_of(seed);
            let [out] = &truth[0].events[..] else { panic!("{truth:?}") };
            let [next] = &truth[1].events[..] else { panic!("{truth:?}") };
            assert!((8.0..=10.0).contains(&out.start) && out.end < 16.0, "seed {seed}: {out:?}");
            assert!((6.0..=14.0).contains(&(next.start - out.end)), "seed {seed}: {out:?} {next:?}");
            assert!(next.end - next.start > 5.0 && next.end < 39.0, "seed {seed}: {next:?}");
            assert!(truth[2].events.is_empty());
        }
    }

    #[test]
    fn the_bear_never_comes_near_its_fence() {
        for seed in 0..40 {
            let plan = plan(seed);
            for frame in 0..plan.clips[2].frames {
                let (_, stance) = plan.clips[2].actors[0].at(frame as f32 / 10.0).unwrap();
                assert!(depth_in_lawn_px(stance.foot) > 40.0);
            }
        }
    }

    #[test]
    fn the_site_links_the_cameras_both_ways() {
        let plan = plan(1);
        let site = Site::parse(&plan.site.to_toml("").unwrap(), std::path::Path::new("site.toml")).unwrap();
        let cameras: Vec<CameraId> = site.cameras.iter().map(|c| c.id.clone()).collect();
        assert_eq!(cameras.iter().map(CameraId::as_str).collect::<Vec<_>>(), ["tiger-yard", "east-path", "plaza"]);
        assert_eq!(site.links.len(), 4);
    }
}
