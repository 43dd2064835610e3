//! A running camera-agent with a spool of its own.

use std::path::PathBuf;
use std::process::ExitStatus;

use anyhow::Result;

use crate::place::{Scratch, bin};
use crate::process::{Proc, Start};
use crate::wait::secs;

/// What an agent is started with.
#[derive(Debug, Clone)]
pub struct AgentBuilder {
    args: Vec<String>,
    spool: Option<PathBuf>,
}

/// A running camera-agent that keeps its spool through [`Agent::restart`].
#[derive(Debug)]
pub struct Agent {
    process: Proc,
    args: Vec<String>,
    program: PathBuf,
    spool: PathBuf,
    scratch: Scratch,
}

impl Agent {
    /// An agent for one camera.
    pub fn builder(site: &str, camera: &str, source: &str, broker: &str) -> AgentBuilder {
        let args = ["run", "--site", site, "--camera", camera, "--source", source, "--broker", broker];
        AgentBuilder { args: args.map(str::to_owned).to_vec(), spool: None }
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Proc {
        &mut self.process
    }

    /// Its log.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its spool folder.
    pub fn spool(&self) -> &std::path::Path {
        &self.spool
    }

    /// Ends it as a power cut would.
    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// It is still running after half a minute.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.process.terminate_and_wait(secs(30))
    }

    /// Starts it again over the same spool; ends it first where it runs.
    ///
    /// # Errors
    /// The program is gone.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill9();
        self.process = Start::new(&self.program).args(&self.args).spawn(&self.scratch.join("agent.log"))?;
        Ok(())
    }
}

impl AgentBuilder {
    /// With further flags.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.args.extend(flags.iter().map(|f| (*f).to_owned()));
        self
    }

    /// With its spool there.
    #[must_use]
    pub fn spool(mut self, dir: impl Into<PathBuf>) -> Self {
        self.spool = Some(dir.into());
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// It is not built.
    pub fn start(self) -> Result<Agent> {
        let scratch = Scratch::new("agent")?;
        let spool = self.spool.unwrap_or_else(|| scratch.join("spool"));
        let program = bin("camera-agent")?;
        let mut args = self.args;
        args.extend(["--spool".to_owned(), spool.display().to_string()]);
        let process = Start::new(&program).args(&args).spawn(&scratch.join("agent.log"))?;
        Ok(Agent { process, args, program, spool, scratch })
    }
}
