//! `innkeeper policy explain`: what every rule says about an issue body.

use std::process::ExitCode;

use serde::Serialize;

use super::super::{
    check,
    output::{self, Paint, printable},
};
use crate::{
    identity::CookbookName,
    policy::{
        explain::{Explained, Outcome, explain},
        judge,
    },
    violation::Violation,
};

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    accepted: bool,
    cookbook: &'a CookbookName,
    policy: String,
    rules: &'a [Explained],
    violations: &'a [Violation],
}

pub(super) fn run(arguments: &check::Arguments) -> anyhow::Result<ExitCode> {
    let cookbooks = arguments.policies.load()?;
    let (cookbook, reading, facts) = check::read(&cookbooks, arguments)?;
    let rules = explain(cookbook, &reading, &facts);
    let verdict = judge(cookbook, cookbooks.version, &reading, &facts);
    if arguments.json {
        let report = Report {
            accepted: verdict.is_fine(),
            cookbook: &cookbook.name,
            policy: verdict.policy.to_string(),
            rules: &rules,
            violations: &verdict.violations,
        };
        output::line(serde_json::to_string_pretty(&report)?);
    } else {
        print(&cookbook.name, &rules, &verdict.violations);
    }
    Ok(if verdict.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(cookbook: &CookbookName, rules: &[Explained], violations: &[Violation]) {
    let paint = Paint::new();
    for Explained { rule, line, condition, outcome, saw, .. } in rules {
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
        let place = match line {
            Some(line) => format!("{cookbook}.toml:{line} rule `{rule}`"),
            None => format!("{cookbook}.toml [approval] {rule}: would nobody need to approve it"),
        };
        output::line(format_args!("{word} {place}"));
        output::line(paint.dim(&format!("        {}", printable(condition))));
        for (name, value) in saw {
            output::line(format_args!("        {name} = {}", printable(value)));
        }
        match outcome {
            Outcome::WaitsFor(field) => {
                output::line(format_args!("        it speaks once field `{field}` is corrected"));
            }
            Outcome::RoomUnknown => output::line(
                "        what is free is not known: it refuses nothing, but a person decides",
            ),
            Outcome::Unusable(why) => output::line(format_args!("        {}", printable(why))),
            Outcome::Holds | Outcome::Refuses | Outcome::Reviews | Outcome::Warns | Outcome::No => {
            }
        }
    }
    for violation in violations.iter().filter(|violation| violation.rule.is_none()) {
        output::line(format_args!("{} {}", paint.red("refused"), printable(&violation.message)));
    }
    output::line(paint.dim("usage is taken as 0, and people as there: no forge was asked"));
}
