//! `approve`, `reject`, `accept`: deciding about a request.

use super::Order;
use crate::{
    engine::{
        Engine,
        draft::{Draft, Of, person},
    },
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
            draft.reply(order.key, Reply::NotApprovable { why: why.to_owned() });
            return Ok(());
        }
        let Some(digest) = request.verdict.digest() else { return Ok(()) };
        match named {
            None => {
                draft.reply(order.key, Reply::ApproveWhich { digest: digest.short() });
                return Ok(());
            }
            Some(given) if !digest.is_named_by(given) => {
                let reply = Reply::ApproveStale { given: given.to_owned(), digest: digest.short() };
                draft.reply(order.key, reply);
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
            draft.reply(order.key, Reply::NotApprovable { why: why.to_owned() });
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
        };
        draft.reply(order.key, reply);
        Ok(())
    }

    /// Whether everyone needed has agreed.
    fn is_complete(draft: &Draft<'_>, count: usize) -> bool {
        let request = &draft.request.value;
        let accepted = request.accepted || request.verdict.acceptance_needed.is_none();
        accepted && request.approvals.len() >= count
    }

    pub(super) fn reject(draft: &mut Draft<'_>, order: &Order<'_>, reason: String) {
        if !order.rights.decides() {
            draft.refuse(order, &["approvers", "sysadmins"]);
            return;
        }
        if draft.request_event(Event::Rejected).is_err() {
            let hint = Some("A machine that is in use is ended with `release`.");
            draft.impossible(order, "this request is not open any more.", hint);
            return;
        }
        let by = order.by().clone();
        let digest = draft.request.value.verdict.digest();
        draft.audit(
            person(&by),
            "reject",
            Of { digest, authority: order.rights.authority(), lease: None },
        );
        draft.reply(order.key, Reply::Rejected { by: by.username, reason });
    }

    /// The named owner agrees to answer for the machine, or a transfer's new
    /// owner takes over.
    pub(super) async fn accept(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
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
        draft.request_mut().accepted = true;
        draft.audit(person(&by), "accept", Of { digest, ..Of::default() });
        let count = match &request.verdict.needs {
            Need::Approval { count, .. } => *count,
            Need::Nothing => 0,
        };
        if Self::is_complete(draft, count)
            && let (Some(cookbook), Some(last)) = (order.cookbook, request.approvals.last())
        {
            return self.grant(order.desk, draft, cookbook, Some((last, None))).await;
        }
        draft.done(order, format!("`{}` agrees to own it.", by.username));
        Ok(())
    }

    /// Whether the order accepted a transfer.
    fn accept_transfer(draft: &mut Draft<'_>, order: &Order<'_>) -> bool {
        let now = draft.now();
        let by = order.by().id;
        let asked = draft.request.value.questions.iter().find_map(|question| match question {
            Question::Transfer { lease, to, at } if to.id == by => {
                (now - *at <= chrono::TimeDelta::days(7)).then(|| (*lease, to.clone()))
            }
            _ => None,
        });
        let Some((lease, to)) = asked else { return false };
        draft.request_mut().questions.retain(
            |question| !matches!(question, Question::Transfer { lease: other, .. } if *other == lease),
        );
        let event = crate::lease::lifecycle::Event::Transfer { to: to.clone() };
        if draft.lease_event(lease, &event).is_ok() {
            draft.audit(person(&to), "transfer", Of { lease: Some(lease), ..Of::default() });
        } else {
            draft.impossible(order, "the machine cannot change hands any more.", None);
        }
        true
    }
}
