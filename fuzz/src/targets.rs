//! What is fuzzed, and what must hold besides not panicking.

use std::{collections::BTreeMap, path::Path, sync::LazyLock};

use boon::{Compiler, SchemaIndex, Schemas};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use innkeeper::{
    command,
    config::Config,
    cookbook::{Cookbook, Cookbooks, issue_template, load, page::Page, schema},
    forge::{github, gitlab},
    identity::{ProjectId, Timestamp},
    notice::{
        render::Renderer,
        sticky::{AnswerLine, Phase, Remark, Sticky},
    },
    policy::{
        cases,
        expression::{Datum, Expression, Schema, Type, Values},
    },
    ports::intake::{About, Genuine, Hooks, Unauthenticated},
    provider::{ganeti, libvirt},
    rehearsal::{quick_actions, references},
    request::form,
};
use serde_json::Value;
use sha2::Sha256;

pub const TARGETS: [(&str, fn(&[u8])); 12] = [
    ("cookbook", cookbook),
    ("cases", read_cases),
    ("expression", expression),
    ("request", request),
    ("comment", comment),
    ("webhook", webhook),
    ("delivery", delivery),
    ("gitlab", |data| gitlab::fuzzing::answer(data, now())),
    ("github", github::fuzzing::answer),
    ("ganeti", ganeti::fuzzing::answer),
    ("libvirt", libvirt_document),
    ("config", config),
];

const EVERYTHING: &str = include_str!("../../tests/fixtures/cookbooks/everything.toml");

/// What it names beside itself.
const HOLIDAYS: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\n\
    END:VEVENT\r\nEND:VCALENDAR\r\n";

static COOKBOOKS: LazyLock<Cookbooks> = LazyLock::new(|| {
    let file = ("everything.toml".to_owned(), EVERYTHING.to_owned());
    let holidays = ("days.ics".to_owned(), HOLIDAYS.to_owned());
    load::files(&[file, holidays]).unwrap_or_else(|error| panic!("{error}"))
});
static RENDERER: LazyLock<Renderer> =
    LazyLock::new(|| Renderer::new(None).unwrap_or_else(|error| panic!("{error}")));

fn everything() -> &'static Cookbook {
    &COOKBOOKS.cookbooks[0]
}

fn now() -> Timestamp {
    "2026-11-30T08:00:00Z".parse().unwrap()
}

/// A rendered text obeys nobody, and addresses and refers to nothing.
fn is_inert(text: &str) {
    let (_, actions) = quick_actions::extract(text);
    assert!(actions.is_empty(), "orders {actions:?}:\n{text}");
    let mentions = references::mentions(text);
    assert!(mentions.is_empty(), "mentions {mentions:?}:\n{text}");
    let references = references::references(text);
    assert!(references.is_empty(), "refers to {references:?}:\n{text}");
}

/// What is accepted survives its template, page and schema.
fn cookbook(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let cookbooks = match load::files(&[("fuzz.toml".to_owned(), text.to_owned())]) {
        Ok(cookbooks) => cookbooks,
        Err(error) => {
            assert!(!error.diagnostics().is_empty());
            let shown = error.to_string();
            assert!(!shown.contains('\0') || text.contains('\0'));
            return;
        }
    };
    let cookbook = &cookbooks.cookbooks[0];
    let untouched = form::read(&issue_template::gitlab(cookbook), cookbook, now().date_naive());
    for (field, answer) in &untouched.fields {
        assert!(answer.written.is_none(), "`{field}` is read from an untouched template");
    }
    let _ = issue_template::github(cookbook);
    let page = RENDERER.page(&Page::of(cookbook)).unwrap_or_else(|error| panic!("{error}"));
    is_inert(page.as_str());
    let document: toml::Value = toml::from_str(text).unwrap();
    COOKBOOK_SCHEMA.with(|(schemas, index)| {
        let refused = schemas.validate(&plain(&document), *index).err().map(|e| e.to_string());
        assert!(refused.is_none(), "the loader accepts it, the schema does not: {refused:?}");
    });
}

thread_local! {
    static COOKBOOK_SCHEMA: (Schemas, SchemaIndex) = {
        let mut compiler = Compiler::new();
        compiler.add_resource("cookbook", schema::cookbook()).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile("cookbook", &mut schemas).unwrap();
        (schemas, index)
    };
}

fn plain(value: &toml::Value) -> Value {
    match value {
        toml::Value::Datetime(day) => day.to_string().into(),
        toml::Value::Array(items) => items.iter().map(plain).collect(),
        toml::Value::Table(members) => {
            members.iter().map(|(key, value)| (key.clone(), plain(value))).collect()
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

fn read_cases(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match cases::read("everything.test.toml", text, everything()) {
        Ok(mut read) => {
            read.truncate(5);
            let (tried, _) = cases::run(everything(), COOKBOOKS.version, &read);
            assert_eq!(tried.len(), read.len());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Whatever is accepted is evaluated in bounded time, whatever the values are.
fn expression(data: &[u8]) {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::of(&everything().fields));
    static HOSTILE: LazyLock<Values> = LazyLock::new(|| {
        let mut values = Values::absent(&SCHEMA);
        for (name, kind) in SCHEMA.names() {
            let value = match kind {
                Type::Truth => Datum::Truth(true),
                Type::Number => Datum::Number(u64::MAX),
                Type::Text => Datum::Text("aaaaaaaaé ".repeat(2_000)),
                Type::List(_) => Datum::Texts(vec!["aaaaaaaaaaaaaaaaaaaa".to_owned(); 50]),
            };
            values.set(name, value);
        }
        values
    });
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Expression::compile(text, &SCHEMA) {
        Ok(expression) => {
            assert_eq!(expression.source(), text);
            let _ = expression.holds(&Values::absent(&SCHEMA));
            let _ = expression.holds(&HOSTILE);
        }
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(text.get(error.at.clone()).is_some(), "{error:?} points nowhere");
        }
    }
}

/// Nothing that could not be read is forgotten, and nothing written acts in
/// the answer.
fn request(data: &[u8]) {
    static CASE: LazyLock<cases::Case> = LazyLock::new(|| {
        let text = "[[case]]\nname = \"x\"\nverdict = \"refused\"\n";
        cases::read("everything.test.toml", text, everything()).unwrap().remove(0)
    });
    let body = String::from_utf8_lossy(data);
    let cookbook = everything();
    let reading = form::read(&body, cookbook, now().date_naive());
    assert_eq!(reading, form::read(&body, cookbook, now().date_naive()));
    for field in cookbook.fields.iter().filter(|field| field.required) {
        let missing = reading.violations.iter().any(|found| {
            // What is too large is not read at all.
            found.field.as_ref() == Some(&field.name) || found.field.is_none()
        });
        assert!(missing || reading.fields.contains_key(&field.name), "{} is lost", field.name);
    }
    let mut case = CASE.clone();
    case.body = body.into_owned();
    case.world.today = now().date_naive();
    let (tried, _) = cases::run(cookbook, COOKBOOKS.version, &[case]);
    let said = &tried[0].said;
    for violation in &reading.violations {
        assert!(said.iter().any(|said| said.contains(&violation.message)), "{violation:?} is lost");
    }
    let problems = reading.violations.iter().map(|violation| Remark {
        field: violation.field.as_ref().map(ToString::to_string),
        line: violation.line,
        message: violation.message.clone(),
        hint: violation.hint.clone(),
        rule: None,
        rule_at: None,
        would_pass: Vec::new(),
    });
    let answers = reading.fields.iter().map(|(name, answer)| AnswerLine {
        label: name.to_string(),
        value: answer.value.to_string(),
        defaulted: answer.line.is_none(),
        written: answer.written.clone(),
    });
    let sticky = Sticky {
        bot: "innkeeper".to_owned(),
        title: cookbook.title.clone(),
        phase: Phase { incomplete: true, ..Phase::default() },
        problems: problems.collect(),
        answers: answers.collect(),
        problem_count: "some".to_owned(),
        edit_url: "https://gitlab.example/tpo/-/work_items/7".to_owned(),
        ..Sticky::default()
    };
    is_inert(RENDERER.sticky(&sticky).unwrap_or_else(|error| panic!("{error}")).as_str());
}

/// Who does not name the bot says nothing to it.
fn comment(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let commands = command::commands(&text, "innkeeper");
    assert!(commands.len() <= text.matches('@').count(), "{commands:?}");
    if !text.to_lowercase().contains("innkeeper") {
        assert!(commands.is_empty(), "{commands:?}");
    }
    for command in &commands {
        let _ = format!("{command:?}");
    }
}

/// Headers up to an empty line, then the body; or a body alone.
fn split(data: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut body = data;
    if data.starts_with(b"{") {
        headers.insert("x-gitlab-event", HeaderValue::from_static("Issue Hook"));
        headers.insert("x-github-event", HeaderValue::from_static("issues"));
    } else {
        while let Some(end) = body.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&body[..end], &body[end + 1..]);
            body = rest;
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
            let name = HeaderName::from_bytes(&line[..colon]);
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
    }
    (headers, body)
}

/// Whoever does not know a secret is refused, whatever they send.
fn webhook(data: &[u8]) {
    static GITLAB: LazyLock<gitlab::webhook::GitLabHooks> = LazyLock::new(|| {
        let secret = gitlab::webhook::WebhookSecret::Token("only-we-know-this-token".into());
        gitlab::webhook::GitLabHooks::new(BTreeMap::from([(ProjectId(7), secret)]))
    });
    static GITHUB: LazyLock<github::webhook::GitHubHooks> = LazyLock::new(|| {
        let secrets = BTreeMap::from([(ProjectId(7), "only-we-know-this-secret".into())]);
        github::webhook::GitHubHooks::new(secrets, Some("nor-this-one".into()))
    });
    let (headers, body) = split(data);
    let _ = gitlab::webhook::hint(&headers, body);
    let _ = github::webhook::hint(&headers, body);
    assert!(GITLAB.check(&headers, body, now()).is_err(), "a stranger is believed");
    assert!(GITHUB.check(&headers, body, now()).is_err(), "a stranger is believed");
}

/// Whoever knows a secret is believed, for the project it belongs to alone, and
/// whatever else is sent can be kept.
fn delivery(data: &[u8]) {
    const TOKEN: &str = "only-we-know-this-token";
    static GITLAB: LazyLock<gitlab::webhook::GitLabHooks> = LazyLock::new(|| {
        let secret = gitlab::webhook::WebhookSecret::Token(TOKEN.into());
        let other = gitlab::webhook::WebhookSecret::Token("of-another-project".into());
        let secrets = [(ProjectId(7), secret), (ProjectId(8), other)];
        gitlab::webhook::GitLabHooks::new(BTreeMap::from(secrets))
    });
    static GITHUB: LazyLock<github::webhook::GitHubHooks> = LazyLock::new(|| {
        let secrets = [(ProjectId(7), TOKEN.into()), (ProjectId(8), "of-another".into())];
        github::webhook::GitHubHooks::new(BTreeMap::from(secrets), None)
    });
    let (mut headers, body) = split(data);
    headers.insert("x-gitlab-token", HeaderValue::from_static(TOKEN));
    is_kept(GITLAB.check(&headers, body, now()));
    let mut signature = Hmac::<Sha256>::new_from_slice(TOKEN.as_bytes()).unwrap();
    signature.update(body);
    let signature: String =
        signature.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let signature = HeaderValue::from_str(&format!("sha256={signature}")).unwrap();
    headers.insert("x-hub-signature-256", signature);
    is_kept(GITHUB.check(&headers, body, now()));
}

fn is_kept(checked: Result<Genuine, Unauthenticated>) {
    let Ok(genuine) = checked else { return };
    assert_eq!(genuine.project, ProjectId(7), "a secret counts for another project");
    assert!(genuine.key.len() <= 4_096, "{} bytes of key", genuine.key.len());
    assert!(genuine.event.len() <= 4_096, "{} bytes of event", genuine.event.len());
    if let About::Unreadable(why) | About::Nothing(why) = genuine.about {
        assert!(!why.is_empty() && why.len() <= 4_096, "{} bytes of why", why.len());
    }
}

fn libvirt_document(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        libvirt::fuzzing::document(text);
    }
}

/// What is accepted can be shown and read again, and means the same.
fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Files it names are read; some of the system's never end.
    if ["dev", "proc", "sys/"].iter().any(|folder| text.contains(folder)) {
        return;
    }
    let read = |text: &str| Config::parse("innkeeper.toml", text, Path::new("/nowhere"), &[]);
    match read(text) {
        Ok(config) => assert!(!config.redacted().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
