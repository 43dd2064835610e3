//! Pure: the catalogue of photographs that walk through the scenes.
//!
//! Each was looked at: the way it faces, how tall what is in the photograph would be, and how well the default
//! detector sees it (the share of pasted frames in which its fused animal score was 0.3 or more, at 110, 150
//! and 190 pixels).

/// One photograph of an animal.
#[derive(Debug, Clone, PartialEq)]
pub struct Animal {
    /// The species id that the site file uses.
    pub species: &'static str,
    /// The file below the stamps' `animals` folder.
    pub stamp: &'static str,
    /// Whether the photograph faces right.
    pub faces_right: bool,
    /// Height of all that is in the photograph, metres; the head may be above the shoulder.
    pub height_m: f32,
    /// Width over height of the photograph, cut to what is in it.
    pub aspect: f32,
    /// Length of a whole stride, metres.
    pub stride_m: f32,
    /// The zoo's danger code.
    pub danger: &'static str,
    /// Allowed anywhere.
    pub free_roaming: bool,
    /// Detector labels that may stand for it.
    pub looks_like: &'static [&'static str],
    /// Whether grass was left around the feet in the photograph and has to be taken out.
    pub grass_at_feet: bool,
}

/// Every label a four-legged animal gets from the detector at one time or another. Generous on purpose: an
/// animal inside its own enclosure is at home, whatever it is called.
pub const FOUR_LEGGED: &[&str] =
    &["cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "teddy bear"];

/// The same without the zebra, so that where both live a zebra is called one.
const FOUR_LEGGED_BUT_ZEBRA: &[&str] =
    &["cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "giraffe", "teddy bear"];

/// A Sumatran tiger. Seen: 0.75, 0.88, 1.00.
pub const TIGER: Animal = Animal {
    species: "tiger",
    stamp: "mammals/cats/tiger_sumatran.png",
    faces_right: true,
    height_m: 1.0,
    aspect: 2.52,
    stride_m: 1.3,
    danger: "red",
    free_roaming: false,
    looks_like: FOUR_LEGGED,
    grass_at_feet: true,
};

/// A lion. Seen: 0.75, 1.00, 1.00.
pub const LION: Animal = Animal {
    species: "lion",
    stamp: "mammals/cats/lion-2.png",
    faces_right: false,
    height_m: 1.3,
    aspect: 1.71,
    stride_m: 1.3,
    danger: "red",
    free_roaming: false,
    looks_like: FOUR_LEGGED_BUT_ZEBRA,
    grass_at_feet: false,
};

/// A brown bear. Seen: 1.00, 1.00, 1.00.
pub const BEAR: Animal = Animal {
    species: "bear",
    stamp: "mammals/bears/european-bear.png",
    faces_right: true,
    height_m: 1.35,
    aspect: 1.18,
    stride_m: 1.2,
    danger: "red",
    free_roaming: false,
    looks_like: FOUR_LEGGED,
    grass_at_feet: false,
};

/// A bison. Seen: 1.00, 1.00, 1.00.
pub const BISON: Animal = Animal {
    species: "bison",
    stamp: "mammals/bovines/bison.png",
    faces_right: true,
    height_m: 1.75,
    aspect: 1.52,
    stride_m: 1.5,
    danger: "blue",
    free_roaming: false,
    looks_like: FOUR_LEGGED,
    grass_at_feet: false,
};

/// A zebra. Seen: 1.00, 1.00, 1.00.
pub const ZEBRA: Animal = Animal {
    species: "zebra",
    stamp: "mammals/equines/zebra.png",
    faces_right: false,
    height_m: 1.65,
    aspect: 1.33,
    stride_m: 1.5,
    danger: "yellow",
    free_roaming: false,
    looks_like: FOUR_LEGGED,
    grass_at_feet: false,
};

/// A blue wildebeest. Seen: 1.00, 1.00, 1.00.
pub const GNU: Animal = Animal {
    species: "gnu",
    stamp: "mammals/bovines/gnu-stand.png",
    faces_right: false,
    height_m: 1.5,
    aspect: 1.32,
    stride_m: 1.4,
    danger: "yellow",
    free_roaming: false,
    looks_like: FOUR_LEGGED,
    grass_at_feet: false,
};

/// A peacock, allowed anywhere. The detector calls it a bird, where it sees it at all.
pub const PEACOCK: Animal = Animal {
    species: "peafowl",
    stamp: "birds/peacock.png",
    faces_right: true,
    height_m: 0.95,
    aspect: 2.13,
    stride_m: 0.5,
    danger: "yellow",
    free_roaming: true,
    looks_like: &["bird"],
    grass_at_feet: false,
};

/// All of them.
pub const ALL: [&Animal; 7] = [&TIGER, &LION, &BEAR, &BISON, &ZEBRA, &GNU, &PEACOCK];
