//! One child process with a log of its own, that never outlives its holder.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process};

use crate::place::{repo_root, setup_file};
use crate::wait::eventually;

/// How a process is to be started.
#[derive(Debug)]
pub struct Start {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Start {
    /// A program without arguments. It runs in the repository's root and finds what `deploy/setup` put in.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// Starts it; both its outputs go to `log`.
    ///
    /// # Errors
    /// The program or the log file cannot be opened.
    pub fn spawn(self, log: &Path) -> Result<Proc> {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("{} cannot be opened", log.display()))?;
        let mut command = self.command();
        command.stdout(file.try_clone()?).stderr(file);
        let child = on_spawner(command).with_context(|| format!("{name} cannot be started"))?;
        Ok(Proc { name, child, log: log.to_owned(), status: None })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// It cannot be started or is still running after `deadline`; then it is ended.
    pub fn run(self, deadline: Duration) -> Result<Finished> {
        let scratch = crate::place::Scratch::new("run")?;
        let (out, err) = (scratch.join("out"), scratch.join("err"));
        let name = self.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = self.command();
        command.stdout(std::fs::File::create(&out)?).stderr(std::fs::File::create(&err)?);
        let child = on_spawner(command).with_context(|| format!("{name} cannot be started"))?;
        let mut process = Proc { name, child, log: err.clone(), status: None };
        let status = process.wait(deadline)?;
        let text = |path: &Path| std::fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned());
        Ok(Finished { code: status.code(), out: text(&out)?, err: text(&err)? })
    }

    fn command(self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.args).current_dir(repo_root()).stdin(Stdio::null());
        command.env("ORT_DYLIB_PATH", repo_root().join(".setup/onnxruntime/libonnxruntime.so"));
        if let Ok(weed) = setup_file("bin/weed") {
            command.env("PADDOCK_WEED", weed);
        }
        command.envs(self.env);
        // SAFETY: between fork and exec only prctl is called, which is async-signal-safe and allocates nothing.
        unsafe {
            command.pre_exec(|| Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        command
    }
}

/// What a program that ran to its end left.
#[derive(Debug, Clone)]
pub struct Finished {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Finished {
    /// The standard output of a success.
    ///
    /// # Errors
    /// It failed; the message carries its standard error.
    pub fn success(self) -> Result<String> {
        if self.code == Some(0) { Ok(self.out) } else { Err(anyhow!("exit code {:?}: {}", self.code, self.err)) }
    }
}

/// A running process.
#[derive(Debug)]
pub struct Proc {
    name: String,
    child: Child,
    log: PathBuf,
    status: Option<ExitStatus>,
}

impl Proc {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it wrote.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.poll().is_none()
    }

    /// Ends it as a power cut would, and waits until it is gone.
    pub fn kill9(&mut self) {
        self.signal(Signal::KILL);
        // A killed process ends; the wait only collects it.
        if self.status.is_none() {
            self.status = self.child.wait().ok();
        }
    }

    /// Asks it to stop.
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// It is still running after `deadline`.
    pub fn terminate_and_wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.terminate();
        self.wait(deadline)
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It is still running after `deadline`.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let what = format!("{} (process {}) ended", self.name, self.pid());
        eventually(deadline, &what, || self.poll())
    }

    /// Stops it in its tracks, as a machine that hangs.
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Processor seconds that it and its collected children used so far, and its largest resident size, bytes.
    ///
    /// # Errors
    /// It is gone.
    pub fn usage(&self) -> Result<Usage> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        // The name in brackets may hold spaces; the fields after it may not.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let bytes = |key: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(key)?.trim().strip_suffix(" kB"))?;
            line.parse::<u64>().ok().map(|kib| kib * 1024)
        };
        Ok(Usage {
            cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_S,
            peak_bytes: bytes("VmHWM:"),
            own_bytes: bytes("RssAnon:"),
            ended: fields.first() == Some(&"Z"),
        })
    }

    fn poll(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    fn signal(&mut self, signal: Signal) {
        if self.poll().is_some() {
            return; // its number may belong to somebody else by now
        }
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended since; then there is nobody to tell.
            let _ = kill_process(pid, signal);
        }
    }
}

/// USER_HZ, which Linux has fixed at 100 for what it shows in /proc.
const TICKS_PER_S: f64 = 100.0;

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Processor seconds, user and system.
    pub cpu_s: f64,
    /// Largest resident size; `None` once it has ended.
    pub peak_bytes: Option<u64>,
    /// What of its resident size is neither a file's nor shared, now; `None` once it has ended.
    pub own_bytes: Option<u64>,
    /// It has ended and nobody has collected it.
    pub ended: bool,
}

impl Drop for Proc {
    fn drop(&mut self) {
        let was_running = self.is_running();
        if was_running {
            self.kill9();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            let end = self.status.map_or_else(|| "running".to_owned(), |s| s.to_string());
            let state = if was_running { "running until now" } else { end.as_str() };
            eprintln!("--- {} ({state}), end of its log:", self.name);
            tail.iter().rev().for_each(|line| eprintln!("    {line}"));
        }
    }
}

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

/// Starts a process from one thread that lives as long as this process: the kernel sends a child its parent
/// death signal when the *thread* that started it ends, and a test's thread may end early.
fn on_spawner(command: Command) -> std::io::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // Whoever asked waits for the answer.
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let gone = || std::io::Error::other("the thread that starts processes is gone");
    let (answer, child) = mpsc::channel();
    spawner.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

/// Kills a process that was started by one of ours.
pub fn kill9(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Whether a process of this number exists and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}

/// The processes whose parent is `pid`, and theirs.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![pid];
    while let Some(parent) = open.pop() {
        let children = all_processes().into_iter().filter(|(_, p)| *p == parent).map(|(child, _)| child);
        for child in children.collect::<Vec<_>>() {
            found.push(child);
            open.push(child);
        }
    }
    found
}

/// Every process and its parent.
fn all_processes() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit(") ").next()?.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect()
}
