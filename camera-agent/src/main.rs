//! `camera-agent`: see the library's page.
//!
//! Exit codes: 0 done or stopped; 1 this machine fails; 2 what was typed is wrong; 3 a source that was played
//! once is over and not all of its footage was acknowledged.

use std::process::ExitCode;

use anyhow::Context as _;
use base::input::{EXIT_BAD_INPUT, chain};
use camera_agent::cli::{Cli, Command, ProbeArgs, RunArgs};
use camera_agent::config::{Config, ConfigError};
use camera_agent::run::{Outcome, RunError};
use camera_agent::{probe, run};
use clap::Parser as _;
use media::MediaError;

const EXIT_UNDELIVERED: u8 = 3;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run_agent(&args),
        Command::Probe(args) => probe_source(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("camera-agent: {}", chain(error.as_ref()));
        let bad_input = error.is::<ConfigError>()
            || error.is::<MediaError>()
            || error.downcast_ref().is_some_and(RunError::is_bad_input);
        if bad_input { ExitCode::from(EXIT_BAD_INPUT as u8) } else { ExitCode::FAILURE }
    })
}

fn run_agent(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(args)?;
    base::logging::init();
    // One thread serves both connections: they wait, they do not compute.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("tokio cannot start")?;
    let outcome = runtime.block_on(async {
        let stop = base::stop::on_signals().context("signals cannot be handled")?;
        anyhow::Ok(run::run(config, stop).await?)
    });
    runtime.shutdown_background();
    Ok(match outcome? {
        Outcome::Stopped | Outcome::Delivered => ExitCode::SUCCESS,
        Outcome::Died => {
            eprintln!(
                "camera-agent: a thread of this program died; start it again: the footage it kept is delivered then"
            );
            ExitCode::FAILURE
        }
        Outcome::Undelivered { waiting, lost, spool } => {
            eprintln!(
                "camera-agent: the source has ended; {waiting} segments were not acknowledged in time and wait in {} \
                 for the next run, {lost} were lost or refused",
                spool.display()
            );
            ExitCode::from(EXIT_UNDELIVERED)
        }
    })
}

fn probe_source(args: &ProbeArgs) -> anyhow::Result<ExitCode> {
    let (url, found) = probe::probe(&args.source)?;
    if args.json {
        println!("{}", probe::json(&url, &found));
    } else {
        print!("{}", probe::report(&url, &found));
    }
    Ok(ExitCode::SUCCESS)
}
