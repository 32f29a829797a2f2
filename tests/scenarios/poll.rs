//! What webhooks did not tell, whatever kept them or us from it, is found by
//! the next poll.

use chrono::TimeDelta;
use http::Method;
use innkeeper::{
    app::practice::BOT,
    engine::{Project, Settings},
    identity::ProjectId,
    machine::Power,
    rehearsal::{Answer, Dialect, Fault, IssueKey, Level, Membership, Trouble},
};

use crate::{
    FORGE,
    world::{Scene, World, sandbox_cookbook, scenario_in},
};

/// Three pages, or two: GitHub takes more requests an issue.
const MANY: usize = match FORGE {
    Dialect::GitLab => 250,
    Dialect::GitHub => 105,
};

/// From one poll to the next.
const INTERVAL: TimeDelta = TimeDelta::minutes(5);

fn file(world: &World, text: &str) -> IssueKey {
    world.files("alice", "Please", text).unwrap()
}

/// Alice may ask for as many machines as she likes.
async fn scenario(story: impl AsyncFnOnce(&mut World)) {
    scenario_with(|_| {}, story).await;
}

async fn scenario_with(adjust: fn(&mut Settings), story: impl AsyncFnOnce(&mut World)) {
    let rule = "usage.owner.leases + usage.owner.pending < 3";
    let cookbooks = sandbox_cookbook(&[(rule, "usage.owner.leases < 300")]);
    scenario_in(Scene { cookbooks, adjust, ..Scene::default() }, story).await;
}

/// How many requests the forge gets for `polls` more polls.
async fn traffic(world: &World, polls: usize) -> usize {
    world.practice.rehearsal.forget_requests();
    for _ in 0..polls {
        world.step(INTERVAL).await;
    }
    world.practice.rehearsal.requests().len()
}

/// People do everything that can be done to issues; whatever happens between,
/// all of it is answered at the end.
async fn everything_is_found(world: &mut World, meanwhile: impl AsyncFnOnce(&mut World)) {
    let mended = world.filed(&[("Memory", "4 GX")]).await;
    let approved = world.filed(&[]).await;
    let closed = world.filed(&[]).await;
    let reopened = world.filed(&[]).await;
    world.practice.rehearsal.close("alice", reopened).unwrap();
    world.settle().await;
    let running = world.handed_over(&[]).await;
    let due = world.issue(running).due_date;
    let labels = world.issue(running).labels;
    world.practice.rehearsal.webhooks(false);

    let digest = world.digest(approved);
    let rehearsal = &world.practice.rehearsal;
    rehearsal.edit_description("alice", mended, &World::sandbox(&[("Memory", "4g")])).unwrap();
    rehearsal.comment("carol", approved, &format!("@innkeeper approve {digest}")).unwrap();
    rehearsal.close("alice", closed).unwrap();
    rehearsal.reopen("alice", reopened).unwrap();
    rehearsal.set_labels("carol", running, &["sandbox"]).unwrap();
    if FORGE == Dialect::GitLab {
        rehearsal.set_due_date("carol", running, None).unwrap();
    }
    rehearsal.comment("alice", running, "@innkeeper stop").unwrap();
    let new = file(world, &World::sandbox(&[]));
    meanwhile(world).await;
    world.step(INTERVAL).await;

    assert!(world.sticky(mended).contains("waiting for approval"));
    world.read_until(approved, "is up.");
    assert!(world.issue(closed).labels.contains(&"innkeeper::withdrawn".to_owned()));
    assert!(world.sticky(reopened).contains("waiting for approval"));
    assert_eq!(world.issue(running).due_date, due);
    assert_eq!(world.issue(running).labels, labels);
    world.read_until(running, "was switched off");
    assert!(world.sticky(new).contains("waiting for approval"));
    for issue in [mended, approved, closed, reopened, running, new] {
        while world.next_comment(issue).is_some() {}
    }
    assert_eq!(world.host.machines().len(), 2);
}

#[tokio::test]
async fn whatever_is_done_to_issues_without_a_webhook_is_found_within_one_interval() {
    scenario(async |world: &mut World| {
        everything_is_found(world, async |_| {}).await;
    })
    .await;
}

#[tokio::test]
async fn a_service_that_was_down_for_three_days_goes_on_from_where_it_was() {
    scenario(async |world: &mut World| {
        everything_is_found(world, async |world| {
            world.asleep(TimeDelta::days(3));
            world.crash_and_restart();
        })
        .await;
    })
    .await;
}

only_on_gitlab! { "GitHub goes on with a hook that fails":
    async fn a_hook_the_forge_has_disabled_loses_nothing() {
        scenario(async |world: &mut World| {
            let running = world.handed_over(&[]).await;
            // Nobody listens any more, and GitLab notices.
            world.practice.stop();
            for number in 0..8 {
                world.practice.rehearsal.comment("bob", running, &format!("Hello {number}")).unwrap();
                world.practice.rehearsal.settle().await;
            }
            let deliveries = world.practice.rehearsal.webhook_deliveries();
            assert!(matches!(deliveries.last().unwrap().answer, Answer::Dropped(_)));
            world.practice.rehearsal.comment("alice", running, "@innkeeper stop").unwrap();
            let new = file(world, &World::sandbox(&[]));
            world.step(INTERVAL).await;
            world.expect(running, "was switched off");
            assert_eq!(world.host.power_of("sandbox-1"), Some(Power::Off));
            assert!(world.sticky(new).contains("waiting for approval"));
        })
        .await;
    }
}

only_on_gitlab! { "the same there, where the repositories' names are told beforehand":
    async fn the_first_poll_of_a_project_looks_back_one_day() {
        const LATER: u64 = 8;
        let adjust = |settings: &mut Settings| {
            let known = settings.projects[0].clone();
            settings.projects.push(Project { id: ProjectId(LATER), ..known });
        };
        scenario_with(adjust, async |world: &mut World| {
            world.practice.rehearsal.webhooks(false);
            world.practice.rehearsal.add_project(LATER, "tpo/later");
            let bot = Membership::new(BOT, Level::Developer);
            world.practice.rehearsal.set_member("tpo/later", bot);
            let not_yet = Trouble::HtmlErrorPage { status: 503 };
            let list = Fault::on(Method::GET, "*/8/issues", not_yet.clone());
            world.practice.rehearsal.plan(list.times(usize::MAX));
            let file = |world: &World| {
                let text = World::sandbox(&[]);
                world.practice.rehearsal.file_issue("carol", "tpo/later", "Please", &text).unwrap()
            };
            let old = file(world);
            world.after(TimeDelta::hours(10)).await;
            let new = file(world);
            world.after(TimeDelta::hours(20)).await;
            world.practice.rehearsal.cancel_faults();
            world.step(INTERVAL).await;
            assert_eq!(world.issue(old).comments_by("innkeeper").count(), 0);
            assert!(world.sticky(new).contains("waiting for approval"));
        })
        .await;
    }
}

#[tokio::test]
async fn many_issues_changed_at_one_moment_are_all_found_and_looked_at_twice_at_most() {
    scenario(async |world: &mut World| {
        world.practice.rehearsal.webhooks(false);
        // Wherever pages begin and end.
        let places = [0, 98, 99, 100, 101, MANY - 1, 199, 200];
        let mut requests = Vec::new();
        for number in 0..MANY {
            if places.contains(&number) {
                requests.push(file(world, &World::sandbox(&[])));
            } else {
                file(world, "Nothing for a machine to read.");
            }
        }
        world.practice.rehearsal.touch_all_issues();
        world.step(INTERVAL).await;
        for issue in requests {
            assert!(world.sticky(issue).contains("waiting for approval"));
        }
        // Once more what bears the same stamp, then only what may bear emoji.
        traffic(world, 2).await;
        let quiet = traffic(world, 3).await;
        assert!(quiet < 3 * (places.len() * 8 + 5), "{quiet} requests");
    })
    .await;
}

#[tokio::test]
async fn a_forge_whose_clock_is_off_is_heard_within_one_interval() {
    for minutes in [-90, -10, -1, 1, 10, 90] {
        scenario(async move |world: &mut World| {
            world.practice.rehearsal.webhooks(false);
            world.practice.rehearsal.shift_clock(TimeDelta::minutes(minutes));
            // Polls that find nothing teach nothing about the time there.
            for _ in 0..3 {
                world.step(INTERVAL).await;
            }
            let issue = file(world, &World::sandbox(&[]));
            world.step(INTERVAL).await;
            let digest = world.digest(issue);
            for text in ["@innkeeper status", &format!("@innkeeper approve {digest}")] {
                world.practice.rehearsal.comment("carol", issue, text).unwrap();
                world.step(INTERVAL).await;
            }
            world.expect(issue, "waits for approval");
            world.expect(issue, "Approved by carol");
            world.expect(issue, "is up.");

            // Somebody sets it right.
            world.practice.rehearsal.shift_clock(TimeDelta::minutes(-minutes));
            world.practice.rehearsal.comment("alice", issue, "@innkeeper stop").unwrap();
            world.step(INTERVAL).await;
            world.expect(issue, "was switched off");
            world.step(INTERVAL).await;
            world.step(INTERVAL).await;
            world.step(INTERVAL).await;
            if minutes < 10 {
                let quiet = traffic(world, 6).await;
                assert!(quiet <= 8, "{minutes}: {quiet} requests");
            }
        })
        .await;
    }
}
