//! The JSON Schema of the configuration, made from `config.default.toml`: that
//! file shows every key with its meaning and default, so it is the one place
//! where they are told. What it only mentions stands in `MENTIONED`. A test
//! holds that the schema has exactly the keys that are accepted.

use serde_json::{Map, Value, json};
use toml::{Table, Value as Toml};

use super::EXAMPLE;
use crate::cookbook::schema::document;

/// Tables whose names are the operator's: `[forge.gitlab]` shows `forge.*`.
const NAMED: [&str; 2] = ["forge", "provider"];

/// Keys that the example mentions within its prose, and what they are.
const MENTIONED: &[(&str, &str)] = &[
    ("calendar.holidays_file", "An iCalendar file with days off, as whole days."),
    ("store.password", "Less well than `password_file`."),
    ("policies.git.commit", "The full name of the one commit to read, instead of a tag."),
    ("forge.*.token", "The bot's access token; less well than `token_file`."),
    ("forge.*.app.private_key", "The App's key (PEM); less well than `private_key_file`."),
    (
        "forge.*.app.webhook_token",
        "The secret of the App's webhook; less well than `webhook_token_file`.",
    ),
    (
        "forge.*.project.signing_token",
        "GitLab 19.0 and later; less well than `signing_token_file`.",
    ),
    ("forge.*.project.webhook_token_file", "The file with the secret of the project's webhook."),
    ("forge.*.project.webhook_token", "Less well than `webhook_token_file`."),
    ("forge.*.group.signing_token", "GitLab 19.0 and later; less well than `signing_token_file`."),
    ("forge.*.group.webhook_token_file", "The file with the secret of the group's webhook."),
    ("forge.*.group.webhook_token", "Less well than `webhook_token_file`."),
    ("provider.*.ganeti.password", "Less well than `password_file`."),
    ("provider.*.ganeti.reader_password", "Less well than `reader_password_file`."),
    ("provider.*.ganeti.fingerprint", "The SHA-256 fingerprint of the one certificate to trust."),
    ("hook.token", "Sent as a bearer token; less well than `token_file`."),
];

/// Keys whose values are some words and no others.
const WORDS: &[(&str, &[&str])] = &[
    ("log.format", &["text", "json"]),
    ("embargo.every", &["year"]),
    ("embargo.what", &["create", "change", "stop", "destroy"]),
    ("forge.*.kind", &["gitlab", "github"]),
    ("provider.*.kind", &["libvirt", "ganeti"]),
    ("provider.*.ready", &["agent-or-ssh", "address", "none"]),
    ("hook.on", &["post-provision", "pre-stop", "post-destroy", "drop-backups"]),
];

/// The schema of the configuration.
#[must_use]
pub fn schema() -> Value {
    let mut root = object();
    let mut open: Vec<String> = Vec::new();
    let mut prose = Prose::default();
    for line in EXAMPLE.lines() {
        match Line::of(line) {
            Line::Prose(text) => prose.add(text),
            Line::Blank => prose.clear(),
            Line::Header(path) => {
                open = path;
                describe(&mut root, &open, prose.take());
            }
            Line::Key { name, value, is_default } => {
                let property = property(&name, &value, &open, is_default, prose.take());
                insert(&mut root, &open, &name, property);
            }
        }
    }
    for (path, says) in MENTIONED {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        if let Some((name, open)) = path.split_last() {
            insert(&mut root, open, name, json!({ "type": "string", "description": says }));
        }
    }
    document("Innkeeper's configuration", root)
}

/// One line of the example.
enum Line<'a> {
    Blank,
    Prose(&'a str),
    Header(Vec<String>),
    Key { name: String, value: Toml, is_default: bool },
}

impl<'a> Line<'a> {
    /// `# words` are prose; `#key = ...` and `#[table]` are examples.
    fn of(line: &'a str) -> Self {
        let (written, is_default) = match line.strip_prefix('#') {
            Some(text) if text.is_empty() || text.starts_with(' ') => {
                return Self::Prose(text.trim());
            }
            Some(example) => (example, false),
            None => (line, true),
        };
        if written.trim().is_empty() {
            return Self::Blank;
        }
        if let Some(path) = written.strip_prefix('[') {
            return Self::Header(header(path));
        }
        let pair = written.parse::<Table>().ok().and_then(|table| table.into_iter().next());
        match pair {
            Some((name, value)) => Self::Key { name, value, is_default },
            None => Self::Prose(written),
        }
    }
}

/// `[forge.gitlab]` as `forge.*`; a repeated table ends with `[]`.
fn header(written: &str) -> Vec<String> {
    let repeated = written.starts_with('[');
    let written = written.trim_matches(['[', ']', ' ']);
    let mut path: Vec<String> = written.split('.').map(str::to_owned).collect();
    let is_named = path.first().is_some_and(|first| NAMED.contains(&first.as_str()));
    if let Some(name) = path.get_mut(1).filter(|_| is_named) {
        "*".clone_into(name);
    }
    if let Some(last) = path.last_mut().filter(|_| repeated) {
        last.push_str("[]");
    }
    path
}

/// What stands above a key. Keys that follow each other share it.
#[derive(Default)]
struct Prose {
    text: String,
    is_taken: bool,
}

impl Prose {
    fn add(&mut self, line: &str) {
        if self.is_taken {
            self.clear();
        }
        if !self.text.is_empty() && !line.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(line);
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn take(&mut self) -> String {
        self.is_taken = true;
        let text = self.text.trim_end_matches(" The default:").trim_end_matches(" The defaults:");
        text.to_owned()
    }
}

fn object() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

fn property(name: &str, value: &Toml, open: &[String], is_default: bool, says: String) -> Value {
    let path = format!("{}.{name}", open.join(".").replace("[]", ""));
    let words = WORDS.iter().find(|(key, _)| *key == path).map(|(_, words)| *words);
    let mut schema = of_kind(value, words);
    if let Some(members) = schema.as_object_mut() {
        if !says.is_empty() {
            members.insert("description".to_owned(), says.into());
        }
        let value = plain(value);
        if is_default {
            members.insert("default".to_owned(), value);
        } else {
            members.insert("examples".to_owned(), json!([value]));
        }
    }
    schema
}

fn of_kind(value: &Toml, words: Option<&[&str]>) -> Value {
    match (value, words) {
        (Toml::Array(_), Some(words)) => {
            json!({ "type": "array", "items": { "type": "string", "enum": words } })
        }
        (_, Some(words)) => json!({ "type": "string", "enum": words }),
        (Toml::String(_), None) => json!({ "type": "string" }),
        (Toml::Integer(_), None) => json!({ "type": "integer", "minimum": 0 }),
        (Toml::Boolean(_), None) => json!({ "type": "boolean" }),
        (Toml::Array(items), None) => match items.first() {
            Some(item) => json!({ "type": "array", "items": of_kind(item, None) }),
            None => json!({ "type": "array" }),
        },
        // Editors have no days in their model of TOML: they see them as text.
        _ => json!({}),
    }
}

fn plain(value: &Toml) -> Value {
    match value {
        Toml::Datetime(day) => json!(day.to_string()),
        Toml::Array(items) => items.iter().map(plain).collect(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

/// The properties of the table of that path, which is made if it is not there.
fn properties<'a>(root: &'a mut Value, path: &[String]) -> Option<&'a mut Map<String, Value>> {
    let mut at = root;
    for step in path {
        let name = step.trim_end_matches("[]");
        let members = at.as_object_mut()?;
        at = if name == "*" {
            members.remove("properties");
            let named = members.entry("additionalProperties").or_insert_with(object);
            if named.is_boolean() {
                *named = object();
            }
            named
        } else {
            let tables = members.get_mut("properties")?.as_object_mut()?;
            let table = tables.entry(name).or_insert_with(|| {
                if step.ends_with("[]") {
                    json!({ "type": "array", "items": object() })
                } else {
                    object()
                }
            });
            if table.get("items").is_some() { table.get_mut("items")? } else { table }
        };
    }
    at.get_mut("properties")?.as_object_mut()
}

/// What was said first stays; a second example of a key adds what is missing.
fn insert(root: &mut Value, open: &[String], name: &str, property: Value) {
    let Some(keys) = properties(root, open) else { return };
    let present = keys.entry(name).or_insert_with(|| json!({}));
    if let (Some(present), Value::Object(new)) = (present.as_object_mut(), property) {
        for (key, value) in new {
            present.entry(key).or_insert(value);
        }
    }
}

fn describe(root: &mut Value, path: &[String], says: String) {
    // Makes the table, even if nothing stands in it.
    let _ = properties(root, path);
    let pointer = path.iter().fold(String::new(), |pointer, step| match step.as_str() {
        "*" => pointer + "/additionalProperties",
        name => format!("{pointer}/properties/{}", name.trim_end_matches("[]")),
    });
    let table = root.pointer_mut(&pointer).and_then(Value::as_object_mut);
    if let Some(table) = table.filter(|_| !says.is_empty()) {
        table.entry("description").or_insert_with(|| says.into());
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use serde_json::Value;

    use super::{super::keys::Keys, EXAMPLE, schema};
    use crate::cookbook::schema::tests::{is_committed, problems};

    /// Every table of the schema with the header that opens it.
    fn tables(schema: &Value, path: &str, repeated: bool, found: &mut Vec<(String, Value)>) {
        let header = match repeated {
            _ if path.is_empty() => String::new(),
            true => format!("[[{path}]]\n"),
            false => format!("[{path}]\n"),
        };
        let below =
            |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if let Some(named) = schema.get("additionalProperties").filter(|named| named.is_object()) {
            tables(named, &below("name"), false, found);
            return;
        }
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        found.push((header, schema.clone()));
        for (name, property) in properties {
            match property.get("items") {
                Some(items) => tables(items, &below(name), true, found),
                None => tables(property, &below(name), false, found),
            }
        }
    }

    #[test]
    fn the_schema_has_exactly_the_keys_that_are_accepted() {
        let mut found = Vec::new();
        tables(&schema(), "", false, &mut found);
        assert!(found.len() > 14, "{}", found.len());
        for (header, table) in found {
            let error = toml::from_str::<Keys>(&format!("{header}no_such_key = 1")).unwrap_err();
            let known: BTreeSet<&str> = error.message().split('`').skip(3).step_by(2).collect();
            let keys = table["properties"].as_object().unwrap().keys().map(String::as_str);
            assert_eq!(
                keys.collect::<BTreeSet<_>>(),
                known,
                "{header}: a key is shown in config.default.toml, or stands in MENTIONED"
            );
        }
    }

    #[test]
    fn the_committed_schema_is_up_to_date() {
        is_committed("config", &schema());
    }

    #[test]
    fn every_key_says_what_it_means() {
        let mut found = Vec::new();
        tables(&schema(), "", false, &mut found);
        for (header, table) in found {
            for (name, property) in table["properties"].as_object().unwrap() {
                let is_table =
                    property.get("properties").is_some() || property.get("items").is_some();
                let is_named = property["additionalProperties"].is_object();
                let says = property["description"].as_str().unwrap_or_default();
                assert!(is_table || is_named || says.len() > 10, "{header}{name}: {says:?}");
            }
        }
    }

    #[test]
    fn the_example_is_accepted_and_its_words_are_those_of_the_reader() {
        problems(&schema(), EXAMPLE).unwrap();
        for (text, accepted) in [
            ("[limits]\ndestroys_per_day = 3", true),
            ("[limits]\ndestroys_per_day = \"3\"", false),
            ("[forge.gitlab]\nkind = \"gitlab\"\n[[forge.gitlab.project]]\nid = 7", true),
            ("[forge.gitlab]\nkind = \"gitlub\"", false),
            ("[forge.gitlab]\ntokn_file = \"x\"", false),
            ("[calendar]\nholidays = [2026-12-25]", true),
            ("[[hook]]\non = [\"pre-stop\"]", true),
            ("[[hook]]\non = [\"prestop\"]", false),
        ] {
            assert_eq!(problems(&schema(), text).is_ok(), accepted, "{text}");
        }
        for key in ["log.format", "provider.name.ready"] {
            let (table, key) = key.rsplit_once('.').unwrap();
            let text = format!("[{table}]\n{key} = \"no-such-word\"");
            let error = toml::from_str::<Keys>(&text).unwrap_err();
            for word in error.message().split('`').skip(3).step_by(2) {
                let text = format!("[{table}]\n{key} = \"{word}\"");
                problems(&schema(), &text).unwrap_or_else(|error| panic!("{text}: {error}"));
            }
        }
    }

    #[test]
    fn a_key_or_type_that_is_refused_is_refused_by_the_schema() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
        for name in ["unknown-key", "unknown-section", "wrong-type", "misspelt-secret"] {
            let text = fs::read_to_string(root.join(format!("{name}.bad.toml"))).unwrap();
            assert!(problems(&schema(), &text).is_err(), "{name}");
        }
    }
}
