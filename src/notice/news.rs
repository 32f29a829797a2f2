//! Comments about a lease that should notify people.

use serde::Serialize;

use super::Links;
use crate::{
    calendar::Calendar,
    cookbook::PowerCommand,
    hook::{Outcome, Point},
    identity::Timestamp,
    lease::{
        Lease, State, Step,
        lifecycle::{News, Topic},
    },
    machine::Shape,
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
    /// Why nothing is done with it by itself, if it is on hold.
    pub hold: Option<String>,
    /// Whether it was found, and nobody has confirmed it yet.
    pub found: bool,
    /// What was done, and is left to be done, about a machine that is gone.
    pub checklist: Option<Checklist>,
    /// The owner is not there any more, and somebody has to take over.
    pub takeover: Option<Takeover>,
    /// Where the reader goes next.
    #[serde(flatten)]
    pub links: Links,
}

/// The owner's account is gone, and others are asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Takeover {
    /// The name the owner had last.
    pub gone: String,
    /// Who decides, e.g. `group:tpo/tpa`, when nobody who stands in is left
    /// either; else empty.
    pub sysadmins: Vec<String>,
}

/// What was done, and is left to be done, about a machine that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checklist {
    /// The cookbook it was granted under.
    pub cookbook: String,
    /// Where it was.
    pub provider: String,
    /// The provider's id for it.
    pub uuid: Option<String>,
    /// Who answered for it.
    pub owner: String,
    /// One each.
    pub items: Vec<CheckItem>,
}

/// An item of a checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckItem {
    /// What is to be done.
    pub title: String,
    /// When a hook was to do it, in words; none for what people do.
    pub when: Option<String>,
    /// Whether a hook has done it.
    pub done: bool,
    /// What the hook said when it was done. Foreign text.
    pub said: String,
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
            Topic::Extended { by } | Topic::TermsRenewed { by } => {
                (Some(by.username.clone()), None)
            }
            Topic::CreationFailed { reason }
            | Topic::ResizeRefused { reason }
            | Topic::RebuildRefused { reason }
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
            grace: lease.terms.grace.in_words(),
            backups: lease.terms.backups.in_words(),
            by,
            reason,
            hold: lease.hold.clone(),
            found: lease.state == State::Adopted,
            checklist: None,
            takeover: None,
            links: Links::default(),
        }
    }

    /// The same with the checklist, if these news are that the machine is gone
    /// and there is something on it: what hooks did or failed to do about its
    /// end, and `retire`, which the cookbook leaves to people.
    #[must_use]
    pub fn with_checklist(mut self, lease: &Lease, news: &News, retire: &[String]) -> Self {
        let is_about_the_end = |point| matches!(point, Point::PreStop | Point::PostDestroy);
        let of_hooks =
            lease.hooks.iter().filter(|run| is_about_the_end(run.point)).map(|run| CheckItem {
                title: run.title.clone(),
                when: Some(run.point.in_words().to_owned()),
                done: run.outcome == Outcome::Done,
                said: run.said_to_everybody().to_owned(),
            });
        let of_people = retire.iter().map(|title| CheckItem {
            title: title.clone(),
            when: None,
            done: false,
            said: String::new(),
        });
        let items: Vec<CheckItem> = of_hooks.chain(of_people).collect();
        let wanted = news.topic == Topic::Destroyed && !items.is_empty();
        self.checklist = wanted.then(|| Checklist {
            cookbook: lease.cookbook.to_string(),
            provider: lease.provider.to_string(),
            uuid: lease.order.key.uuid.map(|uuid| uuid.to_string()),
            owner: lease.owner.username.clone(),
            items,
        });
        self
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

/// The template of a topic, under `templates/news/`.
#[must_use]
pub fn template(topic: &Topic) -> &'static str {
    match topic {
        Topic::HandedOver => "handed-over",
        Topic::Warning { .. } => "warning",
        Topic::Extended { .. } => "extended",
        Topic::TermsRenewed { .. } => "terms-renewed",
        Topic::Stopped => "stopped",
        Topic::StoppedAgain => "stopped-again",
        Topic::Restored => "restored",
        Topic::Switched(PowerCommand::Start) => "switched-on",
        Topic::Switched(PowerCommand::Stop) => "switched-off",
        Topic::Switched(PowerCommand::Reboot) => "rebooted",
        Topic::Resized => "resized",
        Topic::ResizeRefused { .. } => "resize-refused",
        Topic::Rebuilt => "rebuilt",
        Topic::RebuildRefused { .. } => "rebuild-refused",
        Topic::Destroyed => "destroyed",
        Topic::CreationFailed { .. } => "creation-failed",
        Topic::Undone => "undone",
        Topic::Vanished => "vanished",
        Topic::Transferred => "transferred",
        Topic::Confirmed => "confirmed",
        Topic::NotConfirmed { .. } => "not-confirmed",
        Topic::LetGo => "let-go",
        Topic::Rehomed => "rehomed",
    }
}
