//! `innkeeper cookbook`: what cookbooks say, for people.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

use super::{generated, output};
use crate::{
    cookbook::{load, page::Page},
    notice::{index::index, render::Renderer},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a page for each cookbook, and one that lists them, for a wiki
    #[command(
        after_help = "Examples:\n  innkeeper cookbook doc policies                     print the pages\n  innkeeper cookbook doc policies --out wiki          write them\n  innkeeper cookbook doc policies --out wiki --check  for CI\n\nExit codes: 0 done, 1 a page is not up to date, 2 unusable cookbooks"
    )]
    Doc(Doc),
}

#[derive(Debug, Args)]
struct Doc {
    /// Folder with the cookbooks
    folder: PathBuf,
    /// Folder to write into; it is made if it is not there. Without it, the pages are printed
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write nothing; exit with 1 if a page is not up to date
    #[arg(long, requires = "out")]
    check: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Command::Doc(doc) = &arguments.command;
    let cookbooks = load::folder(&doc.folder)?;
    let renderer = Renderer::new(None)?;
    let pages: Vec<Page> = cookbooks.cookbooks.iter().map(Page::of).collect();
    // No cookbook's name has capitals, so none is overwritten.
    let mut files = vec![("README.md".to_owned(), text(&index(&pages)))];
    for page in &pages {
        files.push((format!("{}.md", page.name), text(&renderer.page(page)?)));
    }
    if let Some(out) = &doc.out {
        return generated::bring_up_to_date(out, &files, doc.check);
    }
    for (_, text) in &files {
        output::line(text);
    }
    Ok(ExitCode::SUCCESS)
}

fn text(markdown: &crate::notice::markdown::Markdown) -> String {
    format!("{}\n", markdown.as_str())
}
