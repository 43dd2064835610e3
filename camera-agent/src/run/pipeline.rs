//! What happens on the capture thread, frame by frame: look, decide, encode; and with each segment.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use base::geometry::Rect;
use base::ids::CameraId;
use base::input::chain;
use base::time::{Micros, SystemClock};
use base::wire::{FrameHeader, SourceState, VERSION};
use bytes::Bytes;
use gate::{Brightness, Detector, FrameGate, GATE_SIDE_PX, Motion, motion};
use media::{Frame, Jpeg, JpegEncoder, MediaError, Segment, SourceInfo};

use crate::capture::Sink;
use crate::control::{Order, Settings};
use crate::drill::Drill;
use crate::publish::mailbox::{FrameOut, Mailbox};
use crate::segments::{Cut, Footage, MotionTally};
use crate::spool::worker::Intake;
use crate::status::{Board, SourceFacts};

/// The stages between capture and the two outputs.
pub struct Pipeline {
    camera: CameraId,
    settings: Settings,
    gate: FrameGate,
    detector: Box<dyn Detector>,
    tally: MotionTally,
    orders: Receiver<Order>,
    mailbox: Arc<Mailbox>,
    intake: Intake,
    board: Arc<Board>,
    clock: Arc<SystemClock>,
    jpegs: JpegEncoder,
    may_wait: bool,
    seq: u64,
    drill: Option<Drill>,
}

/// Where a pipeline's values come from and go to.
pub struct Ends {
    /// What the analyzer asks for.
    pub orders: Receiver<Order>,
    /// Frames go here.
    pub mailbox: Arc<Mailbox>,
    /// Footage goes here.
    pub intake: Intake,
    /// What happens is said here.
    pub board: Arc<Board>,
    /// Follows the wall clock between segments.
    pub clock: Arc<SystemClock>,
}

impl Pipeline {
    /// A pipeline; `may_wait`: the source can wait for the disk.
    pub fn new(camera: CameraId, settings: Settings, detector: Box<dyn Detector>, ends: Ends, may_wait: bool) -> Self {
        let Ends { orders, mailbox, intake, board, clock } = ends;
        let gate = FrameGate::new(settings.frames.clone());
        let tally = MotionTally::default();
        let jpegs = JpegEncoder::default();
        let (seq, drill) = (0, None);
        Self {
            camera,
            settings,
            gate,
            detector,
            tally,
            orders,
            mailbox,
            intake,
            board,
            clock,
            jpegs,
            may_wait,
            seq,
            drill,
        }
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Boost { fps, until } => self.gate.boost(fps, until),
                Order::Snapshot => self.gate.snapshot(),
                Order::Drill { order, fps, until } => match Drill::new(order, until) {
                    Ok(drill) => {
                        self.gate.boost(fps, until);
                        self.drill = Some(drill);
                    }
                    Err(why) => self.board.say_config(why),
                },
                Order::Settings(settings) => {
                    self.gate.set_params(settings.frames.clone());
                    self.settings = settings;
                }
            }
        }
    }

    fn look(&mut self, frame: &Frame) -> Motion {
        let luma = frame.brightness(GATE_SIDE_PX);
        let picture = Brightness { width: luma.width, height: luma.height, data: &luma.data };
        self.detector.look(picture).unwrap_or_else(|error| {
            // Better a frame too many than an animal unseen.
            tracing::warn!("{}", chain(&error));
            Motion { boxes: vec![Rect::FULL], score: 1.0 }
        })
    }

    /// The frame as a JPEG, and where a drill's animal is in it. Only a drill needs the picture in BGR.
    fn encode(&mut self, frame: &Frame, captured_at: Micros) -> Result<(Option<Rect>, Jpeg), MediaError> {
        let Settings { max_side_px, jpeg_quality, .. } = self.settings;
        if let Some(drill) = self.drill.as_mut() {
            let mut picture = frame.bgr(max_side_px);
            if let Some(place) = drill.paste(&mut picture, captured_at) {
                let jpeg = self.jpegs.encode_bgr(&picture.bgr, picture.width, picture.height, jpeg_quality)?;
                return Ok((Some(place), jpeg));
            }
            self.drill = None;
        }
        Ok((None, self.jpegs.encode(frame, max_side_px, jpeg_quality)?))
    }

    fn send(&mut self, frame: &Frame, captured_at: Micros, mut moved: Motion) {
        self.seq += 1;
        if !self.mailbox.is_open() {
            return self.board.counters.dropped.add(1);
        }
        let (place, jpeg) = match self.encode(frame, captured_at) {
            Ok(encoded) => encoded,
            Err(error) => {
                tracing::warn!("{}", chain(&error));
                return self.board.counters.dropped.add(1);
            }
        };
        // The contract: the synthetic animal's box comes first.
        place.into_iter().for_each(|place| moved.boxes.insert(0, place));
        let Jpeg { width, height, bytes, colour } = jpeg;
        let light = motion::light_of_colour(colour);
        let header = FrameHeader {
            v: VERSION,
            seq: self.seq,
            captured_at,
            width,
            height,
            motion: moved.boxes,
            light,
            drill: place.is_some(),
        };
        if self.mailbox.put(FrameOut { header, jpeg: Bytes::from(bytes) }).is_some() {
            self.board.counters.dropped.add(1);
        }
    }
}

impl Sink for Pipeline {
    fn state(&mut self, state: SourceState) {
        self.board.say_state(state);
    }

    fn opened(&mut self, info: &SourceInfo) {
        let SourceInfo { codec, width, height, fps, .. } = info.clone();
        self.board.say_facts(SourceFacts { codec, width, height, fps });
    }

    fn frame(&mut self, frame: &Frame, at: Micros, late: bool) {
        self.take_orders();
        if late || !self.gate.wants_look(at) {
            return;
        }
        self.board.counters.seen.add(1);
        let moved = self.look(frame);
        self.tally.note(at, moved.moving(), self.gate.boosted(at));
        if self.gate.decide(at, moved.moving(), moved.score) {
            self.send(frame, at, moved);
        }
    }

    fn segment(&mut self, segment: Segment, start: Micros) {
        let Segment { bytes, duration_us, frames, codec, width, height, fps, .. } = segment;
        let cut = Cut { start, duration_us, codec, width, height, fps, frames };
        let footage = Footage::new(self.camera.clone(), cut, Bytes::from(bytes), &mut self.tally);
        self.intake.put(footage, self.may_wait);
        if self.clock.reanchor_if_stepped() {
            tracing::warn!("the wall clock was set: time follows it from here on");
        }
    }
}
