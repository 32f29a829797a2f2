//! Obeying commands: who may, whether it makes sense now, and what follows.
//!
//! One file a group of commands: [`approve`] decides about requests, [`confirm`]
//! about machines that were found, [`time`] moves deadlines within the [`budget`],
//! [`change`] alters machines in use, [`transfer`] gives them away, [`machine`]
//! does everything else to a lease.

mod approve;
mod budget;
mod change;
mod confirm;
mod machine;
mod question;
mod time;
mod transfer;

use std::fmt::Write as _;

use super::{
    Engine,
    draft::Draft,
    look::Desk,
    rights::{Rights, owns},
};
use crate::{
    command::{self, Command, CommandError},
    cookbook::{Cookbook, Cookbooks, MachineCommand},
    identity::{Digest, LeaseId, MachineName, Person},
    lease::{Lease, State},
    notice::{HelpLine, Reply, waits::waits},
    ports::{forge::Note, store::CommitError},
};

/// A command on the desk.
#[derive(Clone)]
struct Order<'a> {
    desk: &'a Desk,
    note: &'a Note,
    /// Names the command among all: its answer is given once.
    key: String,
    word: &'static str,
    cookbook: Option<&'a Cookbook>,
    rights: Rights,
}

impl Order<'_> {
    fn by(&self) -> &Person {
        &self.note.author
    }

    /// The same order as far as it is about one of several machines, which
    /// each get their answer.
    fn about(&self, lease: LeaseId) -> Self {
        Self { key: format!("{}:{lease}", self.key), ..self.clone() }
    }
}

impl Engine {
    /// Obeys one command of a comment, or says why not.
    pub(super) async fn obey(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbooks: &Cookbooks,
        note: &Note,
        key: &str,
        command: Result<Command, CommandError>,
    ) -> Result<(), CommitError> {
        let command = match command {
            Ok(command) => command,
            Err(error) => {
                let (message, example) = misunderstood(&error, &desk.own.username);
                draft.reply(key, Reply::Misunderstood { message, example });
                return Ok(());
            }
        };
        let cookbook = cookbooks.get(&draft.request.value.cookbook);
        let rights = self.rights(draft, cookbook, &note.author).await?;
        let key = key.to_owned();
        let order = Order { desk, note, key, word: command.word().entry().word, cookbook, rights };
        self.obey_order(draft, &order, command).await
    }

    async fn obey_order(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        command: Command,
    ) -> Result<(), CommitError> {
        match command {
            Command::Help => {
                let commands =
                    command::Word::ALL.iter().map(|word| help_line(word.entry())).collect();
                draft.reply(&order.key, Reply::Help { commands });
            }
            Command::Status => {
                let lines = self.status_lines(draft);
                draft.reply(&order.key, Reply::Status { lines });
            }
            Command::Approve { digest } => self.approve(draft, order, digest.as_deref()).await?,
            Command::Reject { reason } => self.reject(draft, order, reason).await?,
            Command::Accept { digest } => self.accept(draft, order, digest.as_deref()).await?,
            Command::Extend { by, machine, .. } => {
                self.extend(draft, order, by, machine.as_ref());
            }
            Command::Restore { by, machine } => self.restore(draft, order, by, machine.as_ref()),
            Command::Release { machine, confirmation } => match confirmation {
                Some(code) => Self::confirm_release(draft, order, machine.as_ref(), &code),
                None => Self::release(draft, order, machine.as_ref()),
            },
            Command::Power { action, machine } => {
                Self::switch(draft, order, action, machine.as_ref());
            }
            Command::Resize { size, machine } => {
                self.resize(draft, order, size, machine.as_ref()).await?;
            }
            Command::Rebuild { machine, confirmation } => match confirmation {
                Some(code) => Self::confirm_rebuild(draft, order, machine.as_ref(), &code),
                None => Self::rebuild(draft, order, machine.as_ref()),
            },
            Command::Transfer { to } => self.transfer(draft, order, &to).await?,
            Command::Retry => self.retry(draft, order).await?,
            Command::Hold { reason } => Self::hold(draft, order, Some(reason)),
            Command::Unhold => Self::hold(draft, order, None),
            Command::Protect { machine } => Self::protect(draft, order, true, machine.as_ref()),
            Command::Confirm { machine, owner, fallback, until } => {
                self.confirm(draft, order, machine.as_ref(), (&owner, &fallback), until).await?;
            }
            Command::Unprotect { machine } => Self::protect(draft, order, false, machine.as_ref()),
        }
        Ok(())
    }

    fn status_lines(&self, draft: &Draft<'_>) -> Vec<String> {
        if draft.leases.is_empty() {
            let request = &draft.request.value;
            let line = match request.state.waits_on() {
                crate::request::WaitsOn::Requester => {
                    "The request waits for its author; the first comment says what for.".to_owned()
                }
                crate::request::WaitsOn::Approver => "The request waits for approval.".to_owned(),
                _ => format!("The request is {}.", request.state),
            };
            return vec![line];
        }
        let line = |lease: &Lease| {
            let state = super::view::state_in_words(lease);
            let mut line = format!("`{}` is {state}", lease.order.key.name);
            if lease.protected {
                line.push_str(", protected");
            } else if let Some(hold) = &lease.hold {
                line.push_str("; on hold: ");
                line.push_str(hold);
            } else if let Some(waiting) = &lease.waiting {
                line.push_str("; it is ");
                line.push_str(&waits(waiting, &self.calendar));
            } else if let Some(deadline) = lease.deadline {
                let step = super::view::step_in_words(deadline.step);
                let when = self.calendar.describe(deadline.at, self.now());
                let _ = write!(line, "; next: {step} `{when}`");
            }
            line
        };
        draft.leases.iter().map(|lease| line(&lease.value)).collect()
    }
}

// --- what the groups share

impl Draft<'_> {
    fn refuse(&mut self, order: &Order<'_>, who: &[&str]) {
        let reply = Reply::NotAllowed {
            by: order.by().username.clone(),
            command: order.word.to_owned(),
            who: who.iter().map(|who| (*who).to_owned()).collect(),
        };
        self.reply(&order.key, reply);
    }

    fn impossible(&mut self, order: &Order<'_>, why: impl Into<String>, hint: Option<&str>) {
        let reply = Reply::NotPossible {
            command: order.word.to_owned(),
            why: why.into(),
            hint: hint.map(str::to_owned),
        };
        self.reply(&order.key, reply);
    }

    /// The digest that was typed is not that of what is asked for now.
    fn stale(&mut self, order: &Order<'_>, given: &str, digest: &Digest) {
        let reply = Reply::Stale {
            command: order.word.to_owned(),
            given: given.to_owned(),
            digest: digest.short(),
        };
        self.reply(&order.key, reply);
    }

    fn done(&mut self, order: &Order<'_>, what: impl Into<String>) {
        self.reply(&order.key, Reply::Done { what: what.into() });
    }

    /// The leases a command is about: the one named, else all that are `fit`.
    /// Answers and returns nothing when there is none.
    fn meant(
        &mut self,
        order: &Order<'_>,
        named: Option<&MachineName>,
        fit: &[State],
        otherwise: Option<&str>,
    ) -> Vec<Lease> {
        let all: Vec<Lease> = self.leases.iter().map(|lease| lease.value.clone()).collect();
        if all.is_empty() {
            self.impossible(order, "no machine was made for this request yet.", None);
            return all;
        }
        let named: Vec<Lease> = all
            .into_iter()
            .filter(|lease| named.is_none_or(|name| is_called(lease, name)))
            .collect();
        if named.is_empty() {
            self.impossible(order, "this issue has no machine of that name.", None);
            return named;
        }
        let fitting: Vec<Lease> =
            named.iter().filter(|lease| fit.contains(&lease.state)).cloned().collect();
        if let (true, Some(lease)) = (fitting.is_empty(), named.first()) {
            let why =
                format!("`{}` is {}.", lease.order.key.name, super::view::state_in_words(lease));
            self.impossible(order, why, otherwise);
        }
        fitting
    }

    /// Whether whoever gave the order may do this to the machine: as the
    /// cookbook says, sysadmins always. Says so if not.
    fn may(&mut self, order: &Order<'_>, lease: &Lease, command: MachineCommand) -> bool {
        let allowed = order.cookbook.is_some_and(|cookbook| cookbook.commands.contains(&command));
        let entitled = allowed && (self.is_owner(order, lease.id) || order.rights.decides());
        if entitled || order.rights.sysadmin.is_some() {
            return true;
        }
        let who: &[&str] = if allowed {
            &["its owner and fallback owners", "approvers", "sysadmins"]
        } else {
            &["sysadmins (this cookbook does not leave it to owners)"]
        };
        self.refuse(order, who);
        false
    }

    /// Whether whoever gave the order answers for this lease.
    fn is_owner(&self, order: &Order<'_>, lease: LeaseId) -> bool {
        owns(self, order.by().id, Some(lease))
    }
}

/// Whether somebody means this machine. Commands are read in lower case.
fn is_called(lease: &Lease, name: &MachineName) -> bool {
    lease.order.key.name.as_str().eq_ignore_ascii_case(name.as_str())
}

fn help_line(line: command::Entry) -> HelpLine {
    HelpLine {
        usage: line.usage.to_owned(),
        who: line.who.describe().to_owned(),
        explanation: line.explanation.to_owned(),
    }
}

fn misunderstood(error: &CommandError, bot: &str) -> (String, Option<String>) {
    match error {
        CommandError::Usage { message, example, .. } => {
            (message.clone(), Some(format!("@{bot} {example}")))
        }
        other => (other.to_string(), None),
    }
}
