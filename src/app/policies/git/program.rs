//! Running `git`: in a clean environment, without anybody's configuration,
//! without hooks, questions, or helpers that a repository could choose.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::timeout,
};

use crate::hooks::ProcessGroup;

/// Where `git` and what it calls are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long one call may take. Longer, and a start or reload would seem to hang;
/// a folder of texts comes in seconds.
const LIMIT: Duration = Duration::from_mins(1);

/// The most that is read of an answer that is not a file, in bytes.
const MOST: usize = 4 * 1024 * 1024;

/// The most that is told of what `git` complained about, in characters.
const MOST_TOLD: usize = 1_000;

/// Settings that hold whatever a repository says.
const SETTINGS: [&str; 9] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "protocol.ext.allow=never",
    "fetch.recurseSubmodules=false",
    "transfer.fsckObjects=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "gpg.minTrustLevel=fully",
];

/// A repository of ours, without a work tree.
pub(super) struct Git {
    place: PathBuf,
}

impl Git {
    pub(super) fn new(place: PathBuf) -> Self {
        Self { place }
    }

    /// Makes the repository if it is not there.
    pub(super) async fn make(&self, format: &str) -> anyhow::Result<()> {
        if self.place.join("HEAD").is_file() {
            return Ok(());
        }
        let mut init = command();
        init.args(["init", "--quiet", "--bare", "--template=", "--object-format", format, "--"]);
        run(init.arg(&self.place), b"", MOST).await.map(drop)
    }

    /// What a name of ours stands for.
    pub(super) async fn named(&self, name: &str) -> anyhow::Result<Option<String>> {
        let found = self.ask(&["for-each-ref", "--format=%(objectname) %(refname)", name]).await?;
        let mut lines = found.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.find(|(_, other)| *other == name).map(|(hash, _)| hash.to_owned()))
    }

    /// Gives an object a name of ours.
    pub(super) async fn set(&self, name: &str, object: &str) -> anyhow::Result<()> {
        self.ask(&["update-ref", name, object]).await.map(drop)
    }

    /// Fetches one thing with all that belongs to it, but not what was before it,
    /// and gives it a name of ours.
    pub(super) async fn fetch(&self, from: &str, what: &str, name: &str) -> anyhow::Result<()> {
        let mut fetch = self.command();
        fetch.args(["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"]);
        fetch.args(["--no-auto-maintenance", "--no-write-fetch-head", "--depth=1", "--", from]);
        run(fetch.arg(format!("+{what}:{name}")), b"", MOST).await.map(drop)
    }

    /// The hash of a tag of another repository, `None` if it has none.
    pub(super) async fn remote_tag(from: &str, name: &str) -> anyhow::Result<Option<String>> {
        let reference = format!("refs/tags/{name}");
        let mut list = command();
        let listing = run(list.args(["ls-remote", "--quiet", "--", from, &reference]), b"", MOST);
        let listing = String::from_utf8_lossy(&listing.await?).into_owned();
        let mut lines = listing.lines().filter_map(|line| line.split_once('\t'));
        let found = lines.find(|(_, other)| *other == reference).map(|(hash, _)| hash.to_owned());
        ensure!(
            found.as_ref().is_none_or(|hash| is_hash(hash)),
            "what it answers for {reference} is no hash"
        );
        Ok(found)
    }

    /// `commit`, `tag`, `tree` or `blob`.
    pub(super) async fn kind(&self, object: &str) -> anyhow::Result<String> {
        Ok(self.ask(&["cat-file", "-t", object]).await?.trim().to_owned())
    }

    /// Whether one of these signed the tag.
    pub(super) async fn verify(&self, object: &str, signers: &Path) -> anyhow::Result<()> {
        let signers = signers.to_str().context("the path of the signers is not UTF-8")?;
        let file = format!("gpg.ssh.allowedSignersFile={signers}");
        let mut verify = self.command();
        verify.args(["-c", "gpg.format=ssh", "-c", &file]);
        // The signature says which program checks it: only keys in that file count.
        for other in ["gpg.program=false", "gpg.openpgp.program=false", "gpg.x509.program=false"] {
            verify.args(["-c", other]);
        }
        run(verify.args(["verify-tag", object]), b"", MOST).await.map(drop)
    }

    pub(super) async fn tag_text(&self, object: &str) -> anyhow::Result<String> {
        self.ask(&["cat-file", "tag", object]).await
    }

    /// Everything under a tree, one entry after another with a zero between.
    pub(super) async fn list(&self, tree: &str) -> anyhow::Result<Vec<u8>> {
        let mut list = self.command();
        run(list.args(["ls-tree", "-r", "-z", "-l", "--full-tree", tree]), b"", MOST).await
    }

    /// What these files hold, `bytes` in all.
    pub(super) async fn contents(
        &self,
        objects: &[&str],
        bytes: usize,
    ) -> anyhow::Result<Vec<Vec<u8>>> {
        /// More than the line before each takes.
        const HEAD: usize = 128;
        let wanted = objects.join("\n") + "\n";
        let mut read = self.command();
        let most = bytes + HEAD * objects.len();
        let answer = run(read.args(["cat-file", "--batch"]), wanted.as_bytes(), most).await?;
        let (mut left, mut contents) = (answer.as_slice(), Vec::with_capacity(objects.len()));
        for object in objects {
            let (content, rest) = first_content(left, object)
                .with_context(|| format!("{object} is not in {}", self.place.display()))?;
            contents.push(content.to_vec());
            left = rest;
        }
        Ok(contents)
    }

    fn command(&self) -> Command {
        let mut command = command();
        command.arg("--git-dir").arg(&self.place);
        command
    }

    async fn ask(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let answer = run(self.command().args(arguments), b"", MOST).await?;
        String::from_utf8(answer).context("what git answers is not UTF-8")
    }
}

/// `HASH blob SIZE`, a line's end, the content, a line's end.
fn first_content<'a>(answer: &'a [u8], object: &str) -> Option<(&'a [u8], &'a [u8])> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let size: usize = head.strip_prefix(object)?.strip_prefix(" blob ")?.parse().ok()?;
    let rest = answer.get(end + 1..)?;
    Some((rest.get(..size)?, rest.get(size + 1..)?))
}

fn is_hash(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit())
}

fn command() -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "false")
        .env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
        .env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command
}

/// Runs it to its end, and returns what it said: at most so many bytes.
async fn run(command: &mut Command, input: &[u8], most: usize) -> anyhow::Result<Vec<u8>> {
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!(
            "the program `git` is not there: install it (package `git`), or use [policies] folder"
        ),
        _ => anyhow::Error::new(error).context("git cannot be run"),
    })?;
    // Ended with all that it has started, be it because nobody waits any more.
    let mut group = ProcessGroup::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let told = async {
        if let Some(mut stdin) = stdin {
            // It need not listen: then the pipe breaks.
            let _ = stdin.write_all(input).await;
        }
    };
    let whole = async {
        let (said, complained, ()) = tokio::join!(listen(stdout, most), listen(stderr, MOST), told);
        child.wait().await.map(|status| (status, said, complained))
    };
    let Ok(ended) = timeout(LIMIT, whole).await else {
        bail!("git did not end within {} s", LIMIT.as_secs());
    };
    let (status, said, complained) = ended.context("git cannot be waited for")?;
    group.leave_alone();
    if !status.success() {
        let complained = String::from_utf8_lossy(&complained).trim().to_owned();
        bail!("git says: {}", complained.chars().take(MOST_TOLD).collect::<String>());
    }
    ensure!(said.len() <= most, "git says more than {most} bytes");
    Ok(said)
}

/// At most one byte more than `most`; the rest is read and forgotten.
async fn listen(pipe: Option<impl AsyncRead + Unpin>, most: usize) -> Vec<u8> {
    let (mut said, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    let Some(mut pipe) = pipe else { return said };
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        let room = (most + 1).saturating_sub(said.len());
        said.extend(chunk.get(..length).unwrap_or_default().iter().take(room));
    }
    said
}
