//! `approve`, `reject`, `accept`: deciding about a request.

use std::collections::BTreeSet;

use super::Order;
use crate::{
    engine::{
        Engine,
        draft::{Draft, Of, person},
        guide::is_being_followed,
    },
    identity::LeaseId,
    notice::Reply,
    policy::Need,
    ports::store::CommitError,
    request::{Approval, Question, lifecycle::Event, lifecycle::State},
};

impl Engine {
    /// An approval counts for one digest, given by somebody entitled at this
    /// moment, and not for one's own request unless the cookbook says so.
    pub(super) async fn approve(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        named: Option<&str>,
    ) -> Result<(), CommitError> {
        let request = draft.request.value.clone();
        if !order.rights.decides() {
            draft.refuse(order, &["approvers", "sysadmins"]);
            return Ok(());
        }
        if request.state != State::AwaitingApproval {
            let why = match request.state {
                State::Incomplete => {
                    "something is still missing or refused, see the first comment."
                }
                State::Approved | State::Fulfilled => "this request was approved already.",
                _ => "this request is closed; it is judged again when the issue is reopened.",
            };
            draft.reply(&order.key, Reply::NotApprovable { why: why.to_owned() });
            return Ok(());
        }
        let Some(digest) = request.verdict.digest() else { return Ok(()) };
        match named {
            None => {
                draft.reply(&order.key, Reply::ApproveWhich { digest: digest.short() });
                return Ok(());
            }
            Some(given) if !digest.is_named_by(given) => {
                draft.stale(order, given, &digest);
                return Ok(());
            }
            Some(_) => {}
        }
        let (count, own) = match &request.verdict.needs {
            Need::Approval { count, own, .. } => (*count, *own),
            Need::Nothing => (1, false),
        };
        let by = order.by().clone();
        let for_oneself = by.id == request.author.id || request.verdict.owner.id == by.id;
        if for_oneself && !own {
            let why = "nobody approves their own request; somebody else who may has to.";
            draft.reply(&order.key, Reply::NotApprovable { why: why.to_owned() });
            return Ok(());
        }
        if request.approvals.iter().any(|approval| approval.by.id == by.id) {
            draft.impossible(order, "you have approved this already.", None);
            return Ok(());
        }
        let authority = order.rights.authority();
        let approval = Approval { by, digest, note: order.note.id, at: draft.now() };
        let of = Of { digest: Some(digest), authority: authority.clone(), lease: None };
        draft.audit(person(&approval.by), "approve", of);
        draft.request_mut().approvals.push(approval.clone());
        self.drop_lapsed(draft, order).await?;
        if Self::is_complete(draft, count) {
            let cookbook = order.cookbook;
            if let Some(cookbook) = cookbook {
                self.grant(order.desk, draft, cookbook, Some((&approval, authority))).await?;
            }
            return Ok(());
        }
        let reply = Reply::Approved {
            by: approval.by.username,
            have: draft.request.value.approvals.len(),
            need: count,
            machines: Vec::new(),
            acceptance_by: request
                .verdict
                .acceptance_needed
                .filter(|_| !request.accepted)
                .map(|owner| owner.username),
        };
        draft.reply(&order.key, reply);
        Ok(())
    }

    /// Drops approvals by people who may not approve any more. It is asked
    /// whenever the last word needed might have been said.
    async fn drop_lapsed(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
    ) -> Result<(), CommitError> {
        for approval in draft.request.value.approvals.clone() {
            let by = approval.by;
            if by.id == order.by().id || self.rights(draft, order.cookbook, &by).await?.decides() {
                continue;
            }
            draft.request_mut().approvals.retain(|other| other.by.id != by.id);
            let of = Of { digest: Some(approval.digest), ..Of::default() };
            draft.audit(person(&by), "approval-lapsed", of);
            let what =
                format!("`{}` may not approve any more, so that approval is dropped.", by.username);
            draft.reply(&format!("{}:lapsed:{}", order.key, by.id), Reply::Done { what });
        }
        Ok(())
    }

    /// Whether everyone needed has agreed.
    fn is_complete(draft: &Draft<'_>, count: usize) -> bool {
        let request = &draft.request.value;
        let accepted = request.accepted || request.verdict.acceptance_needed.is_none();
        accepted && request.approvals.len() >= count
    }

    pub(super) fn reject(draft: &mut Draft<'_>, order: &Order<'_>, reason: String) {
        // Whoever follows the steps may find that they cannot be.
        let followed = is_being_followed(draft, order.cookbook);
        let performs = followed && order.rights.performer.is_some();
        if !order.rights.decides() && !performs {
            draft.refuse(order, &["approvers", "sysadmins"]);
            return;
        }
        if followed {
            // As far as it had got is undone: nothing was made.
            let _ = draft.request_event(Event::Undone);
        }
        if draft.request_event(Event::Rejected).is_err() {
            let hint = Some("A machine that is in use is ended with `release`.");
            draft.impossible(order, "this request is not open any more.", hint);
            return;
        }
        let by = order.by().clone();
        let digest = draft.request.value.verdict.digest();
        // Reopened unchanged, it has the same digest: whoever approved before
        // somebody said no has to say so anew.
        draft.request_mut().approvals.clear();
        draft.request_mut().accepted = false;
        draft.audit(
            person(&by),
            "reject",
            Of { digest, authority: order.rights.authority(), lease: None },
        );
        draft.reply(&order.key, Reply::Rejected { by: by.username, reason });
    }

    /// The named owner agrees to answer for the machine, or a transfer's new
    /// owner takes over.
    pub(super) async fn accept(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        named: Option<&str>,
    ) -> Result<(), CommitError> {
        let by = order.by().clone();
        if Self::accept_transfer(draft, order) {
            return Ok(());
        }
        let request = draft.request.value.clone();
        match &request.verdict.acceptance_needed {
            Some(owner) if request.state == State::AwaitingApproval => {
                if owner.id != by.id {
                    draft.refuse(order, &["the owner named in the request"]);
                    return Ok(());
                }
            }
            _ => {
                draft.impossible(order, "nothing here waits for you to accept it.", None);
                return Ok(());
            }
        }
        let digest = request.verdict.digest();
        if let (Some(given), Some(digest)) = (named, &digest)
            && !digest.is_named_by(given)
        {
            draft.stale(order, given, digest);
            return Ok(());
        }
        draft.request_mut().accepted = true;
        draft.audit(person(&by), "accept", Of { digest, ..Of::default() });
        let count = match &request.verdict.needs {
            Need::Approval { count, .. } => *count,
            Need::Nothing => 0,
        };
        self.drop_lapsed(draft, order).await?;
        let last = draft.request.value.approvals.last().cloned();
        if Self::is_complete(draft, count)
            && let (Some(cookbook), Some(last)) = (order.cookbook, last)
        {
            return self.grant(order.desk, draft, cookbook, Some((&last, None))).await;
        }
        draft.done(order, format!("`{}` agrees to own it.", by.username));
        Ok(())
    }

    /// Whether the order accepted transfers: all that were offered to whoever
    /// gave it, as `transfer` offers all machines of an issue.
    fn accept_transfer(draft: &mut Draft<'_>, order: &Order<'_>) -> bool {
        let now = draft.now();
        let by = order.by();
        let asked: BTreeSet<LeaseId> = draft
            .request
            .value
            .questions
            .iter()
            .filter_map(|question| match question {
                Question::Transfer { lease, to, at } if to.id == by.id => {
                    (now - *at <= chrono::TimeDelta::days(7)).then_some(*lease)
                }
                _ => None,
            })
            .collect();
        if asked.is_empty() {
            return false;
        }
        draft.request_mut().questions.retain(
            |question| !matches!(question, Question::Transfer { lease, .. } if asked.contains(lease)),
        );
        let event = crate::lease::lifecycle::Event::Transfer { to: by.clone() };
        let mut taken = false;
        for lease in asked {
            if draft.lease_event(lease, &event).is_ok() {
                draft.audit(person(by), "transfer", Of { lease: Some(lease), ..Of::default() });
                taken = true;
            }
        }
        if !taken {
            draft.impossible(order, "the machine cannot change hands any more.", None);
        }
        true
    }
}
