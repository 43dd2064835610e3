//! Segments joined to one video: every picture is there, once, at its time, in other people's players too.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Cursor;
use std::path::Path;

use common::{H264, H264_B, HEVC, clip, ffprobe, frame_md5, open, run, seconds, segments};
use media::{Joined, Layout, Segment, join};

/// The whole video, as a server would send it.
fn written(joined: &Joined, segments: &[Segment]) -> Vec<u8> {
    let mut video = joined.head.clone();
    for piece in &joined.pieces {
        let from = piece.offset as usize;
        let mut bytes = segments[piece.segment].bytes[from..from + piece.bytes as usize].to_vec();
        piece.put_right(&mut bytes).unwrap();
        video.extend(bytes);
    }
    assert_eq!(video.len() as u64, joined.bytes());
    video
}

fn layouts(segments: &[Segment]) -> Vec<Layout> {
    segments.iter().map(|s| Layout::read(Cursor::new(&s.bytes)).unwrap()).collect()
}

const START: i64 = 1_700_000_000_000_000;

fn timed<'a>(segments: &[Segment], layouts: &'a [Layout]) -> Vec<(i64, &'a Layout)> {
    let zero = segments[0].start_pts_us;
    segments.iter().zip(layouts).map(|(s, l)| (START + s.start_pts_us - zero, l)).collect()
}

fn times(path: &Path) -> Vec<f64> {
    let args = ["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"];
    let mut args = args.to_vec();
    args.push(path.to_str().unwrap());
    run("ffprobe", &args).lines().filter_map(|l| l.trim_end_matches(',').parse().ok()).collect()
}

#[test]
fn joined_segments_are_the_footage_picture_by_picture_for_every_codec() {
    let dir = tempfile::tempdir().unwrap();
    for (name, options) in [("a.mp4", H264), ("b.mp4", H264_B), ("c.mp4", HEVC)] {
        let source = clip(dir.path(), name, 12, options);
        let segments = segments(&mut open(&source), seconds(4));
        assert_eq!(segments.len(), 3, "{name}");
        let layouts = layouts(&segments);
        let joined = join(&timed(&segments, &layouts), START, START + 12_000_000).unwrap();
        assert_eq!((joined.start_us, joined.left_out.len()), (START, 0));
        let path = dir.path().join(format!("joined-{name}"));
        std::fs::write(&path, written(&joined, &segments)).unwrap();
        assert_eq!(frame_md5(&path), frame_md5(&source), "{name}");
        let shown = times(&path);
        assert!((shown[0]).abs() < 0.011, "{name} begins at {}", shown[0]);
        assert!(shown.windows(2).all(|w| (0.05..0.15).contains(&(w[1] - w[0]))), "{name}: an even 10 fps");
        let duration: f64 = ffprobe(&path, "format=duration").trim_start_matches("duration=").parse().unwrap();
        // With B-frames the container counts the decoder's delay.
        assert!((11.9..12.3).contains(&duration), "{name}: {duration}");
    }
}

#[test]
fn a_span_begins_with_the_key_frame_before_it_and_a_gap_stays_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "a.mp4", 12, H264);
    let segments = segments(&mut open(&source), seconds(4));
    let layouts = layouts(&segments);
    let all = timed(&segments, &layouts);
    // From 3.1 s: the key frame at 2 s. Until 9 s: the group that begins at 8 s. The middle segment is missing.
    let without_middle = [all[0], all[2]];
    let joined = join(&without_middle, START + 3_100_000, START + 9_000_000).unwrap();
    assert_eq!((joined.start_us, joined.end_us), (START + 2_000_000, START + 10_000_000));
    let kept = [segments[0].clone(), segments[2].clone()];
    let path = dir.path().join("gap.mp4");
    std::fs::write(&path, written(&joined, &kept)).unwrap();
    let shown = times(&path);
    assert_eq!(shown.len(), 40, "two groups of two seconds");
    assert!((shown[20] - 6.0).abs() < 0.02, "8 s in the footage is 6 s in the video: {}", shown[20]);
    assert!(join(&all, START + 20_000_000, START + 30_000_000).is_none());
}

#[test]
fn what_is_coded_otherwise_is_left_out_and_what_is_no_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let large = segments(&mut open(&clip(dir.path(), "a.mp4", 4, H264)), seconds(4));
    let small = segments(&mut open(&clip(dir.path(), "b.mp4", 4, &format!("-vf scale=320:240 {H264}"))), seconds(4));
    let (one, two) = (layouts(&large), layouts(&small));
    let both = [(START, &one[0]), (START + 4_000_000, &two[0])];
    let joined = join(&both, START, START + 8_000_000).unwrap();
    assert_eq!((joined.left_out, joined.end_us), (vec![1], START + 4_000_000));
    assert!(Layout::read(Cursor::new(b"not a segment at all")).is_err());
    let cut = &large[0].bytes[..large[0].bytes.len() / 2];
    assert!(Layout::read(Cursor::new(cut)).is_err());
    let mut bytes = vec![0; 100];
    assert!(joined.pieces[0].put_right(&mut bytes).is_err());
}
