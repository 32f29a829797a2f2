//! Web addresses. They are stored and shown, never fetched.

use url::Url;

use super::{Value, problem::Problem, written::Written};

/// An `http` or `https` address without credentials, normalised.
pub(super) fn read(written: &Written) -> Result<Value, Problem> {
    let text = written.single()?;
    // A Markdown link `[docs](https://…)` reads as `docs (https://…)`.
    let inner = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")).map(|(_, url)| url);
    let hint = "Write the whole address, for example `https://example.org/docs`.";
    let address = inner.unwrap_or(&text).trim_matches(['<', '>']);
    let url = Url::parse(address)
        .map_err(|_| Problem::unreadable(format!("`{text}` is not a web address")).hint(hint))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Problem::unreadable(format!(
            "`{}` addresses are not accepted, only http and https",
            url.scheme()
        ))
        .hint(hint));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Problem::unreadable("The address contains a username or password")
            .hint("Remove it, and change the password: it stands in the issue's history."));
    }
    Ok(Value::Url(url.into()))
}
