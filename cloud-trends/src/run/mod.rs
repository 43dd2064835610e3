//! The commands: adapters put together. Nothing else reads the clock, starts tasks or writes to the terminal.

pub mod analyze;
pub mod report;
pub mod screen;

use std::io::Write as _;

use crate::args::{Cli, Command, Format, OutputArgs, QueryArgs, ReportCommand};
use crate::config::Common;
use crate::error::TrendError;
use crate::output::Document;
use base::time::{Clock as _, SystemClock};
use datafusion::prelude::{SessionConfig, SessionContext};
use tables::Lake;

/// Runs what was typed.
///
/// # Errors
/// One sentence; [`TrendError::exit_code`] says whose fault it is.
pub fn command(cli: &Cli) -> Result<(), TrendError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| TrendError::Write { place: "a thread pool".into(), source })?;
    let result = runtime.block_on(dispatch(cli));
    runtime.shutdown_background();
    result
}

async fn dispatch(cli: &Cli) -> Result<(), TrendError> {
    let now = SystemClock::new().now();
    match &cli.command {
        Command::Analyze(args) => analyze::command(args).await,
        Command::Report(ReportCommand::Activity(args)) => write(&report::activity(args, now).await?, &args.output),
        Command::Report(ReportCommand::Incidents(args)) => write(&report::incidents(args).await?, &args.output),
        Command::Query(args) => write(&query(args).await?, &args.output),
    }
}

async fn query(args: &QueryArgs) -> Result<Document, TrendError> {
    let lake = Common::new(&args.place)?.open_lake().await?;
    crate::query::ask(&session(&lake).await?, &args.sql, args.limit).await
}

/// A session that sees the five tables as they are now.
async fn session(lake: &Lake) -> Result<SessionContext, TrendError> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
    lake.register(&session).await?;
    Ok(session)
}

fn write(document: &Document, output: &OutputArgs) -> Result<(), TrendError> {
    let text = document.render(output.format);
    if output.format == Format::Csv {
        // A CSV has no room for them.
        document.notes.iter().for_each(|note| eprintln!("{note}"));
    }
    let Some(path) = &output.out else {
        return match std::io::stdout().write_all(text.as_bytes()) {
            // Whoever reads has seen enough (`| head`).
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(source) => Err(TrendError::Write { place: "standard output".into(), source }),
            Ok(()) => Ok(()),
        };
    };
    std::fs::write(path, text)
        .map_err(|source| TrendError::Write { place: format!("--out {}", path.display()), source })
}
