//! Where the fields of a form stand in a document.

use std::collections::BTreeMap;

use super::{
    blank,
    label::{Label, Names},
    pairs,
};
use crate::{
    cookbook::{Field, FieldKind},
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
    pub(super) fn new(line: usize, label: Label, pieces: Vec<Piece>) -> Self {
        Self { line, written: Written { pieces, unit: label.unit, date_order: label.date_order } }
    }

    /// Whether nothing counts as an answer. One open box is a no to a yes or
    /// no, and nothing to everything else.
    pub(super) fn is_empty(&self, field: &Field) -> bool {
        let ticks = self.written.ticks();
        let open = !ticks.is_empty() && ticks.iter().all(|(_, ticked, _)| !ticked);
        let unanswered = match field.kind {
            FieldKind::Acknowledgement => open,
            FieldKind::Boolean => open && ticks.len() > 1,
            _ => open && self.written.lines().is_empty(),
        };
        unanswered || self.written.pieces.is_empty()
    }
}

/// What is looked for.
#[derive(Debug)]
pub(super) struct Form<'f> {
    /// In the order of the cookbook.
    pub(super) fields: &'f [Field],
    /// How each can be named.
    pub(super) names: Names,
}

/// Occurrences by the field's index.
pub(super) type Found = BTreeMap<usize, Vec<Occurrence>>;

/// All occurrences in the order of the document.
pub(super) fn find(document: &Document, fields: &[Field]) -> Found {
    let form = Form { fields, names: Names::of(fields) };
    let mut found = Found::new();
    pairs::read(&document.preamble, &form, &mut found);
    let mut current: Option<(usize, u8)> = None;
    for section in &document.sections {
        let label = Label::new(&section.heading);
        if let Some(index) = form.names.field(&label) {
            let pieces = without_own_label(index, &form, &section.pieces);
            found.entry(index).or_default().push(Occurrence::new(section.line, label, pieces));
            current = Some((index, section.level));
            continue;
        }
        // Headings of the requester's own within a text are part of the text.
        let inside = current.filter(|(index, level)| {
            section.level > *level && fields.get(*index).is_some_and(is_text)
        });
        if let Some(occurrence) = inside.and_then(|(index, _)| found.get_mut(&index)?.last_mut()) {
            occurrence.written.pieces.extend(with_heading(section));
        } else {
            current = None;
            pairs::read(&section.pieces, &form, &mut found);
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

pub(super) fn is_text(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Text { .. })
}

fn with_heading(section: &Section) -> Vec<Piece> {
    let kind = PieceKind::Line(section.heading.clone());
    let mut pieces = vec![Piece { line: section.line, depth: 0, begins_block: true, kind }];
    pieces.extend_from_slice(&section.pieces);
    pieces
}

/// `Memory: 4 GiB` below the heading `Memory` is `4 GiB`.
fn without_own_label(index: usize, form: &Form<'_>, pieces: &[Piece]) -> Vec<Piece> {
    let mut pieces = pieces.to_vec();
    if form.fields.get(index).is_some_and(|field| !is_text(field)) {
        for piece in &mut pieces {
            if let PieceKind::Line(text) | PieceKind::Item(text) | PieceKind::Task { text, .. } =
                &mut piece.kind
                && let Some(value) = value_behind(index, form, text)
            {
                *text = value;
            }
        }
    }
    pieces
}

fn value_behind(index: usize, form: &Form<'_>, text: &str) -> Option<String> {
    let mut sides = pairs::sides(text);
    let (_, value) =
        sides.find(|(label, _)| form.names.field(&Label::new(label)) == Some(index))?;
    Some(value.to_owned())
}
