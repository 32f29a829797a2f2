//! What a comment tells the bot to do: `@bot extend 2w because ...`.
//!
//! Only a line of a comment's own paragraphs counts: not a quotation, a list,
//! code, HTML, a table, or what a mail program put below a reply. What is not
//! understood is answered, never guessed at.

mod arguments;
mod mentions;
mod size;
mod table;
#[cfg(test)]
mod tests;

use crate::{
    cookbook::PowerCommand,
    identity::MachineName,
    quantity::{Mebibytes, Vcpus},
    request::value::{Term, nearest::nearest},
};

pub use table::{Entry, Who, Word};

/// The most commands read from one comment.
pub const MAX_COMMANDS: usize = 5;

/// Something a person wants done. Whether they may is decided elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say how things stand.
    Status,
    /// Say which commands there are.
    Help,
    /// Approve the request with this digest.
    Approve {
        /// As typed, at least eight hexadecimal digits; `None` if left out,
        /// which approves nothing but is answered with the full line.
        digest: Option<String>,
    },
    /// Refuse the request.
    Reject {
        /// Why.
        reason: String,
    },
    /// Let a machine live longer.
    Extend {
        /// How long, or until when.
        by: Term,
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
        /// Why.
        reason: Option<String>,
    },
    /// Bring a stopped machine back.
    Restore {
        /// For how long, or until when.
        by: Option<Term>,
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
    },
    /// Give a machine back before its time.
    Release {
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
        /// The code from the bot's question; a release without it only asks.
        confirmation: Option<String>,
    },
    /// Switch a machine on or off.
    Power {
        /// What to do.
        action: PowerCommand,
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
    },
    /// Give a machine another size.
    Resize {
        /// What is to change.
        size: NewSize,
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
    },
    /// Install a machine's system anew.
    Rebuild {
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
        /// The code from the bot's question; without it, it only asks.
        confirmation: Option<String>,
    },
    /// Hand a machine to somebody else, who has to accept it.
    Transfer {
        /// The username, without `@`.
        to: String,
    },
    /// Accept being the owner.
    Accept {
        /// The request's digest, if one was typed.
        digest: Option<String>,
    },
    /// The steps were followed.
    Done,
    /// Try again what failed.
    Retry,
    /// Do nothing about this issue until told otherwise.
    Hold {
        /// Why.
        reason: String,
    },
    /// End a hold.
    Unhold,
    /// Never destroy this machine.
    Protect {
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
    },
    /// End the protection.
    Unprotect {
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
    },
    /// Give a machine the present terms of its cookbook.
    RenewTerms {
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
    },
    /// Put a machine that was found into somebody's care.
    Confirm {
        /// Which machine, if the issue has several.
        machine: Option<MachineName>,
        /// Whose it is: a username, without `@`.
        owner: String,
        /// Who answers when the owner does not.
        fallback: Vec<String>,
        /// How long, or until when.
        until: Term,
    },
}

/// What is to change about a machine's size; the rest stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewSize {
    /// Processors.
    pub vcpus: Option<Vcpus>,
    /// Memory.
    pub memory: Option<Mebibytes>,
    /// Root disk.
    pub disk: Option<Mebibytes>,
}

/// Why a mention of the bot is not a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such command.
    #[error("I do not know the command `{word}`{}", did_you_mean.map(|word| format!(": did you mean `{word}`?")).unwrap_or_default())]
    Unknown {
        /// The word, shortened if it is long.
        word: String,
        /// The command it resembles.
        did_you_mean: Option<&'static str>,
    },
    /// Something about its arguments is missing or cannot be read.
    #[error("{message} For example: `{example}`")]
    Usage {
        /// The command's word.
        command: &'static str,
        /// What is wrong, as a sentence.
        message: String,
        /// A line that would work, without the mention.
        example: &'static str,
    },
    /// More than [`MAX_COMMANDS`] in one comment.
    #[error("there are more than {MAX_COMMANDS} commands in this comment; the rest was not read")]
    TooMany,
}

/// Reads the commands in a comment. `bot` is the bot's username without `@`.
#[must_use]
pub fn commands(note: &str, bot: &str) -> Vec<Result<Command, CommandError>> {
    let mut lines = mentions::find(note, bot).into_iter();
    let mut read: Vec<_> = lines.by_ref().take(MAX_COMMANDS).map(|line| parse(&line)).collect();
    if lines.next().is_some() {
        read.push(Err(CommandError::TooMany));
    }
    read
}

/// Reads what follows the mention. Nothing at all asks for help.
fn parse(line: &str) -> Result<Command, CommandError> {
    let (word, arguments) = line.split_once(' ').unwrap_or((line, ""));
    let word = word.trim_end_matches(['.', '!', ',', ':', '?']).to_lowercase();
    if word.is_empty() {
        return Ok(Command::Help);
    }
    if let Some(known) = Word::parse(&word) {
        return arguments::read(known, arguments.trim());
    }
    let names = Word::ALL.iter().map(|known| known.entry().word);
    Err(CommandError::Unknown {
        did_you_mean: nearest(&word, names),
        word: word.chars().take(40).collect(),
    })
}

impl Command {
    /// The word it is called by: where its usage and explanation stand.
    #[must_use]
    pub fn word(&self) -> Word {
        match self {
            Self::Status => Word::Status,
            Self::Help => Word::Help,
            Self::Approve { .. } => Word::Approve,
            Self::Reject { .. } => Word::Reject,
            Self::Extend { .. } => Word::Extend,
            Self::Restore { .. } => Word::Restore,
            Self::Release { .. } => Word::Release,
            Self::Power { action: PowerCommand::Start, .. } => Word::Start,
            Self::Power { action: PowerCommand::Stop, .. } => Word::Stop,
            Self::Power { action: PowerCommand::Reboot, .. } => Word::Reboot,
            Self::Resize { .. } => Word::Resize,
            Self::Rebuild { .. } => Word::Rebuild,
            Self::Transfer { .. } => Word::Transfer,
            Self::Accept { .. } => Word::Accept,
            Self::Done => Word::Done,
            Self::Retry => Word::Retry,
            Self::Hold { .. } => Word::Hold,
            Self::Unhold => Word::Unhold,
            Self::Protect { .. } => Word::Protect,
            Self::Unprotect { .. } => Word::Unprotect,
            Self::RenewTerms { .. } => Word::RenewTerms,
            Self::Confirm { .. } => Word::Confirm,
        }
    }
}
