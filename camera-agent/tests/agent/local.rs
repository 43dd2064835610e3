//! Two streams of one camera, and what systemd hears.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::harness::*;

#[test]
fn the_smaller_stream_is_looked_at_and_the_larger_one_kept() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let large = clip(dir.path(), "large.mp4", 30, true);
    let small = dir.path().join("small.mp4");
    let scaled = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-nostdin",
            "-i",
            large.to_str().unwrap(),
            "-vf",
            "scale=160:120",
            "-c:v",
            "libx264",
            "-g",
            "10",
        ])
        .arg(&small)
        .status()
        .unwrap();
    assert!(scaled.success());
    let flags = ["--analysis-source", small.to_str().unwrap(), "--segment-seconds", "1"];
    let mut agent = Agent::run(large.to_str().unwrap(), &broker.url(), &flags);
    let (meta, _) = peer.wait_segments(3).remove(2);
    assert_eq!((meta.width, meta.height), (320, 240));
    wait_for("frames", || (peer.seen.lock().unwrap().frames.len() >= 5).then_some(()));
    let sizes: Vec<_> = peer.seen.lock().unwrap().frames.iter().map(|f| (f.header.width, f.header.height)).collect();
    assert!(sizes.iter().all(|size| *size == (160, 120)), "{sizes:?}");
    agent.signal("TERM");
    assert_eq!(agent.wait(), Some(0), "{}", agent.log());
}

#[test]
fn systemd_hears_that_it_is_ready_lives_and_stops_and_no_broker_is_needed_for_that() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path(), "clip.mp4", 30, true);
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let hear = || {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let fixed = ["run", "--site", "demo", "--camera", "c", "--broker", "mqtt://127.0.0.1:1", "--spool", "spool"];
    let mut child = command(dir.path(), &fixed)
        .args(["--source", source.to_str().unwrap()])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!([hear(), hear(), hear()], ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    while hear() != "STOPPING=1" {}
    assert!(child.wait().unwrap().success());
}
