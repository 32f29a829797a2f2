//! `innkeeper backup` and `restore`: everything in the store into one file,
//! and back.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use serde_json::json;

use super::{
    output::{self, Progress},
    runtime::runtime,
};
use crate::{
    app::{compose, system::SystemClock},
    config::{self, Config},
    ports::clock::Clock as _,
    store::backup::{self, Contents, Reader},
};

/// How many rows pass between two words about it.
const WORD: u64 = 1_000;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["config", "verify"]))]
pub(super) struct BackupArguments {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only read a backup, and say what is in it
    #[arg(long)]
    verify: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The backup; `-` for standard output (or input)
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The backup; `-` for standard input
    file: PathBuf,
}

pub(super) fn backup(arguments: &BackupArguments) -> anyhow::Result<ExitCode> {
    let file = arguments.file.as_path();
    let Some(config) = arguments.config.as_ref().filter(|_| !arguments.verify) else {
        return verify(file, arguments.json);
    };
    let config = Config::load(config, &config::environment())?;
    let contents = runtime()?.block_on(write(&config, file))?;
    // Standard output may be the backup.
    if file != Path::new("-") {
        print("Backed up", &contents, arguments.json);
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(file: &Path, json: bool) -> anyhow::Result<ExitCode> {
    match backup::check(open(file)?) {
        Ok(contents) => {
            print("A whole backup", &contents, json);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let error = anyhow::Error::new(error).context(shown(file));
            output::error(&error);
            Ok(ExitCode::FAILURE)
        }
    }
}

pub(super) fn restore(arguments: &RestoreArguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    let file = arguments.file.as_path();
    let mut reader = Reader::open(open(file)?).with_context(|| shown(file))?;
    let progress = Progress::new();
    let mut tell = |rows: u64| tell(&progress, "restored", rows);
    let now = SystemClock.now();
    let restored =
        runtime()?.block_on(compose::restore_store(&config, &mut reader, now, &mut tell));
    progress.clear();
    let contents = restored?;
    print("Restored", &contents, arguments.json);
    if !arguments.json {
        output::line(
            "Nothing is done about what is in the store until you say so: start the service, \
             which only listens,\nlook at `innkeeper reconcile`, and then let it go on with \
             `innkeeper reconcile --go-on`.",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The backup is there whole or not at all.
async fn write(config: &Config, file: &Path) -> anyhow::Result<Contents> {
    let progress = Progress::new();
    let mut tell = |rows: u64| tell(&progress, "backed up", rows);
    let now = SystemClock.now();
    if file == Path::new("-") {
        let out = BufWriter::new(io::stdout());
        let written = compose::back_up_store(config, out, now, &mut tell).await;
        progress.clear();
        return Ok(written?);
    }
    let failed = || format!("could not write {}", file.display());
    let mut name = file.file_name().with_context(|| shown(file))?.to_owned();
    name.push(".partial");
    let partial = file.with_file_name(name);
    // Only the owner may read what people wrote. One left by an earlier try
    // might be readable by others, so it is not used again.
    let _ = fs::remove_file(&partial);
    let out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .with_context(failed)?;
    let mut buffer = BufWriter::new(&out);
    let written = compose::back_up_store(config, &mut buffer, now, &mut tell).await;
    progress.clear();
    let finished = match written {
        Ok(contents) => buffer
            .flush()
            .and_then(|()| out.sync_all())
            .and_then(|()| fs::rename(&partial, file))
            .and_then(|()| sync_folder(file))
            .with_context(failed)
            .map(|()| contents),
        Err(error) => Err(error.into()),
    };
    if finished.is_err() {
        let _ = fs::remove_file(&partial);
    }
    finished
}

/// A name in a folder survives a power cut only if the folder was written.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn open(file: &Path) -> anyhow::Result<Box<dyn io::BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = File::open(file).with_context(|| format!("could not read {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

fn shown(file: &Path) -> String {
    format!("{} cannot be used", file.display())
}

fn tell(progress: &Progress, what: &str, rows: u64) {
    if rows.is_multiple_of(WORD) {
        progress.show(&format!("{rows} rows {what}"));
    }
}

fn print(what: &str, contents: &Contents, json: bool) {
    if json {
        return output::line(json!(contents));
    }
    let count = |table: &str| contents.rows.get(table).copied().unwrap_or(0);
    output::line(format_args!(
        "{what}: {} requests, {} leases, {} audit entries, {} rows in all, as they were at {} \
         (version {}, schema {}).",
        count("requests"),
        count("leases"),
        count("audit_log"),
        contents.total(),
        contents.taken_at,
        contents.version,
        contents.migration,
    ));
    output::line(format_args!("SHA-256 of its rows: {}", contents.sha256));
}
