//! A real RTSP server (GStreamer's) in the role of a camera.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::mosquitto::ports;
use crate::place::Scratch;
use crate::process::{Proc, Start};
use crate::wait::{eventually, secs};

/// A camera that streams a clip over and over for as long as a test may take.
#[derive(Debug)]
pub struct RtspServer {
    process: Proc,
    port: u16,
    clip: PathBuf,
    scratch: Scratch,
}

impl RtspServer {
    /// Streams `clip` (H.264 in MP4), trying other ports where one is taken. Every client sees it from its
    /// beginning; after its end it begins anew, as often as fills ten minutes.
    ///
    /// # Errors
    /// GStreamer's server or ffmpeg is not installed, or the clip is no H.264.
    pub fn start(clip: &Path) -> Result<Self> {
        let scratch = Scratch::new("rtsp")?;
        let long = scratch.join("clip.mp4");
        let args = ["-v", "error", "-nostdin", "-stream_loop", "200"].map(std::ffi::OsString::from);
        let rest = ["-c", "copy", "-an", "-t", "600"].map(std::ffi::OsString::from);
        Start::new("ffmpeg")
            .args(args)
            .args(["-i".as_ref(), clip.as_os_str()])
            .args(rest)
            .args([&long])
            .run(secs(60))?
            .success()
            .context("the clip cannot be repeated")?;
        for port in ports() {
            if let Some(process) = launch(&scratch, port, &long)? {
                return Ok(Self { process, port, clip: long, scratch });
            }
        }
        bail!("the RTSP server found no free port")
    }

    /// `rtsp://127.0.0.1:PORT/camera`.
    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/camera", self.port)
    }

    /// Pulls the camera's plug.
    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Plugs it in again at the same address.
    ///
    /// # Errors
    /// The port has been taken meanwhile.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill9();
        let again = launch(&self.scratch, self.port, &self.clip)?;
        self.process = again.context("another program has taken the RTSP server's port")?;
        Ok(())
    }
}

/// `None`: the port is taken.
fn launch(scratch: &Scratch, port: u16, clip: &Path) -> Result<Option<Proc>> {
    let script = scratch.write("rtsp_server.py", include_str!("rtsp_server.py"))?;
    let log = scratch.join("rtsp.log");
    let _ = std::fs::remove_file(&log);
    // Debian's own Python has the GStreamer bindings; another one on PATH has not.
    let mut process = Start::new("/usr/bin/python3")
        .args([script.as_os_str(), port.to_string().as_ref(), clip.as_os_str()])
        .spawn(&log)?;
    let listening = eventually(secs(20), "the RTSP server listens or has ended", || {
        if process.log().contains("listening") { Some(true) } else { (!process.is_running()).then_some(false) }
    })?;
    if !listening && !process.log().contains("port taken") && !process.log().contains("in use") {
        bail!("the RTSP server ended at once: {}", process.log());
    }
    Ok(listening.then_some(process))
}
