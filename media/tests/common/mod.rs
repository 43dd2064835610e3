//! Footage for the tests, made from the packaged CCTV clip by the `ffmpeg` command.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use media::{Packet, Segment, SegmentOptions, Segmenter, Source, SourceUrl};

/// 795 frames of 768x576 at 10 frames a second, Microsoft's MPEG-4 in AVI.
pub fn vtest() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.setup/footage/vtest.avi");
    let packaged = PathBuf::from("/usr/share/doc/opencv-doc/examples/data/vtest.avi");
    if beside.exists() { beside } else { packaged }
}

/// Runs a command and gives what it printed; panics with its errors when it fails.
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Encodes the first seconds of the packaged clip into `dir/name`.
pub fn clip(dir: &Path, name: &str, seconds: u32, options: &str) -> PathBuf {
    let path = dir.join(name);
    let (input, seconds) = (vtest(), seconds.to_string());
    let mut args = vec!["-v", "error", "-y", "-i", input.to_str().unwrap(), "-t", &seconds, "-an"];
    args.extend(options.split_whitespace());
    args.push(path.to_str().unwrap());
    run("ffmpeg", &args);
    path
}

/// H.264 with a key frame every two seconds.
pub const H264: &str = "-c:v libx264 -preset ultrafast -g 20 -keyint_min 20 -sc_threshold 0 -bf 0";
/// The same with B-frames.
pub const H264_B: &str = "-c:v libx264 -preset veryfast -g 20 -keyint_min 20 -sc_threshold 0 -bf 3";
/// H.265 with B-frames, every key frame an IDR.
pub const HEVC: &str = "-c:v libx265 -preset ultrafast -x265-params keyint=20:min-keyint=20:scenecut=0:open-gop=0:bframes=3:log-level=none";

pub fn url(path: &Path) -> SourceUrl {
    SourceUrl::file(path).unwrap()
}

pub fn open(path: &Path) -> Source {
    Source::open(&url(path), &Default::default()).unwrap()
}

pub fn packets(source: &mut Source) -> Vec<Packet> {
    std::iter::from_fn(|| source.read().unwrap()).collect()
}

/// Cuts a whole source.
pub fn segments(source: &mut Source, options: SegmentOptions) -> Vec<Segment> {
    let mut segmenter = source.segmenter(options).unwrap();
    let mut all = Vec::new();
    while let Some(packet) = source.read().unwrap() {
        all.extend(segmenter.push(&packet).unwrap());
    }
    all.extend(finish(&mut segmenter));
    all
}

pub fn finish(segmenter: &mut Segmenter) -> Vec<Segment> {
    std::iter::from_fn(|| segmenter.finish().unwrap()).collect()
}

pub fn seconds(target: i64) -> SegmentOptions {
    SegmentOptions { target_us: target * 1_000_000, ..Default::default() }
}

/// Writes each segment to a file of its own.
pub fn save(dir: &Path, segments: &[Segment]) -> Vec<PathBuf> {
    let save = |(at, segment): (usize, &Segment)| {
        let path = dir.join(format!("segment-{at}.mp4"));
        std::fs::write(&path, &segment.bytes).unwrap();
        path
    };
    segments.iter().enumerate().map(save).collect()
}

/// The checksums of the frames that the `ffmpeg` command decodes, in the order in which they are shown.
pub fn frame_md5(path: &Path) -> Vec<String> {
    let args =
        ["-v", "error", "-i", path.to_str().unwrap(), "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"];
    let lines = run("ffmpeg", &args);
    lines
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit(',').next().unwrap().trim().into())
        .collect()
}

/// One line of `key=value` facts from `ffprobe`.
pub fn ffprobe(path: &Path, entries: &str) -> String {
    let args = [
        "-v",
        "error",
        "-count_packets",
        "-select_streams",
        "v:0",
        "-show_entries",
        entries,
        "-of",
        "compact=p=0:nk=0",
    ];
    let mut args = args.to_vec();
    args.push(path.to_str().unwrap());
    run("ffprobe", &args).trim().to_owned()
}

/// How far two pictures differ on average, in levels of 256.
pub fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}
