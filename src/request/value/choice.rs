//! Choices, yes or no, and acknowledgements: what can be ticked or typed.

use super::{Value, nearest::nearest, problem::Problem, written::Written};
use crate::{quantity::written::tidy, violation::ViolationCode};

/// One of the choices: typed, or the ticked box.
pub(super) fn one(written: &Written, choices: &[String]) -> Result<Value, Problem> {
    let ticked: Vec<_> = written.ticks().into_iter().filter(|(_, ticked, _)| *ticked).collect();
    if let [(_, _, first), (line, _, second), ..] = ticked.as_slice() {
        return Err(Problem::new(
            ViolationCode::UnreadableValue,
            format!("Both `{first}` and `{second}` are ticked; only one can be chosen."),
        )
        .at(*line)
        .hint("Leave one box ticked."));
    }
    let text = written.single()?;
    find(&text, choices).map(|choice| Value::Choice(choice.to_owned()))
}

/// Any of the choices, in the cookbook's order.
pub(super) fn several(written: &Written, choices: &[String]) -> Result<Value, Problem> {
    let mut chosen = Vec::new();
    for (line, text) in written.lines() {
        if let Ok(choice) = find(&tidy(text), choices) {
            chosen.push(choice);
            continue;
        }
        for part in text.split([',', ';']).map(tidy).filter(|part| !part.is_empty()) {
            chosen.push(find(&part, choices).map_err(|violation| violation.at(line))?);
        }
    }
    let in_order = choices.iter().filter(|choice| chosen.contains(&choice.as_str()));
    Ok(Value::Choices(in_order.cloned().collect()))
}

fn find<'c>(text: &str, choices: &'c [String]) -> Result<&'c str, Problem> {
    let folded = |choice: &str| tidy(choice).to_lowercase();
    if let Some(choice) = choices.iter().find(|choice| folded(choice) == folded(text)) {
        return Ok(choice);
    }
    let refused =
        Problem::new(ViolationCode::NotAChoice, format!("`{text}` is not one of the choices."));
    Err(match nearest(text, choices.iter().map(String::as_str)) {
        Some(choice) => refused.hint(format!("Did you mean `{choice}`?")),
        None => refused.hint(format!("Choose one of: {}.", choices.join(", "))),
    })
}

/// Yes or no: a word, one box that is ticked or not, or a box each.
pub(super) fn boolean(written: &Written) -> Result<Value, Problem> {
    let ticks = written.ticks();
    let texts: Vec<_> = ticks.iter().map(|(_, ticked, text)| (*ticked, word(text))).collect();
    let yes = match texts.as_slice() {
        [] => word(&written.single()?),
        [(ticked, None)] => Some(*ticked),
        [(true, Some(answer))] => Some(*answer),
        _ => {
            let mut ticked = texts.iter().filter(|(ticked, _)| *ticked);
            match (ticked.next(), ticked.next()) {
                (Some((_, answer)), None) => *answer,
                (Some(_), Some(_)) => {
                    return Err(Problem::unreadable("Both boxes are ticked")
                        .at(ticks.last().map(|(line, _, _)| *line))
                        .hint("Leave one box ticked."));
                }
                _ => None,
            }
        }
    };
    yes.map(Value::Boolean).ok_or_else(|| {
        let text = written.lines().first().map_or("", |(_, text)| text).to_owned();
        Problem::unreadable(format!("`{text}` is neither yes nor no")).hint("Write `yes` or `no`.")
    })
}

fn word(text: &str) -> Option<bool> {
    match tidy(text).to_lowercase().trim_end_matches(['.', '!', ',']) {
        "yes" | "y" | "true" | "on" | "ticked" => Some(true),
        "no" | "n" | "false" | "off" | "unticked" => Some(false),
        _ => None,
    }
}

/// Ticked, every box of it.
pub(super) fn acknowledgement(written: &Written) -> Result<Value, Problem> {
    let ticks = written.ticks();
    if !ticks.is_empty() && ticks.iter().all(|(_, ticked, _)| *ticked) {
        return Ok(Value::Boolean(true));
    }
    let open = ticks.iter().find(|(_, ticked, _)| !ticked).map(|(line, _, _)| *line);
    Err(Problem::new(ViolationCode::NotAcknowledged, "The box is not ticked.")
        .at(open)
        .hint("Tick the box once you agree: `- [x]`."))
}
