//! `innkeeper doctor`: whether everything is as it has to be. Nothing is
//! changed anywhere.

mod checks;

use std::{
    cell::RefCell, collections::BTreeSet, path::PathBuf, process::ExitCode, sync::Arc,
    time::Duration,
};

use anyhow::bail;
use clap::Args;
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use serde::Serialize;

use super::{
    output::{self, Paint, Progress, printable},
    runtime::runtime,
};
use crate::{
    app::policies,
    config::{self, Config},
    cookbook::{Cookbooks, diagnostic::nearest},
    identity::ProviderName,
    ports::finding::{Finding, Grade},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Look at this provider only
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Something to look at.
struct Check {
    title: String,
    /// What takes longer is not waited for.
    limit: Duration,
    work: BoxFuture<'static, Vec<Finding>>,
}

/// What a look at something found.
#[derive(Debug, Serialize)]
struct Section {
    title: String,
    findings: Vec<Finding>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether nothing is wrong.
    well: bool,
    sections: &'a [Section],
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Arc::new(Config::load(&arguments.config, &config::environment())?);
    let runtime = runtime()?;
    let cookbooks = runtime.block_on(policies::load(&config));
    let checks = match &arguments.provider {
        Some(name) => vec![one_provider(&config, name, cookbooks.ok().as_ref())?],
        None => checks::all(&config, &arguments.config, cookbooks),
    };
    let sections = runtime.block_on(carry_out(checks));
    // A call that hangs keeps its thread: the rest does not wait for it.
    runtime.shutdown_background();
    let worst =
        sections.iter().flat_map(|section| &section.findings).map(|found| found.grade).max();
    let well = worst != Some(Grade::Bad);
    if arguments.json {
        output::line(serde_json::to_string_pretty(&Report { well, sections: &sections })?);
    } else {
        print(&sections);
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn one_provider(
    config: &Arc<Config>,
    name: &str,
    cookbooks: Option<&Cookbooks>,
) -> anyhow::Result<Check> {
    let wanted = ProviderName::from(name);
    if !config.providers.contains_key(&wanted) {
        let known = config.providers.keys().map(ProviderName::as_str);
        match nearest(name, known) {
            Some(meant) => bail!("there is no provider `{name}`; did you mean `{meant}`?"),
            None => bail!("there is no provider `{name}` in the configuration"),
        }
    }
    Ok(checks::provider(config, &wanted, cookbooks))
}

/// Looks at everything at once, so that one host that hangs delays nothing
/// else. The sections are in the order of the checks.
async fn carry_out(checks: Vec<Check>) -> Vec<Section> {
    let progress = Progress::new();
    let titles: Vec<String> = checks.iter().map(|check| check.title.clone()).collect();
    let left: RefCell<BTreeSet<&str>> = RefCell::new(titles.iter().map(String::as_str).collect());
    let tell = || {
        let left = left.borrow();
        let names: Vec<&str> = left.iter().copied().collect();
        progress.show(&format!("looking at {}", names.join(", ")));
    };
    tell();
    let mut running: FuturesUnordered<_> = checks
        .into_iter()
        .enumerate()
        .map(|(index, Check { title, limit, work })| async move {
            let findings = tokio::time::timeout(limit, work).await;
            (index, Section { title, findings: findings.unwrap_or_else(|_| vec![silent(limit)]) })
        })
        .collect();
    let mut done = Vec::with_capacity(titles.len());
    while let Some((index, section)) = running.next().await {
        left.borrow_mut().remove(section.title.as_str());
        tell();
        done.push((index, section));
    }
    progress.clear();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, section)| section).collect()
}

fn silent(limit: Duration) -> Finding {
    Finding::bad(
        format!("It did not answer within {} s.", limit.as_secs()),
        "See whether it hangs, and whether a firewall drops what is sent there.",
    )
}

fn print(sections: &[Section]) {
    let paint = Paint::new();
    for section in sections {
        output::line(paint.bold(&section.title));
        for finding in &section.findings {
            let word = match finding.grade {
                Grade::Good => paint.green("ok     "),
                Grade::Doubtful => paint.yellow("look at"),
                Grade::Bad => paint.red("wrong  "),
            };
            let mut what = finding.what.lines();
            output::line(format_args!("  {word}  {}", printable(what.next().unwrap_or_default())));
            for line in what.chain(finding.advice.as_deref().unwrap_or_default().lines()) {
                output::line(format_args!("           {}", printable(line)));
            }
        }
    }
    let count = |grade| {
        sections.iter().flat_map(|section| &section.findings).filter(|f| f.grade == grade).count()
    };
    output::line(match (count(Grade::Bad), count(Grade::Doubtful)) {
        (0, 0) => paint.green("Everything is as it has to be."),
        (0, doubtful) => paint.yellow(&format!("Nothing is wrong; to look at: {doubtful}.")),
        (bad, doubtful) => paint.red(&format!("Wrong: {bad}; to look at: {doubtful}.")),
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt as _;

    use super::{Check, carry_out};
    use crate::ports::finding::{Finding, Grade};

    fn check(title: &str, work: impl Future<Output = Vec<Finding>> + Send + 'static) -> Check {
        Check { title: title.to_owned(), limit: Duration::from_millis(20), work: work.boxed() }
    }

    #[tokio::test]
    async fn what_hangs_holds_up_nothing_else_and_is_said_to_be_wrong() {
        let good = || async { vec![Finding::good("Fine.")] };
        let checks = vec![
            check("one", good()),
            check("two", std::future::pending()),
            check("three", good()),
        ];
        let sections = carry_out(checks).await;
        let found: Vec<_> =
            sections.iter().map(|one| (one.title.as_str(), one.findings[0].grade)).collect();
        assert_eq!(found, [("one", Grade::Good), ("two", Grade::Bad), ("three", Grade::Good)]);
        assert!(sections[1].findings[0].what.contains("did not answer"));
    }
}
