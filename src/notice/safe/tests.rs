//! The judge here is another program's idea of Markdown: what `comrak` makes of
//! the text decides, never our own rules.

use comrak::{
    Arena, Options,
    nodes::{AstNode, NodeValue},
    parse_document,
};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{BLOCK_LIMIT, block, escape, inline, inline_within, link, mention, plain};

const NASTY: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "\t",
    "    ",
    " ",
    "\u{feff}",
    "\u{a0}",
    "\u{200b}",
    "\u{202e}",
    "\u{2028}",
    "\0",
    "\u{7f}",
    "`",
    "``",
    "```",
    "````",
    "~~~",
    "$`",
    "`$",
    "$$",
    "\\",
    "\\`",
    "/close",
    "\n/close\n",
    "/",
    "@all",
    "@alice",
    "#1",
    "!1",
    "~bug",
    "%\"1.0\"",
    "&1",
    "$1",
    "<!--",
    "-->",
    "<b>",
    "<details>",
    "</details>",
    "<script>",
    "&#64;all",
    "&copy;",
    "{{",
    "}}",
    "{{{x}}}",
    "- ",
    "* ",
    "+ ",
    "1. ",
    "2) ",
    "# ",
    "> ",
    ">>>",
    "---",
    "===",
    "|",
    "| a |\n|---|",
    "[x](http://x.y)",
    "[a]: http://x.y",
    "![i](j)",
    "[",
    "]",
    "(",
    ")",
    "www.x.org",
    "http://x.y",
    "a@b.cd",
    "x.org",
    "0123abcdef",
    "deadbeef",
    ":smile:",
    "ABC-12",
    "*",
    "**",
    "_",
    "__",
    "^",
    "[^1]",
    "[[_TOC_]]",
    "::include{file=x}",
    "word",
    "Word 2.5 GiB",
    "é",
    "💥",
    ".",
    ":",
    "-",
    "%",
];

fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => select(NASTY).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => select(vec!['a', 'A', '1', ' ', '.', ':', '-', '_', '%', '+', '(']).prop_map(String::from),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Markdown as GitLab reads it.
pub(in crate::notice) fn gitlab_options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.table = true;
    extension.autolink = true;
    extension.strikethrough = true;
    extension.tasklist = true;
    extension.footnotes = true;
    extension.description_lists = true;
    extension.multiline_block_quotes = true;
    extension.math_dollars = true;
    extension.math_code = true;
    extension.alerts = true;
    options.parse.relaxed_autolinks = true;
    options
}

/// The tree as `name(children)`, with the text of leaves.
fn shape(markdown: &str) -> String {
    fn walk<'a>(node: &'a AstNode<'a>, out: &mut String) {
        let value = node.data.borrow().value.clone();
        let leaf = match value {
            NodeValue::Text(text) => format!("{text:?}"),
            NodeValue::Code(code) => format!("code:{:?}", code.literal),
            NodeValue::CodeBlock(code) => format!("block:{:?}:{:?}", code.info, code.literal),
            other => other.xml_node_name().to_owned(),
        };
        out.push_str(&leaf);
        let children: Vec<_> = node.children().collect();
        if !children.is_empty() {
            out.push('(');
            for (index, child) in children.into_iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                walk(child, out);
            }
            out.push(')');
        }
    }
    let arena = Arena::new();
    let mut out = String::new();
    walk(parse_document(&arena, markdown, &gitlab_options()), &mut out);
    out
}

/// What stands in the code of an inline text, read back by rules of its own.
fn code_in(markdown: &str) -> String {
    let shape = shape(markdown);
    let code = shape.strip_prefix("document(paragraph(code:").and_then(|s| s.strip_suffix("))"));
    code.unwrap_or_else(|| panic!("{markdown:?} is not code alone: {shape}")).to_owned()
}

/// Panics when something in `markdown` could act: every way we know of.
fn assert_inert(markdown: &str) {
    const ACTIVE: &str =
        "html_ link image footnote math heading thematic list quote emph strong strike";
    let shape = shape(markdown);
    for node in ACTIVE.split(' ') {
        let outside_of_text: String = shape.split('"').step_by(2).collect();
        assert!(!outside_of_text.contains(node), "{markdown:?} has a {node}: {shape}");
    }
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &gitlab_options());
    for node in root.descendants() {
        let NodeValue::Text(text) = &node.data.borrow().value else { continue };
        let chars: Vec<char> = text.chars().collect();
        for pair in chars.windows(2) {
            let acts = "@#!~%&$".contains(pair[0]) && (pair[1].is_alphanumeric() || pair[1] == '"');
            assert!(!acts, "{markdown:?} refers to something: {text:?}");
        }
        assert!(!text.contains("://") && !text.contains("www."), "{markdown:?} has an address");
    }
    for line in markdown.split(['\n', '\r']) {
        let is_command = line.starts_with('/') && line[1..].starts_with(char::is_alphabetic);
        assert!(!is_command, "{markdown:?} has a line that commands");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_inline_text_is_code_and_nothing_else(text in nasty()) {
        // As Rust writes it: a backslash is two of them, a line break is not.
        let code = code_in(&inline(&text)).replace(r"\\", "");
        prop_assert!(!code.contains(r"\n") && !code.contains(r"\r") && !code.contains('|'));
        prop_assert_eq!(inline(&text).lines().count(), 1);
    }

    #[test]
    fn an_inline_text_stays_in_its_table_cell_and_list_item(text in nasty()) {
        let code = code_in(&inline(&text));
        let text = inline(&text);
        let table = shape(&format!("| a | b |\n|---|---|\n| {text} | end |\n| x {text} | end |"));
        prop_assert!(
            table.contains(&format!("table_row(table_cell(code:{code}) table_cell(\"end\"))")),
            "{}", table
        );
        prop_assert!(table.contains(&format!("table_cell(\"x \" code:{code})")), "{}", table);
        let list = shape(&format!("- {text}\n- it said {text}, then\n  {text}\n"));
        prop_assert!(list.contains(&format!("item(paragraph(code:{code}))")), "{}", list);
        let wanted = format!("\"it said \" code:{code} \", then\" softbreak code:{code}");
        prop_assert!(list.contains(&wanted), "{}", list);
        let around = shape(&format!("Before\n{text}\nafter **{text}** [{text}](http://x.y)"));
        prop_assert_eq!(around.matches(&format!("code:{code}")).count(), 3);
    }

    #[test]
    fn a_block_is_one_block_of_code_wherever_it_stands(text in nasty()) {
        let is_one = |shape: &str| shape.matches("block:").count() == 1;
        let block = block(&text);
        let alone = shape(&block);
        prop_assert!(alone.starts_with("document(block:\"\":"), "{}", alone);
        prop_assert!(is_one(&alone) && !alone.contains("paragraph"), "{}", alone);
        let literal = &alone["document(".len()..alone.len() - 1];
        for template in ["It said:{}Done.", "- item{}rest", "> quote {}rest", "| a |\n|---|\n| {} |",
                         "<details><summary>Log</summary>\n{}\n</details>", "# Log {} ---"] {
            let within = shape(&template.replace("{}", &block));
            prop_assert!(within.contains(literal), "{} in {}", literal, within);
        }
    }

    #[test]
    fn an_escaped_value_never_acts(text in nasty()) {
        let escaped = escape(&text);
        assert_inert(&escaped);
        assert_inert(&format!("Memory {escaped}, then"));
        assert_inert(&format!("{escaped}\n\n{escaped}"));
        let mention = mention(&text);
        let (is_text, is_code) = (format!("{mention:?}"), format!("code:{}", code_in(&inline(&text))));
        let shape = shape(&mention);
        let allowed = [is_text, is_code].map(|leaf| format!("document(paragraph({leaf}))"));
        prop_assert!(allowed.contains(&shape), "{}", shape);
    }

    #[test]
    fn a_link_is_one_link_or_none(text in nasty(), url in nasty()) {
        for url in [url.clone(), format!("https://x.y/{url}"), format!("http://x.y/a?b={url}#{url}")] {
            let link = link(&text, &url);
            let shape = shape(&link);
            let inner = shape.strip_prefix("document(paragraph(").unwrap_or("");
            prop_assert!(inner.starts_with("link(") || !shape.contains("link("), "{}", shape);
            prop_assert!(shape.matches("link(").count() <= 1, "{} is {}", link, shape);
            prop_assert_eq!(link.lines().count(), 1);
            let cell = self::shape(&format!("| a |\n|---|\n| {link} |"));
            prop_assert_eq!(cell.matches("table_cell(").count(), 2, "{}", cell);
        }
    }
}

#[test]
fn inline_text_is_shown_as_it_was_meant() {
    let table = [
        ("2 GiB", "`2 GiB`"),
        ("a `b` c", "``a `b` c``"),
        ("`", "`` ` ``"),
        ("x``", "``` x`` ```"),
        ("  two\r\n\tlines  ", "`two lines`"),
        ("a|b", "`a¦b`"),
        ("\u{202e}cilam\u{feff}", "`cilam`"),
        ("a\u{a0}b\u{2028}c\0d", "`a b c d`"),
        ("", "`(empty)`"),
        (" \u{200b}\n", "`(empty)`"),
        ("/close", "`/close`"),
        ("\\", "`\\`"),
    ];
    for (text, expected) in table {
        assert_eq!(inline(text), expected, "{text:?}");
    }
    assert_eq!(inline_within("äöü ß", 4), "`äöü…`");
    assert_eq!(inline_within("äöü", 3), "`äöü`");
    assert_eq!(inline(&"x".repeat(300)).chars().count(), 203);
}

#[test]
fn a_block_keeps_lines_and_indentation_and_nothing_that_acts() {
    assert_eq!(block("a\r\n  b\rc\n\n"), "\n\n```\na\n  b\nc\n```\n");
    assert_eq!(block("```\n/close\n```"), "\n\n````\n```\n/close\n```\n````\n");
    assert_eq!(block("\u{1b}[31mred\u{feff}"), "\n\n```\n[31mred\n```\n");
    assert_eq!(block("\n \n"), "\n\n```\n(empty)\n```\n");
    assert!(block(&"x".repeat(BLOCK_LIMIT + 1)).ends_with("x\n…\n```\n"));
}

#[test]
fn our_own_words_stay_words() {
    for text in [
        "",
        "2 GiB",
        "2.5 GiB, at most 8 GiB.",
        "Friday 5 December 2026, 10:00 CET (in 14 days)",
        "50% of the quota; it's fine",
        "10.0.0.12",
        "sandbox-7",
        "lease_count",
        "2026-12-05",
        "C++ (any)",
        "Grüße",
        "note: all is well",
    ] {
        assert_eq!(plain(text), text);
    }
}

#[test]
fn whatever_could_act_becomes_code() {
    for text in [
        "@all",
        "a @b",
        "#1",
        "!1",
        "~bug",
        "%1",
        "&1",
        "$1",
        "/close",
        "a/b",
        "x\\y",
        "<b>",
        "*x*",
        "_x_",
        "__init__",
        "[x]",
        "a|b",
        "example.org",
        "www.5",
        "x@y.z",
        ":smile:",
        "a:b",
        "3f9c2a7e",
        "at 1234567",
        "ABC-12",
        "see UTF-8",
        "- x",
        "+ x",
        "1. x",
        "12) x",
        "7.",
        " x",
        "x ",
        "a\nb",
        "a\tb",
        "\u{feff}x",
        "e\u{301}",
        "{{x}}",
        "a=b",
        "\"x\"",
        "a...",
    ] {
        assert_eq!(plain(text), inline(text), "{text:?}");
    }
}

#[test]
fn only_a_persons_name_is_mentioned() {
    for name in ["alice", "a.b-c_d", "0x", "project_7_bot_1f"] {
        assert_eq!(mention(name), format!("@{name}"));
    }
    for name in
        ["all", "ALL", "here", "channel", "", "a b", "a/b", "_x_", "-x", "x-", "x.", "a\nb", "ä"]
    {
        assert_eq!(mention(name), inline(name), "{name:?}");
    }
}

#[test]
fn links_lead_to_web_pages_only() {
    let table = [
        ("Issue 3", "https://x.y/-/issues/3", "[Issue 3](https://x.y/-/issues/3)"),
        ("#3", "http://x.y/a b?c=1&d=(2)", "[`#3`](http://x.y/a%20b?c=1&amp;d=%282%29)"),
        ("", "https://x.y", "[`(empty)`](https://x.y/)"),
        ("x", "https://[::1]/", "[x](https://[::1]/)"),
        ("x", "javascript:alert(1)", "x"),
        ("x", "https://me:pw@x.y/", "x"),
        ("x", "/relative", "x"),
        ("x", "https://x.y/a|b`c", "[x](https://x.y/a%7Cb%60c)"),
    ];
    for (text, url, expected) in table {
        assert_eq!(link(text, url), expected, "{url}");
    }
}
