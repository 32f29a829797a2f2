//! What the bot says: typed contexts here, the words in `templates/`.
//!
//! [`sticky`] is the one comment per issue that is edited in place; [`news`]
//! are the comments about a lease that should notify; [`Reply`]s answer
//! commands and edits; [`team`] is for those who run the service alone;
//! [`adoption`] is the one issue we file ourselves. [`render`] turns each into
//! [`markdown::Markdown`], the only type the forge port takes.

pub mod adoption;
pub mod index;
pub mod markdown;
pub mod marker;
pub mod news;
pub mod prose;
pub mod render;
pub mod safe;
pub mod samples;
pub mod sticky;
pub mod team;
pub mod waits;

use serde::{Deserialize, Serialize};

/// An answer on an issue: one template under `templates/reply/` each, its
/// fields the template's context. Texts may be foreign; templates make them safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "kebab-case")]
pub enum Reply {
    /// The table of commands.
    Help {
        /// What can be said, by whom.
        commands: Vec<HelpLine>,
    },
    /// Where everything stands is in the sticky comment, brought up to date.
    Status {
        /// One sentence a machine, or one about the request.
        lines: Vec<String>,
    },
    /// The request became complete: whoever approves should look now.
    ReadyForApproval {
        /// Who may approve.
        approvers: Vec<String>,
        /// The parts of what has to be approved, where there are several.
        #[serde(default)]
        parts: Vec<Asked>,
        /// What to type.
        digest: String,
        /// Who must first agree to own it.
        acceptance_by: Option<String>,
    },
    /// A bare `approve`.
    ApproveWhich {
        /// What to type.
        digest: String,
    },
    /// `approve` or `accept` of something that is not what the issue says now.
    Stale {
        /// The command's word.
        command: String,
        /// What was typed.
        given: String,
        /// What it is now.
        digest: String,
    },
    /// `approve` of something that cannot be approved yet.
    NotApprovable {
        /// Why, as a sentence.
        why: String,
    },
    /// An approval was counted.
    Approved {
        /// Who gave it.
        by: String,
        /// How many there are now.
        have: usize,
        /// How many are needed.
        need: usize,
        /// The parts that miss somebody, where there are several.
        #[serde(default)]
        missing: Vec<Asked>,
        /// The machines that are being made, when that was the last one.
        machines: Vec<String>,
        /// Who must still agree to own it.
        acceptance_by: Option<String>,
        /// Why they are not made yet: see [`waits`].
        #[serde(default)]
        waits: Option<String>,
    },
    /// Approvals that had been given do not count any more.
    ApprovalsVoided {
        /// What did that, as the beginning of a sentence.
        cause: String,
        /// Whose.
        by: Vec<String>,
        /// What changed.
        changes: Vec<FieldChange>,
        /// What it is now; `None` if it cannot be approved any more.
        digest: Option<String>,
        /// Who must agree to own it, once more.
        acceptance_by: Option<String>,
    },
    /// A command by somebody who may not give it.
    NotAllowed {
        /// Who gave it.
        by: String,
        /// The command's word.
        command: String,
        /// Who may, in words.
        who: Vec<String>,
    },
    /// A command that makes no sense at the moment.
    NotPossible {
        /// The command's word.
        command: String,
        /// Why, as a sentence.
        why: String,
        /// What to do instead, as a sentence.
        hint: Option<String>,
    },
    /// A command that could not be read.
    Misunderstood {
        /// What is wrong, as a sentence.
        message: String,
        /// What would have been understood.
        example: Option<String>,
    },
    /// Somebody changed a comment with a command before it was read.
    EditedNote {
        /// Who wrote it.
        by: String,
    },
    /// The request was turned down.
    Rejected {
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// An extension beyond what the asker may give alone.
    ExtendBeyondBudget {
        /// The machine.
        machine: String,
        /// The latest end the owner can choose alone; none if that is reached.
        latest: Option<String>,
        /// The longest single extension, if that is why it is not later.
        longest: Option<String>,
        /// How often the owner may extend alone, if that is used up.
        extensions: Option<u32>,
        /// Who may go further.
        approvers: Vec<String>,
        /// The command they would type.
        example: String,
    },
    /// Ending a lease needs a second command.
    ConfirmRelease {
        /// The machine.
        machine: String,
        /// What to type.
        code: String,
        /// How long backups are kept, in words.
        backups: String,
    },
    /// Installing anew needs a second command.
    ConfirmRebuild {
        /// The machine.
        machine: String,
        /// What to type.
        code: String,
    },
    /// Taking over needs the new owner's word.
    TransferAsked {
        /// The machine.
        machine: String,
        /// Who must accept.
        to: String,
    },
    /// Something was done that needs no more words.
    Done {
        /// What, as a sentence.
        what: String,
    },
    /// The issue was closed while machines live.
    Closed {
        /// The machines.
        machines: Vec<MachineEnd>,
    },
    /// The due date was changed by hand.
    DueDateEdited {
        /// The machine it is a copy of.
        machine: String,
        /// When that ends.
        until: String,
    },
    /// The description was edited after it had been approved.
    EditedAfterApproval {},
    /// Somebody showed everybody an issue that has to be hidden.
    MadePublic {},
    /// One of the operator's hooks failed too often: a person has to do it.
    HookLeft {
        /// The machine.
        machine: String,
        /// What the hook does.
        title: String,
        /// When in the machine's life, in words.
        when: String,
        /// How often it was tried.
        tries: u32,
        /// What a sysadmin finds in the log.
        reference: String,
    },
    /// One of the labels that show states was put on or taken off by hand.
    LabelEdited {
        /// Which.
        label: String,
        /// Whether it was taken off.
        taken_off: bool,
        /// What to type to do what it says; none if nothing does.
        command: Option<String>,
    },
    /// Somebody who may approve showed by emoji that they agree.
    EmojiSeen {
        /// Who.
        by: String,
        /// What to type.
        digest: String,
    },
    /// The issue was moved, and its request with it.
    Moved {
        /// Its machines.
        machines: Vec<MachineEnd>,
    },
    /// The issue was moved to where its request cannot follow.
    MovedAway {
        /// Its machines.
        machines: Vec<MachineEnd>,
        /// Who decides what to do about it.
        sysadmins: Vec<String>,
    },
    /// Something failed on our side.
    Trouble {
        /// What was being done.
        doing: String,
        /// What a sysadmin finds in the log.
        reference: String,
    },
}

/// Where the readers of a comment go next; made at the moment of sending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Links {
    /// The comment that says how everything stands.
    pub sticky_url: Option<String>,
    /// Where another request of the same kind is filed.
    pub new_url: Option<String>,
}

/// A line of the help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpLine {
    /// What to type after the bot's name.
    pub usage: String,
    /// Who may.
    pub who: String,
    /// What it does.
    pub explanation: String,
}

/// Some people of whom some have to approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Who may, in words.
    pub by: Vec<String>,
    /// How many count for it.
    pub have: usize,
    /// How many are needed.
    pub need: usize,
    /// Whether these are enough.
    pub done: bool,
    /// Why they are asked, as a sentence.
    pub reason: Option<String>,
}

/// A field that reads differently than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The field's heading.
    pub field: String,
    /// What it was.
    pub before: String,
    /// What it is.
    pub after: String,
}

/// A machine and when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineEnd {
    /// Its name.
    pub machine: String,
    /// When, in words.
    pub until: String,
}
