//! The program: started, killed, started again. A replica is a folder with a
//! configuration, a port and a log that goes on.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use crate::clock::FastClock;

/// The longest one may take to serve, or to end when asked to.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a stopped process may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(25);

const CONFIGURATION: &str = "innkeeper.toml";

pub(crate) struct Replica {
    pub(crate) name: String,
    folder: PathBuf,
    pub(crate) port: u16,
    clock: FastClock,
    child: Option<Child>,
    /// Its store was away since it last served: what starts then says so, and ends.
    pub(crate) is_excused: bool,
}

impl Replica {
    /// In a folder of its own, which has the configuration; nothing runs yet.
    pub(crate) fn new(name: &str, folder: &Path, clock: &FastClock, configuration: &str) -> Self {
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        let port = free_port();
        let file = folder.join(CONFIGURATION);
        fs::write(&file, configuration.replace("PORT", &port.to_string())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        Self {
            name: name.to_owned(),
            folder,
            port,
            clock: clock.clone(),
            child: None,
            is_excused: false,
        }
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.join(CONFIGURATION)
    }

    fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
        program.current_dir(&self.folder).stdin(Stdio::null());
        self.clock.rule(&mut program);
        program
    }

    pub(crate) fn start(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let mut program = self.program();
        program.args(["serve", "--config", CONFIGURATION]).stdout(Stdio::null()).stderr(log);
        self.child = Some(program.spawn().unwrap());
    }

    /// Runs another of its commands to the end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.program().args(arguments).args(["--config", CONFIGURATION]).output().unwrap()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Ends it without a chance to do anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to end, and waits until it did.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        let mut child = self.child.take().unwrap();
        let asked = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if asked.elapsed() > FAREWELL {
                child.kill().unwrap();
                panic!("{} does not end when asked to\n{}", self.name, self.last_words());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let Some(child) = &self.child else { return };
        let arguments = [format!("-{name}"), child.id().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
    }

    /// The status and body it answers with; nothing if it does not.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
        let answer = http.get(format!("http://127.0.0.1:{}{path}", self.port)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Waits until it serves; `false` if it ended instead.
    pub(crate) async fn serves(&mut self) -> bool {
        let began = Instant::now();
        while self.get("/healthz").await.is_none() {
            if !self.runs() {
                return false;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{} does not serve\n{}",
                self.name,
                self.last_words()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// All it ever logged.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port nobody listens on.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A file that takes all the room there is, while it is there.
pub(crate) struct Ballast(PathBuf);

impl Ballast {
    /// Fills the file system this folder is on.
    pub(crate) fn fill(folder: &Path) -> Self {
        use std::io::Write as _;
        let path = folder.join("ballast");
        let mut file = File::create(&path).unwrap();
        for piece in [64 * 1024, 1024, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
        Self(path)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
