//! `make bench`: see [`tests::bench`].

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match tests::bench::run(&tests::bench::Options::parse()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
