//! Machines that were there before: found, confirmed by a sysadmin, and from
//! then on like any other.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use axum::http::Method;
use chrono::TimeDelta;
use innkeeper::{
    app::practice::{self, ALICE, PROJECT},
    engine::{
        Engine,
        adopt::{Adoption, Prospect, Target},
    },
    identity::{LeaseId, ProjectId},
    lease::State,
    machine::{Machine, Power, Shape},
    quantity::{Mebibytes, Vcpus},
    rehearsal::{Dialect, Fault, IssueKey, Trouble},
};
use uuid::Uuid;

use crate::{
    FORGE,
    host::{Call, Fails},
    world::{PROJECT_PATH, Scene, World, brief, scenario, scenario_in},
};

fn target() -> Target {
    Target {
        provider: "libvirt".into(),
        forge: practice::forge_name(FORGE).into(),
        project: ProjectId(PROJECT),
        cookbook: "sandbox".into(),
    }
}

async fn begin(engine: &Engine) -> Adoption<'_> {
    engine.begin_adoption(target()).await.unwrap()
}

/// What `innkeeper adopt --all --apply` does, in a process of its own.
async fn adopt_all(world: &World) -> Vec<(String, Prospect)> {
    let engine = world.practice.another_engine("adopting").unwrap();
    let mut adoption = begin(&engine).await;
    let mut adopted = Vec::new();
    for found in engine.survey(&"libvirt".into()).await.unwrap() {
        let name = found.machine.name.to_string();
        adopted.push((name, adoption.adopt(&found.machine).await.unwrap()));
    }
    adoption.end().await.unwrap();
    world.settle().await;
    adopted
}

/// One machine that was there before is adopted: its issue.
async fn adopted(world: &World, name: &str) -> IssueKey {
    world.host.put(name, None);
    adopt_all(world).await;
    issue_of(world, name)
}

fn issue_of(world: &World, name: &str) -> IssueKey {
    let issues = world.practice.rehearsal.issues();
    let mut issues = issues.iter().filter(|issue| issue.title == format!("Adopted machine {name}"));
    let issue = issues.next().expect("there is no issue").key;
    assert!(issues.next().is_none(), "{name} has two issues");
    issue
}

/// Nothing was done to it.
fn is_untouched(world: &World, name: &str) {
    for call in [Call::Adopt, Call::Start, Call::Stop, Call::Destroy, Call::DropBackups] {
        assert_eq!(world.host.done(call, name), 0, "{call:?}");
    }
    let machines = world.host.machines();
    let machine = machines.iter().find(|machine| machine.name.as_str() == name).unwrap();
    assert_eq!((machine.power, machine.lease), (Power::On, None));
}

#[tokio::test]
async fn machines_are_adopted_once_however_often_it_is_done() {
    scenario(async |world: &mut World| {
        let shape = Shape {
            vcpus: Vcpus::new(2).unwrap(),
            memory: Mebibytes::new(4096).unwrap(),
            disk: Mebibytes::MIN,
        };
        let web = world.host.put("web-01", None);
        world.host.put_machine(Machine { shape: Some(shape), ..web });
        world.host.put("Mail.example.org", None);
        world.host.put("db_1", None);
        let ours = world.handed_over(&[]).await;

        let first = adopt_all(world).await;
        let outcomes = first.iter().map(|(name, outcome)| match outcome {
            Prospect::Unconfirmed { .. } => format!("{name} adopted"),
            Prospect::Ours { page } => {
                format!("{name} ours {}", page.ends_with(&format!("/{}", ours.iid)))
            }
            other => format!("{name} {other:?}"),
        });
        insta::assert_snapshot!(outcomes.collect::<Vec<_>>().join("\n"), @"
        Mail.example.org adopted
        db_1 adopted
        sandbox-1 ours true
        web-01 adopted
        ");
        assert_eq!(adopt_all(world).await, first);
        assert_eq!(world.practice.rehearsal.issues().len(), 4);
        assert_eq!(world.leases().await.len(), 4);
        for name in ["web-01", "Mail.example.org", "db_1"] {
            is_untouched(world, name);
            assert!(world.is_open(issue_of(world, name)));
        }

        let issue = world.issue(issue_of(world, "web-01"));
        assert_eq!(issue.labels, ["innkeeper::adopted"]);
        for text in
            ["`web-01`", "`libvirt`", "2 vCPUs, 4 GiB memory |", "@innkeeper confirm @OWNER 1y"]
        {
            assert!(issue.description.contains(text), "{text} is not in {}", issue.description);
        }
        let sticky = world.sticky(issue.key);
        for text in [
            "found, not confirmed yet",
            "| `web-01` | found, not confirmed yet, protected | nobody yet | nothing |",
            "confirm @OWNER",
        ] {
            assert!(sticky.contains(text), "{text} is not in {sticky}");
        }
        assert!(!sticky.contains("understood"), "it was not judged: {sticky}");
        // A month later nothing has become of them.
        for _ in 0..30 {
            world.step(TimeDelta::days(1)).await;
            if world.host.power_of("sandbox-1") == Some(Power::Off) {
                break;
            }
        }
        is_untouched(world, "web-01");
        world.silent(issue.key);
        while world.next_comment(ours).is_some() {}
    })
    .await;
}

#[tokio::test]
async fn a_confirmed_machine_lives_to_its_end_like_any_other() {
    brief(async |world: &mut World| {
        let issue = adopted(world, "web-01").await;
        let answer = world.answer("alice", issue, "@innkeeper confirm @alice 2d").await;
        assert!(answer.contains("`confirm` is for sysadmins"), "{answer}");
        for (said, words) in [
            ("confirm @nobody 2d", "there is no active account `nobody`"),
            ("confirm @alice 10y", "at the latest"),
            ("confirm @alice 2020-01-01", "that day has passed"),
            ("confirm other @alice 2d", "no machine of that name"),
            ("extend 2d", "is found, not confirmed yet"),
            ("stop", "is found, not confirmed yet"),
            ("transfer @bob", "is found, not confirmed yet"),
        ] {
            let answer = world.answer("carol", issue, &format!("@innkeeper {said}")).await;
            assert!(answer.contains(words), "{said}: {answer}");
        }
        is_untouched(world, "web-01");

        world.says("carol", issue, "@innkeeper confirm WEB-01 @alice fallback @bob 2d").await;
        let news = world.expect(issue, "is in your care now");
        assert!(news.contains("@alice @bob"), "{news}");
        assert_eq!(world.host.done(Call::Adopt, "web-01"), 1);
        let lease = world.leases().await.remove(0);
        assert_eq!((lease.state, lease.protected), (State::Active, false));
        assert_eq!(world.issue(issue).labels, ["innkeeper::active"]);
        assert_eq!(world.issue(issue).due_date.is_some(), FORGE == Dialect::GitLab);
        let answer = world.answer("carol", issue, "@innkeeper confirm @bob 2d").await;
        assert!(answer.contains("is running"), "{answer}");

        let answer = world.answer("alice", issue, "@innkeeper extend 1d").await;
        assert!(answer.contains("was extended by alice"), "{answer}");
        world.until(|world| world.host.power_of("web-01") == Some(Power::Off)).await;
        world.expect(issue, "will be stopped on");
        world.expect(issue, "was stopped");
        world.until(|world| world.host.power_of("web-01").is_none()).await;
        world.expect(issue, "will be destroyed on");
        world.expect(issue, "were destroyed");
        world.until(|world| !world.is_open(issue)).await;
        for _ in 0..4 {
            world.after(TimeDelta::days(1)).await;
        }
        assert!(world.leases().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_machine_that_is_another_by_now_is_refused_and_stays_unconfirmed() {
    scenario(async |world: &mut World| {
        let issue = adopted(world, "web-01").await;
        world.host.remove("web-01");
        world.host.put("web-01", None);
        world.says("carol", issue, "@innkeeper confirm @alice 2w").await;
        let news = world.expect(issue, "could not be taken into care");
        assert!(news.contains("the provider refuses it"), "{news}");
        world.expect_for_team(issue, "it is another machine");
        assert!(world.sticky(issue).contains("found, not confirmed yet"));
        assert!(world.sticky(issue).contains("the provider refuses it"));
        is_untouched(world, "web-01");
        world.after(TimeDelta::hours(1)).await;
        world.expect(issue, "is not on its provider any more");

        // It belongs to another lease by now.
        world.host.remove("web-01");
        let stranger = world.host.put("web-01", Some(LeaseId(Uuid::from_u128(9))));
        world.says("carol", issue, "@innkeeper confirm @alice 2w").await;
        world.expect(issue, "could not be taken into care");
        world.says("carol", issue, "@innkeeper release").await;
        world.expect(issue, "is not looked after from here any more");
        assert_eq!(world.host.machines(), [stranger]);
        let found = world.practice.engine.survey(&"libvirt".into()).await.unwrap();
        assert!(
            matches!(&found[0].prospect, Prospect::Impossible { why } if why.contains("the mark of lease")),
            "{found:?}"
        );
        world.host.remove("web-01");
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_is_away_delays_a_confirmation_and_loses_none() {
    scenario(async |world: &mut World| {
        let issue = adopted(world, "web-01").await;
        world.host.fail(Call::Adopt, Fails::Before);
        world.host.fail(Call::Adopt, Fails::After);
        world.says("carol", issue, "@innkeeper confirm @alice 2w").await;
        let answer = world.answer("dan", issue, "@innkeeper confirm @bob 2w").await;
        assert!(answer.contains("was confirmed already and waits for its provider"), "{answer}");
        assert!(world.sticky(issue).contains("confirmed, waiting for its provider"));
        for _ in 0..2 {
            world.after(TimeDelta::minutes(10)).await;
        }
        world.expect(issue, "is in your care now");
        let lease = world.leases().await.remove(0);
        assert_eq!((lease.owner.id.0, lease.state), (ALICE, State::Active));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_confirmed_is_only_looked_at() {
    scenario(async |world: &mut World| {
        let issue = adopted(world, "web-01").await;
        world.host.switch("web-01", Power::Off);
        world.after(TimeDelta::hours(1)).await;
        assert_eq!(world.leases().await[0].power, Power::Off);
        let machine = world.host.machines().remove(0);
        world.host.remove("web-01");
        world.after(TimeDelta::hours(3)).await;
        let news = world.expect(issue, "is not on its provider any more");
        assert!(news.contains("Nobody has confirmed it yet"), "{news}");
        assert!(world.sticky(issue).contains("the machine is not on its provider any more"));
        world.silent(issue);
        let report = world.practice.engine.report(&["libvirt".into()], &|_| ()).await.unwrap();
        assert!(report.unconfirmed[0].why.contains("not on its provider any more"), "{report:?}");

        world.host.put_machine(machine);
        world.after(TimeDelta::hours(1)).await;
        assert!(!world.sticky(issue).contains("any more"));
        for call in [Call::Start, Call::Stop, Call::Destroy] {
            assert_eq!(world.host.done(call, "web-01"), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn releasing_what_is_not_confirmed_leaves_the_machine_alone() {
    scenario(async |world: &mut World| {
        let issue = adopted(world, "web-01").await;
        let answer = world.answer("alice", issue, "@innkeeper release").await;
        assert!(answer.contains("`release` is for sysadmins"), "{answer}");
        world.practice.rehearsal.close("alice", issue).unwrap();
        world.settle().await;
        world.expect(issue, "Closing an issue does not end a machine");
        assert!(world.is_open(issue));
        world
            .practice
            .rehearsal
            .edit_description("carol", issue, "It is the old web server.")
            .unwrap();
        world.settle().await;
        world.silent(issue);

        world.says("carol", issue, "@innkeeper release").await;
        world.expect(issue, "Nothing was done to the machine");
        is_untouched(world, "web-01");
        assert!(!world.is_open(issue));
        assert!(world.leases().await.is_empty());
        let answer = world.answer("carol", issue, "@innkeeper confirm @alice 2w").await;
        assert!(answer.contains("is gone"), "{answer}");

        // It can be adopted anew, with an issue of its own.
        adopt_all(world).await;
        assert_eq!(world.practice.rehearsal.issues().len(), 2);
        assert_eq!(world.leases().await.len(), 1);
        is_untouched(world, "web-01");
    })
    .await;
}

/// Lets a future go on until this is so, and drops it there; what it came to
/// if that was before.
async fn cut<F: Future>(future: F, is_so: impl Fn() -> bool) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(
        |context| {
            if is_so() { Poll::Ready(None) } else { future.as_mut().poll(context).map(Some) }
        },
    )
    .await
}

#[tokio::test]
async fn an_issue_whose_lease_was_not_stored_is_used_again() {
    scenario(async |world: &mut World| {
        let machine = world.host.put("web-01", None);
        let engine = world.practice.another_engine("mortal").unwrap();
        let mut adoption = begin(&engine).await;
        let is_filed = || !world.practice.rehearsal.issues().is_empty();
        assert_eq!(cut(adoption.adopt(&machine), is_filed).await.map(|_| ()), None);
        world.settle().await;
        assert_eq!(world.leases().await, []);
        let issue = issue_of(world, "web-01");
        assert_eq!(world.issue(issue).comments_by("innkeeper").count(), 0);

        let other = world.practice.another_engine("other").unwrap();
        let Err(error) = other.begin_adoption(target()).await else { panic!("two at a time") };
        assert!(error.advice.is_some_and(|advice| advice.contains("two minutes")));
        world.clock.advance(TimeDelta::minutes(3));
        adopt_all(world).await;
        assert_eq!(world.leases().await[0].issue.number.0, issue.iid);
        assert_eq!(world.practice.rehearsal.issues().len(), 1);
        assert!(world.sticky(issue).contains("not confirmed yet"));
    })
    .await;
}

#[tokio::test]
async fn an_issue_whose_filing_was_not_answered_is_found() {
    scenario(async |world: &mut World| {
        let machine = world.host.put("web-01", None);
        let lost = Fault::on(Method::POST, "*/issues", Trouble::ResetAfter);
        world.practice.rehearsal.plan(lost);
        let mut adoption = begin(&world.practice.engine).await;
        adoption.adopt(&machine).await.unwrap_err();
        let outcome = adoption.adopt(&machine).await.unwrap();
        assert!(matches!(outcome, Prospect::Unconfirmed { .. }), "{outcome:?}");
        adoption.end().await.unwrap();
        world.settle().await;
        issue_of(world, "web-01");
        assert_eq!(world.leases().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn hostile_names_are_shown_as_text_and_not_adopted() {
    let adjust = |settings: &mut innkeeper::engine::Settings| {
        settings.protected_names = vec!["ns1".to_owned()];
    };
    scenario_in(Scene { adjust, ..Scene::default() }, async |world: &mut World| {
        for name in ["@all", "web\n/close", "$(reboot)", "-rf", "<b>x</b>", "a/../b"] {
            world.host.put(name, None);
        }
        // Usable, though they look like something to a forge.
        world.host.put("deadbeef1", None);
        world.host.put("gitlab.example.org", None);
        world.host.put("ns1", None);
        let mut refused = 0;
        for (name, outcome) in adopt_all(world).await {
            match outcome {
                Prospect::Impossible { why } => {
                    refused += 1;
                    assert!(why.contains("rename it"), "{name}: {why}");
                }
                Prospect::Unconfirmed { .. } => is_untouched(world, &name),
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(refused, 6);
        assert_eq!(world.practice.rehearsal.issues().len(), 3);
        let issue = world.issue(issue_of(world, "gitlab.example.org"));
        assert!(issue.description.contains("`gitlab.example.org`"), "{}", issue.description);
        let protected = world.issue(issue_of(world, "ns1"));
        assert!(protected.description.contains("list of protected machines"));
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_issue_with_our_hidden_line_is_not_taken_for_ours() {
    scenario(async |world: &mut World| {
        let machine = world.host.put("web-01", None);
        let forged = format!("<!-- innkeeper:adopted libvirt {} -->\n\nMine", machine.uuid);
        let theirs =
            world.practice.rehearsal.file_issue("mallory", PROJECT_PATH, "Fine", &forged).unwrap();
        world.settle().await;
        adopt_all(world).await;
        assert_eq!(world.practice.rehearsal.issues().len(), 2);
        assert_eq!(world.issue(theirs).comments_by("innkeeper").count(), 0);
        assert!(world.sticky(issue_of(world, "web-01")).contains("not confirmed yet"));
    })
    .await;
}

#[tokio::test]
async fn the_report_names_what_somebody_should_look_at() {
    scenario(async |world: &mut World| {
        let issue = adopted(world, "old").await;
        let mine = world.handed_over(&[]).await;
        world.host.put("stranger", None);
        world.after(TimeDelta::days(1)).await;
        world.practice.rehearsal.block_user(ALICE);
        let report = world.practice.engine.report(&["libvirt".into()], &|_| ()).await.unwrap();
        let names = |entries: &[innkeeper::engine::adopt::report::Entry]| {
            entries.iter().map(|entry| entry.machine.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&report.unknown), "stranger");
        assert_eq!(names(&report.unconfirmed), "old");
        assert!(report.unconfirmed[0].why.contains("for 1 day"), "{report:?}");
        assert!(report.unconfirmed[0].page.as_ref().unwrap().ends_with(&format!("/{}", issue.iid)));
        assert_eq!(names(&report.expired), "");
        assert_eq!(names(&report.ownerless), "sandbox-2");
        assert!(report.ownerless[0].why.contains("`bob` stands in"), "{report:?}");

        world.until(|world| world.host.power_of("sandbox-2") == Some(Power::Off)).await;
        world.host.fail(Call::List, Fails::Before);
        let report = world.practice.engine.report(&["libvirt".into()], &|_| ()).await.unwrap();
        assert_eq!(names(&report.expired), "sandbox-2");
        assert!(report.expired[0].why.contains("stopped, disks kept"), "{report:?}");
        assert_eq!(report.unreachable.len(), 1, "{report:?}");
        while world.next_comment(mine).is_some() {}
    })
    .await;
}

#[tokio::test]
async fn what_is_just_being_confirmed_is_not_let_go_of() {
    scenario(async |world: &mut World| {
        let issue = adopted(world, "web-01").await;
        // The host has not answered yet when somebody changes their mind.
        world.host.fail(Call::Adopt, Fails::Before);
        world.says("carol", issue, "@innkeeper confirm @bob 2 days").await;
        let answer = world.answer("carol", issue, "@innkeeper release").await;
        assert!(answer.contains("it is just being confirmed"), "{answer}");
        world.after(TimeDelta::hours(1)).await;
        world.read_until(issue, "web-01");
        let [lease] = <[_; 1]>::try_from(world.leases().await).unwrap();
        assert_eq!((lease.state, lease.marking), (State::Active, false));
        let marked = world.host.machines();
        assert_eq!(marked.first().unwrap().lease, Some(lease.id));

        // Where the host will not have it, there is nothing to wait for.
        let other = adopted(world, "web-02").await;
        world.host.remove("web-02");
        world.says("carol", other, "@innkeeper confirm @bob 2 days").await;
        world.says("carol", other, "@innkeeper release").await;
        world.read_until(other, "is not looked after");
    })
    .await;
}
