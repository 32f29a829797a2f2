//! Who asks, what was said, and how time passes.

use std::{
    panic::AssertUnwindSafe,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use futures::FutureExt as _;
use innkeeper::{
    app::{
        practice::{self, ALICE, Practice, Setup},
        system::MovableClock,
    },
    cookbook::{self, Cookbooks, issue_template},
    lease::Lease,
    ports::{clock::Clock as _, hooks::NoHooks, provider::Provider},
    rehearsal::{IssueKey, IssueSnapshot, Options},
    store::audit_chain,
};
use tokio::net::TcpListener;

/// The longest anything may take that is waited for. An emulated guest under
/// load needs a minute or two.
const PATIENCE: Duration = Duration::from_mins(5);

/// A Monday morning.
const BEGIN: &str = "2026-11-30T08:00:00Z";

/// Longer than a process has a piece of work for itself.
const CLAIM: TimeDelta = TimeDelta::minutes(3);

pub(crate) struct World {
    pub(crate) practice: Practice,
    pub(crate) folder: tempfile::TempDir,
    cookbooks: Cookbooks,
    clock: Arc<MovableClock>,
}

/// Plays a story, and checks that it leaves nothing over. One that fails
/// prints what was said.
pub(crate) async fn story(
    provider: Arc<dyn Provider>,
    placement: &str,
    story: impl AsyncFnOnce(&mut World),
) {
    // Why something does not go on.
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false);
    let _second_story = log.with_writer(std::io::stderr).try_init();
    let mut world = World::new(provider, placement).await;
    match AssertUnwindSafe(story(&mut world)).catch_unwind().await {
        Ok(()) => world.finish().await,
        Err(panic) => {
            world.print();
            std::panic::resume_unwind(panic);
        }
    }
}

/// The sandbox cookbook with a life that fits into a week, and another placement.
fn brief(placement: &str) -> Cookbooks {
    let mut text = include_str!("../../policies/sandbox.toml").to_owned();
    for (old, new) in [
        ("default    = \"14d\"", "default    = \"2d\""),
        ("warn       = [\"7d\", \"1d\"]", "warn       = [\"1d\"]"),
        ("min_notice = \"24h\"", "min_notice = \"4h\""),
        ("grace      = \"3d\"", "grace      = \"1d\""),
        ("backups    = \"30d\"", "backups    = \"1d\""),
        ("provider = \"libvirt\"", placement),
    ] {
        assert!(text.contains(old), "the cookbook does not say {old:?}");
        text = text.replace(old, new);
    }
    cookbook::load::files(&[("sandbox.toml".to_owned(), text)]).unwrap()
}

impl World {
    async fn new(provider: Arc<dyn Provider>, placement: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(MovableClock::starting(BEGIN.parse().unwrap(), true));
        let cookbooks = brief(placement);
        let practice = Practice::start(Setup {
            clock: clock.clone(),
            providers: vec![provider],
            hook_runner: Arc::new(NoHooks),
            cookbooks: cookbooks.clone(),
            store: folder.path().join("practice.db").into(),
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            options: Options::default(),
            adjust: |_| {},
        })
        .await
        .unwrap();
        practice.tick().await.unwrap();
        Self { practice, folder, cookbooks, clock }
    }

    // --- people

    /// Alice gets a new SSH key; the file with its private half.
    pub(crate) fn key_of_alice(&self) -> std::path::PathBuf {
        let file = self.folder.path().join("alice");
        generate_key(&file);
        let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
        self.practice.rehearsal.add_ssh_key(ALICE, public.trim());
        file
    }

    /// Alice asks for a machine of this name, and Innkeeper has answered.
    pub(crate) async fn filed(&self, name: &str, extra: &[(&str, &str)]) -> IssueKey {
        let cookbook = self.cookbooks.get(&"sandbox".into()).unwrap();
        let mut text = issue_template::gitlab(cookbook).replace("- [ ]", "- [x]");
        let usual = [
            ("What is it for?", "To see whether it is real."),
            ("Fallback owner", "@bob"),
            ("Host name", name),
        ];
        for (heading, value) in usual.iter().chain(extra) {
            text = fill(&text, heading, value);
        }
        let rehearsal = &self.practice.rehearsal;
        let issue = rehearsal.file_issue("alice", "tpo/tpa/team", "A machine", &text).unwrap();
        self.practice.settle().await.unwrap();
        issue
    }

    /// Carol approves what is asked for. What follows has only begun.
    pub(crate) fn approve(&self, issue: IssueKey) {
        let sticky = self.sticky(issue);
        let text = format!("@innkeeper approve {}", hex_after(&sticky, "approve "));
        self.practice.rehearsal.comment("carol", issue, &text).unwrap();
    }

    /// Alice gives it back, and says so twice.
    pub(crate) async fn released(&self, issue: IssueKey) {
        let rehearsal = &self.practice.rehearsal;
        rehearsal.comment("alice", issue, "@innkeeper release").unwrap();
        let words = "release confirm ";
        self.until("it asks for a second word", |world| !world.said(issue, words).is_empty()).await;
        let code = hex_after(&self.said(issue, words)[0], words);
        rehearsal.comment("alice", issue, &format!("@innkeeper release confirm {code}")).unwrap();
    }

    // --- what was said

    pub(crate) fn issue(&self, issue: IssueKey) -> IssueSnapshot {
        self.practice.rehearsal.issue(issue).unwrap()
    }

    fn comments(&self, issue: IssueKey) -> Vec<String> {
        self.issue(issue).comments_by("innkeeper").map(|note| note.body.clone()).collect()
    }

    /// The comment that is edited in place.
    pub(crate) fn sticky(&self, issue: IssueKey) -> String {
        let comments = self.comments(issue);
        comments.into_iter().find(|body| body.contains("innkeeper:sticky")).unwrap()
    }

    /// The comments besides that hold these words.
    pub(crate) fn said(&self, issue: IssueKey, words: &str) -> Vec<String> {
        let said = |body: &String| !body.contains("innkeeper:sticky") && body.contains(words);
        self.comments(issue).into_iter().filter(said).collect()
    }

    pub(crate) async fn leases(&self) -> Vec<Lease> {
        let leases = self.practice.store.live_leases().await.unwrap();
        leases.into_iter().map(|lease| lease.value).collect()
    }

    // --- time

    /// Real time passes until this is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        loop {
            self.practice.settle().await.unwrap();
            if is_so(self) {
                eprintln!("after {:4.1} s: {what}", begun.elapsed().as_secs_f32());
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "it never came to that: {what}");
            let issues = self.practice.rehearsal.issues();
            let failed = issues.iter().any(|it| !self.said(it.key, "could not be made").is_empty());
            assert!(!failed, "it will not come to that: {what}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// The clock is moved that far, and whatever is begun on the way is
    /// given the real time it needs.
    pub(crate) async fn after(&self, time: TimeDelta) {
        let step = |step| self.clock.advance(step);
        practice::pass(step, time, async || {
            self.practice.tick().await?;
            while self.leases().await.iter().any(|lease| lease.progress.is_some()) {
                tokio::time::sleep(Duration::from_millis(300)).await;
                self.practice.settle().await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    }

    /// The clock is moved until this is so.
    pub(crate) async fn passes_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        for _ in 0..24 * 14 {
            if is_so(self) {
                let (real, now) = (begun.elapsed().as_secs_f32(), self.clock.now());
                eprintln!("after {real:4.1} s, on {}: {what}", now.format("%a %F %H:%M"));
                return;
            }
            self.after(TimeDelta::hours(1)).await;
        }
        panic!("it never came to that: {what}");
    }

    /// Whatever is being done now is cut off after this time, as by `kill -9`,
    /// and another engine takes over what is stored.
    pub(crate) async fn killed_after(&mut self, time: Duration) {
        let _cut_off = tokio::time::timeout(time, self.practice.settle()).await;
        self.practice.engine = self.practice.another_engine("after the kill").unwrap();
        self.clock.advance(CLAIM);
    }

    // --- the end

    async fn finish(&self) {
        self.after(TimeDelta::hours(2)).await;
        let figures = self.practice.store.figures(self.clock.now()).await.unwrap();
        assert_eq!(figures.effects_pending, 0, "effects are left over");
        assert_eq!(figures.effects_buried, 0, "effects were given up: {:?}", figures.buried);
        let log = self.practice.store.audit_log(1, 10_000).await.unwrap();
        assert_eq!(audit_chain::verify(&log), Ok(()));
    }

    fn print(&self) {
        for issue in self.practice.rehearsal.issues() {
            eprintln!("--- issue {} at {}", issue.key.iid, self.clock.now());
            for note in issue.comments() {
                eprintln!("{}: {}\n", note.author, note.body);
            }
        }
    }
}

/// The hexadecimal digits that follow these words.
fn hex_after(text: &str, words: &str) -> String {
    let rest = text.split(words).nth(1).unwrap_or_else(|| panic!("no {words:?} in: {text}"));
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

/// Writes a value under a heading of the form, after its hint.
fn fill(text: &str, heading: &str, value: &str) -> String {
    let at = text.find(&format!("### {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let end = at + text[at..].find("-->").unwrap() + 3;
    format!("{}\n\n{value}\n{}", &text[..end], &text[end..])
}

fn generate_key(file: &Path) {
    let mut command = Command::new("ssh-keygen");
    run(command.args(["-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f"]).arg(file));
}

/// Runs a command; what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    attempt(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs a command; what it printed, or what it complained about.
pub(crate) fn attempt(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// What `make test-real` tells.
#[expect(clippy::disallowed_methods, reason = "how a test is told where the machines are")]
pub(crate) fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: use make test-real"))
}
