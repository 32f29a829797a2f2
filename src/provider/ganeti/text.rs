//! What the cluster says, made fit to be shown to people: on one line, of
//! bounded length, without markup.

/// Longer than any sentence of Ganeti's; the log of a failed installer may be
/// of any length.
const MOST_CHARACTERS: usize = 600;

/// The text on one line, without control characters, shortened.
pub(super) fn clean(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|w| !w.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Undoes the HTML escapes that error messages come with.
pub(super) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::{clean, unescape};

    #[test]
    fn what_a_program_printed_becomes_one_short_line() {
        assert_eq!(
            clean("last lines:\n\u{1b}[31mfailed\t at  once\r\n"),
            "last lines: [31mfailed at once"
        );
        let long = clean(&"é".repeat(5000));
        assert_eq!(long.chars().count(), 603);
        assert!(long.ends_with("..."));
    }

    #[test]
    fn escapes_are_undone_once() {
        let said = "doesn&#x27;t support &quot;a&quot; &lt;b&gt; &amp;lt;";
        assert_eq!(unescape(said), "doesn't support \"a\" <b> &lt;");
    }
}
