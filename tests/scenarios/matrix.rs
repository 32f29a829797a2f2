//! Every call to the forge runs into every kind of trouble, one life each, and
//! the life ends as if nothing had been.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use http::Method;
use innkeeper::{
    machine::Power,
    rehearsal::{Fault, IssueKey, Received, Trouble},
};
use tracing::Level;

use super::log::logged;
use crate::{
    host::Call,
    world::{ONE_NOTE, Scene, World},
};

/// How many lives are lived at once: some only wait for an answer.
const AT_ONCE: usize = 6;

/// A kind of call: everything but a comment's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    method: String,
    path: String,
}

impl Kind {
    fn of(request: &Received) -> Self {
        let notes = ONE_NOTE.trim_matches('*');
        let path = match request.path.split_once(notes) {
            Some((head, _)) => format!("{head}{notes}*"),
            None => request.path.clone(),
        };
        Self { method: request.method.to_string(), path }
    }

    fn meets(&self, trouble: Trouble) -> Fault {
        let method: Method = self.method.parse().unwrap();
        Fault::on(method, &self.path, trouble)
    }

    fn count(&self, requests: &[Received]) -> usize {
        requests.iter().filter(|request| Self::of(request) == *self).count()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Trouble {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Trouble::Answer { status, headers, body: body.to_owned() }
}

fn refusal(status: u16, headers: &[(&'static str, &str)]) -> Trouble {
    answer(status, headers, &format!(r#"{{"message":"{status} by plan"}}"#))
}

/// Everything that can go wrong between two programs.
pub(crate) fn troubles() -> Vec<(&'static str, Trouble)> {
    vec![
        ("no answer, nothing happened", Trouble::SilenceBefore),
        ("no answer, but it happened", Trouble::SilenceAfter),
        ("connection cut before", Trouble::ResetBefore),
        ("connection cut after", Trouble::ResetAfter),
        ("half the answer", Trouble::TruncatedJson),
        ("no body, nothing happened", answer(200, &[], "")),
        ("no body, but it happened", Trouble::EmptyBody),
        ("a page of a proxy for success", Trouble::HtmlErrorPage { status: 200 }),
        ("a page of a proxy for 502", Trouble::HtmlErrorPage { status: 502 }),
        ("moved, same origin", refusal(301, &[("location", "")])),
        ("moved elsewhere", refusal(301, &[("location", "http://elsewhere.invalid/")])),
        ("401", refusal(401, &[])),
        ("403", refusal(403, &[])),
        ("404", refusal(404, &[])),
        ("409", refusal(409, &[])),
        ("422", refusal(422, &[])),
        ("429", refusal(429, &[])),
        ("429 for half an hour", refusal(429, &[("retry-after", "1800")])),
        ("500", refusal(500, &[])),
        ("502", refusal(502, &[])),
        ("503", refusal(503, &[("retry-after", "120")])),
    ]
}

// --- one life

/// Everything has an hour to happen.
async fn in_time(world: &World) {
    world.settle().await;
    for _ in 0..3 {
        world.step(TimeDelta::minutes(20)).await;
    }
}

async fn until(world: &World, what: &str, is_so: impl Fn(&World) -> bool) {
    for _ in 0..8 * 10 {
        if is_so(world) {
            return in_time(world).await;
        }
        world.step(TimeDelta::hours(3)).await;
    }
    panic!("it never came to this: {what}");
}

/// Filed with a mistake, corrected, approved, handed over, warned, extended,
/// stopped, destroyed, closed.
async fn life(world: &World) -> IssueKey {
    let rehearsal = &world.practice.rehearsal;
    let wrong = World::sandbox(&[("Memory", "4 GX")]);
    let issue = world.files("alice", "Please", &wrong).unwrap();
    in_time(world).await;
    assert!(world.sticky(issue).contains("to mend"), "{}", world.sticky(issue));
    let right = World::sandbox(&[("Memory", "4g"), ("How long?", "1 day")]);
    rehearsal.edit_description("alice", issue, &right).unwrap();
    in_time(world).await;
    let digest = world.digest(issue);
    rehearsal.comment("carol", issue, &format!("@innkeeper approve {digest}")).unwrap();
    in_time(world).await;
    assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
    rehearsal.comment("alice", issue, "@innkeeper extend 1d because I am slow").unwrap();
    in_time(world).await;
    until(world, "stopped", |world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
    until(world, "destroyed", |world| world.host.machines().is_empty()).await;
    until(world, "closed", |world| !world.is_open(issue)).await;
    for _ in 0..5 * 8 {
        if world.leases().await.is_empty() {
            break;
        }
        world.step(TimeDelta::hours(3)).await;
    }
    in_time(world).await;
    issue
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    /// The bot's comments without what differs from life to life. A deadline
    /// whose warning was late moves, and has warnings of its own.
    said: BTreeSet<String>,
    labels: Vec<String>,
    is_open: bool,
    /// Leases that are not ended.
    leases: usize,
    /// How often a machine was made, stopped, destroyed and its backups dropped.
    done: [usize; 4],
}

struct Lived {
    end: End,
    /// Whether the fault struck at all.
    is_struck: bool,
    requests: Vec<Received>,
    log: Vec<String>,
}

/// Lives once, with one fault.
async fn lived(fault: Option<Fault>) -> Lived {
    let life = Box::pin(lived_through(fault));
    let ((end, is_struck, requests), log) = logged(Level::INFO, life).await;
    Lived { end, is_struck, requests, log }
}

async fn lived_through(fault: Option<Fault>) -> (End, bool, Vec<Received>) {
    let adjust = |settings: &mut innkeeper::engine::Settings| {
        settings.outage_after = TimeDelta::hours(4);
    };
    let mut world = World::new(Scene { adjust, ..Scene::brief() }).await;
    // Asks anew for what is asked once only.
    world.crash_and_restart();
    let rehearsal = &world.practice.rehearsal;
    rehearsal.forget_requests();
    if let Some(fault) = fault {
        rehearsal.plan(fault);
    }
    let planned = rehearsal.faults_ahead();
    let issue = life(&world).await;
    let rehearsal = &world.practice.rehearsal;
    let is_struck = rehearsal.faults_ahead() < planned;
    rehearsal.cancel_faults();
    let requests = rehearsal.requests();

    let snapshot = world.issue(issue);
    let mut once = BTreeSet::new();
    let mut said = BTreeSet::new();
    for note in snapshot.comments_by("innkeeper") {
        let (marker, text) = note.body.split_once("-->").unwrap();
        assert!(once.insert(marker.to_owned()), "a marker twice: {}", note.body);
        assert!(once.insert(text.to_owned()), "a text twice: {}", note.body);
        said.insert(without_times(text));
    }
    let calls = [Call::Create, Call::Stop, Call::Destroy, Call::DropBackups];
    let end = End {
        said,
        labels: snapshot.labels.clone(),
        is_open: world.is_open(issue),
        leases: world.leases().await.len(),
        done: calls.map(|call| world.host.done(call, "sandbox-1")),
    };
    while world.next_comment(issue).is_some() {}
    world.finish().await;
    (end, is_struck, requests)
}

/// A comment up to the first number, which may be a digest, or a date with
/// its weekday.
fn without_times(text: &str) -> String {
    let text = text.trim().replace("sandbox-1", "the machine");
    let text: String = text.chars().take_while(|letter| !letter.is_ascii_digit()).collect();
    let weekdays = ["Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun "];
    weekdays.iter().find_map(|day| text.strip_suffix(day)).unwrap_or(&text).to_owned()
}

// --- all of them

/// One life of the matrix.
struct Cell {
    kind: Kind,
    /// How often the undisturbed life made this call.
    often: usize,
    name: &'static str,
    trouble: Trouble,
    /// How much of life is over when it strikes, of how much.
    when: (usize, usize),
    times: usize,
}

impl Cell {
    /// The life that was lived, and what is wrong with it.
    ///
    /// How many looks a burst of webhooks leads to, and so how often a call is
    /// made, is a matter of timing: a fault that was too late for this life
    /// strikes earlier in another one.
    async fn live(self, expected: &End, most: usize) -> Option<String> {
        let Self { kind, mut often, name, trouble, when: (over, of), times } = self;
        for _ in 0..3 {
            let skip = often * over / of;
            let name = format!("{name}, {times} times at {kind} after {skip} of {often}");
            let fault = kind.meets(trouble.clone()).after(skip).times(times);
            let lived = match tokio::spawn(lived(Some(fault))).await {
                Ok(lived) => lived,
                Err(failure) => return Some(format!("{name}: {failure}")),
            };
            if lived.end != *expected {
                return Some(format!("{name}: {}", difference(&lived.end, expected)));
            }
            let requests = without_polls(&lived.requests);
            if requests > most {
                return Some(format!("{name}: {requests} requests, not {most} at most"));
            }
            if !is_told_once(&lived.log) {
                return Some(format!("{name}: {:#?}", lived.log));
            }
            if lived.is_struck {
                return None;
            }
            often = kind.count(&lived.requests);
        }
        Some(format!("{name} at {kind} never struck"))
    }
}

/// Where an end differs from what was expected.
fn difference(end: &End, expected: &End) -> String {
    let lines = |end: &End| -> BTreeSet<String> {
        format!("{end:#?}").lines().map(|line| line.trim().to_owned()).collect()
    };
    let (end, expected) = (lines(end), lines(expected));
    format!("there is {:#?}, and there is not {:#?}", &end - &expected, &expected - &end)
}

/// Whether a fault was told only when it began, and told to be over once.
fn is_told_once(log: &[String]) -> bool {
    let mut lasting = 0_u8;
    for line in log {
        if line.contains("told once while it lasts") {
            lasting += 1;
        } else if line.contains("this fault is over") {
            lasting = lasting.saturating_sub(1);
        }
        if lasting > 1 {
            return false;
        }
    }
    lasting == 0
}

/// Whether 404 says that there is no such person or member: nothing that
/// passes, as far as anybody can tell.
fn is_an_answer(kind: &Kind) -> bool {
    let folders = ["/user/", "/users/", "/members/", "/memberships/"];
    folders.iter().any(|folder| kind.path.contains(folder))
}

/// Polls come with every step of the clock, however long a life takes.
fn without_polls(requests: &[Received]) -> usize {
    requests.iter().filter(|request| !request.path.ends_with("/issues")).count()
}

/// Lives all lives of which `is_chosen` by the numbers of its kind and of its
/// trouble, out of so many kinds.
async fn matrix(is_chosen: fn(usize, usize, usize) -> bool) {
    let clean = lived(None).await;
    assert_eq!(clean.end.done, [1, 1, 1, 1], "{:?}", clean.end);
    assert_eq!((clean.end.leases, clean.end.is_open), (0, false));
    assert_eq!(clean.log, Vec::<String>::new());
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for request in &clean.requests {
        *kinds.entry(Kind::of(request)).or_default() += 1;
    }
    assert!(kinds.len() >= 10, "{kinds:?}");
    let troubles = troubles();
    let mut cells = Vec::new();
    for (row, (kind, often)) in kinds.iter().enumerate() {
        for (column, (name, trouble)) in troubles.iter().enumerate() {
            if !is_chosen(row, column, kinds.len()) {
                continue;
            }
            if *name == "404" && is_an_answer(kind) {
                continue;
            }
            // Each trouble strikes at another time of life, once or several
            // times in a row; but people do not wait for an hour, and waiting
            // in vain takes real time.
            let once = matches!(trouble, Trouble::SilenceBefore | Trouble::SilenceAfter)
                || name.contains("half an hour");
            let times = if once { 1 } else { 1 + (row + column) % 3 };
            let when = (column, troubles.len());
            let (kind, often, trouble) = (kind.clone(), *often, trouble.clone());
            cells.push(Cell { kind, often, name, trouble, when, times });
        }
    }
    let number = cells.len();
    let most = without_polls(&clean.requests) * 5 / 4 + 40;
    let failures: Vec<String> = stream::iter(cells)
        .map(|cell| cell.live(&clean.end, most))
        .buffer_unordered(AT_ONCE)
        .filter_map(async |failure| failure)
        .collect()
        .await;
    eprintln!("{number} lives: {} kinds of calls, {} troubles", kinds.len(), troubles.len());
    for (kind, often) in &kinds {
        eprintln!("  {kind} x{often}");
    }
    assert!(failures.is_empty(), "{} of {number} failed:\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_and_every_trouble_meet_somebody() {
    matrix(|kind, trouble, kinds| trouble % kinds == kind || (trouble * 3 + 5) % kinds == kind)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make test-faults"]
async fn every_call_runs_into_every_trouble() {
    matrix(|_, _, _| true).await;
}
