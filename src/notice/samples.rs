//! Examples of every context: each template is tried on them when it is
//! loaded, and the tests read what comes out.

use super::{
    Asked, FieldChange, HelpLine, Links, MachineEnd, Reply,
    adoption::Adoption,
    news::{CheckItem, Checklist, LeaseNews, StepWords, Takeover},
    sticky::{AnswerLine, GuideLines, HookLine, MachineLine, Phase, Remark, Sticky},
    team::TeamNote,
};
use crate::{
    cookbook::{
        PowerCommand,
        page::{AlsoLine, Detail, GuidePage, Life, Page, Question, RuleLine},
    },
    identity::{Person, UserId},
    lease::lifecycle::Topic,
    quantity::Delay,
};

const UNTIL: &str = "Tue 2027-01-05 10:00 CET (in 13 days)";

/// One sticky comment for each phase.
#[must_use]
pub fn stickies() -> Vec<Sticky> {
    let base = Sticky {
        bot: "innkeeper".into(),
        title: "Sandbox".into(),
        answers: answer_lines(),
        approvers: vec!["group:tpo/tpa".into()],
        approvals_needed: 1,
        edit_url: "https://gitlab.example/tpo/tpa/team/-/issues/7".into(),
        new_url: links().first().and_then(|links| links.new_url.clone()),
        policy: "1f9c2a7e".into(),
        policy_commit: Some("0123456789ab".into()),
        ..Sticky::default()
    };
    let phase = Phase::default();
    let machine = MachineLine {
        name: "sandbox-7".into(),
        state: "running".into(),
        owner: "alice".into(),
        addresses: vec!["192.0.2.7".into()],
        next: Some(format!("stopped {UNTIL}")),
        held: None,
        protected: false,
        progress: None,
        trouble: None,
        waits: None,
        hooks: Vec::new(),
    };
    let found = MachineLine {
        state: "found, not confirmed yet".into(),
        owner: "nobody yet".into(),
        next: None,
        protected: true,
        ..machine.clone()
    };
    let mut stickies = vec![
        incomplete(base.clone()),
        Sticky {
            phase: Phase { awaiting: true, ..phase },
            digest: Some("3f9c2a7e".into()),
            acceptance_by: Some("carol".into()),
            reviews: vec![note("Much memory for a sandbox.", Some("4 GiB do for most."))],
            warnings: vec![note("This name is hard to spell.", None)],
            approved_by: vec!["dan".into()],
            waits: Some(waits()),
            ..base.clone()
        },
        Sticky {
            phase: Phase { making: true, ..phase },
            digest: Some("3f9c2a7e".into()),
            ..base.clone()
        },
        Sticky {
            phase: Phase { fulfilled: true, ..phase },
            digest: Some("3f9c2a7e".into()),
            machines: vec![
                machine.clone(),
                MachineLine {
                    held: Some("waiting for a decision".into()),
                    trouble: Some("the provider does not answer".into()),
                    waits: Some(waits()),
                    protected: true,
                    addresses: vec![],
                    next: None,
                    hooks: hook_lines(),
                    ..machine
                },
            ],
            ends: vec![MachineEnd { machine: "sandbox-7".into(), until: UNTIL.into() }],
            ..base.clone()
        },
        Sticky {
            phase: Phase { found: true, ..phase },
            answers: vec![],
            sysadmins: vec!["group:tpo/tpa".into()],
            machines: vec![found],
            ..base.clone()
        },
    ];
    stickies.push(awaiting_several(base.clone()));
    stickies.extend(last_stickies(base));
    stickies
}

/// One in which something has to be mended.
fn incomplete(base: Sticky) -> Sticky {
    Sticky {
        phase: Phase { incomplete: true, ..Phase::default() },
        problem_count: "2 things".into(),
        problems: vec![
            Remark {
                field: Some("Memory".into()),
                line: Some(12),
                message: "`4 GX` is not an amount of memory.".into(),
                hint: Some("Write it like `4 GiB`.".into()),
                would_pass: vec![],
                rule: None,
                rule_at: None,
            },
            Remark {
                field: None,
                line: None,
                message: "Name a fallback owner other than yourself.".into(),
                hint: None,
                would_pass: vec!["Memory: 4 GiB or less".into(), "vCPUs: 2 vCPUs".into()],
                rule: Some("fallback-owner".into()),
                rule_at: Some("sandbox.toml:34".into()),
            },
        ],
        ..base
    }
}

/// One that several groups have to approve.
fn awaiting_several(base: Sticky) -> Sticky {
    Sticky {
        phase: Phase { awaiting: true, ..Phase::default() },
        digest: Some("3f9c2a7e".into()),
        approved_by: vec!["dan".into()],
        approvals_needed: 2,
        parts: asked(),
        ..base
    }
}

/// What an operator holds back.
fn waits() -> String {
    format!("not destroyed for now: storage is being moved. It goes on by itself on `{UNTIL}`")
}

/// Those of the phases nothing comes after.
fn last_stickies(base: Sticky) -> [Sticky; 6] {
    let phase = Phase::default();
    [
        Sticky { phase: Phase { rejected: true, ..phase }, ..base.clone() },
        Sticky { phase: Phase { withdrawn: true, ..phase }, ..base.clone() },
        Sticky { phase: Phase { fulfilled: true, ..phase }, over: true, ..base.clone() },
        Sticky { phase: Phase { guided: true, ..phase }, guide: Some(guide()), ..base.clone() },
        Sticky {
            phase: Phase { fulfilled: true, ..phase },
            over: true,
            guide: Some(guide()),
            ..base.clone()
        },
        Sticky { phase: Phase { rejected: true, ..phase }, new_url: None, ..base },
    ]
}

/// What somebody does by hand.
fn guide() -> GuideLines {
    GuideLines {
        by: vec!["group:tpo/tpa".into()],
        steps: vec!["Make the list.".into(), "Tell `@alice`.".into()],
    }
}

/// Two groups, of which one has approved.
fn asked() -> Vec<Asked> {
    let asked = |by: &[&str], have, reason: Option<&str>| Asked {
        by: by.iter().map(|by| (*by).to_owned()).collect(),
        have,
        need: 1,
        done: have > 0,
        reason: reason.map(str::to_owned),
    };
    vec![
        asked(&["group:tpo/tpa"], 1, None),
        asked(&["group:tpo/security", "user:erin"], 0, Some("It is about personal data.")),
    ]
}

/// Advice of a rule, or of none.
fn note(message: &str, hint: Option<&str>) -> Remark {
    Remark {
        field: hint.map(|_| "Memory".into()),
        line: None,
        message: message.into(),
        hint: hint.map(str::to_owned),
        would_pass: hint.map(|_| "Memory: 4 GiB or less".to_owned()).into_iter().collect(),
        rule: hint.map(|_| "much-memory".into()),
        rule_at: hint.map(|_| "sandbox.toml:41".into()),
    }
}

/// The last approval that was needed.
fn approved(waits: Option<String>) -> Reply {
    let (by, machines) = ("dan".into(), vec!["sandbox-7".into()]);
    let missing = vec![];
    Reply::Approved { by, have: 2, need: 2, missing, machines, acceptance_by: None, waits }
}

/// One that was written, one that was not.
fn answer_lines() -> Vec<AnswerLine> {
    vec![
        AnswerLine {
            label: "Memory".into(),
            value: "4 GiB".into(),
            defaulted: false,
            written: Some("4g".into()),
        },
        AnswerLine { label: "vCPUs".into(), value: "2".into(), defaulted: true, written: None },
    ]
}

/// One hook of each outcome.
fn hook_lines() -> Vec<HookLine> {
    let line = |title: &str, done, by_hand, said: &str| HookLine {
        title: title.into(),
        when: "before hand-over".into(),
        done,
        by_hand,
        said: said.into(),
    };
    vec![
        line("DNS record", true, false, "sandbox-7 is 192.0.2.7"),
        line("LDAP entry", false, false, ""),
        line("Monitoring", false, true, ""),
    ]
}

/// A checklist with items of every kind.
fn checklist() -> Checklist {
    let item = |title: &str, when: Option<&str>, done, said: &str| CheckItem {
        title: title.into(),
        when: when.map(str::to_owned),
        done,
        said: said.into(),
    };
    Checklist {
        cookbook: "sandbox".into(),
        provider: "libvirt".into(),
        uuid: Some("8d3c5f0e-7d2b-4a7c-9a64-0f4f6f9b1c2d".into()),
        owner: "alice".into(),
        items: vec![
            item("Monitoring", Some("before the stop"), true, "2 hosts removed"),
            item("DNS record", Some("after destruction"), false, ""),
            item("Remove it from the inventory", None, false, ""),
        ],
    }
}

/// What is filed for machines that were found.
#[must_use]
pub fn adoptions() -> Vec<Adoption> {
    let known = Adoption {
        bot: "innkeeper".into(),
        machine: "web-01".into(),
        provider: "kvm1".into(),
        uuid: "6ba7b810-9dad-11d1-80b4-00c04fd430c8".into(),
        power: "running".into(),
        size: Some("2 vCPUs, 4 GiB memory".into()),
        addresses: vec!["192.0.2.7".into()],
        cookbook: "vm".into(),
        sysadmins: vec!["group:tpo/tpa".into()],
        protected_name: true,
    };
    let bare = Adoption { size: None, addresses: vec![], protected_name: false, ..known.clone() };
    vec![known, bare]
}

/// Where somebody can approve, or has.
fn replies_to_approvals() -> Vec<Reply> {
    let digest = || "3f9c2a7e".to_owned();
    let approvers = || vec!["group:tpo/tpa".to_owned()];
    vec![
        Reply::ReadyForApproval {
            approvers: approvers(),
            parts: vec![],
            digest: digest(),
            acceptance_by: None,
        },
        Reply::ReadyForApproval {
            approvers: approvers(),
            parts: asked(),
            digest: digest(),
            acceptance_by: Some("carol".into()),
        },
        Reply::Approved {
            by: "dan".into(),
            have: 1,
            need: 2,
            missing: asked().split_off(1),
            machines: vec![],
            acceptance_by: Some("erin".into()),
            waits: None,
        },
        approved(None),
        approved(Some(waits())),
    ]
}

/// At least one of each reply.
#[must_use]
pub fn replies() -> Vec<Reply> {
    let digest = || "3f9c2a7e".to_owned();
    let machine = || "sandbox-7".to_owned();
    let mut replies = vec![
        Reply::Help {
            commands: vec![HelpLine {
                usage: "approve DIGEST".into(),
                who: "approvers".into(),
                explanation: "Approve exactly what this digest stands for.".into(),
            }],
        },
        Reply::Status { lines: vec![format!("`sandbox-7` is running until {UNTIL}")] },
        Reply::ApproveWhich { digest: digest() },
        Reply::Stale { command: "approve".into(), given: "00000000".into(), digest: digest() },
        Reply::NotApprovable { why: "something is still missing.".into() },
        Reply::ApprovalsVoided {
            cause: "The description was changed".into(),
            by: vec!["dan".into()],
            changes: vec![FieldChange {
                field: "Memory".into(),
                before: "4 GiB".into(),
                after: "8 GiB".into(),
            }],
            digest: Some(digest()),
            acceptance_by: Some("erin".into()),
        },
        Reply::ApprovalsVoided {
            cause: "The policy was changed".into(),
            by: vec![],
            changes: vec![],
            digest: None,
            acceptance_by: None,
        },
        Reply::NotAllowed {
            by: "mallory".into(),
            command: "approve".into(),
            who: vec!["approvers (group:tpo/tpa)".into()],
        },
        Reply::NotPossible {
            command: "extend".into(),
            why: "`sandbox-7` is being destroyed.".into(),
            hint: Some("File a new request.".into()),
        },
        Reply::Misunderstood {
            message: "`aprove` is not a command; did you mean `approve`?".into(),
            example: Some("@innkeeper approve 3f9c2a7e".into()),
        },
        Reply::EditedNote { by: "alice".into() },
        Reply::Rejected { by: "dan".into(), reason: "Use the shared one.\n/close".into() },
        Reply::ConfirmRelease {
            machine: machine(),
            code: "9c41f7a2".into(),
            backups: "30 days".into(),
        },
        Reply::ConfirmRebuild { machine: machine(), code: "9c41f7a2".into() },
        Reply::TransferAsked { machine: machine(), to: "carol".into() },
        Reply::Done { what: "`sandbox-7` is protected now.".into() },
        Reply::Trouble { doing: "make machine sandbox-7".into(), reference: "e-17".into() },
        Reply::HookLeft {
            machine: machine(),
            title: "DNS record".into(),
            when: "before hand-over".into(),
            tries: 5,
            reference: "effect-17".into(),
        },
    ];
    replies.extend(replies_to_approvals());
    replies.extend(replies_to_deeds());
    replies.extend(beyond_budget());
    replies
}

/// Each reason why an owner cannot extend alone.
fn beyond_budget() -> impl Iterator<Item = Reply> {
    let reasons = [
        (Some(UNTIL), None, None),
        (Some(UNTIL), Some("30 days"), None),
        (None, None, Some(3)),
        (None, None, None),
    ];
    reasons.into_iter().map(|(latest, longest, extensions)| Reply::ExtendBeyondBudget {
        machine: "sandbox-7".to_owned(),
        latest: latest.map(str::to_owned),
        longest: longest.map(str::to_owned),
        extensions,
        approvers: vec!["group:tpo/tpa".to_owned()],
        example: "@innkeeper extend 2w".to_owned(),
    })
}

/// What is said to what people do besides talking.
fn replies_to_deeds() -> Vec<Reply> {
    let machines = || vec![MachineEnd { machine: "sandbox-7".into(), until: UNTIL.into() }];
    vec![
        Reply::Closed { machines: machines() },
        Reply::Guide {
            approved_by: Some("dan".into()),
            by: vec!["group:tpo/tpa".into(), "user:carol".into()],
            summary: "Lists are made by hand.".into(),
            steps: vec!["Make the list.".into(), "Tell `@alice`.".into()],
        },
        Reply::Guide {
            approved_by: None,
            by: vec!["group:tpo/tpa".into()],
            summary: String::new(),
            steps: vec!["Make the list.".into()],
        },
        Reply::DueDateEdited { machine: "sandbox-7".into(), until: UNTIL.into() },
        Reply::EditedAfterApproval {},
        Reply::MadePublic {},
        Reply::LabelEdited {
            label: "innkeeper::active".into(),
            taken_off: false,
            command: Some("approve 3f9c2a7e".into()),
        },
        Reply::LabelEdited { label: "Doing @all".into(), taken_off: true, command: None },
        Reply::EmojiSeen { by: "dan".into(), digest: "3f9c2a7e".into() },
        Reply::Moved { machines: machines() },
        Reply::Moved { machines: vec![] },
        Reply::MovedAway { machines: machines(), sysadmins: vec!["group:tpo/tpa".into()] },
        Reply::MovedAway { machines: vec![], sysadmins: vec!["user:dan".into()] },
    ]
}

/// With all links, and with none.
#[must_use]
pub fn links() -> [Links; 2] {
    let issues = "https://gitlab.example/tpo/tpa/team/-/issues";
    let all = Links {
        sticky_url: Some(format!("{issues}/7#note_12")),
        new_url: Some(format!("{issues}/new?issuable_template=sandbox")),
    };
    [all, Links::default()]
}

/// At least one of each note for the team.
#[must_use]
pub fn team_notes() -> Vec<TeamNote> {
    let failure = |advice: Option<&str>| {
        TeamNote::Failure {
        machine: "sandbox-7".into(),
        provider: "kvm1".into(),
        chain: "could not create machine sandbox-7: connect to https://node7.example:5080: refused\n/close".into(),
        advice: advice.map(str::to_owned),
        reference: "effect-17".into(),
    }
    };
    let left = TeamNote::HookLeft {
        machine: "sandbox-7".into(),
        hook: "dns".into(),
        when: "before hand-over".into(),
        tries: 5,
        chain: "could not run hook dns: exit code 1: no route to `ns1` @all".into(),
        advice: None,
        reference: "effect-17".into(),
    };
    vec![failure(Some("start `ganeti-rapi` on node7.example")), failure(None), left]
}

/// Each topic with a context of its kind.
#[must_use]
pub fn news() -> Vec<(Topic, LeaseNews)> {
    let by = Person { id: UserId(4), username: "alice".into() };
    let [all_links, no_links] = links();
    let base = LeaseNews {
        bot: "innkeeper".into(),
        people: vec!["alice".into(), "bob".into()],
        machine: "sandbox-7".into(),
        addresses: vec!["192.0.2.7".into()],
        login: "root".into(),
        host_keys: vec!["SHA256:9d1yn0vjqYk5lY8 (ED25519)".into()],
        size: "2 vCPUs, 4 GiB of memory, 20 GiB of disk".into(),
        deadline: Some(UNTIL.into()),
        latest: Some("Wed 2027-03-24 10:00 CET (in 3 months)".into()),
        grace: "3 days".into(),
        backups: "30 days".into(),
        by: Some("alice".into()),
        reason: Some("no space left in pool `default`".into()),
        hold: None,
        found: false,
        step: StepWords { stop: true, ..StepWords::default() },
        checklist: None,
        takeover: None,
        links: all_links,
    };
    let takeover = |sysadmins: &[&str]| {
        let sysadmins = sysadmins.iter().map(ToString::to_string).collect();
        Some(Takeover { gone: "alice".into(), sysadmins })
    };
    let orphan = LeaseNews { people: vec!["bob".into()], takeover: takeover(&[]), ..base.clone() };
    let everybody = ["group:tpo/tpa", "user:dan", "project:tpo/team"];
    let lost = LeaseNews {
        people: vec![],
        takeover: takeover(&everybody),
        links: no_links,
        ..base.clone()
    };
    let lead = Delay::MAX;
    let destroy =
        LeaseNews { step: StepWords { destroy: true, ..StepWords::default() }, ..base.clone() };
    let drop = LeaseNews {
        step: StepWords { drop_backups: true, ..StepWords::default() },
        ..base.clone()
    };
    let held = LeaseNews {
        deadline: None,
        step: StepWords::default(),
        hold: Some("its disk is saved first".into()),
        ..base.clone()
    };
    let without_address = Checklist { uuid: None, ..checklist() };
    vec![
        (Topic::HandedOver, base.clone()),
        (Topic::HandedOver, LeaseNews { addresses: vec![], host_keys: vec![], ..base.clone() }),
        (Topic::Warning { lead }, base.clone()),
        (Topic::Warning { lead }, LeaseNews { latest: None, ..base.clone() }),
        (Topic::Warning { lead }, destroy.clone()),
        (Topic::Warning { lead }, orphan.clone()),
        (Topic::Warning { lead }, lost.clone()),
        (Topic::Stopped, orphan.clone()),
        (Topic::StoppedAgain, lost),
        (Topic::Rehomed, base.clone()),
        (Topic::Rehomed, LeaseNews { latest: None, ..base.clone() }),
        (Topic::Rehomed, destroy.clone()),
        (Topic::Rehomed, drop.clone()),
        (Topic::Rehomed, held),
        (Topic::HandedOver, orphan),
        (Topic::Warning { lead }, drop.clone()),
        (Topic::TermsRenewed { by: by.clone() }, base.clone()),
        (Topic::TermsRenewed { by: by.clone() }, LeaseNews { latest: None, ..destroy.clone() }),
        (Topic::TermsRenewed { by: by.clone() }, drop.clone()),
        (Topic::Extended { by }, base.clone()),
        (Topic::Stopped, destroy.clone()),
        (Topic::StoppedAgain, destroy),
        (Topic::Restored, base.clone()),
        (Topic::Switched(PowerCommand::Start), base.clone()),
        (Topic::Switched(PowerCommand::Stop), base.clone()),
        (Topic::Switched(PowerCommand::Reboot), base.clone()),
        (Topic::Resized, base.clone()),
        (Topic::ResizeRefused { reason: "disks only grow".into() }, base.clone()),
        (Topic::Rebuilt, base.clone()),
        (Topic::RebuildRefused { reason: "no such image".into() }, base.clone()),
        (Topic::Destroyed, drop.clone()),
        (Topic::Destroyed, LeaseNews { checklist: Some(checklist()), ..drop.clone() }),
        (
            Topic::Destroyed,
            LeaseNews { checklist: Some(without_address), addresses: vec![], ..drop },
        ),
        (Topic::CreationFailed { reason: "no such image".into() }, base.clone()),
        (Topic::Undone, base.clone()),
        (Topic::Vanished, base.clone()),
        (Topic::Vanished, LeaseNews { found: true, people: vec![], ..base.clone() }),
        (Topic::Confirmed, base.clone()),
        (Topic::NotConfirmed { reason: "it is another machine".into() }, base.clone()),
        (Topic::LetGo, base.clone()),
        (Topic::Transferred, base),
    ]
}

/// A page with everything on it, and one with as little as there can be.
#[must_use]
pub fn pages() -> Vec<Page> {
    let life = Life {
        default: "14 days".into(),
        max: "30 days".into(),
        total: Some("90 days".into()),
        extensions: Some(3),
        warn: vec!["7 days".into(), "1 day".into()],
        min_notice: "24 hours".into(),
        grace: "3 days".into(),
        backups: Some("30 days".into()),
        keep_disks: false,
    };
    let full = Page {
        name: "sandbox".into(),
        title: "Sandbox".into(),
        summary: "A machine to try something out.".into(),
        label: Some("sandbox".into()),
        confidential: true,
        questions: vec![Question {
            label: "Memory".into(),
            accepted: Some("512 MiB to 8 GiB".into()),
            default: Some("2 GiB".into()),
            required: true,
            help: "What the machine needs to start with.".into(),
        }],
        rules: vec![RuleLine {
            message: "The owner cannot be their own fallback.".into(),
            hint: Some("Name somebody else.".into()),
            review: true,
            warn: false,
        }],
        eligible: vec!["group:tpo".into()],
        approvers: vec!["group:tpo/tpa".into(), "user:alice".into()],
        approvals: Some(2),
        own: false,
        also: vec![AlsoLine {
            by: vec!["group:tpo/security".into()],
            count: Some(2),
            when: Some("request.data == 'Secret'".into()),
            reason: Some("Secrets are looked at by security.".into()),
        }],
        unless: Some("request.vcpus <= 2".into()),
        guide: None,
        life: Some(life.clone()),
        commands: vec!["start", "stop"],
        providers: vec!["kvm1".into(), "kvm2".into()],
        machine: vec![Detail { what: "Image", value: "debian-12".into() }],
        retire: vec!["Remove it from the inventory".into()],
    };
    let bare = Page {
        label: None,
        confidential: false,
        questions: vec![Question {
            label: "I understand".into(),
            accepted: None,
            default: None,
            required: false,
            help: String::new(),
        }],
        rules: Vec::new(),
        eligible: Vec::new(),
        approvals: None,
        own: true,
        also: Vec::new(),
        unless: None,
        life: Some(Life { total: None, extensions: None, backups: None, keep_disks: true, ..life }),
        commands: Vec::new(),
        machine: Vec::new(),
        retire: Vec::new(),
        ..full.clone()
    };
    let by_hand = Page {
        guide: Some(GuidePage {
            by: vec!["group:tpo/tpa".into()],
            summary: "Lists are made by hand.".into(),
            steps: vec!["Make the list.".into()],
        }),
        approvers: Vec::new(),
        life: None,
        providers: Vec::new(),
        ..bare.clone()
    };
    vec![full, bare, by_hand]
}
