//! One pipeline for one or two streams of a camera: the large one that is kept and the small one that is looked at.

use std::sync::{Arc, Mutex, PoisonError};

use base::time::Micros;
use base::wire::SourceState;
use media::{Frame, Segment, SourceInfo};

use super::pipeline::Pipeline;
use crate::capture::Sink;

/// What both halves share.
struct Shared {
    pipeline: Pipeline,
    /// Of the kept stream and of the one that is looked at.
    states: [Option<SourceState>; 2],
}

/// One stream's end of the pipeline.
pub struct Half {
    shared: Arc<Mutex<Shared>>,
    at: usize,
}

/// The ends of `pipeline`: for the stream that is kept, or for everything, and for the one that is looked at alone.
/// Whoever has no second stream drops the second.
pub fn halves(pipeline: Pipeline) -> [Half; 2] {
    let shared = Arc::new(Mutex::new(Shared { pipeline, states: [None, None] }));
    [Half { shared: shared.clone(), at: 0 }, Half { shared, at: 1 }]
}

impl Half {
    /// What its thread is called.
    pub fn name(&self) -> &'static str {
        if self.at == 0 { "capture" } else { "capture-sub" }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Shared) -> T) -> T {
        act(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Half {
    fn state(&mut self, state: SourceState) {
        self.with(|shared| {
            shared.states[self.at] = Some(state);
            shared.pipeline.state(worst(&shared.states));
        });
    }

    fn opened(&mut self, info: &SourceInfo) {
        // What is kept is what the camera is.
        if self.at == 0 {
            self.with(|shared| shared.pipeline.opened(info));
        }
    }

    fn frame(&mut self, frame: &Frame, at: Micros, late: bool) {
        self.with(|shared| shared.pipeline.frame(frame, at, late));
    }

    fn segment(&mut self, segment: Segment, start: Micros) {
        self.with(|shared| shared.pipeline.segment(segment, start));
    }
}

/// What is said of both: whatever fails goes first.
fn worst(states: &[Option<SourceState>; 2]) -> SourceState {
    let named = |state: &SourceState, at: usize| match state {
        SourceState::Retrying(why) if at == 1 => SourceState::Retrying(format!("analysis stream: {why}")),
        other => other.clone(),
    };
    let known = || states.iter().enumerate().filter_map(|(at, state)| state.as_ref().map(|state| named(state, at)));
    let failing = known().find(|state| matches!(state, SourceState::Retrying(_)));
    failing.or_else(|| known().next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_that_fails_is_the_one_that_is_told() {
        let failed = |why: &str| SourceState::Retrying(why.into());
        assert_eq!(worst(&[Some(SourceState::Streaming), None]), SourceState::Streaming);
        assert_eq!(worst(&[Some(SourceState::Streaming), Some(failed("off"))]), failed("analysis stream: off"));
        assert_eq!(worst(&[Some(failed("gone")), Some(SourceState::Streaming)]), failed("gone"));
    }
}
