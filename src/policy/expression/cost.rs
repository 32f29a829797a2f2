//! How much work an expression can be, whatever a requester writes.
//!
//! CEL cannot loop for ever, but macros within macros multiply, `+` within
//! `map` doubles, and a pattern is compiled each time it is looked at. So the
//! worst case is added up when a cookbook is loaded, from the longest texts and
//! lists a form can hold, and what could keep the service busy is refused.

use std::collections::BTreeMap;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::Schema;

/// The most work accepted. A unit is about a microsecond of an optimised build;
/// `the_worst_that_is_accepted` among the tests measures it.
pub(super) const MOST: u64 = 300_000;

/// How many bytes can be compared or copied in a unit.
const BYTES: u64 = 512;
/// What each state of a pattern takes to compile, and what those of `.`, `\\w` and
/// the like do, which stand for all the letters of the world.
const STATE: u64 = 5;
const CLASS: u64 = 1000;

/// How large a value can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// How many elements a list can have.
    pub(super) items: u64,
    /// How many bytes a text can have, or each text of a list.
    pub(super) bytes: u64,
}

impl Size {
    fn total(self) -> u64 {
        self.items.max(1).saturating_mul(self.bytes / BYTES + 1)
    }

    fn larger(self, other: Self) -> Self {
        Self { items: self.items.max(other.items), bytes: self.bytes.max(other.bytes) }
    }
}

/// What a node costs, and how large its value can be.
#[derive(Clone, Copy, Default)]
struct Cost {
    work: u64,
    size: Size,
}

/// The work of evaluating an expression once, at worst.
pub(super) fn worst(root: &IdedExpr, schema: &Schema) -> u64 {
    Estimate { schema, bound: Vec::new() }.of(root).work
}

struct Estimate<'a> {
    schema: &'a Schema,
    /// The variables of the macros around the node, innermost last.
    bound: Vec<(String, Size)>,
}

impl Estimate<'_> {
    fn of(&mut self, node: &IdedExpr) -> Cost {
        match &node.expr {
            Expr::Literal(LiteralValue::String(text)) => {
                Cost { work: 1, size: Size { items: 0, bytes: text.inner().len() as u64 } }
            }
            Expr::Ident(name) => Cost { work: 1, size: self.named(name) },
            Expr::Select(_) => {
                Cost { work: 3, size: path(node).map_or_else(Size::default, |p| self.named(&p)) }
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let mut cost = Cost { work: 1, size: Size::default() };
                for element in &list.elements {
                    let element = self.of(element);
                    cost.work = cost.work.saturating_add(element.work);
                    cost.size = cost.size.larger(element.size);
                }
                cost.size.items = list.elements.len() as u64;
                cost
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            _ => Cost { work: 1, size: Size::default() },
        }
    }

    fn named(&self, name: &str) -> Size {
        let bound = self.bound.iter().rev().find(|(bound, _)| bound == name);
        bound.map_or_else(|| self.schema.size(name), |(_, size)| *size)
    }

    fn call(&mut self, call: &CallExpr) -> Cost {
        let parts: Vec<Cost> = call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .map(|part| self.of(part))
            .collect();
        let work = parts.iter().fold(1_u64, |work, part| work.saturating_add(part.work));
        let all = parts.iter().fold(0_u64, |all, part| all.saturating_add(part.size.total()));
        let largest = parts.iter().fold(Size::default(), |size, part| size.larger(part.size));
        let (extra, size) = match call.func_name.as_str() {
            operators::ADD => {
                let items =
                    parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.size.items));
                let bytes =
                    parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.size.bytes));
                // Texts grow, and of lists only the number of elements.
                let bytes = if items > 0 { largest.bytes } else { bytes };
                (all, Size { items, bytes })
            }
            operators::CONDITIONAL => (0, largest),
            "matches" => {
                let compiled = call.args.first().map_or(0, |pattern| match &pattern.expr {
                    Expr::Literal(LiteralValue::String(pattern)) => states(pattern.inner()),
                    _ => 0,
                });
                (compiled.saturating_add(all), Size::default())
            }
            _ => (all, Size::default()),
        };
        Cost { work: work.saturating_add(extra), size }
    }

    fn comprehension(&mut self, of: &ComprehensionExpr) -> Cost {
        let range = self.of(&of.iter_range);
        let start = self.of(&of.accu_init);
        let element = Size { items: 0, bytes: range.size.bytes };
        // What is gathered has at most an element for each that is looked at.
        let gathered = Size { items: range.size.items, bytes: 0 };
        self.bound.push((of.iter_var.clone(), element));
        self.bound.push((of.accu_var.clone(), start.size));
        let step = self.of(&of.loop_step);
        let round = self.of(&of.loop_cond).work.saturating_add(step.work);
        self.bound.pop();
        self.bound.pop();
        let gathered = gathered.larger(Size { items: 0, bytes: step.size.bytes });
        self.bound.push((of.accu_var.clone(), gathered));
        let result = self.of(&of.result);
        self.bound.pop();
        let rounds = range.size.items.saturating_mul(round.saturating_add(2));
        let work =
            [start.work, rounds, result.work].into_iter().fold(range.work, u64::saturating_add);
        Cost { work, size: if step.size.items > 0 { gathered } else { result.size } }
    }
}

/// `a.b.c` as a name.
fn path(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        _ => None,
    }
}

/// What it takes to compile a pattern. Repetitions are written out: `{n}` of a
/// group repeats what is repeated within it, others only add up.
fn states(pattern: &str) -> u64 {
    let (mut groups, mut others) = (1_u64, 1_u64);
    for (at, _) in pattern.match_indices('{') {
        let (before, inside) = pattern.split_at(at);
        let inside = inside.trim_start_matches('{').split('}').next().unwrap_or_default();
        let counts = inside.split(',').filter_map(|count| count.trim().parse::<u64>().ok());
        let most = counts.max().unwrap_or(1).max(1);
        if before.ends_with(')') {
            groups = groups.saturating_mul(most);
        } else {
            others = others.saturating_add(most);
        }
    }
    let classes = pattern.matches(['\\', '.']).count() as u64;
    let each = CLASS.saturating_mul(classes).saturating_add(STATE);
    groups.saturating_mul(others).saturating_mul(each)
}

/// The sizes of a form's names.
pub(super) type Sizes = BTreeMap<String, Size>;
