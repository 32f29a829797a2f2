//! `innkeeper schema`: what editors check and complete the files with.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::output;
use crate::{config, cookbook};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Of which file
    #[arg(value_enum)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// A cookbook, `NAME.toml`
    Cookbook,
    /// The cases beside it, `NAME.test.toml`
    Cases,
    /// The configuration
    Config,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let schema = match arguments.of {
        Of::Cookbook => cookbook::schema::cookbook(),
        Of::Cases => cookbook::schema::cases(),
        Of::Config => config::schema::schema(),
    };
    output::line(serde_json::to_string_pretty(&schema)?);
    Ok(ExitCode::SUCCESS)
}
