//! Looks at a source and says what it is, for whoever sets a camera up.

use std::fmt::Write as _;

use media::{OpenOptions, Probe, SourceUrl};
use serde_json::json;

/// Opens a source and measures its first seconds.
///
/// # Errors
/// What is wrong with the source, in a sentence.
pub fn probe(source: &str) -> Result<(SourceUrl, Probe), media::MediaError> {
    let url = SourceUrl::parse(source)?;
    let probe = media::probe(&url, &OpenOptions::default())?;
    Ok((url, probe))
}

/// As JSON, for programs.
pub fn json(url: &SourceUrl, probe: &Probe) -> String {
    let info = &probe.info;
    let value = json!({
        "source": url.to_string(),
        "kind": info.kind.to_string(),
        "codec": info.codec,
        "width": info.width,
        "height": info.height,
        "fps": probe.fps,
        "announced_fps": info.fps,
        "bit_rate": probe.bit_rate,
        "duration_us": info.duration_us,
        "gop_us": probe.gop_us,
        "gop_frames": probe.gop_frames,
        "b_frames": probe.b_frames,
        "monotonic": probe.monotonic,
        "has_audio": info.has_audio,
        "pixel_format": info.pixel_format,
        "footage": if info.remux { "copied" } else { "encoded" },
        "packets": probe.packets,
        "measured_us": probe.measured_us,
        "advice": advice(probe),
    });
    format!("{value:#}")
}

/// For a person.
pub fn report(url: &SourceUrl, probe: &Probe) -> String {
    let info = &probe.info;
    let mut out = String::new();
    let mut line = |key: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{key:<12}{value}");
    };
    line("source", format!("{url} ({})", info.kind));
    let format = info.pixel_format.as_deref().map(|f| format!(", {f}")).unwrap_or_default();
    line("picture", format!("{}x{} {}{format}", info.width, info.height, info.codec));
    line("rate", format!("{:.2} frames/s, {:.2} Mbit/s", probe.fps, probe.bit_rate as f64 / 1e6));
    if let Some(us) = info.duration_us {
        line("length", format!("{:.1} s", us as f64 / 1e6));
    }
    line(
        "key frames",
        probe.gop_us.map_or("fewer than two seen".into(), |us| format!("every {:.1} s", us as f64 / 1e6)),
    );
    line("footage", if info.remux { "copied as it is" } else { "encoded once to H.264" }.into());
    line("sound", if info.has_audio { "there, and never recorded" } else { "none" }.into());
    for advice in advice(probe) {
        line("advice", advice);
    }
    out
}

/// What to change on the camera.
fn advice(probe: &Probe) -> Vec<String> {
    let mut out = Vec::new();
    if !probe.info.remux {
        out.push(
            "set the camera to H.264 or H.265 if it can: encoding is the most that this agent can have to do".into(),
        );
    }
    if probe.info.remux && probe.gop_us.is_none_or(|us| us > 5_000_000) {
        out.push("set the camera's key frame interval to 2 s: footage can be cut only at key frames".into());
    }
    if probe.info.remux && probe.b_frames {
        out.push("turn B-frames off: they delay every picture".into());
    }
    out
}
