//! Pure: what the analyzer and the operator ask of an agent, checked.

use base::drill::DrillOrder;
use base::time::Micros;
use base::wire::{CameraConfig, Control, ControlAction};

use gate::frames;

/// What goes to the thread that decides on frames.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// So many frames a second until then.
    Boost {
        /// Frames a second.
        fps: f64,
        /// Capture time.
        until: Micros,
    },
    /// One frame now.
    Snapshot,
    /// A synthetic animal in the frames, beginning before then; `fps` frames a second meanwhile.
    Drill {
        /// What walks, and where.
        order: DrillOrder,
        /// Frames a second.
        fps: f64,
        /// Capture time.
        until: Micros,
    },
    /// Other settings.
    Settings(Settings),
}

/// What may be changed while the agent runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Which frames go out.
    pub frames: frames::Params,
    /// 1 to 100.
    pub jpeg_quality: u8,
    /// Longest side of an analysis frame, pixels.
    pub max_side_px: u32,
}

/// Frames a second that can be asked for.
pub const FPS: std::ops::RangeInclusive<f64> = 0.1..=60.0;
/// Seconds between frames of a still scene that can be asked for.
pub const STILL_INTERVAL_S: std::ops::RangeInclusive<f64> = 0.1..=3600.0;
/// JPEG qualities that can be asked for.
pub const JPEG_QUALITY: std::ops::RangeInclusive<u8> = 10..=100;
/// Sizes of analysis frames that can be asked for, pixels on the longest side.
pub const MAX_SIDE_PX: std::ops::RangeInclusive<u32> = 160..=1920;

/// Frames a second while a drill runs.
const DRILL_FPS: f64 = 10.0;

/// What is to be done about a control message at `now`: an order, or why not.
pub fn order(control: &Control, now: Micros) -> Result<Order, String> {
    if control.expires_at <= now {
        return Err(format!("control refused: it expired at {}", control.expires_at));
    }
    match &control.action {
        ControlAction::Boost { fps } if FPS.contains(fps) => Ok(Order::Boost { fps: *fps, until: control.expires_at }),
        ControlAction::Boost { fps } => Err(format!("boost refused: {}", outside("fps", *fps, FPS))),
        // No protocol that FFmpeg speaks lets us ask the camera for a key frame; the next picture we can send.
        ControlAction::Keyframe | ControlAction::Snapshot => Ok(Order::Snapshot),
        ControlAction::Drill(order) => {
            order.check().map_err(|why| format!("drill refused: {why}"))?;
            Ok(Order::Drill { order: order.clone(), fps: DRILL_FPS, until: control.expires_at })
        }
    }
}

/// What is asked for, for the log.
pub fn name(action: &ControlAction) -> String {
    match action {
        ControlAction::Boost { fps } => format!("boost to {fps} frames a second"),
        ControlAction::Keyframe => "keyframe".into(),
        ControlAction::Snapshot => "snapshot".into(),
        ControlAction::Drill(order) => format!("drill {}, {} s", order.id, order.seconds),
    }
}

/// The settings that follow from `now` and what is desired: all of it, or why none of it.
pub fn apply(now: &Settings, desired: &CameraConfig) -> Result<Settings, String> {
    let mut next = now.clone();
    if let Some(fps) = desired.fps {
        next.frames.fps = within("fps", fps, FPS)?;
    }
    if let Some(seconds) = desired.still_interval_s {
        next.frames.still_interval_s = within("still_interval_s", seconds, STILL_INTERVAL_S)?;
    }
    if let Some(quality) = desired.jpeg_quality {
        next.jpeg_quality = within("jpeg_quality", quality, JPEG_QUALITY)?;
    }
    if let Some(side) = desired.max_side_px {
        next.max_side_px = within("max_side_px", side, MAX_SIDE_PX)?;
    }
    Ok(next)
}

/// What the agent says it runs with.
pub fn describe(settings: &Settings) -> String {
    let Settings { frames, jpeg_quality, max_side_px } = settings;
    format!(
        "applied: fps {}, still_interval_s {}, jpeg_quality {jpeg_quality}, max_side_px {max_side_px}",
        frames.fps, frames.still_interval_s
    )
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &str,
    value: T,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, String> {
    if range.contains(&value) { Ok(value) } else { Err(format!("config refused: {}", outside(key, value, range))) }
}

/// `key 7 is not between 1 and 5`.
pub fn outside<T: std::fmt::Display>(key: &str, value: T, range: std::ops::RangeInclusive<T>) -> String {
    format!("{key} {value} is not between {} and {}", range.start(), range.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { frames: frames::Params::default(), jpeg_quality: 80, max_side_px: 640 }
    }

    fn control(action: ControlAction) -> Control {
        Control { v: 1, expires_at: Micros(1_000), action }
    }

    #[test]
    fn what_has_expired_is_not_done() {
        let boost = control(ControlAction::Boost { fps: 10.0 });
        assert_eq!(order(&boost, Micros(999)), Ok(Order::Boost { fps: 10.0, until: Micros(1_000) }));
        assert!(order(&boost, Micros(1_000)).unwrap_err().contains("expired"));
    }

    #[test]
    fn a_boost_beyond_reason_and_a_drill_without_an_animal_are_refused_with_a_reason() {
        for fps in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(order(&control(ControlAction::Boost { fps }), Micros(0)).is_err(), "{fps}");
        }
        let empty = ControlAction::Drill(DrillOrder { seconds: 8.0, height: 0.3, ..DrillOrder::default() });
        let why = order(&control(empty), Micros(0)).unwrap_err();
        assert!(why.starts_with("drill refused: sprite has 0 bytes"), "{why}");
    }

    #[test]
    fn a_desired_config_is_applied_whole_or_not_at_all() {
        let desired =
            CameraConfig { v: 1, fps: Some(8.0), still_interval_s: None, jpeg_quality: Some(70), max_side_px: None };
        let next = apply(&settings(), &desired).unwrap();
        assert_eq!((next.frames.fps, next.jpeg_quality, next.max_side_px), (8.0, 70, 640));
        assert!(describe(&next).starts_with("applied: fps 8,"), "{}", describe(&next));
        let wrong = CameraConfig { max_side_px: Some(100_000), ..desired };
        let why = apply(&settings(), &wrong).unwrap_err();
        assert_eq!(why, "config refused: max_side_px 100000 is not between 160 and 1920");
    }
}
