//! The process dies at every point of a life, and another one takes over what
//! is stored.

use std::{
    collections::BTreeSet,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use innkeeper::{engine::Turn, machine::Power, rehearsal::IssueKey};

use crate::{
    host::Call,
    world::{Scene, World},
};

/// After this a claim of somebody who died has run out.
const CLAIM: TimeDelta = TimeDelta::minutes(3);

/// When the process dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// Never.
    Never,
    /// Between two turns, after so many.
    After(usize),
    /// In the middle of every so-manieth turn, when it has waited for
    /// something that often; later in each turn than in the one before.
    Within { every: usize, first: usize },
}

/// A world whose process dies.
struct Mortal {
    world: World,
    death: Death,
    turns: usize,
    deaths: usize,
}

/// Lets a future go on until it has waited so often, and drops it there.
/// Nothing if that was before it was done.
async fn cut<F: Future>(future: F, waits: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut waited = 0;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waited >= waits => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

impl Mortal {
    async fn turn(&mut self) -> Turn {
        self.turns += 1;
        let engine = self.world.practice.engine.clone();
        let turn = match self.death {
            Death::Within { every, first } if self.turns.is_multiple_of(every) => {
                let waits = (first + self.turns / every) % 60;
                Box::pin(cut(engine.turn(), waits)).await
            }
            _ => Some(Box::pin(engine.turn()).await),
        };
        let Some(turn) = turn else {
            self.die();
            return Turn::Worked;
        };
        if let Death::After(turns) = self.death
            && self.turns.is_multiple_of(turns)
        {
            self.die();
        }
        turn.unwrap()
    }

    fn die(&mut self) {
        self.deaths += 1;
        self.world.crash_and_restart();
    }

    async fn settle(&mut self) {
        // A claim of the dead holds until it has run out.
        for _ in 0..3 {
            loop {
                self.world.practice.rehearsal.settle().await;
                if self.turn().await == Turn::Idle {
                    break;
                }
            }
            self.world.clock.advance(CLAIM);
        }
    }

    async fn step(&mut self, time: TimeDelta) {
        self.world.clock.advance(time);
        let engine = self.world.practice.engine.clone();
        engine.sweep().await.unwrap();
        engine.poll().await.unwrap();
        self.settle().await;
    }

    async fn says(&mut self, user: &str, issue: IssueKey, text: &str) {
        self.world.practice.rehearsal.comment(user, issue, text).unwrap();
        self.settle().await;
        self.step(TimeDelta::minutes(20)).await;
    }

    async fn until(&mut self, what: &str, is_so: impl Fn(&World) -> bool) {
        for _ in 0..8 * 10 {
            if is_so(&self.world) {
                return;
            }
            self.step(TimeDelta::hours(3)).await;
        }
        self.world.print();
        panic!("it never came to this: {what}");
    }
}

impl Mortal {
    /// Waits until the bot has said these words.
    async fn said(&mut self, issue: IssueKey, words: &str) {
        self.until(words, |world| {
            world.issue(issue).comments_by("innkeeper").any(|note| note.body.contains(words))
        })
        .await;
    }
}

/// A whole life in which the process dies; how often it did.
async fn life(death: Death) -> usize {
    let adjust = |settings: &mut innkeeper::engine::Settings| {
        settings.outage_after = TimeDelta::hours(4);
    };
    let world = World::new(Scene { adjust, ..Scene::brief() }).await;
    let mut mortal = Mortal { world, death, turns: 0, deaths: 0 };
    // Long enough for whoever dies so often that one look takes a day: what is
    // said before the end has to be read before it.
    let text = World::sandbox(&[("How long?", "4 days")]);
    let issue = mortal.world.files("alice", "Please", &text).unwrap();
    mortal.settle().await;
    mortal.said(issue, "innkeeper approve").await;
    let digest = mortal.world.digest(issue);
    mortal.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
    mortal.said(issue, "is up.").await;
    mortal.says("alice", issue, "@innkeeper extend 1d because I am slow").await;
    mortal.said(issue, "was extended by alice").await;
    mortal.until("stopped", |world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
    mortal.said(issue, "was stopped: its time is up").await;
    mortal.says("alice", issue, "@innkeeper restore 1d").await;
    mortal.said(issue, "runs again").await;
    mortal.until("stopped", |world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
    mortal.until("destroyed", |world| world.host.machines().is_empty()).await;
    mortal.until("closed", |world| !world.is_open(issue)).await;
    for _ in 0..5 * 8 {
        if mortal.world.leases().await.is_empty() {
            break;
        }
        mortal.step(TimeDelta::hours(3)).await;
    }
    let Mortal { mut world, deaths, .. } = mortal;
    // One machine, and nothing is lost or said twice.
    assert!(world.leases().await.is_empty(), "{death:?}");
    assert_eq!(world.host.done(Call::DropBackups, "sandbox-1").min(1), 1, "{death:?}");
    let mut said = BTreeSet::new();
    for note in world.issue(issue).comments_by("innkeeper") {
        let marker = note.body.split_once("-->").map(|(marker, _)| marker.to_owned());
        assert!(said.insert(marker), "{death:?}: a marker twice: {}", note.body);
    }
    for words in [
        "Approved by carol",
        "is up.",
        "was extended by alice",
        "will be stopped on",
        "was stopped: its time is up",
        "runs again",
        "will be destroyed on",
        "were destroyed",
    ] {
        world.read_until(issue, words);
    }
    let issues = world.practice.rehearsal.issues();
    assert_eq!(issues.len(), 1);
    while world.next_comment(issue).is_some() {}
    world.finish().await;
    deaths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_at_every_point_loses_and_doubles_nothing() {
    let between = [1, 2, 3, 5].map(Death::After);
    let within = (0..60).step_by(3).map(|first| Death::Within { every: 2, first });
    let every_turn = (0..60).step_by(7).map(|first| Death::Within { every: 1, first });
    let deaths = std::iter::once(Death::Never).chain(between).chain(within).chain(every_turn);
    let died: Vec<Result<usize, String>> = stream::iter(deaths)
        .map(async |death| {
            tokio::spawn(life(death)).await.map_err(|failure| format!("{death:?}: {failure}"))
        })
        .buffer_unordered(4)
        .collect()
        .await;
    let failures: Vec<_> = died.iter().filter_map(|died| died.as_ref().err()).collect();
    let total: usize = died.iter().filter_map(|died| died.as_ref().ok()).sum();
    eprintln!("{} lives, {total} deaths", died.len());
    assert!(failures.is_empty(), "{} of {} failed: {failures:#?}", failures.len(), died.len());
    assert!(total > 300, "hardly anybody died: {total}");
}
