//! What an agent costs on one camera, beside `ffmpeg` that decodes the same stream and does nothing with it, `ffmpeg`
//! that copies it to files, and Debian's `motion`: all four on the same 720p stream over RTSP at the same time, so
//! that a machine that is busy for a while is busy for all of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use base::ids::SegmentId;
use base::wire::{Form as _, SegmentAck, SegmentHeader, VERSION};

use super::{Row, median, progress};
use crate::agent::Agent;
use crate::mosquitto::Mosquitto;
use crate::place::{Scratch, build_dir, cctv};
use crate::process::{Proc, Start, Usage};
use crate::rtsp::RtspServer;
use crate::wait::secs;
use crate::watch::{MqttWatch, Outgoing};

/// Starting up, finding out what the stream is, learning what is usual: not measured.
const WARM_UP: Duration = Duration::from_secs(6);
/// What is measured, of a stream in real time.
const MEASURED: Duration = Duration::from_secs(20);

/// What one of them used in one round.
struct Figure {
    name: &'static str,
    cpu_s: f64,
    peak_mib: f64,
}

pub fn measure(rounds: usize) -> Result<Vec<Row>> {
    let camera = RtspServer::start(&walkers_720p()?)?;
    let mut seen: Vec<Figure> = Vec::new();
    let mut sent_share = Vec::new();
    for round in 0..rounds {
        for figure in one_round(&camera.url(), &mut sent_share)? {
            let Figure { name, cpu_s, peak_mib } = figure;
            progress(&format!("agent, round {}: {name} {cpu_s:.2} s, {peak_mib:.0} MiB", round + 1));
            seen.push(figure);
        }
    }
    Ok(rows(&seen, &sent_share))
}

fn rows(seen: &[Figure], sent_share: &[f64]) -> Vec<Row> {
    let figure = |name: &str| {
        let of = |value: fn(&Figure) -> f64| seen.iter().filter(|f| f.name == name).map(value).collect::<Vec<_>>();
        (median(&of(|f| f.cpu_s)) / MEASURED.as_secs_f64(), median(&of(|f| f.peak_mib)))
    };
    let (alone, _) = figure(DECODER);
    let mut rows = Vec::new();
    for name in [AGENT, KEYFRAMES, DECODER, COPY, MOTION].into_iter().filter(|name| figure(name).0.is_finite()) {
        let (share, mib) = figure(name);
        let value = format!("{:.1} % of a core, {mib:.0} MiB", 100.0 * share);
        let against = format!("`{DECODER}` {:.1} %", 100.0 * alone);
        rows.push(Row::against(format!("one 720p camera at 25 fps over RTSP: {name}"), value, against, share / alone));
    }
    let (motion, ours) = (figure(MOTION).0, figure(AGENT).0);
    if motion.is_finite() {
        let against = format!("`motion` {:.1} %", 100.0 * motion);
        rows.push(Row::against(
            "agent against `motion`, both at 5 looks a second",
            format!("{:.1} %", 100.0 * ours),
            against,
            ours / motion,
        ));
    } else {
        rows.push(Row::alone("`motion`", "not installed: `apt-get install motion`"));
    }
    let share = format!("{:.0} %", 100.0 * median(sent_share));
    rows.push(Row::alone("agent: pictures sent, of all at 5 a second (walkers move all the time)", share));
    rows
}

const AGENT: &str = "agent";
const KEYFRAMES: &str = "agent, key frames only";
const DECODER: &str = "ffmpeg -f null";
const COPY: &str = "ffmpeg -c copy -f segment";
const MOTION: &str = "motion";

fn one_round(url: &str, sent_share: &mut Vec<f64>) -> Result<Vec<Figure>> {
    let scratch = Scratch::new("bench-agent")?;
    let broker = Mosquitto::start()?;
    let watch = MqttWatch::connect(&broker.url(), &["paddock/bench/camera/+/segment/#"])?;
    let frames = MqttWatch::connect(&broker.url(), &["paddock/bench/camera/a/frame"])?;
    let mut agents = Vec::new();
    for (camera, flags) in [("a", &[][..]), ("k", &["--analyse", "keyframes"][..])] {
        agents.push(Agent::builder("bench", camera, url, &broker.url()).flags(flags).start()?);
    }
    let ffmpeg = |log: &str, args: &[&str]| {
        let input = ["-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-threads", "1", "-i", url];
        Start::new("ffmpeg").args(input).args(args.iter().copied()).spawn(&scratch.join(log))
    };
    let pieces = scratch.join("copy-%d.mp4");
    let mut others = vec![
        (DECODER, ffmpeg("null.log", &["-an", "-f", "null", "-"])?),
        (COPY, ffmpeg("copy.log", &["-an", "-c", "copy", "-f", "segment", &pieces.display().to_string()])?),
    ];
    if let Some(process) = motion(&scratch, url)? {
        others.push((MOTION, process));
    }
    pass(WARM_UP, || acknowledge(&watch));
    let before = usage(&mut agents, &others)?;
    frames.clear();
    pass(MEASURED, || acknowledge(&watch));
    sent_share.push(frames.messages().len() as f64 / (5.0 * MEASURED.as_secs_f64()));
    let after = usage(&mut agents, &others)?;
    let figure = |((name, before), (_, after)): ((&'static str, Usage), (&'static str, Usage))| Figure {
        name,
        cpu_s: after.cpu_s - before.cpu_s,
        peak_mib: after.peak_bytes.unwrap_or_default() as f64 / f64::from(1 << 20),
    };
    Ok(before.into_iter().zip(after).map(figure).collect())
}

/// What each has used so far.
fn usage(agents: &mut [Agent], others: &[(&'static str, Proc)]) -> Result<Vec<(&'static str, Usage)>> {
    let used = |name: &'static str, process: &Proc| {
        let used = process.usage().ok().filter(|used| !used.ended);
        Ok((name, used.with_context(|| format!("{name} ended early: {}", process.log()))?))
    };
    let ours = [AGENT, KEYFRAMES].into_iter().zip(agents).map(|(name, agent)| used(name, agent.process()));
    ours.chain(others.iter().map(|(name, process)| used(name, process))).collect()
}

/// Lets time pass.
fn pass(time: Duration, mut meanwhile: impl FnMut()) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        meanwhile();
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Debian's `motion` at five looks a second, where it is installed: its own pictures off, as the agent draws none.
fn motion(scratch: &Scratch, url: &str) -> Result<Option<Proc>> {
    let program = Path::new("/usr/bin/motion");
    if !program.exists() {
        return Ok(None);
    }
    let target = scratch.join("motion");
    let config = format!(
        "daemon off\nsetup_mode off\nlog_level 4\ntarget_dir {}\nnetcam_url {url}\nnetcam_params rtsp_transport=tcp\n\
         width 1280\nheight 720\nframerate 5\npicture_output on\nmovie_output off\nwebcontrol_port 0\nstream_port 0\n",
        target.display()
    );
    let file = scratch.write("motion.conf", config)?;
    Start::new(program)
        .args(["-n".as_ref(), "-c".as_ref(), file.as_os_str()])
        .spawn(&scratch.join("motion.log"))
        .map(Some)
}

/// All of the packaged CCTV at the size and rate of a usual camera: 1280x720, 25 frames a second, 3 Mbit/s.
fn walkers_720p() -> Result<PathBuf> {
    let all = build_dir().parent().unwrap_or(Path::new("target")).join("scenes");
    std::fs::create_dir_all(&all)?;
    let path = all.join("walkers-720p.mp4");
    if !path.exists() {
        let part = all.join("walkers-720p.part.mp4");
        let filter = "minterpolate=fps=25:mi_mode=blend,scale=1280:-2,crop=1280:720";
        let encode =
            "-c:v libx264 -preset veryfast -bf 0 -g 50 -keyint_min 50 -sc_threshold 0 -b:v 3M -maxrate 4M -bufsize 4M";
        Start::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y", "-i"])
            .args([cctv()?])
            .args(["-an", "-t", "60", "-vf", filter])
            .args(encode.split_whitespace())
            .args(["-pix_fmt", "yuv420p"])
            .args([&part])
            .run(secs(300))?
            .success()?;
        std::fs::rename(&part, &path)?;
    }
    Ok(path)
}

/// Acknowledges every segment whose last chunk has come, as an analyzer that costs nothing would.
fn acknowledge(watch: &MqttWatch) {
    let messages = watch.messages();
    watch.clear();
    for message in &messages {
        let last = SegmentHeader::from_json(message.header.as_bytes()).is_ok_and(|h| h.chunk + 1 == h.chunks);
        let mut parts = message.topic.rsplit('/');
        let (Some(id), Some(_), Some(camera)) = (parts.next(), parts.next(), parts.next()) else { continue };
        if let (true, Ok(id)) = (last, id.parse::<SegmentId>()) {
            let ack = SegmentAck { v: VERSION, ids: vec![id], rejected: Vec::new() };
            // A broker that is gone ends the bench, and that is told.
            let _ = watch.publish(Outgoing::new(format!("paddock/bench/camera/{camera}/segment-ack"), ack.to_json()));
        }
    }
}
