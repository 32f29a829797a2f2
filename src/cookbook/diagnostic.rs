//! What is wrong with a policy file, shown the way a compiler would: file,
//! line, column, the line itself with carets under the mistake, and what was
//! probably meant.

use std::{fmt, ops::Range};

use crate::request::value::nearest;

/// One mistake in one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file, as the loader was told it.
    pub file: String,
    /// The line, counted from 1. 0 when it is about the file as a whole.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// That line as written.
    pub source_line: String,
    /// How many characters the carets cover. At least 1.
    pub width: usize,
    /// What is wrong.
    pub message: String,
    /// What was probably meant, or what to do about it.
    pub suggestion: Option<String>,
}

impl Diagnostic {
    /// A mistake at these bytes of the text of a file.
    #[must_use]
    pub fn at(file: &str, text: &str, bytes: Range<usize>, message: impl Into<String>) -> Self {
        let start = boundary(text, bytes.start);
        let end = boundary(text, bytes.end).max(start);
        let (before, rest) = text.split_at(start);
        let start_of_line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let indent = &before[start_of_line..];
        let rest_of_line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let marked = &rest[..end - start];
        let marked = marked.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: indent.chars().count() + 1,
            source_line: format!("{indent}{rest_of_line}"),
            width: marked.chars().count().max(1),
            message: message.into(),
            suggestion: None,
        }
    }

    /// A mistake that concerns a file or folder as a whole.
    #[must_use]
    pub fn about(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            source_line: String::new(),
            width: 1,
            message: message.into(),
            suggestion: None,
        }
    }

    /// Says what was probably meant.
    #[must_use]
    pub fn help(mut self, suggestion: impl Into<Option<String>>) -> Self {
        self.suggestion = suggestion.into();
        self
    }
}

/// The nearest character boundary at or before a byte.
fn boundary(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.message)?;
        } else {
            let gutter = self.line.to_string();
            let blank = " ".repeat(gutter.len());
            // Tabs stay tabs, so that the carets stand under the mistake in any terminal.
            let indent: String = self
                .source_line
                .chars()
                .take(self.column - 1)
                .map(|character| if character == '\t' { '\t' } else { ' ' })
                .collect();
            writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
            writeln!(f, "{gutter} | {}", self.source_line)?;
            write!(f, "{blank} | {indent}{}", "^".repeat(self.width))?;
        }
        match &self.suggestion {
            Some(suggestion) => write!(f, "\nhelp: {suggestion}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with the policy files, by file and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(Vec<Diagnostic>);

impl LoadError {
    /// Sorts the mistakes; each is listed once.
    #[must_use]
    pub fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort();
        diagnostics.dedup();
        Self(diagnostics)
    }

    /// The same mistakes, of files in that folder.
    #[must_use]
    pub fn inside(mut self, folder: &str) -> Self {
        for diagnostic in &mut self.0 {
            diagnostic.file = match folder.trim_end_matches('/') {
                "" => diagnostic.file.clone(),
                folder => format!("{folder}/{}", diagnostic.file),
            };
        }
        self
    }

    /// The mistakes, by file and line.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// The candidate that was probably meant by `word`: one that a slip of the
/// fingers explains, else one that begins like it, as `max` does `maximum`.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(slip) = nearest::nearest(word, candidates.iter().copied()) {
        return Some(slip);
    }
    let begins = |candidate: &&str| {
        let shorter = word.len().min(candidate.len());
        shorter >= 3 && (candidate.starts_with(word) || word.starts_with(candidate))
    };
    candidates.into_iter().find(begins)
}

/// From what the reader of TOML says about a name: the one it does not know,
/// and those it does.
#[must_use]
pub fn unknown_name(message: &str) -> Option<(&str, Vec<&str>)> {
    message.strip_prefix("unknown field ").or(message.strip_prefix("unknown variant "))?;
    let mut words = message.split('`').skip(1).step_by(2);
    words.next().map(|word| (word, words.collect()))
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, LoadError, nearest};

    #[test]
    fn the_carets_stand_under_the_mistake() {
        let text = "title = \"x\"\n\tä = memroy\r\n";
        let start = text.find("memroy").unwrap();
        let diagnostic = Diagnostic::at("a.toml", text, start..start + 6, "unknown key")
            .help("did you mean `memory`?".to_owned());
        assert_eq!(
            diagnostic.to_string(),
            "a.toml:2:6: unknown key\n2 | \tä = memroy\n  | \t    ^^^^^^\nhelp: did you mean `memory`?"
        );
    }

    #[test]
    fn a_mistake_at_the_end_or_inside_a_letter_is_still_shown() {
        assert_eq!(
            Diagnostic::at("a", "x = ", 4..9, "m").to_string(),
            "a:1:5: m\n1 | x = \n  |     ^"
        );
        assert_eq!(Diagnostic::at("a", "ä", 1..2, "m").column, 1);
        assert_eq!(Diagnostic::at("a", "", 0..0, "m").line, 1);
    }

    #[test]
    fn mistakes_are_listed_once_by_file_and_line() {
        let text = "a\nb\n";
        let late = Diagnostic::at("b", text, 2..3, "m");
        let early = Diagnostic::at("b", text, 0..1, "z");
        let other = Diagnostic::about("a", "missing");
        let error = LoadError::new(vec![late.clone(), early.clone(), late.clone(), other.clone()]);
        assert_eq!(error.diagnostics(), [other, early, late]);
    }

    #[test]
    fn only_near_words_are_suggested() {
        let keys = ["memory", "max", "min", "default"];
        assert_eq!(nearest("memroy", keys), Some("memory"));
        assert_eq!(nearest("Default", keys), Some("default"));
        assert_eq!(nearest("defualt", keys), Some("default"));
        assert_eq!(nearest("maximum", keys), Some("max"));
        assert_eq!(nearest("mem", keys), Some("memory"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
