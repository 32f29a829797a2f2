//! One CEL expression of a cookbook, compiled and type-checked when loaded.
//!
//! CEL itself has no types before it runs, and a dry run sees only what is not
//! short-circuited. So every node of the syntax tree is checked here against
//! the [`Schema`], and what cannot be typed is refused: a misspelt name must
//! never become a rule that silently lets everything through.

mod cost;
mod place;
mod schema;
mod typing;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    ops::Range,
    sync::Arc,
};

use cel::{Context, Program, Value as Cel};

pub use self::schema::{Item, Schema, Type};

/// The longest expression accepted, in bytes.
pub const LONGEST: usize = 1024;
/// The most operators, dots, quotes and brackets accepted.
const MOST_SIGNS: usize = 160;
/// The most signs of arithmetic accepted.
///
/// This and [`DEEPEST`] bound the stack: the parser recurses at each of these,
/// with frames so large that a debug build overflows a thread of 2 MiB at ten
/// brackets with arithmetic in each. A test holds that what is accepted fits.
const MOST_ARITHMETIC: usize = 12;
/// The deepest nesting of brackets accepted.
const DEEPEST: usize = 6;

/// A checked expression: it refers only to names that exist, and its value is
/// true or false.
#[derive(Clone)]
pub struct Expression {
    source: String,
    names: BTreeSet<String>,
    program: Arc<Program>,
}

/// Why an expression was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// Where, in bytes of the source.
    pub at: Range<usize>,
    /// What was probably meant, or what to do.
    pub suggestion: Option<String>,
}

impl Expression {
    /// Compiles and checks the text of an expression.
    ///
    /// # Errors
    ///
    /// When it cannot be parsed, names something that does not exist, mixes
    /// types, or is not a condition.
    pub fn compile(source: &str, schema: &Schema) -> Result<Self, ExpressionError> {
        within_bounds(source)?;
        let program = Program::compile(source).map_err(|errors| syntax(source, &errors))?;
        let names = typing::condition(source, &program, schema)?;
        if cost::worst(program.expression(), schema) > cost::MOST {
            return Err(ExpressionError {
                message: "evaluating this could take too long".to_owned(),
                at: 0..source.len(),
                suggestion: Some(
                    "nest fewer `all`, `exists`, `map`, and repeat less in patterns".to_owned(),
                ),
            });
        }
        Ok(Self { source: source.to_owned(), names, program: Arc::new(program) })
    }

    /// The text as the cookbook has it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names it looks at, e.g. `request.memory`, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether it looks at a name, e.g. `request.memory`.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether it looks at any name that begins like this, e.g. `usage.`.
    #[must_use]
    pub fn mentions_any_of(&self, prefix: &str) -> bool {
        self.names.iter().any(|name| name.starts_with(prefix))
    }

    /// Whether it is true of these values.
    ///
    /// # Errors
    ///
    /// When it cannot be evaluated, e.g. a division by zero. The caller counts
    /// that as not true.
    pub fn holds(&self, values: &Values) -> Result<bool, String> {
        let mut context = Context::default();
        for (name, value) in &values.nested().0 {
            context.add_variable_from_value(name.as_str(), value.clone().into_cel());
        }
        match self.program.execute(&context) {
            Ok(Cel::Bool(truth)) => Ok(truth),
            Ok(other) => Err(format!("its value is not true or false but {}", other.type_of())),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// A value an expression can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datum {
    /// True or false.
    Truth(bool),
    /// A whole number.
    Number(u64),
    /// Text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
}

impl fmt::Display for Datum {
    /// As an expression would have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truth(truth) => truth.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Texts(texts) => write!(f, "{texts:?}"),
        }
    }
}

/// The values of all names of a [`Schema`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values(BTreeMap<String, Datum>);

impl Values {
    /// What each name means when nothing was given: 0, `""`, `[]`, `false`.
    #[must_use]
    pub fn absent(schema: &Schema) -> Self {
        let empty = |kind| match kind {
            Type::Truth => Datum::Truth(false),
            Type::Number => Datum::Number(0),
            Type::Text => Datum::Text(String::new()),
            Type::List(_) => Datum::Texts(Vec::new()),
        };
        Self(schema.names().map(|(name, kind)| (name.to_owned(), empty(kind))).collect())
    }

    /// Sets a full name, e.g. `request.memory`. A name the schema does not have
    /// is ignored: no expression can ask for it.
    pub fn set(&mut self, name: &str, value: Datum) {
        if let Some(slot) = self.0.get_mut(name) {
            *slot = value;
        }
    }

    /// The value of a full name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Datum> {
        self.0.get(name)
    }

    fn nested(&self) -> Branch {
        let mut root = Branch::default();
        for (name, value) in &self.0 {
            root.insert(name, value);
        }
        root
    }
}

/// `a.b.c` as maps within maps, which is how CEL sees members.
#[derive(Clone, Default)]
struct Branch(HashMap<String, Node>);

#[derive(Clone)]
enum Node {
    Leaf(Datum),
    Branch(Branch),
}

impl Branch {
    fn insert(&mut self, name: &str, value: &Datum) {
        let Some((first, rest)) = name.split_once('.') else {
            self.0.insert(name.to_owned(), Node::Leaf(value.clone()));
            return;
        };
        let node = self.0.entry(first.to_owned()).or_insert_with(|| Node::Branch(Self::default()));
        if let Node::Branch(branch) = node {
            branch.insert(rest, value);
        }
    }
}

impl Node {
    fn into_cel(self) -> Cel {
        match self {
            Self::Leaf(Datum::Truth(truth)) => Cel::Bool(truth),
            // No amount comes near the bound; one that did must not turn negative.
            Self::Leaf(Datum::Number(number)) => {
                Cel::Int(i64::try_from(number).unwrap_or(i64::MAX))
            }
            Self::Leaf(Datum::Text(text)) => Cel::from(text),
            Self::Leaf(Datum::Texts(texts)) => Cel::from(texts),
            Self::Branch(Branch(members)) => {
                let members: HashMap<String, Cel> =
                    members.into_iter().map(|(name, node)| (name, node.into_cel())).collect();
                Cel::from(members)
            }
        }
    }
}

/// Refuses what would make the parser recurse without bound.
fn within_bounds(source: &str) -> Result<(), ExpressionError> {
    let refuse = |message: String, at| {
        let suggestion = Some("split it into several rules".to_owned());
        Err(ExpressionError { message, at, suggestion })
    };
    if source.trim().is_empty() {
        return Err(ExpressionError {
            message: "the expression is empty".to_owned(),
            at: 0..source.len(),
            suggestion: Some("write a condition such as `request.vcpus <= 2`".to_owned()),
        });
    }
    if source.len() > LONGEST {
        return refuse(format!("the expression is longer than {LONGEST} bytes"), 0..source.len());
    }
    let (mut signs, mut arithmetic, mut depth) = (0, 0, 0_usize);
    for (offset, character) in source.char_indices() {
        if character.is_control() && !matches!(character, '\n' | '\r' | '\t') {
            return refuse(
                "the expression holds a control character".to_owned(),
                offset..offset + character.len_utf8(),
            );
        }
        signs += usize::from(character.is_ascii_punctuation() && !matches!(character, '_' | '"'));
        arithmetic += usize::from(matches!(character, '+' | '-' | '*' | '/' | '%'));
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if signs > MOST_SIGNS || arithmetic > MOST_ARITHMETIC || depth > DEEPEST {
            return refuse(
                "the expression is too complicated".to_owned(),
                offset..offset + character.len_utf8(),
            );
        }
    }
    Ok(())
}

/// The parser's first complaint, without its list of expected tokens.
fn syntax(source: &str, errors: &cel::ParseErrors) -> ExpressionError {
    let Some(error) = errors.errors.first() else {
        return ExpressionError {
            message: "the expression cannot be read".to_owned(),
            at: 0..source.len(),
            suggestion: None,
        };
    };
    let message = error.msg.lines().next().unwrap_or_default();
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let message = message.split(" expecting ").next().unwrap_or(message);
    let message = match message {
        "mismatched input '<EOF>'" | "no viable alternative at input '<EOF>'" => {
            "the expression ends too early".to_owned()
        }
        other => format!("the expression cannot be read: {other}"),
    };
    let line = usize::try_from(error.pos.0).unwrap_or(1).max(1);
    let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
    let start_of_line: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let start = place::byte_of(source, start_of_line, column - 1);
    let sign = source.get(start..).and_then(|rest| rest.chars().next());
    let at = start..start + sign.map_or(0, char::len_utf8);
    ExpressionError { message, at, suggestion: None }
}
