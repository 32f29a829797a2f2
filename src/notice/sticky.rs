//! The one comment per issue that is edited in place: what was understood,
//! what is missing, what happens next and who must act.

use serde::Serialize;

use super::{Asked, MachineEnd};

/// The context of `templates/sticky.hbs`. Rendered from the state at the
/// moment of sending, never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sticky {
    /// The account to address commands to, without `@`.
    pub bot: String,
    /// The cookbook's title.
    pub title: String,
    /// Which of the states below it is, as booleans, since templates cannot compare.
    #[serde(flatten)]
    pub phase: Phase,
    /// What was understood.
    pub answers: Vec<AnswerLine>,
    /// Why somebody has to look at it.
    pub reviews: Vec<Remark>,
    /// What people should know.
    pub warnings: Vec<Remark>,
    /// What stands in the way.
    pub problems: Vec<Remark>,
    /// How many problems there are, in words: `1 thing`, `3 things`.
    pub problem_count: String,
    /// What an approval must name.
    pub digest: Option<String>,
    /// Who may approve, in words.
    pub approvers: Vec<String>,
    /// Who may confirm what was found, in words.
    pub sysadmins: Vec<String>,
    /// Who has.
    pub approved_by: Vec<String>,
    /// How many must, of all parts together.
    pub approvals_needed: usize,
    /// The parts, where there are several.
    pub parts: Vec<Asked>,
    /// Who must first agree to own it.
    pub acceptance_by: Option<String>,
    /// What there is too little of to make the machines now.
    pub shortage: Option<String>,
    /// What people do, where no machine is made.
    pub guide: Option<GuideLines>,
    /// Why no machine would be made now: see [`super::waits`].
    pub waits: Option<String>,
    /// The machines.
    pub machines: Vec<MachineLine>,
    /// Machines with a deadline, for the reminder how to extend.
    pub ends: Vec<MachineEnd>,
    /// Where the description can be edited.
    pub edit_url: String,
    /// Whether there were machines, and none is left.
    pub over: bool,
    /// Where another request of this kind is filed.
    pub new_url: Option<String>,
    /// The policy version judged under.
    pub policy: String,
    /// The commit that it is, if it is one and still in force.
    pub policy_commit: Option<String>,
}

/// Exactly one of these is true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "templates cannot compare words")]
pub struct Phase {
    /// The requester must mend something.
    pub incomplete: bool,
    /// An approver must decide.
    pub awaiting: bool,
    /// The machines are being made.
    pub making: bool,
    /// Somebody follows the steps of the cookbook.
    pub guided: bool,
    /// A machine was found, and a sysadmin must confirm it.
    pub found: bool,
    /// The machines were handed over.
    pub fulfilled: bool,
    /// An approver said no.
    pub rejected: bool,
    /// The issue was closed before approval.
    pub withdrawn: bool,
}

/// A field as it was understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerLine {
    /// The field's heading.
    pub label: String,
    /// The normalised value.
    pub value: String,
    /// Whether nobody wrote it.
    pub defaulted: bool,
    /// What was written, when it reads differently than `value`.
    pub written: Option<String>,
}

/// Something about the request: what stands in its way, or what there is to
/// know besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The field's heading.
    pub field: Option<String>,
    /// The line of the description.
    pub line: Option<usize>,
    /// What is wrong, or what there is to know.
    pub message: String,
    /// What would be accepted, or would make it go away.
    pub hint: Option<String>,
    /// For each field that alone would do, what would pass.
    pub would_pass: Vec<String>,
    /// The rule that says so.
    pub rule: Option<String>,
    /// Where it stands: `sandbox.toml:34`.
    pub rule_at: Option<String>,
}

/// Steps for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuideLines {
    /// Who follows them, in words.
    pub by: Vec<String>,
    /// What is to be done, in order.
    pub steps: Vec<String>,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MachineLine {
    /// Its name.
    pub name: String,
    /// Where it stands, in words.
    pub state: String,
    /// Who answers for it.
    pub owner: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// The next step that is taken by itself, in words.
    pub next: Option<String>,
    /// Why nothing is taken by itself.
    pub held: Option<String>,
    /// Never stopped or destroyed by itself.
    pub protected: bool,
    /// How far a step that takes long has got.
    pub progress: Option<String>,
    /// What is going wrong.
    pub trouble: Option<String>,
    /// What waits, why, and until when: see [`super::waits`].
    pub waits: Option<String>,
    /// What the operator's hooks did, and what is left to do by hand.
    pub hooks: Vec<HookLine>,
}

/// What became of one of the operator's hooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookLine {
    /// What it does.
    pub title: String,
    /// When in the machine's life, in words.
    pub when: String,
    /// Whether it is done.
    pub done: bool,
    /// Whether a person has to do it.
    pub by_hand: bool,
    /// What it said when it was done.
    pub said: String,
}
