//! Segments: copied and encoded, read back from memory and by FFmpeg's own tools.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use common::{
    H264, H264_B, HEVC, clip, ffprobe, finish, frame_md5, mean_difference, open, packets, run, save, seconds, segments,
    vtest,
};
use media::{
    ClipOptions, ClipWriter, MediaError, Picture, ReadOptions, Segment, SegmentOptions, SegmentReader, Segmenter,
};

/// Copies `source` and checks all that holds for copied footage: nothing lost, added or changed.
fn check_copied(dir: &Path, source: &Path, codec: &str, lengths: &[u32]) -> Vec<Segment> {
    let mut opened = open(source);
    assert!(opened.info().remux && opened.info().codec == codec, "{:?}", opened.info());
    let segments = segments(&mut opened, seconds(4));
    assert_eq!(segments.iter().map(|segment| segment.frames).collect::<Vec<_>>(), lengths);
    let mut shown = Vec::new();
    for (path, segment) in save(dir, &segments).iter().zip(&segments) {
        let facts = ffprobe(path, "stream=codec_name,width,height,nb_read_packets,start_time");
        let expected =
            format!("codec_name={codec}|width=768|height=576|start_time=0.000000|nb_read_packets={}", segment.frames);
        assert_eq!(facts, expected, "{}", path.display());
        assert_eq!(segment.duration_us, i64::from(segment.frames) * 100_000);
        assert!((segment.fps - 10.0).abs() < 0.01 && segment.codec == codec, "{segment:?}");
        assert_eq!((&segment.bytes[4..8], segment.width, segment.height), (&b"ftyp"[..], 768, 576));
        shown.extend(frame_md5(path));
    }
    assert_eq!(shown, frame_md5(source), "other frames than the source's");
    segments
}

#[test]
fn copied_segments_hold_exactly_the_pictures_of_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "source.mp4", 10, H264);
    let segments = check_copied(dir.path(), &source, "h264", &[40, 40, 20]);
    let starts: Vec<i64> = segments.iter().map(|segment| segment.start_pts_us).collect();
    assert_eq!(starts, [0, 4_000_000, 8_000_000]);
}

#[test]
fn footage_with_b_frames_is_copied_whole_and_begins_at_zero() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "source.mp4", 10, H264_B);
    check_copied(dir.path(), &source, "h264", &[40, 40, 20]);
}

#[test]
fn hevc_is_copied_and_tagged_for_all_players() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "source.mkv", 8, HEVC);
    check_copied(dir.path(), &source, "hevc", &[40, 40]);
    assert_eq!(ffprobe(&dir.path().join("segment-0.mp4"), "stream=codec_tag_string"), "codec_tag_string=hvc1");
}

#[test]
fn streams_with_parameters_inside_are_copied_too() {
    let dir = tempfile::tempdir().unwrap();
    for (name, options, codec) in [("avc.ts", H264, "h264"), ("avc-b.ts", H264_B, "h264"), ("hevc.ts", HEVC, "hevc")] {
        let source = clip(dir.path(), name, 10, options);
        check_copied(dir.path(), &source, codec, &[40, 40, 20]);
    }
}

#[test]
fn a_change_of_resolution_inside_the_stream_begins_a_new_segment() {
    let dir = tempfile::tempdir().unwrap();
    let first = clip(dir.path(), "first.ts", 3, H264);
    let second = clip(dir.path(), "second.ts", 3, &format!("{H264} -vf scale=320:240 -output_ts_offset 3"));
    let both = dir.path().join("both.ts");
    std::fs::write(&both, [std::fs::read(first).unwrap(), std::fs::read(second).unwrap()].concat()).unwrap();
    let segments = segments(&mut open(&both), seconds(60));
    let sizes: Vec<_> = segments.iter().map(|segment| (segment.width, segment.height, segment.frames)).collect();
    assert_eq!(sizes, [(768, 576, 30), (320, 240, 30)]);
    for (segment, width) in segments.into_iter().zip([768, 320]) {
        let mut reader = SegmentReader::open(segment.bytes).unwrap();
        assert!(reader.info().width == width && reader.all(|picture| picture.unwrap().width == width));
    }
}

#[test]
fn pictures_from_memory_are_those_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "source.mp4", 6, H264_B);
    let mut opened = open(&source);
    let mut decoder = opened.decoder(Some(320)).unwrap();
    let mut expected = Vec::new();
    for packet in packets(&mut opened) {
        expected.extend(decoder.decode(&packet).unwrap());
    }
    expected.extend(decoder.flush());
    opened.rewind().unwrap();
    let mut from_memory = Vec::new();
    for segment in segments(&mut opened, seconds(2)) {
        let options = ReadOptions { max_side: Some(320), ..Default::default() };
        let pictures = SegmentReader::open_with(segment.bytes, options).unwrap().map(|picture| picture.unwrap());
        from_memory
            .extend(pictures.map(|picture| Picture { pts_us: picture.pts_us + segment.start_pts_us, ..picture }));
    }
    assert_eq!(expected.len(), 60);
    assert!(expected == from_memory, "pictures differ");
}

#[test]
fn pictures_are_what_ffmpeg_decodes() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("frames.raw");
    let source = clip(dir.path(), "source.mp4", 1, H264);
    let args =
        ["-v", "error", "-i", source.to_str().unwrap(), "-pix_fmt", "bgr24", "-f", "rawvideo", raw.to_str().unwrap()];
    run("ffmpeg", &args);
    let expected = std::fs::read(raw).unwrap();
    let pictures: Vec<Picture> =
        SegmentReader::open(std::fs::read(source).unwrap()).unwrap().map(Result::unwrap).collect();
    assert_eq!(pictures.len(), 10);
    for (picture, expected) in pictures.iter().zip(expected.chunks(768 * 576 * 3)) {
        let difference = mean_difference(&picture.bgr, expected);
        assert!(difference < 1.0, "{difference}");
    }
}

#[test]
fn key_frames_alone_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "source.mp4", 10, H264_B);
    let options = ReadOptions { key_frames_only: true, max_side: Some(160), ..Default::default() };
    let reader = SegmentReader::open_with(std::fs::read(source).unwrap(), options).unwrap();
    let pictures: Vec<Picture> = reader.map(Result::unwrap).collect();
    assert_eq!(
        pictures.iter().map(|picture| picture.pts_us).collect::<Vec<_>>(),
        [0, 2_000_000, 4_000_000, 6_000_000, 8_000_000]
    );
    assert!(pictures.iter().all(|picture| picture.key && (picture.width, picture.height) == (160, 120)));
}

#[test]
fn a_source_that_is_not_h264_is_encoded_into_segments_of_exact_length() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "source.avi", 9, "-c:v mjpeg -q:v 3");
    let mut opened = open(&source);
    assert!(!opened.info().remux);
    let segments = segments(&mut opened, seconds(2));
    let lengths: Vec<_> =
        segments.iter().map(|segment| (segment.frames, segment.start_pts_us, segment.duration_us)).collect();
    let whole = (0..4).map(|at| (20, at * 2_000_000, 2_000_000));
    assert_eq!(lengths, whole.chain([(10, 8_000_000, 1_000_000)]).collect::<Vec<_>>());
    for path in save(dir.path(), &segments) {
        let facts = ffprobe(&path, "stream=codec_name,pix_fmt,start_time");
        assert_eq!(facts, "codec_name=h264|pix_fmt=yuv420p|start_time=0.000000");
    }
    // What comes out looks like what went in.
    opened.rewind().unwrap();
    let before = opened.decoder(None).unwrap().decode(&opened.read().unwrap().unwrap()).unwrap();
    let after = SegmentReader::open(segments[0].bytes.clone()).unwrap().next().unwrap().unwrap();
    assert!(mean_difference(&before[0].bgr, &after.bgr) < 4.0);
}

#[test]
fn frames_decoded_for_something_else_are_not_decoded_again() {
    let mut source = open(&vtest());
    let mut segmenter = source.segmenter(seconds(2)).unwrap();
    assert!(!segmenter.remux());
    let mut decoder = source.decoder(None).unwrap();
    let mut all = Vec::new();
    for _ in 0..60 {
        let packet = source.read().unwrap().unwrap();
        for frame in decoder.decode_frames(&packet).unwrap() {
            all.extend(segmenter.push_frame(&frame).unwrap());
        }
    }
    for frame in decoder.flush_frames() {
        all.extend(segmenter.push_frame(&frame).unwrap());
    }
    all.extend(finish(&mut segmenter));
    assert_eq!(all.iter().map(|segment| segment.frames).sum::<u32>(), 60);
    assert_eq!(all[0].duration_us, 2_000_000);
}

#[test]
fn drawn_pictures_become_segments_and_a_new_size_begins_a_new_one() {
    let mut segmenter = Segmenter::for_pictures(10.0, SegmentOptions { gop_us: 500_000, ..seconds(2) });
    let picture = |at: i64, width: u32| Picture {
        width,
        height: 64,
        bgr: vec![(at * 5) as u8; width as usize * 64 * 3],
        pts_us: at * 100_000,
        key: false,
    };
    let mut all = Vec::new();
    for at in 0..30 {
        all.extend(segmenter.push_picture(&picture(at, if at < 25 { 64 } else { 97 })).unwrap());
    }
    all.extend(finish(&mut segmenter));
    let shape: Vec<_> = all.iter().map(|segment| (segment.frames, segment.width)).collect();
    assert_eq!(shape, [(20, 64), (5, 64), (5, 96)]);
    let options = ReadOptions { key_frames_only: true, ..Default::default() };
    assert_eq!(
        SegmentReader::open_with(all[0].bytes.clone(), options).unwrap().count(),
        4,
        "a key frame each half second"
    );
}

#[test]
fn a_looped_file_begins_a_new_segment_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = open(&clip(dir.path(), "source.mp4", 3, H264));
    let mut segmenter = source.segmenter(seconds(60)).unwrap();
    let mut all = Vec::new();
    for _ in 0..3 {
        while let Some(packet) = source.read().unwrap() {
            all.extend(segmenter.push(&packet).unwrap());
        }
        source.rewind().unwrap();
    }
    all.extend(finish(&mut segmenter));
    let shape: Vec<_> = all.iter().map(|segment| (segment.frames, segment.start_pts_us, segment.duration_us)).collect();
    assert_eq!(shape, [(30, 0, 3_000_000); 3]);
}

#[test]
fn what_comes_before_the_first_key_frame_is_left_out_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = open(&clip(dir.path(), "source.mp4", 4, H264));
    let mut segmenter = source.segmenter(seconds(4)).unwrap();
    for packet in packets(&mut source).iter().skip(5) {
        assert!(segmenter.push(packet).unwrap().is_none());
    }
    let last = finish(&mut segmenter);
    assert_eq!((segmenter.dropped(), last[0].frames, last[0].start_pts_us), (15, 20, 2_000_000));
}

#[test]
fn a_segment_cut_short_gives_what_is_left_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let segment = segments(&mut open(&clip(dir.path(), "source.mp4", 4, H264)), seconds(4)).remove(0);
    for keep in [0, 7, 100, 1000, segment.bytes.len() / 2, segment.bytes.len() - 10] {
        match SegmentReader::open(segment.bytes[..keep].to_vec()) {
            Ok(reader) => assert!(reader.filter_map(Result::ok).count() <= 40),
            Err(error) => assert!(matches!(error, MediaError::Corrupt { .. }), "{error}"),
        }
    }
}

#[test]
fn a_written_clip_has_the_pictures_given_at_an_even_rate() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.mp4");
    let pictures: Vec<Picture> = {
        let mut source = open(&vtest());
        let mut decoder = source.decoder(Some(320)).unwrap();
        (0..30).flat_map(|_| decoder.decode(&source.read().unwrap().unwrap()).unwrap()).collect()
    };
    let mut writer = ClipWriter::create(&path, 320, 240, 12.5, &ClipOptions::default()).unwrap();
    pictures.iter().for_each(|picture| writer.write(picture).unwrap());
    writer.finish().unwrap();
    let facts = ffprobe(&path, "stream=codec_name,avg_frame_rate,start_time,nb_read_packets");
    assert_eq!(
        facts,
        format!("codec_name=h264|avg_frame_rate=25/2|start_time=0.000000|nb_read_packets={}", pictures.len())
    );
    let read: Vec<Picture> = SegmentReader::open(std::fs::read(&path).unwrap()).unwrap().map(Result::unwrap).collect();
    assert_eq!(read[10].pts_us, 800_000);
    let worst =
        read.iter().zip(&pictures).map(|(read, given)| mean_difference(&read.bgr, &given.bgr)).fold(0.0, f64::max);
    assert!(worst < 4.0, "{worst}");
}

#[test]
fn a_clip_that_cannot_be_written_says_what_would_be_right() {
    let options = ClipOptions::default();
    let error = ClipWriter::create("/no/such/folder/clip.mp4", 320, 240, 10.0, &options).unwrap_err().to_string();
    assert!(error.contains("/no/such/folder/clip.mp4") && error.contains("existing folder"), "{error}");
    let error = ClipWriter::create("/tmp/odd.mp4", 321, 240, 10.0, &options).unwrap_err().to_string();
    assert!(error.contains("321x240") && error.contains("even"), "{error}");
}
