//! Which issues changed since a moment.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{SubsecRound as _, TimeDelta};
use http::{HeaderValue, StatusCode, header::ETAG};
use url::Url;

use super::{
    client::Client,
    credentials::Whom,
    entities::ListedIssue,
    pages,
    transport::{Answer, Outgoing, TransportError},
};
use crate::identity::{IssueNumber, ProjectId, Timestamp};

/// Far more rounds than any outage makes changes; each reads up to 100 issues.
const MOST_ROUNDS: usize = 1_000;

/// What each repository's list was when it was last read. Asking whether it is
/// still the same costs nothing of GitHub's hourly limit if it is.
#[derive(Default)]
pub(super) struct Memory(Mutex<BTreeMap<ProjectId, Remembered>>);

#[derive(Clone)]
struct Remembered {
    url: Url,
    etag: HeaderValue,
    since: Timestamp,
    issues: Vec<(IssueNumber, Timestamp)>,
}

impl Memory {
    fn recall(&self, project: ProjectId) -> Option<Remembered> {
        self.lock().get(&project).cloned()
    }

    fn keep(&self, project: ProjectId, remembered: Option<Remembered>) {
        match remembered {
            Some(remembered) => self.lock().insert(project, remembered),
            None => self.lock().remove(&project),
        };
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ProjectId, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Issues of `project` changed at or after `since`, oldest change first.
///
/// Counting pages would lose issues: one that changes while we read moves to
/// the end and pulls the others forward, past the page boundary. So each round
/// asks again from the last moment seen, and pages are counted only while a
/// whole page carries one and the same moment.
pub(super) async fn updated_since(
    client: &Client,
    memory: &Memory,
    project: ProjectId,
    since: Timestamp,
) -> Result<Vec<(IssueNumber, Timestamp)>, TransportError> {
    // GitHub's times are whole seconds.
    let since = since.trunc_subsecs(0);
    let known = memory.recall(project).filter(|known| known.since <= since);
    let begin = known.as_ref().map_or(since, |known| known.since);
    let first = start(client, project, begin).await?;
    let known = known.filter(|known| known.url == first);
    let unless = known.as_ref().map(|known| known.etag.clone());
    let outgoing = Outgoing { unless, ..Outgoing::get(first.clone()) };
    let mut page = client.get_unless(Whom::Repository(project), outgoing).await?;
    if let (Some(known), StatusCode::NOT_MODIFIED) = (known, page.status) {
        return Ok(after(since, known.issues));
    }
    memory.keep(project, None);
    let mut seen: BTreeMap<IssueNumber, Timestamp> = BTreeMap::new();
    let mut from = begin;
    for round in 0..MOST_ROUNDS {
        let listed: Vec<ListedIssue> = page.json()?;
        let latest = listed.iter().map(|issue| issue.updated_at).max().unwrap_or(from);
        let issues = listed.into_iter().filter(|issue| !issue.is_pull_request());
        seen.extend(issues.map(|issue| (IssueNumber(issue.number), issue.updated_at)));
        let Some(following) = pages::following(&page)? else {
            let mut issues: Vec<_> = seen.into_iter().collect();
            issues.sort_by_key(|(number, changed)| (*changed, *number));
            // A list that began earlier than asked for is not kept growing.
            if round == 0 && begin == since {
                memory.keep(project, remembered(&first, &page, since, &issues));
            }
            return Ok(after(since, issues));
        };
        let url = if latest > from { start(client, project, latest).await? } else { following };
        from = latest;
        page = client.get(Whom::Repository(project), url).await?;
    }
    Err(TransportError::TooLarge)
}

fn after(
    since: Timestamp,
    mut issues: Vec<(IssueNumber, Timestamp)>,
) -> Vec<(IssueNumber, Timestamp)> {
    issues.retain(|(_, changed)| *changed >= since);
    issues
}

fn remembered(
    asked: &Url,
    page: &Answer,
    since: Timestamp,
    issues: &[(IssueNumber, Timestamp)],
) -> Option<Remembered> {
    // Of a renamed repository, the list is remembered once its name is known.
    let etag = page.headers.get(ETAG).filter(|_| page.url == *asked)?.clone();
    Some(Remembered { url: asked.clone(), etag, since, issues: issues.to_vec() })
}

/// GitHub says that it lists what changed "after" that moment; whether it means
/// to include the moment itself must not matter.
async fn start(
    client: &Client,
    project: ProjectId,
    since: Timestamp,
) -> Result<Url, TransportError> {
    let mut url = client.url_in(project, &["issues"]).await?;
    let before = since - TimeDelta::seconds(1);
    url.query_pairs_mut()
        .append_pair("state", "all")
        .append_pair("since", &before.format("%Y-%m-%dT%H:%M:%SZ").to_string())
        .append_pair("sort", "updated")
        .append_pair("direction", "asc");
    Ok(pages::full(url))
}
