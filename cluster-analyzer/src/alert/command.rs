//! Adapter: a command on this machine, for a siren, a relay or a public address system. The notice is JSON on its
//! standard input; exit code 0 within the time limit is a delivery. It gets no secret of this service: its
//! environment is PATH, HOME, LANG and USER.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::{Answer, Channel, Delivery, DeliveryError, answer_line, body};

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandParams {
    /// Name.
    pub name: String,
    /// Program and arguments; no shell.
    pub argv: Vec<String>,
    /// Longest time for one attempt.
    pub timeout: Duration,
}

/// A command.
pub struct CommandChannel {
    params: CommandParams,
}

/// So much of what it prints is kept, bytes.
const MOST_BYTES: u64 = 2048;

impl CommandChannel {
    /// Nothing is run yet.
    pub fn new(params: CommandParams) -> Self {
        Self { params }
    }

    fn start(&self) -> Result<Child, DeliveryError> {
        let [program, args @ ..] = &self.params.argv[..] else { return Err(DeliveryError::new("argv is empty")) };
        let kept = ["PATH", "HOME", "LANG", "USER"].into_iter().filter_map(|key| Some((key, std::env::var_os(key)?)));
        let started = Command::new(program)
            .args(args)
            .env_clear()
            .envs(kept)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that whatever it starts ends with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        started.map_err(|e| DeliveryError::new(format!("{program} cannot be started: {e}")))
    }

    async fn run(&self, delivery: &Delivery) -> Result<Answer, DeliveryError> {
        let mut child = self.start()?;
        let group = child.id().and_then(|id| Pid::from_raw(id as i32));
        let json = body::json(delivery);
        let finished = tokio::time::timeout(self.params.timeout, finish(&mut child, &json)).await;
        let Ok(finished) = finished else {
            if let Some(group) = group {
                // It may have ended this moment.
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = child.wait().await;
            let limit_s = self.params.timeout.as_secs_f64();
            return Err(DeliveryError::new(format!("it did not end within {limit_s} s and was killed")));
        };
        let (status, said) = finished.map_err(DeliveryError::new)?;
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("ended by signal {}", signal.unwrap_or_default()),
        };
        let line = answer_line(&format!("{how} {said}"));
        if status.success() { Ok(line) } else { Err(DeliveryError::new(line)) }
    }
}

async fn finish(child: &mut Child, json: &str) -> std::io::Result<(std::process::ExitStatus, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A siren need not read.
            let _ = stdin.write_all(json.as_bytes()).await;
        }
    };
    // What it starts in the background may keep its outputs open for ever: only its own end counts.
    let said = async {
        let (out, err) = tokio::join!(head(stdout), head(stderr));
        format!("{} {}", err.trim(), out.trim())
    };
    let mut said = std::pin::pin!(said);
    let mut text = None;
    let status = {
        let mut wait = std::pin::pin!(async { tokio::join!(write, child.wait()).1 });
        loop {
            tokio::select! {
                status = &mut wait => break status?,
                all = &mut said, if text.is_none() => text = Some(all),
            }
        }
    };
    if text.is_none() {
        text = tokio::time::timeout(Duration::from_millis(200), &mut said).await.ok();
    }
    Ok((status, text.unwrap_or_default()))
}

/// The beginning of what it prints; the rest is read and forgotten, so that a full pipe does not stop it.
async fn head(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut bytes = Vec::new();
    let _ = (&mut pipe).take(MOST_BYTES).read_to_end(&mut bytes).await;
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Channel for CommandChannel {
    fn name(&self) -> &str {
        &self.params.name
    }

    fn kind(&self) -> &'static str {
        "command"
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Answer, DeliveryError>> {
        self.run(delivery).boxed()
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
