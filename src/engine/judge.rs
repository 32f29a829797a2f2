//! Reading a description and judging it, as long as it decides anything.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Engine,
    draft::{Draft, Of},
    grant::used_up,
    look::Desk,
};
use crate::{
    cookbook::{Cookbook, Cookbooks, Principal},
    identity::{Digest, LeaseId, Person},
    lease::Lease,
    notice::{Asked, FieldChange, Reply},
    policy::{self, Facts, Groups, Need, Part, People, Usage, Verdict},
    ports::{
        PortError,
        forge::Standing,
        store::{Actor, CommitError, Versioned},
    },
    request::{self, Reading, Request, form, lifecycle::Event, value::Value},
    usage::{Asking, Count},
    violation::{Violation, ViolationCode},
};

impl Engine {
    /// Judges the description as it is now. Approvals of anything else are void.
    pub(super) async fn judge(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbooks: &Cookbooks,
    ) -> Result<(), CommitError> {
        let Some(cookbook) = cookbooks.get(&draft.request.value.cookbook) else {
            tracing::error!(
                issue = %desk.issue.reference, cookbook = %draft.request.value.cookbook,
                "a request's cookbook is gone from the policies; it is left as it was"
            );
            return Ok(());
        };
        if let Some(obstacle) = self.obstacle(desk, cookbook)? {
            // Not even read: what cannot be kept to ourselves is not repeated.
            let author = desk.issue.author.clone();
            let verdict = Verdict {
                violations: vec![obstacle],
                ..Verdict::unjudged(cookbook.name.clone(), cookbooks.version, author)
            };
            let reading = Reading::default();
            return self
                .take_verdict(desk, draft, cookbook, cookbooks.version, reading, verdict)
                .await;
        }
        let today = self.calendar_of(&cookbook.name).today(self.now());
        let reading = form::read(&desk.issue.description, cookbook, today);
        draft.usage_read(self.usage_mark(cookbook).await?);
        let mut facts = self.facts(desk, draft, cookbook, &reading).await?;
        if self.cookbooks().version != cookbooks.version {
            // Exchanged meanwhile: these cookbooks and that switch were never in
            // force together. The next look judges by what is.
            facts.auto_approval = false;
        }
        let verdict = policy::judge(cookbook, cookbooks.version, &reading, &facts);
        self.take_verdict(desk, draft, cookbook, cookbooks.version, reading, verdict).await
    }

    /// What keeps an issue from being a request, whatever it says.
    pub(super) fn obstacle(
        &self,
        desk: &Desk,
        cookbook: &Cookbook,
    ) -> Result<Option<Violation>, PortError> {
        if desk.issue.by_bot {
            let message = "This issue was filed by an account that is nobody's, so nobody would answer for a machine.";
            let hint = format!(
                "A person has to file it: sign in, open a new issue from the template `{}`, and copy the answers.",
                cookbook.name
            );
            return Ok(Some(Violation::new(ViolationCode::FiledByNobody, message).hint(hint)));
        }
        if self.can_keep_hidden(&desk.issue.reference.forge, cookbook)? {
            return Ok(None);
        }
        let message = "Requests of this kind are confidential, and issues cannot be hidden here.";
        Ok(Some(
            Violation::new(ViolationCode::NotHidden, message)
                .hint("Take out what is not meant for everybody, and ask the sysadmins."),
        ))
    }

    async fn take_verdict(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbook: &Cookbook,
        version: Digest,
        reading: Reading,
        verdict: Verdict,
    ) -> Result<(), CommitError> {
        let before = draft.request.value.clone();
        let (first, touched) = (draft.request.version == 0, draft.is_request_touched());
        let digest = verdict.digest();
        {
            let request = draft.request_mut();
            request.description = Digest::of(&desk.issue.description);
            request.policy_version = version;
            request.web_url.clone_from(&desk.issue.web_url);
            request.reading = reading;
            request.verdict = verdict;
        }
        let shortage = match &draft.request.value.verdict.spec {
            Some(spec) if draft.leases.is_empty() => self.shortage(cookbook, spec).await?,
            _ => None,
        };
        if draft.request.value.shortage != shortage {
            draft.request_mut().shortage = shortage;
        }
        // A newer policy voids an approval only if it is worse for the requester.
        let worse = before.policy_version != version
            && draft.request.value.verdict.is_worse_than(&before.verdict);
        if before.verdict.digest() != digest || worse {
            void_approvals(draft, cookbook, &before);
        }
        let event = if digest.is_some() { Event::Acceptable } else { Event::Refused };
        draft.request_event(event).map_err(PortError::bug("judge a request"))?;
        if draft.request.value == before && !first && !touched {
            // Nothing moved: nothing to store.
            draft.request_unchanged();
        } else if first {
            draft.audit(Actor::User(before.author.id), "filed", Of { digest, ..Of::default() });
        } else if before.state != draft.request.value.state {
            let word = draft.request.value.state.word();
            draft.audit(Actor::Outside, word, Of { digest, ..Of::default() });
        }
        let request = &draft.request.value;
        let Some(digest) = digest else { return Ok(()) };
        // Once only: what could not be made, or was given back before it was,
        // would be ordered again at once, for ever. A person says so anew.
        if matches!(request.verdict.needs, Need::Nothing) && draft.leases.is_empty() {
            return self.grant(desk, draft, cookbook, None).await;
        }
        // A new sticky comment notifies by itself; an edited one does not.
        if before.state == request::lifecycle::State::Incomplete && !first {
            let ready = Reply::ReadyForApproval {
                approvers: approvers(cookbook),
                parts: asked(&request.approved()),
                digest: digest.short(),
                acceptance_by: request.verdict.acceptance_needed.as_ref().map(username),
            };
            draft.reply(&format!("ready:{digest}"), ready);
        }
        Ok(())
    }

    /// What policy has to know about the world to judge what the issue says.
    pub(super) async fn facts(
        &self,
        desk: &Desk,
        draft: &Draft<'_>,
        cookbook: &Cookbook,
        reading: &Reading,
    ) -> Result<Facts, PortError> {
        self.facts_about(desk, draft, cookbook, reading, (&desk.issue.author, None)).await
    }

    /// The same of what `author` might ask for: the machine of this lease, as
    /// if it were not there.
    pub(super) async fn facts_about(
        &self,
        desk: &Desk,
        draft: &Draft<'_>,
        cookbook: &Cookbook,
        reading: &Reading,
        (author, lease): (&Person, Option<LeaseId>),
    ) -> Result<Facts, PortError> {
        let author = author.clone();
        let forge = &desk.issue.reference.forge;
        let eligible = cookbook.eligible.is_empty()
            || self
                .first_of(forge, author.id, &cookbook.eligible, Standing::Member)
                .await?
                .is_some();
        let people = self.look_up(desk, &author, reading).await?;
        let groups = self.groups_of(desk, &author, reading).await?;
        let owner = usernames(reading)
            .find(|(field, _)| *field == "owner")
            .and_then(|(_, name)| people.get(&name.to_lowercase()).cloned().flatten())
            .unwrap_or_else(|| author.clone());
        let asking = Asking {
            forge,
            owner: owner.id,
            team: reading.team(),
            cookbook,
            request: draft.request.value.id,
            lease,
        };
        let in_force = self.in_force();
        let (usage, taken_names) = self.usage(draft, &asking).await?;
        let room = self.room(cookbook).await?;
        Ok(Facts {
            description_edited_by_others: desk
                .discussion
                .description_editors
                .iter()
                .any(|editor| *editor != author.id),
            author,
            author_eligible: Some(eligible),
            people: People::Known(people),
            groups,
            usage,
            room,
            taken_names,
            protected_names: in_force.protected_names.iter().cloned().collect(),
            auto_approval: in_force.automatic_approval,
            today: self.calendar_of(&cookbook.name).today(self.now()),
        })
    }

    /// The accounts named in the form.
    async fn look_up(
        &self,
        desk: &Desk,
        author: &Person,
        reading: &Reading,
    ) -> Result<BTreeMap<String, Option<Person>>, PortError> {
        let mut people = BTreeMap::new();
        for (_, name) in usernames(reading) {
            let known = name.eq_ignore_ascii_case(&author.username);
            if !known && !people.contains_key(&name.to_lowercase()) {
                people.insert(name.to_lowercase(), self.person_named(desk, name).await?);
            }
        }
        Ok(people)
    }

    /// Those of the groups in the form that the author is a member of.
    async fn groups_of(
        &self,
        desk: &Desk,
        author: &Person,
        reading: &Reading,
    ) -> Result<Groups, PortError> {
        let forge = &desk.issue.reference.forge;
        let mut own = BTreeSet::new();
        for answer in reading.fields.values() {
            let Value::Group(path) = &answer.value else { continue };
            let group = [Principal::Group(path.clone())];
            if self.first_of(forge, author.id, &group, Standing::Member).await?.is_some() {
                own.insert(path.clone());
            }
        }
        Ok(Groups::Of(own))
    }

    /// The active account of this name. Nothing is anybody's who is us: some
    /// forges cannot tell a machine's account from a person's.
    pub(super) async fn person_named(
        &self,
        desk: &Desk,
        username: &str,
    ) -> Result<Option<Person>, PortError> {
        let found = self.forge(&desk.reference().forge)?.person_named(username).await?;
        Ok(found.filter(|person| person.id != desk.own.id))
    }

    /// The store's mark of usage now, for conditions that look at usage: what
    /// follows from them is stored only if it is the same then.
    pub(super) async fn usage_mark(&self, cookbook: &Cookbook) -> Result<Option<u64>, PortError> {
        if cookbook.looks_at("usage.") {
            return Ok(Some(self.store().usage_mark().await?));
        }
        Ok(None)
    }

    /// What is in use or asked for, besides what is judged; and the names that
    /// are taken.
    pub(super) async fn usage(
        &self,
        draft: &Draft<'_>,
        asking: &Asking<'_>,
    ) -> Result<(Usage, BTreeSet<String>), PortError> {
        let cookbooks = self.cookbooks();
        let mut count = Count::new(asking, &cookbooks);
        let mut taken = self.inspection().names_on(&asking.cookbook.placement.providers);
        let mut add = |lease: &Lease| {
            count.add_lease(lease);
            if lease.state.has_machine() {
                taken.insert(lease.order.key.name.to_string());
            }
        };
        // What this draft has decided a moment ago is not stored yet.
        let decided = |id| draft.leases.iter().any(|lease| lease.value.id == id);
        let mut show = |lease: Versioned<Lease>| {
            if !decided(lease.value.id) {
                add(&lease.value);
            }
        };
        self.store().each_live_lease(&mut show).await?;
        draft.leases.iter().for_each(|lease| add(&lease.value));
        let open = self.store().open_requests().await?;
        let requests = open.iter().map(|request| &request.value);
        requests.clone().for_each(|request| count.add_request(request));
        let others = requests.filter(|it| it.id != asking.request && it.state.is_open());
        // Where no machine is made, the name is that of another one.
        let makes_one = |request: &&Request| {
            cookbooks.get(&request.cookbook).is_none_or(|cookbook| cookbook.guide.is_none())
        };
        let specs = others.filter(makes_one).filter_map(|request| request.verdict.spec.as_ref());
        taken.extend(specs.filter_map(|spec| spec.hostname().map(str::to_owned)));
        Ok((count.usage(), taken))
    }
}

/// The accounts named in the form, with the field each is named in.
pub(super) fn usernames(reading: &Reading) -> impl Iterator<Item = (&str, &str)> {
    reading.fields.iter().flat_map(|(field, answer)| {
        let names = match &answer.value {
            Value::Users(names) => names.as_slice(),
            _ => &[],
        };
        names.iter().map(|name| (field.as_str(), name.as_str()))
    })
}

/// What was approved or accepted is not what is asked for now, or would not be
/// approved under the policy of now.
fn void_approvals(draft: &mut Draft<'_>, cookbook: &Cookbook, before: &Request) {
    if before.approvals.is_empty() && !before.accepted {
        return;
    }
    let request = draft.request_mut();
    request.approvals.clear();
    request.accepted = false;
    let digest = request.verdict.digest();
    let changes = match (&before.verdict.spec, &request.verdict.spec) {
        (Some(older), Some(newer)) => older.changes(newer),
        _ => Vec::new(),
    };
    let nothing = || "nothing".to_owned();
    let changes = changes
        .into_iter()
        .map(|(field, before, after)| FieldChange {
            field: cookbook.field(field.as_str()).map_or(field.to_string(), |f| f.label.clone()),
            before: before.unwrap_or_else(nothing),
            after: after.unwrap_or_else(nothing),
        })
        .collect();
    let by = before.approvals.iter().map(|approval| approval.by.username.clone()).collect();
    let key = format!("voided:{}", draft.request.version);
    let request = &draft.request.value;
    let overtaken = before.verdict.is_fine() && used_up(cookbook, &request.verdict).is_some();
    let cause = if before.description != request.description {
        "The description was changed"
    } else if before.policy_version != request.policy_version {
        "The policy was changed"
    } else if overtaken {
        "Its quota was used up meanwhile"
    } else {
        "Something this request depends on has changed"
    };
    let reply = Reply::ApprovalsVoided {
        cause: cause.to_owned(),
        by,
        changes,
        digest: digest.map(|digest| digest.short()),
        acceptance_by: request.verdict.acceptance_needed.as_ref().map(username),
    };
    draft.reply(&key, reply);
    draft.audit(Actor::Outside, "approvals-voided", Of { digest, ..Of::default() });
}

/// The parts of what has to be approved, in words; nothing if there is only
/// one, which [`approvers`] names.
pub(super) fn asked(parts: &[(&Part, usize)]) -> Vec<Asked> {
    let asked = |(part, have): &(&Part, usize)| Asked {
        by: part.by.iter().map(ToString::to_string).collect(),
        have: *have,
        need: part.count,
        done: *have >= part.count,
        reason: part.reason.clone(),
    };
    if parts.len() > 1 { parts.iter().map(asked).collect() } else { Vec::new() }
}

/// Who may approve, in words.
pub(super) fn approvers(cookbook: &Cookbook) -> Vec<String> {
    cookbook.approval.by.iter().map(ToString::to_string).collect()
}

fn username(person: &Person) -> String {
    person.username.clone()
}
