//! Blocks as sections and pieces.

use comrak::{
    Arena, Node,
    nodes::{ListType, NodeValue},
    parse_document,
};

use super::{Document, Piece, PieceKind, Section, inline, options};

/// Lists and quotes nested deeper than this are not read.
const MAX_DEPTH: usize = 16;

/// The quick actions a template may end with. GitLab removes those it knows
/// when an issue is created, but leaves them when it is edited.
const QUICK_ACTIONS: [&str; 22] = [
    "assign",
    "assign_reviewer",
    "cc",
    "confidential",
    "due",
    "duplicate",
    "epic",
    "estimate",
    "iteration",
    "label",
    "labels",
    "milestone",
    "project",
    "reassign",
    "relabel",
    "remove_due_date",
    "severity",
    "spend",
    "title",
    "todo",
    "unlabel",
    "weight",
];

/// The sections of a body.
pub(super) fn read(markdown: &str) -> Document {
    let arena = Arena::new();
    let body = markdown.strip_prefix('\u{feff}').unwrap_or(markdown);
    let root = parse_document(&arena, body, &options());
    let mut preamble = Vec::new();
    let mut sections: Vec<Section> = Vec::new();
    for node in root.children() {
        let heading = match node.data().value {
            NodeValue::Heading(heading) => Some(heading.level),
            _ => None,
        };
        if let Some(level) = heading {
            sections.push(Section {
                heading: text_of(node),
                level,
                line: node.data().sourcepos.start.line,
                pieces: Vec::new(),
            });
        } else {
            let pieces = sections.last_mut().map_or(&mut preamble, |section| &mut section.pieces);
            Reader { pieces, depth: 0, quoted: false }.block(node);
        }
    }
    Document { preamble, sections }
}

fn text_of(node: Node<'_>) -> String {
    inline::lines(node).into_iter().map(|line| line.text).collect::<Vec<_>>().join(" ")
}

/// Appends blocks to a section.
struct Reader<'p> {
    pieces: &'p mut Vec<Piece>,
    depth: usize,
    quoted: bool,
}

impl Reader<'_> {
    fn block(&mut self, node: Node<'_>) {
        let start = node.data().sourcepos.start.line;
        match &node.data().value {
            NodeValue::Paragraph | NodeValue::Heading(_) => {
                let lines = inline::lines(node).into_iter().map(|line| (line.line, line.text));
                self.lines(lines);
            }
            NodeValue::HtmlBlock(block) => {
                self.lines(without_comments(&block.literal, start).into_iter());
            }
            NodeValue::CodeBlock(block) => {
                let first = start + usize::from(block.fenced);
                for (index, text) in block.literal.lines().enumerate() {
                    let kind = PieceKind::Code { info: block.info.clone(), text: text.to_owned() };
                    self.push(first + index, index == 0, kind);
                }
            }
            NodeValue::Table(_) => {
                for (index, row) in node.children().enumerate() {
                    let cells = row.children().map(text_of).collect();
                    let line = row.data().sourcepos.start.line;
                    self.push(line, index == 0, PieceKind::Row(cells));
                }
            }
            NodeValue::List(list) => {
                // `15. January 2027` is a date to its author and a list to Markdown.
                let counts = list.list_type == ListType::Ordered && list.start != 1;
                for (index, item) in node.children().enumerate() {
                    let number = counts.then(|| list.start + index);
                    self.item(item, number, index == 0);
                }
            }
            NodeValue::BlockQuote | NodeValue::MultilineBlockQuote(_) => {
                let outer = std::mem::replace(&mut self.quoted, true);
                self.children(node);
                self.quoted = outer;
            }
            NodeValue::FootnoteDefinition(_) => self.children(node),
            _ => {}
        }
    }

    fn children(&mut self, node: Node<'_>) {
        if self.depth < MAX_DEPTH {
            self.depth += 1;
            for child in node.children() {
                self.block(child);
            }
            self.depth -= 1;
        }
    }

    /// A list item: its first line as an item or task, the rest below it.
    fn item(&mut self, item: Node<'_>, number: Option<usize>, first: bool) {
        let line = item.data().sourcepos.start.line;
        let ticked = match &item.data().value {
            NodeValue::TaskItem(task) => Some(task.symbol.is_some()),
            _ => None,
        };
        let before = self.pieces.len();
        self.children(item);
        let head = match self.pieces.get(before) {
            Some(Piece { kind: PieceKind::Line(text), line: at, .. }) if *at == line => {
                let text = text.clone();
                self.pieces.remove(before);
                text
            }
            _ => String::new(),
        };
        let kind = match (ticked, number) {
            (Some(ticked), _) => PieceKind::Task { ticked, text: head },
            (None, Some(number)) => PieceKind::Item(format!("{number}. {head}")),
            (None, None) => PieceKind::Item(head),
        };
        let piece = Piece { line, depth: self.depth, begins_block: first, kind };
        if !(self.quoted && matches!(&piece.kind, PieceKind::Item(text) if text.is_empty())) {
            self.pieces.insert(before, piece);
        }
    }

    fn lines(&mut self, lines: impl Iterator<Item = (usize, String)>) {
        let mut first = true;
        for (line, text) in lines.filter(|(_, text)| !is_quick_action(text)) {
            let kind = if self.quoted { PieceKind::Quote(text) } else { PieceKind::Line(text) };
            self.push(line, std::mem::replace(&mut first, false), kind);
        }
    }

    fn push(&mut self, line: usize, begins_block: bool, kind: PieceKind) {
        self.pieces.push(Piece { line, depth: self.depth, begins_block, kind });
    }
}

/// The non-blank lines of an HTML block outside its comments. A value may
/// stand right behind a hint, and belongs to the block then.
fn without_comments(html: &str, first: usize) -> Vec<(usize, String)> {
    let mut kept = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once("<!--") {
        kept.push_str(before);
        let (comment, behind) = after.split_once("-->").unwrap_or((after, ""));
        kept.extend(comment.chars().filter(|character| *character == '\n'));
        rest = behind;
    }
    kept.push_str(rest);
    let lines = (first..).zip(kept.lines().map(|line| line.trim().to_owned()));
    lines.filter(|(_, text)| !text.is_empty()).collect()
}

fn is_quick_action(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else { return false };
    let word = rest.split_whitespace().next().unwrap_or("");
    QUICK_ACTIONS.contains(&word.to_ascii_lowercase().as_str())
}
