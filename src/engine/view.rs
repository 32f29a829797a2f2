//! The view: sticky comment, labels, due date, open or closed. Rendered from
//! the state, compared with what is there, and repaired.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Engine,
    draft::Draft,
    effects::FOR_FORGE,
    guide::is_being_followed,
    judge::{approvers, asked},
    look::Desk,
};
use crate::{
    brake::{Deed, Waiting},
    cookbook::{Cookbook, Cookbooks, Field, FieldKind},
    hook,
    identity::FieldName,
    lease::{Lease, State, Step},
    machine::Power,
    notice::{
        MachineEnd,
        markdown::Markdown,
        marker::Marker,
        sticky::{AnswerLine, GuideLines, HookLine, MachineLine, Phase, Remark, Sticky},
        waits::waits,
    },
    policy::{Advice, Concern},
    ports::{
        PortError, Verdict,
        forge::{Audience, IssueUpdate},
        store::{CommitError, Look},
    },
    request::{WaitsOn, lifecycle::State as RequestState, value::Value},
    violation::{RulePlace, Violation},
};

/// The labels that show states, e.g. the columns of a team's board. Several
/// states may share one, and a state may have none (an empty text). The bot owns
/// these and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Labels {
    /// The requester must mend something.
    pub incomplete: String,
    /// An approver must decide.
    pub awaiting: String,
    /// Machines are being made.
    pub making: String,
    /// A machine was found, and a sysadmin must confirm it.
    pub adopted: String,
    /// Machines are in use.
    pub active: String,
    /// Machines are stopped and keep their disks for now.
    pub expired: String,
    /// All machines are gone.
    pub ended: String,
    /// An approver said no.
    pub rejected: String,
    /// Closed before approval.
    pub withdrawn: String,
}

impl Default for Labels {
    fn default() -> Self {
        let label = |state: &str| format!("innkeeper::{state}");
        Self {
            incomplete: label("needs-information"),
            awaiting: label("needs-approval"),
            making: label("making"),
            adopted: label("adopted"),
            active: label("active"),
            expired: label("expired"),
            ended: label("ended"),
            rejected: label("rejected"),
            withdrawn: label("withdrawn"),
        }
    }
}

impl Labels {
    /// Whether this label shows a state.
    pub(super) fn has(&self, label: &str) -> bool {
        self.all().any(|ours| ours == label)
    }

    /// All of them, those that are shared more than once.
    fn all(&self) -> impl Iterator<Item = &str> {
        let labels = [
            &self.incomplete,
            &self.awaiting,
            &self.making,
            &self.adopted,
            &self.active,
            &self.expired,
            &self.ended,
            &self.rejected,
            &self.withdrawn,
        ];
        labels.into_iter().map(String::as_str).filter(|label| !label.is_empty())
    }
}

impl Engine {
    /// Brings the issue in line with the state.
    pub(super) async fn show(
        &self,
        look: &Look,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbooks: &Cookbooks,
    ) -> Result<(), CommitError> {
        if draft.request.version == 0 {
            return Ok(());
        }
        self.answer_due_date(desk, draft);
        self.answer_labels(desk, draft);
        let cookbook = cookbooks.get(&draft.request.value.cookbook);
        self.answer_emoji(desk, draft, cookbook).await?;
        self.show_sticky(look, desk, draft, cookbook).await?;
        self.show_fields(desk, draft, cookbook).await?;
        draft.commit().await
    }

    pub(super) async fn show_sticky(
        &self,
        look: &Look,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbook: Option<&Cookbook>,
    ) -> Result<(), CommitError> {
        let forge = self.forge(&desk.reference().forge)?;
        let new_url = self.links(&draft.request.value)?.new_url;
        let not_made = match draft.request.value.state {
            RequestState::AwaitingApproval => {
                self.brake(Deed::Create, &draft.request.value.cookbook).await?
            }
            _ => None,
        };
        let sticky = self.sticky(desk, draft, cookbook, new_url, not_made.as_ref());
        let body = self
            .renderer()
            .sticky(&sticky)
            .map_err(|cause| PortError::give_up("render the sticky comment", cause))?;
        let body = body.marked(&Marker::Sticky);
        // Ours by author, and by stored id or marker: text alone could be forged.
        let stored = draft.request.value.sticky;
        let mut ours = desk.discussion.notes.iter().filter(|note| note.author.id == desk.own.id);
        let kept = ours
            .clone()
            .find(|note| stored == Some(note.id))
            .or_else(|| ours.find(|note| Marker::Sticky.is_in(&note.body)));
        let note = match kept {
            Some(note) if body.is_shown_as(&note.body) => note.id,
            Some(note) => match forge.edit_note(desk.reference(), note.id, &body).await {
                Ok(()) => note.id,
                Err(error) if error.verdict == Verdict::Missing => {
                    self.has_time("show the state", look.until, FOR_FORGE)?;
                    forge.post_note(desk.reference(), &body, Audience::Everyone).await?
                }
                Err(error) => return Err(error.into()),
            },
            None => {
                self.has_time("show the state", look.until, FOR_FORGE)?;
                let note = forge.post_note(desk.reference(), &body, Audience::Everyone).await?;
                // Known to us only if it went along, should the issue have been
                // moved since it was read: see `moved`.
                forge.issue(desk.reference()).await?;
                note
            }
        };
        self.delete_doubles(draft, &desk.discussion, desk.own.id, (note, &Marker::Sticky)).await?;
        if draft.request.value.sticky != Some(note) {
            draft.request_mut().sticky = Some(note);
        }
        Ok(())
    }

    async fn show_fields(
        &self,
        desk: &Desk,
        draft: &mut Draft<'_>,
        cookbook: Option<&Cookbook>,
    ) -> Result<(), CommitError> {
        let calendar = self.calendar_of(&draft.request.value.cookbook);
        let wanted = self.label(draft).to_owned();
        let has = |label: &str| desk.issue.labels.iter().any(|other| other == label);
        let mut update = IssueUpdate::default();
        if !wanted.is_empty() && !has(&wanted) {
            update.add_labels.push(wanted.clone());
        }
        update.remove_labels = self
            .settings
            .labels
            .all()
            .filter(|label| *label != wanted.as_str() && has(label))
            .map(str::to_owned)
            .collect();
        update.remove_labels.sort();
        update.remove_labels.dedup();
        let extra_labels = !draft.request.value.shown.extra_labels;
        if extra_labels {
            let extra = cookbook.map_or(&[][..], |cookbook| &cookbook.issue.labels);
            update.add_labels.extend(extra.iter().filter(|label| !has(label)).cloned());
        }
        let abilities = self.forge(&desk.reference().forge)?.abilities();
        if abilities.due_dates && !draft.leases.is_empty() {
            let due = next_end(draft).map(|(_, at)| calendar.due_date(at));
            if due != desk.issue.due_date {
                update.due_date = Some(due);
            }
        }
        update.open = wanted_open(desk, draft);
        let shown = &draft.request.value.shown.labels;
        if shown.last() != Some(&wanted) {
            // Before it is shown: see `by_hand`.
            // What an update that failed half-way may have left is ours as well.
            let mut maybe = match shown.as_slice() {
                [] => vec![String::new()],
                shown => shown.to_vec(),
            };
            maybe.retain(|label| *label != wanted);
            maybe.push(wanted.clone());
            draft.request_mut().shown.labels = maybe;
            draft.commit().await?;
        }
        if !update.is_empty() {
            self.forge(&desk.reference().forge)?.update_issue(desk.reference(), &update).await?;
        }
        if draft.request.value.shown.labels.len() > 1 {
            draft.request_mut().shown.labels = vec![wanted];
        }
        if extra_labels {
            draft.request_mut().shown.extra_labels = true;
        }
        let due = next_end(draft).map(|(_, at)| calendar.due_date(at));
        if due.is_some() && draft.request.value.due_date_shown != due {
            draft.request_mut().due_date_shown = due;
        }
        if let Some(open) = update.open {
            let request = draft.request_mut();
            request.seen_open = open;
            request.closed_by_us |= !open;
            request.reopened_by_us |= open;
        }
        Ok(())
    }

    pub(super) fn label(&self, draft: &Draft<'_>) -> &str {
        let labels = &self.settings.labels;
        match draft.request.value.state {
            RequestState::Incomplete => &labels.incomplete,
            RequestState::AwaitingApproval => &labels.awaiting,
            RequestState::Rejected => &labels.rejected,
            RequestState::Withdrawn => &labels.withdrawn,
            RequestState::Approved => &labels.making,
            RequestState::Fulfilled => {
                let any = |state| draft.leases.iter().any(|lease| lease.value.state == state);
                if any(State::Adopted) {
                    &labels.adopted
                } else if any(State::Active) {
                    &labels.active
                } else if any(State::Expired) {
                    &labels.expired
                } else {
                    &labels.ended
                }
            }
        }
    }

    fn sticky(
        &self,
        desk: &Desk,
        draft: &Draft<'_>,
        cookbook: Option<&Cookbook>,
        new_url: Option<String>,
        not_made: Option<&Waiting>,
    ) -> Sticky {
        let request = &draft.request.value;
        let verdict = &request.verdict;
        let problems: Vec<Remark> =
            verdict.violations.iter().map(|violation| problem(violation, cookbook)).collect();
        let approved = request.approved();
        Sticky {
            bot: desk.own.username.clone(),
            title: cookbook.map_or_else(|| request.cookbook.to_string(), |c| c.title.clone()),
            phase: phase(draft, cookbook),
            answers: cookbook.map(|cookbook| answers(draft, cookbook)).unwrap_or_default(),
            problem_count: match problems.len() {
                1 => "1 thing".to_owned(),
                several => format!("{several} things"),
            },
            problems,
            reviews: notes(draft, cookbook, Concern::Review),
            warnings: notes(draft, cookbook, Concern::Warn),
            digest: verdict.digest().map(|digest| digest.short()),
            approvers: cookbook.map(approvers).unwrap_or_default(),
            sysadmins: self.settings.sysadmins.iter().map(ToString::to_string).collect(),
            approved_by: request.approvals.iter().map(|a| a.by.username.clone()).collect(),
            approvals_needed: approved.iter().map(|(part, _)| part.count).sum(),
            parts: asked(&approved),
            acceptance_by: verdict
                .acceptance_needed
                .as_ref()
                .filter(|_| !request.accepted)
                .map(|person| person.username.clone()),
            shortage: request.shortage.clone(),
            guide: cookbook.and_then(|cookbook| cookbook.guide.as_ref()).map(|guide| GuideLines {
                by: guide.by.iter().map(ToString::to_string).collect(),
                steps: guide.steps.clone(),
            }),
            waits: not_made.map(|waiting| waits(waiting, &self.calendar_of(&request.cookbook))),
            machines: draft.leases.iter().map(|lease| self.machine_line(&lease.value)).collect(),
            ends: draft
                .leases
                .iter()
                .filter(|lease| lease.value.state == State::Active)
                .map(|lease| self.machine_end(&lease.value))
                .collect(),
            edit_url: request.web_url.clone(),
            over: request.state == RequestState::Fulfilled
                && !draft.leases.iter().any(|lease| lease.value.state.has_machine()),
            new_url,
            policy: request.policy_version.short(),
            policy_commit: self.commit_of(request.policy_version),
        }
    }

    fn machine_line(&self, lease: &Lease) -> MachineLine {
        let calendar = self.calendar_of(&lease.cookbook);
        MachineLine {
            name: lease.order.key.name.to_string(),
            state: state_in_words(lease).to_owned(),
            owner: match lease.state {
                State::Adopted => "nobody yet".to_owned(),
                _ => lease.owner.username.clone(),
            },
            // Kept after that for the record.
            addresses: if lease.state.has_machine() { lease.addresses.clone() } else { vec![] },
            next: lease.deadline.filter(|_| !self.is_protected(lease)).map(|deadline| {
                let step = step_in_words(deadline.step);
                format!("{step} {}", calendar.absolute(deadline.at))
            }),
            held: lease.hold.clone(),
            protected: self.is_protected(lease),
            progress: lease.progress.clone(),
            trouble: lease.trouble.clone(),
            waits: lease.waiting.as_ref().map(|waiting| waits(waiting, &calendar)),
            hooks: lease.hooks.iter().map(hook_line).collect(),
        }
    }

    /// All machines that may exist, and when they end.
    pub(super) fn machine_ends(&self, draft: &Draft<'_>) -> Vec<MachineEnd> {
        let leases = draft.leases.iter().map(|lease| &lease.value);
        let living = leases.filter(|lease| lease.state.has_machine());
        living.map(|lease| self.machine_end(lease)).collect()
    }

    /// A machine and when it ends, for people.
    pub(super) fn machine_end(&self, lease: &Lease) -> MachineEnd {
        MachineEnd {
            machine: lease.order.key.name.to_string(),
            until: lease.deadline.map_or_else(
                || "nobody has decided".to_owned(),
                |deadline| self.calendar_of(&lease.cookbook).describe(deadline.at, self.now()),
            ),
        }
    }
}

/// The machine that ends next, and when.
pub(super) fn next_end(draft: &Draft<'_>) -> Option<(String, crate::identity::Timestamp)> {
    draft
        .leases
        .iter()
        .filter_map(|lease| {
            let deadline = lease.value.deadline.filter(|d| d.step != Step::DropBackups)?;
            Some((lease.value.order.key.name.to_string(), deadline.at))
        })
        .min_by_key(|(_, at)| *at)
}

/// Open or close the issue? Once for each reason: afterwards people may do as they like.
fn wanted_open(desk: &Desk, draft: &Draft<'_>) -> Option<bool> {
    let request = &draft.request.value;
    let machines = draft.leases.iter().any(|lease| lease.value.state.has_machine());
    let over = request.state == RequestState::Rejected
        || (request.state == RequestState::Fulfilled && !machines);
    if desk.issue.open {
        return (over && !request.closed_by_us).then_some(false);
    }
    // Closed by hand while machines live: answered and reopened the first time.
    let reopen =
        machines && request.closing_answered && !request.seen_open && !request.reopened_by_us;
    reopen.then_some(true)
}

fn phase(draft: &Draft<'_>, cookbook: Option<&Cookbook>) -> Phase {
    let mut phase = Phase::default();
    let unconfirmed =
        |lease: &Lease| lease.state == State::Adopted && lease.waits_on != WaitsOn::Provider;
    let found = draft.leases.iter().any(|lease| unconfirmed(&lease.value));
    *match draft.request.value.state {
        RequestState::Fulfilled if found => &mut phase.found,
        RequestState::Incomplete => &mut phase.incomplete,
        RequestState::AwaitingApproval => &mut phase.awaiting,
        RequestState::Approved if is_being_followed(draft, cookbook) => &mut phase.guided,
        RequestState::Approved => &mut phase.making,
        RequestState::Fulfilled => &mut phase.fulfilled,
        RequestState::Rejected => &mut phase.rejected,
        RequestState::Withdrawn => &mut phase.withdrawn,
    } = true;
    phase
}

/// What happens next to a machine, in words.
pub(super) fn step_in_words(step: Step) -> &'static str {
    match step {
        Step::Stop => "stopped",
        Step::Destroy => "disks destroyed",
        Step::DropBackups => "backups dropped",
    }
}

fn hook_line(run: &hook::Run) -> HookLine {
    HookLine {
        title: run.title.clone(),
        when: run.point.in_words().to_owned(),
        done: run.outcome == hook::Outcome::Done,
        by_hand: run.outcome == hook::Outcome::LeftToPeople,
        said: run.said_to_everybody().to_owned(),
    }
}

/// Where a machine stands, in words.
pub(super) fn state_in_words(lease: &Lease) -> &'static str {
    match (lease.state, lease.power) {
        (State::Adopted, _) if lease.waits_on == WaitsOn::Provider => {
            "confirmed, waiting for its provider"
        }
        (State::Adopted, _) => "found, not confirmed yet",
        (State::Provisioning, _) => "being made",
        (State::Active, Power::On) => "running",
        (State::Active, Power::Off) => "switched off",
        (State::Active, Power::Unknown) => "in use",
        (State::Expired, Power::Off) => "stopped, disks kept",
        (State::Expired, _) => "being stopped",
        (State::Destroying, _) => "being destroyed",
        (State::Destroyed, _) => "destroyed, backups kept",
        (State::Ended, _) => "gone",
    }
}

fn answers(draft: &Draft<'_>, cookbook: &Cookbook) -> Vec<AnswerLine> {
    let reading: BTreeMap<_, _> = draft.request.value.reading.fields.iter().collect();
    cookbook
        .fields
        .iter()
        .filter_map(|field| {
            let answer = reading.get(&field.name)?;
            let value = in_words(field, &answer.value);
            let written = answer.written.clone().filter(|written| *written != value);
            Some(AnswerLine {
                label: field.label.clone(),
                written: written.filter(|written| written.chars().count() <= 60),
                value,
                defaulted: answer.line.is_none(),
            })
        })
        .collect()
}

/// A value for people: a tier with what it has.
fn in_words(field: &Field, value: &Value) -> String {
    let name = value.to_string();
    match &field.kind {
        FieldKind::Tier { tiers, .. } => {
            tiers.iter().find(|tier| tier.name == name).map_or(name, ToString::to_string)
        }
        _ => name,
    }
}

fn problem(violation: &Violation, cookbook: Option<&Cookbook>) -> Remark {
    Remark {
        field: violation.field.as_ref().map(|field| label(field, cookbook)),
        line: violation.line,
        message: violation.message.clone(),
        hint: violation.hint.clone(),
        would_pass: violation.would_pass.clone(),
        rule: violation.rule.as_ref().map(|rule| rule.id.clone()),
        rule_at: violation.rule.as_ref().map(RulePlace::at),
    }
}

/// What there is to know, while it still matters: nothing is left to be looked
/// at once somebody has decided.
fn notes(draft: &Draft<'_>, cookbook: Option<&Cookbook>, concern: Concern) -> Vec<Remark> {
    let request = &draft.request.value;
    let open = match concern {
        Concern::Review => request.state == RequestState::AwaitingApproval,
        Concern::Warn => request.state.is_open(),
    };
    let advice = request.verdict.advice.iter();
    advice
        .filter(|advice| open && advice.severity == concern)
        .map(|advice| note(advice, cookbook))
        .collect()
}

fn note(advice: &Advice, cookbook: Option<&Cookbook>) -> Remark {
    Remark {
        field: advice.field.as_ref().map(|field| label(field, cookbook)),
        line: advice.line,
        message: advice.message.clone(),
        hint: advice.hint.clone(),
        would_pass: advice.would_pass.clone(),
        rule: advice.rule.as_ref().map(|rule| rule.id.clone()),
        rule_at: advice.rule.as_ref().map(RulePlace::at),
    }
}

/// A field as people know it.
fn label(name: &FieldName, cookbook: Option<&Cookbook>) -> String {
    cookbook
        .and_then(|cookbook| cookbook.field(name.as_str()))
        .map_or_else(|| name.to_string(), |field| field.label.clone())
}

/// Kept next to its use: a rendered body compared with what the forge serves.
impl Markdown {
    fn is_shown_as(&self, served: &str) -> bool {
        self.as_str().trim() == served.replace("\r\n", "\n").trim()
    }
}
