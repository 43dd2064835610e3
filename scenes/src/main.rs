//! `scenes`: renders labelled test footage.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use scenes::progress::Progress;
use scenes::sets::SetName;
use scenes::{Request, ScenesError, render};

/// Renders labelled test footage from packaged photographs and CCTV.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes a set: site.toml, clips and truth.json. A set that is there already is left as it is.
    Render {
        /// Which set.
        #[arg(long, value_enum)]
        set: SetName,
        /// The folder for it; created when missing.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// All chance in the set comes from this number: the same seed gives the same pixels.
        #[arg(long, default_value_t = 1, value_name = "N")]
        seed: u64,
        /// Render only the first N clips.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        clips: Option<u64>,
        /// OpenCV's vtest.avi, if it is not where the Debian package opencv-doc puts it.
        #[arg(long, value_name = "FILE")]
        footage: Option<PathBuf>,
        /// Tux Paint's folder `animals`, if it is not where the Debian package tuxpaint-stamps-default puts it.
        #[arg(long, value_name = "DIR")]
        stamps: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Command::Render { set, out, seed, clips, footage, stamps } = Arguments::parse().command;
    let request = Request { set, seed, out, clips: clips.and_then(|n| n.try_into().ok()), footage, stamps };
    match render(&request, Progress::new) {
        Ok(done) => {
            let what = if done.already_there { "is there already" } else { "rendered" };
            let (clips, events) = (done.clips, done.events);
            println!(
                "scenes: set `{set}`, seed {seed}, {what}: {clips} clips, {events} events, {}",
                request.out.display()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("scenes: {}", base::input::chain(&error));
            exit_code(&error)
        }
    }
}

fn exit_code(error: &ScenesError) -> ExitCode {
    if error.is_bad_input() { ExitCode::from(base::input::EXIT_BAD_INPUT as u8) } else { ExitCode::FAILURE }
}
