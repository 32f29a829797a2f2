//! Types every node of an expression's syntax tree, bottom up.
//!
//! Macros (`all`, `exists`, `filter`, ...) reach us already expanded into
//! comprehensions: a list, a variable bound to its elements, and an accumulator
//! whose step is an ordinary expression. Typing that general form types them all.

use std::collections::BTreeSet;

use cel::{
    Context, IdedExpr, Program, Value as Cel,
    common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr, operators},
};

use super::{
    ExpressionError, Item, Schema, Type,
    place::{Places, symbol},
};
use crate::{cookbook::diagnostic::nearest, quantity::Mebibytes};

/// Functions of an expression: the global one, and those called on a value.
const FUNCTIONS: [&str; 10] = [
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "all",
    "exists",
    "exists_one",
    "filter",
    "map",
];

/// Checks that the program is a condition over names of the schema, and tells
/// which names it looks at.
pub(super) fn condition(
    source: &str,
    program: &Program,
    schema: &Schema,
) -> Result<BTreeSet<String>, ExpressionError> {
    let mut checker = Checker {
        places: Places { source, program },
        schema,
        bound: Vec::new(),
        seen: BTreeSet::new(),
    };
    let root = program.expression();
    match checker.infer(root)? {
        Type::Truth => Ok(checker.seen),
        other => Err(checker.error(
            root,
            format!("a condition must be true or false, this is {other}"),
            Some("compare it with something, e.g. `... <= 2`".to_owned()),
        )),
    }
}

struct Checker<'a> {
    places: Places<'a>,
    schema: &'a Schema,
    /// The variables of the macros around the node, innermost last.
    bound: Vec<(String, Type)>,
    /// The names of the schema met so far.
    seen: BTreeSet<String>,
}

type Inferred = Result<Type, ExpressionError>;

impl Checker<'_> {
    fn infer(&mut self, node: &IdedExpr) -> Inferred {
        match &node.expr {
            Expr::Literal(literal) => self.literal(node, literal),
            Expr::Ident(_) | Expr::Select(_) => self.name(node),
            Expr::Call(call) => self.call(node, call),
            Expr::List(list) => self.list(&list.elements),
            Expr::Comprehension(comprehension) => self.comprehension(node, comprehension),
            Expr::Map(_) | Expr::Struct(_) => self.refuse(node, "maps and messages"),
            Expr::Unspecified => self.refuse(node, "empty expressions"),
        }
    }

    fn literal(&self, node: &IdedExpr, literal: &LiteralValue) -> Inferred {
        match literal {
            LiteralValue::Boolean(_) => Ok(Type::Truth),
            LiteralValue::Int(_) => Ok(Type::Number),
            LiteralValue::String(_) => Ok(Type::Text),
            LiteralValue::Double(_) => self.refuse(node, "fractions"),
            LiteralValue::UInt(_) => self.refuse(node, "numbers with `u`"),
            LiteralValue::Bytes(_) => self.refuse(node, "bytes"),
            LiteralValue::Null => self.refuse(node, "`null`"),
        }
    }

    /// A variable of a macro, or a name of the schema with all its members.
    fn name(&mut self, node: &IdedExpr) -> Inferred {
        if let Expr::Ident(name) = &node.expr
            && let Some((_, kind)) = self.bound.iter().rev().find(|(bound, _)| bound == name)
        {
            return Ok(*kind);
        }
        let Some(path) = self.path(node)? else {
            return Err(self.error(node, "only names have members".to_owned(), None));
        };
        if let Some(kind) = self.schema.get(&path) {
            self.seen.insert(path);
            return Ok(kind);
        }
        let (prefix, last) = path.rsplit_once('.').unwrap_or(("", &path));
        let siblings = self.schema.members(prefix);
        if siblings.contains(&last) {
            let members = self.schema.members(&path).join("`, `");
            let message = format!("`{path}` is no value by itself");
            return Err(self.error(
                node,
                message,
                Some(format!("name one of its members: `{members}`")),
            ));
        }
        let suggestion = if self.schema.is_duration(&path) {
            "the lifetime is `request.lifetime_days`, a number of days".to_owned()
        } else if let Some(near) = nearest(last, siblings.iter().copied()) {
            format!("did you mean `{near}`?")
        } else {
            format!("there is `{}`", siblings.join("`, `"))
        };
        Err(ExpressionError {
            message: format!("unknown name `{path}`"),
            at: self.places.last_segment(node),
            suggestion: Some(suggestion),
        })
    }

    /// `a.b.c` of nested selections whose every proper prefix is a known name;
    /// `None` when it is not made of names only.
    fn path(&mut self, node: &IdedExpr) -> Result<Option<String>, ExpressionError> {
        match &node.expr {
            Expr::Ident(name) => Ok(Some(name.clone())),
            Expr::Select(SelectExpr { test: true, .. }) => Err(self.error(
                node,
                "`has` is of no use here: every name always has a value".to_owned(),
                Some("compare with `\"\"`, `0` or `false`, or ask for its `size`".to_owned()),
            )),
            Expr::Select(SelectExpr { operand, field, .. }) => {
                let Some(parent) = self.path(operand)? else { return Ok(None) };
                let bound = self.bound.iter().any(|(name, _)| *name == parent);
                if bound || self.schema.get(&parent).is_some() {
                    let kind = self.name(operand)?;
                    let message = format!("`{parent}` is {kind} and has no member `{field}`");
                    return Err(self.error(node, message, None));
                }
                if self.schema.members(&parent).is_empty() {
                    self.name(operand)?;
                }
                Ok(Some(format!("{parent}.{field}")))
            }
            _ => Ok(None),
        }
    }

    fn list(&mut self, elements: &[IdedExpr]) -> Inferred {
        let mut item = Item::Unknown;
        for element in elements {
            let kind = self.infer(element)?;
            let Some(next) = kind.listed() else {
                return self.refuse(element, "lists of lists");
            };
            item = item.with(next).ok_or_else(|| {
                let message = format!("a list of one kind of thing, and then {kind}");
                self.error(element, message, None)
            })?;
        }
        Ok(Type::List(item))
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Inferred {
        let name = call.func_name.as_str();
        match (&call.target, call.args.as_slice()) {
            (None, [a, b, c]) if name == operators::CONDITIONAL => {
                self.expect(a, Type::Truth)?;
                let (then, otherwise) = (self.infer(b)?, self.infer(c)?);
                then.with(otherwise).ok_or_else(|| {
                    let message = format!("the two sides of `?:` differ: {then} and {otherwise}");
                    self.error(c, message, None)
                })
            }
            (None, [a]) if name == operators::LOGICAL_NOT => self.expect(a, Type::Truth),
            (None, [a]) if name == operators::NOT_STRICTLY_FALSE => self.expect(a, Type::Truth),
            (None, [a]) if name == operators::NEGATE => self.expect(a, Type::Number),
            (None, [a, b]) if symbol(name).is_some() => self.binary(name, a, b),
            (None, [a]) if name == "size" => self.size(a),
            (Some(target), []) if name == "size" => self.size(target),
            (Some(target), [argument]) if name == "matches" => {
                self.expect(target, Type::Text)?;
                self.pattern(argument)
            }
            (Some(target), [argument])
                if matches!(name, "startsWith" | "endsWith" | "contains") =>
            {
                self.expect(target, Type::Text)?;
                self.expect(argument, Type::Text)?;
                Ok(Type::Truth)
            }
            _ => Err(self.unknown_call(node, name)),
        }
    }

    fn unknown_call(&self, node: &IdedExpr, name: &str) -> ExpressionError {
        let at = self.places.called(node, name);
        let (message, suggestion) = match name {
            operators::INDEX | operators::OPT_INDEX => (
                "single elements cannot be picked: the list may be shorter".to_owned(),
                "use `in`, `size`, `all` or `exists`".to_owned(),
            ),
            _ if FUNCTIONS.contains(&name) => (
                format!("`{name}` is not called like this"),
                "e.g. `size(request.fallback)`, `request.purpose.contains(\"x\")`, \
                 `request.fallback.all(name, name != request.owner)`"
                    .to_owned(),
            ),
            _ => (
                format!("unknown function `{name}`"),
                match nearest(name, FUNCTIONS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there is `{}`", FUNCTIONS.join("`, `")),
                },
            ),
        };
        ExpressionError { message, at, suggestion: Some(suggestion) }
    }

    fn binary(&mut self, name: &str, a: &IdedExpr, b: &IdedExpr) -> Inferred {
        match name {
            operators::LOGICAL_AND | operators::LOGICAL_OR => {
                self.expect(a, Type::Truth)?;
                self.expect(b, Type::Truth)
            }
            operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO => {
                self.expect(a, Type::Number)?;
                self.expect(b, Type::Number)
            }
            operators::IN => self.contained(a, b),
            _ => {
                let (left, right) = (self.infer(a)?, self.infer(b)?);
                let same = left.with(right);
                match (name, same) {
                    (operators::ADD, Some(kind)) if kind != Type::Truth => Ok(kind),
                    (operators::EQUALS | operators::NOT_EQUALS, Some(_))
                    | (
                        operators::LESS
                        | operators::LESS_EQUALS
                        | operators::GREATER
                        | operators::GREATER_EQUALS,
                        Some(Type::Number | Type::Text),
                    ) => Ok(Type::Truth),
                    _ => Err(self.mismatch(name, a, left, b, right)),
                }
            }
        }
    }

    fn contained(&mut self, a: &IdedExpr, b: &IdedExpr) -> Inferred {
        let (element, list) = (self.infer(a)?, self.infer(b)?);
        let Type::List(item) = list else {
            let message = format!("`in` looks into a list, this is {list}");
            let suggestion = (list == Type::Text)
                .then(|| "for a part of a text, use `.contains(...)`".to_owned());
            return Err(self.error(b, message, suggestion));
        };
        match element.listed().and_then(|element| element.with(item)) {
            Some(_) => Ok(Type::Truth),
            None => Err(self.error(a, format!("{list} cannot hold {element}"), None)),
        }
    }

    fn mismatch(
        &self,
        operator: &str,
        a: &IdedExpr,
        left: Type,
        b: &IdedExpr,
        right: Type,
    ) -> ExpressionError {
        let sign = symbol(operator).unwrap_or(operator);
        let message = format!("`{sign}` does not go between {left} and {right}");
        // The literal is the likelier mistake.
        let (node, other) = match (&a.expr, &b.expr) {
            (Expr::Literal(_), _) => (a, right),
            _ => (b, left),
        };
        let suggestion = match (&node.expr, other) {
            (Expr::Literal(LiteralValue::String(text)), Type::Number) => in_mebibytes(text.inner()),
            _ => None,
        };
        self.error(node, message, suggestion)
    }

    fn size(&mut self, of: &IdedExpr) -> Inferred {
        match self.infer(of)? {
            Type::Text | Type::List(_) => Ok(Type::Number),
            other => {
                let message = format!("`size` counts a list or the letters of a text, not {other}");
                Err(self.error(of, message, None))
            }
        }
    }

    /// A regular expression must be written out, so that it can be tried now
    /// and no requester's text is ever compiled as one.
    fn pattern(&self, argument: &IdedExpr) -> Inferred {
        let Expr::Literal(LiteralValue::String(pattern)) = &argument.expr else {
            return Err(self.error(
                argument,
                "a pattern must be written out in quotes".to_owned(),
                None,
            ));
        };
        let mut context = Context::default();
        context.add_variable_from_value("pattern", Cel::from(pattern.inner()));
        let tried = Program::compile("''.matches(pattern)").map(|trial| trial.execute(&context));
        match tried {
            Ok(Ok(_)) => Ok(Type::Truth),
            _ => Err(self.error(argument, "this is not a regular expression".to_owned(), None)),
        }
    }

    fn comprehension(&mut self, node: &IdedExpr, of: &ComprehensionExpr) -> Inferred {
        let range = self.infer(&of.iter_range)?;
        let Type::List(item) = range else {
            let message = format!("this goes through a list, not {range}");
            return Err(self.error(&of.iter_range, message, None));
        };
        let Some(element) = item.element() else {
            return Err(self.error(&of.iter_range, "this list is always empty".to_owned(), None));
        };
        if !self.schema.members(&of.iter_var).is_empty() || of.iter_var2.is_some() {
            let message = format!("`{}` cannot be the name of an element", of.iter_var);
            return Err(self.error(node, message, None));
        }
        let mut accumulated = self.infer(&of.accu_init)?;
        self.bound.push((of.iter_var.clone(), element));
        // A list that starts empty learns from the first step what it holds.
        for _ in 0..2 {
            self.bound.push((of.accu_var.clone(), accumulated));
            let step = self.infer(&of.loop_cond).and_then(|_| self.infer(&of.loop_step));
            self.bound.pop();
            let step = step?;
            accumulated = accumulated.with(step).ok_or_else(|| {
                self.error(node, format!("this yields {step} instead of {accumulated}"), None)
            })?;
        }
        self.bound.pop();
        self.bound.push((of.accu_var.clone(), accumulated));
        let result = self.infer(&of.result);
        self.bound.pop();
        result
    }

    fn expect(&mut self, node: &IdedExpr, wanted: Type) -> Inferred {
        let found = self.infer(node)?;
        if found == wanted {
            return Ok(wanted);
        }
        let suggestion = match (&node.expr, wanted) {
            (Expr::Literal(LiteralValue::String(text)), Type::Number) => in_mebibytes(text.inner()),
            _ => None,
        };
        Err(self.error(node, format!("expected {wanted}, found {found}"), suggestion))
    }

    fn refuse(&self, node: &IdedExpr, what: &str) -> Inferred {
        Err(self.error(node, format!("{what} cannot be used in an expression here"), None))
    }

    fn error(
        &self,
        node: &IdedExpr,
        message: String,
        suggestion: Option<String>,
    ) -> ExpressionError {
        ExpressionError { message, at: self.places.span(node), suggestion }
    }
}

/// Memory and disk are the amounts people are tempted to write with a unit.
fn in_mebibytes(text: &str) -> Option<String> {
    let amount = Mebibytes::parse(text).ok()?;
    Some(format!("memory and disk are numbers of MiB here: write {}", amount.get()))
}
