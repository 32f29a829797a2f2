//! `innkeeper check`: read and judge an issue body without a forge.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;

use super::{
    Policies,
    output::{self, Paint, printable},
};
use crate::{
    app::system::SystemClock,
    calendar::Calendar,
    cookbook::{Cookbook, Cookbooks, diagnostic::nearest},
    identity::{CookbookName, FieldName, Person, UserId},
    policy::{self, Advice, Concern, Facts, Groups, Need, People, Room, Usage, Verdict},
    ports::clock::Clock as _,
    request::{Reading, form},
    violation::Violation,
};

/// An issue body and what to judge it by.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File with the issue body; `-` reads standard input
    file: PathBuf,
    /// The cookbook to read it by
    #[arg(long, value_name = "NAME")]
    cookbook: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Who files it
    #[arg(long, value_name = "USERNAME", default_value = "you")]
    author: String,
    #[command(flatten)]
    policies: Policies,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    accepted: bool,
    cookbook: &'a CookbookName,
    policy: String,
    /// The fields as understood.
    request: BTreeMap<&'a str, Field<'a>>,
    violations: &'a [Violation],
    /// What there is to know besides.
    advice: &'a [Advice],
    /// Who would have to approve.
    approval: &'a Need,
    /// What cannot be known without a forge.
    unchecked: Vec<String>,
}

#[derive(Serialize)]
struct Field<'a> {
    value: String,
    line: Option<usize>,
    written: Option<&'a str>,
}

/// What cannot be known without a forge and providers. Rules about what is free
/// are not even asked, so they are named.
fn unchecked(cookbook: &Cookbook) -> Vec<String> {
    let always =
        ["whether the people named exist", "whether the author may ask", "what is in use already"];
    let room = cookbook.rules.iter().filter(|rule| rule.require.mentions_any_of("capacity."));
    let room = room.map(|rule| format!("rule `{}`, which needs to know what is free", rule.id));
    always.into_iter().map(str::to_owned).chain(room).collect()
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let cookbooks = arguments.policies.load()?;
    let (cookbook, reading, facts) =
        read(&cookbooks, &arguments.cookbook, &arguments.file, &arguments.author)?;
    let verdict = policy::judge(cookbook, cookbooks.version, &reading, &facts);
    if arguments.json {
        output::line(serde_json::to_string_pretty(&report(cookbook, &reading, &verdict))?);
    } else {
        print(cookbook, &reading, &verdict, &arguments.file);
    }
    Ok(if verdict.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The cookbook of that name, or what was probably meant.
fn cookbook_named<'a>(cookbooks: &'a Cookbooks, name: &str) -> anyhow::Result<&'a Cookbook> {
    if let Some(cookbook) = cookbooks.get(&CookbookName::from(name)) {
        return Ok(cookbook);
    }
    let known: Vec<&str> = cookbooks.cookbooks.iter().map(|c| c.name.as_str()).collect();
    match nearest(name, known.iter().copied()) {
        Some(meant) => bail!("there is no cookbook `{name}`; did you mean `{meant}`?"),
        None => bail!("there is no cookbook `{name}`; there are: {}", known.join(", ")),
    }
}

/// The cookbook, what the file says by it, and what is known of the world
/// without a forge: nothing.
pub(super) fn read<'a>(
    cookbooks: &'a Cookbooks,
    cookbook: &str,
    file: &Path,
    author: &str,
) -> anyhow::Result<(&'a Cookbook, Reading, Facts)> {
    let cookbook = cookbook_named(cookbooks, cookbook)?;
    let body = body(file)?;
    let today = Calendar::from_parts("UTC", [])?.today(SystemClock.now());
    let reading = form::read(&body, cookbook, today);
    let facts = Facts {
        author: Person { id: UserId(0), username: author.to_owned() },
        author_eligible: None,
        people: People::Unchecked,
        groups: Groups::Unchecked,
        usage: Usage::default(),
        room: Room::default(),
        taken_names: BTreeSet::new(),
        protected_names: BTreeSet::new(),
        auto_approval: false,
        description_edited_by_others: false,
        today,
    };
    Ok((cookbook, reading, facts))
}

fn body(file: &Path) -> anyhow::Result<String> {
    let bytes = if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("could not read standard input")?;
        bytes
    } else {
        fs::read(file).with_context(|| format!("could not read {}", file.display()))?
    };
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
        anyhow::anyhow!(
            "{} is not UTF-8: see byte {} on line {line}; save it as UTF-8",
            file.display(),
            valid + 1
        )
    })
}

fn report<'a>(cookbook: &Cookbook, reading: &'a Reading, verdict: &'a Verdict) -> Report<'a> {
    let field = |(name, answer): (&'a FieldName, &'a crate::request::Answer)| {
        let field = Field {
            value: answer.value.to_string(),
            line: answer.line,
            written: answer.written.as_deref(),
        };
        (name.as_str(), field)
    };
    Report {
        accepted: verdict.is_fine(),
        cookbook: &verdict.cookbook,
        policy: verdict.policy.to_string(),
        request: reading.fields.iter().map(field).collect(),
        violations: &verdict.violations,
        advice: &verdict.advice,
        approval: &verdict.needs,
        unchecked: unchecked(cookbook),
    }
}

fn print(cookbook: &Cookbook, reading: &Reading, verdict: &Verdict, file: &Path) {
    let paint = Paint::new();
    output::line(paint.bold(&format!("{} ({})", cookbook.title, cookbook.name)));
    for field in &cookbook.fields {
        let Some(answer) = reading.fields.get(&field.name) else { continue };
        let value = answer.value.to_string();
        let first = value.lines().next().unwrap_or_default();
        let from = match (answer.line, &answer.written) {
            (None, _) => paint.dim(" (default)"),
            (Some(line), Some(written)) if *written != value && !written.contains('\n') => {
                paint.dim(&format!(" (line {line}, written `{}`)", printable(written)))
            }
            (Some(line), _) => paint.dim(&format!(" (line {line})")),
        };
        output::line(format_args!("  {}: {}{from}", field.label, printable(first)));
    }
    if verdict.is_fine() {
        let who = match &verdict.needs {
            Need::Nothing => "nobody needs to approve it".to_owned(),
            Need::Approval { parts } => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                format!("{} must approve it", parts.join(", and another "))
            }
        };
        output::line(format_args!("{}: {who}", paint.green("accepted")));
        print_advice(cookbook, verdict);
        output::line(paint.dim(&format!("not checked here: {}", unchecked(cookbook).join(", "))));
        return;
    }
    output::line(paint.red(&format!("refused: {} thing(s) to mend", verdict.violations.len())));
    for violation in &verdict.violations {
        let place = violation.line.map_or_else(String::new, |line| format!(":{line}"));
        let field = label(cookbook, violation.field.as_ref());
        output::line(format_args!(
            "{}{place}:{field} {}",
            file.display(),
            printable(&violation.message)
        ));
        if let Some(hint) = &violation.hint {
            output::line(paint.dim(&format!("    hint: {}", printable(hint))));
        }
        for passing in &violation.would_pass {
            output::line(paint.dim(&format!("    would pass: {}", printable(passing))));
        }
        if let Some(rule) = &violation.rule {
            output::line(
                paint.dim(&format!("    rule: {} at {}:{}", rule.id, rule.file, rule.line)),
            );
        }
    }
    print_advice(cookbook, verdict);
}

/// What does not stand in the way.
fn print_advice(cookbook: &Cookbook, verdict: &Verdict) {
    let paint = Paint::new();
    for advice in &verdict.advice {
        let word = match advice.severity {
            Concern::Review => "somebody has to look at this",
            Concern::Warn => "please note",
        };
        let field = label(cookbook, advice.field.as_ref());
        let message = printable(&advice.message);
        output::line(format_args!("{}:{field} {message}", paint.yellow(word)));
        if let Some(hint) = &advice.hint {
            output::line(paint.dim(&format!("    hint: {}", printable(hint))));
        }
        for passing in &advice.would_pass {
            output::line(paint.dim(&format!("    would pass: {}", printable(passing))));
        }
        if let Some(rule) = &advice.rule {
            output::line(paint.dim(&format!("    rule: {} at {}", rule.id, rule.at())));
        }
    }
}

/// A field's heading before what is said of it.
fn label(cookbook: &Cookbook, field: Option<&FieldName>) -> String {
    let field = field.and_then(|name| cookbook.field(name.as_str()));
    field.map_or_else(String::new, |field| format!(" {}:", field.label))
}
