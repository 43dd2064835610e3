//! The demo: renders three cameras, starts the analyzer (which starts its broker and store) and three agents,
//! tells what happens as it happens, computes the report, and judges the whole.
//!
//! Reading order: this page runs the acts; [`stage`] starts and stops the programs, [`story`] tells what comes
//! over MQTT, [`verdict`] says whether it was right.
//!
//! Invariant: it sees only what a user could see: MQTT, HTTP, the commands and their exit codes.

mod stage;
mod story;
mod verdict;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::process::descendants;
use crate::wait::{eventually, secs};
use stage::{Cast, Stage};
use story::Story;

/// What `demo` takes on the command line.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Runs the whole of Paddock on this machine and judges what happened")]
pub struct Options {
    /// Watch this camera or file instead of the rendered scene.
    #[arg(long, value_name = "FILE_OR_URL")]
    pub source: Option<String>,
    /// How long to watch a camera that does not end by itself, seconds.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Folder of everything that the demo leaves; emptied first.
    #[arg(long, default_value = "demo-out")]
    pub out: PathBuf,
}

/// Nothing that ends by itself takes longer, clip and footage together.
const WATCH_AT_MOST: Duration = secs(110);
/// How often a line of progress is told when nothing happens.
const QUIET_FOR: Duration = secs(5);

/// Runs the demo; `false` when something was not as it has to be.
///
/// # Errors
/// Something could not be started.
pub fn run(options: &Options) -> Result<bool> {
    let mut story = Story::begin();
    story.act("Footage");
    let cast = match &options.source {
        None => Cast::rendered(&story)?,
        Some(source) => Cast::of_source(source, &options.out)?,
    };
    story.act("The analyzer starts, and with it its broker and its store");
    let mut stage = Stage::build(&options.out, &cast)?;
    story.tell(&format!("ready: page and API at {}, broker at {}", stage.http(), stage.broker()));

    story.act("Cameras");
    stage.start_agents(&cast)?;
    watch(&mut story, &mut stage, &cast, options)?;

    story.act("Footage, all of it");
    let stored = verdict::settle(&mut story, &mut stage)?;
    story.act("All-clear");
    verdict::resolve_incidents(&mut story, &stage)?;
    story.act("Trends: the batch looks at all footage again, and reports");
    let reports = verdict::report(&mut story, &stage)?;

    story.act("Verdict");
    let family = descendants(stage.analyzer_pid());
    let mut checks = verdict::checks(&story, &cast, &stored, &reports);
    checks.push(verdict::stops_cleanly(stage, &family));
    let passed = story.judge(&checks);
    story.tell(&format!("everything is in {}; `rm -r` it when you have seen enough", options.out.display()));
    Ok(passed)
}

/// Tells what happens until every clip is over, or the time given for a camera.
fn watch(story: &mut Story, stage: &mut Stage, cast: &Cast, options: &Options) -> Result<()> {
    let limit = if cast.ends_by_itself { WATCH_AT_MOST } else { Duration::from_secs(options.seconds) };
    let began = Instant::now();
    let mut told = Instant::now();
    eventually(limit + secs(5), "the clips were over", || {
        if story.follow(&stage.watch.messages()) {
            told = Instant::now();
        }
        if told.elapsed() > QUIET_FOR {
            story.tell(&stage.progress());
            told = Instant::now();
        }
        let over = if cast.ends_by_itself { stage.agents_have_ended() } else { began.elapsed() > limit };
        over.then_some(())
    })
    .context("the cameras")?;
    if !cast.ends_by_itself {
        stage.stop_agents()?;
    }
    Ok(())
}
