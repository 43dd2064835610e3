//! Footage arrives whole and in order, and is kept until it is acknowledged.

use base::time::Micros;
use base::topic::Topic;
use base::wire::{AnalyzerStatus, Form as _, SourceState};

use crate::harness::*;

const FAST: [&str; 6] = ["--pace", "none", "--segment-seconds", "1", "--drain-timeout", "50"];

#[test]
fn a_file_played_once_arrives_whole_and_leaves_the_spool_empty() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let source = clip(dir.path(), "clip.mp4", 6, true);
    let mut agent = Agent::run(source.to_str().unwrap(), &broker.url(), &[&FAST[..], &["--once"]].concat());
    assert_eq!(agent.wait(), Some(0), "{}", agent.log());
    assert_eq!(agent.spooled(), [] as [&str; 0]);
    let segments = peer.wait_segments(6);
    assert_eq!(segments.len(), 6);
    let metas: Vec<_> = segments.iter().map(|(meta, _)| meta).collect();
    assert_eq!(metas.iter().map(|m| m.frames).sum::<u32>(), 60);
    assert!(metas.windows(2).all(|w| w[1].start.since(w[0].end()).abs() < 1_000), "{metas:?}");
    assert!(metas.iter().all(|m| m.codec == "h264" && (m.width, m.height) == (320, 240)), "{metas:?}");
    assert!(metas[3..].iter().all(|m| m.motion > 0.5), "{metas:?}");
    assert!(segments.iter().all(|(_, data)| &data[4..8] == b"ftyp"));
    let last = peer.wait_status("an offline status", |s| !s.online && s.at.is_some());
    assert_eq!((last.source_state, last.spool.acknowledged_segments), (SourceState::Ended, 6));
}

#[test]
fn nothing_is_freed_before_it_is_acknowledged_and_unacknowledged_footage_comes_again() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Nothing);
    let source = clip(dir.path(), "clip.mp4", 6, true);
    let mut agent = Agent::run(source.to_str().unwrap(), &broker.url(), &[&FAST[..], &["--once"]].concat());
    peer.wait_segments(4);
    peer.wait_status("all footage to wait", |s| s.spool.segments == 6);
    assert_eq!(agent.spooled().len(), 6);
    assert_eq!(peer.wait_segments(4).len(), 4, "no more than the window without an acknowledgement");
    peer.set_answer(Answer::Acknowledge);
    assert_eq!(agent.wait(), Some(0), "{}", agent.log());
    let order: Vec<_> = peer.wait_segments(6).into_iter().map(|(meta, _)| meta.start).collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn an_analyzer_that_comes_back_gets_everything_at_once() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Nothing);
    let analyzer = |online| AnalyzerStatus {
        v: 1,
        online,
        at: None,
        analyzer: String::new(),
        model: String::new(),
        lag_ms: 0.0,
        frames_superseded: 0,
        messages_rejected: 0,
        upload_backlog: 0,
        last_drill: None,
        drill: None,
    };
    peer.say(&Topic::AnalyzerStatus, analyzer(false).to_json(), true);
    let source = clip(dir.path(), "clip.mp4", 4, true);
    let mut agent = Agent::run(source.to_str().unwrap(), &broker.url(), &[&FAST[..], &["--once"]].concat());
    peer.wait_status("all footage to wait", |s| s.spool.segments == 4);
    peer.set_answer(Answer::Acknowledge);
    let begun = std::time::Instant::now();
    peer.say(&Topic::AnalyzerStatus, analyzer(true).to_json(), true);
    assert_eq!(agent.wait(), Some(0), "{}", agent.log());
    assert!(begun.elapsed().as_secs() < 10, "not only when the resend was due");
}

#[test]
fn a_broker_that_dies_and_comes_back_loses_nothing() {
    let (mut broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let source = clip(dir.path(), "clip.mp4", 12, true);
    let mut agent = Agent::run(source.to_str().unwrap(), &broker.url(), &["--once", "--segment-seconds", "1"]);
    peer.wait_segments(2);
    broker.kill();
    wait_for("footage to wait", || (agent.spooled().len() >= 3).then_some(()));
    broker.restart();
    assert_eq!(agent.wait(), Some(0), "{}", agent.log());
    let segments = peer.wait_segments(12);
    let metas: Vec<_> = segments.iter().map(|(meta, _)| meta).collect();
    assert_eq!(metas.iter().map(|m| m.frames).sum::<u32>(), 120);
    assert!(metas.windows(2).all(|w| w[1].start.since(w[0].end()).abs() < 1_000), "{metas:?}");
}

#[test]
fn an_agent_whose_power_was_cut_delivers_what_it_had_under_the_same_ids() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let source = clip(dir.path(), "clip.mp4", 6, true);
    let source = source.to_str().unwrap();
    // Nobody listens there: footage piles up.
    let agent = Agent::run(source, "mqtt://127.0.0.1:1", &["--loop", "--pace", "none", "--segment-seconds", "1"]);
    wait_for("footage to wait", || (agent.spooled().len() >= 5).then_some(()));
    let dir = agent.kill();
    let ids: Vec<String> = std::fs::read_dir(dir.path().join("spool"))
        .unwrap()
        .filter_map(|e| e.unwrap().file_name().into_string().unwrap().strip_suffix(".seg").map(str::to_owned))
        .collect();
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let mut agent = Agent::run_in(dir, source, &broker.url(), &[&FAST[..], &["--once"]].concat());
    let code = agent.wait();
    assert!(code == Some(0) || agent.log().contains("torn"), "{code:?} {}", agent.log());
    let delivered = peer.wait_segments(ids.len() + 6);
    for id in ids {
        assert!(delivered.iter().any(|(meta, _)| meta.id.as_str() == id), "{id}");
    }
}

#[test]
fn a_looped_file_has_one_timeline() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let source = clip(dir.path(), "clip.mp4", 2, true);
    let begun = base::time::Clock::now(&base::time::SystemClock::new());
    let agent = Agent::run(source.to_str().unwrap(), &broker.url(), &["--segment-seconds", "1"]);
    let segments = peer.wait_segments(6);
    let metas: Vec<_> = segments.iter().map(|(meta, _)| meta).collect();
    assert!(metas.windows(2).all(|w| w[1].start.since(w[0].end()).abs() < 110_000), "{metas:?}");
    assert!(metas[0].start.seconds_since(begun) < 10.0 && metas[0].start > begun, "stamped with now");
    drop(agent);
}

#[test]
fn refused_footage_is_kept_apart_and_counted() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Reject);
    let source = clip(dir.path(), "clip.mp4", 2, true);
    let mut agent = Agent::run(source.to_str().unwrap(), &broker.url(), &[&FAST[..], &["--once"]].concat());
    assert_eq!(agent.wait(), Some(3), "{}", agent.log());
    assert!(agent.log().contains("2 were lost or refused"), "{}", agent.log());
    peer.wait_status("the refusals to be counted", |s| s.spool.rejected_segments == 2 && s.spool.segments == 0);
    assert_eq!(std::fs::read_dir(agent.dir.path().join("spool/rejected")).unwrap().count(), 2);
}

#[test]
fn footage_that_nobody_acknowledges_ends_the_run_with_a_code_of_its_own() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let source = clip(dir.path(), "clip.mp4", 2, false);
    let args = ["--once", "--pace", "none", "--segment-seconds", "1", "--drain-timeout", "0.5"];
    let mut agent = Agent::run(source.to_str().unwrap(), &broker.url(), &args);
    assert_eq!(agent.wait(), Some(3));
    assert!(agent.log().contains("2 segments were not acknowledged in time and wait in spool"), "{}", agent.log());
    assert_eq!(agent.spooled().len(), 2);
}

#[test]
fn a_full_spool_gives_up_the_oldest_and_says_so() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Nothing);
    let source = clip(dir.path(), "clip.mp4", 8, true);
    let bytes = std::fs::metadata(&source).unwrap().len();
    let (half, args) =
        ((bytes / 2).max(65_536).to_string(), ["--pace", "none", "--segment-seconds", "1", "--spool-max-bytes"]);
    let mut agent = Agent::run(source.to_str().unwrap(), &broker.url(), &[&args[..], &[&half]].concat());
    let status = peer.wait_status("footage to be given up", |s| s.spool.lost_segments > 5);
    assert!(status.spool.bytes <= status.spool.capacity_bytes);
    assert!(status.spool.gaps.iter().any(|gap| gap.why == "the spool was full" && gap.end > gap.start), "{status:?}");
    assert!(agent.is_running());
}

#[test]
fn a_full_disk_is_survived() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let disk = SmallDisk::mount();
    let peer = Peer::connect(&broker, Answer::Nothing);
    let source = clip(dir.path(), "clip.mp4", 8, true);
    let spool = disk.path().join("spool");
    let args = ["--pace", "none", "--segment-seconds", "1", "--spool", spool.to_str().unwrap()];
    let work = tempfile::tempdir().unwrap();
    let url = broker.url();
    let fixed = ["run", "--site", "demo", "--camera", "c", "--source", source.to_str().unwrap(), "--broker", &url];
    let log = std::fs::File::create(work.path().join("log")).unwrap();
    let mut child = command(work.path(), &fixed).args(args).stderr(log).spawn().unwrap();
    let status = peer.wait_status("the disk to be full", |s| s.spool.lost_segments > 3);
    assert!(status.spool.gaps.iter().any(|gap| gap.why == "the disk was full"), "{status:?}");
    assert!(status.spool.segments > 0, "{status:?}");
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    child.kill().unwrap();
    child.wait().unwrap();
    let log = std::fs::read_to_string(work.path().join("log")).unwrap();
    assert!(log.contains("No space left") && !log.contains("panicked"), "{log}");
}

/// A tmpfs of half a megabyte.
struct SmallDisk(Option<tempfile::TempDir>);

impl SmallDisk {
    fn mount() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
            .arg(dir.path())
            .stderr(std::process::Stdio::null())
            .status();
        let mounted = mounted.is_ok_and(|status| status.success());
        assert!(mounted, "mounting a tmpfs needs root: run the tests as root or under `unshare -rm`");
        Self(Some(dir))
    }

    fn path(&self) -> &std::path::Path {
        self.0.as_ref().unwrap().path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.path()).status();
        drop(self.0.take());
    }
}

#[test]
fn a_stop_keeps_the_last_segment_and_says_goodbye() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let source = clip(dir.path(), "clip.mp4", 60, true);
    let mut agent = Agent::run(source.to_str().unwrap(), &broker.url(), &["--segment-seconds", "30"]);
    wait_for("ten frames", || (peer.seen.lock().unwrap().frames.len() >= 10).then_some(()));
    let asked = std::time::Instant::now();
    agent.signal("TERM");
    assert_eq!(agent.wait(), Some(0));
    assert!(asked.elapsed().as_secs() < 14);
    let (meta, _) = peer.wait_segments(1).remove(0);
    assert!(meta.frames > 10 && meta.duration_us < 30_000_000, "{meta:?}");
    peer.wait_status("a goodbye", |s| !s.online && s.at.is_some());
    assert_eq!(agent.spooled(), [] as [&str; 0]);
}

#[test]
fn an_agent_that_dies_is_said_to_be_offline_by_the_broker() {
    let (broker, dir) = (Broker::start(), tempfile::tempdir().unwrap());
    let peer = Peer::connect(&broker, Answer::Acknowledge);
    let source = clip(dir.path(), "clip.mp4", 10, true);
    let agent = Agent::run(source.to_str().unwrap(), &broker.url(), &[]);
    let online = peer.wait_status("an online status", |s| s.online && s.source_state == SourceState::Streaming);
    assert_eq!((online.width, online.height, online.codec.as_str()), (320, 240, "h264"));
    assert!(online.at.is_some_and(|at| at > Micros(1_600_000_000_000_000)));
    agent.kill();
    peer.wait_status("the last will", |s| !s.online && s.at.is_none());
}
