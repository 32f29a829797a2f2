//! Comments about a lease that should notify people.

use serde::Serialize;

use crate::{
    calendar::Calendar,
    cookbook::PowerCommand,
    identity::Timestamp,
    lease::{
        Lease, State, Step,
        lifecycle::{News, Topic},
    },
    machine::Shape,
    quantity::Delay,
};

/// The context of the templates under `templates/news/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeaseNews {
    /// The account to address commands to, without `@`.
    pub bot: String,
    /// People who should be notified: owner and fallback owners.
    pub people: Vec<String>,
    /// The machine.
    pub machine: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// The account the keys are for.
    pub login: String,
    /// The fingerprints of its SSH host keys, where we know them.
    pub host_keys: Vec<String>,
    /// Its size, in words.
    pub size: String,
    /// The deadline named, absolute and relative.
    pub deadline: Option<String>,
    /// What happens at the deadline: one of these is true.
    #[serde(flatten)]
    pub step: StepWords,
    /// The last day the owner can extend to alone.
    pub latest: Option<String>,
    /// How long a stopped machine keeps its disks.
    pub grace: String,
    /// How long backups are kept.
    pub backups: String,
    /// Who did it.
    pub by: Option<String>,
    /// What the provider said.
    pub reason: Option<String>,
    /// Whether it was found, and nobody has confirmed it yet.
    pub found: bool,
}

/// Which step a deadline is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StepWords {
    /// The machine will be stopped.
    pub stop: bool,
    /// Machine and disks will be destroyed.
    pub destroy: bool,
    /// The backups will be dropped.
    pub drop_backups: bool,
}

impl LeaseNews {
    /// The context for these news of this lease.
    #[must_use]
    pub fn of(lease: &Lease, news: &News, bot: &str, now: Timestamp, calendar: &Calendar) -> Self {
        let (step, at) = news.announces.unzip();
        let (by, reason) = match &news.topic {
            Topic::Extended { by } => (Some(by.username.clone()), None),
            Topic::CreationFailed { reason }
            | Topic::ResizeRefused { reason }
            | Topic::NotConfirmed { reason } => (None, Some(reason.clone())),
            _ => (None, None),
        };
        Self {
            bot: bot.to_owned(),
            people: std::iter::once(&lease.owner)
                .chain(&lease.fallback)
                .map(|person| person.username.clone())
                // We answer for what nobody has confirmed, and need no mention.
                .filter(|name| name != bot)
                .collect(),
            machine: lease.order.key.name.to_string(),
            addresses: lease.addresses.clone(),
            login: lease.order.login.clone(),
            host_keys: lease.host_keys.clone(),
            size: size(lease.order.shape),
            deadline: at.map(|at| calendar.describe(at, now)),
            step: StepWords {
                stop: step == Some(Step::Stop),
                destroy: step == Some(Step::Destroy),
                drop_backups: step == Some(Step::DropBackups),
            },
            latest: lease
                .handed_over
                .map(|from| calendar.expiry(from, lease.terms.total))
                .filter(|latest| lease.deadline.is_some_and(|deadline| *latest > deadline.at))
                .map(|latest| calendar.absolute(latest)),
            grace: in_words(lease.terms.grace),
            backups: in_words(lease.terms.backups),
            by,
            reason,
            found: lease.state == State::Adopted,
        }
    }
}

/// How large a machine is, for people.
fn size(shape: Shape) -> String {
    let Shape { vcpus, memory, disk } = shape;
    let vcpus = match vcpus.get() {
        1 => "1 vCPU".to_owned(),
        several => format!("{several} vCPUs"),
    };
    format!("{vcpus}, {memory} of memory, {disk} of disk")
}

/// A length of time for people: `3 days`, `36 hours`.
#[must_use]
pub fn in_words(delay: Delay) -> String {
    let minutes = delay.minutes();
    let (amount, unit) = match minutes {
        _ if minutes.is_multiple_of(24 * 60) => (minutes / (24 * 60), "day"),
        _ if minutes.is_multiple_of(60) => (minutes / 60, "hour"),
        _ => (minutes, "minute"),
    };
    format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" })
}

/// The template of a topic, under `templates/news/`.
#[must_use]
pub fn template(topic: &Topic) -> &'static str {
    match topic {
        Topic::HandedOver => "handed-over",
        Topic::Warning { .. } => "warning",
        Topic::Extended { .. } => "extended",
        Topic::Stopped => "stopped",
        Topic::StoppedAgain => "stopped-again",
        Topic::Restored => "restored",
        Topic::Switched(PowerCommand::Start) => "switched-on",
        Topic::Switched(PowerCommand::Stop) => "switched-off",
        Topic::Switched(PowerCommand::Reboot) => "rebooted",
        Topic::Resized => "resized",
        Topic::ResizeRefused { .. } => "resize-refused",
        Topic::Rebuilt => "rebuilt",
        Topic::Destroyed => "destroyed",
        Topic::CreationFailed { .. } => "creation-failed",
        Topic::Undone => "undone",
        Topic::Vanished => "vanished",
        Topic::Transferred => "transferred",
        Topic::Confirmed => "confirmed",
        Topic::NotConfirmed { .. } => "not-confirmed",
        Topic::LetGo => "let-go",
    }
}
