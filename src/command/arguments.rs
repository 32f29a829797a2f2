//! What follows a command's word.

use super::{Command, CommandError, Word, size};
use crate::{
    cookbook::PowerCommand,
    identity::MachineName,
    request::value::{ParseTermError, Term, sentence, username},
};

type Read = Result<Command, CommandError>;

/// The fewest digits by which a digest can be named.
const MIN_DIGEST: usize = 8;

/// Reads a command's arguments.
pub(super) fn read(word: Word, text: &str) -> Read {
    let usage = |message: &str| Err(refuse(word, message));
    match word {
        // Courtesies behind these do no harm: `status please`.
        Word::Status => Ok(Command::Status),
        Word::Help => Ok(Command::Help),
        Word::Approve => digest(word, text).map(|digest| Command::Approve { digest }),
        Word::Accept => digest(word, text).map(|digest| Command::Accept { digest }),
        Word::Reject if text.is_empty() => usage("Say why, so that the requester can do better."),
        Word::Reject => Ok(Command::Reject { reason: text.to_owned() }),
        Word::Hold if text.is_empty() => usage("Say why, so that others know what it waits for."),
        Word::Hold => Ok(Command::Hold { reason: text.to_owned() }),
        Word::Extend => extend(text),
        Word::Restore => restore(text),
        Word::Release => confirmed(word, text)
            .map(|(machine, confirmation)| Command::Release { machine, confirmation }),
        Word::Rebuild => confirmed(word, text)
            .map(|(machine, confirmation)| Command::Rebuild { machine, confirmation }),
        Word::Resize => {
            let (machine, size) = size::read(text).map_err(|message| refuse(word, message))?;
            Ok(Command::Resize { size, machine })
        }
        Word::Start => power(word, PowerCommand::Start, text),
        Word::Stop => power(word, PowerCommand::Stop, text),
        Word::Reboot => power(word, PowerCommand::Reboot, text),
        Word::Transfer if text.is_empty() => usage("Name the new owner."),
        Word::Transfer => username(text)
            .map(|to| Command::Transfer { to })
            .map_err(|error| refuse(word, sentence(error))),
        Word::Done | Word::Retry | Word::Unhold if !text.is_empty() => {
            usage("It takes nothing behind it.")
        }
        Word::Done => Ok(Command::Done),
        Word::Retry => Ok(Command::Retry),
        Word::Unhold => Ok(Command::Unhold),
        Word::Protect => machine(word, text).map(|machine| Command::Protect { machine }),
        Word::RenewTerms => machine(word, text).map(|machine| Command::RenewTerms { machine }),
        Word::Confirm => confirm(text),
        Word::Unprotect => machine(word, text).map(|machine| Command::Unprotect { machine }),
    }
}

fn refuse(word: Word, message: impl Into<String>) -> CommandError {
    let entry = word.entry();
    CommandError::Usage { command: entry.word, message: message.into(), example: entry.example }
}

/// A digest alone. Words behind it are refused: "approve 3f9c2a7e for a week"
/// is not what an approval can say.
fn digest(word: Word, text: &str) -> Result<Option<String>, CommandError> {
    if text.is_empty() {
        return Ok(None);
    }
    let digest = text.trim_end_matches('.').to_ascii_lowercase();
    if !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(refuse(word, "Only the digest may follow, in hexadecimal digits."));
    }
    if !(MIN_DIGEST..=64).contains(&digest.len()) {
        return Err(refuse(word, format!("A digest has between {MIN_DIGEST} and 64 digits.")));
    }
    Ok(Some(digest))
}

/// `[MACHINE] LENGTH-OR-DATE [because REASON]`.
fn extend(text: &str) -> Read {
    let word = Word::Extend;
    let (span, reason) = split_reason(text);
    if span.is_empty() {
        return Err(refuse(word, "Say by how long, or until when."));
    }
    let (machine, by) = machine_and_term(span).map_err(|error| refuse(word, sentence(error)))?;
    Ok(Command::Extend { by, machine, reason })
}

/// `[MACHINE] [LENGTH-OR-DATE]`.
fn restore(text: &str) -> Read {
    if text.is_empty() {
        return Ok(Command::Restore { by: None, machine: None });
    }
    match machine_and_term(text) {
        Ok((machine, by)) => Ok(Command::Restore { by: Some(by), machine }),
        Err(ParseTermError::Neither(_)) => {
            machine(Word::Restore, text).map(|machine| Command::Restore { by: None, machine })
        }
        Err(error) => Err(refuse(Word::Restore, sentence(error))),
    }
}

/// `[MACHINE] [confirm CODE]`.
fn confirmed(
    word: Word,
    text: &str,
) -> Result<(Option<MachineName>, Option<String>), CommandError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_confirm = |word: &str| word.eq_ignore_ascii_case("confirm");
    let (name, code) = match words.as_slice() {
        [.., last] if is_confirm(last) => {
            return Err(refuse(word, "The code from my question is missing after `confirm`."));
        }
        [confirm, code] if is_confirm(confirm) => ("", Some(*code)),
        [name, confirm, code] if is_confirm(confirm) => (*name, Some(*code)),
        _ => (text, None),
    };
    let confirmation = code.map_or(Ok(None), |code| digest(word, code))?;
    Ok((machine(word, name)?, confirmation))
}

/// `[MACHINE] @OWNER [fallback @USER ...] LENGTH-OR-DATE`.
fn confirm(text: &str) -> Read {
    let word = Word::Confirm;
    let name = |text: &str| {
        username(text.trim_end_matches([',', ':'])).map_err(|error| refuse(word, sentence(error)))
    };
    let is_name = |text: &&str| text.starts_with('@');
    let mut words = text.split_whitespace().peekable();
    let machine = words.next_if(|first| !is_name(first));
    let machine = self::machine(word, machine.unwrap_or_default())?;
    let Some(owner) = words.next_if(is_name) else {
        return Err(refuse(word, "Name the owner, with `@`, and how long it is needed."));
    };
    let owner = name(owner)?;
    let mut fallback = Vec::new();
    if words.next_if(|word| word.eq_ignore_ascii_case("fallback")).is_some() {
        while let Some(next) = words.next_if(is_name) {
            fallback.push(name(next)?);
        }
        if fallback.is_empty() {
            return Err(refuse(word, "Name who answers when the owner does not, with `@`."));
        }
    }
    let span = words.collect::<Vec<_>>().join(" ");
    if span.is_empty() {
        return Err(refuse(word, "Say how long it is needed, or until when."));
    }
    let until = Term::parse(&span, None).map_err(|error| refuse(word, sentence(error)))?;
    Ok(Command::Confirm { machine, owner, fallback, until })
}

fn power(word: Word, action: PowerCommand, text: &str) -> Read {
    machine(word, text).map(|machine| Command::Power { action, machine })
}

/// Splits at the first `because`.
fn split_reason(text: &str) -> (&str, Option<String>) {
    let words = text.match_indices(['b', 'B']);
    for (at, _) in words {
        let (before, rest) = text.split_at(at);
        let whole_word = before.is_empty() || before.ends_with([' ', ',']);
        if let Some((word, reason)) = rest.split_at_checked("because".len())
            && whole_word
            && word.eq_ignore_ascii_case("because")
            && (reason.is_empty() || reason.starts_with([' ', ':', ',']))
        {
            let reason = reason.trim_start_matches([' ', ':', ',']).trim();
            let reason = (!reason.is_empty()).then(|| reason.to_owned());
            return (before.trim_end_matches([' ', ',']), reason);
        }
    }
    (text, None)
}

/// A term, alone or with a machine's name in front.
fn machine_and_term(text: &str) -> Result<(Option<MachineName>, Term), ParseTermError> {
    let by = |text: &str| Term::parse(text.strip_prefix("by ").unwrap_or(text), None);
    match (by(text), text.split_once(' ')) {
        (Ok(term), _) => Ok((None, term)),
        (Err(error), Some((first, rest))) => match (machine_name(first), by(rest.trim())) {
            (Some(name), Ok(term)) => Ok((Some(name), term)),
            _ => Err(error),
        },
        (Err(error), None) => Err(error),
    }
}

/// A machine's name, or nothing.
fn machine(word: Word, text: &str) -> Result<Option<MachineName>, CommandError> {
    if text.is_empty() {
        return Ok(None);
    }
    machine_name(text)
        .map(Some)
        .ok_or_else(|| refuse(word, "Only the name of a machine may follow."))
}

pub(super) fn machine_name(text: &str) -> Option<MachineName> {
    let name = text.trim_end_matches(['.', ',']).to_ascii_lowercase();
    // Machines that were there before us may have names that ours never have.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let sound = !name.is_empty() && name.len() <= 253 && name.bytes().all(allowed);
    (sound && !name.starts_with('-') && !name.ends_with('-')).then_some(MachineName(name))
}
