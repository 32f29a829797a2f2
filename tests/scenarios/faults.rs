//! Trouble with the forge: every kind of request a whole life makes runs into
//! every kind of trouble once, and the life goes on as if nothing had been.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use http::Method;
use innkeeper::{
    app::practice::{BOT, token},
    machine::Power,
    ports::clock::Clock as _,
    rehearsal::{Fault, IssueKey, Received, Trouble},
};

use crate::{
    host::Call,
    world::{NOTES, ONE_NOTE, Scene, World, brief},
};

/// A kind of request: everything but a comment's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    method: String,
    path: String,
}

impl Shape {
    fn of(request: &Received) -> Self {
        let notes = ONE_NOTE.trim_matches('*');
        let path = match request.path.split_once(notes) {
            Some((issue, _)) => format!("{issue}{notes}*"),
            None => request.path.clone(),
        };
        Self { method: request.method.to_string(), path }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)]) -> Trouble {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let body = format!(r#"{{"message":"{status} by plan"}}"#);
    Trouble::Answer { status, headers, body }
}

fn troubles() -> Vec<(&'static str, Trouble)> {
    vec![
        ("connection cut before", Trouble::ResetBefore),
        ("connection cut after", Trouble::ResetAfter),
        ("half the answer", Trouble::TruncatedJson),
        ("502 by a proxy", Trouble::HtmlErrorPage { status: 502 }),
        ("200 by a proxy", Trouble::HtmlErrorPage { status: 200 }),
        ("429", answer(429, &[])),
        ("429 for half an hour", answer(429, &[("retry-after", "1800")])),
        ("401", answer(401, &[])),
        ("403", answer(403, &[])),
        ("404", answer(404, &[])),
        ("409", answer(409, &[])),
        ("422", answer(422, &[])),
        ("500", answer(500, &[])),
    ]
}

/// What a life left behind.
struct Life {
    requests: Vec<Received>,
    /// The bot's comments without what differs from life to life, sorted.
    said: Vec<String>,
}

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
        let figures = world.practice.store.figures(world.clock.now()).await.unwrap();
        let busy = figures.effects_pending + figures.looks_waiting > 0;
        world.step(if busy { TimeDelta::minutes(20) } else { TimeDelta::hours(3) }).await;
    }
    panic!("it never came to this: {what}");
}

async fn says(world: &World, user: &str, issue: IssueKey, text: &str) {
    world.practice.rehearsal.comment(user, issue, text).unwrap();
    in_time(world).await;
}

/// A life with everything in it: a mistake, its correction, an approval, an
/// extension, a restore, the end.
async fn life(world: &mut World) {
    let wrong = World::sandbox(&[("Memory", "4 GX")]);
    let issue = world.files("alice", "Please", &wrong).unwrap();
    in_time(world).await;
    assert!(world.sticky(issue).contains("to mend"), "{}", world.sticky(issue));
    let right = World::sandbox(&[("Memory", "4g"), ("How long?", "1 day")]);
    world.practice.rehearsal.edit_description("alice", issue, &right).unwrap();
    in_time(world).await;
    let digest = world.digest(issue);
    says(world, "carol", issue, &format!("@innkeeper approve {digest}")).await;
    assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
    says(world, "alice", issue, "@innkeeper extend 1d because I am slow").await;
    says(world, "alice", issue, "@innkeeper transfer @bob").await;
    says(world, "bob", issue, "@innkeeper accept").await;
    until(world, "stopped", |world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
    says(world, "bob", issue, "@innkeeper restore 1d").await;
    assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
    until(world, "stopped again", |world| world.host.power_of("sandbox-1") == Some(Power::Off))
        .await;
    until(world, "destroyed", |world| world.host.machines().is_empty()).await;
    until(world, "closed", |world| !world.is_open(issue)).await;
    for _ in 0..5 * 8 {
        if world.leases().await.is_empty() {
            break;
        }
        world.step(TimeDelta::hours(3)).await;
    }
    in_time(world).await;
    assert!(world.leases().await.is_empty(), "the backups are still there");
    for (call, times) in [(Call::Create, 1), (Call::Destroy, 1), (Call::DropBackups, 1)] {
        assert_eq!(world.host.done(call, "sandbox-1"), times, "{call:?}");
    }
    assert_eq!(world.host.done(Call::Stop, "sandbox-1"), 2);
    assert_eq!(world.host.done(Call::Start, "sandbox-1"), 1);
}

/// Lives once, with one fault.
async fn lived(fault: Option<Fault>) -> Life {
    let adjust = |settings: &mut innkeeper::engine::Settings| {
        settings.outage_after = TimeDelta::hours(4);
    };
    let mut world = World::new(Scene { adjust, ..Scene::brief() }).await;
    if let Some(fault) = fault {
        world.practice.rehearsal.plan(fault);
    }
    life(&mut world).await;
    let requests = world.practice.rehearsal.requests();
    let mut said = Vec::new();
    for issue in world.practice.rehearsal.issues() {
        let mut once = BTreeSet::new();
        for note in issue.comments_by("innkeeper") {
            let (marker, text) = note.body.split_once("-->").unwrap();
            assert!(once.insert(marker.to_owned()), "a marker twice: {}", note.body);
            assert!(once.insert(text.to_owned()), "a text twice: {}", note.body);
            said.push(without_times(text));
        }
        while world.next_comment(issue.key).is_some() {}
    }
    said.sort();
    world.finish().await;
    Life { requests, said }
}

/// Polls come with every step of the clock, however long a life takes.
fn without_polls(requests: &[Received]) -> usize {
    requests.iter().filter(|request| !request.path.ends_with("/issues")).count()
}

/// A comment up to the first number, which may be a date or a digest.
fn without_times(text: &str) -> String {
    let text = text.trim().replace("sandbox-1", "the machine");
    text.chars().take_while(|letter| !letter.is_ascii_digit()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_may_run_into_any_trouble() {
    let clean = lived(None).await;
    let mut shapes: BTreeMap<Shape, usize> = BTreeMap::new();
    for request in &clean.requests {
        *shapes.entry(Shape::of(request)).or_default() += 1;
    }
    let troubles = troubles();
    let mut runs = Vec::new();
    for (shape, often) in &shapes {
        // Writing meets every trouble. Reading is alike, and looking up people
        // even more so: every second and third will do, each kind another.
        let people = ["/user", "/groups/", "/orgs/"].iter().any(|part| shape.path.contains(part));
        let every = match shape.method.as_str() {
            "GET" if people => 3,
            "GET" => 2,
            _ => 1,
        };
        let first = runs.len() % every;
        for (index, (name, trouble)) in troubles.iter().enumerate().skip(first).step_by(every) {
            // Spread over the life: each trouble strikes at another time.
            let skip = often * index / troubles.len();
            let method: Method = shape.method.parse().unwrap();
            let fault = Fault::on(method, &shape.path, trouble.clone()).after(skip);
            runs.push((format!("{name} at {shape} after {skip} of {often}"), fault));
        }
    }
    let number = runs.len();
    // How many looks a burst of webhooks leads to is a matter of timing.
    let most = without_polls(&clean.requests) * 5 / 4 + 20;
    let expected = (clean.said, most);
    let failures: Vec<String> = stream::iter(runs)
        .map(|(name, fault)| {
            let expected = &expected;
            async move {
                match tokio::spawn(lived(Some(fault))).await {
                    Err(failure) => Some(format!("{name}: {failure}")),
                    Ok(life) if life.said != expected.0 => {
                        Some(format!("{name} said\n{:#?}\nnot\n{:#?}", life.said, expected.0))
                    }
                    Ok(life) if without_polls(&life.requests) > expected.1 => {
                        let requests = without_polls(&life.requests);
                        Some(format!("{name}: {requests} requests, not {} at most", expected.1))
                    }
                    Ok(_) => None,
                }
            }
        })
        .buffer_unordered(4)
        .filter_map(async |failure| failure)
        .collect()
        .await;
    eprintln!("{number} runs: {} kinds of requests, {} troubles", shapes.len(), troubles.len());
    for shape in &shapes {
        eprintln!("  {} x{}", shape.0, shape.1);
    }
    assert!(shapes.len() >= 10, "{shapes:?}");
    assert!(failures.is_empty(), "{} of {number} failed:\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test]
async fn a_token_revoked_for_a_day_makes_everything_wait() {
    // Before the approval is read; before the warning; over the stop; over the
    // destruction.
    for awake in [0, 20, 44, 68] {
        brief(async move |world: &mut World| {
            let issue = world.filed(&[]).await;
            let digest = world.digest(issue);
            if awake > 0 {
                world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
                world.after(TimeDelta::hours(awake)).await;
            }
            let before = world.host.power_of("sandbox-1");
            world.practice.rehearsal.revoke_token(&token(BOT));
            let words = if awake > 0 { "status".to_owned() } else { format!("approve {digest}") };
            world.says("carol", issue, &format!("@innkeeper {words}")).await;
            world.practice.rehearsal.forget_requests();
            world.after(TimeDelta::hours(24)).await;
            assert_eq!(world.host.power_of("sandbox-1"), before, "after {awake} hours");
            let requests = world.practice.rehearsal.requests().len();
            assert!(requests < 24 * 8, "{requests} requests in a day");
            world.practice.rehearsal.add_token(&token(BOT), BOT);
            let back = world.clock.now();
            world.after(TimeDelta::hours(3)).await;
            if awake > 0 {
                assert_eq!(world.host.power_of("sandbox-1"), before, "back since {back}");
                world.read_until(issue, "`sandbox-1` is");
            } else {
                world.read_until(issue, "is up.");
            }
            while !world.leases().await.is_empty() {
                world.after(TimeDelta::hours(6)).await;
            }
            while let Some(comment) = world.next_comment(issue) {
                assert!(!comment.contains(" ago)"), "{comment}");
            }
            assert_eq!(world.host.done(Call::Destroy, "sandbox-1"), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_is_found_whatever_the_search_runs_into() {
    for (name, trouble) in troubles() {
        brief(async move |world: &mut World| {
            let post = Fault::on(Method::POST, NOTES, Trouble::ResetAfter);
            world.practice.rehearsal.plan(post.times(3));
            world.practice.rehearsal.plan(Fault::on(Method::GET, NOTES, trouble).after(1));
            let issue = world.filed(&[]).await;
            for _ in 0..3 {
                world.step(TimeDelta::minutes(20)).await;
            }
            let digest = world.digest(issue);
            world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
            for _ in 0..3 {
                world.step(TimeDelta::minutes(20)).await;
            }
            world.expect(issue, "Approved by carol");
            world.expect(issue, "is up.");
            assert_eq!(world.issue(issue).comments_by("innkeeper").count(), 3, "{name}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_doubled_comment_is_removed_even_when_that_fails_at_first() {
    for (name, trouble) in troubles() {
        brief(async move |world: &mut World| {
            let issue = world.filed(&[]).await;
            // What another replica, whose claim had run out, has posted as well.
            let double = world.sticky(issue);
            world.practice.rehearsal.plan(Fault::on(Method::DELETE, ONE_NOTE, trouble));
            world.practice.rehearsal.comment("innkeeper", issue, &double).unwrap();
            assert_eq!(world.issue(issue).comments_by("innkeeper").count(), 2);
            world.says("alice", issue, "@innkeeper status").await;
            for _ in 0..3 {
                world.step(TimeDelta::minutes(20)).await;
            }
            world.expect(issue, "waits for approval");
            assert_eq!(world.issue(issue).comments_by("innkeeper").count(), 2, "{name}");
            assert_eq!(world.sticky(issue), double);
        })
        .await;
    }
}
