use proptest::prelude::*;

use super::{Datum, Expression, Schema, Type, Values};
use crate::{
    cookbook::{Field, FieldKind},
    identity::FieldName,
};

fn field(name: &str, kind: FieldKind) -> Field {
    Field {
        name: FieldName::from(name),
        label: name.to_owned(),
        aliases: Vec::new(),
        kind,
        required: false,
        default: None,
        help: String::new(),
        placeholder: None,
    }
}

fn schema() -> Schema {
    Schema::of(&[
        field("purpose", FieldKind::Text { max: 100 }),
        field("memory", FieldKind::Number { min: 0, max: 1 }),
        field("vcpus", FieldKind::Number { min: 0, max: 1 }),
        field("until", FieldKind::Date),
        field("agreed", FieldKind::Acknowledgement),
        field("fallback", FieldKind::Users { min: 1, max: 3 }),
        field("period", FieldKind::Lifetime),
    ])
}

#[test]
fn conditions_over_known_names_are_accepted_and_can_be_evaluated() {
    let schema = schema();
    let values = Values::absent(&schema);
    for source in [
        "true",
        "request.memory <= 4096 && request.vcpus < 3",
        "size(request.fallback) >= 1 && !(request.owner in request.fallback)",
        "request.fallback.size() == 0 || request.agreed",
        "request.purpose.startsWith('a') || request.purpose.endsWith(\"b\")",
        "request.purpose.contains('ä') ? request.agreed : !request.agreed",
        "request.purpose.matches('^[a-z]+$')",
        "request.fallback.all(name, name != request.owner)",
        "request.fallback.exists(name, name.startsWith('a'))",
        "request.fallback.exists_one(name, name == request.author)",
        "request.fallback.filter(name, name != 'x').size() < 3",
        "size(request.fallback.map(name, size(name))) == 0",
        "request.fallback.map(name, size(name)).all(letters, letters > 2)",
        "size(request.fallback.map(name, name != '', name + 'x') + ['y']) > 0",
        "request.until <= '2030-01-01'",
        "request.owner in ['alice', 'bob']",
        "!(request.owner in [])",
        "request.fallback == []",
        "usage.owner.leases + request.count * 2 - 1 <= 5 % 3 + 4 / 2",
        "-request.memory < 0 || request.lifetime_days <= 14",
        "usage.provider.leases < 40 && usage.cookbook.leases < 10 && usage.owner.pending == 0",
    ] {
        let expression = Expression::compile(source, &schema);
        let expression = expression.unwrap_or_else(|error| panic!("{source}: {error}"));
        assert!(expression.holds(&values).is_ok(), "{source}: {:?}", expression.holds(&values));
    }
}

/// The expression, the part of it that is marked, the message, the suggestion.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("request.memroy < 1", "memroy", "unknown name `request.memroy`", "did you mean `memory`?"),
    (
        "request.vcpus == 1 || request.memroy < 1",
        "memroy",
        "unknown name `request.memroy`",
        "did you mean `memory`?",
    ),
    ("reqest.memory < 1", "reqest", "unknown name `reqest`", "did you mean `request`?"),
    ("usage.ownr.leases < 1", "ownr", "unknown name `usage.ownr`", "did you mean `owner`?"),
    (
        "usage.owner < 1",
        "usage.owner",
        "`usage.owner` is no value by itself",
        "name one of its members: `disk`, `extensions`, `leases`, `memory`, `open_issues`, `pending`, `vcpus`",
    ),
    (
        "usage.provider.machines < 1",
        "machines",
        "unknown name `usage.provider.machines`",
        "there is `disk`, `leases`, `memory`, `pending`, `vcpus`",
    ),
    (
        "request.period < 1",
        "period",
        "unknown name `request.period`",
        "the lifetime is `request.lifetime_days`, a number of days",
    ),
    (
        "request.memory.bytes < 1",
        "request.memory.bytes",
        "`request.memory` is a whole number and has no member `bytes`",
        "",
    ),
    (
        "request.memory > \"4 GiB\"",
        "\"4 GiB\"",
        "`>` does not go between a whole number and a text",
        "memory and disk are numbers of MiB here: write 4096",
    ),
    (
        "'ä' != request.purpose && request.memory == 'much'",
        "'much'",
        "`==` does not go between a whole number and a text",
        "",
    ),
    (
        "request.memory",
        "request.memory",
        "a condition must be true or false, this is a whole number",
        "compare it with something, e.g. `... <= 2`",
    ),
    ("request.memory + 'x' == 1", "'x'", "`+` does not go between a whole number and a text", ""),
    (
        "request.agreed + true",
        "true",
        "`+` does not go between true or false and true or false",
        "",
    ),
    (
        "request.agreed < true",
        "true",
        "`<` does not go between true or false and true or false",
        "",
    ),
    ("!request.memory", "request.memory", "expected true or false, found a whole number", ""),
    (
        "request.memory && true",
        "request.memory",
        "expected true or false, found a whole number",
        "",
    ),
    (
        "true && request.fallback",
        "request.fallback",
        "expected true or false, found a list of texts",
        "",
    ),
    (
        "request.memory in request.fallback",
        "request.memory",
        "a list of texts cannot hold a whole number",
        "",
    ),
    (
        "'a' in request.purpose",
        "request.purpose",
        "`in` looks into a list, this is a text",
        "for a part of a text, use `.contains(...)`",
    ),
    (
        "request.agreed ? 1 : 'x'",
        "'x'",
        "the two sides of `?:` differ: a whole number and a text",
        "",
    ),
    (
        "len(request.fallback) > 1",
        "len",
        "unknown function `len`",
        "there is `size`, `startsWith`, `endsWith`, `contains`, `matches`, `all`, `exists`, `exists_one`, `filter`, `map`",
    ),
    (
        "request.purpose.startswith('a')",
        "startswith",
        "unknown function `startswith`",
        "did you mean `startsWith`?",
    ),
    (
        "size(request.memory) > 1",
        "request.memory",
        "`size` counts a list or the letters of a text, not a whole number",
        "",
    ),
    ("request.purpose.matches('(')", "'('", "this is not a regular expression", ""),
    (
        "request.purpose.matches(request.owner)",
        "request.owner",
        "a pattern must be written out in quotes",
        "",
    ),
    (
        "request.fallback.all(name, size(name))",
        "size(name)",
        "expected true or false, found a whole number",
        "",
    ),
    (
        "request.fallback.all(name, nmae != '')",
        "nmae",
        "unknown name `nmae`",
        "there is `capacity`, `request`, `usage`",
    ),
    ("request.fallback.all(request, true)", "(", "`request` cannot be the name of an element", ""),
    ("[].all(x, true)", "[", "this list is always empty", ""),
    ("request.purpose.all(x, true)", "request.purpose", "this goes through a list, not a text", ""),
    ("[1, 'x'].size() == 2", "'x'", "a list of one kind of thing, and then a text", ""),
    (
        "request.fallback[0] == 'x'",
        "[",
        "single elements cannot be picked: the list may be shorter",
        "use `in`, `size`, `all` or `exists`",
    ),
    ("request.memory < 1.5", "1.5", "fractions cannot be used in an expression here", ""),
    ("{'a': 1} == {'a': 1}", "{", "maps and messages cannot be used in an expression here", ""),
    ("request.memory == null", "null", "`null` cannot be used in an expression here", ""),
    ("request.memory <", "", "the expression ends too early", ""),
    ("'ä' == 'ä' request", "r", "the expression cannot be read: extraneous input 'request'", ""),
    (
        "!(request\u{497}owner)",
        "\u{497}",
        "the expression cannot be read: token recognition error at: '\u{497}'",
        "",
    ),
    (
        "'\u{85}' == ''",
        "\u{85}",
        "the expression holds a control character",
        "split it into several rules",
    ),
    ("", "", "the expression is empty", "write a condition such as `request.vcpus <= 2`"),
];

#[test]
fn everything_else_is_refused_with_its_place_and_a_suggestion() {
    let schema = schema();
    for (source, marked, message, suggestion) in REFUSED {
        let error = Expression::compile(source, &schema).expect_err(source);
        assert_eq!(error.message, *message, "{source}");
        assert_eq!(&source[error.at.clone()], *marked, "{source}: {error:?}");
        assert_eq!(error.suggestion.as_deref().unwrap_or(""), *suggestion, "{source}");
    }
}

#[test]
fn a_name_that_must_be_tested_for_presence_does_not_exist() {
    let error = Expression::compile("has(request.memory)", &schema()).unwrap_err();
    assert_eq!(error.message, "`has` is of no use here: every name always has a value");
}

#[test]
fn values_decide() {
    let schema = schema();
    let mut values = Values::absent(&schema);
    values.set("request.memory", Datum::Number(2048));
    values.set("request.owner", Datum::Text("alice".to_owned()));
    values.set("request.fallback", Datum::Texts(vec!["bob".to_owned(), "alice".to_owned()]));
    values.set("request.agreed", Datum::Truth(true));
    values.set("request.nothing", Datum::Number(1));
    for (source, expected) in [
        ("request.memory == 2048", true),
        ("request.memory > 2048", false),
        ("request.owner in request.fallback", true),
        ("request.fallback.all(name, name != request.owner)", false),
        ("request.fallback.exists_one(name, name == 'bob')", true),
        ("size(request.fallback.filter(name, name.contains('b'))) == 1", true),
        ("request.agreed && request.until == ''", true),
    ] {
        let expression = Expression::compile(source, &schema).unwrap();
        assert_eq!(expression.holds(&values), Ok(expected), "{source}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_an_error_and_not_a_yes() {
    let schema = schema();
    let expression = Expression::compile("10 / request.memory < 5 || false", &schema).unwrap();
    assert!(expression.holds(&Values::absent(&schema)).is_err());
}

#[test]
fn size_and_depth_are_bounded() {
    let schema = schema();
    let long = format!("'{}' == ''", "a".repeat(2000));
    let deep = format!("{}true{}", "(".repeat(40), ")".repeat(40));
    let chain = format!("a{}", ".b".repeat(500));
    let sum = format!("1{} == 2", "+1".repeat(400));
    for source in [long, deep, chain, sum, "!".repeat(900), "a\u{0}".to_owned()] {
        let error = Expression::compile(&source, &schema).unwrap_err();
        assert!(error.suggestion.is_some(), "{source}: {error}");
    }
}

/// A form with the largest answers there can be.
fn large_form() -> (Schema, Values) {
    let text = "[[field]]\nname = \"purpose\"\ntype = \"text\"\nmax = 20000\n
        [[field]]\nname = \"fallback\"\ntype = \"users\"\nmax = 50\n
        [[field]]\nname = \"keys\"\ntype = \"ssh-keys\"\n";
    let rest = "title = \"x\"\nsummary = \"x\"\n[lifetime]\ndefault = \"1d\"\nmax = \"1d\"\n
        [approval]\nby = [\"user:a\"]\n[placement]\nprovider = \"p\"\n";
    let file = ("x.toml".to_owned(), format!("{rest}{text}"));
    let cookbooks = crate::cookbook::load::files(&[file]).unwrap_or_else(|e| panic!("{e}"));
    let schema = Schema::of(&cookbooks.cookbooks[0].fields);
    let mut values = Values::absent(&schema);
    values.set("request.purpose", Datum::Text("ab ".repeat(64 * 1024 / 3)));
    values.set("request.fallback", Datum::Texts(vec!["a".repeat(250); 50]));
    values.set("request.keys", Datum::Texts(vec!["ssh-ed25519 ".repeat(7); 1280]));
    (schema, values)
}

#[test]
fn what_could_keep_the_service_busy_is_refused() {
    let (schema, _) = large_form();
    let nested = |list: &str, times: usize| {
        let open: String = (0..times).map(|i| format!("{list}.all(x{i}, ")).collect();
        format!("{open}true{}", ")".repeat(times))
    };
    let doubled =
        |times: usize| format!("size([request.purpose]{}) == 1", ".map(x, x + x)".repeat(times));
    for source in [
        nested("request.fallback", 4),
        nested("request.keys", 2),
        doubled(10),
        "(request.keys + request.keys).all(a, request.fallback.exists(b, a == b))".to_owned(),
        "request.keys.all(a, a.matches('x{100}'))".to_owned(),
        r"request.purpose.matches('((\\w{20}){20}){20}')".to_owned(),
        "request.purpose.matches('(.{900}){9}')".to_owned(),
    ] {
        let error = Expression::compile(&source, &schema).map(|_| ()).unwrap_err();
        let told = ["this could take too long", "not a regular expression"];
        assert!(told.iter().any(|told| error.message.contains(told)), "{source}: {error}");
    }
    for source in [
        nested("request.fallback", 2),
        nested("request.keys", 1),
        doubled(2),
        "request.keys.all(a, !request.purpose.contains(a))".to_owned(),
        "request.purpose.matches('(?i)^[a-z0-9 ]{0,60}ticket #[0-9]{1,6}')".to_owned(),
        "request.fallback.all(a, a.matches('^[a-z][a-z0-9-]{0,30}$'))".to_owned(),
    ] {
        Expression::compile(&source, &schema).unwrap_or_else(|error| panic!("{source}: {error}"));
    }
}

/// `cargo test --release --lib the_worst_that_is_accepted -- --ignored --nocapture`
#[test]
#[ignore = "measures: how long the worst that is accepted takes"]
fn the_worst_that_is_accepted_is_measured() {
    let (schema, values) = large_form();
    let clock = crate::app::system::SystemClock;
    let now = || crate::ports::clock::Clock::now(&clock);
    let lists = ["request.fallback", "request.keys"];
    let bodies = [
        "true",
        "a == a",
        "a != 'x' && a != 'y'",
        "a.contains('zz')",
        "a.matches('x{9}')",
        "a.matches('\\\\w{3}')",
        "request.purpose.contains(a)",
        "size(a + a) > 1",
    ];
    let mut sources: Vec<String> = (0..=12)
        .map(|times| format!("size([request.purpose]{}) == 1", ".map(x, x + x)".repeat(times)))
        .collect();
    for list in lists {
        for body in bodies {
            sources.push(format!("{list}.all(a, {body})"));
            sources.push(format!("{list}.map(a, a).filter(a, {body}).size() >= 0"));
            sources.push(format!("request.fallback.all(b, {list}.all(a, {body}))"));
            sources.push(format!(
                "request.fallback.all(c, request.fallback.all(b, {list}.all(a, {body})))"
            ));
        }
    }
    for count in [1, 10, 50, 100, 500] {
        sources.push(format!("request.purpose.matches('(ab |x){{{count}}}y')"));
        sources.push(format!("request.purpose.matches('\\\\w{{{count}}}y')"));
    }
    let (mut refused, mut worst) = (0, (chrono::TimeDelta::zero(), String::new()));
    for source in sources {
        let Ok(expression) = Expression::compile(&source, &schema) else {
            refused += 1;
            continue;
        };
        let begun = now();
        let _ = expression.holds(&values);
        let took = now() - begun;
        worst = worst.max((took, source));
    }
    println!(
        "{refused} refused; the worst accepted takes {} ms: {}",
        worst.0.num_milliseconds(),
        worst.1
    );
    assert!(worst.0 < chrono::TimeDelta::seconds(5), "{worst:?}");
}

#[test]
fn what_is_just_within_the_bounds_fits_the_stack_of_a_small_thread() {
    let schema = schema();
    let values = Values::absent(&schema);
    let nested = |open: &str, inner: &str, close: &str| open.repeat(6) + inner + &close.repeat(6);
    for source in [
        format!("1{} > 0", "+1".repeat(12)),
        format!("{} > 0", nested("(1+1*", "1", ")")),
        format!("{} > 0", nested("(", &format!("1{}", "+1".repeat(12)), ")")),
        nested("!!(true && ", "true", ")"),
        nested("request.fallback.all(a, ", "true", ")"),
        format!("{}true", "!".repeat(150)),
        format!("true{}", " && true".repeat(75)),
        format!("true{}", " ? true : true".repeat(65)),
    ] {
        let expression = Expression::compile(&source, &schema);
        let expression = expression.unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(expression.holds(&values), Ok(true), "{source}");
    }
    for refused in [format!("a{}", ".b".repeat(150)), nested("[", &"+1".repeat(12), "]")] {
        assert!(Expression::compile(&refused, &schema).is_err());
    }
}

#[test]
fn the_schema_has_the_fields_of_the_form_and_the_names_that_are_always_there() {
    let schema = schema();
    assert_eq!(schema.get("request.author"), Some(Type::Text));
    assert_eq!(schema.get("request.agreed"), Some(Type::Truth));
    assert_eq!(schema.get("request.period"), None);
    assert_eq!(Schema::of(&[]).get("request.fallback"), None);
}

fn assert_shareable<T: Send + Sync + Clone>() {}

#[test]
fn expressions_can_be_shared_between_threads() {
    assert_shareable::<Expression>();
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(source in "\\PC{0,80}") {
        let _ = Expression::compile(&source, &schema());
    }

    #[test]
    fn arbitrary_tokens_never_panic(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "request", "usage", ".", "owner", "memory", "(", ")", "[", "]", "{", "}", "has",
                "size", "all", "exists", "map", ",", "x", "'a'", "1", "+", "&&", "!", "?", ":",
                "in", "<", "==", "\"", "fallback", " ", "//", "\n", "-", "r'", "optional", "of",
            ]),
            0..25,
        )
    ) {
        let schema = schema();
        let source = tokens.concat();
        if let Ok(expression) = Expression::compile(&source, &schema) {
            let _ = expression.holds(&Values::absent(&schema));
        }
    }
}
