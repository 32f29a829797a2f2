//! What a form can ask, and what people read when they answer it.

use innkeeper::{
    app::practice,
    cookbook::{self, Cookbook, Cookbooks},
    identity::{ForgeName, IssueNumber, IssueRef, ProjectId},
    rehearsal::{Dialect, IssueKey},
    request::{WaitsOn, lifecycle::State},
};

use crate::{
    FORGE,
    world::{PROJECT_PATH, World, sandbox_cookbook, scenario_with_cookbooks},
};

#[tokio::test]
async fn a_team_is_a_group_of_the_author_and_others_stay_unknown() {
    let team = "[[field]]\nname = \"team\"\ntype = \"group\"\n\n# --- what spans";
    let cookbooks =
        sandbox_cookbook(&[("# --- what spans", team), ("[eligible]\nby = [\"group:tpo\"]", "")]);
    let cookbook = cookbooks.cookbooks[0].clone();
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            let text = World::sandbox_by(&cookbook, &[("Team", "@TPO")]);
            let hers = world.files("alice", "For us", &text).unwrap();
            world.settle().await;
            let sticky = world.sticky(hers);
            assert!(sticky.contains("tpo") && !sticky.contains("not a group"), "{sticky}");
            world.digest(hers);
            // One that is there, and one that is not.
            for team in ["tpo", "nowhere"] {
                let text = World::sandbox_by(&cookbook, &[("Team", team)]);
                let issue = world.files("mallory", "For them", &text).unwrap();
                world.settle().await;
                let sticky = world.sticky(issue);
                assert!(sticky.contains("is not a group you belong to."), "{team}: {sticky}");
                assert!(!sticky.contains("approve "), "{sticky}");
            }
        },
    )
    .await;
}

/// The sandbox with tiers; amounts are asked for with `custom` only.
fn tiered() -> Cookbooks {
    let tiers = r#"[[tier]]
name = "small"
memory = "2 GiB"
vcpus = 1
disk = "10 GiB"

[[tier]]
name = "large"
memory = "8 GiB"
vcpus = 4
disk = "40 GiB"

[[field]]
name = "size"
type = "tier"
custom = true

# --- what spans"#;
    sandbox_cookbook(&[("# --- what spans", tiers)])
}

#[tokio::test]
async fn a_tier_is_what_is_made_and_sizes_of_ones_own_get_a_nudge() {
    let cookbooks = tiered();
    let cookbook = cookbooks.cookbooks[0].clone();
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            // Both at once is one too many.
            let text = World::sandbox_by(&cookbook, &[("Size", "small"), ("Memory", "3 GiB")]);
            let issue = world.files("alice", "A machine", &text).unwrap();
            world.settle().await;
            let sticky = world.sticky(issue);
            assert!(sticky.contains("has 2 GiB, and 3 GiB is asked for here"), "{sticky}");
            // As amounts it fits into a tier, which is told and stands in nobody's way.
            let own = [("Size", "custom"), ("Memory", "3 GiB")];
            let text = World::sandbox_by(&cookbook, &own);
            world.practice.rehearsal.edit_description("alice", issue, &text).unwrap();
            world.settle().await;
            world.expect(issue, "approve ");
            let sticky = world.sticky(issue);
            assert!(sticky.contains("All of this fits into large"), "{sticky}");
            let digest = world.digest(issue);
            // The tier it is.
            let text = World::sandbox_by(&cookbook, &[("Size", "large")]);
            world.practice.rehearsal.edit_description("alice", issue, &text).unwrap();
            world.settle().await;
            let sticky = world.sticky(issue);
            assert!(!sticky.contains("fits into"), "{sticky}");
            assert!(sticky.contains("large (4 vCPUs, 8 GiB memory, 40 GiB disk)"), "{sticky}");
            assert_ne!(world.digest(issue), digest);
            let digest = world.digest(issue);
            world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
            world.expect(issue, "Approved by carol");
            world.expect(issue, "is up.");
            let shape = world.leases().await[0].order.shape;
            assert_eq!(
                (shape.vcpus.get(), shape.memory.get() >> 10, shape.disk.get() >> 10),
                (4, 8, 40)
            );
            let answer = world.answer("alice", issue, "@innkeeper resize memory 9 GiB").await;
            assert!(answer.contains("9 GiB is more than the maximum of 8 GiB"), "{answer}");
        },
    )
    .await;
}

/// A cookbook that makes no machine.
fn mailing_list(approval: &str) -> Cookbooks {
    let text = format!(
        r#"title = "Mailing list"
summary = "A new mailing list."
label = "mailing-list"

[guide]
summary = "Lists are made by hand."
by = ["group:tpo/tpa"]
steps = ["Make the list", "Tell the owner"]

[[field]]
name = "address"
type = "text"

{approval}
"#
    );
    cookbook::load::files(&[("mailing-list.toml".to_owned(), text)]).unwrap()
}

const BY_TPA: &str = "[approval]\nby = [\"group:tpo/tpa\"]";

/// Alice asks for a list.
async fn asked_for_a_list(world: &mut World, cookbook: &Cookbook) -> IssueKey {
    let text = World::text(cookbook, &[("Address", "cats")]);
    let rehearsal = &world.practice.rehearsal;
    let issue = match FORGE {
        Dialect::GitLab => rehearsal.file_issue("alice", PROJECT_PATH, "A list", &text),
        Dialect::GitHub => {
            rehearsal.file_form("alice", PROJECT_PATH, "A list", &text, &["mailing-list"])
        }
    };
    world.settle().await;
    issue.unwrap()
}

/// Where the request stands, and whom it waits on.
async fn standing(world: &World, issue: IssueKey) -> (State, WaitsOn) {
    let issue = IssueRef {
        forge: ForgeName::from(practice::forge_name(FORGE)),
        project: ProjectId(issue.project),
        number: IssueNumber(issue.iid),
    };
    let request = world.practice.store.request_on(&issue).await.unwrap().unwrap().value;
    (request.state, request.waits_on)
}

#[tokio::test]
async fn what_is_not_automated_is_a_checklist_until_somebody_says_done() {
    let cookbooks = mailing_list(BY_TPA);
    let cookbook = cookbooks.cookbooks[0].clone();
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            let issue = asked_for_a_list(world, &cookbook).await;
            assert_eq!(standing(world, issue).await, (State::AwaitingApproval, WaitsOn::Approver));
            let answer = world.answer("carol", issue, "@innkeeper done").await;
            assert!(answer.contains("there is nothing to be done now"), "{answer}");
            let digest = world.digest(issue);
            world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
            let told = world.expect(issue, "Approved by carol");
            for words in ["- [ ] Make the list\n- [ ] Tell the owner", "@tpo/tpa", "by hand."] {
                assert!(told.contains(words), "{words}: {told}");
            }
            assert_eq!(standing(world, issue).await, (State::Approved, WaitsOn::Sysadmin));
            let sticky = world.sticky(issue);
            assert!(sticky.contains("approved, for somebody to do"), "{sticky}");
            // What was approved is what is shown, whatever the description says now.
            let text = World::text(&cookbook, &[("Address", "dogs")]);
            world.practice.rehearsal.edit_description("alice", issue, &text).unwrap();
            world.settle().await;
            world.expect(issue, "was edited after it had been approved");
            let sticky = world.sticky(issue);
            assert!(sticky.contains("cats") && !sticky.contains("dogs"), "{sticky}");
            world.practice.rehearsal.close("alice", issue).unwrap();
            world.settle().await;
            world.expect(issue, "does not tell me whether it was done");
            // Alice is no one of those who do it, though of the group above them.
            let answer = world.answer("alice", issue, "@innkeeper done").await;
            assert!(answer.contains("Nothing was done"), "{answer}");
            world.practice.rehearsal.reopen("alice", issue).unwrap();
            world.says("dan", issue, "@innkeeper done").await;
            world.expect(issue, "says that it is done");
            assert_eq!(standing(world, issue).await, (State::Fulfilled, WaitsOn::Nobody));
            assert!(!world.is_open(issue));
            assert!(world.host.machines().is_empty());
        },
    )
    .await;
}

#[tokio::test]
async fn a_guide_that_nobody_approves_begins_at_once_and_can_be_turned_down() {
    let cookbooks = mailing_list("");
    let cookbook = cookbooks.cookbooks[0].clone();
    scenario_with_cookbooks(
        cookbooks,
        |_| {},
        async |world: &mut World| {
            let issue = asked_for_a_list(world, &cookbook).await;
            world.expect(issue, "this is for you to do");
            assert_eq!(standing(world, issue).await, (State::Approved, WaitsOn::Sysadmin));
            let answer = world.answer("bob", issue, "@innkeeper reject no").await;
            assert!(answer.contains("approvers"), "{answer}");
            world.says("dan", issue, "@innkeeper reject there is such a list").await;
            world.expect(issue, "there is such a list");
            assert_eq!(standing(world, issue).await, (State::Rejected, WaitsOn::Nobody));
            assert!(!world.is_open(issue));
            // Asked for once more, it begins anew.
            world.practice.rehearsal.reopen("alice", issue).unwrap();
            world.settle().await;
            world.expect(issue, "this is for you to do");
            world.says("carol", issue, "@innkeeper done").await;
            world.expect(issue, "says that it is done");
        },
    )
    .await;
}
