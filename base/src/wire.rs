//! Pure: what travels over MQTT (docs/wire.md): headers of binary payloads, and JSON payloads.
//!
//! Binary payloads stay plain; their metadata is one JSON user property named [`HEADER`]. Every value
//! carries `v`, the version of its form. A reader ignores fields that it does not know and refuses a
//! version that it does not know.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::drill::DrillOrder;
use crate::geometry::Rect;
use crate::ids::{CameraId, SegmentId};
use crate::time::Micros;

/// The MQTT 5 user property that carries a binary payload's metadata.
pub const HEADER: &str = "header";

/// The version of every form on the wire.
pub const VERSION: u32 = 1;

/// A segment travels in chunks of at most this many bytes, so that every broker takes them.
pub const MAX_CHUNK_BYTES: usize = 120 * 1024;

/// A frame that is older than this is of no use: MQTT message expiry, seconds.
pub const FRAME_EXPIRY_S: u32 = 2;

/// The largest MQTT packet that an agent or analyzer sends or takes, bytes.
pub const MAX_PACKET_BYTES: u32 = 4 * 1024 * 1024;

/// The largest segment that a receiver reassembles, bytes.
pub const MAX_SEGMENT_BYTES: u64 = 256 * 1024 * 1024;

/// Why a message was refused.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not JSON, or not this form.
    #[error("not a {form}")]
    Form {
        /// The form that was expected.
        form: &'static str,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// A version of the future.
    #[error("version {found} of a {form} is unknown; this build speaks version 1")]
    Version {
        /// The form that was expected.
        form: &'static str,
        /// The version in the message.
        found: u32,
    },
    /// A value that cannot be.
    #[error("{form}: {what}")]
    Value {
        /// The form that was expected.
        form: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// A JSON value that stands on the wire.
pub trait Form: Serialize + DeserializeOwned {
    /// What errors call it.
    const NAME: &'static str;

    /// The version in the message.
    fn version(&self) -> u32;

    /// What serde cannot check.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// As it is sent.
    fn to_json(&self) -> String {
        // A form has string keys and finite numbers only, so that serialising it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads and checks a message.
    fn from_json(bytes: &[u8]) -> Result<Self, WireError> {
        let value: Self =
            serde_json::from_slice(bytes).map_err(|source| WireError::Form { form: Self::NAME, source })?;
        if value.version() != VERSION {
            return Err(WireError::Version { form: Self::NAME, found: value.version() });
        }
        value.check().map_err(|what| WireError::Value { form: Self::NAME, what })?;
        Ok(value)
    }
}

macro_rules! form {
    ($type:ty, $name:literal $(, $check:expr)?) => {
        impl Form for $type {
            const NAME: &'static str = $name;
            fn version(&self) -> u32 {
                self.v
            }
            $(fn check(&self) -> Result<(), String> {
                let check: fn(&Self) -> Result<(), String> = $check;
                check(self)
            })?
        }
    };
}
pub(crate) use form;

/// How the picture was lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Light {
    /// In colour.
    #[default]
    Day,
    /// Infrared: grey.
    Infrared,
}

/// Metadata of a JPEG on `camera/{c}/frame`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameHeader {
    /// Version.
    pub v: u32,
    /// Counts up by one for each frame that the agent made, sent or not; begins anew with the agent.
    pub seq: u64,
    /// When the light fell on the sensor.
    pub captured_at: Micros,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Where something moved, normalised; empty when nothing did.
    #[serde(default)]
    pub motion: Vec<Rect>,
    /// How the picture was lit.
    #[serde(default)]
    pub light: Light,
    /// Carries a synthetic animal.
    #[serde(default)]
    pub drill: bool,
}
form!(FrameHeader, "frame header", |h| {
    let sane = |side: u32| (16..=8192).contains(&side);
    if !(sane(h.width) && sane(h.height)) {
        return Err(format!("size {}x{} is not between 16 and 8192 pixels", h.width, h.height));
    }
    if h.motion.iter().any(|r| !r.is_finite()) {
        return Err("a motion box is not finite".into());
    }
    Ok(())
});

/// Metadata of a chunk on `camera/{c}/segment/{id}`. Every chunk carries all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentHeader {
    /// Version.
    pub v: u32,
    /// From 0.
    pub chunk: u32,
    /// How many there are.
    pub chunks: u32,
    /// Size of the whole segment.
    pub bytes: u64,
    /// Of the whole segment, 64 hexadecimal digits.
    pub sha256: String,
    /// Capture time of its first frame.
    pub start: Micros,
    /// Length, µs.
    pub duration_us: i64,
    /// `h264` or `hevc`.
    pub codec: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: f64,
    /// How many frames it holds.
    pub frames: u32,
    /// Share of its gate frames in which something moved, 0..1.
    pub motion: f32,
    /// Carries a synthetic animal.
    #[serde(default)]
    pub drill: bool,
}
form!(SegmentHeader, "segment header", |h| {
    if h.chunks == 0 || h.chunk >= h.chunks {
        return Err(format!("chunk {} of {} does not exist", h.chunk, h.chunks));
    }
    if h.bytes == 0 || h.bytes > MAX_SEGMENT_BYTES {
        return Err(format!("{} bytes is not between 1 and {MAX_SEGMENT_BYTES}", h.bytes));
    }
    if u64::from(h.chunks) != h.bytes.div_ceil(MAX_CHUNK_BYTES as u64) {
        return Err(format!("{} chunks cannot carry {} bytes at {MAX_CHUNK_BYTES} each", h.chunks, h.bytes));
    }
    if h.sha256.len() != 64 || !h.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("sha256 is not 64 hexadecimal digits".into());
    }
    if h.duration_us < 0 || h.start.0 < 0 {
        return Err("start and duration_us must not be negative".into());
    }
    Ok(())
});

/// On `camera/{c}/segment-ack`: these are stored durably, the agent may free its copies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentAck {
    /// Version.
    pub v: u32,
    /// Which.
    pub ids: Vec<SegmentId>,
    /// Refused for good (wrong sha256 after it was sent again, too large): the agent keeps its copy apart, counts
    /// it and does not send it again.
    #[serde(default)]
    pub rejected: Vec<SegmentId>,
}
form!(SegmentAck, "segment acknowledgement");

/// On `camera/{c}/status`, retained; the last will sets `online` to false.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraStatus {
    /// Version.
    pub v: u32,
    /// The agent is connected.
    pub online: bool,
    /// When this was said; `None` in the last will, which is written before it happens.
    #[serde(default)]
    pub at: Option<Micros>,
    /// The agent's version.
    #[serde(default)]
    pub agent: String,
    /// Where pictures come from, without credentials.
    #[serde(default)]
    pub source: String,
    /// Whether pictures come, and if not, why not.
    #[serde(default)]
    pub source_state: SourceState,
    /// The source's codec.
    #[serde(default)]
    pub codec: String,
    /// Pixels of the source.
    #[serde(default)]
    pub width: u32,
    /// Pixels of the source.
    #[serde(default)]
    pub height: u32,
    /// Frames a second of the source.
    #[serde(default)]
    pub fps: f64,
    /// Wall clock minus the clock that stamps frames, µs.
    #[serde(default)]
    pub clock_offset_us: i64,
    /// What waits to be acknowledged.
    #[serde(default)]
    pub spool: SpoolStatus,
    /// Frames since the agent began.
    #[serde(default)]
    pub frames: FrameCounts,
    /// Load average over one minute.
    #[serde(default)]
    pub load: Option<f32>,
    /// Hottest sensor, degrees Celsius.
    #[serde(default)]
    pub temperature_c: Option<f32>,
    /// What the agent applied of the desired config, or why not.
    #[serde(default)]
    pub config: Option<String>,
}
form!(CameraStatus, "camera status");

impl CameraStatus {
    /// What the broker says for an agent that is gone.
    pub fn last_will() -> Self {
        Self {
            v: VERSION,
            online: false,
            at: None,
            agent: String::new(),
            source: String::new(),
            source_state: SourceState::Unknown,
            codec: String::new(),
            width: 0,
            height: 0,
            fps: 0.0,
            clock_offset_us: 0,
            spool: SpoolStatus::default(),
            frames: FrameCounts::default(),
            load: None,
            temperature_c: None,
            config: None,
        }
    }
}

/// Whether pictures come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(tag = "state", content = "why", rename_all = "lowercase")]
pub enum SourceState {
    /// Not said.
    #[default]
    Unknown,
    /// Being opened.
    Opening,
    /// Pictures come.
    Streaming,
    /// Lost; being opened again.
    Retrying(String),
    /// A file that was to be played once is over.
    Ended,
}

/// The agent's spool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct SpoolStatus {
    /// Segments not yet acknowledged.
    pub segments: u64,
    /// Bytes not yet acknowledged.
    pub bytes: u64,
    /// Most bytes that it may hold.
    pub capacity_bytes: u64,
    /// Capture time of the oldest segment in it.
    pub oldest: Option<Micros>,
    /// Segments given up because the spool was full or its disk failed.
    pub lost_segments: u64,
    /// Segments that the analyzer refused.
    pub rejected_segments: u64,
    /// Segments acknowledged since the agent began.
    pub acknowledged_segments: u64,
    /// The most recent spans without footage that the agent had to make, at most 32.
    pub gaps: Vec<Gap>,
}

/// A span without footage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Begin.
    pub start: Micros,
    /// End.
    pub end: Micros,
    /// Why, in words.
    pub why: String,
}

/// Frames since the agent began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct FrameCounts {
    /// Decoded and looked at by the gate.
    pub seen: u64,
    /// Handed to the broker.
    pub sent: u64,
    /// Dropped because they could not be sent in time.
    pub dropped: u64,
}

/// On `camera/{c}/config`, retained: desired settings. What is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraConfig {
    /// Version.
    pub v: u32,
    /// Analysis frames a second while something moves.
    #[serde(default)]
    pub fps: Option<f64>,
    /// Seconds between frames of a still scene.
    #[serde(default)]
    pub still_interval_s: Option<f64>,
    /// JPEG quality, 1 to 100.
    #[serde(default)]
    pub jpeg_quality: Option<u8>,
    /// Longest side of an analysis frame, pixels.
    #[serde(default)]
    pub max_side_px: Option<u32>,
}
form!(CameraConfig, "camera config");

/// On `camera/{c}/control`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Version.
    pub v: u32,
    /// Of no use after this.
    pub expires_at: Micros,
    /// What to do.
    #[serde(flatten)]
    pub action: ControlAction,
}
form!(Control, "control");

/// What an agent is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum ControlAction {
    /// Send `fps` frames a second until the control expires, motion or not.
    Boost {
        /// Frames a second.
        fps: f64,
    },
    /// Ask the camera for a key frame and send the next picture.
    Keyframe,
    /// Send one picture now.
    Snapshot,
    /// Put a synthetic animal into the frames that go out; their header says `drill`, and its first motion box is
    /// the synthetic animal's.
    Drill(DrillOrder),
}

/// One detection as it is sent on `detections/{c}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionMessage {
    /// Normalised box.
    pub rect: Rect,
    /// Label and score of each class that is not negligible, best first.
    pub scores: Vec<(String, f32)>,
}

/// On `detections/{c}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detections {
    /// Version.
    pub v: u32,
    /// Of which frame.
    pub seq: u64,
    /// Of which frame.
    pub captured_at: Micros,
    /// The model's name.
    pub model: String,
    /// What it saw.
    pub detections: Vec<DetectionMessage>,
}
form!(Detections, "detections message");

/// On `analyzer/status`, retained, with a last will.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalyzerStatus {
    /// Version.
    pub v: u32,
    /// The analyzer is connected.
    pub online: bool,
    /// When this was said.
    #[serde(default)]
    pub at: Option<Micros>,
    /// The analyzer's version.
    #[serde(default)]
    pub analyzer: String,
    /// The detector's name; empty while there is none.
    #[serde(default)]
    pub model: String,
    /// Capture to detection of the last frame, ms.
    #[serde(default)]
    pub lag_ms: f64,
    /// Frames replaced by newer ones before the detector took them.
    #[serde(default)]
    pub frames_superseded: u64,
    /// Messages refused.
    #[serde(default)]
    pub messages_rejected: u64,
    /// Segments stored but not yet verified in object storage.
    #[serde(default)]
    pub upload_backlog: u64,
    /// When a drill last went through.
    #[serde(default)]
    pub last_drill: Option<Micros>,
    /// How the last drill ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillStatus>,
}
form!(AnalyzerStatus, "analyzer status");

/// How a drill ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrillStatus {
    /// When it began.
    pub at: Micros,
    /// On which camera.
    pub camera: CameraId,
    /// From the capture of the frame that decided it to the delivery of its alert, µs; `None`: it did not arrive.
    pub latency_us: Option<i64>,
    /// `arrived`, or why not.
    pub result: String,
}

/// On `incident/{id}/command`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentCommand {
    /// Version.
    pub v: u32,
    /// Who.
    pub by: String,
    /// When.
    pub at: Micros,
    /// What.
    #[serde(flatten)]
    pub action: IncidentAction,
}
form!(IncidentCommand, "incident command", |c| {
    if c.by.trim().is_empty() { Err("'by' is empty; say who".into()) } else { Ok(()) }
});

/// What a person does with an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum IncidentAction {
    /// Seen; stop repeating.
    Acknowledge,
    /// All-clear.
    Resolve,
    /// A remark.
    Note {
        /// The remark.
        text: String,
    },
}
