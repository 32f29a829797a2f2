//! Writing to the terminal. A reader that went away (`| head`) is no error.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use crate::ports::PortError;

/// A line on standard output.
pub(super) fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// An error with all its causes on standard error, and what helps against it. What
/// others answered is in there too.
pub(super) fn error(error: &anyhow::Error) {
    let mut out = io::stderr().lock();
    let mut tell = |label: &str, text: &str| {
        for (number, part) in text.lines().enumerate() {
            let label = if number == 0 { label } else { "" };
            let _ = writeln!(out, "{label}{}", printable(part));
        }
    };
    let mut before = error.to_string();
    tell("error: ", &before);
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some libraries say the cause as a part of what it caused.
        if !before.ends_with(&cause) {
            tell("  because: ", &cause);
        }
        before = cause;
    }
    let advice = error.chain().find_map(|cause| cause.downcast_ref::<PortError>()?.advice.as_ref());
    if let Some(advice) = advice {
        tell("  help: ", advice);
    }
}

/// A failure outside.
pub(super) fn failed(failure: PortError) -> ExitCode {
    error(&failure.into());
    ExitCode::FAILURE
}

/// How standard output is coloured: not at all unless it is a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(bool);

impl Paint {
    pub(super) fn new() -> Self {
        Self(io::stdout().is_terminal())
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Foreign text as it may be printed: a terminal obeys control characters, and
/// some others make a text look like another.
pub(super) fn printable(text: &str) -> String {
    let misleads = |c: char| matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    text.chars().map(|c| if c.is_control() || misleads(c) { ' ' } else { c }).collect()
}

/// One line on standard error that is replaced by the next, for whoever waits
/// at a terminal. Elsewhere nothing is shown.
#[derive(Debug)]
pub(super) struct Progress(bool);

impl Progress {
    pub(super) fn new() -> Self {
        Self(io::stderr().is_terminal())
    }

    /// What is being done now.
    pub(super) fn show(&self, text: &str) {
        if self.0 {
            let text: String = printable(text).chars().take(100).collect();
            let _ = write!(io::stderr().lock(), "\r\u{1b}[2K{text}");
        }
    }

    /// Nothing is being done any more.
    pub(super) fn clear(&self) {
        self.show("");
    }
}
