//! What can stand in a cookbook and in its cases, as a table; and the JSON
//! Schema that editors make completion and checks of.
//!
//! The loader (`load`) does not read this table, and a schema cannot say all
//! that the loader knows. So a test holds that both know the same sections,
//! keys and words: to add a key is to ask for it in the loader and to write one
//! line in `tables`. What a schema refuses the loader refuses too; the
//! loader alone understands conditions, amounts and what depends on each other.

mod tables;
#[cfg(test)]
pub(crate) mod tests;

use serde_json::{Map, Value, json};

/// The version of JSON Schema that TOML editors understand.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// A table of TOML: its keys in the order people are told of them.
#[derive(Debug)]
pub(crate) struct Section {
    /// How people call it: `[lifetime]`, `[[field]]`.
    pub(crate) title: &'static str,
    /// What it is for, in a sentence.
    pub(crate) says: &'static str,
    pub(crate) keys: &'static [Key],
}

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it means, in a sentence or two.
    pub(crate) says: &'static str,
    pub(crate) required: bool,
    /// What holds without it, as JSON.
    pub(crate) default: Option<&'static str>,
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A text, or a whole number: `4` and `"4"`.
    Words,
    /// A whole number between these.
    Number(u64, u64),
    /// A whole number.
    Count,
    /// True or false.
    Truth,
    /// A list of texts.
    Texts,
    /// A list of people: `group:PATH`, `project:PATH` or `user:NAME`.
    People,
    /// A text, or a list of texts.
    TextOrTexts,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of these texts.
    SomeOf(&'static [&'static str]),
    /// A day: `2027-01-31`.
    Day,
    /// A list of days.
    Days,
    /// Anything: what is right depends on another key.
    Anything,
    /// A table with any keys, and texts or numbers for values.
    AnyKeys,
    /// A table with any keys and values.
    Answers,
    /// A table.
    Table(&'static Section),
    /// A repeated table.
    Tables(&'static Section),
}

impl Key {
    const fn new(name: &'static str, kind: Kind, says: &'static str) -> Self {
        Self { name, kind, says, required: false, default: None }
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What holds without it, as JSON.
    const fn default(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self
    }
}

/// The schema of a cookbook, `NAME.toml`.
#[must_use]
pub fn cookbook() -> Value {
    let mut schema = table(&tables::COOKBOOK);
    if let Some(field) = schema.pointer_mut("/properties/field/items") {
        let types = tables::TYPES.iter().map(tables::Type::limits).collect();
        put(field, "allOf", Value::Array(types));
    }
    let mut by_itself = taken_out(&mut schema);
    put(&mut by_itself, "if", json!({ "required": ["guide"] }));
    put(&mut by_itself, "else", json!({ "required": ["lifetime", "approval", "placement"] }));
    // What a part says, a cookbook that includes it need not say again.
    put(&mut schema, "if", json!({ "not": { "required": ["include"] } }));
    put(&mut schema, "then", by_itself);
    document("An Innkeeper cookbook: one kind of request", schema)
}

/// The schema of a cookbook's cases, `NAME.test.toml`.
#[must_use]
pub fn cases() -> Value {
    document("Cases of an Innkeeper cookbook", table(&tables::CASES))
}

/// Takes out which keys are needed, of the table and of those within it that
/// are not repeated, and returns that as a schema of its own.
fn taken_out(schema: &mut Value) -> Value {
    let Some(members) = schema.as_object_mut() else { return json!({}) };
    let mut needed = json!({});
    if let Some(required) = members.remove("required") {
        put(&mut needed, "required", required);
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        let below: Map<String, Value> = properties
            .iter_mut()
            .filter(|(_, property)| property.get("properties").is_some())
            .map(|(name, property)| (name.clone(), taken_out(property)))
            .collect();
        if !below.is_empty() {
            put(&mut needed, "properties", Value::Object(below));
        }
    }
    needed
}

/// A schema of a whole file.
pub(crate) fn document(title: &str, mut schema: Value) -> Value {
    put(&mut schema, "$schema", json!(DRAFT));
    put(&mut schema, "title", json!(title));
    schema
}

fn put(schema: &mut Value, key: &str, value: Value) {
    if let Some(members) = schema.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}

fn table(section: &Section) -> Value {
    let properties: Map<String, Value> =
        section.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let mut schema = json!({
        "type": "object",
        "title": section.title,
        "description": section.says,
        "properties": properties,
        "additionalProperties": false,
    });
    let required: Vec<&str> =
        section.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !required.is_empty() {
        put(&mut schema, "required", json!(required));
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = match key.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Words => json!({ "type": ["string", "integer"] }),
        Kind::Number(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        Kind::Truth => json!({ "type": "boolean" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::People => json!({
            "type": "array",
            "items": { "type": "string", "pattern": "^(group|project|user):." },
            "minItems": 1,
        }),
        Kind::TextOrTexts => {
            json!({ "type": ["string", "array"], "items": { "type": "string" } })
        }
        Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
        Kind::SomeOf(words) => {
            json!({ "type": "array", "items": { "type": "string", "enum": words } })
        }
        // Editors have no days in their model of TOML: they see them as text.
        Kind::Day | Kind::Anything => json!({}),
        Kind::Days => json!({ "type": "array" }),
        Kind::AnyKeys => json!({
            "type": "object",
            "additionalProperties": { "type": ["string", "integer", "boolean"] },
        }),
        Kind::Answers => json!({ "type": "object" }),
        Kind::Table(section) => table(section),
        Kind::Tables(section) => json!({ "type": "array", "items": table(section) }),
    };
    put(&mut schema, "description", json!(key.says));
    if let Some(default) = key.default.and_then(|json| serde_json::from_str(json).ok()) {
        put(&mut schema, "default", default);
    }
    schema
}
