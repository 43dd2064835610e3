//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{Analyse, PaceName};

/// Captures one camera for Paddock.
#[derive(Debug, Parser)]
#[command(name = "camera-agent", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Capture, publish frames, keep footage until it is acknowledged.
    Run(Box<RunArgs>),
    /// Open a source and say what it is.
    Probe(ProbeArgs),
}

/// Flags of `run`. Each goes before the same key of the file.
#[derive(Debug, Default, Clone, Args)]
pub struct RunArgs {
    /// Settings from this file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The site's name.
    #[arg(long)]
    pub site: Option<String>,
    /// The camera's name.
    #[arg(long)]
    pub camera: Option<String>,
    /// rtsp://…, http://…, a file, or /dev/videoN.
    #[arg(long, env = "PADDOCK_SOURCE", hide_env_values = true)]
    pub source: Option<String>,
    /// The camera's smaller stream: it is looked at, and the other only kept.
    #[arg(long, value_name = "SOURCE", env = "PADDOCK_ANALYSIS_SOURCE", hide_env_values = true)]
    pub analysis_source: Option<String>,
    /// Speak RTSP over UDP, for a camera that does not speak it over TCP.
    #[arg(long)]
    pub rtsp_udp: bool,
    /// mqtt://[user:password@]host[:port].
    #[arg(long, env = "PADDOCK_BROKER", hide_env_values = true)]
    pub broker: Option<String>,
    /// Where footage waits [default: ./paddock-spool/CAMERA].
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// Most bytes that may wait [default: 2000000000].
    #[arg(long, value_name = "BYTES")]
    pub spool_max_bytes: Option<u64>,
    /// End when the source ends and all its footage is acknowledged.
    #[arg(long, conflicts_with = "again")]
    pub once: bool,
    /// Play a file again when it ends (the default).
    #[arg(long = "loop", id = "again")]
    pub again: bool,
    /// With --once: wait this long for acknowledgements, seconds [default: 60].
    #[arg(long, value_name = "SECONDS")]
    pub drain_timeout: Option<f64>,
    /// How fast a file is played [default: realtime].
    #[arg(long, value_enum)]
    pub pace: Option<PaceName>,
    /// Length of a footage segment [default: 4].
    #[arg(long, value_name = "SECONDS")]
    pub segment_seconds: Option<f64>,
    /// Analysis frames a second while something moves [default: 5].
    #[arg(long)]
    pub fps: Option<f64>,
    /// Which frames are decoded and looked at [default: all].
    #[arg(long, value_enum)]
    pub analyse: Option<Analyse>,
    /// Seconds between frames of a still scene [default: 2].
    #[arg(long, value_name = "SECONDS")]
    pub still_interval: Option<f64>,
}

/// Flags of `probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// rtsp://…, http://…, a file, or /dev/videoN.
    #[arg(long, env = "PADDOCK_SOURCE", hide_env_values = true)]
    pub source: String,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}
