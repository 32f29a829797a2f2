//! A report in the form that `JUnit` made common, which GitLab CI and others show.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use crate::policy::cases::Tried;

/// The report, one test case a case, one suite a cookbook.
pub(super) fn report(cases: &[Tried]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in cases.chunk_by(|one, next| one.cookbook == next.cookbook) {
        let Some(first) = suite.first() else { continue };
        let failed = suite.iter().filter(|tried| !tried.is_fine()).count();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">",
            escaped(first.cookbook.as_str()),
            suite.len()
        );
        for tried in suite {
            text.push_str(&case(tried));
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(tried: &Tried) -> String {
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{}.test.toml\"",
        escaped(tried.cookbook.as_str()),
        escaped(&tried.name),
        escaped(tried.cookbook.as_str())
    );
    if tried.is_fine() {
        return format!("{head}/>\n");
    }
    let differences: Vec<String> = tried
        .differences
        .iter()
        .map(|it| format!("{}: expected {}, found {}", it.of, it.expected, it.found))
        .collect();
    let message = escaped(&differences.join("; "));
    let said = escaped(&tried.said.join("\n"));
    format!("{head}>\n      <failure message=\"{message}\">{said}</failure>\n    </testcase>\n")
}

/// Text as XML can hold it: control characters have no place in it.
fn escaped(text: &str) -> String {
    let allowed: String =
        text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    escape(&allowed).into_owned()
}
