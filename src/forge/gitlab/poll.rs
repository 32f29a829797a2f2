//! Which issues changed since a moment.

use std::collections::BTreeMap;

use gitlab::api::{
    ApiError,
    common::SortOrder,
    projects::issues::{IssueOrderBy, Issues},
};

use super::{
    entities::ListedIssue,
    pages,
    transport::{Transport, TransportError},
};
use crate::identity::{ProjectId, Timestamp};

/// Far more rounds than any outage makes changes; each reads up to 100 issues.
const MOST_ROUNDS: usize = 1_000;

/// Issues of `project` changed at or after `since`, oldest change first.
///
/// Counting pages would lose issues: one that changes while we read moves to
/// the end and pulls the others forward, past the page boundary. So each round
/// asks again from the last moment seen, and pages are counted only while a
/// whole page carries one and the same moment.
pub(super) async fn updated_since(
    transport: &Transport,
    project: ProjectId,
    since: Timestamp,
) -> Result<Vec<ListedIssue>, ApiError<TransportError>> {
    let mut seen: BTreeMap<u64, Timestamp> = BTreeMap::new();
    let mut from = since;
    let mut next = None;
    for _ in 0..MOST_ROUNDS {
        let url = match next.take() {
            Some(url) => url,
            None => start(transport, project, from)?,
        };
        let page: pages::Page<ListedIssue> = pages::get(transport, url).await?;
        let latest = page.items.iter().map(|issue| issue.updated_at).max().unwrap_or(from);
        seen.extend(page.items.into_iter().map(|issue| (issue.iid, issue.updated_at)));
        let Some(following) = page.next else {
            let mut issues: Vec<_> =
                seen.into_iter().map(|(iid, updated_at)| ListedIssue { iid, updated_at }).collect();
            issues.sort_by_key(|issue| (issue.updated_at, issue.iid));
            return Ok(issues);
        };
        if latest > from {
            from = latest;
        } else {
            next = Some(following);
        }
    }
    Err(ApiError::client(TransportError::TooLarge))
}

fn start(
    transport: &Transport,
    project: ProjectId,
    since: Timestamp,
) -> Result<url::Url, ApiError<TransportError>> {
    let endpoint = Issues::builder()
        .project(project.0)
        .updated_after(since)
        .order_by(IssueOrderBy::UpdatedAt)
        .sort(SortOrder::Ascending)
        .build()
        .map_err(TransportError::request)?;
    pages::first(transport, &endpoint)
}
