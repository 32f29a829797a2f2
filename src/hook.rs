//! Hooks: what an operator has done around the steps on a machine, such as
//! DNS, LDAP, configuration management, monitoring or backups. Data and pure
//! questions; they are run by adapters of [`crate::ports::hooks`].

use serde::{Deserialize, Serialize};

use crate::identity::{CookbookName, Timestamp};

/// The most that is kept of what a hook says, in characters.
pub const MOST_SAID: usize = 200;

/// When a hook is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The machine runs and is about to be handed over.
    PostProvision,
    /// The machine is about to be stopped because its time is up, or destroyed
    /// because it was released: once, whichever comes first.
    PreStop,
    /// Machine and disks are gone.
    PostDestroy,
    /// The backups are about to be dropped.
    DropBackups,
}

/// A hook, as far as it matters when and for what it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The name the operator gave it; part of the record of its runs.
    pub name: String,
    /// What it does, for the checklist: `DNS record`.
    pub title: String,
    /// When it is run.
    pub on: Vec<Point>,
    /// For which cookbooks; none for all.
    pub cookbooks: Vec<CookbookName>,
    /// How often it is tried before it is left to a person. At least 1.
    pub tries: u32,
}

/// What became of a hook at one point in one lease's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Which hook.
    pub hook: String,
    /// What it does, for people.
    pub title: String,
    /// When it was run.
    pub point: Point,
    /// How it went so far.
    pub outcome: Outcome,
    /// What it said, a line at most. Foreign text.
    pub said: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was tried last.
    pub at: Timestamp,
}

impl Run {
    /// What it said, as far as everybody may read it: why it failed is the
    /// team's alone.
    #[must_use]
    pub fn said_to_everybody(&self) -> &str {
        if self.outcome == Outcome::Done { &self.said } else { "" }
    }
}

/// How a hook went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done.
    Done,
    /// Not yet; it is tried again.
    Failing,
    /// Given up: a person has to do it.
    LeftToPeople,
}

impl Hook {
    /// Whether it is run then, for machines of this cookbook.
    #[must_use]
    pub fn is_for(&self, point: Point, cookbook: &CookbookName) -> bool {
        self.on.contains(&point) && (self.cookbooks.is_empty() || self.cookbooks.contains(cookbook))
    }
}

/// The next hook to be run at this point, in the operator's order: each is
/// run until it is done or given up.
#[must_use]
pub fn next<'a>(
    hooks: &'a [Hook],
    point: Point,
    cookbook: &CookbookName,
    runs: &[Run],
) -> Option<&'a Hook> {
    let over = |hook: &Hook| {
        runs.iter().any(|run| run.is_of(&hook.name, point) && run.outcome != Outcome::Failing)
    };
    hooks.iter().find(|hook| hook.is_for(point, cookbook) && !over(hook))
}

/// Puts a run in the place of the same hook's earlier one, so that a list that
/// people see keeps its order.
pub fn record(runs: &mut Vec<Run>, run: Run) {
    match runs.iter_mut().find(|known| known.is_of(&run.hook, run.point)) {
        Some(known) => *known = run,
        None => runs.push(run),
    }
}

impl Run {
    /// Whether it is this hook's at this point.
    #[must_use]
    pub fn is_of(&self, hook: &str, point: Point) -> bool {
        self.hook == hook && self.point == point
    }
}

/// The first line of what was said that is not blank, without control
/// characters and cut after [`MOST_SAID`] characters. Still foreign text.
#[must_use]
pub fn first_line(text: &str) -> String {
    tidy(text.lines())
}

/// The last such line.
#[must_use]
pub fn last_line(text: &str) -> String {
    tidy(text.lines().rev())
}

fn tidy<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let cleaned = lines.map(|line| {
        let spaced = line.chars().map(|c| if c == '\t' { ' ' } else { c });
        let visible: String = spaced.filter(|c| !c.is_control()).collect();
        visible.trim().to_owned()
    });
    let line = cleaned.into_iter().find(|line| !line.is_empty()).unwrap_or_default();
    match line.char_indices().nth(MOST_SAID) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default().trim_end()),
        None => line,
    }
}

impl Point {
    /// All of them, in the order of life.
    pub const ALL: [Self; 4] =
        [Self::PostProvision, Self::PreStop, Self::PostDestroy, Self::DropBackups];

    /// The word in configuration and input.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::PostProvision => "post-provision",
            Self::PreStop => "pre-stop",
            Self::PostDestroy => "post-destroy",
            Self::DropBackups => "drop-backups",
        }
    }

    /// When that is, for people: `DNS record, before hand-over`.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::PostProvision => "before hand-over",
            Self::PreStop => "before the stop",
            Self::PostDestroy => "after destruction",
            Self::DropBackups => "before backups are dropped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hook, MOST_SAID, Outcome, Point, Run, first_line, last_line, next, record};
    use crate::identity::Timestamp;

    fn hook(name: &str, on: &[Point]) -> Hook {
        Hook {
            name: name.into(),
            title: name.to_uppercase(),
            on: on.to_vec(),
            cookbooks: vec![],
            tries: 2,
        }
    }

    fn run(name: &str, point: Point, outcome: Outcome) -> Run {
        Run {
            hook: name.into(),
            title: name.to_uppercase(),
            point,
            outcome,
            said: String::new(),
            tries: 1,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn hooks_are_run_in_order_each_until_it_is_over() {
        let (stop, gone) = (Point::PreStop, Point::PostDestroy);
        let vm_only = Hook { cookbooks: vec!["vm".into()], ..hook("vm-only", &[stop]) };
        let hooks =
            [vm_only, hook("dns", &[stop, gone]), hook("ldap", &[gone]), hook("x", &[stop])];
        let next = |point, cookbook: &str, runs: &[Run]| {
            next(&hooks, point, &cookbook.into(), runs).map(|hook| hook.name.clone())
        };
        assert_eq!(next(stop, "vm", &[]).as_deref(), Some("vm-only"));
        assert_eq!(next(stop, "sandbox", &[]).as_deref(), Some("dns"));
        for (outcome, expected) in
            [(Outcome::Failing, "dns"), (Outcome::Done, "x"), (Outcome::LeftToPeople, "x")]
        {
            let runs = [run("dns", stop, outcome)];
            assert_eq!(next(stop, "sandbox", &runs).as_deref(), Some(expected), "{outcome:?}");
            assert_eq!(next(gone, "sandbox", &runs).as_deref(), Some("dns"), "another point");
        }
        assert_eq!(next(Point::DropBackups, "sandbox", &[]), None);
    }

    #[test]
    fn a_run_takes_the_place_of_the_one_before() {
        let mut runs = Vec::new();
        for (name, outcome) in
            [("a", Outcome::Failing), ("b", Outcome::Done), ("a", Outcome::LeftToPeople)]
        {
            record(&mut runs, run(name, Point::PreStop, outcome));
        }
        record(&mut runs, run("a", Point::PostDestroy, Outcome::Done));
        let shown: Vec<_> = runs.iter().map(|run| (run.hook.as_str(), run.outcome)).collect();
        let done = Outcome::Done;
        assert_eq!(shown, [("a", Outcome::LeftToPeople), ("b", done), ("a", done)]);
    }

    #[test]
    fn what_a_hook_says_becomes_one_short_line() {
        assert_eq!(first_line("\n \u{1b}[31mdone\tnow\u{7}\r\nmore"), "[31mdone now");
        assert_eq!(last_line("first\nlast \n\u{0}\n"), "last");
        assert_eq!(first_line(""), "");
        let long = first_line(&"ä".repeat(MOST_SAID + 1));
        assert_eq!(long.chars().count(), MOST_SAID + 1);
        assert!(long.ends_with('…'));
        assert_eq!(first_line(&"ä".repeat(MOST_SAID)).chars().count(), MOST_SAID);
    }
}
