//! Pure: which camera's frame the detector takes next.
//!
//! Each camera has one slot: a newer frame replaces the one that waits. By urgency: a camera with an open
//! incident, a boosted one, motion in a public or service zone, motion anywhere, and else the one that was
//! not looked at for longest. Urgency multiplies the time since a camera was looked at ([`Queue::take`]): of
//! cameras that waited equally long the more urgent one is first, and when there is more work than the detector
//! can do, an urgent camera gets more of it, never all of it. An escape elsewhere must not wait for the end of
//! the first one.
//!
//! Invariants: at most one frame of a camera is out at a time, so that frames of a camera stay in order; no
//! frame waits behind an older one of its camera.

use std::collections::BTreeMap;

use base::geometry::{Point, Rect};
use base::ids::CameraId;
use base::site::{Site, ZoneKind};
use base::time::Micros;

/// What the wait of a camera that was never looked at begins with, µs.
const NEVER_LOOKED_AT_US: i64 = 1_000_000;

/// What moves in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Motion {
    /// Nothing.
    #[default]
    None,
    /// Something, somewhere.
    Anywhere,
    /// Something where visitors or keepers walk.
    Public,
}

impl Motion {
    /// What motion boxes mean on a camera: the places at which something may stand are the lower edge's ends and
    /// middle.
    pub fn of(site: &Site, camera: &CameraId, boxes: &[Rect]) -> Self {
        let feet = |r: &Rect| [r.x, r.x + r.w / 2.0, r.right()].map(|x| Point { x, y: r.bottom() });
        let kind = |p: Point| site.zone_at(camera, p).map(|zone| zone.kind);
        let class = |p: Point| match kind(p) {
            Some(ZoneKind::Ignore) => Motion::None,
            Some(ZoneKind::Enclosure) => Motion::Anywhere,
            // What no zone covers counts as public.
            Some(ZoneKind::Public | ZoneKind::Service | ZoneKind::Perimeter) | None => Motion::Public,
        };
        boxes.iter().flat_map(feet).map(class).max().unwrap_or_default()
    }
}

/// Why a camera is looked at more often; each until a time.
#[derive(Debug, Clone, Copy, Default)]
struct Raised {
    incident_until: Option<Micros>,
    boost_until: Option<Micros>,
}

#[derive(Debug)]
struct Slot<T> {
    frame: Option<(T, Motion)>,
    is_out: bool,
    last_taken: Option<Micros>,
    since: Micros,
    raised: Raised,
}

/// The frames that wait, one per camera.
#[derive(Debug)]
pub struct Queue<T> {
    slots: BTreeMap<CameraId, Slot<T>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { slots: BTreeMap::new() }
    }
}

impl<T> Queue<T> {
    fn slot(&mut self, camera: &CameraId, now: Micros) -> &mut Slot<T> {
        self.slots.entry(camera.clone()).or_insert_with(|| Slot {
            frame: None,
            is_out: false,
            last_taken: None,
            since: now,
            raised: Raised::default(),
        })
    }

    /// Puts a frame into its camera's slot and returns the one that it replaces.
    pub fn put(&mut self, camera: &CameraId, frame: T, motion: Motion, now: Micros) -> Option<T> {
        let slot = self.slot(camera, now);
        // What moved in the frame that is replaced still has to be looked at.
        let motion = slot.frame.as_ref().map_or(motion, |(_, earlier)| motion.max(*earlier));
        slot.frame.replace((frame, motion)).map(|(old, _)| old)
    }

    /// The most urgent frame of a camera that has none out.
    pub fn take(&mut self, now: Micros) -> Option<(CameraId, T)> {
        let ready = self.slots.iter().filter(|(_, slot)| slot.frame.is_some() && !slot.is_out);
        let camera = ready.max_by_key(|(_, slot)| slot.pressure(now)).map(|(camera, _)| camera.clone())?;
        let slot = self.slots.get_mut(&camera)?;
        let (frame, _) = slot.frame.take()?;
        slot.is_out = true;
        slot.last_taken = Some(now);
        Some((camera, frame))
    }

    /// The frame that was taken has been looked at.
    pub fn done(&mut self, camera: &CameraId) {
        if let Some(slot) = self.slots.get_mut(camera) {
            slot.is_out = false;
        }
    }

    /// A camera that sees an open incident.
    pub fn raise_incident(&mut self, camera: &CameraId, until: Micros, now: Micros) {
        self.slot(camera, now).raised.incident_until = Some(until);
    }

    /// A camera that may see one next.
    pub fn raise_boost(&mut self, camera: &CameraId, until: Micros, now: Micros) {
        self.slot(camera, now).raised.boost_until = Some(until);
    }

    /// Frames that wait.
    pub fn waiting(&self) -> usize {
        self.slots.values().filter(|slot| slot.frame.is_some()).count()
    }
}

impl<T> Slot<T> {
    /// How much the frame presses: urgency times wait. A camera that was never looked at has waited for long.
    fn pressure(&self, now: Micros) -> i64 {
        let waited_us = match self.last_taken {
            Some(taken) => now.since(taken).max(0),
            None => NEVER_LOOKED_AT_US + now.since(self.since).max(0),
        };
        // One more microsecond, so that urgency decides between cameras that did not wait at all.
        (waited_us + 1) * self.urgency(now)
    }

    fn urgency(&self, now: Micros) -> i64 {
        let holds = |until: Option<Micros>| until.is_some_and(|until| now <= until);
        let motion = self.frame.as_ref().map(|(_, motion)| *motion).unwrap_or_default();
        match motion {
            _ if holds(self.raised.incident_until) => 6,
            _ if holds(self.raised.boost_until) => 4,
            Motion::Public => 3,
            Motion::Anywhere => 2,
            Motion::None => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(name: &str) -> CameraId {
        CameraId::new(name).unwrap()
    }

    fn order(queue: &mut Queue<u32>, now: Micros) -> Vec<String> {
        std::iter::from_fn(|| queue.take(now).map(|(camera, _)| camera.to_string())).collect()
    }

    #[test]
    fn the_newest_frame_of_a_camera_wins_and_the_older_one_comes_back() {
        let mut queue = Queue::default();
        assert_eq!(queue.put(&camera("a"), 1, Motion::Public, Micros(0)), None);
        assert_eq!(queue.put(&camera("a"), 2, Motion::None, Micros(0)), Some(1));
        assert_eq!(queue.waiting(), 1);
        assert_eq!(queue.take(Micros(0)), Some((camera("a"), 2)));
    }

    #[test]
    fn an_incident_goes_before_a_boost_before_motion_in_public_before_motion_before_stillness() {
        let mut queue = Queue::default();
        let now = Micros(0);
        for (name, motion) in [
            ("still", Motion::None),
            ("yard", Motion::Anywhere),
            ("path", Motion::Public),
            ("next", Motion::None),
            ("here", Motion::None),
        ] {
            queue.put(&camera(name), 0, motion, now);
        }
        queue.raise_boost(&camera("next"), Micros(10), now);
        queue.raise_incident(&camera("here"), Micros(10), now);
        assert_eq!(order(&mut queue, now), ["here", "next", "path", "yard", "still"]);
    }

    #[test]
    fn a_camera_has_one_frame_out_at_a_time() {
        let mut queue = Queue::default();
        queue.put(&camera("a"), 1, Motion::None, Micros(0));
        assert!(queue.take(Micros(0)).is_some());
        queue.put(&camera("a"), 2, Motion::None, Micros(0));
        assert_eq!(queue.take(Micros(0)), None);
        queue.done(&camera("a"));
        assert_eq!(queue.take(Micros(0)), Some((camera("a"), 2)));
    }

    #[test]
    fn when_there_is_too_much_work_urgent_cameras_get_more_of_it_and_none_gets_nothing() {
        let mut queue = Queue::default();
        let mut looks: BTreeMap<CameraId, u32> = BTreeMap::new();
        // Every camera has a new frame at each of 100 looks.
        for i in 0..100 {
            let now = Micros(i * 100_000);
            queue.raise_incident(&camera("incident"), Micros(i64::MAX), now);
            for (name, motion) in [
                ("incident", Motion::None),
                ("path", Motion::Public),
                ("yard", Motion::Anywhere),
                ("still", Motion::None),
            ] {
                queue.put(&camera(name), 0, motion, now);
            }
            let (taken, _) = queue.take(now).unwrap();
            queue.done(&taken);
            *looks.entry(taken).or_default() += 1;
        }
        let of = |name: &str| looks[&camera(name)];
        assert!(of("incident") > of("path") && of("path") >= of("yard") && of("yard") >= of("still"), "{looks:?}");
        assert!(of("still") >= 5, "{looks:?}");
    }

    #[test]
    fn a_boost_ends() {
        let mut queue = Queue::default();
        queue.raise_boost(&camera("b"), Micros(10), Micros(0));
        queue.put(&camera("a"), 0, Motion::Anywhere, Micros(11));
        queue.put(&camera("b"), 0, Motion::None, Micros(11));
        assert_eq!(order(&mut queue, Micros(11)), ["a", "b"]);
    }

    #[test]
    fn motion_of_a_superseded_frame_still_counts() {
        let mut queue = Queue::default();
        queue.put(&camera("b"), 1, Motion::Public, Micros(0));
        queue.put(&camera("b"), 2, Motion::None, Micros(0));
        queue.put(&camera("a"), 1, Motion::Anywhere, Micros(0));
        assert_eq!(order(&mut queue, Micros(0)), ["b", "a"]);
    }
}
