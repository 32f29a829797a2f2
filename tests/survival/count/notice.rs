//! Whether people could know. Taken from what stands on the issue and when
//! libvirt saw what happened; the store is not asked.

use chrono::{NaiveDateTime, TimeDelta};
use innkeeper::{identity::Timestamp, lease::Lease, rehearsal::IssueSnapshot};

use super::Count;
use crate::{host::Seen, town::BOT};

/// A comment that names when something will be done.
struct Said {
    at: Timestamp,
    deadline: Timestamp,
    is_warning: bool,
}

/// What is announced, by the words it is announced with.
#[derive(Clone, Copy)]
struct Step {
    what: &'static str,
    words: &'static [&'static str],
    warning: &'static str,
    /// How long before the last warning has to come.
    lead: TimeDelta,
    /// The most warnings of one deadline: one more if it had to be renewed.
    most: usize,
}

const STOP: Step = Step {
    what: "stopped",
    words: &["will be stopped on", "will now be stopped on"],
    warning: "` will be stopped on",
    lead: TimeDelta::hours(8),
    most: 3,
};

const DESTROY: Step = Step {
    what: "destroyed",
    words: &["destroyed on", "disks are kept until"],
    warning: "will be destroyed on",
    lead: TimeDelta::hours(6),
    most: 2,
};

/// What the cookbooks promise.
const NOTICE: TimeDelta = TimeDelta::hours(6);

pub(super) fn check(
    lease: &Lease,
    seen: &Seen,
    issue: &IssueSnapshot,
    released: bool,
    count: &mut Count,
) {
    let mut off = seen.off.clone();
    let mut gone = seen.gone.clone();
    if released {
        // Confirmed by its owner: it ends at once, and a machine that runs is
        // switched off for that.
        gone.clear();
        off.retain(|off| seen.gone.first().is_none_or(|gone| *gone - *off > TimeDelta::hours(1)));
    }
    for (step, times) in [(STOP, off), (DESTROY, gone)] {
        let said = said(lease, issue, step);
        for at in times {
            if let Err(why) = announced(&said, step, at) {
                let name = &lease.order.key.name;
                count.unannounced(&format!("{name} was {} at {at}: {why}", step.what));
            }
        }
        for one in said.iter().filter(|one| one.is_warning) {
            let alike =
                said.iter().filter(|other| other.is_warning && other.deadline == one.deadline);
            if alike.count() > step.most {
                let name = &lease.order.key.name;
                count.doubled(&format!("too many warnings that {name} will be {}", step.what));
                break;
            }
        }
    }
    let warnings = [STOP, DESTROY]
        .map(|step| said(lease, issue, step).iter().filter(|one| one.is_warning).count() as u64);
    count.warnings += warnings.iter().sum::<u64>();
}

/// Whether this was done when it was said it would be, and people had their time.
fn announced(said: &[Said], step: Step, at: Timestamp) -> Result<(), String> {
    let before: Vec<&Said> = said.iter().filter(|one| one.at <= at).collect();
    let last = before.iter().max_by_key(|one| one.at).ok_or("nobody was told")?;
    if last.deadline > at {
        return Err(format!("it was announced for {}", last.deadline));
    }
    let of_it = before.iter().filter(|one| one.deadline == last.deadline);
    let in_time: Vec<_> = of_it.filter(|one| one.at <= at - NOTICE).collect();
    if in_time.is_empty() {
        return Err(format!("told at {}, too late", last.at));
    }
    let warned = in_time.iter().any(|one| one.at >= last.deadline - step.lead);
    if !warned {
        return Err(format!("no warning since {}", last.deadline - step.lead));
    }
    Ok(())
}

/// Where this machine's step is announced, oldest first.
fn said(lease: &Lease, issue: &IssueSnapshot, step: Step) -> Vec<Said> {
    let name = format!("`{}`", lease.order.key.name);
    let news = issue
        .comments_by(BOT)
        .filter(|note| !note.body.contains("innkeeper:sticky") && note.body.contains(&name));
    let said = news.filter_map(|note| {
        let (_, rest) = step.words.iter().find_map(|words| note.body.split_once(words))?;
        let is_warning = note.body.contains(step.warning);
        Some(Said { at: note.created_at, deadline: moment(rest)?, is_warning })
    });
    said.collect()
}

/// The first moment a text names: `Tue 2026-12-01 10:00 +08`.
fn moment(text: &str) -> Option<Timestamp> {
    let start = text.find("20")?;
    let mut words = text[start..].split_whitespace();
    let local = format!("{} {}", words.next()?, words.next()?);
    let local = NaiveDateTime::parse_from_str(&local, "%Y-%m-%d %H:%M").ok()?;
    let zone = words.next()?.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let hours = if zone == "UTC" { 0 } else { zone.parse().ok()? };
    Some(local.and_utc() - TimeDelta::hours(hours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-12-{text}:00Z").parse().unwrap()
    }

    #[test]
    fn a_surprise_is_told_from_what_was_announced() {
        let said = |when: &str, deadline: &str| Said {
            at: at(when),
            deadline: at(deadline),
            is_warning: false,
        };
        let told = || said("01T12:00", "02T10:00");
        let warned = || said("02T02:30", "02T10:00");
        for (case, said, wrong) in [
            ("told and warned", vec![told(), warned()], None),
            ("nobody was told", vec![], Some("nobody was told")),
            ("told afterwards", vec![said("02T10:07", "03T10:00")], Some("nobody was told")),
            (
                "extended since",
                vec![told(), warned(), said("02T03:00", "03T10:00")],
                Some("it was announced for 2026-12-03 10:00:00 UTC"),
            ),
            (
                "told on the last moment",
                vec![said("02T04:30", "02T10:00")],
                Some("told at 2026-12-02 04:30:00 UTC, too late"),
            ),
            ("not warned", vec![told()], Some("no warning since 2026-12-02 02:00:00 UTC")),
        ] {
            let found = announced(&said, STOP, at("02T10:05"));
            assert_eq!(found, wrong.map_or(Ok(()), |why| Err(why.to_owned())), "{case}");
        }
    }

    #[test]
    fn a_moment_is_read_in_its_zone() {
        for (text, expected) in [
            ("It will be stopped on **Tue 2026-12-01 10:00 UTC (in 6 hours)**", "01T10:00"),
            ("` will be stopped on Tue 2026-12-01 10:00 +08 (tomorrow).**", "01T02:00"),
            ("are kept until **Mon 2026-11-30 20:00 -04**", "01T00:00"),
        ] {
            assert_eq!(moment(text), Some(at(expected)), "{text}");
        }
        assert_eq!(moment("some day"), None);
    }
}
