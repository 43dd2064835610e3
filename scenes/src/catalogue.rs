//! Pure: the rest of the catalogue: what the large sets need beside the animals of `demo` and `smoke`, and the
//! things that are no animals. Every photograph was looked at: which way it faces, how tall what it shows is,
//! and whether it walks, lies or sits.

use crate::animals::{Animal, BEAR, BISON, FOUR_LEGGED, GNU, LION, TIGER, ZEBRA};

/// Labels of flightless birds: the detector calls them birds, or four-legged because of their necks.
const LARGE_BIRD: &[&str] = &["bird", "giraffe", "zebra", "horse", "cow", "sheep", "dog", "bear", "elephant"];
/// Apes and monkeys; the default detector calls them people.
const APE: &[&str] = &["bear", "person", "dog", "cat", "teddy bear", "cow", "elephant", "horse"];
const BIRD: &[&str] = &["bird"];
/// What a thing may be called does not matter: it is in no species list.
const THING: &[&str] = &["thing"];

const fn beast(
    species: &'static str,
    stamp: &'static str,
    faces_right: bool,
    height_m: f32,
    aspect: f32,
    stride_m: f32,
    danger: &'static str,
) -> Animal {
    Animal {
        species,
        stamp,
        faces_right,
        height_m,
        aspect,
        stride_m,
        danger,
        free_roaming: false,
        looks_like: FOUR_LEGGED,
        grass_at_feet: false,
    }
}

const fn bird(species: &'static str, stamp: &'static str, faces_right: bool, height_m: f32, aspect: f32) -> Animal {
    Animal {
        free_roaming: true,
        looks_like: BIRD,
        ..beast(species, stamp, faces_right, height_m, aspect, 0.5 * height_m + 0.1, "yellow")
    }
}

const fn thing(name: &'static str, stamp: &'static str, faces_right: bool, height_m: f32, aspect: f32) -> Animal {
    Animal { looks_like: THING, ..beast(name, stamp, faces_right, height_m, aspect, 1.0, "none") }
}

/// Animals that get out: each walks in its photograph. The rare ones are small or odd in shape.
#[rustfmt::skip]
pub const WALKERS: [Animal; 34] = [
    TIGER, LION, BEAR, BISON, ZEBRA, GNU,
    beast("black-bear", "mammals/bears/bear.png", true, 1.2, 1.04, 1.1, "red"),
    beast("cow", "mammals/bovines/cow.png", true, 1.5, 1.44, 1.4, "yellow"),
    Animal { grass_at_feet: true, ..beast("blackbuck", "mammals/bovines/indian_blackbuck.png", false, 1.15, 1.38, 1.2, "yellow") },
    beast("chamois", "mammals/bovines/mountaingoat.png", true, 1.05, 0.91, 0.9, "yellow"),
    beast("ram", "mammals/bovines/ram.png", false, 1.05, 1.31, 0.9, "yellow"),
    beast("sheep", "mammals/bovines/sheep.png", true, 0.95, 1.17, 0.8, "yellow"),
    beast("yak", "mammals/bovines/yak.png", true, 1.7, 1.45, 1.3, "blue"),
    beast("zebu", "mammals/bovines/zebu.png", true, 1.5, 1.35, 1.3, "yellow"),
    beast("goat", "mammals/bovines/goat.png", false, 1.0, 0.83, 0.8, "yellow"),
    beast("camel", "mammals/camel/camel.png", false, 2.1, 1.10, 1.7, "blue"),
    beast("dromedary", "mammals/camel/dromedary.png", false, 2.1, 1.22, 1.7, "blue"),
    beast("caribou", "mammals/deer/caribou.png", true, 1.7, 1.35, 1.4, "yellow"),
    beast("fallow-deer", "mammals/deer/doe.png", true, 1.2, 0.88, 1.1, "yellow"),
    beast("wapiti", "mammals/deer/wapiti.png", false, 2.0, 1.16, 1.5, "blue"),
    beast("dingo", "mammals/dogs/dingo.png", true, 0.75, 0.98, 0.8, "blue"),
    beast("wolf", "mammals/dogs/dog.png", true, 0.95, 0.87, 0.9, "red"),
    beast("elephant", "mammals/elephant.png", false, 2.8, 1.15, 2.0, "red"),
    beast("donkey", "mammals/equines/donkey.png", false, 1.4, 1.24, 1.2, "yellow"),
    beast("horse", "mammals/equines/horse.png", true, 1.75, 1.46, 1.6, "yellow"),
    beast("giraffe", "mammals/giraffe.png", true, 4.2, 0.87, 2.4, "blue"),
    beast("hippopotamus", "mammals/hippopotamus.png", false, 1.45, 2.25, 1.3, "red"),
    beast("pig", "mammals/pig.png", true, 0.9, 1.84, 0.8, "yellow"),
    beast("rhinoceros", "mammals/rhino_black.png", false, 1.6, 2.11, 1.4, "red"),
    beast("wild-boar", "mammals/wildboar.png", true, 0.95, 1.36, 0.8, "blue"),
    beast("kangaroo", "marsupials/kangaroo.png", true, 1.3, 1.01, 1.4, "yellow"),
    beast("capybara", "mammals/rodents/capybara.png", false, 0.6, 2.22, 0.6, "yellow"),
    beast("wombat", "marsupials/wombat.png", true, 0.6, 1.50, 0.5, "yellow"),
    Animal { looks_like: LARGE_BIRD, ..beast("nandu", "birds/nandou.png", false, 1.5, 1.32, 1.1, "yellow") },
];

/// Apes: the default detector calls them people, so they are reported apart.
pub const APES: [Animal; 2] = [
    Animal { looks_like: APE, ..beast("gorilla", "mammals/apes/gorilla.png", false, 1.5, 0.78, 0.9, "red") },
    Animal { looks_like: APE, ..beast("chimpanzee", "mammals/apes/chimp.png", false, 1.2, 0.68, 0.7, "red") },
];

/// Lying down, by the photograph that the zoo of stamps has of it.
const LYING: [Animal; 4] = [
    beast("tiger", "mammals/cats/tiger.png", false, 1.05, 1.64, 1.0, "red"),
    beast("lion", "mammals/cats/lion.png", true, 0.95, 2.46, 1.0, "red"),
    beast("gnu", "mammals/bovines/gnu-sitting.png", true, 1.0, 1.19, 1.0, "yellow"),
    beast("pig", "mammals/pig_golden2.png", false, 0.65, 1.93, 1.0, "yellow"),
];

/// A fox that sits, still or carried: the photograph has no walking one.
pub const FOX: Animal = beast("fox", "mammals/dogs/fox.png", false, 0.75, 1.12, 0.6, "yellow");

/// Birds that may go anywhere.
pub const FREE_BIRDS: [Animal; 4] = [
    crate::animals::PEACOCK,
    bird("duck", "birds/duck.png", true, 0.45, 1.17),
    bird("guineafowl", "birds/guineafowl.png", true, 0.5, 1.58),
    bird("goose", "birds/gander.png", true, 0.85, 0.52),
];

/// Vehicles that drive through.
pub const VEHICLES: [Animal; 5] = [
    thing("car", "../vehicles/auto/sedan.png", true, 1.4, 3.62),
    thing("pickup", "../vehicles/auto/truck.png", true, 1.75, 2.90),
    thing("beetle", "../vehicles/auto/beetle.png", false, 1.5, 2.27),
    thing("dumper", "../vehicles/construction/dumper.png", false, 2.1, 1.13),
    thing("refuse-truck", "../vehicles/garbagetruck.png", false, 3.0, 2.18),
];

/// Things that stand about and hide what passes behind them.
pub const COVER: [Animal; 6] = [
    thing("wheelie-bin", "../household/wheelie_bin.png", true, 1.1, 0.64),
    thing("rubbish-bin", "../household/garbagecan.png", true, 0.95, 0.76),
    thing("post-box", "../town/uk_post_box.png", true, 1.5, 0.42),
    thing("cement-mixer", "../household/tools/cementmixer.png", true, 1.5, 0.98),
    thing("bush", "../plants/thyme.png", true, 0.9, 1.98),
    thing("round-bush", "../plants/trees/holm_oak.png", true, 1.4, 1.02),
];

/// Things that the wind moves.
pub const SWAYING: [Animal; 4] = [
    thing("flag", "../town/flags/redflag.png", true, 2.6, 0.97),
    thing("banner", "../town/flags/blue-and-yellowflag.png", true, 3.0, 0.97),
    thing("tree", "../plants/trees/tree336.png", true, 3.2, 0.66),
    thing("oak", "../plants/trees/holm_oak.png", true, 3.0, 1.02),
];

/// A plush bear.
pub const PLUSH_BEAR: Animal = thing("plush-bear", "mammals/bears/toys/edward_bear.png", true, 0.5, 0.67);
/// A pile of stones in the shape of a man.
pub const STONE_MAN: Animal = thing("stone-man", "../town/monuments/inukshuk-photo.png", true, 1.6, 0.71);

/// How an animal lies or sits, if there is a photograph of it.
pub fn lying(animal: &Animal) -> Option<&'static Animal> {
    static LYING_DOWN: [Animal; 4] = LYING;
    LYING_DOWN.iter().find(|lying| lying.species == animal.species)
}

/// Whether a species is an ape or a monkey.
pub fn is_ape(species: &str) -> bool {
    APES.iter().any(|ape| ape.species == species)
}

/// Every photograph, for the test that looks whether it is there.
pub fn all() -> Vec<&'static Animal> {
    let lists: [&'static [Animal]; 7] = [&WALKERS, &APES, &LYING, &FREE_BIRDS, &VEHICLES, &COVER, &SWAYING];
    lists.into_iter().flatten().chain([&FOX, &PLUSH_BEAR, &STONE_MAN]).collect()
}
