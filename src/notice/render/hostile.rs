//! Every template with hostile text in every field, read by others' eyes: what
//! finds quick actions, mentions and references as GitLab does, and the HTML
//! that comes out.

use std::{collections::BTreeMap, sync::LazyLock};

use comrak::markdown_to_html;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;

use super::{
    EMBEDDED, Renderer, TemplateError,
    trial::{contexts, with_texts},
};
use crate::{
    notice::{
        marker::Marker,
        safe::{INLINE_LIMIT, tests::gitlab_options},
    },
    rehearsal::{quick_actions::extract, references},
};

const FRAGMENTS: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "\t",
    "    ",
    " ",
    "\u{feff}",
    "\u{a0}",
    "\u{85}",
    "\u{2028}",
    "\u{200b}",
    "\u{2060}",
    "\u{202e}",
    "\u{ad}",
    "\0",
    "\u{b}",
    "\u{c}",
    "`",
    "``",
    "```",
    "\n```\n",
    "~~~",
    "\n~~~\n",
    "$`",
    "`$",
    "$$",
    "\\",
    "\\`",
    "/close",
    "\n/close\n",
    "\r/close",
    "\r\n/CLOSE\r\n",
    "\u{feff}/close",
    "\u{a0}/close",
    "/Label ~bug",
    "/clo\rse",
    "\n\n/assign @alice\n",
    "/shrug",
    "/tableflip",
    "/",
    "@all",
    "@ALL",
    "@alice",
    "\\@all",
    "@\u{200b}all",
    "@tpo/tpa",
    "&#64;all",
    "&commat;all",
    "#1",
    "!1",
    "~bug",
    "~\"a b\"",
    "%1",
    "%\"1.0\"",
    "&1",
    "$1",
    "^1",
    "group:tpo/tpa",
    "user:alice",
    "user:all",
    "group:tpo/all",
    "GL-1",
    "gl-7",
    "tpo/tpa#1",
    "[issue:1]",
    "*iteration:1",
    "<!--",
    "-->",
    "<!-- innkeeper:sticky -->",
    "<b>",
    "</b>",
    "<details>",
    "\n</details>\n\n",
    "</summary>",
    "<script>alert(1)</script>",
    "<a href=\"x\" onclick=\"y\">",
    "\"><img src=x onerror=y>",
    "' onmouseover='x",
    "&lt;b&gt;",
    "&copy;",
    "{{",
    "}}",
    "{{{x}}}",
    "{{title}}",
    "{{> sticky}}",
    "- ",
    "* ",
    "+ ",
    "1. ",
    "2) ",
    "- [ ] ",
    "[ ] ",
    "[x] ",
    "# ",
    "## ",
    "> ",
    ">>>",
    "\n>>>\n",
    "---",
    "\n---\n",
    "===",
    "\n===\n",
    "|",
    " | ",
    "\n|---|\n",
    "[x](http://x.y)",
    "[a]: http://x.y",
    "![i](http://x.y/j)",
    "[",
    "]",
    "(",
    ")",
    "](",
    "<http://x.y>",
    "www.x.org",
    "http://x.y",
    "a@b.cd",
    "mailto:a@b.cd",
    "x.org",
    "0123abcdef",
    "deadbeef",
    ":smile:",
    "ABC-12",
    "*",
    "**",
    "_",
    "__",
    "~~",
    "^",
    "[^1]",
    "[^1]: x",
    "[[_TOC_]]",
    "[TOC]",
    "::include{file=x}",
    ": x",
    "[!note]",
    "{+a+}",
    "[-b-]",
    "word",
    "alice",
    "2.5 GiB",
    "é",
    "💥",
    ".",
    ":",
    "-",
    "%",
    "!",
];

/// What a mention must be at least once: a value that is a name as it is.
const NAME: &str = "alice";

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => select(FRAGMENTS).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

fn renderer() -> &'static Renderer {
    static RENDERER: LazyLock<Renderer> = LazyLock::new(|| Renderer::new(None).unwrap());
    &RENDERER
}

/// A template with a context, and the tags it has with a harmless text in
/// every place.
struct Case {
    name: String,
    context: Value,
    tags: BTreeMap<String, usize>,
}

fn all() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let case = |(name, context): (String, Value)| {
            let harmless = filled(&context, &["x".to_owned()]).0;
            let tags = tags(&html(&posted(&name, &harmless)));
            Case { name, context, tags }
        };
        contexts().into_iter().map(case).collect()
    });
    &CASES
}

/// The text as it is posted: rendered, under a marker.
fn posted(name: &str, context: &Value) -> String {
    let text = renderer().render(name, context).unwrap();
    text.marked(&Marker::of_effect("key")).as_str().to_owned()
}

/// The context with these texts in it, turn by turn. An address keeps its
/// beginning: which ones are linked at all is another test's.
fn filled(context: &Value, texts: &[String]) -> (Value, Vec<String>) {
    let mut used = Vec::new();
    let mut texts = texts.iter().cycle();
    let filled = fill(context, "", &mut texts, &mut used);
    (filled, used)
}

fn fill<'a>(
    context: &Value,
    name: &str,
    texts: &mut impl Iterator<Item = &'a String>,
    used: &mut Vec<String>,
) -> Value {
    match context {
        Value::String(old) if !old.is_empty() => {
            let text = texts.next().unwrap();
            let text = if name.ends_with("_url") {
                format!("https://gitlab.example/?{text}")
            } else {
                text.clone()
            };
            used.push(text.clone());
            Value::String(text)
        }
        Value::Array(items) => items.iter().map(|item| fill(item, name, texts, used)).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), fill(field, name, texts, used)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// HTML as GitLab makes it before it takes out what is dangerous: so that
/// nothing dangerous is there to take out.
fn html(markdown: &str) -> String {
    let mut options = gitlab_options();
    options.render.r#unsafe = true;
    markdown_to_html(markdown, &options)
}

/// How often each tag stands in the HTML, attributes included. Code is how
/// foreign text is shown, and does not count; addresses are looked at apart.
fn tags(html: &str) -> BTreeMap<String, usize> {
    let mut tags = BTreeMap::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').unwrap();
        rest = after;
        let tag = if tag.starts_with("a href=\"https://gitlab.example/?") { "a" } else { tag };
        if !matches!(tag, "code" | "/code") {
            *tags.entry(tag.to_owned()).or_default() += 1;
        }
    }
    tags
}

/// What of these texts acts in the template, and how.
fn acts(case: &Case, texts: &[String]) -> Option<String> {
    let Case { name, context, tags: expected } = case;
    let (context, used) = filled(context, texts);
    let text = posted(name, &context);
    let told = |what: String| Some(format!("{name} {what} with {texts:?}:\n{text}\n"));
    let (rest, actions) = extract(&text);
    if !actions.is_empty() || rest != text.replace('\r', "").trim_end() {
        return told(format!("orders {actions:?}, {rest:?} is left,"));
    }
    let on_purpose = |name: &String| {
        let meant = [name.clone(), format!("user:{name}"), format!("group:{name}")];
        meant.iter().any(|meant| used.contains(meant)) && !name.eq_ignore_ascii_case("all")
    };
    let mentions = references::mentions(&text);
    if let Some(mentioned) = mentions.iter().find(|name| !on_purpose(name)) {
        return told(format!("mentions {mentioned}"));
    }
    let references = references::references(&text);
    if !references.is_empty() {
        return told(format!("refers to {references:?}"));
    }
    if !text.lines().next().is_some_and(|line| line.starts_with("<!-- innkeeper:")) {
        return told("loses its marker".to_owned());
    }
    let found = tags(&html(&text));
    let differs: Vec<_> = found
        .keys()
        .chain(expected.keys())
        .filter(|tag| found.get(*tag) != expected.get(*tag))
        .collect();
    if differs.is_empty() { None } else { told(format!("becomes other HTML ({differs:?})")) }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_text_acts_in_any_template(index in any::<prop::sample::Index>(), texts in vec(hostile(), 1..6)) {
        prop_assert_eq!(acts(index.get(all()), &texts), None);
    }
}

#[test]
fn no_fragment_acts_in_any_field_of_any_template() {
    let mut found = Vec::new();
    for case in all() {
        for fragment in FRAGMENTS {
            found.extend(acts(case, &[(*fragment).to_owned()]));
        }
        let long = format!("{}/close @all", "`".repeat(INLINE_LIMIT));
        found.extend(acts(case, &[long, NAME.to_owned()]));
    }
    assert!(found.is_empty(), "{}: {}", found.len(), found.join("\n"));
}

#[test]
fn every_template_is_tried() {
    let tried: Vec<String> = contexts().into_iter().map(|(name, _)| name).collect();
    for (name, _) in EMBEDDED {
        assert!(tried.iter().any(|tried| tried == name), "{name} is not in trial::contexts");
    }
}

/// What is said about a template of the operator's own.
fn own(name: &str, text: &str) -> Result<Renderer, TemplateError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("{name}.hbs"));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
    Renderer::new(Some(folder.path()))
}

#[test]
fn a_template_that_lets_a_text_act_is_refused_when_loaded() {
    for (text, words) in [
        ("{{{reason}}}", "write text unescaped"),
        ("a\n{{&reason}}", "write text unescaped"),
        ("{{~{reason}}}", "unescaped"),
        ("{{~&reason}}", "unescaped"),
        ("{{ {reason} }}", "unescaped"),
        ("{{ & reason }}", "unescaped"),
        ("/close", "begins with `/`"),
        ("Turned down.\n/label ~rejected", "begins with `/`"),
        ("{{#if reason}}/close{{/if}}", "begins with `/`"),
        ("> quoted\n\n/reopen", "begins with `/`"),
        ("<b title=\"{{reason}}\">x</b>", "in an HTML tag"),
        ("<b title={{reason}}>x</b>", "in an HTML tag"),
        ("Look: <a href='{{reason}}'>x</a>", "in an HTML tag"),
        ("<div>{{reason}}</div>", "in a block of HTML"),
        ("<details><summary>{{code reason}}</summary>\n\nx</details>", "in a block of HTML"),
        ("<!-- {{reason}} -->", "in a block of HTML"),
        ("@{{by}}", "follows `@`"),
        ("@{{word by}}", "follows `@`"),
        ("see #{{reason}}", "follows `@`"),
        ("~{{word reason}}", "follows `@`"),
        ("${{code reason}}$", "between `$`"),
    ] {
        let error = own("reply/rejected", text).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("reply/rejected"), "{text}: {error}");
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn a_template_in_the_operators_own_words_is_taken() {
    for text in [
        "No. {{by}} says:\n\n{{block reason}}\n\nAsk @tpo/tpa or see #7.",
        "{{mention by}}: {{prose reason}} (see [the rules](https://wiki.example/rules))",
        "Look into `/var/log`, then:\n\n```\n/usr/bin/true {{word by}}\n```",
        "<details><summary>Why</summary>\n\n{{code reason}}\n\n</details>",
        "**{{by}}** <b>no</b>",
        "{{~by~}} and {{~reason~}}",
    ] {
        own("reply/rejected", text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    for (name, text) in EMBEDDED {
        own(name, text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn an_empty_text_stays_empty() {
    let context = serde_json::json!({"a": "x", "b": ["", "y"], "c": {"d": "z", "e": 7}});
    let filled = with_texts(&context, &mut ["1", "2"].into_iter().cycle());
    assert_eq!(filled, serde_json::json!({"a": "1", "b": ["", "2"], "c": {"d": "1", "e": 7}}));
}
