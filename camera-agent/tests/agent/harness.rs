//! A real broker, the built agent, and a peer that does what the analyzer does: reassemble and acknowledge.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base::ids::{CameraId, SegmentId, SiteId};
use base::segment::{SegmentMeta, sha256_hex};
use base::time::{Clock as _, Micros, SystemClock};
use base::topic::Topic;
use base::wire::{CameraStatus, Form as _, FrameHeader, HEADER, MAX_PACKET_BYTES, SegmentAck, SegmentHeader};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};

/// How long a state may take to come, on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for `check` to give something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(begun.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A clip of `seconds` at ten frames a second, H.264, a key frame each second. `moving`: a square crosses it.
pub fn clip(dir: &Path, name: &str, seconds: u32, moving: bool) -> PathBuf {
    let path = dir.join(name);
    let source = if moving {
        format!("testsrc2=size=320x240:rate=10:duration={seconds}")
    } else {
        format!("color=c=0x406030:size=320x240:rate=10:duration={seconds}")
    };
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-bf", "0", "-pix_fmt", "yuv420p"])
        .arg(&path)
        .status()
        .expect("ffmpeg runs");
    assert!(done.success());
    path
}

/// mosquitto on a port of its own.
pub struct Broker {
    dir: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Broker {
    pub fn start() -> Self {
        for _ in 0..10 {
            // Another test may take the port between its finding and mosquitto's bind: then try another one.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut broker = Self { dir: tempfile::tempdir().unwrap(), port, child: None };
            if broker.try_start() {
                return broker;
            }
        }
        panic!("mosquitto does not start");
    }

    fn try_start(&mut self) -> bool {
        let config = self.dir.path().join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n",
            self.port
        );
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(self.dir.path().join("mosquitto.log")).unwrap();
        let mut child = Command::new(mosquitto())
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto runs");
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                self.child = Some(child);
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn restart(&mut self) {
        self.kill();
        wait_for("mosquitto to come back on its port", || self.try_start().then_some(()));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn mosquitto() -> PathBuf {
    if let Some(path) = std::env::var_os("PADDOCK_MOSQUITTO") {
        return path.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join("mosquitto")).find(|path| path.exists());
    found.unwrap_or_else(|| "/usr/sbin/mosquitto".into())
}

/// The built agent.
pub struct Agent {
    pub dir: tempfile::TempDir,
    child: Child,
}

/// The built agent's command, with its spool in `dir`.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_camera-agent"));
    command
        .current_dir(dir)
        .args(args)
        .env_remove("PADDOCK_LOG")
        .env_remove("PADDOCK_SOURCE")
        .env_remove("PADDOCK_BROKER");
    command
}

impl Agent {
    /// `run` for camera `c` of site `demo`, with what else is given.
    pub fn run(source: &str, broker: &str, args: &[&str]) -> Self {
        Self::run_in(tempfile::tempdir().unwrap(), source, broker, args)
    }

    pub fn run_in(dir: tempfile::TempDir, source: &str, broker: &str, args: &[&str]) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(dir.path().join("log")).unwrap();
        let fixed =
            ["run", "--site", "demo", "--camera", "c", "--source", source, "--broker", broker, "--spool", "spool"];
        let child =
            command(dir.path(), &fixed).args(args).stderr(log).stdin(Stdio::null()).spawn().expect("the agent runs");
        Self { dir, child }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub fn spooled(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.dir.path().join("spool")).into_iter().flatten();
        let names = names.filter_map(|e| e.ok()?.file_name().into_string().ok());
        let mut ids: Vec<String> = names.filter_map(|name| name.strip_suffix(".seg").map(str::to_owned)).collect();
        ids.sort();
        ids
    }

    pub fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([format!("-{signal}"), self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Waits for its end: its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let log = self.dir.path().join("log");
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the agent does not end: {}", std::fs::read_to_string(log).unwrap_or_default());
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills it as a power cut would, and hands its folder on.
    pub fn kill(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the agent's log:\n{}", self.log());
        }
    }
}

/// What the peer has seen.
#[derive(Default)]
pub struct Seen {
    pub frames: Vec<Frame>,
    /// In the order in which they were complete, again for each time that they came.
    pub segments: Vec<(SegmentMeta, Vec<u8>)>,
    pub statuses: Vec<CameraStatus>,
    chunks: BTreeMap<SegmentId, BTreeMap<u32, Vec<u8>>>,
}

pub struct Frame {
    pub header: FrameHeader,
    pub jpeg: Vec<u8>,
    pub received_at: Micros,
    pub expiry_s: Option<u32>,
}

/// What the peer answers to a segment.
#[derive(Clone, Copy, PartialEq)]
pub enum Answer {
    Nothing,
    Acknowledge,
    Reject,
}

/// What the analyzer does, as far as an agent can see.
pub struct Peer {
    pub seen: Arc<Mutex<Seen>>,
    answer: Arc<Mutex<Answer>>,
    client: AsyncClient,
    _runtime: tokio::runtime::Runtime,
}

impl Peer {
    pub fn connect(broker: &Broker, answer: Answer) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut options = MqttOptions::new("peer", "127.0.0.1", broker.port);
        options
            .set_max_packet_size(Some(MAX_PACKET_BYTES))
            .set_clean_start(true)
            .set_keep_alive(Duration::from_secs(5));
        let (client, mut eventloop) = AsyncClient::new(options, 100);
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let answer = Arc::new(Mutex::new(answer));
        let (ready, is_ready) = std::sync::mpsc::channel();
        runtime.spawn({
            let (client, seen, answer) = (client.clone(), seen.clone(), answer.clone());
            async move {
                loop {
                    match eventloop.poll().await {
                        Ok(Event::Incoming(Packet::ConnAck(_))) => {
                            client.try_subscribe("paddock/#", QoS::AtLeastOnce).unwrap()
                        }
                        Ok(Event::Incoming(Packet::SubAck(_))) => drop(ready.send(())),
                        Ok(Event::Incoming(Packet::Publish(message))) => {
                            hear(&client, &seen, *answer.lock().unwrap(), &message)
                        }
                        Ok(_) => {}
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
            }
        });
        is_ready.recv_timeout(DEADLINE).expect("the peer subscribes");
        Self { seen, answer, client, _runtime: runtime }
    }

    pub fn set_answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub fn say(&self, topic: &Topic, payload: String, retain: bool) {
        self.client.try_publish(topic.name(&site()), QoS::AtLeastOnce, retain, payload).unwrap();
    }

    /// Waits for a status.
    #[track_caller]
    pub fn wait_status(&self, what: &str, check: impl Fn(&CameraStatus) -> bool) -> CameraStatus {
        wait_for(what, || self.seen.lock().unwrap().statuses.iter().rev().find(|status| check(status)).cloned())
    }

    /// Waits for so many different segments: in the order of their first coming.
    #[track_caller]
    pub fn wait_segments(&self, count: usize) -> Vec<(SegmentMeta, Vec<u8>)> {
        wait_for(&format!("{count} segments"), || {
            let mut found: Vec<(SegmentMeta, Vec<u8>)> = Vec::new();
            for segment in &self.seen.lock().unwrap().segments {
                if found.iter().all(|other| other.0.id != segment.0.id) {
                    found.push(segment.clone());
                }
            }
            (found.len() >= count).then_some(found)
        })
    }
}

pub fn site() -> SiteId {
    SiteId::new("demo").unwrap()
}

pub fn camera() -> CameraId {
    CameraId::new("c").unwrap()
}

fn hear(client: &AsyncClient, seen: &Mutex<Seen>, answer: Answer, message: &Publish) {
    let topic = Topic::parse(&site(), std::str::from_utf8(&message.topic).unwrap());
    let properties = message.properties.clone().unwrap_or_default();
    let header = properties.user_properties.iter().find(|(key, _)| key == HEADER).map(|(_, value)| value.as_bytes());
    let mut seen = seen.lock().unwrap();
    match topic.expect("a topic of ours") {
        Topic::CameraStatus(_) => seen.statuses.push(CameraStatus::from_json(&message.payload).unwrap()),
        Topic::Frame(_) => seen.frames.push(Frame {
            header: FrameHeader::from_json(header.expect("a header")).unwrap(),
            jpeg: message.payload.to_vec(),
            received_at: SystemClock::new().now(),
            expiry_s: properties.message_expiry_interval,
        }),
        Topic::Segment(camera, id) => {
            let header = SegmentHeader::from_json(header.expect("a header")).unwrap();
            let chunks = seen.chunks.entry(id.clone()).or_default();
            chunks.insert(header.chunk, message.payload.to_vec());
            if chunks.len() < header.chunks as usize {
                return;
            }
            let data = seen.chunks.remove(&id).unwrap().into_values().flatten().collect::<Vec<u8>>();
            assert_eq!((data.len() as u64, sha256_hex(&data)), (header.bytes, header.sha256.clone()), "byte for byte");
            seen.segments.push((SegmentMeta::from_header(camera, id.clone(), &header), data));
            let ack = match answer {
                Answer::Nothing => return,
                Answer::Acknowledge => SegmentAck { v: 1, ids: vec![id], rejected: vec![] },
                Answer::Reject => SegmentAck { v: 1, ids: vec![], rejected: vec![id] },
            };
            let topic = Topic::SegmentAck(self::camera()).name(&site());
            client.try_publish(topic, QoS::AtLeastOnce, false, ack.to_json()).unwrap();
        }
        _ => {}
    }
}
