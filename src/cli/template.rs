//! `innkeeper template`: write the issue templates of all cookbooks.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{ForgeKind, Policies, generated};
use crate::cookbook::issue_template;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What they are for
    #[arg(long, value_enum)]
    forge: ForgeKind,
    /// Folder to write into; it is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Write nothing; exit with 1 if a file is not up to date
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    policies: Policies,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let cookbooks = arguments.policies.load()?.cookbooks;
    let files: Vec<(String, String)> = cookbooks
        .iter()
        .map(|cookbook| match arguments.forge {
            ForgeKind::Gitlab => {
                (format!("{}.md", cookbook.name), issue_template::gitlab(cookbook))
            }
            ForgeKind::Github => {
                (format!("{}.yml", cookbook.name), issue_template::github(cookbook))
            }
        })
        .collect();
    generated::bring_up_to_date(&arguments.out, &files, arguments.check)
}
