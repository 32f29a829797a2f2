//! Who did what when: a hash of all of it, so that two plays can be compared,
//! and the last steps in words when somebody wants to read them.

use std::{collections::VecDeque, fmt::Write as _};

use innkeeper::identity::Timestamp;

/// How many steps are told.
const TOLD: usize = 60;

/// What is done all the time and changes nothing: counted, and not told.
const ROUTINE: &[&str] = &[
    "moment",
    "live_leases",
    "lock",
    "unlock",
    "list",
    "capacity",
    "forget_bodies",
    "due_leases",
    "open_requests",
    "request",
    "request_on",
    "lease",
    "seen_notes",
    "is_among",
    "person",
    "requests_by",
    "freezes",
    "usage_mark",
    "issues_updated_since",
    "want_looks",
    "claim_look",
    "claim_effect",
    "set_moment",
    "finish_look",
    "reactions",
    "person_named",
    "discussion",
    "ssh_keys",
];

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// A replica's task.
    Replica { number: usize, task: u64 },
    /// Somebody at the forge or a host.
    Person(&'static str),
    /// Time, weather.
    World,
}

pub(crate) struct Story {
    hash: u64,
    pub(crate) steps: u64,
    begin: Timestamp,
    /// Kept only when somebody wants to read it.
    lines: Option<VecDeque<String>>,
    all: bool,
}

impl Story {
    pub(crate) fn new(begin: Timestamp, told: bool, all: bool) -> Self {
        let lines = told.then(VecDeque::new);
        Self { hash: 0xcbf2_9ce4_8422_2325, steps: 0, begin, lines, all }
    }

    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Something happened.
    pub(crate) fn note(
        &mut self,
        now: Timestamp,
        who: Who,
        what: &str,
        outcome: &str,
        detail: impl FnOnce() -> String,
    ) {
        self.steps += 1;
        self.mix(&now.timestamp_millis().to_le_bytes());
        match who {
            Who::Replica { number, task } => self.mix(&[
                1,
                u8::try_from(number).unwrap_or(9),
                u8::try_from(task % 251).unwrap_or(0),
            ]),
            Who::Person(name) => self.mix(name.as_bytes()),
            Who::World => self.mix(&[2]),
        }
        self.mix(what.as_bytes());
        self.mix(outcome.as_bytes());
        let (steps, begin) = (self.steps, self.begin);
        let all = self.all;
        let is_routine = outcome == "ok" && ROUTINE.contains(&what);
        if let Some(lines) = self.lines.as_mut().filter(|_| !is_routine) {
            let who = match who {
                Who::Replica { number, task } => format!("r{number}/{task}"),
                Who::Person(name) => name.to_owned(),
                Who::World => "world".to_owned(),
            };
            let days = (now - begin).num_days();
            let mut line = String::new();
            let _ = write!(
                line,
                "{steps:>7} d{days:<2} {} {who:<8} {what:<22} {outcome} {}",
                now.format("%a %H:%M:%S%.3f"),
                detail()
            );
            lines.push_back(line);
            if lines.len() > TOLD && !all {
                lines.pop_front();
            }
        }
    }

    /// What tells this play from every other.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.iter().flatten().cloned().collect()
    }
}
