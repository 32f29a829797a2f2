//! Where the nodes of a syntax tree stand in the text of an expression.

use std::ops::Range;

use cel::{
    IdedExpr, Program,
    common::ast::{Expr, operators},
};

/// The byte at which the character number `characters` after `start` begins.
pub(super) fn byte_of(source: &str, start: usize, characters: usize) -> usize {
    let rest = source.get(start..).unwrap_or_default();
    rest.char_indices().nth(characters).map_or(source.len(), |(byte, _)| start + byte)
}

/// An expression's text, and where its tokens stand in it.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) source: &'a str,
    pub(super) program: &'a Program,
}

impl Places<'_> {
    /// The bytes a node covers, as far as its tokens tell.
    pub(super) fn span(&self, node: &IdedExpr) -> Range<usize> {
        let mut span = self.token(node);
        if matches!(node.expr, Expr::Select(_)) {
            span.end = self.last_segment(node).end;
        }
        let children: Vec<&IdedExpr> = match &node.expr {
            Expr::Select(select) => vec![&*select.operand],
            Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
            Expr::List(list) => list.elements.iter().collect(),
            _ => Vec::new(),
        };
        for child in children {
            let inner = self.span(child);
            span = span.start.min(inner.start)..span.end.max(inner.end);
        }
        if let Expr::Call(call) = &node.expr
            && symbol(&call.func_name).is_none()
        {
            span.start = span.start.min(self.called(node, &call.func_name).start);
            let after = self.source.get(span.end..).unwrap_or_default();
            span.end += usize::from(after.starts_with(')'));
        }
        span
    }

    /// The bytes of the last name of `a.b.c`: CEL keeps only where its dot is.
    pub(super) fn last_segment(&self, node: &IdedExpr) -> Range<usize> {
        let token = self.token(node);
        let Expr::Select(select) = &node.expr else { return token };
        let after = self.source.get(token.end..).unwrap_or_default();
        let start = token.end + (after.len() - after.trim_start().len());
        start..(start + select.field.len()).min(self.source.len())
    }

    /// The bytes of a called function's name: CEL keeps only where its bracket is.
    pub(super) fn called(&self, node: &IdedExpr, name: &str) -> Range<usize> {
        let token = self.token(node);
        let before = self.source.get(..token.start).unwrap_or_default().trim_end();
        if before.ends_with(name) { before.len() - name.len()..before.len() } else { token }
    }

    fn token(&self, node: &IdedExpr) -> Range<usize> {
        let Some((first, last)) = self.program.source_info().offset_for(node.id) else {
            return 0..self.source.len();
        };
        // Bytes, the last one included; it may stand within a letter.
        let boundary = |offset: u32| {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let last = self.source.len();
            (offset.min(last)..=last).find(|&at| self.source.is_char_boundary(at)).unwrap_or(last)
        };
        let start = boundary(first);
        start..boundary(last.saturating_add(1)).max(start)
    }
}

/// How a binary operator is written.
pub(super) fn symbol(name: &str) -> Option<&'static str> {
    Some(match name {
        operators::LOGICAL_AND => "&&",
        operators::LOGICAL_OR => "||",
        operators::ADD => "+",
        operators::SUBSTRACT => "-",
        operators::MULTIPLY => "*",
        operators::DIVIDE => "/",
        operators::MODULO => "%",
        operators::EQUALS => "==",
        operators::NOT_EQUALS => "!=",
        operators::GREATER => ">",
        operators::GREATER_EQUALS => ">=",
        operators::LESS => "<",
        operators::LESS_EQUALS => "<=",
        operators::IN => "in",
        _ => return None,
    })
}
