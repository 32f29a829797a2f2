//! Did you mean.

/// The candidate closest to what was written, if it is close enough to be a
/// slip: one edit in short words, two in longer ones.
pub(crate) fn nearest<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let written = written.to_lowercase();
    if written.chars().count() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (distance(&written, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= if candidate.chars().count() < 5 { 1 } else { 2 })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Edit distance where swapping two neighbours is one edit.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (row, character) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let get =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let replaced = get(&last, column) + usize::from(*other != character);
            let mut best = replaced.min(get(&last, column + 1) + 1).min(get(&current, column) + 1);
            let swapped = column.checked_sub(1).filter(|before| {
                right.get(*before) == Some(&character) && previous == Some(*other)
            });
            if let Some(before) = swapped {
                best = best.min(get(&before_last, before) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(character);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let words = ["approve", "extend", "stop", "trixie"];
        for (written, meant) in [
            ("aprove", Some("approve")),
            ("Extned", Some("extend")),
            ("tsop", Some("stop")),
            ("trixi", Some("trixie")),
            ("step", Some("stop")),
            ("stomp!", None),
            ("thanks", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, words), meant, "{written}");
        }
    }
}
