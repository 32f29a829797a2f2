//! `default` of a field: what an empty answer means. It is read by the same
//! code as an answer, so that a default can be all that an answer can, and
//! nothing else.

use chrono::NaiveDate;
use toml::{Spanned, de::DeValue};

use super::reader::{Table, scalar};
use crate::{
    cookbook::{Field, FieldKind, Terms},
    quantity::{Delay, Lifetime},
    request::{
        document::{Piece, PieceKind},
        value::{self, Value, written::Written},
    },
};

/// Reads `default`. The flag tells whether one was written, readable or not.
pub(super) fn read(table: &Table<'_>, field: &Field) -> (Option<Value>, bool) {
    let refused = match field.kind {
        FieldKind::Lifetime => Some("the default of a lifetime stands in `[lifetime]`"),
        FieldKind::Acknowledgement => Some("a box that is ticked already acknowledges nothing"),
        FieldKind::Group => Some("not everybody who asks belongs to the same group"),
        FieldKind::Hostname => Some("two machines cannot have the same name"),
        FieldKind::SshKeys => Some("without keys in the form, those of the account are used"),
        FieldKind::Date => Some("a fixed day is soon in the past"),
        _ => None,
    };
    if let Some(why) = refused {
        table.meaningless("default", "this field cannot have a default", why);
        return (None, false);
    }
    let Some(value) = table.value("default") else { return (None, false) };
    let Some(lines) = lines(value.value, &field.kind) else {
        let wanted = match field.kind {
            FieldKind::Choices { .. } | FieldKind::Users { .. } => {
                "a list of texts like `[\"a\", \"b\"]`"
            }
            _ => "a single value",
        };
        table.file.report(&value.span, format!("`default` of this type must be {wanted}"));
        return (None, true);
    };
    // Neither terms nor today matter to the types that can have a default.
    let (terms, today) = (no_terms(), NaiveDate::default());
    match value::read(field, &written(&lines), &terms, today) {
        Ok(value) => (Some(value), true),
        Err(violations) => {
            for violation in violations {
                let message = format!("`default`: {}", violation.message);
                match violation.hint {
                    Some(hint) => table.file.report_with(&value.span, message, hint),
                    None => table.file.report(&value.span, message),
                }
            }
            (None, true)
        }
    }
}

/// What is written, as the lines of an answer.
fn lines(value: &Spanned<DeValue<'_>>, kind: &FieldKind) -> Option<Vec<String>> {
    let several = matches!(kind, FieldKind::Choices { .. } | FieldKind::Users { .. });
    match value.get_ref() {
        DeValue::Array(elements) if several => {
            let texts = elements.iter().map(|element| element.get_ref().as_str());
            texts.map(|text| text.map(str::to_owned)).collect()
        }
        _ if several => None,
        single => scalar(single).map(|text| text.lines().map(str::to_owned).collect()),
    }
}

fn written(lines: &[String]) -> Written {
    let piece = |(index, text): (usize, &String)| Piece {
        line: 1,
        depth: 0,
        begins_block: index == 0,
        kind: PieceKind::Line(text.clone()),
    };
    Written { pieces: lines.iter().enumerate().map(piece).collect(), ..Written::default() }
}

fn no_terms() -> Terms {
    Terms {
        default: Lifetime::MAX,
        max: Lifetime::MAX,
        total: Lifetime::MAX,
        extensions: None,
        warn: Vec::new(),
        min_notice: Delay::MAX,
        grace: Delay::MAX,
        backups: Delay::MAX,
    }
}
