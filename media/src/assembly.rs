//! One segment put together from packets.

use std::collections::VecDeque;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::Rational;

use crate::cut::{Cutter, Rules, Sample, Step};
use crate::decode::{frame_us, from_us, to_us};
use crate::error::MediaError;
use crate::packet::Packet;
use crate::segment::{Segment, SegmentOptions};
use crate::timing::{Untimed, repair};
use crate::{mux, raw};

/// The open segment: its packets until it is closed, the closed ones until they are handed out.
pub(crate) struct Assembly {
    pub(crate) cutter: Cutter,
    pub(crate) parameters: ffmpeg::codec::Parameters,
    time_base: Rational,
    fps: f64,
    reorders: bool,
    packets: Vec<Packet>,
    /// Closed segments that are not yet handed out.
    pub(crate) ready: VecDeque<Segment>,
}

impl Assembly {
    pub(crate) fn new(
        options: &SegmentOptions,
        parameters: ffmpeg::codec::Parameters,
        time_base: Rational,
        fps: f64,
        reorders: bool,
    ) -> Self {
        let rules = Rules {
            target_us: options.target_us,
            max_us: options.max_us.max(options.target_us),
            max_bytes: options.max_bytes,
            slack_us: (frame_us(fps) / 2).min(options.target_us / 4),
        };
        let cutter = Cutter::new(rules);
        Self { cutter, parameters, time_base, fps, reorders, packets: Vec::new(), ready: VecDeque::new() }
    }

    /// Takes one packet, and closes the open segment where it ends.
    pub(crate) fn take(
        &mut self,
        packet: Packet,
        key: bool,
        change: Option<ffmpeg::codec::Parameters>,
    ) -> Result<(), MediaError> {
        let (pts_us, dts_us) = (packet.pts_us(), packet.dts_us());
        let sample = Sample { pts_us, dts_us, key, changed: change.is_some(), bytes: packet.size() };
        let done = match self.cutter.step(&sample) {
            Step::Drop => return Ok(()),
            Step::Close => return self.close(None),
            Step::Append => {
                self.packets.push(packet);
                return Ok(());
            }
            Step::Begin { contiguous } => self.close(contiguous.then_some(pts_us)),
        };
        // Even when the last segment could not be written, the next begins here.
        if let Some(fresh) = change {
            self.parameters = fresh;
        }
        self.packets.push(packet);
        done
    }

    /// Writes the open segment, which ends at `next_us` where that is known.
    pub(crate) fn close(&mut self, next_us: Option<i64>) -> Result<(), MediaError> {
        let packets = std::mem::take(&mut self.packets);
        let Some(first) = packets.first() else { return Ok(()) };
        let start_pts_us = first.pts_us();
        let frames = packets.len();
        let untimed: Vec<Untimed> =
            packets.iter().map(|packet| Untimed { pts: packet.raw().pts(), dts: packet.raw().dts() }).collect();
        let usual_us = self.usual_frame_us(&packets);
        let times = repair(&untimed, from_us(usual_us, self.time_base), self.reorders || reordered(&packets));
        let end = times.iter().map(|time| time.pts).max().unwrap_or(0);
        let last_us = to_us(end, self.time_base);
        let duration_us = match next_us.map(|next| next - start_pts_us) {
            Some(until) if until > last_us => until,
            _ => last_us + usual_us,
        };
        let view = raw::view(&self.parameters);
        let bytes = mux::fragmented_mp4(&self.parameters, self.time_base, &packets, &times)?;
        self.ready.push_back(Segment {
            bytes,
            start_pts_us,
            duration_us,
            frames: u32::try_from(frames).unwrap_or(u32::MAX),
            codec: view.codec.name().to_owned(),
            width: view.width,
            height: view.height,
            fps: frames as f64 * 1e6 / duration_us.max(1) as f64,
        });
        Ok(())
    }

    /// The distance of two frames: the mean of what is here, or as announced.
    fn usual_frame_us(&self, packets: &[Packet]) -> i64 {
        let times = || packets.iter().map(Packet::pts_us);
        let span_us = times().max().unwrap_or(0) - times().min().unwrap_or(0);
        match i64::try_from(packets.len()) {
            Ok(count) if count > 2 && span_us > 0 => span_us / (count - 1),
            _ => frame_us(self.fps),
        }
    }
}

/// Whether decoding times are given and differ from the times of showing: then frames change their order.
fn reordered(packets: &[Packet]) -> bool {
    packets.iter().any(|packet| packet.raw().dts().zip(packet.raw().pts()).is_some_and(|(dts, pts)| dts != pts))
}
