//! What people change by hand on what only shows a state: the view is set
//! right elsewhere; here they are told, once, which command would act.
//!
//! What was shown last is remembered, and before it is changed, both what was
//! and what will be: an answer that was lost, or a view that is late, is then
//! not taken for somebody's edit.

use super::{Engine, draft::Draft, look::Desk, view::next_end};
use crate::{
    cookbook::Cookbook, identity::UserId, lease::State, notice::Reply, ports::PortError,
    request::lifecycle::State as RequestState,
};

/// What a label would mean if it were an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Approve,
    Reject,
    Release,
    Restore,
}

impl Engine {
    /// The due date was changed by hand: it is set back, and that is explained once.
    pub(super) fn answer_due_date(&self, desk: &Desk, draft: &mut Draft<'_>) {
        let Some((machine, at)) = next_end(draft) else { return };
        let (shown, wanted) = (desk.issue.due_date, self.calendar.due_date(at));
        let request = &draft.request.value;
        // What we showed last is not somebody's edit but a view that is late.
        let by_hand = shown.is_some_and(|day| day != wanted && request.due_date_shown != Some(day))
            && request.due_date_shown == Some(wanted);
        if by_hand {
            let until = self.calendar.describe(at, self.now());
            let key = format!("due:{}", shown.unwrap_or(wanted));
            draft.reply(&key, Reply::DueDateEdited { machine, until });
        }
    }

    /// One of our labels was put on or taken off by hand: that is explained
    /// once per label and state.
    pub(super) fn answer_labels(&self, desk: &Desk, draft: &mut Draft<'_>) {
        let shown = draft.request.value.shown.labels.clone();
        // Never shown yet: whatever is there is none of our doing.
        let Some(last) = shown.last() else { return };
        let labels = &self.settings.labels;
        let present: Vec<&String> =
            desk.issue.labels.iter().filter(|label| labels.has(label)).collect();
        let wanted = self.label(draft).to_owned();
        let put_on: Vec<String> = present
            .iter()
            .filter(|label| !shown.contains(label) && ***label != wanted)
            .map(ToString::to_string)
            .collect();
        for label in &put_on {
            self.explain_label(draft, label, false);
        }
        // A forge with scoped labels takes off the sibling of what is put on.
        let scope = |label: &str| label.rsplit_once("::").map(|(scope, _)| scope.to_owned());
        let displaced = scope(last).is_some()
            && desk.issue.labels.iter().any(|other| scope(other) == scope(last));
        let was_there = shown.len() == 1 && *last == wanted && !last.is_empty();
        if present.is_empty() && was_there && !displaced {
            self.explain_label(draft, &wanted, true);
        }
    }

    fn explain_label(&self, draft: &mut Draft<'_>, label: &str, taken_off: bool) {
        let request = &draft.request.value;
        let wish = if taken_off { None } else { self.wish(draft, label) };
        let command = wish.and_then(|wish| match wish {
            Wish::Approve => request.verdict.digest().map(|d| format!("approve {}", d.short())),
            Wish::Reject => Some("reject REASON".to_owned()),
            Wish::Release => Some("release".to_owned()),
            Wish::Restore => Some("restore".to_owned()),
        });
        let word = if taken_off { "off" } else { "on" };
        let key = format!("label:{word}:{label}:{}:{}", request.state, self.label(draft));
        draft.reply(&key, Reply::LabelEdited { label: label.to_owned(), taken_off, command });
    }

    /// What whoever put on this label may have wanted, of what can be done now.
    fn wish(&self, draft: &Draft<'_>, label: &str) -> Option<Wish> {
        let labels = &self.settings.labels;
        let any = |state| draft.leases.iter().any(|lease| lease.value.state == state);
        let is_one_of = |names: &[&String]| names.iter().any(|name| *name == label);
        match draft.request.value.state {
            RequestState::AwaitingApproval if is_one_of(&[&labels.making, &labels.active]) => {
                Some(Wish::Approve)
            }
            RequestState::AwaitingApproval | RequestState::Incomplete
                if is_one_of(&[&labels.rejected, &labels.withdrawn, &labels.ended]) =>
            {
                Some(Wish::Reject)
            }
            RequestState::Fulfilled if any(State::Expired) && is_one_of(&[&labels.active]) => {
                Some(Wish::Restore)
            }
            RequestState::Fulfilled
                if (any(State::Active) || any(State::Expired))
                    && is_one_of(&[
                        &labels.expired,
                        &labels.ended,
                        &labels.rejected,
                        &labels.withdrawn,
                    ]) =>
            {
                Some(Wish::Release)
            }
            _ => None,
        }
    }

    /// Whoever shows by emoji that they agree, and may approve, is told once
    /// how that is said.
    pub(super) async fn answer_emoji(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbook: Option<&Cookbook>,
    ) -> Result<(), PortError> {
        let request = &draft.request.value;
        let (RequestState::AwaitingApproval, Some(digest)) =
            (request.state, request.verdict.digest())
        else {
            return Ok(());
        };
        let forge = self.forge(&desk.reference().forge)?;
        let mut reactions = Vec::new();
        if desk.issue.thumbs_up > 0 {
            reactions.extend(forge.reactions(desk.reference(), None).await?);
        }
        // Only one that was read: it may just have been posted anew.
        let sticky = request.sticky.filter(|id| desk.discussion.notes.iter().any(|n| n.id == *id));
        if let Some(sticky) = sticky {
            match forge.reactions(desk.reference(), Some(sticky)).await {
                Err(error) if error.verdict == crate::ports::Verdict::Missing => {}
                found => reactions.extend(found?),
            }
        }
        for reaction in reactions.into_iter().filter(|reaction| agrees(&reaction.emoji)) {
            let by = reaction.by;
            let answered: &[UserId] = &draft.request.value.shown.agreed;
            if by.id == desk.own.id || answered.contains(&by.id) {
                continue;
            }
            draft.request_mut().shown.agreed.push(by.id);
            let rights = self.rights(draft, cookbook, &by).await?;
            if self.approves_as(draft, &rights, &by).await?.is_something() {
                let reply = Reply::EmojiSeen { by: by.username, digest: digest.short() };
                draft.reply(&format!("emoji:{}", by.id), reply);
            }
        }
        Ok(())
    }
}

/// `thumbsup`, `thumbs_up`, `+1`, in any colour.
fn agrees(emoji: &str) -> bool {
    ["thumbsup", "thumbs_up", "+1"].iter().any(|name| emoji.starts_with(name))
}
