//! A TOML table that knows where everything in it stands, remembers which keys
//! were asked for, and reports instead of failing, so that one run shows every
//! mistake with its place.

use std::{cell::RefCell, fmt::Display, ops::Range};

use chrono::NaiveDate;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    cookbook::diagnostic::{Diagnostic, nearest},
    policy::expression::{Expression, Schema},
};

/// One policy file while it is read, and what was found wrong with it.
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    found: RefCell<Vec<Diagnostic>>,
}

/// A value and the bytes of the file it stands at.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'a> File<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text, found: RefCell::default() }
    }

    /// Notes a mistake.
    pub(super) fn report(&self, span: &Range<usize>, message: impl Into<String>) {
        self.found.borrow_mut().push(Diagnostic::at(self.name, self.text, span.clone(), message));
    }

    /// Notes a mistake and what to do about it.
    pub(super) fn report_with(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = Diagnostic::at(self.name, self.text, span.clone(), message);
        self.found.borrow_mut().push(diagnostic.help(help.into()));
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
    }

    pub(super) fn into_found(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }
}

/// A table of the file.
pub(super) struct Table<'a> {
    pub(super) file: &'a File<'a>,
    /// How people call it: `[lifetime]`, `[[field]]`, `the file`.
    title: &'static str,
    /// Where its header stands.
    pub(super) span: Range<usize>,
    entries: &'a DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        file: &'a File<'a>,
        title: &'static str,
        span: Range<usize>,
        entries: &'a DeTable<'a>,
    ) -> Self {
        Self { file, title, span, entries, asked: RefCell::default() }
    }

    /// The value of a key as it stands there.
    pub(super) fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.ask(key);
        self.entries.get(key)
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
        let span = value.span();
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(key, value, "a text in quotes");
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
        if self.entries.get(key).is_none() {
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
        let span = value.span();
        let Some(text) = scalar(value.get_ref()) else {
            self.wrong_type(key, value, "a text in quotes");
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
            self.wrong_type(key, value, "a whole number, without quotes");
        }
        number.map(|number| At { value: number, span: value.span() })
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<At<bool>> {
        let value = self.value(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(key, value, "`true` or `false`, without quotes");
        }
        boolean.map(|boolean| At { value: boolean, span: value.span() })
    }

    /// A list of texts that are not blank; empty when the key is absent.
    pub(super) fn texts(&self, key: &'static str) -> Option<At<Vec<At<String>>>> {
        let value = self.value(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts like `[\"a\", \"b\"]`");
            return None;
        };
        let mut texts = Vec::new();
        for element in array {
            match element.get_ref().as_str().map(str::trim) {
                Some("") => self.file.report(&element.span(), format!("an empty text in `{key}`")),
                Some(text) => texts.push(At { value: text.to_owned(), span: element.span() }),
                None => self.wrong_type(key, element, "a list of texts like `[\"a\", \"b\"]`"),
            }
        }
        Some(At { value: texts, span: value.span() })
    }

    /// A list of days.
    pub(super) fn dates(&self, key: &'static str) -> Option<Vec<NaiveDate>> {
        const WANTED: &str = "a list of days like `[2026-12-25]`";
        let value = self.value(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, WANTED);
            return None;
        };
        let mut days = Vec::new();
        for element in array {
            let DeValue::Datetime(written) = element.get_ref() else {
                self.wrong_type(key, element, WANTED);
                continue;
            };
            match NaiveDate::parse_from_str(&written.to_string(), "%Y-%m-%d") {
                Ok(day) => days.push(day),
                Err(_) => self.file.report_with(
                    &element.span(),
                    format!("`{written}` is not a day"),
                    "write the date alone, e.g. 2026-12-25",
                ),
            }
        }
        Some(days)
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
        let span = text.span();
        let Some(source) = text.get_ref().as_str() else {
            self.wrong_type(key, text, "a condition in quotes");
            return None;
        };
        let error = match Expression::compile(source, schema?) {
            Ok(expression) => return Some(expression),
            Err(error) => error,
        };
        // With escapes in the text the places differ; then all of it is marked.
        let written = self.file.text.get(span.clone()).unwrap_or_default();
        let at = match written.find(source) {
            Some(offset) if !source.is_empty() => {
                let start = span.start + offset;
                start + error.at.start..start + error.at.end
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
        let mut texts = Vec::new();
        for (key, value) in self.entries {
            match scalar(value.get_ref()) {
                Some(text) => texts.push((key.get_ref().as_ref().to_owned(), text)),
                None => self.wrong_type(key.get_ref().as_ref(), value, "a text in quotes"),
            }
        }
        texts
    }

    /// A table within this one.
    pub(super) fn table(&self, key: &'static str, title: &'static str) -> Option<Table<'a>> {
        let value = self.value(key)?;
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong_type(key, value, &format!("a section: write {title} on a line of its own"));
            return None;
        };
        Some(Table::new(self.file, title, value.span(), entries))
    }

    /// The tables of a repeated section.
    pub(super) fn tables(&self, key: &'static str, title: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            let wanted = format!("a repeated section: write {title} on a line of its own");
            self.wrong_type(key, value, &wanted);
            return Vec::new();
        };
        array
            .iter()
            .filter_map(|element| {
                let entries = element.get_ref().as_table();
                if entries.is_none() {
                    self.wrong_type(key, element, &format!("a section {title}"));
                }
                Some(Table::new(self.file, title, element.span(), entries?))
            })
            .collect()
    }

    /// Reports a key that stands there although it means nothing.
    pub(super) fn meaningless(&self, key: &'static str, message: &str, help: &str) {
        self.ask(key);
        if let Some((key, _)) = self.entries.get_key_value(key) {
            self.file.report_with(&key.span(), message, help);
        }
    }

    /// Reports every key nobody asked for. Call it when all have been.
    pub(super) fn finish(&self) {
        let known = self.asked.borrow();
        for key in self.entries.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is `{}`", known.join("`, `")),
            };
            let message = format!("unknown key `{name}` in {}", self.title);
            self.file.report_with(&key.span(), message, help);
        }
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "`true` or `false`",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.file.report(&value.span(), format!("`{key}` must be {wanted}, this is {found}"));
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
