//! `cloud-trends`: see the library.

use std::process::exit;

use clap::Parser as _;
use cloud_trends::args::Cli;

fn main() {
    // clap answers --help with 0 and a mistake with 2 itself.
    let cli = Cli::parse();
    base::logging::init();
    let code = match cloud_trends::run::command(&cli) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {}", cloud_trends::error::sentence(&error));
            error.exit_code()
        }
    };
    // Not by return: a worker that is still decoding must not hold a command that is over.
    exit(code);
}
