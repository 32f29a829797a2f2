//! For the fuzzer: everything that is read of GitHub's answers.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::entities::{
    Account, App, Comment, Installation, InstallationToken, InstalledRepositories, Issue,
    ListedIssue, Numbered, Permission, Reaction, Repository, SshKey, TeamMembership,
};
use crate::identity::{IssueNumber, IssueRef, ProjectId};

/// One of it, or a list.
fn read<T: DeserializeOwned>(answer: &Value) -> Vec<T> {
    let one = serde_json::from_value(answer.clone()).map(|one| vec![one]);
    one.or_else(|_| serde_json::from_value(answer.clone())).unwrap_or_default()
}

/// Reads it as each of the answers there are, and does with it what is done.
///
/// # Panics
///
/// When something of it does not hold that must.
pub fn answer(answer: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return };
    let reference =
        IssueRef { forge: "github".into(), project: ProjectId(7), number: IssueNumber(3) };
    for account in read::<Account>(&answer) {
        let _ = account.person();
        assert!(!(account.is_automated() && account.is_active_person()));
    }
    for issue in read::<Issue>(&answer).into_iter().filter(|issue| !issue.is_pull_request()) {
        let _ = issue.into_port(reference.clone());
    }
    let comments = read::<Comment>(&answer);
    let count = comments.len();
    assert_eq!(Comment::into_notes(comments).len(), count);
    for reaction in read::<Reaction>(&answer) {
        let _ = reaction.into_port();
    }
    for repository in read::<Repository>(&answer) {
        let _ = (repository.has_issues(), repository.is_frozen(), repository.is_of("tpo"));
        let _ = repository.lets_us_tend_issues();
    }
    for installation in read::<Installation>(&answer) {
        let _ = (installation.is_of("tpo"), installation.may_write("issues"));
    }
    for listed in read::<ListedIssue>(&answer) {
        let _ = listed.is_pull_request();
    }
    let _ = (read::<Numbered>(&answer), read::<Permission>(&answer), read::<SshKey>(&answer));
    let _ = (read::<TeamMembership>(&answer), read::<InstalledRepositories>(&answer));
    let _ = (read::<App>(&answer), read::<InstallationToken>(&answer));
}
