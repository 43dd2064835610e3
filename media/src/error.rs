//! What can go wrong, as one sentence that says what would be right.

use std::time::Duration;

use ffmpeg_next as ffmpeg;

/// What FFmpeg said, as text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FfmpegError(String);

impl From<ffmpeg::Error> for FfmpegError {
    fn from(error: ffmpeg::Error) -> Self {
        // The texts are FFmpeg's own constants: they carry no address and so no password.
        Self(error.to_string())
    }
}

/// Why a source, a segment or a clip cannot be read or written. Addresses in it are already redacted.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The address itself is wrong.
    #[error(
        "`{given}` is not a source that can be read: {why}; give rtsp://user:password@host/path, \
         http://host/path, a file's path or /dev/videoN"
    )]
    BadUrl {
        /// What was given, redacted.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing is there.
    #[error("there is nothing at `{url}`: give the path or address of a video that exists")]
    NotFound {
        /// The source.
        url: String,
    },
    /// It is there, and may not be read.
    #[error("access to `{url}` is refused: {hint}")]
    Denied {
        /// The source.
        url: String,
        /// What would be right.
        hint: &'static str,
    },
    /// The host does not answer at all.
    #[error("`{url}` cannot be reached: check that the camera is on and that the host and port are right")]
    Unreachable {
        /// The source.
        url: String,
        /// What FFmpeg said.
        source: FfmpegError,
    },
    /// It is there and is not a video.
    #[error("`{url}` cannot be read as video: give a video file or stream, such as MP4, MKV, AVI or RTSP")]
    Unreadable {
        /// The source.
        url: String,
        /// What FFmpeg said.
        source: FfmpegError,
    },
    /// A video that ends before its end.
    #[error("`{url}` is cut short: part of the file is missing, so copy or record it again completely")]
    Truncated {
        /// The source.
        url: String,
    },
    /// Readable, without pictures.
    #[error("`{url}` has no video stream: give a source with pictures, not sound or text alone")]
    NoVideo {
        /// The source.
        url: String,
    },
    /// Nothing came for too long.
    #[error("`{url}` has sent nothing for {:.1} s: check the camera and the network, or raise the timeout", after.as_secs_f64())]
    Stalled {
        /// The source.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// The stop flag was raised while waiting.
    #[error("reading `{url}` was stopped on request")]
    Stopped {
        /// The source.
        url: String,
    },
    /// The connection broke.
    #[error("the connection to `{url}` was lost: open it again")]
    Lost {
        /// The source.
        url: String,
        /// What FFmpeg said.
        source: FfmpegError,
    },
    /// Data that cannot be decoded; what follows may be fine.
    #[error("{what} is damaged and was left out")]
    Corrupt {
        /// What is damaged.
        what: String,
    },
    /// Something this build cannot do.
    #[error("{what} is not supported: {instead}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// What would work.
        instead: &'static str,
    },
    /// Reading on after the end.
    #[error("the stream has ended: open it again, or rewind the file")]
    Ended,
    /// A file that cannot be written.
    #[error("`{path}` cannot be written: give a path in an existing folder with room on the disk")]
    Write {
        /// The file.
        path: String,
        /// What FFmpeg said.
        source: FfmpegError,
    },
    /// FFmpeg refused a step that should have worked.
    #[error("FFmpeg could not {doing}")]
    Codec {
        /// What was being done.
        doing: &'static str,
        /// What FFmpeg said.
        source: FfmpegError,
    },
}

impl MediaError {
    /// Whether trying again later may help: a camera that is off, a network that is down. `false` is a
    /// mistake that a person has to put right.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Stalled { .. } | Self::Lost { .. } | Self::Corrupt { .. } | Self::Ended
        )
    }

    pub(crate) fn codec(doing: &'static str) -> impl Fn(ffmpeg::Error) -> Self {
        move |error| Self::Codec { doing, source: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_is_one_sentence_without_its_source() {
        let error = MediaError::Lost { url: "rtsp://u:***@cam/1".into(), source: FfmpegError("I/O error".into()) };
        assert_eq!(error.to_string(), "the connection to `rtsp://u:***@cam/1` was lost: open it again");
        assert_eq!(std::error::Error::source(&error).map(ToString::to_string).as_deref(), Some("I/O error"));
    }
}
