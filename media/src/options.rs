//! How a source is opened.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::url::SourceKind;

/// How a source is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// How long opening, and each read, may take before the source counts as stalled.
    pub timeout: Duration,
    /// RTSP over TCP. Over UDP a busy network loses packets, and the picture breaks.
    pub rtsp_tcp: bool,
    /// For a camera device the format it should send (`mjpeg`, `yuyv422`, `h264`); else the demuxer to use
    /// in place of the one FFmpeg finds (`mpjpeg`, `rawvideo`).
    pub input_format: Option<String>,
    /// For a camera device, or raw video: pixels across and down.
    pub size: Option<(u32, u32)>,
    /// For a camera device, or raw video: frames per second.
    pub fps: Option<u32>,
    /// Raised from another thread, it ends a blocking open or read at once with [`MediaError::Stopped`].
    pub stop: Option<Arc<AtomicBool>>,
    /// Threads of each decoder. One adds no latency and is right for small computers.
    pub decoder_threads: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            rtsp_tcp: true,
            input_format: None,
            size: None,
            fps: None,
            stop: None,
            decoder_threads: 1,
        }
    }
}

/// The options for the demuxer, by FFmpeg's names.
pub(crate) fn demuxer_options(kind: SourceKind, options: &OpenOptions) -> Vec<(String, String)> {
    let mut list: Vec<(&str, String)> = Vec::new();
    match kind {
        SourceKind::Rtsp => {
            list.push(("rtsp_transport", if options.rtsp_tcp { "tcp" } else { "udp" }.into()));
            // Long enough for the frame rate, short enough for a camera that reconnects.
            list.push(("analyzeduration", "2000000".into()));
        }
        // A playlist named like a clip must not make us open addresses on the network.
        SourceKind::File => list.push(("protocol_whitelist", "file".into())),
        SourceKind::V4l2 => list.extend(options.input_format.clone().map(|format| ("input_format", format))),
        SourceKind::Http => {}
    }
    if kind == SourceKind::V4l2 || options.input_format.is_some() {
        list.extend(options.size.map(|(width, height)| ("video_size", format!("{width}x{height}"))));
        list.extend(options.fps.map(|fps| ("framerate", fps.to_string())));
    }
    list.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option<'a>(list: &'a [(String, String)], key: &str) -> Option<&'a str> {
        list.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    #[test]
    fn rtsp_goes_over_tcp_unless_told_otherwise() {
        let list = demuxer_options(SourceKind::Rtsp, &OpenOptions::default());
        assert_eq!(option(&list, "rtsp_transport"), Some("tcp"));
        let list = demuxer_options(SourceKind::Rtsp, &OpenOptions { rtsp_tcp: false, ..Default::default() });
        assert_eq!(option(&list, "rtsp_transport"), Some("udp"));
    }

    #[test]
    fn a_camera_device_is_asked_for_format_size_and_rate() {
        let options = OpenOptions {
            input_format: Some("mjpeg".into()),
            size: Some((1280, 720)),
            fps: Some(15),
            ..Default::default()
        };
        let list = demuxer_options(SourceKind::V4l2, &options);
        assert_eq!(option(&list, "input_format"), Some("mjpeg"));
        assert_eq!(option(&list, "video_size"), Some("1280x720"));
        assert_eq!(option(&list, "framerate"), Some("15"));
    }

    #[test]
    fn a_file_may_open_nothing_but_files() {
        let list = demuxer_options(SourceKind::File, &OpenOptions::default());
        assert_eq!(option(&list, "protocol_whitelist"), Some("file"));
    }
}
