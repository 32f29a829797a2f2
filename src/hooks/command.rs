//! Running a program: no shell, a clean environment, a process group of its
//! own that ends with it when it takes too long.

use std::{path::Path, pin::pin, process::Stdio, time::Duration};

use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use super::{
    Failure, ProcessGroup,
    heard::{Heard, Keep},
};
use crate::{
    hook::{first_line, last_line},
    ports::hooks::Input,
};

/// Where programs that hooks call are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long a program that has ended, or should have, is attended to: what it
/// left running may hold its output open for ever.
const LINGER: Duration = Duration::from_millis(200);

/// The most of its complaints that is logged, in characters.
const MOST_LOGGED: usize = 2_000;

/// One run of a program.
pub(super) struct Run<'a> {
    pub(super) hook: &'a str,
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [String],
    pub(super) input: &'a Input,
}

impl Run<'_> {
    /// Runs it to its end, and returns the first line it said.
    pub(super) async fn within(&self, limit: Duration, json: &[u8]) -> Result<String, Failure> {
        let mut child = self.start().map_err(Failure::Start)?;
        // Declared after the child, so that the group is ended while its
        // leader's number cannot be anybody else's.
        let mut group = ProcessGroup::of(&child);
        let (mut said, mut complained) = (Heard::new(Keep::First), Heard::new(Keep::Last));
        let ended = {
            let (stdin, stdout, stderr) =
                (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let mut talk = pin!(async {
                tokio::join!(tell(stdin, json), said.listen(stdout), complained.listen(stderr));
            });
            let run = async {
                tokio::select! {
                    status = child.wait() => {
                        let _ = timeout(LINGER, talk).await;
                        status
                    }
                    () = &mut talk => child.wait().await,
                }
            };
            timeout(limit, run).await
        };
        self.log(&complained);
        let Ok(ended) = ended else {
            drop(group);
            // What cannot be ended, such as another account's, is not waited for.
            let _ = timeout(LINGER, child.wait()).await;
            return Err(Failure::Slow(limit));
        };
        let status = ended.map_err(Failure::Wait)?;
        group.leave_alone();
        if status.success() {
            return Ok(first_line(&said.text()));
        }
        let how = status.code().map_or_else(
            || "it was ended by a signal".to_owned(),
            |code| format!("exit code {code}"),
        );
        Err(Failure::Exit { how, last: last_line(&complained.text()) })
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(self.program)
            .args(self.arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("INNKEEPER_HOOK", self.hook)
            .env("INNKEEPER_POINT", self.input.point.word())
            .env("INNKEEPER_MACHINE", &self.input.machine)
            .env("INNKEEPER_IDEMPOTENCY_KEY", &self.input.idempotency_key)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn log(&self, complained: &Heard) {
        let text = complained.text();
        let text = text.trim();
        if !text.is_empty() {
            let start = text.char_indices().rev().nth(MOST_LOGGED).map_or(0, |(at, _)| at);
            let stderr = text.get(start..).unwrap_or_default();
            tracing::info!(hook = self.hook, machine = self.input.machine, ?stderr, "a hook wrote");
        }
    }
}

/// A program need not listen: then the pipe breaks.
async fn tell(stdin: Option<ChildStdin>, json: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(json).await;
    }
}
