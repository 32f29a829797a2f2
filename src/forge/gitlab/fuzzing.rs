//! For the fuzzer: everything that is read of GitLab's answers.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::entities::{
    Account, Award, Changed, Issue, ListedIssue, ListedProject, Member, Note, Posted, SshKey,
};
use crate::identity::{IssueNumber, IssueRef, ProjectId, Timestamp};

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
pub fn answer(answer: &[u8], now: Timestamp) {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return };
    let reference =
        IssueRef { forge: "gitlab".into(), project: ProjectId(7), number: IssueNumber(3) };
    for account in read::<Account>(&answer) {
        let _ = account.person();
        assert!(!(account.is_automated() && account.is_active_person()));
    }
    for issue in read::<Issue>(&answer) {
        let _ = issue.into_port(reference.clone());
    }
    let notes = read::<Note>(&answer);
    let _ = notes.iter().filter(|note| note.as_systems().is_some()).count();
    let count = notes.len();
    assert!(Note::into_discussion(notes).notes.len() <= count);
    for member in read::<Member>(&answer) {
        let _ = (member.user(), member.is_person());
        assert!(!member.counts(&[], now));
    }
    for key in read::<SshKey>(&answer) {
        let _ = key.signs_in(now);
    }
    for award in read::<Award>(&answer) {
        let _ = award.into_port();
    }
    for project in read::<ListedProject>(&answer) {
        let _ = project.is_in_use();
    }
    let _ = read::<Posted>(&answer).iter().filter(|posted| posted.is_internal()).count();
    let _ = (read::<Changed>(&answer), read::<ListedIssue>(&answer));
}
