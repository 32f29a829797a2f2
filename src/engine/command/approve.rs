//! `approve`, `reject`, `accept`: deciding about a request.

use super::Order;
use crate::{
    engine::{
        Engine,
        draft::{Draft, Of, person},
        grant::used_up,
        judge::asked,
    },
    notice::Reply,
    ports::store::CommitError,
    request::{Approval, lifecycle::Event, lifecycle::State},
};

impl Draft<'_> {
    /// Says who may decide about the request.
    fn refuse_decision(&mut self, order: &Order<'_>) {
        let parts = self.request.value.verdict.needs.parts();
        let also = parts.iter().skip(1).flat_map(|part| &part.by).map(ToString::to_string);
        let also: Vec<String> = also.collect();
        let who: Vec<&str> =
            ["approvers", "sysadmins"].into_iter().chain(also.iter().map(String::as_str)).collect();
        self.refuse(order, &who);
    }
}

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
        let by = order.by().clone();
        let given_as = self.approves_as(draft, &order.rights, &by).await?;
        if !given_as.is_something() {
            draft.refuse_decision(order);
            return Ok(());
        }
        if request.state != State::AwaitingApproval {
            let overtaken = || order.cookbook.and_then(|it| used_up(it, &request.verdict));
            let why = match request.state {
                State::Incomplete => overtaken().unwrap_or_else(|| {
                    "something is still missing or refused, see the first comment.".to_owned()
                }),
                State::Approved | State::Fulfilled => {
                    "this request was approved already.".to_owned()
                }
                _ => "this request is closed; it is judged again when the issue is reopened."
                    .to_owned(),
            };
            draft.reply(&order.key, Reply::NotApprovable { why });
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
        // Where nobody needs to approve, whoever does is no requester either.
        let counts = match request.verdict.needs.parts() {
            [] => vec![!request.is_for(&by)],
            parts => given_as.counts_for(parts, request.is_for(&by)),
        };
        if !counts.contains(&true) {
            let why = "nobody approves their own request; somebody else who may has to.";
            draft.reply(&order.key, Reply::NotApprovable { why: why.to_owned() });
            return Ok(());
        }
        let again = request.approvals.iter().any(|approval| approval.by.id == by.id);
        let authority = order.rights.authority_as(&given_as);
        let policy = Some(draft.request.value.policy_version);
        let note = order.note.id;
        let approval = Approval { by, digest, note, at: draft.now(), given_as, policy };
        if !again {
            let of = Of { digest: Some(digest), authority: authority.clone(), lease: None };
            draft.audit(person(&approval.by), "approve", of);
            draft.request_mut().approvals.push(approval.clone());
        }
        self.drop_lapsed(draft, order).await?;
        if draft.request.value.is_agreed() {
            if let Some(cookbook) = order.cookbook {
                self.grant(order.desk, draft, cookbook, Some((&approval, authority))).await?;
            }
            return Ok(());
        }
        if again {
            draft.impossible(order, "you have approved this already.", None);
            return Ok(());
        }
        let approved = draft.request.value.approved();
        let reply = Reply::Approved {
            by: approval.by.username,
            have: approved.iter().map(|(_, have)| have).sum(),
            need: approved.iter().map(|(part, _)| part.count).sum(),
            missing: asked(&approved).into_iter().filter(|asked| !asked.done).collect(),
            machines: Vec::new(),
            waits: None,
            acceptance_by: request
                .verdict
                .acceptance_needed
                .filter(|_| !request.accepted)
                .map(|owner| owner.username),
        };
        draft.reply(&order.key, reply);
        Ok(())
    }

    /// Drops approvals by people who may not approve any more, and takes those
    /// of the others for what they may now. It is asked whenever the last word
    /// needed might have been said.
    async fn drop_lapsed(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
    ) -> Result<(), CommitError> {
        for approval in draft.request.value.approvals.clone() {
            let by = approval.by;
            let rights = self.rights(draft, order.cookbook, &by).await?;
            let given_as = self.approves_as(draft, &rights, &by).await?;
            if given_as.is_something() {
                if given_as != approval.given_as {
                    let approvals = &mut draft.request_mut().approvals;
                    for approval in approvals.iter_mut().filter(|other| other.by.id == by.id) {
                        approval.given_as = given_as.clone();
                    }
                }
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

    pub(super) async fn reject(
        &self,
        draft: &mut Draft<'_>,
        order: &Order<'_>,
        reason: String,
    ) -> Result<(), CommitError> {
        let given_as = self.approves_as(draft, &order.rights, order.by()).await?;
        if !given_as.is_something() {
            draft.refuse_decision(order);
            return Ok(());
        }
        if draft.request_event(Event::Rejected).is_err() {
            let hint = Some("A machine that is in use is ended with `release`.");
            draft.impossible(order, "this request is not open any more.", hint);
            return Ok(());
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
            Of { digest, authority: order.rights.authority_as(&given_as), lease: None },
        );
        draft.reply(&order.key, Reply::Rejected { by: by.username, reason });
        Ok(())
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
        if self.accept_transfer(draft, order).await? {
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
        self.drop_lapsed(draft, order).await?;
        let last = draft.request.value.approvals.last().cloned();
        if draft.request.value.is_agreed()
            && let (Some(cookbook), Some(last)) = (order.cookbook, last)
        {
            return self.grant(order.desk, draft, cookbook, Some((&last, None))).await;
        }
        draft.done(order, format!("`{}` agrees to own it.", by.username));
        Ok(())
    }
}
