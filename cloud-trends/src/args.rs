//! The command line: what may be typed. What follows from it is [`crate::config`]'s.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Turns footage in object storage into tables, and tables into reports.
#[derive(Debug, Parser)]
#[command(name = "cloud-trends", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Analyse the footage that has not been analysed yet, and commit its tracks to the tables.
    Analyze(AnalyzeArgs),
    /// Compute a report from the tables.
    #[command(subcommand)]
    Report(ReportCommand),
    /// Answer one SQL query (read-only) over the tables segments, observations, coverage, incidents, analyses.
    Query(QueryArgs),
}

/// Which report.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Minutes seen and visits by hour of day or by day, corrected for coverage.
    Activity(ActivityArgs),
    /// Closed incidents: how many, how long until acknowledged and all-clear; drills apart.
    Incidents(IncidentsArgs),
}

/// Where the tables and the footage are.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaceArgs {
    /// Configuration file; flags and the environment come before it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A local folder instead of a bucket, laid out like one (`tables/`, `footage/`).
    #[arg(long, value_name = "DIR", conflicts_with_all = ["endpoint", "bucket"])]
    pub lake: Option<PathBuf>,
    /// The store's address, such as http://127.0.0.1:8333; AWS itself when it is left out.
    #[arg(long, value_name = "URL", env = "PADDOCK_S3_ENDPOINT")]
    pub endpoint: Option<String>,
    /// The bucket.
    #[arg(long, value_name = "NAME", env = "PADDOCK_S3_BUCKET")]
    pub bucket: Option<String>,
    /// The store's region [default: us-east-1].
    #[arg(long, value_name = "NAME", env = "PADDOCK_S3_REGION")]
    pub region: Option<String>,
    /// Access key id.
    #[arg(long, value_name = "KEY", env = "PADDOCK_S3_ACCESS_KEY", hide_env_values = true)]
    pub access_key: Option<String>,
    /// Secret access key; better given by the environment, where `ps` does not show it.
    #[arg(long, value_name = "KEY", env = "PADDOCK_S3_SECRET_KEY", hide_env_values = true)]
    pub secret_key: Option<String>,
    /// The site file.
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
}

/// `analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The model's folder [default: models/centernet].
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Pictures analysed per second of footage [default: 2].
    #[arg(long, value_name = "N")]
    pub fps: Option<f64>,
    /// How many batches are analysed at a time [default: one a core].
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Footage from here on only: 2026, 2026-05, 2026-05-31 or 2026-05-31T14:00, in the site's time zone.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Footage up to the end of this year, month or day, or up to this minute.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Try segments again whose analysis failed.
    #[arg(long)]
    pub retry_failed: bool,
    /// One JSON object a line instead of text.
    #[arg(long)]
    pub json: bool,
}

/// How an answer is written, and where to.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// A file for the answer instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people.
    Table,
    /// RFC 4180, with a header line.
    Csv,
    /// One JSON document.
    Json,
}

/// The rows of a time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Hour of day, over all days.
    Hour,
    /// Calendar day.
    Day,
}

/// `report activity`.
#[derive(Debug, Args)]
pub struct ActivityArgs {
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// A row for each hour of day, or for each calendar day, in the site's time zone.
    #[arg(long, value_enum, default_value_t = By::Hour)]
    pub by: By,
    /// This species of the site, or this label of the detector, only.
    #[arg(long, value_name = "NAME")]
    pub species: Option<String>,
    /// This camera only.
    #[arg(long, value_name = "ID")]
    pub camera: Option<String>,
    /// From here on only: 2026, 2026-05, 2026-05-31 or 2026-05-31T14:00, in the site's time zone.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Up to the end of this year, month or day, or up to this minute.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// This analysis (as the footer names it: MODEL@SETTINGS) instead of the newest.
    #[arg(long, value_name = "MODEL@SETTINGS")]
    pub analysis: Option<String>,
    /// How and where to.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `report incidents`.
#[derive(Debug, Args)]
pub struct IncidentsArgs {
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Opened from here on only: 2026, 2026-05, 2026-05-31 or 2026-05-31T14:00, in the site's time zone.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Opened up to the end of this year, month or day, or up to this minute.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// How and where to.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The query.
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// Most rows to answer with.
    #[arg(long, value_name = "ROWS", default_value_t = 10_000)]
    pub limit: usize,
    /// How and where to.
    #[command(flatten)]
    pub output: OutputArgs,
}
