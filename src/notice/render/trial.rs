//! Trying a template on hostile text.
//!
//! What a template may write around a value decides as much as how the value
//! is escaped: code inside an HTML tag is no code, `@{{word}}` is a mention.
//! So every text of its samples is replaced by what should not act, and what
//! comes out is read as a forge reads it.

use comrak::{
    Arena, Options,
    nodes::{AstNode, NodeValue},
    parse_document,
};
use serde_json::{Value, json};

use super::{news, reply_template, samples, team_template};

/// What stands for foreign text. Each is found again by `zq` or by its number.
const PROBES: [&str; 5] = [
    "zq`@zqname #90210 ~zqlabel <zqtag a=\"b\">\n/zqcommand\n\n/zqcommand [zq](https://zq.example) ``",
    "zq.zq/zq",
    "zq",
    "90210",
    "all",
];

/// What sets a forge looking for a name or number.
const SIGILS: [char; 7] = ['@', '#', '!', '~', '%', '&', '$'];

/// What is wrong with a rendered template.
pub(super) type Danger = &'static str;

/// Every template's name with contexts it can be rendered with.
pub(super) fn contexts() -> Vec<(String, Value)> {
    let value = |context: serde_json::Result<Value>| context.unwrap_or_default();
    let named = |name: &str, context| (name.to_owned(), value(context));
    let mut contexts = Vec::new();
    contexts.extend(samples::stickies().iter().map(|s| named("sticky", serde_json::to_value(s))));
    contexts
        .extend(samples::adoptions().iter().map(|a| named("adoption", serde_json::to_value(a))));
    let pages = samples::pages();
    contexts.extend(pages.iter().map(|page| named("cookbook/page", serde_json::to_value(page))));
    for (topic, context) in &samples::news() {
        let name = format!("news/{}", news::template(topic));
        contexts.push(named(&name, serde_json::to_value(context)));
    }
    for reply in &samples::replies() {
        let (name, context) = named(&reply_template(reply), serde_json::to_value(reply));
        for links in samples::links() {
            let links = value(serde_json::to_value(links));
            contexts.push((name.clone(), joined([&context, &links, &json!({"bot": "innkeeper"})])));
        }
    }
    for note in &samples::team_notes() {
        let (name, context) = named(&team_template(note), serde_json::to_value(note));
        contexts.push((name, joined([&context, &json!({"bot": "innkeeper"})])));
    }
    contexts
}

/// The fields of all of them.
fn joined<const COUNT: usize>(parts: [&Value; COUNT]) -> Value {
    let fields = parts.into_iter().filter_map(Value::as_object).flatten();
    Value::Object(fields.map(|(name, field)| (name.clone(), field.clone())).collect())
}

/// The context with its texts replaced by `texts`, one after the other, from
/// the first again when they are used up. An empty text decides what a template
/// shows, and stays.
pub(super) fn with_texts<'a>(context: &Value, texts: &mut impl Iterator<Item = &'a str>) -> Value {
    match context {
        Value::String(text) if !text.is_empty() => texts.next().unwrap_or_default().into(),
        Value::Array(items) => items.iter().map(|item| with_texts(item, texts)).collect(),
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, field)| (name.clone(), with_texts(field, texts)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

/// Renders a template with hostile text in every place, and judges what comes out.
pub(super) fn danger_in<E>(
    name: &str,
    render: impl Fn(&Value) -> Result<String, E>,
) -> Result<Option<Danger>, E> {
    for (_, context) in contexts().iter().filter(|(of, _)| of == name) {
        for first in 0..PROBES.len() {
            let mut probes = PROBES.into_iter().cycle().skip(first);
            if let Some(danger) = judge(&render(&with_texts(context, &mut probes))?) {
                return Ok(Some(danger));
            }
            let mut same = std::iter::repeat(PROBES.get(first).copied().unwrap_or_default());
            if let Some(danger) = judge(&render(&with_texts(context, &mut same))?) {
                return Ok(Some(danger));
            }
        }
    }
    Ok(None)
}

fn judge(markdown: &str) -> Option<Danger> {
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &options());
    let lines: Vec<&str> = markdown.lines().collect();
    let orders = root
        .children()
        .filter(|node| matches!(node.data().value, NodeValue::Paragraph))
        .any(|paragraph| has_order(paragraph, &lines));
    if orders {
        return Some("a line begins with `/`, which a forge may take for an order");
    }
    root.descendants().find_map(|node| judge_node(&node.data().value))
}

fn has_order(paragraph: &AstNode<'_>, lines: &[&str]) -> bool {
    let position = paragraph.data().sourcepos;
    let range = position.start.line.saturating_sub(1)..position.end.line.min(lines.len());
    let order = |line: &&str| {
        line.strip_prefix('/').is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic()))
    };
    lines.get(range).unwrap_or_default().iter().any(order)
}

fn judge_node(value: &NodeValue) -> Option<Danger> {
    let is_foreign = |text: &str| text.contains("zq") || text.contains("90210");
    match value {
        NodeValue::Text(text) if has_reference(text) => {
            Some("a value follows `@`, `#` or the like and becomes a mention or reference")
        }
        NodeValue::HtmlInline(html) if is_foreign(html) => {
            Some("a value stands in an HTML tag, where nothing keeps it from acting")
        }
        NodeValue::HtmlBlock(html) if is_foreign(&html.literal) => Some(
            "a value stands in a block of HTML, where nothing keeps it from acting: put an empty \
             line between them",
        ),
        NodeValue::Link(link) | NodeValue::Image(link) if link.url.contains("zq.example") => {
            Some("a value becomes a link: use `{{link}}`")
        }
        NodeValue::Math(math) if is_foreign(&math.literal) => {
            Some("a value stands between `$` and becomes a formula")
        }
        _ => None,
    }
}

/// A single name after `@` may be a mention on purpose; everybody is not.
fn has_reference(text: &str) -> bool {
    text.match_indices(SIGILS).any(|(at, sigil)| {
        let after = text.get(at + sigil.len()..).unwrap_or_default();
        let foreign: &[&str] = if sigil == "@" { &["zqname", "all"] } else { &["zq", "90210"] };
        foreign.iter().any(|foreign| after.starts_with(foreign))
    })
}

fn options() -> Options<'static> {
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
    options
}
