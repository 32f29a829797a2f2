//! An issue body as sections of typed lines.
//!
//! comrak decides what is a heading, a list or code; what is kept of it is
//! plain text with the line it stands on in the original body. HTML comments
//! (the template's hints) and quick actions are dropped here, so nothing later
//! can take them for a value.

mod blocks;
mod inline;
#[cfg(test)]
mod tests;

use comrak::{Arena, Options, nodes::NodeValue, parse_document};

use crate::{
    identity::CookbookName,
    violation::{Violation, ViolationCode},
};

/// Bodies above this many bytes are refused before they are parsed.
pub const MAX_BYTES: usize = 100 * 1024;

/// An issue body, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What stands before the first heading.
    pub preamble: Vec<Piece>,
    /// One per heading, in order, whatever the headings' levels: a section ends
    /// where the next heading stands.
    pub sections: Vec<Section>,
}

/// A heading and what stands under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The heading's text without markup.
    pub heading: String,
    /// 1 to 6.
    pub level: u8,
    /// The heading's line in the body, counted from 1.
    pub line: usize,
    /// What stands under it.
    pub pieces: Vec<Piece>,
}

/// One line or cell group of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The line in the body, counted from 1.
    pub line: usize,
    /// How many lists it stands in.
    pub depth: usize,
    /// Whether it begins a block: a paragraph, a list, a table, code.
    pub begins_block: bool,
    /// What it is.
    pub kind: PieceKind,
}

/// What a piece of content is. Text is plain: markup is gone, except in code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// A line of a paragraph, or a later line of a list item.
    Line(String),
    /// A line of a block quote.
    Quote(String),
    /// A list item's first line.
    Item(String),
    /// A task item's first line.
    Task {
        /// Whether its box is ticked.
        ticked: bool,
        /// The text after the box.
        text: String,
    },
    /// A table's row; the header is an ordinary row.
    Row(Vec<String>),
    /// A line of a code block.
    Code {
        /// The word after the fence, e.g. `text`.
        info: String,
        /// The line, unchanged.
        text: String,
    },
}

impl PieceKind {
    /// The text; of a row its first cell.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Line(text)
            | Self::Quote(text)
            | Self::Item(text)
            | Self::Task { text, .. }
            | Self::Code { text, .. } => text,
            Self::Row(cells) => cells.first().map_or("", String::as_str),
        }
    }
}

/// Takes a body apart.
///
/// # Errors
///
/// [`ViolationCode::TooLarge`] above [`MAX_BYTES`].
pub fn parse(markdown: &str) -> Result<Document, Box<Violation>> {
    if markdown.len() > MAX_BYTES {
        let violation = Violation::new(
            ViolationCode::TooLarge,
            format!(
                "The description is {} KiB long; at most {} KiB are read.",
                markdown.len().div_ceil(1024),
                MAX_BYTES / 1024
            ),
        );
        return Err(Box::new(
            violation.hint("Keep what the form asks for, and put logs or listings into a comment."),
        ));
    }
    Ok(blocks::read(markdown))
}

/// The cookbook named by the template's marker, `<!-- innkeeper: sandbox -->`.
///
/// Only a real HTML comment counts, not one shown in code. Of a body that is
/// too large only the beginning is searched.
#[must_use]
pub fn marker(markdown: &str) -> Option<CookbookName> {
    let end = markdown.floor_char_boundary(MAX_BYTES);
    let arena = Arena::new();
    let root = parse_document(&arena, markdown.get(..end)?, &options());
    root.descendants().find_map(|node| match &node.data().value {
        NodeValue::HtmlBlock(block) => marker_in(&block.literal),
        NodeValue::HtmlInline(html) => marker_in(html),
        _ => None,
    })
}

fn marker_in(html: &str) -> Option<CookbookName> {
    html.split("<!--").skip(1).find_map(|rest| {
        let (comment, _) = rest.split_once("-->")?;
        let name = comment.trim().strip_prefix("innkeeper:")?.trim();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (!name.is_empty() && name.bytes().all(plain)).then(|| CookbookName::from(name))
    })
}

/// The text without markup, as one line: what a heading of that source reads as.
#[must_use]
pub(crate) fn plain(markdown: &str) -> String {
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &options());
    let lines = root.children().flat_map(inline::lines);
    lines.map(|line| line.text).collect::<Vec<_>>().join(" ")
}

/// GitLab's flavour, as far as it decides what is a value. A line of dashes
/// below a value is a rule and not the mark of a heading: templates put rules
/// between their sections.
pub(crate) fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.tasklist = true;
    options.extension.strikethrough = true;
    options.extension.footnotes = true;
    options.extension.multiline_block_quotes = true;
    options.parse.ignore_setext = true;
    options
}
