//! Who changed an issue's description.
//!
//! The REST API does not tell that a description was edited, let alone by
//! whom; only GraphQL does. Where GraphQL cannot be asked, or does not know an
//! editor, [`SOMEBODY`] is reported: then the description does not count as its
//! author's own words, which is the cautious side.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{client::Client, transport::TransportError};
use crate::identity::{IssueRef, UserId};

/// An editor whom GitHub does not name. No account has this number.
pub const SOMEBODY: UserId = UserId(0);

const QUERY: &str = "\
query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) {
      lastEditedAt
      userContentEdits(first: 100) {
        totalCount
        nodes { editor { ... on User { databaseId } ... on Bot { databaseId } } }
      }
    }
  }
}";

#[derive(Debug, Deserialize)]
struct Reply {
    data: Option<Data>,
    errors: Option<Vec<Problem>>,
}

#[derive(Debug, Deserialize)]
struct Data {
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    issue: Option<Issue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issue {
    last_edited_at: Option<Value>,
    user_content_edits: Option<Edits>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edits {
    total_count: usize,
    nodes: Vec<Option<Edit>>,
}

#[derive(Debug, Deserialize)]
struct Edit {
    editor: Option<Editor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Editor {
    database_id: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Problem {
    r#type: Option<String>,
    message: Option<String>,
}

impl Issue {
    fn editors(self) -> Vec<UserId> {
        if self.last_edited_at.is_none() {
            return Vec::new();
        }
        let Some(edits) = self.user_content_edits else { return vec![SOMEBODY] };
        let known = |edit: Option<Edit>| edit?.editor?.database_id.map(UserId);
        let complete = !edits.nodes.is_empty() && edits.nodes.len() >= edits.total_count;
        let mut editors: Vec<UserId> =
            edits.nodes.into_iter().map(|edit| known(edit).unwrap_or(SOMEBODY)).collect();
        if !complete {
            editors.push(SOMEBODY);
        }
        editors.sort_unstable();
        editors.dedup();
        editors
    }
}

/// Everybody who changed the description since it was filed, the author
/// perhaps among them.
pub(super) async fn editors(
    client: &Client,
    issue: &IssueRef,
) -> Result<Vec<UserId>, TransportError> {
    let name = client.name(issue.project).await?;
    let (owner, name) = name.split_once('/').unwrap_or((&name, ""));
    let variables = json!({"owner": owner, "name": name, "number": issue.number.0});
    let query = json!({"query": QUERY, "variables": variables});
    let reply: Reply = match client.graphql(issue.project, query).await {
        Ok(reply) => reply,
        // It will be refused again: there is nothing to wait for.
        Err(error) if is_final(&error) => {
            tracing::warn!(%issue, %error, "cannot ask who edited the description");
            return Ok(vec![SOMEBODY]);
        }
        Err(error) => return Err(error),
    };
    if let Some(problem) = reply.errors.iter().flatten().next() {
        if problem.r#type.as_deref() == Some("RATE_LIMITED") {
            return Err(TransportError::limited("GraphQL is asked too often"));
        }
        let problem = problem.message.as_deref().unwrap_or("without a reason");
        tracing::warn!(%issue, problem, "cannot ask who edited the description");
    }
    let issue = reply.data.and_then(|data| data.repository?.issue);
    Ok(issue.map_or_else(|| vec![SOMEBODY], Issue::editors))
}

fn is_final(error: &TransportError) -> bool {
    matches!(
        error,
        TransportError::Refused { status, limited: false, .. }
            if status.is_client_error() && *status != http::StatusCode::UNAUTHORIZED
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editors_are_named_and_unknown_ones_counted_as_somebody() {
        let table = [
            (
                json!({"lastEditedAt": null, "userContentEdits": {"totalCount": 0, "nodes": []}}),
                vec![],
            ),
            (
                json!({"lastEditedAt": "2026-11-20T10:00:00Z", "userContentEdits": {"totalCount": 3,
                    "nodes": [{"editor": {"databaseId": 6}}, {"editor": {"databaseId": 5}},
                              {"editor": {"databaseId": 6}}]}}),
                vec![5, 6],
            ),
            (
                json!({"lastEditedAt": "2026-11-20T10:00:00Z", "userContentEdits": {"totalCount": 3,
                    "nodes": [{"editor": null}, null, {"editor": {"databaseId": 6}}]}}),
                vec![0, 6],
            ),
            (
                json!({"lastEditedAt": "2026-11-20T10:00:00Z", "userContentEdits": {"totalCount": 101,
                    "nodes": [{"editor": {"databaseId": 6}}]}}),
                vec![0, 6],
            ),
            (
                json!({"lastEditedAt": "2026-11-20T10:00:00Z",
                       "userContentEdits": {"totalCount": 0, "nodes": []}}),
                vec![0],
            ),
            (json!({"lastEditedAt": "2026-11-20T10:00:00Z"}), vec![0]),
        ];
        for (issue, expected) in table {
            let parsed: Issue = serde_json::from_value(issue.clone()).unwrap();
            let expected: Vec<_> = expected.into_iter().map(UserId).collect();
            assert_eq!(parsed.editors(), expected, "{issue}");
        }
    }
}
