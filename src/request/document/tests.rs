use proptest::prelude::*;

use super::{Document, MAX_BYTES, PieceKind, marker, parse};
use crate::{identity::CookbookName, violation::ViolationCode};

/// One line per heading and piece: `LINE what text`.
fn outline(markdown: &str) -> String {
    let Document { preamble, sections } = parse(markdown).unwrap();
    let show = |piece: &super::Piece| {
        let text = match &piece.kind {
            PieceKind::Line(text) => format!("line {text}"),
            PieceKind::Quote(text) => format!("quote {text}"),
            PieceKind::Item(text) => format!("item {text}"),
            PieceKind::Task { ticked: true, text } => format!("[x] {text}"),
            PieceKind::Task { ticked: false, text } => format!("[ ] {text}"),
            PieceKind::Row(cells) => format!("row {}", cells.join(" | ")),
            PieceKind::Code { info, text } => format!("code({info}) {text}|"),
        };
        format!("{} {}{text}", piece.line, "  ".repeat(piece.depth))
    };
    let mut lines: Vec<String> = preamble.iter().map(show).collect();
    for section in &sections {
        let marks = "#".repeat(usize::from(section.level));
        lines.push(format!("{} {marks} {}", section.line, section.heading));
        lines.extend(section.pieces.iter().map(show));
    }
    lines.join("\n")
}

#[test]
fn every_kind_of_content_keeps_its_line() {
    let body = "\
intro **bold** <!-- hint -->

### Memory

4 GiB
and `more`

<!-- a hint
of two lines -->behind it

## List
- plain
- [ ] open: value
- [x] ticked
  continued
  - nested

| Disk | 20 GiB |
|------|--------|
| CPU  | 2 \\| 3 |

```text
# no heading

key
```
> # no heading either
> quoted

[docs](https://example.org/x) <https://example.org/y>

/label ~vm
";
    insta::assert_snapshot!(outline(body), @"
    1 line intro bold
    3 ### Memory
    5 line 4 GiB
    6 line and more
    9 line behind it
    11 ## List
    12 item plain
    13 [ ] open: value
    14 [x] ticked
    15   line continued
    16   item nested
    18 row Disk | 20 GiB
    20 row CPU | 2 | 3
    23 code(text) # no heading|
    24 code(text) |
    25 code(text) key|
    27   quote no heading either
    28   quote quoted
    30 line docs (https://example.org/x) https://example.org/y
    ");
}

#[test]
fn line_numbers_are_those_of_the_original_whatever_the_line_ends() {
    let unix = "\u{feff}### Memory\n\n<!-- a\nb -->\n4 GiB\n\n### Disk\n20 GiB\n";
    let expected = "1 ### Memory\n5 line 4 GiB\n7 ### Disk\n8 line 20 GiB";
    assert_eq!(outline(unix), expected);
    assert_eq!(outline(&unix.replace('\n', "\r\n")), expected);
    assert_eq!(outline(unix.trim_start_matches('\u{feff}')), expected);
}

#[test]
fn what_spans_lines_within_a_paragraph_does_not_shift_those_below() {
    assert_eq!(outline("a <!-- x\ny --> b\nc"), "1 line a  b\n3 line c");
    assert_eq!(outline("`a\nb` c\nd"), "1 line a b c\n3 line d");
    assert_eq!(outline("<a\nb> c\nd"), "1 line <a b> c\n3 line d");
    assert_eq!(
        outline("*a\nb* [c\nd](https://e)\nf"),
        "1 line a\n2 line b c\n3 line d (https://e)\n4 line f"
    );
}

#[test]
fn a_rule_below_a_value_does_not_make_it_a_heading() {
    assert_eq!(
        outline("### Memory\n4 GiB\n---\n### Disk\n"),
        "1 ### Memory\n2 line 4 GiB\n4 ### Disk"
    );
}

#[test]
fn quick_actions_are_no_content_but_paths_are() {
    assert_eq!(
        outline("### Why\ntry it\n/label ~vm\n/srv is full"),
        "1 ### Why\n2 line try it\n4 line /srv is full"
    );
    assert_eq!(outline("<!-- x -->\n/label ~vm"), "");
}

#[test]
fn a_date_that_looks_like_a_list_keeps_its_day() {
    assert_eq!(outline("15. January 2027"), "1 item 15. January 2027");
}

#[test]
fn the_marker_is_found_in_comments_only() {
    let sandbox = Some(CookbookName::from("sandbox"));
    assert_eq!(marker("<!-- innkeeper: sandbox -->\n\n### Memory"), sandbox);
    assert_eq!(marker("text <!--innkeeper:sandbox--> text"), sandbox);
    assert_eq!(marker("<!-- hi --> <!-- innkeeper: sandbox -->"), sandbox);
    assert_eq!(marker("```\n<!-- innkeeper: sandbox -->\n```"), None);
    assert_eq!(marker("`<!-- innkeeper: sandbox -->`"), None);
    assert_eq!(marker("<!-- innkeeper: ../etc -->"), None);
    assert_eq!(marker("innkeeper: sandbox"), None);
    assert_eq!(marker(&format!("<!-- innkeeper: sandbox -->\n{}", "ä".repeat(MAX_BYTES))), sandbox);
}

#[test]
fn a_body_that_is_too_large_is_refused_with_both_sizes() {
    let violation = parse(&"x".repeat(MAX_BYTES + 1)).unwrap_err();
    assert_eq!(violation.code, ViolationCode::TooLarge);
    assert_eq!(violation.message, "The description is 101 KiB long; at most 100 KiB are read.");
}

#[test]
fn deep_nesting_is_survived() {
    for mark in [">", "- ", "* [ ] ", "1. ", "*", "[", "<a>", "~~"] {
        let body = mark.repeat(20_000 / mark.len());
        let _ = parse(&body).unwrap();
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*|([#>|`~*_\\-\\[\\] x:<!/\\r\\n0-9a-c]){0,80}") {
        let document = parse(&text).unwrap();
        let lines = text.split(['\r', '\n']).count();
        for section in document.sections {
            prop_assert!(section.line >= 1 && section.line <= lines);
        }
        let _ = marker(&text);
    }
}
