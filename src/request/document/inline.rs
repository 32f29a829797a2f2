//! Inline content as plain text, line by line.

use comrak::{Node, arena_tree::NodeEdge, nodes::NodeValue};

/// A line of text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextLine {
    pub(super) line: usize,
    pub(super) text: String,
}

/// The lines of a paragraph, heading or cell without markup and comments.
/// Walks the tree without recursion: nesting is the requester's choice.
pub(super) fn lines(block: Node<'_>) -> Vec<TextLine> {
    let mut lines = Lines { line: block.data().sourcepos.start.line, lines: vec![None] };
    for edge in block.traverse() {
        match edge {
            NodeEdge::Start(node) => match &node.data().value {
                NodeValue::Text(part) => lines.push(part),
                NodeValue::Code(code) => {
                    lines.push(&code.literal);
                    // Line ends within code are spaces in the literal.
                    let at = node.data().sourcepos;
                    lines.line += at.end.line.saturating_sub(at.start.line);
                }
                NodeValue::HtmlInline(html) if html.starts_with("<!--") => {
                    lines.line += html.matches('\n').count();
                }
                NodeValue::HtmlInline(html) if is_break(html) => lines.lines.push(None),
                NodeValue::HtmlInline(html) => {
                    lines.push(&html.replace('\n', " "));
                    lines.line += html.matches('\n').count();
                }
                NodeValue::SoftBreak | NodeValue::LineBreak => {
                    lines.lines.push(None);
                    lines.line += 1;
                }
                _ => {}
            },
            // `[docs](https://…)` keeps its address, an autolink is its address.
            NodeEdge::End(node) => {
                if let NodeValue::Link(link) = &node.data().value
                    && !lines.end_with(link.url.trim_start_matches("mailto:"))
                {
                    lines.push(&format!(" ({})", link.url));
                }
            }
        }
    }
    let trimmed = lines
        .lines
        .into_iter()
        .flatten()
        .map(|TextLine { line, text }| TextLine { line, text: text.trim().to_owned() });
    trimmed.filter(|line| !line.text.is_empty()).collect()
}

/// Lines in the making.
struct Lines {
    /// The line of the body that is being read.
    line: usize,
    /// `None` until there is text, so that a line begins where its text does.
    lines: Vec<Option<TextLine>>,
}

impl Lines {
    fn push(&mut self, part: &str) {
        let Some(last) = self.lines.last_mut() else { return };
        match last {
            Some(line) if !line.text.trim().is_empty() => line.text.push_str(part),
            _ => *last = Some(TextLine { line: self.line, text: part.to_owned() }),
        }
    }

    fn end_with(&self, text: &str) -> bool {
        matches!(self.lines.last(), Some(Some(line)) if line.text.ends_with(text))
    }
}

fn is_break(html: &str) -> bool {
    matches!(html.to_ascii_lowercase().as_str(), "<br>" | "<br/>" | "<br />")
}
