//! One child process on a thread of its own: started, started again with backoff when it ends, ended with its
//! owner.
//!
//! The thread lives as long as the child: Linux ties "signal me when my parent dies" to the thread that
//! started a process, not to the process.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base::retry::Backoff;
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};

use super::ChildError;
use crate::metrics::{Metrics, Reason};

/// What to run.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    /// Its folder: the working directory, and where its log and pid lie.
    pub(super) folder: PathBuf,
    /// How long it may take to end when asked.
    pub(super) grace: Duration,
}

impl Spec {
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join(format!("{}.pid", self.name))
    }
}

/// What is known of the process.
#[derive(Debug, Default)]
struct State {
    pid: Option<u32>,
    /// How the last one ended.
    ended: Option<String>,
}

/// A supervised process; dropping it ends it.
#[derive(Debug)]
pub(super) struct Supervised {
    spec: Spec,
    state: Arc<Mutex<State>>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A log that is larger when a process is started is set aside.
const LOG_BYTES: u64 = 16 << 20;

impl Supervised {
    /// Starts the process. A former one of the same folder, left by an analyzer that was killed, gets the time to
    /// end that it was given.
    pub(super) fn start(spec: Spec, metrics: Arc<Metrics>) -> Result<Self, ChildError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ChildError::Files { program: spec.name, path, source }
        };
        std::fs::create_dir_all(&spec.folder).map_err(failed(&spec.folder))?;
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, asked) = mpsc::channel();
        let (thread_spec, thread_state) = (spec.clone(), state.clone());
        let thread = std::thread::Builder::new()
            .name(format!("child-{}", spec.name))
            .spawn(move || watch(&thread_spec, &thread_state, &asked, &metrics))
            .map_err(failed(&spec.folder))?;
        Ok(Self { spec, state, stop: Some(stop), thread: Some(thread) })
    }

    /// The running process, if one runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pid
    }

    /// Waits until `ready` says so.
    pub(super) async fn until_ready(
        &self,
        within: Duration,
        mut ready: impl AsyncFnMut() -> bool,
    ) -> Result<(), ChildError> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if self.pid().is_some() && ready().await {
                return Ok(());
            }
            if let Some(status) = self.state.lock().unwrap_or_else(PoisonError::into_inner).ended.clone() {
                let last_line = last_line(&self.spec.log());
                return Err(ChildError::Ended { program: self.spec.name, status, last_line, log: self.spec.log() });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(ChildError::NotReady { program: self.spec.name, seconds: within.as_secs(), log: self.spec.log() })
    }
}

/// Ends the process and waits for its end.
impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of that thread ended the process too: the kernel signals it.
            let _ = thread.join();
        }
    }
}

fn watch(spec: &Spec, state: &Mutex<State>, asked: &mpsc::Receiver<()>, metrics: &Metrics) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
    let set = |change: &dyn Fn(&mut State)| change(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
    loop {
        let started = Instant::now();
        let ended = match spawn(spec) {
            Ok(mut child) => {
                set(&|s| s.pid = Some(child.id()));
                let Some(status) = until_ended(&mut child, asked) else {
                    end(&mut child, spec.grace);
                    let _ = std::fs::remove_file(spec.pid_file());
                    return;
                };
                status.to_string()
            }
            Err(error) => format!("cannot be started: {error}"),
        };
        set(&|s| (s.pid, s.ended) = (None, Some(ended.clone())));
        if started.elapsed() > Duration::from_secs(60) {
            backoff.reset();
        }
        let wait = backoff.wait();
        let last_line = last_line(&spec.log());
        tracing::error!(child = spec.name, ended, last_line, ?wait, "a child process ended; starting it again");
        metrics.child_restarts.get_or_create(&Reason { reason: spec.name }).inc();
        if asked.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// How it ended by itself; `None` when it is asked to end.
fn until_ended(child: &mut Child, asked: &mpsc::Receiver<()>) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if asked.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
            return None;
        }
    }
}

fn end(child: &mut Child, grace: Duration) {
    let deadline = Instant::now() + grace;
    if let Some(pid) = Pid::from_raw(child.id() as i32) {
        // An error means that it is gone, which the loop sees.
        let _ = kill_process(pid, Signal::TERM);
    }
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
}

pub(super) fn spawn(spec: &Spec) -> io::Result<Child> {
    let log = open_log(&spec.log())?;
    let us = Pid::from_raw(std::process::id() as i32);
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).current_dir(&spec.folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let with_parent = move || {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // We may have died before the line above.
        if getppid() == us { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; these are two system calls
    // (prctl, getppid) on values of the closure, and an error made of a kind, which allocates nothing.
    unsafe { command.pre_exec(with_parent) };
    let child = command.spawn()?;
    std::fs::write(spec.pid_file(), child.id().to_string())?;
    Ok(child)
}

fn open_log(path: &Path) -> io::Result<File> {
    if path.metadata().is_ok_and(|m| m.len() > LOG_BYTES) {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// The last line of a log, shortened.
fn last_line(path: &Path) -> String {
    use std::os::unix::fs::FileExt as _;
    let read = || -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let from = len.saturating_sub(4096);
        let mut tail = vec![0; (len - from) as usize];
        file.read_exact_at(&mut tail, from)?;
        Ok(tail)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let line = text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it said nothing");
    line.trim().chars().take(300).collect()
}

/// Waits for the process of an analyzer that was killed: it was signalled with it, and ends by itself. One whose
/// analyzer lives is not waited for: its port is taken, and that is told.
pub(super) async fn wait_for_former(name: &'static str, folder: &Path, within: Duration) {
    let file = folder.join(format!("{name}.pid"));
    let Some(pid) = std::fs::read_to_string(&file).ok().and_then(|t| t.trim().parse::<u32>().ok()) else { return };
    let marker = folder.to_string_lossy().into_owned();
    let is_ours = || {
        let cmdline = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&cmdline).contains(&marker)
    };
    let deadline = Instant::now() + within;
    while is_ours() && !has_analyzer(pid) && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Its parent is this program too.
fn has_analyzer(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).map(str::trim);
    let exe = |of: &str| std::fs::read_link(format!("/proc/{of}/exe")).ok();
    parent.and_then(exe).is_some_and(|theirs| exe("self").is_some_and(|ours| ours == theirs))
}
