//! Machines whose issue was deleted get another one from an operator.

use chrono::TimeDelta;
use innkeeper::{
    app::practice::{BOT, forge_name},
    cookbook::Cookbooks,
    engine::rehome::Homeless,
    identity::{IssueNumber, IssueRef, ProjectId},
    lease::State,
    machine::Power,
    ports::{PortError, clock::Clock as _},
    rehearsal::{IssueKey, Level, Membership},
};

use crate::{
    FORGE,
    host::Call,
    world::{PROJECT_PATH, Scene, World, brief, sandbox_cookbook, scenario, scenario_in},
};

fn reference(issue: IssueKey) -> IssueRef {
    let number = IssueNumber(issue.iid);
    IssueRef { forge: forge_name(FORGE).into(), project: ProjectId(issue.project), number }
}

/// An issue without a template, as a sysadmin opens it for the purpose.
fn opened(world: &World, text: &str) -> IssueKey {
    let rehearsal = &world.practice.rehearsal;
    rehearsal.file_issue("carol", PROJECT_PATH, "The machine of alice", text).unwrap()
}

/// What `innkeeper rehome` does, in a process of its own.
async fn rehome(world: &World, to: IssueKey) -> Result<String, PortError> {
    let operator = world.practice.another_engine("operator").unwrap();
    let homeless = operator.homeless().await.unwrap();
    let [Homeless { request, .. }] = &homeless[..] else { panic!("{homeless:?}") };
    let done = operator.rehome(*request, &reference(to)).await;
    world.settle().await;
    done
}

async fn refused(world: &World, to: IssueKey) -> String {
    let error = rehome(world, to).await.unwrap_err();
    assert_eq!(world.leases().await.len(), 1);
    assert_ne!(world.leases().await[0].issue, reference(to));
    format!("{}: {}", error.chain(), error.advice.unwrap_or_default())
}

/// Alice's issue is gone, and that was noticed.
async fn orphaned(world: &mut World) -> IssueKey {
    let issue = world.handed_over(&[]).await;
    world.practice.rehearsal.erase_issue(issue);
    world.practice.engine.want_looks(&[reference(issue)]).await.unwrap();
    world.after(TimeDelta::hours(6)).await;
    issue
}

async fn buried(world: &World) -> u64 {
    world.practice.store.figures(world.clock.now()).await.unwrap().effects_buried
}

#[tokio::test]
async fn a_machine_whose_issue_was_deleted_lives_to_its_end_on_another_one() {
    brief(async |world: &mut World| {
        orphaned(world).await;
        // Long after its end, of which nobody could be warned.
        world.after(TimeDelta::days(20)).await;
        let [lease] = <[_; 1]>::try_from(world.leases().await).unwrap();
        assert!(lease.hold.is_some_and(|why| why.contains("could not be delivered")));
        assert_eq!(lease.state, State::Active);
        assert!(buried(world).await > 0);

        // What is said there before asks for nothing.
        let new = opened(world, "Its own issue was deleted.");
        world.says("carol", new, "@innkeeper release").await;
        world.silent(new);
        let page = rehome(world, new).await.unwrap();
        assert!(page.ends_with(&format!("/{}", new.iid)), "{page}");
        let told = world.expect(new, "This is the issue of `sandbox-1` from now on");
        assert!(told.contains("@alice") && told.contains("It is on hold"), "{told}");
        world.silent(new);
        assert_eq!(buried(world).await, 0, "what could not be said is not said any more");
        assert!(world.sticky(new).contains("on hold"), "{}", world.sticky(new));
        let operator = world.practice.another_engine("operator").unwrap();
        assert!(operator.homeless().await.unwrap().is_empty());
        world.after(TimeDelta::days(3)).await;
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On), "nothing by itself");

        let answer = world.answer("carol", new, "@innkeeper unhold").await;
        assert!(answer.contains("`sandbox-1` will be stopped on Thu 2026-12-24"), "{answer}");
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        world.read_until(new, "was stopped: its time is up");
        world.until(|world| world.host.machines().is_empty()).await;
        world.read_until(new, "will be destroyed on");
        world.read_until(new, "were destroyed");
        for call in [Call::Create, Call::Destroy] {
            assert_eq!(world.host.done(call, "sandbox-1"), 1, "{call:?}");
        }
        let log = world.practice.store.audit_log(1, 1_000).await.unwrap();
        let rehomed = log.iter().filter(|entry| entry.note.action.starts_with("rehomed:"));
        assert_eq!(rehomed.count(), 1);
    })
    .await;
}

#[tokio::test]
async fn it_goes_on_as_it_was_if_somebody_sees_to_it_in_time() {
    brief(async |world: &mut World| {
        orphaned(world).await;
        let new = opened(world, "");
        rehome(world, new).await.unwrap();
        let told = world.expect(new, "This is the issue of `sandbox-1` from now on");
        assert!(told.contains("It will be stopped on Wed 2026-12-02 10:00 CET"), "{told}");
        assert!(world.sticky(new).contains("running"), "{}", world.sticky(new));
        let answer = world.answer("alice", new, "@innkeeper extend 1d").await;
        assert!(answer.contains("was extended by alice"), "{answer}");
        world.until(|world| world.host.machines().is_empty()).await;
        world.read_until(new, "were destroyed");
    })
    .await;
}

#[tokio::test]
async fn an_issue_that_cannot_have_it_is_refused_with_the_way_out() {
    brief(async |world: &mut World| {
        orphaned(world).await;
        let other = world.files("bob", "Another", &World::sandbox(&[])).unwrap();
        world.settle().await;
        let said = refused(world, other).await;
        assert!(said.contains("has a request of its own: open a new issue"), "{said}");
        let closed = opened(world, "");
        world.practice.rehearsal.close("carol", closed).unwrap();
        let said = refused(world, closed).await;
        assert!(said.contains("is closed: reopen it"), "{said}");
        let said = refused(world, IssueKey { iid: 4711, ..closed }).await;
        assert!(said.contains("could not"), "{said}");
        world.practice.rehearsal.add_project(9, "tpo/attic");
        let attic = world.practice.rehearsal.file_issue("carol", "tpo/attic", "x", "").unwrap();
        let said = refused(world, attic).await;
        assert!(said.contains("not looked at: choose an issue of a project"), "{said}");
        let new = opened(world, "");
        rehome(world, new).await.unwrap();
        world.read_until(new, "This is the issue of `sandbox-1` from now on");
    })
    .await;
}

fn confidential() -> Cookbooks {
    sandbox_cookbook(&[("[lifetime]", "[issue]\nconfidential = true\n\n[lifetime]")])
}

/// The bot may see what is confidential, or may not.
fn let_bot_see(world: &World, sees: bool) {
    let level = if sees { Level::Developer } else { Level::Guest };
    world.practice.rehearsal.set_member(PROJECT_PATH, Membership::new(BOT, level));
}

/// The issue is taken to be gone.
async fn hidden(world: &World, issue: IssueKey) {
    let_bot_see(world, false);
    world.practice.engine.want_looks(&[reference(issue)]).await.unwrap();
    world.after(TimeDelta::hours(6)).await;
}

only_on_gitlab! { "GitHub has no confidential issues":
    async fn what_was_confidential_stays_so() {
        let scene = Scene { cookbooks: confidential(), ..Scene::default() };
        scenario_in(scene, async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            hidden(world, issue).await;
            let said = refused(world, opened(world, "")).await;
            assert!(said.contains("make that issue confidential first"), "{said}");
            let_bot_see(world, true);
            let said = refused(world, opened(world, "")).await;
            assert!(said.contains("its issue is there: http"), "{said}");
            world.after(TimeDelta::hours(1)).await;
        })
        .await;
    }
}

only_on_gitlab! { "GitHub has no confidential issues":
    async fn an_issue_that_was_only_hidden_never_becomes_a_second_request() {
        scenario(async |world: &mut World| {
            let issue = world.handed_over(&[]).await;
            world.practice.rehearsal.set_confidential("carol", issue, true).unwrap();
            world.settle().await;
            hidden(world, issue).await;
            let new = opened(world, "");
            rehome(world, new).await.unwrap();
            world.read_until(new, "This is the issue of `sandbox-1` from now on");

            let_bot_see(world, true);
            let before = world.issue(issue).comments_by("innkeeper").count();
            world.says("alice", issue, "@innkeeper status").await;
            world.practice.engine.want_looks(&[reference(issue)]).await.unwrap();
            world.after(TimeDelta::hours(6)).await;
            assert_eq!(world.issue(issue).comments_by("innkeeper").count(), before);
            let store = &world.practice.store;
            assert_eq!(store.request_on(&reference(issue)).await.unwrap(), None);
            assert_eq!(world.host.machines().len(), 1);
        })
        .await;
    }
}
