//! `innkeeper audit`: whether the audit log is whole, and its entries for
//! other programs.

mod show;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write as _},
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
};

use anyhow::{Context as _, ensure};
use clap::{ArgGroup, Args, Subcommand};

use super::{output, runtime::runtime};
use crate::{
    app::compose,
    config::{self, Config},
    identity::Digest,
    ports::store::{AuditEntry, Store},
    store::audit_chain,
};

/// How many entries are held at a time.
const PIECE: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that no entry was changed, removed or inserted
    #[command(
        after_help = "Examples:\n  innkeeper audit verify --config innkeeper.toml\n  innkeeper audit verify --config innkeeper.toml --expect 1204:9f31c0...    was this entry there, and is it still?\n  innkeeper audit verify --file audit.jsonl                                 an exported log\n\nKeep the last line it prints elsewhere: a log that was cut off, or rewritten from some entry on, is found by --expect alone.\n\nExit codes: 0 whole, 1 broken or not as expected, 2 unreadable"
    )]
    Verify(Verify),
    /// Print the entries, one JSON object a line
    #[command(
        after_help = "Examples:\n  innkeeper audit export --config innkeeper.toml > audit.jsonl\n  innkeeper audit export --config innkeeper.toml --from 1205 >> audit.jsonl    what came since"
    )]
    Export(Export),
    /// Print one entry, and what its digest is of
    #[command(
        after_help = "Examples:\n  innkeeper audit show --config innkeeper.toml 1204\n\nThe log holds digests sealed with a secret of their request, so that nothing in it can be matched with a person who was forgotten. As long as the request has its secret, this opens them."
    )]
    Show(show::Show),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("log").required(true).args(["config", "file"]))]
struct Verify {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A log that `audit export` printed, from its first entry on
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// An entry that must be there with this hash; repeat it for more
    #[arg(long, value_name = "NUMBER:HASH")]
    expect: Vec<Expected>,
}

#[derive(Debug, Args)]
struct Export {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The first entry, counted from 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    from: u64,
}

/// An entry as somebody noted it down.
#[derive(Clone, Debug)]
struct Expected {
    number: u64,
    hash: Digest,
}

impl FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "write the entry's number, a colon and its hash".to_owned();
        let (number, hash) = text.split_once(':').ok_or_else(wrong)?;
        let number = number.parse().map_err(|_| wrong())?;
        Ok(Self { number, hash: Digest::try_from(hash.to_owned())? })
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Verify(arguments) => verify(arguments),
        Command::Show(arguments) => show::show(arguments),
        Command::Export(arguments) => {
            runtime()?.block_on(export(arguments))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verify(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let mut check = Check { last: None, expected: arguments.expect.clone(), wrong: Vec::new() };
    if let Some(file) = &arguments.file {
        let log = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        lines(BufReader::new(log), |entry| check.take(&[entry]))?;
    } else if let Some(config) = &arguments.config {
        runtime()?.block_on(stored(config, 1, |entries| {
            check.take(entries);
            Ok(())
        }))?;
    }
    check.finish();
    let newest = check.last.as_ref().map_or_else(
        || "the audit log is empty".to_owned(),
        |last| format!("{}:{}", last.number, last.hash),
    );
    for wrong in &check.wrong {
        output::line(wrong);
    }
    if check.wrong.is_empty() {
        output::line(format_args!("the audit log is whole, up to\n{newest}"));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// A chain that is gone through, and what is wrong with it.
struct Check {
    last: Option<AuditEntry>,
    expected: Vec<Expected>,
    wrong: Vec<String>,
}

impl Check {
    /// What comes next. Nothing more is said of a log after its first break.
    fn take(&mut self, entries: &[AuditEntry]) {
        if !self.wrong.is_empty() {
            return;
        }
        if let Err(broken) = audit_chain::verify_after(self.last.as_ref(), entries) {
            self.wrong.push(broken.to_string());
            return;
        }
        for entry in entries {
            let found = self.expected.iter().position(|expected| expected.number == entry.number);
            if let Some(expected) = found.map(|index| self.expected.remove(index))
                && expected.hash != entry.hash
            {
                let number = entry.number;
                self.wrong.push(format!("entry {number} has another hash: the log was rewritten"));
            }
        }
        self.last = entries.last().cloned().or(self.last.take());
    }

    /// There is nothing more.
    fn finish(&mut self) {
        if self.wrong.is_empty() {
            let missing = self.expected.drain(..).map(|expected| expected.number);
            self.wrong.extend(
                missing.map(|number| format!("entry {number} is missing: the log was cut off")),
            );
        }
    }
}

fn lines(log: impl BufRead, mut take: impl FnMut(AuditEntry)) -> anyhow::Result<()> {
    for (index, line) in log.lines().enumerate() {
        let number = index + 1;
        let line = line.with_context(|| format!("line {number} cannot be read"))?;
        let entry = serde_json::from_str(&line)
            .with_context(|| format!("line {number} is not an entry of an audit log"))?;
        take(entry);
    }
    Ok(())
}

async fn export(arguments: &Export) -> anyhow::Result<()> {
    ensure!(arguments.from > 0, "entries are counted from 1");
    stored(&arguments.config, arguments.from, |entries| {
        let mut out = io::stdout().lock();
        for entry in entries {
            serde_json::to_writer(&mut out, entry)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })
    .await
}

/// Goes through the log of the configured store, piece by piece.
async fn stored(
    config: &std::path::Path,
    from: u64,
    mut take: impl FnMut(&[AuditEntry]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let config = Config::load(config, &config::environment())?;
    let store = compose::present_store(&config).await?;
    let mut next = from;
    loop {
        let entries = piece(store.as_ref(), next).await?;
        let Some(last) = entries.last() else { return Ok(()) };
        next = last.number + 1;
        take(&entries)?;
    }
}

async fn piece(store: &dyn Store, from: u64) -> anyhow::Result<Vec<AuditEntry>> {
    Ok(store.audit_log(from, PIECE).await?)
}
