//! `innkeeper policy test`: the cases beside each cookbook.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;

use super::{
    super::output::{self, Paint, printable},
    junit,
};
use crate::{
    cookbook::{
        Cookbooks,
        diagnostic::{Diagnostic, LoadError},
        load,
    },
    policy::{
        Severity,
        cases::{self, Coverage, Tried},
    },
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder with the cookbooks and their cases
    #[arg(default_value = "policies")]
    folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write an XML report that CI can show
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Fail also when a rule is not seen both ways, or a cookbook has no cases
    #[arg(long)]
    complete: bool,
}

/// What `--json` prints.
#[derive(Debug, Default, Serialize)]
struct Report {
    well: bool,
    cases: Vec<Tried>,
    coverage: Vec<Coverage>,
    /// Cookbooks without a file of cases.
    untried: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    let cookbooks = load::folder(folder)?;
    let mut report = try_all(folder, &cookbooks)?;
    let gaps = report.coverage.iter().any(|rule| !rule.is_complete()) || !report.untried.is_empty();
    report.well = report.cases.iter().all(Tried::is_fine) && !(arguments.complete && gaps);
    if let Some(file) = &arguments.junit {
        let text = junit::report(&report.cases);
        fs::write(file, text).with_context(|| format!("could not write {}", file.display()))?;
    }
    if arguments.json {
        output::line(serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tries every case of every cookbook. All mistakes of all files are told at once.
fn try_all(folder: &Path, cookbooks: &Cookbooks) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut mistakes = strays(folder, cookbooks)?;
    for cookbook in &cookbooks.cookbooks {
        let file = folder.join(format!("{}.test.toml", cookbook.name));
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                report.untried.push(cookbook.name.to_string());
                continue;
            }
            Err(error) => bail!("could not read {}: {error}", file.display()),
        };
        match cases::read(&file.display().to_string(), &text, cookbook) {
            Ok(cases) => {
                let (tried, coverage) = cases::run(cookbook, cookbooks.version, &cases);
                report.cases.extend(tried);
                report.coverage.extend(coverage);
            }
            Err(error) => mistakes.extend(error.diagnostics().iter().cloned()),
        }
    }
    if mistakes.is_empty() { Ok(report) } else { Err(LoadError::new(mistakes).into()) }
}

/// Files of cases that no cookbook belongs to would silently never be tried.
fn strays(folder: &Path, cookbooks: &Cookbooks) -> anyhow::Result<Vec<Diagnostic>> {
    let mut strays = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.toml") && cases::cookbook_of(&name, cookbooks).is_none() {
            let shown = folder.join(&name).display().to_string();
            let message = "there is no cookbook these cases could be about";
            let help = "call it as the cookbook is called: NAME.test.toml for NAME.toml";
            strays.push(Diagnostic::about(&shown, message).help(help.to_owned()));
        }
    }
    Ok(strays)
}

fn print(report: &Report) {
    let paint = Paint::new();
    for tried in &report.cases {
        let place = format!("{}.test.toml:{}", tried.cookbook, tried.line);
        if tried.is_fine() {
            output::line(format_args!(
                "{} {place} {}",
                paint.green("ok    "),
                printable(&tried.name)
            ));
            continue;
        }
        output::line(format_args!("{} {place} {}", paint.red("FAILED"), printable(&tried.name)));
        for difference in &tried.differences {
            output::line(format_args!("       {}:", difference.of));
            output::line(format_args!("         expected {}", printable(&difference.expected)));
            output::line(format_args!("         found    {}", printable(&difference.found)));
        }
        for said in &tried.said {
            output::line(paint.dim(&format!("       said: {}", printable(said))));
        }
    }
    for rule in report.coverage.iter().filter(|rule| !rule.is_complete()) {
        let what = match (rule.triggered, rule.passed, rule.severity) {
            (0, 0, _) => "is never tried",
            (0, _, Some(Severity::Review)) => "asks nobody to look in any case",
            (0, _, Some(Severity::Warn)) => "never warns in any case",
            (0, ..) => "never refuses in any case",
            _ => "never lets a request pass in any case",
        };
        let line = rule.line.map(|line| format!(":{line}")).unwrap_or_default();
        let shared = rule.file != format!("{}.toml", rule.cookbook);
        let of = if shared { format!(" in {}", rule.cookbook) } else { String::new() };
        let text = format!("{}{line} rule `{}` {what}{of}", rule.file, rule.rule);
        output::line(format_args!("{} {text}", paint.yellow("gap   ")));
    }
    for name in &report.untried {
        let text = format!("{name}.toml has no cases: write {name}.test.toml");
        output::line(format_args!("{} {text}", paint.yellow("gap   ")));
    }
    let failed = report.cases.iter().filter(|tried| !tried.is_fine()).count();
    let seen = report.coverage.iter().filter(|rule| rule.is_complete()).count();
    let text = format!(
        "{} of {} cases as they should be; {seen} of {} rules seen both ways",
        report.cases.len() - failed,
        report.cases.len(),
        report.coverage.len()
    );
    output::line(if report.well { paint.green(&text) } else { paint.red(&text) });
}
