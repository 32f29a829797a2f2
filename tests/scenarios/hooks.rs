//! The operator's hooks around the steps on a machine.

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use chrono::TimeDelta;
use innkeeper::{
    hook::{Hook, Outcome, Point},
    lease::State,
    machine::Power,
    ports::{
        PortError,
        hooks::{HookRunner, Input},
    },
    rehearsal::IssueKey,
};
use tokio::sync::Notify;

use crate::{
    host::{Call, Fails, Host},
    world::{Scene, World, hex_after, sandbox_cookbook, scenario_in},
};

/// How a hook answers once; without a plan it says that all is well.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Fails(&'static str),
    /// Only once it is told to.
    Waits,
}

/// A run: when, which, and how the machine was on its host.
type Seen = (Point, String, Option<Power>);

/// Hooks that remember how they were run, and fail when told.
struct Hooks {
    all: Vec<Hook>,
    host: OnceLock<Arc<Host>>,
    plan: Mutex<Vec<(&'static str, Point, Answer)>>,
    runs: Mutex<Vec<(Seen, Input)>>,
    begun: Notify,
    go_on: Notify,
}

impl Hooks {
    /// Hooks of these names that are run at every point, tried twice each.
    fn new(names: &[&str]) -> Arc<Self> {
        let hook = |name: &&str| Hook {
            name: (*name).to_owned(),
            title: format!("The {name} record"),
            on: Point::ALL.to_vec(),
            cookbooks: vec![],
            tries: 2,
        };
        Arc::new(Self {
            all: names.iter().map(hook).collect(),
            host: OnceLock::new(),
            plan: Mutex::default(),
            runs: Mutex::default(),
            begun: Notify::new(),
            go_on: Notify::new(),
        })
    }

    /// The next run of this hook at this point goes like this.
    fn plan(&self, name: &'static str, point: Point, answer: Answer) {
        self.plan.lock().unwrap().push((name, point, answer));
    }

    fn seen(&self) -> Vec<Seen> {
        self.runs.lock().unwrap().iter().map(|(seen, _)| seen.clone()).collect()
    }

    /// What it was told each time.
    fn inputs(&self, name: &str, point: Point) -> Vec<Input> {
        let runs = self.runs.lock().unwrap();
        let of_it = runs.iter().filter(|((at, hook, _), _)| *at == point && hook == name);
        of_it.map(|(_, input)| input.clone()).collect()
    }
}

#[async_trait]
impl HookRunner for Hooks {
    fn hooks(&self) -> &[Hook] {
        &self.all
    }

    async fn run(&self, hook: &Hook, input: &Input) -> Result<String, PortError> {
        let power = self.host.get().and_then(|host| host.power_of(&input.machine));
        let seen = (input.point, hook.name.clone(), power);
        self.runs.lock().unwrap().push((seen, input.clone()));
        let answer = {
            let mut plan = self.plan.lock().unwrap();
            let next = plan
                .iter()
                .position(|(name, point, _)| *name == hook.name && *point == input.point);
            next.map(|index| plan.remove(index).2)
        };
        match answer {
            None => Ok(format!("{} is well", input.machine)),
            Some(Answer::Fails(why)) => Err(PortError::retry("run a hook", why)),
            Some(Answer::Waits) => {
                self.begun.notify_one();
                self.go_on.notified().await;
                Ok("after a while".to_owned())
            }
        }
    }
}

/// Plays a story with short leases, these hooks and this cookbook.
async fn with_hooks(
    hooks: &Arc<Hooks>,
    cookbook: &[(&str, &str)],
    story: impl AsyncFnOnce(&mut World),
) {
    let brief = [
        ("default    = \"14d\"", "default    = \"1d\""),
        ("warn       = [\"7d\", \"1d\"]", "warn       = [\"4h\"]"),
        ("min_notice = \"24h\"", "min_notice = \"1h\""),
        ("grace      = \"3d\"", "grace      = \"4h\""),
        ("backups    = \"30d\"", "backups    = \"4h\""),
    ];
    let scene = Scene {
        hook_runner: hooks.clone(),
        cookbooks: sandbox_cookbook(&[&brief, cookbook].concat()),
        ..Scene::default()
    };
    scenario_in(scene, async |world: &mut World| {
        let _ = hooks.host.set(world.host.clone());
        story(world).await;
        assert!(hooks.plan.lock().unwrap().is_empty(), "a planned answer was never given");
    })
    .await;
}

async fn approved(world: &mut World) -> IssueKey {
    let issue = world.filed(&[]).await;
    let digest = world.digest(issue);
    world.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
    world.expect(issue, "Approved by carol");
    issue
}

async fn released(world: &mut World, issue: IssueKey) {
    let question = world.answer("alice", issue, "@innkeeper release").await;
    let code = hex_after(&question, "release confirm ");
    world.says("alice", issue, &format!("@innkeeper release confirm {code}")).await;
}

async fn outcomes(world: &World) -> Vec<(Point, Outcome)> {
    let hooks = world.leases().await.into_iter().flat_map(|lease| lease.hooks);
    hooks.map(|run| (run.point, run.outcome)).collect()
}

const RETIRE: (&str, &str) =
    ("[commands]", "[checklist]\nretire = [\"Tell @all & close #1\"]\n\n[commands]");

#[tokio::test]
async fn hooks_are_run_around_every_step_of_a_life_in_their_order() {
    let hooks = Hooks::new(&["dns", "ldap"]);
    with_hooks(&hooks, &[RETIRE], async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
        world.read_until(issue, "was stopped");
        world.until(|world| world.host.machines().is_empty()).await;
        let gone = world.read_until(issue, "were destroyed");
        for line in [
            "**Checklist** for `sandbox-1`, owned by alice, of cookbook `sandbox`",
            "at `192.0.2.7`",
            "- [x] The dns record (before the stop): `sandbox-1 is well`",
            "- [x] The ldap record (after destruction): `sandbox-1 is well`",
            "- [ ] Tell ",
        ] {
            assert!(gone.contains(line), "{line} is not in: {gone}");
        }
        world.until(|world| world.host.done(Call::DropBackups, "sandbox-1") == 1).await;
        let (on, none) = (Some(Power::On), None);
        let expected = [
            (Point::PostProvision, on),
            (Point::PreStop, on),
            (Point::PostDestroy, none),
            (Point::DropBackups, none),
        ];
        let expected: Vec<Seen> = expected
            .into_iter()
            .flat_map(|(point, power)| ["dns", "ldap"].map(|name| (point, name.into(), power)))
            .collect();
        assert_eq!(hooks.seen(), expected);
        let made = &hooks.inputs("dns", Point::PostProvision)[0];
        assert_eq!(made.addresses, ["192.0.2.7"]);
        assert!(made.uuid.is_some() && made.deadline.is_some());
        let dropped = &hooks.inputs("dns", Point::DropBackups)[0];
        assert_eq!(dropped.addresses, ["192.0.2.7"], "the last it had");
    })
    .await;
}

#[tokio::test]
async fn a_machine_is_handed_over_only_after_its_hooks() {
    let hooks = Hooks::new(&["dns"]);
    with_hooks(&hooks, &[], async |world: &mut World| {
        hooks.plan("dns", Point::PostProvision, Answer::Fails("no route"));
        let issue = approved(world).await;
        world.silent(issue);
        let sticky = world.sticky(issue);
        let shown = "  - The dns record (before hand-over): failed, is tried again\n";
        assert!(sticky.contains(shown), "{sticky}");
        world.step(TimeDelta::minutes(2)).await;
        world.expect(issue, "is up.");
        let sticky = world.sticky(issue);
        assert!(sticky.contains("The dns record (before hand-over): done\n"), "{sticky}");
        let keys = hooks.inputs("dns", Point::PostProvision);
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].idempotency_key, keys[1].idempotency_key);
    })
    .await;
}

#[tokio::test]
async fn a_released_machine_leaves_with_the_hooks_of_a_stop() {
    let hooks = Hooks::new(&["dns"]);
    with_hooks(&hooks, &[], async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        released(world, issue).await;
        world.read_until(issue, "were destroyed");
        let seen: Vec<_> = hooks.seen().into_iter().map(|(point, _, on)| (point, on)).collect();
        let expected = [(Point::PreStop, Some(Power::On)), (Point::PostDestroy, None)];
        assert_eq!(seen[1..], expected);
    })
    .await;
}

#[tokio::test]
async fn after_a_crash_in_a_hook_only_that_one_is_run_again() {
    let hooks = Hooks::new(&["dns", "ldap"]);
    with_hooks(&hooks, &[], async |world: &mut World| {
        hooks.plan("ldap", Point::PostProvision, Answer::Waits);
        let issue = world.filed(&[]).await;
        let digest = world.digest(issue);
        let rehearsal = &world.practice.rehearsal;
        rehearsal.comment("carol", issue, &format!("@innkeeper approve {digest}")).unwrap();
        tokio::select! {
            () = world.settle() => panic!("it should hang in a hook"),
            () = hooks.begun.notified() => {}
        }
        world.crash_and_restart();
        world.step(TimeDelta::minutes(3)).await;
        world.expect(issue, "Approved by carol");
        world.expect(issue, "is up.");
        let seen: Vec<_> = hooks.seen().into_iter().map(|(_, name, _)| name).collect();
        assert_eq!(seen, ["dns", "ldap", "ldap"]);
        let runs = hooks.inputs("ldap", Point::PostProvision);
        assert_eq!(runs[0], Input { deadline: runs[0].deadline.clone(), ..runs[1].clone() });
    })
    .await;
}

#[tokio::test]
async fn a_hook_that_keeps_failing_is_left_to_people_and_run_again_when_told() {
    let hooks = Hooks::new(&["dns"]);
    with_hooks(&hooks, &[RETIRE], async |world: &mut World| {
        const HOSTILE: &str = "<b>@all</b> `#1` ![x](http://evil.example)\n/close";
        for _ in 0..2 {
            hooks.plan("dns", Point::PostDestroy, Answer::Fails(HOSTILE));
        }
        let issue = world.handed_over(&[]).await;
        released(world, issue).await;
        world.silent(issue);
        world.step(TimeDelta::minutes(2)).await;
        let left = world.expect(issue, "failed 2 times and is left to a sysadmin");
        assert!(!left.contains("@all"), "{left}");
        let whole = world.team_notes(issue).join("\n");
        assert!(whole.contains("<b>@all</b> `#1` ![x](http://evil.example)"), "{whole}");
        let gone = world.expect(issue, "were destroyed");
        let item = "- [ ] The dns record (after destruction)\n";
        assert!(gone.contains(item), "{gone}");
        let shown = world.sticky(issue);
        assert!(shown.contains("The dns record (after destruction): **left to a sysadmin**"));

        let answer = world.answer("carol", issue, "@innkeeper retry").await;
        assert!(answer.contains("1 thing(s) are tried again now"), "{answer}");
        let shown = world.sticky(issue);
        assert!(shown.contains("The dns record (after destruction): done\n"), "{shown}");
        let runs = hooks.inputs("dns", Point::PostDestroy);
        assert_eq!(runs.len(), 3);
        assert_eq!(runs[2].addresses, ["192.0.2.7"]);
        let answer = world.answer("carol", issue, "@innkeeper retry").await;
        assert!(answer.contains("0 thing(s)"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn what_failed_before_hand_over_is_not_made_up_for_when_the_machine_is_gone() {
    let hooks = Hooks::new(&["dns"]);
    with_hooks(&hooks, &[], async |world: &mut World| {
        for _ in 0..2 {
            hooks.plan("dns", Point::PostProvision, Answer::Fails("no route"));
        }
        let issue = approved(world).await;
        world.step(TimeDelta::minutes(2)).await;
        world.expect(issue, "failed 2 times and is left to a sysadmin");
        world.expect(issue, "is up.");
        released(world, issue).await;
        world.read_until(issue, "were destroyed");
        world.answer("carol", issue, "@innkeeper retry").await;
        assert_eq!(hooks.inputs("dns", Point::PostProvision).len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_restored_machine_is_told_of_its_next_stop_anew() {
    let hooks = Hooks::new(&["dns"]);
    with_hooks(&hooks, &[], async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        for round in 1..=2 {
            world.until(|world| world.host.power_of("sandbox-1") == Some(Power::Off)).await;
            world.read_until(issue, "was stopped");
            assert_eq!(hooks.inputs("dns", Point::PreStop).len(), round);
            let command = if round == 1 { "@innkeeper restore 1d" } else { "@innkeeper status" };
            world.answer("alice", issue, command).await;
        }
        let runs = hooks.inputs("dns", Point::PreStop);
        assert_ne!(runs[0].idempotency_key, runs[1].idempotency_key, "it is not the same stop");
        world.until(|world| world.host.machines().is_empty()).await;
        world.read_until(issue, "were destroyed");
        assert_eq!(hooks.inputs("dns", Point::PreStop).len(), 2, "once for each stop");
    })
    .await;
}

#[tokio::test]
async fn a_hook_before_the_stop_that_a_restore_overtook_counts_for_nothing() {
    let hooks = Hooks::new(&["dns"]);
    with_hooks(&hooks, &[], async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        hooks.plan("dns", Point::PreStop, Answer::Waits);
        let other = world.practice.another_engine("other").unwrap();
        let stopping = world.until(|_| !hooks.inputs("dns", Point::PreStop).is_empty());
        let restoring = async {
            hooks.begun.notified().await;
            let rehearsal = &world.practice.rehearsal;
            rehearsal.comment("alice", issue, "@innkeeper restore 1d").unwrap();
            rehearsal.settle().await;
            other.settle(100).await.unwrap();
            assert_eq!(world.leases().await[0].state, State::Active);
            hooks.go_on.notify_one();
        };
        tokio::join!(Box::pin(stopping), Box::pin(restoring));
        assert_eq!(outcomes(world).await, [(Point::PostProvision, Outcome::Done)]);
        assert_eq!(world.host.power_of("sandbox-1"), Some(Power::On));
        world.read_until(issue, "runs again");
    })
    .await;
}

#[tokio::test]
async fn what_hooks_were_told_of_is_undone_even_when_it_was_never_handed_over() {
    let hooks = Hooks::new(&["dns", "ldap"]);
    with_hooks(&hooks, &[], async |world: &mut World| {
        hooks.plan("ldap", Point::PostProvision, Answer::Fails("no route"));
        let issue = approved(world).await;
        released(world, issue).await;
        world.step(TimeDelta::minutes(2)).await;
        world.read_until(issue, "is gone");
        let points: Vec<_> = hooks.seen().into_iter().map(|(point, ..)| point).collect();
        let (made, stop, gone) = (Point::PostProvision, Point::PreStop, Point::PostDestroy);
        assert_eq!(points, [made, made, stop, stop, gone, gone]);
    })
    .await;
}

#[tokio::test]
async fn hooks_hear_nothing_of_a_machine_that_never_came_to_be() {
    let hooks = Hooks::new(&["dns"]);
    with_hooks(&hooks, &[], async |world: &mut World| {
        world.host.fail(Call::Create, Fails::ForGood);
        let issue = approved(world).await;
        world.read_until(issue, "is gone");
        while world.next_comment(issue).is_some() {}
        assert_eq!(hooks.seen(), []);
    })
    .await;
}

#[tokio::test]
async fn hooks_after_a_destruction_wait_for_nothing_that_would_have_held_it_back() {
    let hooks = Hooks::new(&["dns"]);
    with_hooks(&hooks, &[], async |world: &mut World| {
        let issue = world.handed_over(&[]).await;
        hooks.plan("dns", Point::PostDestroy, Answer::Fails("no route"));
        released(world, issue).await;
        assert!(world.host.machines().is_empty());
        world.answer("carol", issue, "@innkeeper protect").await;
        world.step(TimeDelta::minutes(2)).await;
        world.expect(issue, "were destroyed");
    })
    .await;
}
