//! What stands under a field's heading or behind its label.

use crate::{
    quantity::written::tidy,
    request::{
        document::{Piece, PieceKind},
        value::{date::DateOrder, problem::Problem},
    },
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
            kind => Some((piece.line, kind.text())),
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
        let outermost = self.pieces.iter().map(|piece| piece.depth).min().unwrap_or(0);
        let mut prose = String::new();
        for piece in &self.pieces {
            let depth = piece.depth - outermost;
            if !prose.is_empty() {
                prose.push_str(if piece.begins_block && depth == 0 { "\n\n" } else { "\n" });
            }
            prose.push_str(&"  ".repeat(depth));
            prose.push_str(match &piece.kind {
                PieceKind::Line(_) | PieceKind::Code { .. } | PieceKind::Row(_) => "",
                PieceKind::Quote(_) => "> ",
                PieceKind::Item(_) => "- ",
                PieceKind::Task { ticked: true, .. } => "- [x] ",
                PieceKind::Task { ticked: false, .. } => "- [ ] ",
            });
            match &piece.kind {
                PieceKind::Row(cells) => prose.push_str(&cells.join(" | ")),
                kind => prose.push_str(kind.text()),
            }
        }
        prose.trim().to_owned()
    }

    /// The one line that is the value, tidied.
    pub(super) fn single(&self) -> Result<String, Problem> {
        match self.lines().as_slice() {
            [] => Err(Problem::unreadable("nothing is written here")),
            [(line, text)] if text.chars().count() > MAX_VALUE => {
                Err(Problem::unreadable(format!(
                    "This is {} characters long; a single short value is wanted here.",
                    text.chars().count()
                ))
                .at(*line))
            }
            [(_, text)] => Ok(tidy(text)),
            [(first, _), (second, _), ..] => Err(Problem::unreadable(format!(
                "There are several lines here, in lines {first} and {second}; one value is wanted."
            ))
            .at(*second)),
        }
    }
}
