//! `make demo`: the whole system on this machine, watched from outside.

use clap::Parser;

fn main() -> std::process::ExitCode {
    match tests::demo::run(&tests::demo::Options::parse()) {
        Ok(true) => std::process::ExitCode::SUCCESS,
        Ok(false) => std::process::ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
