//! Where the fields of a form stand in a document.

use std::collections::BTreeMap;

use super::{blank, label::Label};
use crate::{
    cookbook::{Field, FieldKind},
    quantity::written::tidy,
    request::{
        document::{Document, Piece, PieceKind, Section},
        value::written::Written,
    },
};

/// A place where a field stands, and what was written there.
#[derive(Clone, Debug)]
pub(super) struct Occurrence {
    /// The line of the heading or label.
    pub(super) line: usize,
    /// What stands there without hints.
    pub(super) written: Written,
}

impl Occurrence {
    fn new(line: usize, label: Label, pieces: Vec<Piece>) -> Self {
        Self { line, written: Written { pieces, unit: label.unit, date_order: label.date_order } }
    }

    /// Whether nothing counts as an answer. A box that is open is one for a
    /// yes or no, and none for an acknowledgement.
    pub(super) fn is_empty(&self, field: &Field) -> bool {
        let ticks = self.written.ticks();
        let open = !ticks.is_empty() && ticks.iter().all(|(_, ticked, _)| !ticked);
        let only_boxes = ticks.len() == self.written.pieces.len();
        match field.kind {
            FieldKind::Acknowledgement => self.written.pieces.is_empty() || open,
            FieldKind::Boolean => self.written.pieces.is_empty() || (open && ticks.len() > 1),
            _ => {
                self.written.pieces.is_empty()
                    || (open
                        && only_boxes
                        && ticks.iter().all(|(_, _, text)| blank::is_blank(text)))
            }
        }
    }
}

/// All occurrences by the field's index, in the order of the document.
pub(super) fn find(document: &Document, fields: &[Field]) -> BTreeMap<usize, Vec<Occurrence>> {
    let mut found: BTreeMap<usize, Vec<Occurrence>> = BTreeMap::new();
    pairs(&document.preamble, fields, &mut found);
    let mut current: Option<(usize, u8)> = None;
    for section in &document.sections {
        let label = Label::new(&section.heading);
        if let Some(index) = label.field(fields) {
            let pieces = without_own_label(index, fields, &section.pieces);
            found.entry(index).or_default().push(Occurrence::new(section.line, label, pieces));
            current = Some((index, section.level));
            continue;
        }
        // Headings of the requester's own within a text are part of the text.
        let inside = current.filter(|(index, level)| {
            section.level > *level && fields.get(*index).is_some_and(is_text)
        });
        match inside.and_then(|(index, _)| found.get_mut(&index)?.last_mut()) {
            Some(occurrence) => occurrence.written.pieces.extend(with_heading(section)),
            None => {
                current = None;
                pairs(&section.pieces, fields, &mut found);
            }
        }
    }
    for (index, occurrences) in &mut found {
        if let Some(field) = fields.get(*index) {
            for occurrence in occurrences {
                blank::clear(field, &mut occurrence.written);
            }
        }
    }
    found
}

fn is_text(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Text { .. })
}

fn with_heading(section: &Section) -> Vec<Piece> {
    let kind = PieceKind::Line(section.heading.clone());
    let mut pieces = vec![Piece { line: section.line, depth: 0, begins_block: true, kind }];
    pieces.extend_from_slice(&section.pieces);
    pieces
}

/// `Memory: 4 GiB` below the heading `Memory` is `4 GiB`.
fn without_own_label(index: usize, fields: &[Field], pieces: &[Piece]) -> Vec<Piece> {
    let mut pieces = pieces.to_vec();
    if fields.get(index).is_some_and(|field| !is_text(field)) {
        for piece in &mut pieces {
            if let PieceKind::Line(text) | PieceKind::Item(text) | PieceKind::Task { text, .. } =
                &mut piece.kind
                && let Some((label, value)) = split_label(text)
                && Label::new(label).field(fields) == Some(index)
            {
                *text = value.to_owned();
            }
        }
    }
    pieces
}

fn split_label(text: &str) -> Option<(&str, &str)> {
    text.split_once([':', '\u{ff1a}']).map(|(label, value)| (label.trim(), trim_marks(value)))
}

/// `**Memory**: 4` and `**Memory:** 4` both lose their stars in the parser;
/// what is left are spaces.
fn trim_marks(value: &str) -> &str {
    value.trim()
}

/// Reads `Label: value` in lines, items, tasks and rows.
fn pairs(pieces: &[Piece], fields: &[Field], found: &mut BTreeMap<usize, Vec<Occurrence>>) {
    let mut open: Option<Open> = None;
    for piece in pieces {
        if let Some(next) = Open::at(piece, fields) {
            close(open.replace(next), found);
        } else if open.as_ref().is_some_and(|open| open.takes(piece, fields)) {
            if let Some(open) = &mut open {
                open.pieces.push(piece.clone());
            }
        } else {
            close(open.take(), found);
        }
    }
    close(open, found);
}

fn close(open: Option<Open>, found: &mut BTreeMap<usize, Vec<Occurrence>>) {
    if let Some(Open { index, line, label, pieces, .. }) = open {
        found.entry(index).or_default().push(Occurrence::new(line, label, pieces));
    }
}

/// A label whose value is being collected.
struct Open {
    index: usize,
    line: usize,
    depth: usize,
    /// The label is a line of its own kind, not an item or a cell.
    is_line: bool,
    /// The value began on the label's own line.
    has_value: bool,
    label: Label,
    pieces: Vec<Piece>,
}

impl Open {
    /// The label that begins at this piece, if it names a field.
    fn at(piece: &Piece, fields: &[Field]) -> Option<Self> {
        let open = |label: Label, index: usize, kind: Option<PieceKind>| Self {
            index,
            line: piece.line,
            depth: piece.depth,
            is_line: matches!(piece.kind, PieceKind::Line(_)),
            has_value: kind.is_some(),
            label,
            pieces: kind.map(|kind| Piece { kind, ..piece.clone() }).into_iter().collect(),
        };
        let value = |text: &str| (!text.is_empty()).then(|| PieceKind::Line(text.to_owned()));
        let text = match &piece.kind {
            PieceKind::Row(cells) => {
                let (first, rest) = cells.split_first()?;
                let label = Label::new(first);
                let index = label.field(fields)?;
                return Some(open(label, index, value(&rest.join(" "))));
            }
            PieceKind::Line(text) | PieceKind::Item(text) | PieceKind::Task { text, .. } => text,
            PieceKind::Quote(_) | PieceKind::Code { .. } => return None,
        };
        let task = matches!(piece.kind, PieceKind::Task { .. }).then(|| piece.kind.clone());
        let boxed = |index: usize| fields.get(index).filter(|field| blank::is_box(field));
        if let Some((before, after)) = split_label(text) {
            let label = Label::new(before);
            if let Some(index) = label.field(fields) {
                let tick = task.filter(|_| after.is_empty() && boxed(index).is_some());
                return Some(open(label, index, tick.or_else(|| value(after))));
            }
        }
        let label = Label::new(text);
        if let Some(index) = label.field(fields) {
            let tick = task.filter(|_| boxed(index).is_some());
            return Some(open(label, index, tick));
        }
        // An acknowledgement is recognised by its sentence.
        task.as_ref()?;
        let sentence = |field: &Field| {
            field.kind == FieldKind::Acknowledgement
                && tidy(&field.help).eq_ignore_ascii_case(&tidy(text))
        };
        fields.iter().position(sentence).map(|index| open(label, index, task))
    }

    /// Whether a piece without a label of its own continues this value.
    fn takes(&self, piece: &Piece, fields: &[Field]) -> bool {
        if self.depth < piece.depth {
            return true;
        }
        let text = match &piece.kind {
            PieceKind::Line(text) | PieceKind::Item(text) | PieceKind::Task { text, .. } => text,
            PieceKind::Code { .. } => return self.is_line && !self.has_value,
            PieceKind::Quote(_) | PieceKind::Row(_) => return false,
        };
        let another = text.ends_with(':');
        let is_text = fields.get(self.index).is_some_and(is_text);
        let fresh = !self.has_value && self.pieces.is_empty();
        let contiguous = !piece.begins_block && (is_text || !self.has_value);
        self.is_line && !another && (fresh || contiguous)
    }
}
