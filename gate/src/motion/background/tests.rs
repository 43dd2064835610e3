//! Drawn yards: by day, by night, in rain, under changing light.

use super::*;

const SIDE: usize = 160;

/// Numbers that look random and are the same every time.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % sides
    }

    /// About a bell curve, `spread` levels wide (standard deviation).
    fn noise(&mut self, spread: f32) -> f32 {
        let sum: u32 = (0..6).map(|_| self.roll(1001)).sum();
        (sum as f32 / 1000.0 - 3.0) * spread * std::f32::consts::SQRT_2
    }
}

/// A yard of some texture, this noisy, with, perhaps, a square of `contrast` levels in it.
fn yard(seed: u32, spread: f32, square: Option<(usize, f32)>) -> Vec<u8> {
    let mut dice = Dice(seed.wrapping_mul(2_654_435_761).max(1));
    let mut picture = |at: usize| {
        let (x, y) = (at % SIDE, at / SIDE);
        let inside = square.filter(|(left, _)| (60..80).contains(&y) && (*left..left + 20).contains(&x));
        80.0 + (x / 4) as f32 + inside.map_or(0.0, |(_, contrast)| contrast) + dice.noise(spread)
    };
    (0..SIDE * SIDE).map(|at| picture(at) as u8).collect()
}

fn look(gate: &mut Background, data: &[u8]) -> Motion {
    gate.look(Brightness { width: SIDE as u32, height: SIDE as u32, data }).unwrap()
}

fn gate() -> Background {
    Background::new(Params::default())
}

/// How often something moved.
fn moved(gate: &mut Background, pictures: impl Iterator<Item = Vec<u8>>) -> usize {
    pictures.filter(|picture| look(gate, picture).moving()).count()
}

#[test]
fn a_square_that_crosses_is_motion_where_it_is_and_noise_is_none() {
    // By day, and by night with its gain and a dull animal: 4 levels of noise after scaling down are 20 before.
    for (spread, contrast) in [(1.5, 120.0), (4.0, 45.0)] {
        let mut gate = gate();
        assert_eq!(moved(&mut gate, (0..60).map(|i| yard(i, spread, None))), 0, "noise of {spread}");
        for i in 0..10 {
            let left = 20 + 8 * i;
            let motion = look(&mut gate, &yard(100 + i as u32, spread, Some((left, contrast))));
            let truth = Rect { x: left as f32 / 160.0, y: 60.0 / 160.0, w: 0.125, h: 0.125 };
            assert!(motion.boxes.iter().any(|found| found.iou(&truth) > 0.4), "look {i}: {motion:?}");
            assert!((0.005..0.05).contains(&motion.score), "{}", motion.score);
        }
    }
}

#[test]
fn something_small_is_motion_and_something_smaller_than_asked_for_is_not() {
    for (min_area, expected) in [(0.0006, true), (0.05, false)] {
        let mut gate = Background::new(Params { min_area, ..Params::default() });
        moved(&mut gate, (0..30).map(|i| yard(i, 1.5, None)));
        let mut picture = yard(99, 1.5, None);
        (70..76).for_each(|y| picture[y * SIDE + 50..y * SIDE + 56].fill(220));
        assert_eq!(look(&mut gate, &picture).moving(), expected);
    }
}

#[test]
fn rain_is_no_motion_and_a_square_in_it_is() {
    // Thin streaks, elsewhere in every picture; scaled down they are a quarter as bright as they were.
    let rain = |seed: u32, mut picture: Vec<u8>| {
        let mut dice = Dice(seed.wrapping_mul(747_796_405).max(1));
        for _ in 0..60 {
            let (x, y) = (dice.roll(SIDE as u32) as usize, dice.roll(SIDE as u32 - 8) as usize);
            (y..y + 8).for_each(|y| picture[y * SIDE + x] += 40);
        }
        picture
    };
    let mut gate = gate();
    let wet = moved(&mut gate, (0..100).map(|i| rain(i, yard(i, 2.0, None))));
    assert!(wet <= 3, "{wet} of 100");
    let found = moved(&mut gate, (0..10).map(|i| rain(200 + i, yard(i, 2.0, Some((20 + 8 * i as usize, 80.0))))));
    assert_eq!(found, 10);
}

#[test]
fn a_step_of_light_is_no_motion_and_a_new_scene_is_learnt_within_seconds() {
    let mut gate = gate();
    moved(&mut gate, (0..30).map(|i| yard(i, 1.5, None)));
    let brighter = |seed| yard(seed, 1.5, None).iter().map(|v| v + 60).collect::<Vec<u8>>();
    assert_eq!(moved(&mut gate, (50..70).map(brighter)), 0, "the same step everywhere");
    assert!(
        look(&mut gate, &{
            let mut picture = brighter(80);
            (60..80).for_each(|y| picture[y * SIDE + 40..y * SIDE + 60].fill(20));
            picture
        })
        .moving()
    );
    let turned = |seed| {
        let mut picture = yard(seed, 1.5, None);
        picture
            .iter_mut()
            .enumerate()
            .for_each(|(at, v)| *v = if (at / SIDE / 8).is_multiple_of(2) { 230 } else { 20 });
        picture
    };
    assert_eq!(look(&mut gate, &turned(90)).boxes, [Rect::FULL]);
    let still_moving = moved(&mut gate, (91..111).map(turned));
    assert!(still_moving < 10, "{still_moving}");
    assert!(!look(&mut gate, &turned(120)).moving());
}

#[test]
fn what_stays_is_usual_after_ten_seconds_and_its_going_is_soon_forgotten() {
    let mut gate = gate();
    moved(&mut gate, (0..150).map(|i| yard(i, 1.5, None)));
    let stays = moved(&mut gate, (0..80).map(|i| yard(200 + i, 1.5, Some((70, 100.0)))));
    assert!((30..60).contains(&stays), "{stays} looks, five a second");
    assert_eq!(moved(&mut gate, (0..10).map(|i| yard(300 + i, 1.5, None))), 0, "the bare yard was usual before");
}

#[test]
fn leaves_that_go_between_two_brightnesses_become_usual() {
    let mut gate = gate();
    let sways = |i: u32| yard(i, 1.5, i.is_multiple_of(3).then_some((70, 60.0)));
    moved(&mut gate, (0..120).map(sways));
    assert_eq!(moved(&mut gate, (120..180).map(sways)), 0);
}

#[test]
fn another_picture_size_begins_anew_and_a_wrong_one_is_an_error() {
    let mut gate = gate();
    moved(&mut gate, (0..20).map(|i| yard(i, 1.5, None)));
    let small = vec![90; 64 * 48];
    assert!(!gate.look(Brightness { width: 64, height: 48, data: &small }).unwrap().moving());
    assert!(gate.look(Brightness { width: 100, height: 48, data: &small }).is_err());
    assert!(gate.look(Brightness { width: 0, height: 0, data: &[] }).is_err());
}
