//! What stands under a field's heading or behind its label.

use crate::{
    quantity::written::tidy,
    request::{
        document::{Piece, PieceKind},
        value::{date::DateOrder, unreadable},
    },
    violation::Violation,
};

/// The longest text that can be a single value.
const MAX_VALUE: usize = 300;

/// The pieces written for one field, without hints and placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// In the order of the body.
    pub(crate) pieces: Vec<Piece>,
    /// A unit that stands in the label only: `Memory (in GB)`.
    pub(crate) unit: Option<String>,
    /// An order of dates that stands in the label only: `MM/DD/YYYY`.
    pub(crate) date_order: Option<DateOrder>,
}

impl Written {
    /// The lines with text. Where boxes can be ticked, of these only the
    /// ticked ones; a lone open box is a bullet somebody typed behind.
    pub(crate) fn lines(&self) -> Vec<(usize, &str)> {
        let boxes = self.ticks().len();
        let lines = self.pieces.iter().filter_map(|piece| match &piece.kind {
            PieceKind::Task { ticked: false, .. } if boxes > 1 => None,
            kind => Some((piece.line, text_of(kind))),
        });
        lines.filter(|(_, text)| !text.trim().is_empty()).collect()
    }

    /// Every box: its line, whether it is ticked, its text.
    pub(crate) fn ticks(&self) -> Vec<(usize, bool, &str)> {
        let ticks = self.pieces.iter().filter_map(|piece| match &piece.kind {
            PieceKind::Task { ticked, text } => Some((piece.line, *ticked, text.as_str())),
            PieceKind::Item(text) | PieceKind::Line(text) => match text.trim() {
                "[x]" | "[X]" => Some((piece.line, true, "")),
                "[ ]" | "[]" => Some((piece.line, false, "")),
                _ => None,
            },
            _ => None,
        });
        ticks.collect()
    }

    /// Everything as plain text, one blank line between blocks.
    pub(crate) fn prose(&self) -> String {
        let mut prose = String::new();
        for piece in &self.pieces {
            if !prose.is_empty() {
                prose.push_str(if piece.begins_block && piece.depth == 0 { "\n\n" } else { "\n" });
            }
            prose.push_str(&"  ".repeat(piece.depth));
            match &piece.kind {
                PieceKind::Line(text) | PieceKind::Code { text, .. } => prose.push_str(text),
                PieceKind::Quote(text) => prose.push_str(&format!("> {text}")),
                PieceKind::Item(text) => prose.push_str(&format!("- {text}")),
                PieceKind::Task { ticked: true, text } => prose.push_str(&format!("- [x] {text}")),
                PieceKind::Task { ticked: false, text } => prose.push_str(&format!("- [ ] {text}")),
                PieceKind::Row(cells) => prose.push_str(&cells.join(" | ")),
            }
        }
        prose.trim().to_owned()
    }

    /// The one line that is the value, tidied.
    pub(crate) fn single(&self) -> Result<String, Violation> {
        match self.lines().as_slice() {
            [] => Err(unreadable("nothing is written here")),
            [(line, text)] if text.chars().count() > MAX_VALUE => Err(unreadable(format!(
                "This is {} characters long; a single short value is wanted here.",
                text.chars().count()
            ))
            .at(*line)),
            [(_, text)] => Ok(tidy(text)),
            [(first, _), (second, _), ..] => Err(unreadable(format!(
                "There are several lines here, in lines {first} and {second}; one value is wanted."
            ))
            .at(*second)),
        }
    }
}

fn text_of(kind: &PieceKind) -> &str {
    match kind {
        PieceKind::Line(text)
        | PieceKind::Quote(text)
        | PieceKind::Item(text)
        | PieceKind::Task { text, .. }
        | PieceKind::Code { text, .. } => text,
        PieceKind::Row(cells) => cells.first().map_or("", String::as_str),
    }
}
