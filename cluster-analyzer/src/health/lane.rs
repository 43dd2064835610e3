//! Pure: what is wrong with one camera: pictures, statuses and time in, a verdict out.

use base::health::HealthState;
use base::time::Micros;
use base::wire::{CameraStatus, SourceState};

use super::Params;
use super::picture::View;

/// Darker than this is black, mean brightness of 255.
const DARK_MEAN: f32 = 16.0;
/// When the brightest hundredth is darker than this, too.
pub const DARK_BRIGHT: u8 = 32;
/// More of the usual detail lost than this is covered; less than the second is not.
const COVERED: (f32, f32) = (0.8, 0.6);
/// Fewer of the reference's places kept than this is moved; more than the second is not.
const MOVED: (f32, f32) = (0.25, 0.5);
/// A view of which less stands still than this is one that something passes before.
const STEADY: f32 = 0.5;
/// So many pictures in a row say the same before it is believed.
const PICTURES: u32 = 3;

/// What is wrong, since when, and what people are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What.
    pub state: HealthState,
    /// Since when.
    pub since: Micros,
    /// One sentence.
    pub detail: String,
}

/// A condition that begins and ends only after it held for a while.
#[derive(Debug, Clone, Copy, Default)]
struct Hold {
    active: bool,
    turned: Option<Micros>,
    pictures: u32,
}

impl Hold {
    /// `bad`: what the picture says; `None` when it says neither.
    fn update(&mut self, bad: Option<bool>, at: Micros, on_after_us: i64, off_after_us: i64) {
        if bad.is_none_or(|bad| bad == self.active) {
            (self.turned, self.pictures) = (None, 0);
            return;
        }
        let since = *self.turned.get_or_insert(at);
        self.pictures += 1;
        let after_us = if self.active { off_after_us } else { on_after_us };
        if at.since(since) >= after_us && self.pictures >= PICTURES {
            *self = Self { active: !self.active, ..Self::default() };
        }
    }
}

/// One camera.
#[derive(Debug)]
pub struct Lane {
    heard_at: Micros,
    ever_heard: bool,
    online: Option<bool>,
    source: Option<(SourceState, Micros)>,
    view: View,
    offset_us: i64,
    black: Hold,
    covered: Hold,
    frozen: bool,
    moved: Hold,
    clock: Hold,
    verdict: Option<Verdict>,
}

impl Lane {
    /// A camera of which nothing is known at `now` but what was said of it before a restart.
    pub fn new(now: Micros, before: Option<Verdict>) -> Self {
        let was = |state| Hold { active: before.as_ref().is_some_and(|b| b.state == state), ..Hold::default() };
        Self {
            heard_at: now,
            ever_heard: false,
            online: None,
            source: None,
            view: View::default(),
            offset_us: 0,
            black: was(HealthState::Black),
            covered: was(HealthState::Covered),
            frozen: false,
            moved: was(HealthState::Moved),
            clock: was(HealthState::Clock),
            verdict: before,
        }
    }

    /// What was last said.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// The reference view is to be learnt anew.
    pub fn forget_view(&mut self) {
        self.moved = Hold::default();
        self.covered = Hold::default();
    }

    /// A picture that was captured then by the agent's clock, and came at `at` by ours.
    pub fn look(&mut self, params: &Params, view: View, captured_at: Micros, at: Micros) {
        self.heard(at);
        self.view = view;
        let after_us = params.recovered_after_us;
        let dark = view.mean < DARK_MEAN && view.bright < DARK_BRIGHT;
        self.black.update(Some(dark), at, params.black_after_us, after_us);
        let covered = between(view.lost, |lost| lost > COVERED.0, |lost| lost < COVERED.1);
        // In the dark nothing has detail; that says nothing about the lens.
        self.covered.update(covered.filter(|covered| !covered || !dark), at, params.covered_after_us, after_us);
        self.frozen = view.still_us >= params.frozen_after_us;
        let moved = between(view.kept_share(), |kept| kept < MOVED.0, |kept| kept > MOVED.1);
        let moved = moved.filter(|moved| !moved || view.steady >= STEADY);
        self.moved.update(moved, at, params.moved_after_us, after_us);
        self.offset_us = captured_at.since(at);
        let off = self.offset_us > params.clock_ahead_us || self.offset_us < -params.clock_behind_us;
        self.clock.update(Some(off), at, params.clock_after_us, after_us);
    }

    /// What the agent says of itself, or the broker for it.
    pub fn status(&mut self, status: &CameraStatus, at: Micros) {
        self.online = Some(status.online);
        if status.online {
            self.heard(at);
        }
        if self.source.as_ref().is_none_or(|(state, _)| !alike(state, &status.source_state)) {
            self.source = Some((status.source_state.clone(), at));
        }
    }

    /// Nothing could be heard up to now: silence counts from here.
    pub fn deaf(&mut self, now: Micros) {
        self.heard_at = now.max(self.heard_at);
    }

    fn heard(&mut self, at: Micros) {
        (self.heard_at, self.ever_heard) = (at.max(self.heard_at), true);
    }

    /// What is wrong at `now`; returned when it is another thing than before.
    pub fn judge(&mut self, params: &Params, now: Micros) -> Option<Verdict> {
        let (state, detail) = self.worst(params, now)?;
        if self.verdict.as_ref().is_some_and(|before| before.state == state) {
            return None;
        }
        let verdict = Verdict { state, since: now, detail };
        self.verdict = Some(verdict.clone());
        Some(verdict)
    }

    /// `None` while too little is known.
    fn worst(&self, params: &Params, now: Micros) -> Option<(HealthState, String)> {
        if let Some(why) = self.offline(params, now) {
            return Some((HealthState::Offline, why));
        }
        let view = &self.view;
        let picture = if self.black.active {
            (HealthState::Black, format!("the picture is black: mean brightness {:.0} of 255", view.mean))
        } else if self.covered.active {
            let share = view.lost.unwrap_or(1.0) * 100.0;
            (HealthState::Covered, format!("something is before the lens: {share:.0} % of the picture lost its detail"))
        } else if self.frozen {
            let seconds = view.still_us / 1_000_000;
            (HealthState::Frozen, format!("frames come, but the picture has been the same for {seconds} s"))
        } else if self.moved.active {
            let (kept, all) = view.kept.unwrap_or_default();
            let found = format!("the view matches its reference in {kept} of {all} places");
            (HealthState::Moved, format!("the camera looks elsewhere than when its zones were drawn: {found}"))
        } else if self.clock.active {
            let seconds = self.offset_us as f64 / 1e6;
            (HealthState::Clock, format!("the agent's clock is off by about {seconds:+.1} s"))
        } else if self.ever_heard {
            (HealthState::Ok, "pictures come and show what they should".to_owned())
        } else {
            return None;
        };
        Some(picture)
    }

    fn offline(&self, params: &Params, now: Micros) -> Option<String> {
        let silent_us = now.since(self.heard_at);
        if self.online == Some(false) {
            return Some("its agent is gone: the broker lost the connection, or it was stopped".into());
        }
        if silent_us > params.offline_after_us {
            let what = if self.ever_heard { "nothing has been heard of its agent" } else { "no agent has come for it" };
            return Some(format!("{what} for {} s", silent_us / 1_000_000));
        }
        let (state, since) = self.source.as_ref()?;
        let waited = now.since(*since) > params.offline_after_us;
        match state {
            SourceState::Retrying(why) if waited => Some(format!("its agent gets no pictures: {why}")),
            SourceState::Opening if waited => Some("its agent waits for the first picture".into()),
            SourceState::Ended => Some("its source has ended".into()),
            _ => None,
        }
    }
}

fn between(value: Option<f32>, bad: impl Fn(f32) -> bool, good: impl Fn(f32) -> bool) -> Option<bool> {
    let value = value?;
    if bad(value) { Some(true) } else { good(value).then_some(false) }
}

/// Opening and retrying follow each other while a source is down.
fn alike(a: &SourceState, b: &SourceState) -> bool {
    let down = |s: &SourceState| matches!(s, SourceState::Retrying(_) | SourceState::Opening);
    a == b || (down(a) && down(b))
}
