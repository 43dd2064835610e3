//! Pure: fits the judge's calibration to labelled footage.
//!
//! One sample is one sighting of one track: its score ([`animal_evidence`]), and whether it is an animal that is
//! out. Sightings of animals at home or allowed ones are left out (where they stand is another question), and so
//! are things that never move (the judge wants an animal to have moved). Sightings of one track resemble each
//! other; each counts [`Calibration::weight`], so that a walker of a minute is not three hundred walkers. The
//! curve is the ratio of how often a score comes of animals and of other things, made to rise by the
//! pool-adjacent-violators rule (Ayer et al. 1955).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base::geometry::{Point, Rect};
use base::wire::Light;
use vision::{ModelCard, Tracker, TrackerParams};

use super::truth::{ClipTracks, ClipTruth};
use crate::judge::calibration::{CALIBRATION_VERSION, Curve, animal_evidence};
use crate::judge::{Calibration, logit};
use crate::replay::seen::SeenClip;

/// One clip with what is true of it.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// Events.
    pub truth: &'a ClipTruth,
    /// True boxes, where they are known. Without them the likeliest box of a picture during an event is taken
    /// for the animal.
    pub tracks: Option<&'a ClipTracks>,
    /// What was seen.
    pub seen: &'a SeenClip,
}

/// Overlap from which a sighting is an animal.
const SAME_IOU: f32 = 0.3;
/// Share of a sighting that may lie in an animal's box and still be something else.
const OTHER_SHARE: f32 = 0.2;
/// A thing has moved when it has gone this far, box sizes.
const MOVED_SIZES: f32 = 0.3;
/// Fewer independent sightings than this are not enough for a curve.
const LEAST: f32 = 20.0;
/// Points of a curve.
const POINTS: usize = 12;
/// No picture says more than this, natural logarithm.
const MOST_LLR: f32 = 4.0;
/// Seconds around an event that are neither.
const AROUND_S: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    clip: usize,
    light: Light,
    score: f32,
    /// It is an animal that is out.
    animal: bool,
    /// Since the one before of its track, seconds; `None` for the first.
    gap_s: Option<f32>,
    /// The score before.
    before: f32,
}

/// What was fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The calibration.
    pub calibration: Calibration,
    /// Sightings of animals that are out, and of other things.
    pub sightings: [usize; 2],
    /// How many of each are independent.
    pub independent: [f32; 2],
    /// Lights whose curve is that of all footage, for want of footage.
    pub shared: Vec<Light>,
    /// Probabilities given by curves that were fitted to the other half of the clips, and what was true.
    pub reliability: Vec<Bin>,
}

/// Sightings with about the same probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Mean probability that was given.
    pub given: f32,
    /// Share that were animals.
    pub found: f32,
    /// Independent sightings.
    pub weight: f32,
}

/// Fits a calibration to what the network of this checksum saw.
///
/// # Errors
/// One sentence that says what there is too little of.
pub fn fit(clips: &[Labelled<'_>], card: &ModelCard, model_sha256: &str) -> Result<Fit, String> {
    let samples: Vec<Sample> = clips.iter().enumerate().flat_map(|(i, clip)| samples(i, clip, card)).collect();
    let correlation_s = correlation_s(&samples);
    let base = Calibration {
        v: CALIBRATION_VERSION,
        model: card.name.clone(),
        model_sha256: model_sha256.to_owned(),
        correlation_s,
        ..Calibration::default()
    };
    let all: Vec<&Sample> = samples.iter().collect();
    let independent = [true, false].map(|animal| weight_of(&base, &all, animal));
    let sightings = [true, false].map(|animal| samples.iter().filter(|s| s.animal == animal).count());
    let Some((calibration, shared)) = curves(&base, &all) else {
        return Err(format!(
            "too little to fit: {:.0} independent sightings of animals that are out and {:.0} of other things that \
             move; at least {LEAST} of each are needed (--calibrate)",
            independent[0], independent[1]
        ));
    };
    let reliability = reliability(&base, &samples);
    Ok(Fit { calibration, sightings, independent, shared, reliability })
}

/// One track.
#[derive(Default)]
struct Walk {
    from: Point,
    /// The farthest it was from there, box sizes.
    went_sizes: f32,
    /// Time and score of the newest sample.
    last: Option<(f64, f32)>,
    samples: Vec<Sample>,
}

fn samples(index: usize, clip: &Labelled<'_>, card: &ModelCard) -> Vec<Sample> {
    let mut tracker = Tracker::new(TrackerParams::for_card(card));
    let mut walks: BTreeMap<u64, Walk> = BTreeMap::new();
    for seen in &clip.seen.seen {
        let t_s = seen.t.0 as f64 / 1e6;
        let sightings: Vec<(u64, Rect, f32)> = tracker
            .update(seen.t, &seen.detections)
            .iter()
            .filter_map(|track| {
                let detection = track.last_detection.as_ref()?;
                Some((track.id, detection.rect, animal_evidence(detection, card)))
            })
            .collect();
        let best = sightings.iter().map(|(_, _, score)| *score).fold(0.0, f32::max);
        for (id, rect, score) in sightings {
            let walk = walks.entry(id).or_insert_with(|| Walk { from: rect.center(), ..Walk::default() });
            let size = ((rect.w + rect.h) / 2.0).max(1e-4);
            let went = (rect.center().x - walk.from.x).hypot(rect.center().y - walk.from.y) / size;
            walk.went_sizes = walk.went_sizes.max(went);
            if let Some(animal) = label(clip, t_s, &rect, score >= best) {
                let (gap_s, before) = walk.last.map_or((None, 0.0), |(at, score)| (Some((t_s - at) as f32), score));
                walk.last = Some((t_s, score));
                walk.samples.push(Sample { clip: index, light: seen.light, score, animal, gap_s, before });
            }
        }
    }
    walks.into_values().filter(|walk| walk.went_sizes >= MOVED_SIZES).flat_map(|walk| walk.samples).collect()
}

/// Whether a sighting is an animal that is out; `None` where it is neither that nor something else.
fn label(clip: &Labelled<'_>, t_s: f64, rect: &Rect, is_best: bool) -> Option<bool> {
    if let Some(tracks) = clip.tracks {
        let animals: Vec<(Rect, bool)> = tracks.at(t_s).map(|(_, boxed)| (boxed.rect, boxed.out)).collect();
        if animals.iter().any(|(animal, out)| *out && animal.iou(rect) >= SAME_IOU) {
            return Some(true);
        }
        let share = |animal: &Rect| animal.intersection(rect).area() / rect.area().max(1e-6);
        return animals.iter().all(|(animal, _)| share(animal) < OTHER_SHARE).then_some(false);
    }
    let events = &clip.truth.events;
    if events.iter().any(|e| t_s >= e.start && t_s <= e.end) {
        return is_best.then_some(true);
    }
    events.iter().all(|e| t_s < e.start - AROUND_S || t_s > e.end + AROUND_S).then_some(false)
}

/// How long sightings of one track resemble each other, seconds: from the correlation of neighbours.
fn correlation_s(samples: &[Sample]) -> f32 {
    let (mut together, mut alone, mut gaps, mut pairs) = (0.0, 0.0, 0.0, 0.0);
    for animal in [true, false] {
        let of: Vec<&Sample> = samples.iter().filter(|s| s.animal == animal).collect();
        let mean = of.iter().map(|s| logit(s.score)).sum::<f32>() / of.len().max(1) as f32;
        for sample in of {
            // Only what follows closely: what is seen every two seconds says little about fifths of a second.
            if let Some(gap_s) = sample.gap_s.filter(|gap_s| *gap_s <= 0.5) {
                let (a, b) = (logit(sample.before) - mean, logit(sample.score) - mean);
                together += a * b;
                alone += (a * a + b * b) / 2.0;
                gaps += gap_s;
                pairs += 1.0;
            }
        }
    }
    if pairs < 20.0 || alone <= 0.0 {
        return Calibration::default().correlation_s;
    }
    let alike = (together / alone).clamp(0.02, 0.98);
    -(gaps / pairs) / alike.ln()
}

fn weight(base: &Calibration, sample: &Sample) -> f32 {
    sample.gap_s.map_or(1.0, |gap_s| base.weight(gap_s))
}

fn weight_of(base: &Calibration, samples: &[&Sample], animal: bool) -> f32 {
    samples.iter().filter(|s| s.animal == animal).map(|s| weight(base, s)).sum()
}

/// The curves of both lights, and which of them are shared for want of footage. `None`: nothing is enough.
fn curves(base: &Calibration, samples: &[&Sample]) -> Option<(Calibration, Vec<Light>)> {
    let all = curve(base, samples)?;
    let mut shared = Vec::new();
    let mut of = |light: Light| {
        let lit: Vec<&Sample> = samples.iter().copied().filter(|s| s.light == light).collect();
        curve(base, &lit).unwrap_or_else(|| {
            shared.push(light);
            all.clone()
        })
    };
    let (day, infrared) = (of(Light::Day), of(Light::Infrared));
    Some((Calibration { day, infrared, ..base.clone() }, shared))
}

/// Sightings of about the same score.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    score: f32,
    animals: f32,
    others: f32,
}

impl Block {
    fn weight(&self) -> f32 {
        self.animals + self.others
    }

    fn with(self, other: Self) -> Self {
        let weight = (self.weight() + other.weight()).max(1e-6);
        let score = (self.score * self.weight() + other.score * other.weight()) / weight;
        Self { score, animals: self.animals + other.animals, others: self.others + other.others }
    }

    /// Half a sighting more of each, so that a score that one of them never had is not proof.
    fn llr(&self, animals: f32, others: f32) -> f32 {
        (((self.animals + 0.5) / (animals + 1.0)) / ((self.others + 0.5) / (others + 1.0))).ln()
    }
}

fn curve(base: &Calibration, samples: &[&Sample]) -> Option<Curve> {
    let [animals, others] = [true, false].map(|animal| weight_of(base, samples, animal));
    if animals < LEAST || others < LEAST {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.score.total_cmp(&b.score));
    // Blocks of the same weight, where animals and other things weigh the same in all.
    let mut blocks = [Block::default(); POINTS];
    let mut before = 0.0;
    for sample in sorted {
        let weight = weight(base, sample);
        let share = weight / (2.0 * if sample.animal { animals } else { others });
        let at = ((before + share / 2.0) * POINTS as f32) as usize;
        before += share;
        let (animals, others) = if sample.animal { (weight, 0.0) } else { (0.0, weight) };
        let block = &mut blocks[at.min(POINTS - 1)];
        *block = block.with(Block { score: sample.score, animals, others });
    }
    let mut risen: Vec<Block> = Vec::new();
    for mut block in blocks.into_iter().filter(|block| block.weight() > 0.0) {
        // What falls is put together with what is before it, until nothing falls.
        while let Some(last) = risen
            .pop_if(|last| last.llr(animals, others) >= block.llr(animals, others) || last.score + 1e-3 >= block.score)
        {
            block = last.with(block);
        }
        risen.push(block);
    }
    let llr = |block: &Block| block.llr(animals, others).clamp(-MOST_LLR, MOST_LLR);
    let curve = Curve { score: risen.iter().map(|b| b.score).collect(), llr: risen.iter().map(llr).collect() };
    (curve.score.len() >= 2).then_some(curve)
}

/// Fits to every other clip and looks how true that is of the rest, both ways.
fn reliability(base: &Calibration, samples: &[Sample]) -> Vec<Bin> {
    const BINS: usize = 10;
    let mut bins = [(0.0f32, 0.0f32, 0.0f32); BINS];
    for half in 0..2 {
        let (fitted, rest): (Vec<&Sample>, Vec<&Sample>) = samples.iter().partition(|s| s.clip % 2 == half);
        let Some((calibration, _)) = curves(base, &fitted) else { continue };
        let [animals, others] = [true, false].map(|animal| weight_of(base, &fitted, animal));
        for sample in rest {
            let odds = animals / others * calibration.llr(sample.score, sample.light).exp();
            let (given, weight) = (odds / (1.0 + odds), weight(base, sample));
            let bin = &mut bins[((given * BINS as f32) as usize).min(BINS - 1)];
            bin.0 += given * weight;
            bin.1 += if sample.animal { weight } else { 0.0 };
            bin.2 += weight;
        }
    }
    let filled = bins.into_iter().filter(|(_, _, weight)| *weight > 0.0);
    filled.map(|(given, found, weight)| Bin { given: given / weight, found: found / weight, weight }).collect()
}

impl Fit {
    /// The file: the calibration under a few lines that say where it comes from.
    pub fn to_file(&self) -> String {
        let [animals, others] = self.sightings;
        let [of_animals, of_others] = self.independent;
        format!(
            "# What a picture's animal score is worth, fitted by `cluster-analyzer evaluate --calibrate` to {animals} \
             sightings of\n# animals that were out ({of_animals:.0} of them independent) and {others} of other things \
             ({of_others:.0}).\n# Use it with `[judge] calibration = \"THIS FILE\"` in analyzer.toml.\n{}",
            self.calibration.to_toml()
        )
    }

    /// The curves and how true their probabilities are, for people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let [animals, others] = self.sightings;
        let [of_animals, of_others] = self.independent;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "  calibration of {}: {animals} sightings of animals out ({of_animals:.0} independent), {others} of others \
             ({of_others:.0}); alike by 1/e within {:.2} s",
            self.calibration.model, self.calibration.correlation_s
        );
        for (light, curve) in [(Light::Day, &self.calibration.day), (Light::Infrared, &self.calibration.infrared)] {
            let note = if self.shared.contains(&light) { " (too little footage: that of all)" } else { "" };
            let points = curve.score.iter().zip(&curve.llr).map(|(score, llr)| format!("{score:.3}: {llr:+.2}"));
            let _ = writeln!(out, "  {light:?}{note}: {}", points.collect::<Vec<_>>().join("  "));
        }
        if self.reliability.is_empty() {
            out.push_str("  too little footage to fit to every other clip and try it on the rest\n");
            return out;
        }
        let _ = writeln!(out, "  probability given  share that were  independent sightings");
        for Bin { given, found, weight } in &self.reliability {
            let _ = writeln!(out, "  {given:>17.3}  {found:>15.3}  {weight:>21.1}");
        }
        let all: f32 = self.reliability.iter().map(|bin| bin.weight).sum();
        let error: f32 = self.reliability.iter().map(|bin| bin.weight * (bin.given - bin.found).abs()).sum();
        let _ = writeln!(out, "  mean difference    {:.3}", error / all.max(1e-6));
        out
    }
}

#[cfg(test)]
mod tests {
    use base::time::Micros;
    use vision::Detection;

    use super::*;
    use crate::evaluate::truth::Event;
    use crate::replay::seen::Seen;
    use crate::testkit::{CAT, card};

    /// A clip of 20 s with a thing that walks and scores `score(i)`; it is out all the time or never.
    fn walk(animal: bool, light: Light, score: impl Fn(u32) -> f32) -> (ClipTruth, SeenClip) {
        let seen = (0..100u32).map(|i| {
            let rect = Rect { x: 0.1 + 0.005 * i as f32, y: 0.5, w: 0.1, h: 0.1 };
            let detections = vec![Detection::new(rect, vec![(CAT, score(i) + 0.04)])];
            Seen { t: Micros(i64::from(i) * 200_000), light, motion: vec![], detections }
        });
        let event = Event { start: 0.0, end: 20.0, species: "lion".into(), ..Event::default() };
        let events = if animal { vec![event] } else { vec![] };
        let camera = crate::testkit::camera("gate");
        let truth = ClipTruth { clip: "a".into(), camera, set: None, conditions: vec![], scene: None, events };
        (truth, SeenClip { width: 640, height: 480, frames: 200, duration_us: 20_000_000, seen: seen.collect() })
    }

    /// Between 0 and 1, without a pattern.
    fn chance(i: u32) -> f32 {
        let mixed = (i + 1).wrapping_mul(2_654_435_761);
        ((mixed ^ (mixed >> 15)).wrapping_mul(0x2c1b_3c6d) >> 8) as f32 / (1 << 24) as f32
    }

    fn fit_of(clips: &[(ClipTruth, SeenClip)]) -> Result<Fit, String> {
        let labelled: Vec<Labelled<'_>> =
            clips.iter().map(|(truth, seen)| Labelled { truth, tracks: None, seen }).collect();
        fit(&labelled, &card(), "ab")
    }

    #[test]
    fn a_curve_rises_and_is_the_ratio_that_was_put_in() {
        // Animals score evenly between 0.3 and 0.9, others between 0.3 and 0.6: below 0.6 an animal is half as
        // likely to score so as another thing, above it is an animal.
        let clips: Vec<_> = (0..24u32)
            .map(|n| {
                let span = if n % 2 == 0 { 0.6 } else { 0.3 };
                walk(n % 2 == 0, Light::Day, move |i| 0.3 + span * chance(1000 * n + i))
            })
            .collect();
        let fit = fit_of(&clips).unwrap();
        assert!(fit.calibration.day.llr.is_sorted() && fit.calibration.day.score.is_sorted());
        let at = |score| fit.calibration.llr(score, Light::Day);
        assert!((at(0.45) + std::f32::consts::LN_2).abs() < 0.25, "{}", at(0.45));
        assert!(at(0.8) > 2.5, "{}", at(0.8));
        assert_eq!(fit.shared, [Light::Infrared]);
        assert!(fit.reliability.iter().all(|bin| (bin.given - bin.found).abs() < 0.15), "{:?}", fit.reliability);
        assert_eq!(Calibration::parse(&fit.to_file()), Ok(fit.calibration.clone()), "{}", fit.to_file());
        assert!(fit.table().contains("independent"));
    }

    #[test]
    fn sightings_that_resemble_each_other_count_less() {
        let fresh: Vec<_> =
            (0..8u32).map(|n| walk(n % 2 == 0, Light::Day, move |i| 0.3 + 0.4 * chance(1000 * n + i))).collect();
        let alike: Vec<_> = (0..60u32)
            .map(|n| walk(n % 2 == 0, Light::Day, move |i| 0.3 + 0.4 * chance(77 * n) + 0.01 * chance(i)))
            .collect();
        let [fresh, alike] = [fit_of(&fresh).unwrap(), fit_of(&alike).unwrap()];
        let share = |fit: &Fit| fit.independent[0] / fit.sightings[0] as f32;
        assert!(share(&fresh) > 0.8, "{}", share(&fresh));
        assert!(share(&alike) < 0.1, "{}", share(&alike));
        assert!(alike.calibration.correlation_s > 10.0 * fresh.calibration.correlation_s);
    }

    #[test]
    fn too_little_footage_is_told() {
        let error = fit_of(&[walk(true, Light::Day, |_| 0.5)]).unwrap_err();
        assert!(error.contains("0 of other things") && error.contains("--calibrate"), "{error}");
    }
}
