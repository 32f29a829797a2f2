//! Names point one way: adapters -> engine -> ports -> core. Who may name whom
//! is the table below; a wrong arrow is shown with its file and line.
//!
//! This reads source text, not meaning: comments, strings and what is only for
//! tests are left out, and every path that begins with `crate::`, `super::` or
//! the name of a crate is looked at.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources has to fail")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use Layer::{Adapter, Core, Engine, Outside, Ports};

/// How far out a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    /// Decides. No clock, no socket, no file, no randomness.
    Core,
    /// What the engine needs from the outside, as traits and data.
    Ports,
    /// The loop.
    Engine,
    /// Speaks to one kind of outside. Adapters do not know each other.
    Adapter,
    /// Configuration, composition root, command line: may name everything
    /// that its row does not leave out.
    Outside,
}

/// Every module of `src/`, how far out it is, and whom it may name besides
/// itself. `core` stands for all of the core; `a::b` for that part of `a`.
const TABLE: &[(&str, Layer, &[&str])] = &[
    ("identity", Core, &[]),
    ("quantity", Core, &[]),
    ("violation", Core, &["identity"]),
    ("brake", Core, &["calendar", "identity"]),
    ("calendar", Core, &["identity", "quantity"]),
    ("schedule", Core, &["calendar", "identity"]),
    // What a cookbook, a request and a rule are is one idea in three modules:
    // rules are about requests, requests are read by cookbooks, which hold rules.
    ("cookbook", Core, &["calendar", "identity", "machine", "policy", "quantity", "request"]),
    ("request", Core, &["cookbook", "identity", "machine", "policy", "quantity", "violation"]),
    ("policy", Core, &["cookbook", "identity", "quantity", "request", "violation"]),
    ("command", Core, &["cookbook", "identity", "quantity", "request"]),
    ("machine", Core, &["identity", "quantity"]),
    ("hook", Core, &["identity"]),
    (
        "lease",
        Core,
        &["brake", "calendar", "cookbook", "hook", "identity", "machine", "quantity", "request"],
    ),
    ("usage", Core, &["cookbook", "identity", "lease", "machine", "policy", "request"]),
    ("effect", Core, &["identity", "lease", "notice", "request"]),
    (
        "notice",
        Core,
        &["brake", "calendar", "cookbook", "hook", "identity", "lease", "machine", "quantity"],
    ),
    ("setup", Core, &["identity"]),
    // Knows what in all of these is about people.
    ("personal", Core, &["effect", "identity", "lease", "notice", "policy", "request"]),
    ("ports", Ports, &["core"]),
    ("engine", Engine, &["core", "ports"]),
    ("forge", Adapter, &["core", "ports"]),
    ("provider", Adapter, &["core", "ports"]),
    ("store", Adapter, &["core", "ports"]),
    ("web", Adapter, &["core", "ports"]),
    ("hooks", Adapter, &["hook", "ports::hooks", "ports::PortError"]),
    ("rehearsal", Adapter, &["identity", "ports::clock"]),
    ("scheduler", Adapter, &["identity", "ports::clock", "schedule"]),
    ("config", Outside, &["core", "engine"]),
    ("app", Outside, &["core", "ports", "engine", "adapters", "config"]),
    ("cli", Outside, &["core", "ports", "engine", "adapters", "config", "app"]),
];

/// Crates and parts of the standard library that reach outside. The core and
/// the engine may not name them, ports only in types.
const OUTSIDE: &[&str] = &[
    "axum",
    "chrono::Local",
    "chrono::Utc::now",
    "clap",
    "getrandom",
    "gitlab",
    "Local::now",
    "prometheus_client",
    "reqwest",
    "sqlx",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "tower_http",
    "tracing_subscriber",
    "Utc::now",
    "virt",
];

/// They read files they were pointed to, and nothing else.
const READS_FILES: &[&str] = &["src/cookbook/load.rs", "src/notice/render.rs"];

/// Longer, and nobody reads it in one go.
const MOST_LINES: usize = 800;

// --- reading Rust, roughly

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// The text with comments, strings and characters blanked out, line for line.
fn without_prose(text: &str) -> String {
    let mut left = text;
    let mut code = String::new();
    while let Some(first) = left.chars().next() {
        let before = code.chars().next_back().unwrap_or(' ');
        let starts_word = !before.is_alphanumeric() && before != '_';
        let prose = match first {
            '/' if left.starts_with("//") => left.find('\n').unwrap_or(left.len()),
            '/' if left.starts_with("/*") => block_comment(left),
            '"' => string(left),
            'r' | 'b' | 'c' if starts_word => prefixed_string(left),
            '\'' => character(left),
            _ => 0,
        };
        if prose == 0 {
            code.push(first);
            left = &left[first.len_utf8()..];
        } else {
            code.extend(left[..prose].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            left = &left[prose..];
        }
    }
    code
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += 1;
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of `"..."` at the beginning.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r#"..."#`, `b"..."` and the like at the beginning; 0 for a word.
fn prefixed_string(text: &str) -> usize {
    let rest = text.trim_start_matches(['b', 'c', 'r']);
    let prefix = text.len() - rest.len();
    let marks = rest.len() - rest.trim_start_matches('#').len();
    if prefix > 2 || !rest[marks..].starts_with('"') {
        return 0;
    }
    if !text[..prefix].contains('r') {
        return if marks == 0 { prefix + string(rest) } else { 0 };
    }
    let end = format!("\"{}", "#".repeat(marks));
    let body = prefix + marks + 1;
    text[body..].find(&end).map_or(text.len(), |at| body + at + end.len())
}

/// The length of `'x'` at the beginning; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((escaped, _))) => {
            let from = escaped + 1;
            text.get(from..).and_then(|rest| rest.find('\'')).map_or(0, |at| from + at + 1)
        }
        (Some(_), Some((quote, '\''))) => quote + 1,
        _ => 0,
    }
}

/// Words, `::` and single marks.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut left = text.trim_start();
        while let Some(first) = left.chars().next() {
            let length = if is_word(first) {
                left.find(|c| !is_word(c)).unwrap_or(left.len())
            } else if left.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push(Token { text: &left[..length], line: line + 1 });
            left = left[length..].trim_start();
        }
    }
    tokens
}

fn begins(tokens: &[Token<'_>], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// The tokens without items marked `#[cfg(test)]`, and the names of modules
/// among them that are files of their own.
fn without_tests<'a>(tokens: &[Token<'a>]) -> (Vec<Token<'a>>, Vec<&'a str>) {
    let mut kept = Vec::new();
    let mut modules = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
        if !begins(&tokens[at..], &marker) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += marker.len();
        let start = at;
        let mut depth = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => continue,
            }
            if depth == 0 && token.text == "}" && tokens.get(at).is_none_or(|t| t.text != ";") {
                break;
            }
        }
        let item = &tokens[start..at];
        let is_module = item.iter().position(|token| token.text == "mod");
        if let (Some(name), true) = (is_module, item.last().is_some_and(|last| last.text == ";")) {
            modules.extend(item.get(name + 1).map(|token| token.text));
        }
    }
    (kept, modules)
}

/// Every path with more than one part that is named, import lists taken apart.
fn paths<'a>(tokens: &[Token<'a>]) -> Vec<(Vec<&'a str>, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_word = tokens[at].text.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let continues = at > 0 && tokens[at - 1].text == "::";
        let is_path = tokens.get(at + 1).is_some_and(|next| next.text == "::");
        if is_word && !continues && is_path {
            at = path(tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads the path or list at `at`, which `before` leads to; returns where it ends.
fn path<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    before: &[&'a str],
    found: &mut Vec<(Vec<&'a str>, usize)>,
) -> usize {
    let mut parts = before.to_vec();
    while let Some(token) = tokens.get(at) {
        if token.text == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token.text != "}") {
                at = match tokens[at].text {
                    "," => at + 1,
                    "as" => at + 2,
                    _ => path(tokens, at, &parts, found).max(at + 1),
                };
            }
            return at + 1;
        }
        let is_part = token.text.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '*');
        if !is_part {
            return at;
        }
        parts.push(token.text);
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != "::") {
            found.push((parts, token.line));
            return at;
        }
        at += 1;
    }
    at
}

// --- the rules

fn row(module: &str) -> Option<&'static (&'static str, Layer, &'static [&'static str])> {
    TABLE.iter().find(|(name, ..)| *name == module)
}

/// Whether the path (without `crate`) is covered by what a row allows.
fn allowed(path: &[&str], allowances: &[&str]) -> bool {
    let layer = path.first().and_then(|module| row(module)).map(|(_, layer, _)| *layer);
    allowances.iter().any(|allowance| match *allowance {
        "core" => layer == Some(Core),
        "adapters" => layer == Some(Adapter),
        _ => {
            let parts: Vec<&str> = allowance.split("::").collect();
            path.starts_with(&parts)
        }
    })
}

/// The path from the crate's root, of one that begins in `module`; `None` if
/// it leads to another crate.
fn from_root<'a>(module: &[&'a str], path: &[&'a str]) -> Option<Vec<&'a str>> {
    let supers = path.iter().take_while(|part| **part == "super").count();
    match path {
        ["crate", rest @ ..] => Some(rest.to_vec()),
        ["super", ..] => {
            let up = module.len().saturating_sub(supers);
            Some([&module[..up], &path[supers..]].concat())
        }
        _ => None,
    }
}

/// What is wrong in one file: `file` as in `src/lease/warning.rs`.
fn wrong_arrows(file: &str, text: &str) -> Vec<String> {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs");
    let module: Vec<&str> = inner.split('/').collect();
    let Some((name, layer, allowances)) = row(module[0]) else {
        return vec![format!("{file}: the table in tests/architecture.rs has no `{}`", module[0])];
    };
    let who = format!("{name} ({})", format!("{layer:?}").to_lowercase());
    let code = without_prose(text);
    let (tokens, _) = without_tests(&tokens(&code));
    let wrong = |path: &[&str]| match from_root(&module, path) {
        Some(inside) if inside.first() == Some(name) || allowed(&inside, allowances) => None,
        Some(inside) => {
            // Ports are allowed one by one.
            let depth = if inside.first() == Some(&"ports") { 2 } else { 1 };
            Some(format!("crate::{}", inside[..depth.min(inside.len())].join("::")))
        }
        None if *layer <= Engine => reaches_outside(file, path).map(str::to_owned),
        None => None,
    };
    paths(&tokens)
        .iter()
        .filter_map(|(path, line)| Some((line, wrong(path)?)))
        .map(|(line, named)| format!("{file}:{line}: {who} names {named}"))
        .collect()
}

/// What a path of another crate reaches that the inside of the house may not.
fn reaches_outside(file: &str, path: &[&str]) -> Option<&'static str> {
    let reads_files = READS_FILES.contains(&file);
    let mut outside = OUTSIDE.iter().copied();
    outside
        .find(|name| path.starts_with(&name.split("::").collect::<Vec<_>>()))
        .filter(|name| !(reads_files && ["std::fs", "std::io"].contains(name)))
}

/// Every file under `src/`, with its text.
fn sources() -> BTreeMap<String, String> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    visit(&root.join("src"), &mut files);
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// The files, and folders of files, that are compiled for tests only.
fn only_for_tests(sources: &BTreeMap<String, String>) -> Vec<String> {
    let of_file = |(file, text): (&String, &String)| {
        let code = without_prose(text);
        let folder = file.trim_end_matches(".rs").to_owned();
        let (_, modules) = without_tests(&tokens(&code));
        modules.iter().map(|module| format!("{folder}/{module}")).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of_file).collect()
}

#[test]
fn names_point_one_way() {
    let sources = sources();
    let tests = only_for_tests(&sources);
    let is_test = |file: &str| {
        tests.iter().any(|test| {
            file.strip_prefix(test).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    };
    let found: Vec<String> = sources
        .iter()
        .filter(|(file, _)| !["src/lib.rs", "src/main.rs"].contains(&file.as_str()))
        .filter(|(file, _)| !is_test(file))
        .flat_map(|(file, text)| wrong_arrows(file, text))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_table_lists_the_modules_there_are() {
    let lib = without_prose(&sources()["src/lib.rs"]);
    let tokens = tokens(&lib);
    let declared: BTreeSet<&str> =
        tokens.windows(2).filter(|pair| pair[0].text == "mod").map(|pair| pair[1].text).collect();
    let listed: BTreeSet<&str> = TABLE.iter().map(|(name, ..)| *name).collect();
    assert_eq!(declared, listed);
}

#[test]
fn the_table_itself_points_one_way() {
    for (name, layer, allowances) in TABLE {
        for allowance in *allowances {
            let target = match *allowance {
                "core" => Core,
                "adapters" => Adapter,
                other => row(other.split("::").next().unwrap()).unwrap().1,
            };
            assert!(target <= *layer, "{name} may not name {allowance}");
            assert!(
                target < Adapter || *layer == Outside,
                "adapters do not know each other: {name}"
            );
        }
    }
}

#[test]
fn files_are_short_and_named() {
    for (file, text) in sources() {
        assert!(!file.ends_with("/mod.rs"), "{file}: name it after its module, beside its folder");
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{file} has {lines} lines; split it by what it is about");
    }
}

// --- that this would notice

#[test]
fn a_wrong_arrow_is_found_with_file_and_line() {
    for (file, text, expected) in [
        (
            "src/lease.rs",
            "\n\nuse crate::engine::Engine;",
            "src/lease.rs:3: lease (core) names crate::engine",
        ),
        (
            "src/lease/x.rs",
            "use crate::{\n    identity::X,\n    store::Y,\n};",
            "src/lease/x.rs:3: lease (core) names crate::store",
        ),
        (
            "src/lease.rs",
            "fn f() { crate::web::x() }",
            "src/lease.rs:1: lease (core) names crate::web",
        ),
        ("src/lease.rs", "use super::engine;", "src/lease.rs:1: lease (core) names crate::engine"),
        (
            "src/lease/x.rs",
            "use super::super::engine::X;",
            "src/lease/x.rs:1: lease (core) names crate::engine",
        ),
        (
            "src/lease.rs",
            "use crate::{machine::Power, ports::store::Store};",
            "src/lease.rs:1: lease (core) names crate::ports::store",
        ),
        ("src/lease.rs", "use crate::*;", "src/lease.rs:1: lease (core) names crate::*"),
        (
            "src/forge/x.rs",
            "use crate::provider::X;",
            "src/forge/x.rs:1: forge (adapter) names crate::provider",
        ),
        (
            "src/engine.rs",
            "use crate::{ports, store};",
            "src/engine.rs:1: engine (engine) names crate::store",
        ),
        (
            "src/rehearsal.rs",
            "use crate::ports::forge::Forge;",
            "src/rehearsal.rs:1: rehearsal (adapter) names crate::ports::forge",
        ),
        (
            "src/engine.rs",
            "use tokio::sync::Mutex;",
            "src/engine.rs:1: engine (engine) names tokio",
        ),
        (
            "src/policy.rs",
            "use std::{\n    fmt,\n    env,\n};",
            "src/policy.rs:3: policy (core) names std::env",
        ),
        (
            "src/policy.rs",
            "fn f() { chrono::Utc::now(); }",
            "src/policy.rs:1: policy (core) names chrono::Utc::now",
        ),
        (
            "src/policy.rs",
            "fn f() { Utc::now(); }",
            "src/policy.rs:1: policy (core) names Utc::now",
        ),
        ("src/cookbook.rs", "use std::fs;", "src/cookbook.rs:1: cookbook (core) names std::fs"),
        (
            "src/unheard.rs",
            "",
            "src/unheard.rs: the table in tests/architecture.rs has no `unheard`",
        ),
    ] {
        assert_eq!(wrong_arrows(file, text), [expected]);
    }
}

#[test]
fn what_is_allowed_or_only_looks_wrong_is_left_alone() {
    for (file, text) in [
        (
            "src/lease.rs",
            "use crate::{identity::{LeaseId, Person as P, X as _}, machine::Power, quantity};",
        ),
        ("src/lease/x.rs", "use super::{Lease, lifecycle};\nuse crate::lease::State;"),
        ("src/forge/gitlab/x.rs", "use super::super::http::client;\nuse tokio::time;"),
        ("src/cookbook/load.rs", "use std::{fs, io, path::Path};"),
        ("src/lease.rs", "// use crate::engine;\n/* crate::web::x /* nested */ */ fn f() {}"),
        ("src/lease.rs", "/// [`crate::engine::Engine`]\nconst A: &str = \"crate::web::x\";"),
        (
            "src/lease.rs",
            "const A: &str = r#\"\"crate::web::x\"#; const B: char = '\"'; fn f<'a>(x: &'a str) {}",
        ),
        (
            "src/lease.rs",
            "const A: char = '\\''; const B: &[u8] = b\"tokio::x\"; const C: &str = \"\\\"tokio::x\";",
        ),
        (
            "src/lease.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::engine::X;\n    fn f() { tokio::x() }\n}",
        ),
        ("src/lease.rs", "#[cfg(test)]\nuse crate::{engine::X, web};\nfn f() {}"),
        ("src/policy.rs", "use chrono::{DateTime, Utc};\nuse std::collections::BTreeMap;"),
    ] {
        assert_eq!(wrong_arrows(file, text), [""; 0], "{text}");
    }
    let after_tests = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nfn f() {}\nuse crate::engine::X;";
    assert_eq!(wrong_arrows("src/lease.rs", after_tests).len(), 1, "what follows is looked at");
    let sources = BTreeMap::from([("src/lease.rs".to_owned(), after_tests.to_owned())]);
    assert_eq!(only_for_tests(&sources), ["src/lease/tests"]);
}
