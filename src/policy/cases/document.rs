//! A file of cases, and the issue text that its answers make.

use std::{collections::BTreeMap, fmt::Write as _};

use chrono::NaiveDate;
use serde::Deserialize;
use toml::{Spanned, Value as Toml};

use super::{Case, Expected, Holding, Room, Severity, Usage, Word, World};
use crate::{
    cookbook::{
        Cookbook, Field, FieldKind,
        diagnostic::{Diagnostic, LoadError, nearest, unknown_name},
    },
    quantity::Mebibytes,
    violation::ViolationCode,
};

/// The day it is in a case that does not say: a Monday.
const TODAY: (i32, u32, u32) = (2026, 1, 5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    case: Vec<Spanned<Keys>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    name: String,
    request: Option<BTreeMap<Spanned<String>, Toml>>,
    body: Option<String>,
    author: Option<String>,
    eligible: Option<bool>,
    #[serde(default)]
    unknown: Vec<String>,
    groups: Option<Vec<String>>,
    #[serde(default)]
    taken: Vec<String>,
    #[serde(default)]
    protected: Vec<String>,
    #[serde(default)]
    usage: UsageKeys,
    /// What is not given is not known.
    #[serde(default)]
    capacity: CapacityKeys,
    #[serde(default)]
    edited_by_others: bool,
    today: Option<Spanned<Toml>>,
    verdict: Word,
    codes: Option<Vec<ViolationCode>>,
    rules: Option<Vec<Spanned<String>>>,
    review: Option<Vec<Spanned<String>>>,
    warn: Option<Vec<Spanned<String>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UsageKeys {
    owner: OwnerKeys,
    team: HoldingKeys,
    cookbook: HoldingKeys,
    provider: HoldingKeys,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OwnerKeys {
    leases: u64,
    pending: u64,
    vcpus: u64,
    memory: Option<Spanned<Toml>>,
    disk: Option<Spanned<Toml>>,
    extensions: u64,
    open_issues: u64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HoldingKeys {
    leases: u64,
    pending: u64,
    vcpus: u64,
    memory: Option<Spanned<Toml>>,
    disk: Option<Spanned<Toml>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CapacityKeys {
    memory: Option<Spanned<Toml>>,
    disk: Option<Spanned<Toml>>,
}

/// Reads the cases of a cookbook.
///
/// # Errors
///
/// Every mistake beyond the first of TOML's own, with its place.
pub fn read(name: &str, text: &str, cookbook: &Cookbook) -> Result<Vec<Case>, LoadError> {
    let file: File = toml::from_str(text)
        .map_err(|error| LoadError::new(vec![explained(name, text, &error)]))?;
    let mut reader = Reader { name, text, cookbook, found: Vec::new() };
    let cases: Vec<Case> = file.case.into_iter().filter_map(|case| reader.case(case)).collect();
    if reader.found.is_empty() { Ok(cases) } else { Err(LoadError::new(reader.found)) }
}

/// The reader's own error in our words.
fn explained(name: &str, text: &str, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    let Some((word, known)) = unknown_name(error.message()) else {
        return Diagnostic::at(name, text, span, error.message().trim_end());
    };
    let help = match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is `{}`", known.join("`, `")),
    };
    Diagnostic::at(name, text, span, format!("`{word}` is not known here")).help(help)
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    cookbook: &'a Cookbook,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: std::ops::Range<usize>, message: String, help: Option<String>) {
        self.found.push(Diagnostic::at(self.name, self.text, at, message).help(help));
    }

    fn case(&mut self, keys: Spanned<Keys>) -> Option<Case> {
        let span = keys.span();
        let line = self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1;
        let keys = keys.into_inner();
        let body = match (keys.body, &keys.request) {
            (Some(body), None) => body,
            (None, Some(answers)) => self.body(answers),
            (None, None) => request_body(self.cookbook, &BTreeMap::new()),
            (Some(_), Some(_)) => {
                let help = "keep `request`, or the issue's whole text in `body`".to_owned();
                self.wrong(span, "both `request` and `body`".to_owned(), Some(help));
                return None;
            }
        };
        let usage = self.usage(keys.usage);
        let room = Room {
            memory: keys.capacity.memory.map(|free| self.amount(Some(free))),
            disk: keys.capacity.disk.map(|free| self.amount(Some(free))),
        };
        let mut rules = |named: Option<_>, severity| named.map(|named| self.rules(named, severity));
        let refusing = rules(keys.rules, Severity::Deny);
        let review = rules(keys.review, Severity::Review);
        let warn = rules(keys.warn, Severity::Warn);
        Some(Case {
            name: keys.name,
            line,
            body,
            world: World {
                author: keys.author.unwrap_or_else(|| "alice".to_owned()),
                eligible: keys.eligible.unwrap_or(true),
                unknown: bare(keys.unknown),
                groups: keys.groups.map(|groups| {
                    bare(groups).into_iter().map(|path| path.to_lowercase()).collect()
                }),
                taken: keys.taken.into_iter().collect(),
                protected: keys.protected.into_iter().collect(),
                usage,
                room,
                edited_by_others: keys.edited_by_others,
                today: self.day(keys.today)?,
            },
            expected: Expected {
                verdict: keys.verdict,
                codes: keys.codes,
                rules: refusing,
                review,
                warn,
            },
        })
    }

    fn usage(&mut self, keys: UsageKeys) -> Usage {
        let OwnerKeys { leases, pending, vcpus, memory, disk, extensions, open_issues } =
            keys.owner;
        Usage {
            owner: self.holding(HoldingKeys { leases, pending, vcpus, memory, disk }),
            team: self.holding(keys.team),
            cookbook: self.holding(keys.cookbook),
            provider: self.holding(keys.provider),
            extensions,
            open_issues,
        }
    }

    fn holding(&mut self, keys: HoldingKeys) -> Holding {
        Holding {
            leases: keys.leases,
            pending: keys.pending,
            vcpus: keys.vcpus,
            memory: self.amount(keys.memory),
            disk: self.amount(keys.disk),
        }
    }

    fn body(&mut self, answers: &BTreeMap<Spanned<String>, Toml>) -> String {
        let mut written = BTreeMap::new();
        for (name, value) in answers {
            if self.cookbook.field(name.get_ref()).is_none() {
                let known = self.cookbook.fields.iter().map(|field| field.name.as_str());
                let help = match nearest(name.get_ref(), known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there is `{}`", known.collect::<Vec<_>>().join("`, `")),
                };
                let message = format!("no field is called `{}`", name.get_ref());
                self.wrong(name.span(), message, Some(help));
            }
            written.insert(name.get_ref().clone(), value.clone());
        }
        request_body(self.cookbook, &written)
    }

    /// An amount as people write it, or a number of MiB; in MiB.
    fn amount(&mut self, written: Option<Spanned<Toml>>) -> u64 {
        let Some(written) = written else { return 0 };
        match written.get_ref() {
            Toml::Integer(mebibytes) if *mebibytes >= 0 => mebibytes.unsigned_abs(),
            Toml::String(text) => match Mebibytes::parse(text) {
                Ok(amount) => amount.get(),
                Err(error) => {
                    self.wrong(written.span(), error.to_string(), None);
                    0
                }
            },
            _ => {
                let help = Some("write it like \"4 GiB\"".to_owned());
                self.wrong(written.span(), "this is not an amount".to_owned(), help);
                0
            }
        }
    }

    /// Names of rules, each of which must be able to do what is expected of it.
    fn rules(&mut self, rules: Vec<Spanned<String>>, severity: Severity) -> Vec<String> {
        let ids: Vec<&str> = self.cookbook.rules.iter().map(|rule| rule.id.as_str()).collect();
        let mut named = Vec::new();
        for rule in rules {
            let meant = self.cookbook.rules.iter().find(|known| known.id == *rule.get_ref());
            if let Some(other) = meant.map(|rule| rule.severity).filter(|it| *it != severity) {
                let message = format!("rule `{}` has severity `{}`", rule.get_ref(), other.word());
                let key = match other {
                    Severity::Deny => "rules",
                    other => other.word(),
                };
                self.wrong(rule.span(), message, Some(format!("expect it in `{key}`")));
            } else if meant.is_none() {
                let help = nearest(rule.get_ref(), ids.iter().copied())
                    .map(|near| format!("did you mean `{near}`?"));
                let message = format!("no rule is called `{}`", rule.get_ref());
                let place = rule.span();
                self.found.push(Diagnostic::at(self.name, self.text, place, message).help(help));
            }
            named.push(rule.into_inner());
        }
        named
    }

    fn day(&mut self, written: Option<Spanned<Toml>>) -> Option<NaiveDate> {
        let Some(written) = written else {
            return NaiveDate::from_ymd_opt(TODAY.0, TODAY.1, TODAY.2);
        };
        let day = match written.get_ref() {
            Toml::Datetime(day) => day.to_string().parse().ok(),
            _ => None,
        };
        if day.is_none() {
            let help = Some("write it like 2026-01-05, without quotes".to_owned());
            self.wrong(written.span(), "this is not a day".to_owned(), help);
        }
        day
    }
}

fn bare(names: Vec<String>) -> std::collections::BTreeSet<String> {
    names.into_iter().map(|name| name.trim_start_matches('@').to_owned()).collect()
}

/// The issue somebody would file who answers like this: what is not answered
/// is left empty, lists stand one a line, ticked boxes are ticked.
#[must_use]
pub fn request_body(cookbook: &Cookbook, answers: &BTreeMap<String, Toml>) -> String {
    let mut body = format!("<!-- innkeeper: {} -->\n", cookbook.name);
    for field in &cookbook.fields {
        let answer = answers.get(field.name.as_str());
        let _ = write!(body, "\n### {}\n\n{}\n", field.label, written(field, answer));
    }
    body
}

fn written(field: &Field, answer: Option<&Toml>) -> String {
    match (&field.kind, answer) {
        (FieldKind::Acknowledgement, answer) => {
            let tick = if answer == Some(&Toml::Boolean(true)) { "x" } else { " " };
            format!("- [{tick}] {}", field.label)
        }
        (_, None) => String::new(),
        (_, Some(Toml::Boolean(truth))) => if *truth { "yes" } else { "no" }.to_owned(),
        (FieldKind::Choices { .. }, Some(Toml::Array(chosen))) => {
            let chosen: Vec<String> =
                chosen.iter().map(|one| format!("- {}", plain(one))).collect();
            chosen.join("\n")
        }
        (_, Some(Toml::Array(values))) => values.iter().map(plain).collect::<Vec<_>>().join("\n"),
        (_, Some(value)) => plain(value),
    }
}

fn plain(value: &Toml) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
