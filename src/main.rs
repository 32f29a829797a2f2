//! Parses the arguments and hands over.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    innkeeper::cli::run(innkeeper::cli::Cli::parse())
}
