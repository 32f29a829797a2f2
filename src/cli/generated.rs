//! Files that are made from cookbooks and kept beside them.

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context as _;

use super::output;

/// Writes each file that is not as it should be, by name and text, and says so.
/// With `check` nothing is written, and the exit code tells whether all were.
pub(super) fn bring_up_to_date(
    folder: &Path,
    files: &[(String, String)],
    check: bool,
) -> anyhow::Result<ExitCode> {
    let mut stale = 0;
    for (name, text) in files {
        let path = folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|present| present == *text) {
            output::line(format_args!("{}: up to date", path.display()));
            continue;
        }
        stale += 1;
        if check {
            output::line(format_args!("{}: not up to date", path.display()));
            continue;
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("could not make {}", folder.display()))?;
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        output::line(format_args!("{}: written", path.display()));
    }
    Ok(if check && stale > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
