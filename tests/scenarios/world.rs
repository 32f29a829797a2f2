//! The world scenarios play in: the practice house over a host in memory, a
//! clock that moves when told, and people who act at the rehearsal forge.

use std::{panic::AssertUnwindSafe, path::PathBuf, sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures::FutureExt as _;
use innkeeper::{
    app::{
        practice::{self, Practice, Setup},
        system::MovableClock,
    },
    cookbook::{self, Cookbook, Cookbooks, FieldKind, issue_template},
    engine::Settings,
    lease::Lease,
    ports::{
        clock::Clock as _,
        hooks::{HookRunner, NoHooks},
        provider::Provider,
    },
    rehearsal::{
        Account, Dialect, IssueKey, IssueSnapshot, IssueState, Options, Refused, quick_actions,
        references,
    },
    store::{audit_chain, sql::Place},
};
use tokio::net::TcpListener;

use super::postgres::{self, Database};
use crate::{FORGE, host::Host};

pub(crate) const PROJECT_PATH: &str = practice::project_path(FORGE);

/// Where an issue's comments are, as faults name it.
pub(crate) const NOTES: &str = match FORGE {
    Dialect::GitLab => "*/notes",
    Dialect::GitHub => "*/comments",
};

/// What a comment's address has after its issue's, before its number.
pub(crate) const NOTE_ANCHOR: &str = match FORGE {
    Dialect::GitLab => "#note_",
    Dialect::GitHub => "#issuecomment-",
};

/// Where any one comment is.
pub(crate) const ONE_NOTE: &str = match FORGE {
    Dialect::GitLab => "*/notes/*",
    Dialect::GitHub => "*/issues/comments/*",
};

/// The longest a scenario may take, in real time.
const PATIENCE: Duration = Duration::from_mins(1);

/// When scenarios begin: a Monday morning.
const BEGIN: &str = "2026-11-30T08:00:00Z";

/// Everything a scenario acts on.
pub(crate) struct World {
    pub(crate) practice: Practice,
    /// The first host; cookbooks place machines on it unless told otherwise.
    pub(crate) host: Arc<Host>,
    /// All of them.
    pub(crate) hosts: Vec<Arc<Host>>,
    pub(crate) clock: Arc<MovableClock>,
    /// How many of the bot's comments were read, per issue number: a moved issue
    /// takes them along, and its number if the project is new.
    read: std::collections::BTreeMap<u64, usize>,
    folder: tempfile::TempDir,
    place: Place,
    database: Option<Database>,
}

/// Plays a story, and checks that it leaves nothing over. A story that hangs
/// or fails prints what was said so far.
pub(crate) async fn scenario(story: impl AsyncFnOnce(&mut World)) {
    scenario_with(|_| {}, story).await;
}

/// The same with other settings.
pub(crate) async fn scenario_with(adjust: fn(&mut Settings), story: impl AsyncFnOnce(&mut World)) {
    scenario_in(Scene { adjust, ..Scene::default() }, story).await;
}

/// The same with other settings and cookbooks.
pub(crate) async fn scenario_with_cookbooks(
    cookbooks: Cookbooks,
    adjust: fn(&mut Settings),
    story: impl AsyncFnOnce(&mut World),
) {
    scenario_in(Scene { cookbooks, adjust, ..Scene::default() }, story).await;
}

/// The same in another scene.
pub(crate) async fn scenario_in(scene: Scene, story: impl AsyncFnOnce(&mut World)) {
    let mut world = World::new(scene).await;
    // A server has every step on disk before the next.
    let patience = if world.database.is_some() { PATIENCE * 5 } else { PATIENCE };
    let played = AssertUnwindSafe(tokio::time::timeout(patience, story(&mut world)));
    match played.catch_unwind().await {
        Ok(Ok(())) => world.finish().await,
        Ok(Err(_)) => {
            world.print();
            panic!("the story did not end within {patience:?}");
        }
        Err(panic) => {
            world.print();
            std::panic::resume_unwind(panic);
        }
    }
}

/// The same with short leases: two days, a day of grace, a day of backups.
pub(crate) async fn brief(story: impl AsyncFnOnce(&mut World)) {
    scenario_in(Scene::brief(), story).await;
}

/// What a world begins with.
pub(crate) struct Scene {
    pub(crate) begin: &'static str,
    pub(crate) hosts: &'static [&'static str],
    pub(crate) hook_runner: Arc<dyn HookRunner>,
    pub(crate) cookbooks: Cookbooks,
    pub(crate) adjust: fn(&mut Settings),
    /// Whether the store is on a server, whatever `DATABASE` says.
    pub(crate) on_postgres: bool,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            begin: BEGIN,
            hosts: &["libvirt"],
            hook_runner: Arc::new(NoHooks),
            cookbooks: cookbook::load::embedded(),
            adjust: |_| {},
            on_postgres: false,
        }
    }
}

impl Scene {
    /// A database on a server, where the store is to be in one: with
    /// `DATABASE=postgres` every story is played on it.
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests says so")]
    async fn database(&self) -> Option<Database> {
        if !self.on_postgres && std::env::var_os("DATABASE").is_none_or(|it| it != "postgres") {
            return None;
        }
        Some(postgres::database().await.expect("PostgreSQL is installed"))
    }

    /// Short leases, so that a whole life fits into a working week.
    pub(crate) fn brief() -> Self {
        let cookbooks = sandbox_cookbook(&[
            ("default    = \"14d\"", "default    = \"2d\""),
            ("warn       = [\"7d\", \"1d\"]", "warn       = [\"1d\"]"),
            ("min_notice = \"24h\"", "min_notice = \"4h\""),
            ("grace      = \"3d\"", "grace      = \"1d\""),
            ("backups    = \"30d\"", "backups    = \"1d\""),
        ]);
        Self { cookbooks, ..Self::default() }
    }
}

/// The shipped sandbox cookbook, each first text replaced by the second.
pub(crate) fn sandbox_cookbook(changes: &[(&str, &str)]) -> Cookbooks {
    let mut text = include_str!("../../policies/sandbox.toml").to_owned();
    for (old, new) in changes {
        assert!(text.contains(old), "the cookbook does not say {old:?}");
        text = text.replace(old, new);
    }
    cookbook::load::files(&[("sandbox.toml".to_owned(), text)]).unwrap()
}

impl World {
    pub(crate) async fn new(scene: Scene) -> Self {
        // In memory where that is possible: these stories are not about disks.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let database = scene.database().await;
        let place = match &database {
            Some(database) => database.place(),
            None => folder.path().join("practice.db").into(),
        };
        let clock = Arc::new(MovableClock::starting(scene.begin.parse().unwrap(), false));
        let hosts: Vec<_> = scene.hosts.iter().map(|name| Arc::new(Host::new(name))).collect();
        let practice = Practice::start(Setup {
            clock: clock.clone(),
            providers: hosts.iter().map(|host| host.clone() as Arc<dyn Provider>).collect(),
            hook_runner: scene.hook_runner,
            cookbooks: scene.cookbooks,
            store: place.clone(),
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            // Recorded for checks of what was said: tests/contract/run.sh.
            options: Options { dialect: FORGE, record: recording(), ..Options::default() },
            adjust: scene.adjust,
        })
        .await
        .unwrap();
        let world = Self {
            practice,
            host: hosts[0].clone(),
            hosts,
            clock,
            read: std::collections::BTreeMap::new(),
            folder,
            place,
            database,
        };
        world.practice.tick().await.unwrap();
        world
    }

    // --- people

    /// A complete sandbox request; `extra` answers win over the usual ones.
    pub(crate) fn sandbox(extra: &[(&str, &str)]) -> String {
        let cookbooks = cookbook::load::embedded();
        let cookbook = cookbooks.get(&"sandbox".into()).unwrap();
        Self::sandbox_by(cookbook, extra)
    }

    /// The same by another sandbox cookbook than the shipped one.
    pub(crate) fn sandbox_by(cookbook: &Cookbook, extra: &[(&str, &str)]) -> String {
        let usual = [("What is it for?", "To see how it copes."), ("Fallback owner", "@bob")];
        let usual = usual.iter().filter(|(h, _)| extra.iter().all(|(e, _)| e != h));
        let answers: Vec<(&str, &str)> = usual.chain(extra).copied().collect();
        Self::text(cookbook, &answers)
    }

    /// What an issue says when these answers are given.
    pub(crate) fn text(cookbook: &Cookbook, answers: &[(&str, &str)]) -> String {
        match FORGE {
            Dialect::GitLab => template(cookbook, answers),
            Dialect::GitHub => form(cookbook, answers),
        }
    }

    /// Somebody files a sandbox request with this text, as the forge has it
    /// done: from a template, which leaves a hidden line in the text, or
    /// through a form, which sets a label.
    pub(crate) fn files(&self, user: &str, title: &str, text: &str) -> Result<IssueKey, Refused> {
        let rehearsal = &self.practice.rehearsal;
        match FORGE {
            Dialect::GitLab => rehearsal.file_issue(user, PROJECT_PATH, title, text),
            Dialect::GitHub => rehearsal.file_form(user, PROJECT_PATH, title, text, &["sandbox"]),
        }
    }

    /// Turns a person's account into a program's; its name is then this.
    pub(crate) fn becomes_a_program(&self, id: u64) -> &'static str {
        let name = match FORGE {
            Dialect::GitLab => "group_20_bot_0a1b",
            Dialect::GitHub => "stale[bot]",
        };
        self.practice.rehearsal.rename_user(id, name);
        if FORGE == Dialect::GitHub {
            self.practice.rehearsal.set_account(id, Account::Bot);
        }
        name
    }

    /// The issue shows this end, where issues have due dates.
    #[track_caller]
    pub(crate) fn expect_due(&self, issue: IssueKey, date: Option<&str>) {
        let expected = date.filter(|_| FORGE == Dialect::GitLab).map(str::to_owned);
        let shown = self.issue(issue).due_date.map(|date| date.to_string());
        assert_eq!(shown, expected, "the due date");
    }

    /// Alice files a request, and Innkeeper has answered it.
    pub(crate) async fn filed(&mut self, extra: &[(&str, &str)]) -> IssueKey {
        let issue = self.files("alice", "A machine, please", &Self::sandbox(extra)).unwrap();
        self.settle().await;
        issue
    }

    /// Alice's request is approved by Carol and handed over; all was read.
    pub(crate) async fn handed_over(&mut self, extra: &[(&str, &str)]) -> IssueKey {
        let issue = self.filed(extra).await;
        let digest = self.digest(issue);
        self.says("carol", issue, &format!("@innkeeper approve {digest}")).await;
        self.expect(issue, "Approved by carol");
        self.expect(issue, "is up.");
        issue
    }

    /// Somebody comments, and everything that follows has happened.
    pub(crate) async fn says(&mut self, user: &str, issue: IssueKey, text: &str) {
        self.practice.rehearsal.comment(user, issue, text).unwrap();
        self.settle().await;
    }

    /// What the bot says to a comment, all of it.
    pub(crate) async fn answer(&mut self, user: &str, issue: IssueKey, text: &str) -> String {
        self.says(user, issue, text).await;
        let mut answer = String::new();
        while let Some(comment) = self.next_comment(issue) {
            answer.push_str(&comment);
            answer.push('\n');
        }
        answer
    }

    /// Somebody changes answers of the request, and Innkeeper has seen it.
    pub(crate) async fn edited(&self, user: &str, issue: IssueKey, extra: &[(&str, &str)]) {
        let text = Self::sandbox(extra);
        self.practice.rehearsal.edit_description(user, issue, &text).unwrap();
        self.settle().await;
    }

    // --- what is there

    pub(crate) fn issue(&self, issue: IssueKey) -> IssueSnapshot {
        self.practice.rehearsal.issue(issue).unwrap()
    }

    pub(crate) fn is_open(&self, issue: IssueKey) -> bool {
        self.issue(issue).state == IssueState::Opened
    }

    fn bot_notes(&self, issue: IssueKey) -> Vec<String> {
        let issue = self.issue(issue);
        let notes = issue.comments_by("innkeeper").filter(|note| !note.internal);
        notes.map(|note| note.body.clone()).collect()
    }

    /// What the bot said to the team alone.
    pub(crate) fn team_notes(&self, issue: IssueKey) -> Vec<String> {
        let issue = self.issue(issue);
        let notes = issue.comments_by("innkeeper").filter(|note| note.internal);
        notes.map(|note| note.body.clone()).collect()
    }

    /// The team alone was told this, where it can be told something alone.
    #[track_caller]
    pub(crate) fn expect_for_team(&self, issue: IssueKey, words: &str) {
        let notes = self.team_notes(issue);
        match FORGE {
            Dialect::GitLab => {
                assert!(notes.iter().any(|note| note.contains(words)), "{words} not in {notes:?}");
            }
            Dialect::GitHub => assert_eq!(notes, Vec::<String>::new()),
        }
    }

    /// The comment that is edited in place.
    pub(crate) fn sticky(&self, issue: IssueKey) -> String {
        let notes = self.bot_notes(issue);
        let mut stickies = notes.iter().filter(|body| body.contains("innkeeper:sticky"));
        let sticky = stickies.next().expect("there is no sticky comment").clone();
        assert!(stickies.next().is_none(), "there are two sticky comments");
        sticky
    }

    /// The digest an approval has to name now.
    pub(crate) fn digest(&self, issue: IssueKey) -> String {
        let sticky = self.sticky(issue);
        hex_after(&sticky, "approve ")
    }

    /// The bot's next comment that was not read, without its marker.
    pub(crate) fn next_comment(&mut self, issue: IssueKey) -> Option<String> {
        let notes = self.bot_notes(issue);
        let mut news = notes.iter().filter(|body| !body.contains("innkeeper:sticky"));
        let read = self.read.entry(issue.iid).or_default();
        let next = news.nth(*read)?;
        *read += 1;
        Some(next.split_once("-->").map_or(next.as_str(), |(_, text)| text).trim().to_owned())
    }

    /// The next comment holds these words.
    #[track_caller]
    pub(crate) fn expect(&mut self, issue: IssueKey, words: &str) -> String {
        let comment = self.next_comment(issue);
        let Some(comment) = comment.filter(|comment| comment.contains(words)) else {
            self.print();
            panic!("the next comment does not say {words:?}");
        };
        comment
    }

    /// Reads comments up to the one that holds these words.
    #[track_caller]
    pub(crate) fn read_until(&mut self, issue: IssueKey, words: &str) -> String {
        loop {
            match self.next_comment(issue) {
                Some(comment) if comment.contains(words) => return comment,
                Some(_) => {}
                None => {
                    self.print();
                    panic!("no comment says {words:?}");
                }
            }
        }
    }

    #[track_caller]
    pub(crate) fn silent(&mut self, issue: IssueKey) {
        if let Some(comment) = self.next_comment(issue) {
            panic!("nobody should have said: {comment}");
        }
    }

    pub(crate) async fn leases(&self) -> Vec<Lease> {
        let leases = self.practice.store.live_leases().await.unwrap();
        leases.into_iter().map(|lease| lease.value).collect()
    }

    /// Where its store is, to begin with.
    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// For whatever it needs on disk.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    // --- time

    pub(crate) async fn settle(&self) {
        self.practice.settle().await.unwrap();
    }

    /// Time passes in steps from sweep to sweep.
    pub(crate) async fn after(&self, time: TimeDelta) {
        practice::pass(|step| self.clock.advance(step), time, || self.practice.tick())
            .await
            .unwrap();
    }

    /// The process dies; another one takes over what is stored.
    pub(crate) fn crash_and_restart(&mut self) {
        self.practice.engine = self.practice.another_engine("restarted").unwrap();
    }

    /// Time passes in one step, as after a short nap.
    pub(crate) async fn step(&self, time: TimeDelta) {
        self.clock.advance(time);
        self.practice.tick().await.unwrap();
    }

    /// Nothing runs for that long: no sweep, no look.
    pub(crate) fn asleep(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    /// Time passes until this is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..24 * 150 {
            if is_so(self) {
                return;
            }
            self.after(TimeDelta::hours(1)).await;
        }
        self.print();
        panic!("it never came to that");
    }

    // --- the end

    /// Nothing is left over, and nothing that was said could act.
    pub(crate) async fn finish(&mut self) {
        // Whatever waits for a back-off gets the time it needs.
        for _ in 0..3 {
            self.after(TimeDelta::hours(1)).await;
        }
        let issues = self.practice.rehearsal.issues();
        for issue in &issues {
            if let Some(comment) = self.next_comment(issue.key) {
                self.print();
                panic!("nobody read: {comment}");
            }
            for note in issue.comments_by("innkeeper") {
                assert_harmless(&note.body);
                for secret in ["practice-token", "practice-webhook-secret"] {
                    assert!(!note.body.contains(secret), "a secret is told: {}", note.body);
                }
            }
        }
        let figures = self.practice.store.figures(self.clock.now()).await.unwrap();
        assert_eq!(figures.effects_pending, 0, "effects are left over");
        assert_eq!(figures.effects_buried, 0, "effects were given up: {:?}", figures.buried);
        assert_eq!(figures.looks_waiting, 0, "issues still want a look");
        assert!(self.hosts.iter().all(|host| !host.has_plans()), "a planned failure never struck");
        assert_eq!(self.practice.rehearsal.faults_ahead(), 0, "a planned fault never struck");
        let leases = self.leases().await;
        for machine in self.hosts.iter().flat_map(|host| host.machines()) {
            let Some(id) = machine.lease else { continue };
            let lease = leases.iter().find(|lease| lease.id == id);
            assert!(
                lease.is_some_and(|lease| lease.state.has_machine()),
                "{} has no lease",
                machine.name
            );
        }
        let log = self.practice.store.audit_log(1, 10_000).await.unwrap();
        assert_eq!(audit_chain::verify(&log), Ok(()));
    }

    /// What was said so far.
    pub(crate) fn print(&self) {
        for issue in self.practice.rehearsal.issues() {
            eprintln!(
                "--- issue {} ({:?}) {:?} at {}",
                issue.key.iid,
                issue.state,
                issue.labels,
                self.clock.now()
            );
            for note in issue.comments() {
                eprintln!("{}: {}\n", note.author, note.body);
            }
        }
    }
}

/// The hexadecimal digits that follow these words.
#[track_caller]
pub(crate) fn hex_after(text: &str, words: &str) -> String {
    let rest = text.split(words).nth(1).unwrap_or_else(|| panic!("no {words:?} in: {text}"));
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

#[expect(clippy::disallowed_methods, reason = "what a test is told, it is told this way")]
fn recording() -> Option<PathBuf> {
    std::env::var_os("INNKEEPER_RECORD").map(PathBuf::from)
}

/// No quick action, no reference, and no mention but of people we mean.
fn assert_harmless(body: &str) {
    let (_, actions) = quick_actions::extract(body);
    assert!(actions.is_empty(), "a quick action in: {body}");
    let people = ["alice", "alicia", "bob", "carol", "dan", "mallory", "mallory2", "tpo/tpa"];
    for name in references::mentions(body) {
        assert!(people.contains(&name.as_str()), "{name} is mentioned in: {body}");
    }
    assert_eq!(references::references(body), Vec::<String>::new(), "references in: {body}");
}

/// What somebody makes of GitLab's template.
fn template(cookbook: &Cookbook, answers: &[(&str, &str)]) -> String {
    let mut text = issue_template::gitlab(cookbook);
    for field in &cookbook.fields {
        if field.kind == FieldKind::Acknowledgement {
            let heading = text.find(&format!("### {}\n", field.label)).unwrap();
            let tick = heading + text[heading..].find("- [ ]").unwrap();
            text.replace_range(tick..tick + 5, "- [x]");
        }
    }
    answers.iter().fold(text, |text, (heading, value)| fill(&text, heading, value))
}

/// What GitHub makes of its form, with every box ticked.
fn form(cookbook: &Cookbook, answers: &[(&str, &str)]) -> String {
    let labels: Vec<&str> = cookbook.fields.iter().map(|field| field.label.as_str()).collect();
    for (heading, _) in answers {
        assert!(labels.contains(heading), "no {heading}");
    }
    let fields = cookbook.fields.iter().map(|field| {
        let given = answers.iter().find(|(heading, _)| *heading == field.label);
        let value = match (given, &field.kind) {
            (Some((_, value)), _) => (*value).to_owned(),
            (None, FieldKind::Acknowledgement) => format!("- [X] {}", field.help.trim()),
            (None, _) => "_No response_".to_owned(),
        };
        format!("### {}\n\n{value}", field.label)
    });
    fields.collect::<Vec<_>>().join("\n\n")
}

/// Writes a value under a heading, after its hint.
fn fill(text: &str, heading: &str, value: &str) -> String {
    let at = text.find(&format!("### {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let end = at + text[at..].find("-->").unwrap() + 3;
    format!("{}\n\n{value}\n{}", &text[..end], &text[end..])
}
