use std::{collections::BTreeSet, fs, path::Path};

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use super::{Key, Kind, Section, cases, cookbook, tables};
use crate::{
    cookbook::{
        Cookbooks,
        diagnostic::LoadError,
        load::{embedded, files},
    },
    policy,
};

/// A key that nothing is near to.
const UNKNOWN: &str = "qqqqqqqqqq";

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cookbooks")
}

fn everything() -> String {
    fs::read_to_string(fixtures().join("everything.toml")).unwrap()
}

/// Loads a cookbook, with the file of holidays beside it that it may name.
fn with_holidays(name: &str, text: String) -> Result<Cookbooks, LoadError> {
    let holidays = "BEGIN:VCALENDAR\nEND:VCALENDAR\n".to_owned();
    files(&[(name.to_owned(), text), ("days.ics".to_owned(), holidays)])
}

/// What a schema has against a text, as an editor would see it.
pub(crate) fn problems(schema: &Value, text: &str) -> Result<(), String> {
    let mut compiler = Compiler::new();
    compiler.add_resource("schema.json", schema.clone()).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("schema.json", &mut schemas).unwrap();
    let document: toml::Value = toml::from_str(text).unwrap();
    schemas.validate(&seen(&document), index).map_err(|error| format!("{error:#}"))
}

/// TOML as editors hold it against a schema: days are texts.
fn seen(value: &toml::Value) -> Value {
    match value {
        toml::Value::Datetime(day) => json!(day.to_string()),
        toml::Value::Array(items) => items.iter().map(seen).collect(),
        toml::Value::Table(members) => {
            members.iter().map(|(key, value)| (key.clone(), seen(value))).collect()
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

/// Every section of a table with its path, the table itself first.
fn sections(section: &'static Section, path: &str) -> Vec<(String, &'static Section)> {
    let mut found = vec![(path.to_owned(), section)];
    for key in section.keys {
        let below =
            if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        if let Kind::Table(inner) | Kind::Tables(inner) = key.kind {
            found.extend(sections(inner, &below));
        }
    }
    found
}

fn names(keys: &[Key]) -> BTreeSet<&str> {
    keys.iter().map(|key| key.name).collect()
}

/// The words in backticks after the one that was not understood.
fn offered(message: &str) -> BTreeSet<&str> {
    let list = message.split('`').skip(1).step_by(2);
    list.filter(|word| *word != UNKNOWN).collect()
}

/// A file with something unknown in that section, and what must stand before.
fn with_unknown(path: &str, section: &Section, before: &str) -> String {
    match path {
        "" => format!("{UNKNOWN} = 1\n"),
        _ if section.title.starts_with("[[") => format!("[[{path}]]\n{before}{UNKNOWN} = 1\n"),
        _ => format!("{before}[{path}]\n{UNKNOWN} = 1\n"),
    }
}

/// What the loader says can stand where something unknown does.
fn loader_offers(text: &str) -> String {
    let error = files(&[("x.toml".to_owned(), text.to_owned())]).unwrap_err();
    let mistake = error.diagnostics().iter().find(|found| found.message.contains(UNKNOWN));
    mistake.unwrap_or_else(|| panic!("{error}")).suggestion.clone().unwrap()
}

const WHERE: &str = "one line in src/cookbook/schema/tables.rs makes up for it";

#[test]
fn the_table_has_exactly_the_keys_that_the_loader_asks_for() {
    for (path, section) in sections(&tables::COOKBOOK, "") {
        let before = if path == "field" { "name = \"a\"\ntype = \"text\"\n" } else { "" };
        let help = loader_offers(&with_unknown(&path, section, before));
        assert_eq!(names(section.keys), offered(&help), "{}: {WHERE}", section.title);
    }
}

#[test]
fn the_table_has_exactly_the_types_and_words_that_the_loader_knows() {
    let field = format!("[[field]]\nname = \"a\"\ntype = \"{UNKNOWN}\"\n");
    assert_eq!(
        tables::TYPE_NAMES.into_iter().collect::<BTreeSet<_>>(),
        offered(&loader_offers(&field))
    );
    let full = everything();
    for (path, section) in sections(&tables::COOKBOOK, "") {
        for key in section.keys {
            let (Kind::OneOf(words) | Kind::SomeOf(words)) = key.kind else { continue };
            if key.name == "type" {
                continue;
            }
            let line = full.lines().find(|line| line.starts_with(&format!("{} = ", key.name)));
            let line = line.unwrap_or_else(|| panic!("everything.toml lacks {}", key.name));
            for word in words {
                let several = matches!(key.kind, Kind::SomeOf(_));
                let value = if several { format!("[\"{word}\"]") } else { format!("\"{word}\"") };
                let text = full.replace(line, &format!("{} = {value}", key.name));
                let loaded = with_holidays("x.toml", text);
                assert!(loaded.is_ok(), "{path}.{}: {word}: {loaded:?}", key.name);
            }
        }
    }
}

#[test]
fn the_table_has_exactly_the_keys_and_words_of_cases() {
    let cookbooks = embedded();
    let sandbox = &cookbooks.cookbooks[0];
    let said = |text: &str| {
        let error = policy::cases::read("sandbox.test.toml", text, sandbox).unwrap_err();
        // The one word that is not known is not suggested.
        error.diagnostics()[0].suggestion.clone().unwrap()
    };
    for (path, section) in sections(&tables::CASES, "") {
        let before = if path.starts_with("case.") { "[[case]]\n" } else { "" };
        let message = said(&with_unknown(&path, section, before));
        assert_eq!(names(section.keys), offered(&message), "{}: {WHERE}", section.title);
    }
    for (key, known) in [("verdict", Some("\"x\"")), ("codes", None)] {
        let value = known.map_or(format!("[\"{UNKNOWN}\"]"), |_| format!("\"{UNKNOWN}\""));
        let message = said(&format!("[[case]]\nname = \"x\"\n{key} = {value}\n"));
        let case = sections(&tables::CASES, "")[1].1;
        let key = case.keys.iter().find(|candidate| candidate.name == key).unwrap();
        let (Kind::OneOf(words) | Kind::SomeOf(words)) = key.kind else { panic!("{key:?}") };
        assert_eq!(words.iter().copied().collect::<BTreeSet<_>>(), offered(&message), "{WHERE}");
    }
}

#[test]
fn a_file_in_which_every_key_stands_is_accepted_by_loader_and_schema() {
    let text = everything();
    with_holidays("everything.toml", text.clone()).unwrap_or_else(|e| panic!("{e}"));
    problems(&cookbook(), &text).unwrap();
    for (_, section) in sections(&tables::COOKBOOK, "") {
        for key in section.keys {
            let (table, list) = (format!("{}]", key.name), format!("\n{} = ", key.name));
            // Two words for one thing cannot stand in one file, nor what makes a
            // machine beside what makes none; parts are other files.
            let there = text.contains(&table)
                || text.contains(&list)
                || ["disk_template", "guide", "include"].contains(&key.name)
                || section.title == "[guide]";
            assert!(there, "everything.toml lacks `{}` in {}", key.name, section.title);
        }
    }
}

#[test]
fn whatever_the_loader_accepts_the_schema_accepts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["policies", "tests/fixtures/cookbooks/real"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let schema = if file.ends_with(".test.toml") { cases() } else { cookbook() };
            problems(&schema, &text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            seen += 1;
        }
    }
    assert!(seen >= 8, "where are they? {seen}");
}

#[test]
fn what_the_loader_refuses_for_a_key_or_its_type_the_schema_refuses_too() {
    let schema = cookbook();
    let mut seen = 0;
    for entry in fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".bad.toml") else { continue };
        // What its parts lack is not in the file.
        if name == "include" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let expected = fs::read_to_string(fixtures().join(format!("{name}.expected"))).unwrap();
        // Types that depend on another key are the loader's alone.
        let told = [
            "unknown key",
            "wrong-types",
            "the file lacks `",
            "unknown type",
            "means nothing for type",
        ];
        if !told.iter().any(|told| expected.contains(told) || name == *told)
            || toml::from_str::<toml::Value>(&text).is_err()
        {
            continue;
        }
        seen += 1;
        assert!(problems(&schema, &text).is_err(), "{file} is fine for the schema");
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn a_limit_is_asked_for_only_where_it_means_something() {
    let field = |keys: &str| {
        let schema = cookbook();
        let field = schema.pointer("/properties/field/items").unwrap();
        problems(field, &format!("name = \"a\"\n{keys}"))
    };
    assert!(field("type = \"memory\"\nmax = \"8 GiB\"").is_ok());
    assert!(field("type = \"memory\"").unwrap_err().contains("max"));
    assert!(field("type = \"url\"\nmax = 3").is_err());
    assert!(field("type = \"choice\"").is_err());
    assert!(field("type = \"text\"\nchoices = [\"a\"]").is_err());
}

/// `schemas/` is for editors that are not on the machine with the program.
pub(crate) fn is_committed(name: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.schema.json"));
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let made = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if committed != made {
        let new = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/{name}.schema.json"));
        fs::write(&new, made).unwrap();
        panic!("not up to date: cp target/{name}.schema.json schemas/");
    }
}

#[test]
fn the_committed_schemas_are_up_to_date() {
    is_committed("cookbook", &cookbook());
    is_committed("cases", &cases());
}

#[test]
fn the_manual_lists_every_key_in_the_row_of_its_section() {
    let manual = include_str!("../../../docs/policies.md");
    for (path, section) in sections(&tables::COOKBOOK, "") {
        let title = if path.is_empty() { "at the top" } else { section.title };
        let row = manual.lines().find(|line| {
            line.starts_with(&format!("| {title} |")) || line.starts_with(&format!("| `{title}` |"))
        });
        let row = row.unwrap_or_else(|| panic!("docs/policies.md has no row for {title}"));
        for key in section.keys {
            let below = matches!(key.kind, Kind::Table(_) | Kind::Tables(_) | Kind::AnyKeys);
            assert!(
                below || row.contains(&format!("`{}`", key.name)),
                "{title} lacks `{}`",
                key.name
            );
        }
    }
}
