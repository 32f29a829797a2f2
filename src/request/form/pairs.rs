//! Labels and values side by side, where no heading names the field.

use super::{
    blank,
    label::Label,
    occurrences::{Form, Found, Occurrence, is_text},
};
use crate::{
    cookbook::{Field, FieldKind},
    quantity::written::tidy,
    request::document::{Piece, PieceKind},
};

/// So many marks of a line are tried as the end of its label.
const MAX_MARKS: usize = 4;

/// The ways to see two sides in `Memory: 4 GiB` or `Who decides? @alice`. A
/// label may itself hold a mark.
pub(super) fn sides(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let marks = text.match_indices([':', '\u{ff1a}', '?']).take(MAX_MARKS);
    marks.map(|(at, mark)| {
        let (label, rest) = text.split_at(at);
        let value = rest.strip_prefix(mark).unwrap_or(rest).trim_start_matches([':', ' ']);
        (label.trim(), value.trim())
    })
}

/// Reads `Label: value` in lines, items, tasks and rows.
pub(super) fn read(pieces: &[Piece], form: &Form<'_>, found: &mut Found) {
    let mut open: Option<Open> = None;
    for piece in pieces {
        if let Some(next) = Open::at(piece, form) {
            close(open.replace(next), found);
        } else if open.as_ref().is_some_and(|open| open.takes(piece, form)) {
            if let Some(open) = &mut open {
                open.pieces.push(piece.clone());
            }
        } else {
            close(open.take(), found);
        }
    }
    close(open, found);
}

fn close(open: Option<Open>, found: &mut Found) {
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
    fn at(piece: &Piece, form: &Form<'_>) -> Option<Self> {
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
                let index = form.names.field(&label)?;
                return Some(open(label, index, value(&rest.join(" "))));
            }
            PieceKind::Line(text) | PieceKind::Item(text) | PieceKind::Task { text, .. } => text,
            PieceKind::Quote(_) | PieceKind::Code { .. } => return None,
        };
        let task = matches!(piece.kind, PieceKind::Task { .. }).then(|| piece.kind.clone());
        let boxed = |index: usize| form.fields.get(index).filter(|field| blank::is_box(field));
        for (before, after) in sides(text) {
            let label = Label::new(before);
            if let Some(index) = form.names.field(&label) {
                let tick = task.filter(|_| after.is_empty() && boxed(index).is_some());
                return Some(open(label, index, tick.or_else(|| value(after))));
            }
        }
        let label = Label::new(text);
        if let Some(index) = form.names.field(&label) {
            let tick = task.filter(|_| boxed(index).is_some());
            return Some(open(label, index, tick));
        }
        // An acknowledgement is recognised by its sentence.
        task.as_ref()?;
        let sentence = |field: &Field| {
            field.kind == FieldKind::Acknowledgement
                && tidy(&field.help).eq_ignore_ascii_case(&tidy(text))
        };
        form.fields.iter().position(sentence).map(|index| open(label, index, task))
    }

    /// Whether a piece without a label of its own continues this value.
    fn takes(&self, piece: &Piece, form: &Form<'_>) -> bool {
        if self.depth < piece.depth {
            return true;
        }
        let text = match &piece.kind {
            PieceKind::Line(text) | PieceKind::Item(text) | PieceKind::Task { text, .. } => text,
            PieceKind::Code { .. } => return self.is_line && !self.has_value,
            PieceKind::Quote(_) | PieceKind::Row(_) => return false,
        };
        let another = text.ends_with(':');
        let is_text = form.fields.get(self.index).is_some_and(is_text);
        let fresh = !self.has_value && self.pieces.is_empty();
        let contiguous = !piece.begins_block && (is_text || !self.has_value);
        self.is_line && !another && (fresh || contiguous)
    }
}

#[cfg(test)]
mod tests {
    use super::sides;

    #[test]
    fn every_mark_may_be_the_end_of_the_label() {
        let read = |text| sides(text).collect::<Vec<_>>();
        assert_eq!(read("Memory: 4 GiB"), [("Memory", "4 GiB")]);
        assert_eq!(read("Who decides? @bob"), [("Who decides", "@bob")]);
        assert_eq!(read("Quota: memory: 8"), [("Quota", "memory: 8"), ("Quota: memory", "8")]);
        assert_eq!(read("Name\u{ff1a}web"), [("Name", "web")]);
        assert_eq!(read("no mark"), []);
        assert_eq!(read("Why?: because"), [("Why", "because"), ("Why?", "because")]);
        assert_eq!(read(&"?:".repeat(90)).len(), 4);
    }
}
