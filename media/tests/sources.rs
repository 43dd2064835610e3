//! Sources: what opens, what does not and how it says so, and how waiting ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{H264, H264_B, clip, finish, open, packets, run, seconds, url, vtest};
use media::{MediaError, OpenOptions, Source, SourceKind, SourceUrl, probe};

fn refused(path: &Path) -> MediaError {
    Source::open(&url(path), &OpenOptions::default()).unwrap_err()
}

/// Answers each connection with `answer`, then keeps it open. Gives the port.
fn serve(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                answer(&mut stream);
                // Until the other side hangs up.
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    port
}

fn options(timeout_ms: u64) -> OpenOptions {
    OpenOptions { timeout: Duration::from_millis(timeout_ms), ..Default::default() }
}

#[test]
fn the_packaged_clip_is_what_it_is() {
    let mut source = open(&vtest());
    let info = source.info().clone();
    assert_eq!((info.kind, info.codec.as_str(), info.width, info.height), (SourceKind::File, "msmpeg4v3", 768, 576));
    assert_eq!((info.fps, info.has_audio, info.remux), (10.0, false, false));
    assert_eq!(info.duration_us, Some(79_500_000));
    assert_eq!(packets(&mut source).len(), 795);
    assert!(source.read().unwrap().is_none(), "the end stays the end");
}

#[test]
fn a_missing_file_is_named() {
    let error = refused(Path::new("/no/such/clip.mp4"));
    assert!(matches!(error, MediaError::NotFound { .. }));
    assert!(error.to_string().contains("`/no/such/clip.mp4`"), "{error}");
}

#[test]
fn a_text_named_like_a_video_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.mp4");
    std::fs::write(&path, "these are notes about tigers\n".repeat(200)).unwrap();
    let error = refused(&path);
    assert!(matches!(error, MediaError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains("notes.mp4` cannot be read as video: give a video file"), "{error}");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(refused(&path), MediaError::Unreadable { .. }));
    assert!(matches!(refused(dir.path()), MediaError::Unreadable { .. }));
}

#[test]
fn a_file_with_sound_alone_has_no_video() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sound.wav");
    run("ffmpeg", &["-v", "error", "-f", "lavfi", "-i", "sine=duration=1", path.to_str().unwrap()]);
    assert!(matches!(refused(&path), MediaError::NoVideo { .. }));
}

#[test]
fn a_file_without_its_end_is_said_to_be_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let whole = std::fs::read(clip(dir.path(), "whole.mp4", 4, H264)).unwrap();
    let path = dir.path().join("half.mp4");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = refused(&path);
    assert!(matches!(error, MediaError::Truncated { .. }), "{error:?}");
    assert!(error.to_string().contains("half.mp4` is cut short"), "{error}");
}

#[test]
fn a_file_cut_short_behind_its_index_is_read_as_far_as_it_goes_and_then_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let whole = std::fs::read(clip(dir.path(), "whole.mp4", 4, &format!("{H264} -movflags +faststart"))).unwrap();
    let path = dir.path().join("half.mp4");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let mut source = open(&path);
    let mut good = 0;
    let error = loop {
        match source.read() {
            Ok(Some(_)) => good += 1,
            Ok(None) => panic!("the end, after {good} packets, as if nothing was missing"),
            Err(error) => break error,
        }
    };
    assert!((5..40).contains(&good) && matches!(error, MediaError::Truncated { .. }), "{good} {error:?}");
    assert!(source.read().unwrap().is_none());
}

#[test]
fn a_server_that_never_answers_is_stalled_within_the_timeout() {
    let port = serve(|_| {});
    for scheme in ["http", "rtsp"] {
        let url = SourceUrl::parse(&format!("{scheme}://user:geheim@127.0.0.1:{port}/video")).unwrap();
        let began = Instant::now();
        let error = Source::open(&url, &options(600)).unwrap_err();
        assert!(matches!(error, MediaError::Stalled { .. }), "{scheme}: {error:?}");
        assert!((500..6000).contains(&began.elapsed().as_millis()), "{scheme}: {:?}", began.elapsed());
        assert!(!format!("{error} {error:?}").contains("geheim"));
    }
}

#[test]
fn the_stop_flag_ends_a_wait_at_once() {
    let port = serve(|_| {});
    let url = SourceUrl::parse(&format!("http://127.0.0.1:{port}/video")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let options = OpenOptions { stop: Some(stop.clone()), timeout: Duration::from_secs(60), ..Default::default() };
    let waiting = std::thread::spawn(move || Source::open(&url, &options).map(|_| ()));
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    stop.store(true, Ordering::Relaxed);
    assert!(matches!(waiting.join().unwrap(), Err(MediaError::Stopped { .. })));
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

#[test]
fn what_a_server_refuses_is_told_apart() {
    for (status, expect) in
        [("404 Not Found", "there is nothing"), ("401 Unauthorized", "refused"), ("403 Forbidden", "refused")]
    {
        let port = serve(move |stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.shutdown(std::net::Shutdown::Write);
        });
        let url = SourceUrl::parse(&format!("http://user:geheim@127.0.0.1:{port}/video")).unwrap();
        let error = Source::open(&url, &options(5000)).unwrap_err();
        assert!(error.to_string().contains(expect), "{status}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("geheim"));
    }
    // A port that was free a moment ago, and that nothing listens on.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = SourceUrl::parse(&format!("rtsp://127.0.0.1:{port}/")).unwrap();
    let error = Source::open(&url, &options(5000)).unwrap_err();
    assert!(matches!(error, MediaError::Unreachable { .. }) && error.is_transient(), "{error:?}");
}

/// Serves `count` JPEGs as a camera does, 20 ms apart; then hangs up, or falls silent.
fn serve_mjpeg(dir: &Path, count: usize, then_hang_up: bool) -> SourceUrl {
    clip(dir, "%03d.jpg", 2, "-vf scale=320:240 -q:v 3");
    let jpegs: Vec<Vec<u8>> = (1..=20).map(|at| std::fs::read(dir.join(format!("{at:03}.jpg"))).unwrap()).collect();
    let port = serve(move |stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = write!(stream, "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n");
        for jpeg in jpegs.iter().cycle().take(count) {
            let head = format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
            if stream.write_all(&[head.as_bytes(), jpeg, b"\r\n"].concat()).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if then_hang_up {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
    });
    SourceUrl::parse(&format!("http://user:geheim@127.0.0.1:{port}/video.mjpg")).unwrap()
}

#[test]
fn mjpeg_over_http_is_stamped_on_arrival_and_encoded() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = Source::open(&serve_mjpeg(dir.path(), 120, true), &options(5000)).unwrap();
    assert_eq!((source.info().codec.as_str(), source.info().width, source.info().remux), ("mjpeg", 320, false));
    let mut segmenter = source.segmenter(media::SegmentOptions { target_us: 500_000, ..Default::default() }).unwrap();
    let (mut times, mut all) = (Vec::new(), Vec::new());
    let began = Instant::now();
    let end = loop {
        match source.read() {
            Ok(Some(packet)) => {
                times.push(packet.pts_us());
                all.extend(segmenter.push(&packet).unwrap());
            }
            other => break other,
        }
    };
    // A stream has no end of its own: when the camera hangs up, the connection is lost.
    assert!(matches!(end, Ok(None) | Err(MediaError::Lost { .. })), "{end:?}");
    let real_us = began.elapsed().as_micros() as i64;
    all.extend(finish(&mut segmenter));
    let span_us = times.last().unwrap() - times[0];
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    assert!((span_us - real_us).abs() < 1_000_000, "{} frames over {span_us} us of {real_us}", times.len());
    assert_eq!(all.iter().map(|segment| segment.frames as usize).sum::<usize>(), times.len());
    assert!(all.len() > 1 && all.iter().all(|segment| segment.codec == "h264"));
}

#[test]
fn a_stream_that_falls_silent_is_stalled() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = Source::open(&serve_mjpeg(dir.path(), 100, false), &options(1500)).unwrap();
    let mut read = 0;
    let error = loop {
        match source.read() {
            Ok(Some(_)) => read += 1,
            Ok(None) => panic!("ended after {read}"),
            Err(error) => break error,
        }
    };
    assert!(read > 50 && matches!(error, MediaError::Stalled { .. }), "{read} {error:?}");
    assert!(!format!("{error} {error:?} {source:?}").contains("geheim"));
}

#[test]
fn a_damaged_stretch_costs_its_own_pictures_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = clip(dir.path(), "source.mp4", 8, H264);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 150_000].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let mut source = open(&path);
    let mut decoder = source.decoder(Some(320)).unwrap();
    let (mut good, mut damaged) = (0, 0);
    for packet in packets(&mut source) {
        match decoder.decode(&packet) {
            Ok(pictures) => good += pictures.len(),
            Err(MediaError::Corrupt { .. }) => damaged += 1,
            Err(error) => panic!("{error}"),
        }
    }
    good += decoder.flush().len();
    assert!(damaged > 0 && good > 60, "{good} good, {damaged} damaged");
}

#[test]
fn pictures_have_the_size_asked_for_and_only_wanted_ones_are_made() {
    let mut source = open(&vtest());
    let mut decoder = source.decoder(Some(640)).unwrap();
    let mut made = Vec::new();
    for _ in 0..21 {
        let packet = source.read().unwrap().unwrap();
        made.extend(decoder.decode_if(&packet, |pts_us| pts_us % 500_000 == 0).unwrap());
    }
    assert!(made.len() >= 4 && made.iter().all(|picture| (picture.width, picture.height) == (640, 480)));
    assert!(made.iter().all(|picture| picture.bgr.len() == 640 * 480 * 3 && picture.pts_us % 500_000 == 0));
}

#[test]
fn one_decoded_frame_gives_brightness_and_colour_of_different_sizes() {
    let mut source = open(&vtest());
    let mut decoder = source.decoder(None).unwrap();
    let frame = loop {
        if let Some(frame) = decoder.decode_frames(&source.read().unwrap().unwrap()).unwrap().pop() {
            break frame;
        }
    };
    let (luma, bgr) = (frame.luma(320), frame.bgr(320));
    assert_eq!((luma.width, luma.height, luma.data.len()), (320, 240, 320 * 240));
    let gray: Vec<u8> = bgr
        .bgr
        .chunks(3)
        .map(|p| (0.114 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.299 * f64::from(p[2])).round() as u8)
        .collect();
    let difference = common::mean_difference(&luma.data, &gray);
    assert!(difference < 2.0, "brightness and colour differ by {difference}");
    assert_eq!((frame.bgr(None).width, frame.bgr(Some(5000)).width), (768, 768));
}

#[test]
fn a_probe_measures_what_the_source_does_not_say() {
    let dir = tempfile::tempdir().unwrap();
    let plain = probe(&url(&clip(dir.path(), "plain.mp4", 6, H264)), &OpenOptions::default()).unwrap();
    assert_eq!(
        (plain.gop_us, plain.gop_frames, plain.b_frames, plain.monotonic),
        (Some(2_000_000), Some(20), false, true)
    );
    assert!((plain.fps - 10.0).abs() < 0.01 && plain.bit_rate > 10_000, "{plain:?}");
    assert!(plain.measured_us <= 4_000_000, "no more than is needed: {plain:?}");
    let b_frames = probe(&url(&clip(dir.path(), "b.mkv", 6, H264_B)), &OpenOptions::default()).unwrap();
    assert!(b_frames.b_frames && b_frames.info.remux);
}

#[test]
fn avi_with_b_frames_is_encoded_because_it_has_no_times_to_copy() {
    let dir = tempfile::tempdir().unwrap();
    let source = open(&clip(dir.path(), "b.avi", 2, H264_B));
    assert!(!source.info().remux);
    let source = open(&clip(dir.path(), "plain.avi", 2, H264));
    assert!(source.info().remux);
}

#[test]
fn sources_run_on_a_thread_of_their_own() {
    let source = open(&vtest());
    let thread = std::thread::spawn(move || {
        let mut source = source;
        common::segments(&mut source, seconds(4)).len()
    });
    assert_eq!(thread.join().unwrap(), 20);
}
