//! Pure: which footage is analysed together, under which name.
//!
//! A batch is what is open of one camera's time window of ten minutes: long enough that tracks run on
//! across segments, short enough that a killed run loses little. Two names keep the tables the same
//! however often, by however many and however interrupted it is analysed:
//!
//! - the batch's **id** follows from what is in it, so that the same work has the same id in every run;
//! - the **fence** is the window's own counter. Footage arrives while runs are under way, so two runs may
//!   see different parts of the same window. Only one of them can commit the window's next generation;
//!   the other one's batch is refused and planned anew from what is then open.

use std::collections::{BTreeMap, BTreeSet};

use base::ids::{CameraId, SegmentId, SiteId};
use base::segment::sha256_hex;
use base::time::Micros;

use crate::settings::{Settings, WINDOW_US};

/// One segment that is to be analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct Footage {
    /// Which camera.
    pub camera: CameraId,
    /// Which segment.
    pub id: SegmentId,
    /// Its object key.
    pub key: String,
    /// Capture time of its first frame.
    pub start: Micros,
    /// Length, µs.
    pub duration_us: i64,
    /// Size.
    pub bytes: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
    /// How often its analysis failed before.
    pub attempt: u32,
}

impl Footage {
    /// Capture time of the end of its last frame.
    pub fn end(&self) -> Micros {
        self.start.plus_us(self.duration_us)
    }
}

/// Footage of one camera and window that is analysed and committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Follows from what is in it: 32 hexadecimal digits.
    pub id: String,
    /// Which camera.
    pub camera: CameraId,
    /// The window's own counter in Delta's log.
    pub fence: Fence,
    /// By start.
    pub footage: Vec<Footage>,
}

impl Batch {
    /// Length of its footage, µs.
    pub fn footage_us(&self) -> i64 {
        self.footage.iter().map(|f| f.duration_us).sum()
    }
}

/// A camera's window under one analysis, and how many batches of it are committed when this one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// `analyse/{site}/{camera}/{window's start in seconds}/{settings}`: Delta's application id.
    pub window: String,
    /// From 1.
    pub generation: i64,
}

/// How many batches of each camera's window are committed; the key is (camera, window's start).
pub type Generations = BTreeMap<(CameraId, Micros), i64>;

/// The start of the window that holds `t`.
pub fn window_of(t: Micros) -> Micros {
    Micros(t.0.div_euclid(WINDOW_US) * WINDOW_US)
}

/// Cuts open footage into batches, oldest first.
pub fn batches(site: &SiteId, settings: &Settings, open: Vec<Footage>, committed: &Generations) -> Vec<Batch> {
    let mut windows: BTreeMap<(Micros, CameraId), Vec<Footage>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for footage in open {
        if seen.insert((footage.camera.clone(), footage.id.clone())) {
            windows.entry((window_of(footage.start), footage.camera.clone())).or_default().push(footage);
        }
    }
    let batch = |((window, camera), mut footage): ((Micros, CameraId), Vec<Footage>)| {
        footage.sort_by(|a, b| a.start.cmp(&b.start).then_with(|| a.id.cmp(&b.id)));
        let hash = settings.hash();
        let before = committed.get(&(camera.clone(), window)).copied().unwrap_or(0);
        let fence = Fence {
            window: format!("analyse/{site}/{camera}/{}/{hash}", window.0 / 1_000_000),
            generation: before + 1,
        };
        Batch { id: id(site, &camera, &hash, &footage), camera, fence, footage }
    };
    windows.into_iter().map(batch).collect()
}

fn id(site: &SiteId, camera: &CameraId, settings_hash: &str, footage: &[Footage]) -> String {
    let mut segments: Vec<String> = footage.iter().map(|f| format!("{} {}", f.id, f.attempt)).collect();
    segments.sort();
    let text = format!("batch 1\n{site}\n{camera}\n{settings_hash}\n{}\n", segments.join("\n"));
    sha256_hex(text.as_bytes()).chars().take(32).collect()
}

/// Deals batches out to `workers`: the longest first, each to whoever has least. Within a worker the oldest
/// come first. Never more lists than batches, and none that is empty.
pub fn deal(mut batches: Vec<Batch>, workers: usize) -> Vec<Vec<Batch>> {
    let count = workers.clamp(1, batches.len().max(1));
    batches.sort_by(|a, b| b.footage_us().cmp(&a.footage_us()).then_with(|| a.id.cmp(&b.id)));
    let mut hands: Vec<(i64, Vec<Batch>)> = vec![(0, Vec::new()); count];
    for batch in batches {
        if let Some((load_us, hand)) = hands.iter_mut().min_by_key(|(load_us, _)| *load_us) {
            *load_us += batch.footage_us().max(1);
            hand.push(batch);
        }
    }
    let sorted = |mut hand: Vec<Batch>| {
        hand.sort_by_key(|b| b.footage.first().map(|f| f.start));
        hand
    };
    hands.into_iter().map(|(_, hand)| sorted(hand)).filter(|hand| !hand.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn footage(camera: &str, id: &str, start_s: i64) -> Footage {
        Footage {
            camera: CameraId::new(camera).unwrap(),
            id: SegmentId::new(id).unwrap(),
            key: format!("footage/{id}.mp4"),
            start: Micros(start_s * 1_000_000),
            duration_us: 10_000_000,
            bytes: 1000,
            sha256: "0".repeat(64),
            attempt: 0,
        }
    }

    fn settings() -> Settings {
        Settings { model: "m".into(), model_sha256: "a".repeat(64), fps: 2.0 }
    }

    fn plan(open: Vec<Footage>) -> Vec<Batch> {
        batches(&SiteId::new("demo").unwrap(), &settings(), open, &Generations::new())
    }

    #[test]
    fn a_batch_is_one_cameras_window_in_order_of_time() {
        let plan = plan(vec![
            footage("b", "s1", 0),
            footage("a", "s3", 610),
            footage("a", "s2", 590),
            footage("a", "s1", 10),
            footage("a", "s1", 10),
        ]);
        let shape: Vec<_> = plan
            .iter()
            .map(|b| (b.camera.as_str(), b.footage.iter().map(|f| f.id.as_str()).collect::<Vec<_>>()))
            .collect();
        assert_eq!(shape, [("a", vec!["s1", "s2"]), ("b", vec!["s1"]), ("a", vec!["s3"])]);
        assert!(plan[0].fence.window.starts_with("analyse/demo/a/0/"), "{}", plan[0].fence.window);
        assert!(plan[2].fence.window.starts_with("analyse/demo/a/600/"));
        assert_eq!(plan[0].fence.generation, 1);
    }

    #[test]
    fn the_id_follows_from_the_content_and_an_attempt_is_content() {
        let (one, two) = (footage("a", "s1", 0), footage("a", "s2", 10));
        let there = plan(vec![one.clone(), two.clone()]);
        assert_eq!(there[0].id, plan(vec![two.clone(), one.clone()])[0].id);
        assert_ne!(there[0].id, plan(vec![one.clone()])[0].id);
        assert_ne!(there[0].id, plan(vec![Footage { attempt: 1, ..one }, two])[0].id);
    }

    #[test]
    fn what_is_committed_of_a_window_raises_its_fence() {
        let camera = CameraId::new("a").unwrap();
        let committed = Generations::from([((camera, Micros(0)), 2)]);
        let site = SiteId::new("demo").unwrap();
        let open = vec![footage("a", "s9", 30), footage("a", "s10", 700)];
        let plan = batches(&site, &settings(), open, &committed);
        assert_eq!(plan.iter().map(|b| b.fence.generation).collect::<Vec<_>>(), [3, 1]);
    }

    proptest! {
        #[test]
        fn dealing_loses_nothing_and_keeps_the_load_even(starts in prop::collection::vec(0i64..100_000, 0..60), workers in 1usize..9) {
            let open = starts.iter().enumerate().map(|(i, s)| footage("a", &format!("s{i}"), *s)).collect();
            let plan = plan(open);
            let hands = deal(plan.clone(), workers);
            let mut dealt: Vec<_> = hands.iter().flatten().map(|b| b.id.clone()).collect();
            let mut all: Vec<_> = plan.iter().map(|b| b.id.clone()).collect();
            dealt.sort();
            all.sort();
            prop_assert_eq!(dealt, all);
            prop_assert!(hands.len() <= workers && hands.iter().all(|h| !h.is_empty()));
            let load = |hand: &[Batch]| hand.iter().map(Batch::footage_us).sum::<i64>();
            let longest = plan.iter().map(Batch::footage_us).max().unwrap_or(0);
            if hands.len() == workers {
                let (most, least) = (hands.iter().map(|h| load(h)).max().unwrap(), hands.iter().map(|h| load(h)).min().unwrap());
                prop_assert!(most - least <= longest);
            }
        }
    }
}
