//! A folder with a configuration, and the program run on it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::sync::watch;

use crate::secrets;

/// The longest anything may take. Waiting ends with what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bot's token; it must never be seen again.
pub(crate) const TOKEN: &str = "glpat-Xk29-token-of-the-bot";
/// The webhook token of project 7.
pub(crate) const SEVEN: &str = "Xk29 secret of seven";
/// The webhook token of project 8.
pub(crate) const EIGHT: &str = "Xk29 secret of eight";

/// Waits until this holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}: it never came to that");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Where an operator would run the service.
pub(crate) struct House {
    folder: TempDir,
}

impl House {
    /// A configuration for the forge at this address, with the cookbooks that
    /// come with the program.
    pub(crate) fn new(forge: &str) -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        fs::create_dir(house.path("policies")).unwrap();
        for name in ["sandbox.toml", "vm.toml"] {
            fs::copy(shipped.join(name), house.path("policies").join(name)).unwrap();
        }
        house.write("innkeeper.toml", &configuration(forge));
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Replaces text in one of its files.
    pub(crate) fn adjust(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} holds no `{from}`");
        self.write(name, &text.replace(from, to));
    }

    /// Runs the program to its end, in the house's folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let ended = run_in(self.folder.path(), arguments, b"");
        secrets::none_in("its output", &ended.stdout);
        secrets::none_in("its errors", &ended.stderr);
        ended
    }

    /// `status --json`.
    pub(crate) fn status(&self) -> serde_json::Value {
        let status = self.run(&["status", "--config", "innkeeper.toml", "--json"]);
        serde_json::from_str(&status.stdout).unwrap_or_else(|_| panic!("{}", status.stderr))
    }

    /// How many deliveries are in the store.
    pub(crate) fn deliveries(&self) -> u64 {
        self.status()["deliveries"].as_u64().unwrap()
    }

    /// Starts the service and waits until it serves.
    pub(crate) async fn serve(&self) -> Service {
        Service::start(self.folder.path()).await
    }
}

fn configuration(forge: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"

[people]
sysadmins = ["group:tpo/tpa"]

[limits]
provider_timeout_seconds = 1
forge_timeout_seconds = 1
claim_seconds = 3

[log]
format = "json"
filter = "trace"

[forge.gitlab]
kind = "gitlab"
url = "{forge}"
token = "{TOKEN}"
[[forge.gitlab.project]]
id = 7
webhook_token = "{SEVEN}"
[[forge.gitlab.project]]
id = 8
webhook_token = "{EIGHT}"

[provider.libvirt]
kind = "libvirt"
uri = "test+unix:///default?socket=/nonexistent/libvirt-sock"
stop_timeout_seconds = 1
"#
    )
}

/// What a run left behind.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program to its end.
pub(crate) fn run_in(folder: &Path, arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = program(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // A program that ends without reading its input breaks the pipe; that is its right.
    thread::spawn(move || stdin.write_all(&input));
    let id = child.id();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    let Ok(output) = receive.recv_timeout(PATIENCE) else {
        signal(id, "KILL");
        panic!("{arguments:?} did not end");
    };
    let Output { status, stdout, stderr } = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn program(folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
    program.current_dir(folder);
    program
}

fn signal(process: u32, name: &str) {
    let arguments = [format!("-{name}"), process.to_string()];
    assert!(Command::new("kill").args(arguments).status().unwrap().success());
}

/// A running service.
pub(crate) struct Service {
    child: Child,
    log: watch::Receiver<String>,
    /// Its address, without a slash at the end.
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
}

impl Service {
    async fn start(folder: &Path) -> Self {
        let mut child = program(folder)
            .args(["serve", "--config", "innkeeper.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, log) = watch::channel(String::new());
        listen(child.stderr.take().unwrap(), send.clone());
        listen(child.stdout.take().unwrap(), send);
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let mut service = Self { child, log, url: String::new(), http };
        let serving = service.logged(r#""message":"serving""#).await;
        let serving: serde_json::Value = serde_json::from_str(&serving).unwrap();
        service.url = format!("http://{}", serving["fields"]["address"].as_str().unwrap());
        service
    }

    /// Waits for a line of the log that holds this text.
    pub(crate) async fn logged(&self, text: &str) -> String {
        let mut log = self.log.clone();
        let waiting = log.wait_for(|log| log.contains(text));
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        let Ok(Ok(found)) = found else { panic!("`{text}` is not in the log:\n{}", self.gist()) };
        found.lines().find(|line| line.contains(text)).unwrap().to_owned()
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.borrow().clone()
    }

    /// The end of the log without what the store logs, for a failing test to show.
    pub(crate) fn gist(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("sqlx::query")).collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Sends a webhook with a secret token.
    pub(crate) async fn deliver(&self, secret: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
        let request = self
            .http
            .post(format!("{}/webhooks/gitlab", self.url))
            .header("content-type", "application/json")
            .header("x-gitlab-event", "Issue Hook")
            .header("x-gitlab-token", secret);
        let response = request.body(body.into()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The memory it has in use, and the most it ever had, in KiB.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let figure = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (figure("VmRSS:"), figure("VmHWM:"))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Asks it to end, and waits until it did.
    pub(crate) async fn stop(&mut self) -> (ExitStatus, Duration) {
        signal(self.child.id(), "TERM");
        let asked = Instant::now();
        let status = self.ended().await;
        (status, asked.elapsed())
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not end:\n{}", self.gist());
    }

    /// Ends it without giving it a chance to do anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Nothing went wrong that nobody was meant to see.
    pub(crate) fn is_unharmed(&self) {
        let log = self.log();
        assert!(!log.contains("panicked"), "it panicked:\n{}", self.gist());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            secrets::none_in("the log", &self.log());
        }
    }
}

/// Adds what comes from there to the log, line by line.
fn listen(from: impl Read + Send + 'static, log: watch::Sender<String>) {
    let mut lines = BufReader::new(from);
    thread::spawn(move || {
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
            log.send_modify(|log| log.push_str(&line));
            line.clear();
        }
    });
}

/// An event on an issue, as short as GitLab's could be.
pub(crate) fn issue_event(project: u64, issue: u64) -> String {
    format!(
        r#"{{"object_kind":"issue","project":{{"id":{project}}},"object_attributes":{{"iid":{issue}}}}}"#
    )
}
