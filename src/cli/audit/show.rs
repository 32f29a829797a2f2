//! `innkeeper audit show`: one entry, and what its digest is of.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::{output, piece, runtime};
use crate::{
    app::compose,
    config::{self, Config},
    identity::Digest,
    ports::store::{AuditEntry, Store},
    request::Request,
};

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The configuration file of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The entry, counted from 1
    number: u64,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown {
    entry: AuditEntry,
    /// The issue of its request.
    page: Option<String>,
    /// The digest it is about, as it stands on the issue; `None` when nothing
    /// that is stored has it any more.
    digest: Option<Digest>,
    /// What has that digest.
    of: Vec<String>,
}

pub(super) fn show(arguments: &Show) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config, &config::environment())?;
    let shown = runtime()?.block_on(async {
        let store = compose::present_store(&config).await?;
        read(store.as_ref(), arguments.number).await
    })?;
    if arguments.json {
        output::line(serde_json::to_string_pretty(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    let Shown { entry, page, digest, of } = shown;
    output::line(serde_json::to_string(&entry)?);
    if let Some(page) = page {
        output::line(format_args!("issue: {}", output::printable(&page)));
    }
    match (digest, entry.note.digest) {
        (Some(digest), _) => output::line(format_args!("about {digest}: {}", of.join(", "))),
        (None, Some(_)) => output::line(
            "about something that is not stored any more: an earlier description, or of somebody \
             who was forgotten",
        ),
        (None, None) => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(store: &dyn Store, number: u64) -> anyhow::Result<Shown> {
    let entries = piece(store, number).await?;
    let entry = entries.into_iter().next().filter(|entry| entry.number == number);
    let entry = entry.with_context(|| format!("there is no entry {number}"))?;
    let request = match entry.note.request {
        Some(id) => store.request(id).await?.map(|request| request.value),
        None => None,
    };
    let mut shown = Shown { entry, page: None, digest: None, of: Vec::new() };
    let (Some(request), Some(logged)) = (request, shown.entry.note.digest) else {
        return Ok(shown);
    };
    for (digest, of) in candidates(store, &request).await? {
        // The first versions did not seal them.
        let sealed = request.salt.map(|salt| salt.seal(&digest));
        if sealed == Some(logged) || digest == logged {
            shown.digest = Some(digest);
            shown.of.push(of);
        }
    }
    shown.page = Some(request.web_url);
    Ok(shown)
}

/// Everything about a request that has a digest.
async fn candidates(store: &dyn Store, request: &Request) -> anyhow::Result<Vec<(Digest, String)>> {
    let mut all = Vec::new();
    all.extend(
        request.verdict.digest().map(|digest| (digest, "what the issue asks for".to_owned())),
    );
    for approval in &request.approvals {
        all.push((approval.digest, format!("what account {} approved", approval.by.id)));
    }
    for id in &request.leases {
        let lease = store.lease(*id).await?.map(|lease| lease.value);
        all.extend(lease.map(|it| (it.digest, format!("the terms of `{}`", it.order.key.name))));
    }
    Ok(all)
}
