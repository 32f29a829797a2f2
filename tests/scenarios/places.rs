//! Groups whose projects are found as they come and go, and the token that all
//! of it hangs on.

use chrono::TimeDelta;
use http::Method;
use innkeeper::{
    app::practice::{BOT, token},
    engine::{Group, Settings, credential},
    identity::ForgeName,
    ports::clock::Clock as _,
    rehearsal::{Dialect, Fault, IssueKey, Level, Membership, Trouble},
};
use tracing::Level as LogLevel;

use super::log::logged;
use crate::{
    FORGE,
    world::{Scene, World, scenario, scenario_in},
};

/// A project that nobody named: it lies in a group somebody did.
const FOUND: (u64, &str) = (9, "tpo/found");

fn whole_group(settings: &mut Settings) {
    let forge = settings.projects[0].forge.clone();
    let cookbooks = Some(vec!["sandbox".into()]);
    settings.groups = vec![Group { forge, path: "tpo".to_owned(), cookbooks }];
}

async fn in_group(story: impl AsyncFnOnce(&mut World)) {
    scenario_in(Scene { adjust: whole_group, ..Scene::default() }, story).await;
}

fn found(world: &World) {
    let rehearsal = &world.practice.rehearsal;
    rehearsal.add_project(FOUND.0, FOUND.1);
    rehearsal.set_member(FOUND.1, Membership::new(BOT, Level::Developer));
    // Issue forms put on only labels that are there.
    let first = rehearsal.file_issue("innkeeper", FOUND.1, "Labels", "").unwrap();
    rehearsal.set_labels("innkeeper", first, &["sandbox"]).unwrap();
}

fn file(world: &World, label: &str, text: &str) -> IssueKey {
    let rehearsal = &world.practice.rehearsal;
    match FORGE {
        Dialect::GitLab => rehearsal.file_issue("alice", FOUND.1, "Please", text).unwrap(),
        Dialect::GitHub => rehearsal.file_form("alice", FOUND.1, "Please", text, &[label]).unwrap(),
    }
}

#[tokio::test]
async fn a_new_project_of_a_group_is_served_from_the_next_poll_on() {
    in_group(async |world: &mut World| {
        found(world);
        let issue = file(world, "sandbox", &World::sandbox(&[]));
        world.settle().await;
        assert!(world.practice.rehearsal.issue(issue).unwrap().comments().next().is_none());
        world.step(TimeDelta::minutes(5)).await;
        let digest = world.digest(issue);
        world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
        // No webhook tells of it.
        world.step(TimeDelta::minutes(5)).await;
        world.read_until(issue, "is up.");
    })
    .await;
}

#[tokio::test]
async fn a_group_that_cannot_be_listed_keeps_the_projects_it_had() {
    in_group(async |world: &mut World| {
        found(world);
        world.step(TimeDelta::minutes(5)).await;
        let list = match FORGE {
            Dialect::GitLab => "*/groups/tpo/projects",
            Dialect::GitHub => "*/orgs/tpo/repos",
        };
        let fault = Trouble::HtmlErrorPage { status: 502 };
        world.practice.rehearsal.plan(Fault::on(Method::GET, list, fault).times(2));
        let issue = file(world, "sandbox", &World::sandbox(&[]));
        world.step(TimeDelta::minutes(5)).await;
        assert!(world.sticky(issue).contains("waiting for approval"));
        world.step(TimeDelta::minutes(5)).await;
    })
    .await;
}

#[tokio::test]
async fn when_the_token_ends_is_known_and_told_daily_from_a_month_before() {
    scenario(async |world: &mut World| {
        let today = world.clock.now().date_naive();
        let forge = ForgeName::from(match FORGE {
            Dialect::GitLab => "gitlab",
            Dialect::GitHub => "github",
        });
        let end = today + TimeDelta::days(60);
        world.practice.rehearsal.end_token(&token(BOT), end);
        let told = async |world: &World, days| {
            let polls = async {
                world.asleep(TimeDelta::days(days));
                world.practice.engine.poll().await.unwrap();
                world.practice.engine.poll().await.unwrap();
            };
            let ((), log) = logged(LogLevel::WARN, polls).await;
            let of_token = log.iter().filter(|line| line.contains("token ends"));
            of_token
                .map(|line| line.split_whitespace().next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(told(world, 1).await, [""; 0]);
        let ends = world.practice.store.moment(&credential::ends(&forge)).await.unwrap().unwrap();
        assert_eq!(ends.date_naive(), end);
        assert_eq!(told(world, 30).await, ["WARN"]);
        assert_eq!(told(world, 1).await, ["WARN"], "daily, not at each poll");
        assert_eq!(told(world, 22).await, ["ERROR"]);
    })
    .await;
}
