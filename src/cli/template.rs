//! `innkeeper template`: write the issue templates of all cookbooks.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;

use super::{ForgeKind, Policies, output};
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
    let mut stale = 0;
    for cookbook in &arguments.policies.load()?.cookbooks {
        let (name, text) = match arguments.forge {
            ForgeKind::Gitlab => {
                (format!("{}.md", cookbook.name), issue_template::gitlab(cookbook))
            }
            ForgeKind::Github => {
                (format!("{}.yml", cookbook.name), issue_template::github(cookbook))
            }
        };
        let path = arguments.out.join(name);
        if fs::read_to_string(&path).is_ok_and(|present| present == text) {
            output::line(format_args!("{}: up to date", path.display()));
            continue;
        }
        stale += 1;
        if arguments.check {
            output::line(format_args!("{}: not up to date", path.display()));
            continue;
        }
        fs::create_dir_all(&arguments.out)
            .with_context(|| format!("could not make {}", arguments.out.display()))?;
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        output::line(format_args!("{}: written", path.display()));
    }
    Ok(if arguments.check && stale > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
