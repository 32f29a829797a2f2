//! A TOML table that knows where everything in it stands, remembers which keys
//! were asked for, and reports instead of failing, so that one run shows every
//! mistake with its place.

use std::{cell::RefCell, fmt::Display, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    cookbook::diagnostic::{Diagnostic, nearest},
    policy::expression::{Expression, Schema},
};

/// One cookbook while it is read: its own text first, then those of the parts
/// it includes, and what was found wrong with any of them.
pub(super) struct File<'a> {
    texts: Vec<Text<'a>>,
    found: RefCell<Vec<Diagnostic>>,
}

/// A text with the name of its file.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

/// Bytes of one of a file's texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    text: usize,
    bytes: Range<usize>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Place,
}

/// The tables of a section in the order in which they win: the cookbook's own,
/// then those of its parts, the last one first.
type Layers<'a> = Vec<(usize, &'a DeTable<'a>)>;

impl<'a> File<'a> {
    pub(super) fn new(own: Text<'a>, parts: impl IntoIterator<Item = Text<'a>>) -> Self {
        Self { texts: std::iter::once(own).chain(parts).collect(), found: RefCell::default() }
    }

    /// The cookbook's own text, then those of its parts.
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, Text<'a>)> {
        self.texts.iter().copied().enumerate()
    }

    /// The whole of it as a table. `documents` are those of [`File::texts`].
    pub(super) fn top(&'a self, documents: &'a [Spanned<DeTable<'a>>]) -> Table<'a> {
        let mut layers: Layers<'a> = documents.iter().map(Spanned::get_ref).enumerate().collect();
        if let Some(parts) = layers.get_mut(1..) {
            parts.reverse();
        }
        Table::new(self, "the file", Place::default(), layers)
    }

    fn at(&self, place: &Place) -> Text<'a> {
        self.texts.get(place.text).copied().unwrap_or(Text { name: "", text: "" })
    }

    /// The file in which something stands.
    pub(super) fn name(&self, place: &Place) -> &'a str {
        self.at(place).name
    }

    /// What stands there.
    fn written(&self, place: &Place) -> &'a str {
        self.at(place).text.get(place.bytes.clone()).unwrap_or_default()
    }

    fn diagnostic(&self, place: &Place, message: impl Into<String>) -> Diagnostic {
        let Text { name, text } = self.at(place);
        Diagnostic::at(name, text, place.bytes.clone(), message)
    }

    /// Notes a mistake.
    pub(super) fn report(&self, place: &Place, message: impl Into<String>) {
        self.found.borrow_mut().push(self.diagnostic(place, message));
    }

    /// Notes a mistake and what to do about it.
    pub(super) fn report_with(
        &self,
        place: &Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.borrow_mut().push(self.diagnostic(place, message).help(help.into()));
    }

    /// The line in which it begins, counted from 1.
    pub(super) fn line(&self, place: &Place) -> usize {
        let before = self.at(place).text.bytes().take(place.bytes.start);
        before.filter(|byte| *byte == b'\n').count() + 1
    }

    pub(super) fn into_found(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }
}

impl Place {
    pub(super) fn new(text: usize, bytes: Range<usize>) -> Self {
        Self { text, bytes }
    }

    /// Other bytes of the same text.
    fn with(&self, bytes: Range<usize>) -> Self {
        Self { text: self.text, bytes }
    }
}

/// A value as it stands there.
pub(super) struct Found<'a> {
    pub(super) span: Place,
    pub(super) value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Found<'a> {
    fn new(text: usize, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { span: Place::new(text, value.span()), value }
    }

    pub(super) fn get_ref(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    fn elements(&self) -> Option<impl Iterator<Item = Found<'a>> + use<'a>> {
        let text = self.span.text;
        let array = self.get_ref().as_array()?;
        Some(array.iter().map(move |element| Found::new(text, element)))
    }
}

/// A table of the file, as its parts and the cookbook itself make it together.
pub(super) struct Table<'a> {
    pub(super) file: &'a File<'a>,
    /// How people call it: `[lifetime]`, `[[field]]`, `the file`.
    title: &'static str,
    /// Where its header stands.
    pub(super) span: Place,
    layers: Layers<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    fn new(file: &'a File<'a>, title: &'static str, span: Place, layers: Layers<'a>) -> Self {
        Self { file, title, span, layers, asked: RefCell::default() }
    }

    /// The value of a key as it stands there.
    pub(super) fn value(&self, key: &'static str) -> Option<Found<'a>> {
        self.ask(key);
        self.all(key).next()
    }

    /// The values of a key, the one that wins first.
    fn all(&self, key: &str) -> impl Iterator<Item = Found<'a>> {
        self.layers
            .iter()
            .filter_map(move |(text, entries)| Some(Found::new(*text, entries.get(key)?)))
    }

    fn ask(&self, key: &'static str) {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
    }

    /// A text that is not blank, trimmed.
    pub(super) fn text(&self, key: &'static str) -> Option<At<String>> {
        let value = self.value(key)?;
        let span = value.span.clone();
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(key, &value, "a text in quotes");
            return None;
        };
        if text.trim().is_empty() {
            self.file.report_with(&span, format!("`{key}` is empty"), "fill it in or remove it");
            return None;
        }
        Some(At { value: text.trim().to_owned(), span })
    }

    /// A text of one line, for what becomes a heading or a title.
    pub(super) fn line_of_text(&self, key: &'static str) -> Option<At<String>> {
        let text = self.text(key)?;
        if text.value.chars().any(char::is_control) {
            self.file.report(&text.span, format!("`{key}` must be a single line of text"));
        }
        Some(text)
    }

    /// A text that must be there. `example` shows how it is written.
    pub(super) fn required(&self, key: &'static str, example: &str) -> Option<At<String>> {
        if self.value(key).is_none() {
            self.missing(key, example);
        }
        self.text(key)
    }

    pub(super) fn missing(&self, key: &'static str, example: &str) {
        let message = format!("{} lacks `{key}`", self.title);
        self.file.report_with(&self.span, message, format!("add for example `{example}`"));
    }

    /// A text or whole number in words that `read` understands.
    pub(super) fn read<T, E: Display>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<At<T>> {
        let value = self.value(key)?;
        let span = value.span.clone();
        let Some(text) = scalar(value.get_ref()) else {
            self.wrong_type(key, &value, "a text in quotes");
            return None;
        };
        match read(&text) {
            Ok(value) => Some(At { value, span }),
            Err(error) => {
                self.file.report(&span, format!("`{key}`: {error}"));
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub(super) fn number(&self, key: &'static str) -> Option<At<u64>> {
        let value = self.value(key)?;
        let number = value.get_ref().as_integer();
        let number =
            number.and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        if number.is_none() {
            self.wrong_type(key, &value, "a whole number, without quotes");
        }
        number.map(|number| At { value: number, span: value.span })
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<At<bool>> {
        let value = self.value(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(key, &value, "`true` or `false`, without quotes");
        }
        boolean.map(|boolean| At { value: boolean, span: value.span })
    }

    /// A list of texts that are not blank; empty when the key is absent.
    pub(super) fn texts(&self, key: &'static str) -> Option<At<Vec<At<String>>>> {
        let value = self.value(key)?;
        let Some(elements) = value.elements() else {
            self.wrong_type(key, &value, "a list of texts like `[\"a\", \"b\"]`");
            return None;
        };
        let mut texts = Vec::new();
        for element in elements {
            match element.get_ref().as_str().map(str::trim) {
                Some("") => self.file.report(&element.span, format!("an empty text in `{key}`")),
                Some(text) => texts.push(At { value: text.to_owned(), span: element.span }),
                None => self.wrong_type(key, &element, "a list of texts like `[\"a\", \"b\"]`"),
            }
        }
        Some(At { value: texts, span: value.span })
    }

    /// A list of texts that `read` understands.
    pub(super) fn read_all<T, E: Display>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<At<Vec<At<T>>>> {
        let texts = self.texts(key)?;
        let mut values = Vec::new();
        for text in texts.value {
            match read(&text.value) {
                Ok(value) => values.push(At { value, span: text.span }),
                Err(error) => self.file.report(&text.span, format!("`{key}`: {error}")),
            }
        }
        Some(At { value: values, span: texts.span })
    }

    /// A condition over the names of `schema`. `None` for `schema` when the
    /// fields could not be read, so that their mistakes are not told twice.
    pub(super) fn condition(
        &self,
        key: &'static str,
        schema: Option<&Schema>,
    ) -> Option<Expression> {
        let text = self.value(key)?;
        let span = text.span.clone();
        let Some(source) = text.get_ref().as_str() else {
            self.wrong_type(key, &text, "a condition in quotes");
            return None;
        };
        let error = match Expression::compile(source, schema?) {
            Ok(expression) => return Some(expression),
            Err(error) => error,
        };
        // With escapes in the text the places differ; then all of it is marked.
        let at = match self.file.written(&span).find(source) {
            Some(offset) if !source.is_empty() => {
                let start = span.bytes.start + offset;
                span.with(start + error.at.start..start + error.at.end)
            }
            _ => span,
        };
        match error.suggestion {
            Some(help) => self.file.report_with(&at, error.message, help),
            None => self.file.report(&at, error.message),
        }
        None
    }

    /// All keys with their texts, whatever the keys are.
    pub(super) fn all_texts(&self) -> Vec<(String, String)> {
        let mut texts: Vec<(String, String)> = Vec::new();
        for (text, entries) in &self.layers {
            for (key, value) in *entries {
                let key = key.get_ref().as_ref();
                if texts.iter().any(|(known, _)| known == key) {
                    continue;
                }
                match scalar(value.get_ref()) {
                    Some(text) => texts.push((key.to_owned(), text)),
                    None => self.wrong_type(key, &Found::new(*text, value), "a text in quotes"),
                }
            }
        }
        texts
    }

    /// A table within this one.
    pub(super) fn table(&self, key: &'static str, title: &'static str) -> Option<Table<'a>> {
        let span = self.value(key)?.span;
        let mut layers = Vec::new();
        for found in self.all(key) {
            match found.get_ref().as_table() {
                Some(entries) => layers.push((found.span.text, entries)),
                None => {
                    let wanted = format!("a section: write {title} on a line of its own");
                    self.wrong_type(key, &found, &wanted);
                }
            }
        }
        (!layers.is_empty()).then(|| Table::new(self.file, title, span, layers))
    }

    /// The tables of a repeated section, those of the parts first. One of the
    /// cookbook's own stands in for that of a part with the same `id`.
    pub(super) fn tables(
        &self,
        key: &'static str,
        title: &'static str,
        id: &'static str,
    ) -> Vec<Table<'a>> {
        self.ask(key);
        let mut tables: Vec<Table<'a>> = Vec::new();
        let mut values: Vec<Found<'a>> = self.all(key).collect();
        values.reverse();
        for value in values {
            let Some(elements) = value.elements() else {
                let wanted = format!("a repeated section: write {title} on a line of its own");
                self.wrong_type(key, &value, &wanted);
                continue;
            };
            for element in elements {
                let Some(entries) = element.get_ref().as_table() else {
                    self.wrong_type(key, &element, &format!("a section {title}"));
                    continue;
                };
                let text = element.span.text;
                let table = Table::new(self.file, title, element.span, vec![(text, entries)]);
                let name = table.word(id);
                // Parts come first, and only the cookbook itself takes anything's place.
                let same = |other: &&mut Table<'a>| {
                    text == 0 && other.span.text != 0 && name.is_some() && other.word(id) == name
                };
                match tables.iter_mut().find(same) {
                    Some(other) => *other = table,
                    None => tables.push(table),
                }
            }
        }
        tables
    }

    /// A text, whether it is wanted or not.
    fn word(&self, key: &str) -> Option<&'a str> {
        self.all(key).next()?.get_ref().as_str()
    }

    /// Reports a key that stands there although it means nothing.
    pub(super) fn meaningless(&self, key: &'static str, message: &str, help: &str) {
        self.ask(key);
        for (text, entries) in &self.layers {
            if let Some((key, _)) = entries.get_key_value(key) {
                self.file.report_with(&Place::new(*text, key.span()), message, help);
            }
        }
    }

    /// Reports every key nobody asked for. Call it when all have been.
    pub(super) fn finish(&self) {
        let known = self.asked.borrow();
        let keys = self.layers.iter().flat_map(|(text, entries)| {
            entries.keys().map(|key| (Place::new(*text, key.span()), key.get_ref().as_ref()))
        });
        for (place, name) in keys {
            if known.contains(&name) {
                continue;
            }
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is `{}`", known.join("`, `")),
            };
            let message = format!("unknown key `{name}` in {}", self.title);
            self.file.report_with(&place, message, help);
        }
    }

    fn wrong_type(&self, key: &str, value: &Found<'_>, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "`true` or `false`",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.file.report(&value.span, format!("`{key}` must be {wanted}, this is {found}"));
    }
}

/// A single value as a requester would write it.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.trim().to_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(true) => Some("yes".to_owned()),
        DeValue::Boolean(false) => Some("no".to_owned()),
        DeValue::Datetime(date) => Some(date.to_string()),
        _ => None,
    }
}
