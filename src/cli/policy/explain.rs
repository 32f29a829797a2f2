//! `innkeeper policy explain`: what every rule says about an issue, or about
//! text that could become one.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;

use super::super::{
    Policies, check,
    issue::Meant,
    output::{self, Paint, printable},
    runtime::runtime,
};
use crate::{
    app::compose,
    config::{self, Config},
    engine::explain::Explanation,
    identity::CookbookName,
    policy::{
        Advice, Concern, Part, Verdict,
        explain::{Explained, Outcome, explain},
        judge,
    },
    request::lifecycle::State,
    violation::Violation,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An issue (`gitlab:tpo/tpa/team#12`, or its address), or a file with an issue body; `-` reads standard input
    #[arg(value_name = "ISSUE|FILE")]
    what: String,
    /// For an issue: the configuration file of the service
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cookbook", "author", "policies"])]
    config: Option<PathBuf>,
    /// For a file: the cookbook to read it by
    #[arg(long, value_name = "NAME", required_unless_present = "config")]
    cookbook: Option<String>,
    /// For a file: who files it
    #[arg(long, value_name = "USERNAME", default_value = "you")]
    author: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    policies: Policies,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    accepted: bool,
    /// What a file cannot say.
    #[serde(skip_serializing_if = "Option::is_none")]
    issue: Option<IssueOf<'a>>,
    cookbook: &'a CookbookName,
    policy: String,
    rules: &'a [Explained],
    violations: &'a [Violation],
    advice: &'a [Advice],
    /// Who has to approve; nobody if it is empty.
    approval: Vec<PartOf<'a>>,
}

#[derive(Serialize)]
struct IssueOf<'a> {
    url: &'a str,
    author: &'a str,
    state: &'a str,
}

#[derive(Serialize)]
struct PartOf<'a> {
    #[serde(flatten)]
    part: &'a Part,
    /// How many count for it already.
    have: usize,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match (&arguments.config, Meant::read(&arguments.what)) {
        (Some(config), Some(meant)) => of_issue(arguments, config, &meant),
        (Some(_), None) => bail!(
            "`{}` is no issue: write FORGE:PROJECT#NUMBER or its address; a file is explained without --config",
            arguments.what
        ),
        (None, _) => of_file(arguments),
    }
}

fn of_file(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let cookbooks = arguments.policies.load()?;
    let name = arguments.cookbook.as_deref().context("say which cookbook: --cookbook NAME")?;
    let file = PathBuf::from(&arguments.what);
    let (cookbook, reading, facts) = check::read(&cookbooks, name, &file, &arguments.author)?;
    let rules = explain(cookbook, &reading, &facts);
    let verdict = judge(cookbook, cookbooks.version, &reading, &facts);
    let approval: Vec<(Part, usize)> =
        verdict.needs.parts().iter().map(|part| (part.clone(), 0)).collect();
    show(arguments, None, &rules, &verdict, &approval)?;
    if !arguments.json {
        let note = "usage is taken as 0, and people as there: no forge was asked";
        output::line(Paint::new().dim(note));
    }
    Ok(exit_code(&verdict))
}

fn of_issue(
    arguments: &Arguments,
    config: &std::path::Path,
    meant: &Meant<'_>,
) -> anyhow::Result<ExitCode> {
    let config = Config::load(config, &config::environment())?;
    let runtime = runtime()?;
    let explained = runtime.block_on(async {
        let engine = compose::onlooker(&config).await?;
        let issue = meant.find(&config, &engine).await?;
        engine.explain(&issue).await?.with_context(|| {
            format!("{issue} is no request: no cookbook that is offered there reads it, or nothing in it was asked for")
        })
    });
    // A provider that hangs keeps its thread: nobody waits for it.
    runtime.shutdown_background();
    let explained = explained?;
    let Explanation { rules, verdict, approval, .. } = &explained;
    show(arguments, Some(&explained), rules, verdict, approval)?;
    Ok(exit_code(verdict))
}

fn exit_code(verdict: &Verdict) -> ExitCode {
    if verdict.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(
    arguments: &Arguments,
    issue: Option<&Explanation>,
    rules: &[Explained],
    verdict: &Verdict,
    approval: &[(Part, usize)],
) -> anyhow::Result<()> {
    let issue = issue.map(|issue| IssueOf {
        url: &issue.web_url,
        author: &issue.author,
        state: issue.state.map_or("not looked at yet", State::word),
    });
    if arguments.json {
        let report = Report {
            accepted: verdict.is_fine(),
            issue,
            cookbook: &verdict.cookbook,
            policy: verdict.policy.to_string(),
            rules,
            violations: &verdict.violations,
            advice: &verdict.advice,
            approval: approval.iter().map(|(part, have)| PartOf { part, have: *have }).collect(),
        };
        output::line(serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    if let Some(IssueOf { url, author, state }) = issue {
        output::line(format_args!("{} by {}: {state}", printable(url), printable(author)));
    }
    print(rules, verdict);
    print_approval(verdict, approval);
    Ok(())
}

fn print(rules: &[Explained], verdict: &Verdict) {
    let paint = Paint::new();
    for Explained { rule, file, line, severity, condition, outcome, saw, would_pass } in rules {
        let word = match outcome {
            Outcome::Holds => paint.green("holds  "),
            Outcome::No => "no     ".to_owned(),
            Outcome::Refuses => paint.red("refuses"),
            Outcome::Reviews => paint.yellow("reviews"),
            Outcome::Warns => paint.yellow("warns  "),
            Outcome::WaitsFor(_) => paint.yellow("waits  "),
            Outcome::RoomUnknown => paint.yellow("unknown"),
            Outcome::Unusable(_) => paint.red("broken "),
        };
        let place = match (line, severity) {
            (Some(line), Some(severity)) => {
                format!("{file}:{line} rule `{rule}` ({})", severity.word())
            }
            (Some(line), None) => {
                format!("{file}:{line} [[approval.also]]: have others to approve as well")
            }
            (None, _) => {
                format!("{file} [approval] {rule}: would nobody need to approve it")
            }
        };
        output::line(format_args!("{word} {place}"));
        output::line(paint.dim(&format!("        {}", printable(condition))));
        for (name, value) in saw {
            output::line(format_args!("        {name} = {}", printable(value)));
        }
        for passing in would_pass {
            output::line(format_args!("        would pass: {}", printable(passing)));
        }
        match outcome {
            Outcome::WaitsFor(field) => {
                output::line(format_args!("        it speaks once field `{field}` is corrected"));
            }
            Outcome::RoomUnknown => output::line(
                "        what is free is not known: it refuses nothing, but a person decides",
            ),
            Outcome::Unusable(why) => output::line(format_args!("        {}", printable(why))),
            _ => {}
        }
    }
    for violation in verdict.violations.iter().filter(|violation| violation.rule.is_none()) {
        output::line(format_args!("{} {}", paint.red("refused"), printable(&violation.message)));
    }
    for advice in verdict.advice.iter().filter(|advice| advice.rule.is_none()) {
        let word = match advice.severity {
            Concern::Review => "reviews",
            Concern::Warn => "warns  ",
        };
        output::line(format_args!("{} {}", paint.yellow(word), printable(&advice.message)));
    }
}

fn print_approval(verdict: &Verdict, approval: &[(Part, usize)]) {
    let paint = Paint::new();
    if !verdict.is_fine() {
        let text = format!("refused: {} thing(s) to mend", verdict.violations.len());
        output::line(paint.red(&text));
        return;
    }
    if let Some(owner) = &verdict.acceptance_needed {
        output::line(format_args!(
            "accept  `{}` has to agree to own it",
            printable(&owner.username)
        ));
    }
    for (part, have) in approval {
        let reason = part.reason.as_deref().map(|why| format!(": {}", printable(why)));
        let reason = reason.unwrap_or_default();
        output::line(format_args!("approve {part} ({have} so far){reason}"));
    }
    if approval.is_empty() {
        output::line("approve nobody needs to");
    }
    output::line(paint.green("accepted"));
}
