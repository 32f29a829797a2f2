//! What stands in a form and is no answer: untouched hints, placeholders, dashes.

use crate::{
    cookbook::{Field, FieldKind},
    quantity::written::tidy,
    request::{
        document::{self, Piece, PieceKind},
        value::written::Written,
    },
};

/// Drops what is no answer.
pub(super) fn clear(field: &Field, written: &mut Written) {
    let help: Vec<String> = field.help.lines().map(comparable).collect();
    let ticks = matches!(
        field.kind,
        FieldKind::Choice { .. } | FieldKind::Choices { .. } | FieldKind::Tier { .. }
    );
    written.pieces.retain(|piece| match &piece.kind {
        PieceKind::Task { ticked: true, .. } => true,
        PieceKind::Task { ticked: false, .. } if ticks => false,
        PieceKind::Task { .. } if is_box(field) => true,
        PieceKind::Row(cells) => cells.iter().any(|cell| !is_blank(cell)),
        PieceKind::Code { .. } if matches!(field.kind, FieldKind::Text { .. }) => true,
        kind => {
            let text = kind.text();
            let hint = help.contains(&comparable(text)) && !comparable(text).is_empty();
            !is_blank(text) && !hint
        }
    });
    if let Some(placeholder) = &field.placeholder {
        let written_text = comparable(&written.prose());
        if written_text == comparable(placeholder)
            || written_text == comparable(&document::plain(placeholder))
        {
            written.pieces.clear();
        }
    }
    if written.pieces.iter().all(|piece| piece.kind.text().trim().is_empty() && is_code(piece)) {
        written.pieces.clear();
    }
}

/// Whether an open box is an answer of this field.
pub(super) fn is_box(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Boolean | FieldKind::Acknowledgement)
}

fn is_code(piece: &Piece) -> bool {
    matches!(piece.kind, PieceKind::Code { .. })
}

/// Whether a line answers nothing: `_No response_`, `N/A`, `TODO`, `-`,
/// `${name}`, `<name>`.
pub(super) fn is_blank(text: &str) -> bool {
    let text = tidy(text).to_lowercase();
    let text = text.trim_matches(['*', '_', '`', ' ']);
    let within = |open: &str, close: char| {
        text.strip_prefix(open)
            .and_then(|text| text.strip_suffix(close))
            .is_some_and(|inner| !inner.contains([close, '@', ':']))
    };
    matches!(
        text.trim_end_matches('.'),
        "" | "no response" | "n/a" | "todo" | "tbd" | "fixme" | "…" | "?" | "[ ]" | "[]"
    ) || text.chars().all(|character| matches!(character, '-' | '\u{2013}' | '\u{2014}'))
        || within("${", '}')
        || within("<", '>')
}

/// Text with markup characters and spacing removed, for comparing.
fn comparable(text: &str) -> String {
    let text: String = tidy(text).to_lowercase();
    text.chars().filter(|character| !matches!(character, '*' | '_' | '`' | '\\' | ' ')).collect()
}

#[cfg(test)]
mod tests {
    use super::is_blank;

    #[test]
    fn hints_and_dashes_answer_nothing() {
        for text in [
            "",
            "No response",
            "_No response_",
            "N/A",
            "n/a.",
            "TODO",
            "TBD",
            "-",
            "---",
            "\u{2014}",
            "${action_name}",
            "`${x}`",
            "<name>",
            "<your host name>",
            "...",
            "\u{a0}",
        ] {
            assert!(is_blank(text), "{text}");
        }
        for text in ["no", "4 GiB", "<b>x</b> y", "a - b", "none", "${HOME} and more", "0"] {
            assert!(!is_blank(text), "{text}");
        }
    }
}
