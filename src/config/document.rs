//! The file's text with the environment laid over it, and where everything in
//! it stands.
//!
//! Variables become part of the same tree as the file. A key that came from a
//! variable has a place past the end of the text, one byte a variable, so that
//! every mistake finds its way back to what the operator wrote.

use std::{borrow::Cow, ops::Range};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue, Deserializer},
};

use super::{PREFIX, secret};
use crate::cookbook::diagnostic::{Diagnostic, nearest, unknown_name};

pub(super) struct Document<'a> {
    name: &'a str,
    text: &'a str,
    variables: Vec<Variable<'a>>,
    root: Spanned<DeTable<'a>>,
}

struct Variable<'a> {
    name: &'a str,
    value: &'a str,
    /// The keys it names, from the outside in.
    path: Vec<String>,
}

impl<'a> Document<'a> {
    /// Reads the text and puts the variables into it, as text first.
    pub(super) fn parse(
        name: &'a str,
        text: &'a str,
        environment: &'a [(String, String)],
    ) -> Result<Self, Vec<Diagnostic>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut document = Self { name, text, variables: Vec::new(), root };
        if !errors.is_empty() {
            return Err(errors.iter().map(|error| document.explain(error)).collect());
        }
        let mut found = Vec::new();
        for (name, value) in environment {
            let Some(keys) = name.strip_prefix(PREFIX) else { continue };
            if value.contains(char::REPLACEMENT_CHARACTER) {
                found.push(Diagnostic::about(name, "its value is not UTF-8"));
                continue;
            }
            let keys = keys.split("__").map(str::to_lowercase).collect::<Vec<_>>();
            let place = document.place_of_variable(document.variables.len());
            let value_there = Spanned::new(place, DeValue::String(Cow::Borrowed(value)));
            match put(document.root.get_mut(), &keys, value_there, text.len()) {
                Ok(path) => document.variables.push(Variable { name, value, path }),
                Err(problem) => found.push(Diagnostic::about(name, problem)),
            }
        }
        if found.is_empty() { Ok(document) } else { Err(found) }
    }

    /// Understands the document as a `T`.
    ///
    /// A variable's value is text. Where text will not do it is read as TOML, so
    /// that `5`, `true` and `["group:tpo/tpa"]` mean what they look like, while
    /// a token of digits stays text.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        let mut root = self.root.clone();
        let mut read_as_toml = Vec::new();
        loop {
            let error = match T::deserialize(Deserializer::from(root.clone())) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let at_fault = error.span().and_then(|span| self.variable_at(&span));
            let reread = at_fault.filter(|index| !read_as_toml.contains(index)).and_then(|index| {
                let variable = self.variables.get(index)?;
                let value = DeValue::parse(variable.value).ok()?.into_inner();
                Some((index, variable, moved(value, &self.place_of_variable(index))))
            });
            let Some((index, variable, value)) = reread else { return Err(self.explain(&error)) };
            if put(root.get_mut(), &variable.path, value, self.text.len()).is_err() {
                return Err(self.explain(&error));
            }
            read_as_toml.push(index);
        }
    }

    /// Where the value of that key stands, the header for a table; else the
    /// nearest place around it that is written at all.
    pub(super) fn place(&self, path: &[&str]) -> Option<Range<usize>> {
        let (first, rest) = path.split_first()?;
        let (key, mut value) = self.root.get_ref().get_key_value(*first)?;
        let mut place = of(key, value);
        for step in rest {
            let next = match value.get_ref() {
                DeValue::Table(table) => {
                    table.get_key_value(*step).map(|(key, value)| (of(key, value), value))
                }
                DeValue::Array(array) => step
                    .parse()
                    .ok()
                    .and_then(|index: usize| array.get(index))
                    .map(|value| (value.span(), value)),
                _ => None,
            };
            let Some((next_place, next_value)) = next else { break };
            (place, value) = (next_place, next_value);
        }
        Some(place)
    }

    /// Whether that very key came from the file's own text.
    pub(super) fn is_written(&self, path: &[&str]) -> bool {
        self.place(path).is_some_and(|place| self.variable_at(&place).is_none())
    }

    /// Whether that very key is given, in the file or by a variable.
    pub(super) fn is_given(&self, path: &[&str]) -> bool {
        let Some((key, sections)) = path.split_last() else { return false };
        let mut table = self.root.get_ref();
        for section in sections {
            match table.get(*section).map(Spanned::get_ref) {
                Some(DeValue::Table(inner)) => table = inner,
                _ => return false,
            }
        }
        table.contains_key(*key)
    }

    /// A mistake at the value of that key.
    pub(super) fn mistake(&self, path: &[&str], message: impl Into<String>) -> Diagnostic {
        match self.place(path) {
            Some(place) => self.at(&place, message.into()),
            None => Diagnostic::about(self.name, message),
        }
    }

    fn at(&self, place: &Range<usize>, message: String) -> Diagnostic {
        if let Some(variable) = self.variable_at(place).and_then(|index| self.variables.get(index))
        {
            return Diagnostic::about(variable.name, message);
        }
        let mut diagnostic = Diagnostic::at(self.name, self.text, place.clone(), message);
        diagnostic.source_line = secret::hide(&diagnostic.source_line);
        diagnostic
    }

    /// The reader's error in our words.
    fn explain(&self, error: &toml::de::Error) -> Diagnostic {
        let place = error.span().unwrap_or(0..0);
        let Some((word, known)) = unknown_name(error.message()) else {
            let help = error
                .message()
                .contains("TOML datetime")
                .then(|| "dates stand without quotes, e.g. 2026-12-25".to_owned());
            let message = error.message().trim_end().replace(" u64", " a whole number");
            return self.at(&place, message).help(help);
        };
        let help = match nearest(word, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("what can stand here: {}", known.join(", ")),
        };
        let mut diagnostic = self.at(&place, format!("`{word}` is not known here")).help(help);
        // It may be a misspelt secret.
        if let Some((key, _)) = diagnostic.source_line.split_once('=') {
            diagnostic.source_line = format!("{key}= ...");
        }
        diagnostic
    }

    fn place_of_variable(&self, index: usize) -> Range<usize> {
        let start = self.text.len() + 1 + index;
        start..start + 1
    }

    fn variable_at(&self, place: &Range<usize>) -> Option<usize> {
        place.start.checked_sub(self.text.len() + 1)
    }
}

/// A table is shown by its name, anything else by itself.
fn of(key: &Spanned<Cow<'_, str>>, value: &Spanned<DeValue<'_>>) -> Range<usize> {
    match value.get_ref() {
        DeValue::Table(_) => key.span(),
        DeValue::Array(list) if list.iter().any(|item| item.get_ref().is_table()) => key.span(),
        _ => value.span(),
    }
}

/// Sets one value, making the tables on the way, and says where it went.
///
/// Names are found as the file spells them: `GITLAB_TPO` is `gitlab-tpo`. An
/// element of a list of tables is named by its `id` or `name`.
fn put<'a>(
    table: &mut DeTable<'a>,
    keys: &[String],
    value: Spanned<DeValue<'a>>,
    end_of_text: usize,
) -> Result<Vec<String>, String> {
    let Some((key, rest)) = keys.split_first().filter(|(key, _)| !key.is_empty()) else {
        return Err(format!("it should read {PREFIX}SECTION__KEY"));
    };
    let key = table
        .keys()
        .map(|known| known.get_ref().to_string())
        .find(|known| known.to_lowercase().replace('-', "_") == key.replace('-', "_"))
        .unwrap_or_else(|| key.clone());
    let place = value.span();
    let name = Spanned::new(place.clone(), Cow::Owned(key.clone()));
    let mut path = vec![key.clone()];
    if rest.is_empty() {
        displace_partner(table, &key, end_of_text);
        table.remove(key.as_str());
        table.insert(name, value);
        return Ok(path);
    }
    let inner =
        table.entry(name).or_insert_with(|| Spanned::new(place, DeValue::Table(DeTable::new())));
    let below = match (inner.get_mut(), rest) {
        (DeValue::Table(inner), _) => put(inner, rest, value, end_of_text)?,
        (DeValue::Array(list), [element, rest @ ..]) => {
            let index = position(list, element)
                .ok_or_else(|| format!("`{key}` has no element with the id or name `{element}`"))?;
            let Some(DeValue::Table(inner)) = list.get_mut(index).map(Spanned::get_mut) else {
                return Err(format!("`{key}` is not a list of tables"));
            };
            let below = put(inner, rest, value, end_of_text)?;
            path.push(element.clone());
            below
        }
        _ => return Err(format!("`{key}` is a value, not a section")),
    };
    path.extend(below);
    Ok(path)
}

/// A variable with a secret takes the place of the file's key that names the
/// file it is in, and the other way round.
fn displace_partner(table: &mut DeTable<'_>, key: &str, end_of_text: usize) {
    let partner = key.strip_suffix("_file").map_or_else(|| format!("{key}_file"), str::to_owned);
    if table.get(partner.as_str()).is_some_and(|value| value.span().start <= end_of_text) {
        table.remove(partner.as_str());
    }
}

fn position(list: &DeArray<'_>, element: &str) -> Option<usize> {
    let is_meant = |item: &Spanned<DeValue<'_>>| {
        let Some(table) = item.get_ref().as_table() else { return false };
        let id = table.get("id").and_then(|id| id.get_ref().as_integer());
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        id.is_some_and(|id| id.as_str() == element)
            || name.is_some_and(|name| name.replace('-', "_") == element.replace('-', "_"))
    };
    list.iter().position(is_meant)
}

/// The value with everything in it standing at `place`.
fn moved<'a>(value: DeValue<'a>, place: &Range<usize>) -> Spanned<DeValue<'a>> {
    let value = match value {
        DeValue::Array(list) => {
            DeValue::Array(list.into_iter().map(|item| moved(item.into_inner(), place)).collect())
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    (
                        Spanned::new(place.clone(), key.into_inner()),
                        moved(value.into_inner(), place),
                    )
                })
                .collect(),
        ),
        scalar => scalar,
    };
    Spanned::new(place.clone(), value)
}
