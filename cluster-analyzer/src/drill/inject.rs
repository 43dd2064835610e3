//! Puts the synthetic animal into frames that have come, for agents that cannot.

use std::sync::{Mutex, PoisonError};

use base::drill::DrillOrder;
use base::ids::CameraId;
use base::time::Micros;
use base::wire::FrameHeader;
use bytes::Bytes;
use media::CutOut;

use crate::detect::jpeg;

/// As an agent encodes.
const QUALITY: i32 = 85;

/// The injection under way, if any. A std lock: nothing is awaited while it is held.
#[derive(Debug, Default)]
pub struct Injector {
    active: Mutex<Option<Active>>,
}

#[derive(Debug, Clone)]
struct Active {
    camera: CameraId,
    order: DrillOrder,
    cut: CutOut,
    began: Option<Micros>,
}

impl Injector {
    /// From the next frame of the camera on.
    pub fn begin(&self, camera: CameraId, order: DrillOrder, cut: CutOut) {
        *self.lock() = Some(Active { camera, order, cut, began: None });
    }

    /// No longer.
    pub fn end(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether frames of this camera are to be changed.
    pub fn wants(&self, camera: &CameraId) -> bool {
        self.lock().as_ref().is_some_and(|active| active.camera == *camera)
    }

    /// A frame as it would be with the animal in it; `None` where it stays as it is.
    pub fn apply(&self, camera: &CameraId, header: &FrameHeader, bytes: &[u8]) -> Option<(FrameHeader, Bytes)> {
        let (order, cut, t_s) = {
            let mut guard = self.lock();
            let active = guard.as_mut().filter(|active| active.camera == *camera && !header.drill)?;
            let began = *active.began.get_or_insert(header.captured_at);
            (active.order.clone(), active.cut.clone(), header.captured_at.seconds_since(began))
        };
        let (width, height) = (header.width as f32, header.height as f32);
        let rect = order.at(t_s, width / height, cut.width() as f32 / cut.height() as f32)?;
        let mut picture = jpeg::decode(bytes, (header.width, header.height)).ok()?;
        cut.paste(&mut picture, [rect.x * width, rect.y * height, rect.w * width, rect.h * height]);
        let changed = jpeg::encode(&picture, QUALITY).ok()?;
        let mut header = FrameHeader { drill: true, ..header.clone() };
        // The contract: the synthetic animal's box comes first.
        header.motion.insert(0, rect.clamped());
        Some((header, changed.into()))
    }
}
