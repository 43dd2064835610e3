//! Pure: messages into values. Whatever is wrong with a message, it is refused whole, with a reason that is
//! counted; nothing from outside can make this panic.
//!
//! - [`jpeg`]: what a JPEG says of its size, without decoding it.
//! - [`mqtt`] (adapter): the broker.

use base::ids::{CameraId, IncidentId, SegmentId, SiteId};
use base::topic::Topic;
use base::wire::{CameraStatus, Form, FrameHeader, IncidentCommand, MAX_CHUNK_BYTES, SegmentHeader, WireError};
use bytes::Bytes;

pub mod jpeg;
pub mod mqtt;

/// The largest frame, bytes; an agent's are under 200 KiB.
pub const MAX_FRAME_BYTES: usize = 2 * 1024 * 1024;
/// The largest JSON payload, bytes.
pub const MAX_JSON_BYTES: usize = 64 * 1024;

/// A message that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// What a camera is and does.
    Status(CameraId, Box<CameraStatus>),
    /// A picture for analysis.
    Frame(CameraId, FrameHeader, Bytes),
    /// A chunk of footage.
    Chunk(CameraId, SegmentId, SegmentHeader, Bytes),
    /// What somebody does with an incident.
    Command(IncidentId, IncidentCommand),
}

/// Why a message was refused; [`Rejection::reason`] is what is counted.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// Not a topic of this site that we take.
    #[error("the topic is not one that is taken in")]
    BadTopic,
    /// A binary payload without its metadata.
    #[error("the user property 'header' is missing")]
    NoHeader,
    /// Metadata or a payload that is not JSON, or not of its form.
    #[error("the header or payload is not JSON of its form")]
    NotJson(#[source] WireError),
    /// A version of the future.
    #[error("the message is of another version")]
    Version(#[source] WireError),
    /// A value that cannot be.
    #[error("the header has a value that cannot be")]
    BadValue(#[source] WireError),
    /// A frame that is no JPEG.
    #[error("the frame is no JPEG")]
    NotJpeg,
    /// A frame of another size than its header says.
    #[error("the frame is not as large as its header says")]
    WrongSize,
    /// Too many bytes.
    #[error("{bytes} bytes are too many; at most {most} are taken")]
    Oversize {
        /// So many came.
        bytes: usize,
        /// So many may come.
        most: usize,
    },
}

impl Rejection {
    /// All that [`Rejection::reason`] may return, and what the parts behind it add.
    pub const REASONS: [&'static str; 11] = [
        "bad_topic",
        "no_header",
        "header_not_json",
        "version",
        "bad_value",
        "not_jpeg",
        "wrong_size",
        "oversize",
        "stale_frame",
        "too_many_cameras",
        "busy",
    ];

    /// One word for the counter.
    pub fn reason(&self) -> &'static str {
        match self {
            Rejection::BadTopic => "bad_topic",
            Rejection::NoHeader => "no_header",
            Rejection::NotJson(_) => "header_not_json",
            Rejection::Version(_) => "version",
            Rejection::BadValue(_) => "bad_value",
            Rejection::NotJpeg => "not_jpeg",
            Rejection::WrongSize => "wrong_size",
            Rejection::Oversize { .. } => "oversize",
        }
    }
}

impl From<WireError> for Rejection {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Form { .. } => Rejection::NotJson(error),
            WireError::Version { .. } => Rejection::Version(error),
            WireError::Value { .. } => Rejection::BadValue(error),
        }
    }
}

/// Reads one message: its topic, its user property `header` where it has one, its payload.
///
/// # Errors
/// Why it is refused.
pub fn read(site: &SiteId, topic: &[u8], header: Option<&str>, payload: Bytes) -> Result<Message, Rejection> {
    let topic = std::str::from_utf8(topic).ok().and_then(|name| Topic::parse(site, name));
    match topic.ok_or(Rejection::BadTopic)? {
        Topic::CameraStatus(camera) => {
            at_most(&payload, MAX_JSON_BYTES)?;
            Ok(Message::Status(camera, Box::new(CameraStatus::from_json(&payload)?)))
        }
        Topic::Frame(camera) => {
            let header = FrameHeader::from_json(needed(header)?.as_bytes())?;
            at_most(&payload, MAX_FRAME_BYTES)?;
            // Before anything decodes it: a small file may unpack to gigabytes.
            let size = jpeg::size(&payload).ok_or(Rejection::NotJpeg)?;
            if size != (header.width, header.height) {
                return Err(Rejection::WrongSize);
            }
            Ok(Message::Frame(camera, header, payload))
        }
        Topic::Segment(camera, id) => {
            let header = SegmentHeader::from_json(needed(header)?.as_bytes())?;
            at_most(&payload, MAX_CHUNK_BYTES)?;
            Ok(Message::Chunk(camera, id, header, payload))
        }
        Topic::IncidentCommand(id) => {
            at_most(&payload, MAX_JSON_BYTES)?;
            Ok(Message::Command(id, IncidentCommand::from_json(&payload)?))
        }
        _ => Err(Rejection::BadTopic),
    }
}

fn needed(header: Option<&str>) -> Result<&str, Rejection> {
    header.ok_or(Rejection::NoHeader)
}

fn at_most(payload: &Bytes, most: usize) -> Result<(), Rejection> {
    if payload.len() > most { Err(Rejection::Oversize { bytes: payload.len(), most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
