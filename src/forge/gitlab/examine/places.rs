//! The projects and groups whose issues are looked at, and our role there.

use chrono::NaiveDate;
use gitlab::api::AsyncQuery as _;
use serde::Deserialize;

use super::{SOON, failed, hooks};
use crate::{
    cookbook::Principal,
    forge::gitlab::{GitLab, endpoints::Read, entities::Member, membership, projects},
    identity::{Person, ProjectId},
    ports::{PortError, Verdict, finding::Finding},
};

/// Roles that may change labels, due dates and confidentiality, see
/// confidential issues and write internal notes. A Security Manager (25) may not.
const TENDING: [u64; 5] = [15, 20, 30, 40, 50];

/// From here on GitLab shows a project's webhooks.
const MAINTAINER: u64 = 40;

#[derive(Deserialize)]
struct Project {
    path_with_namespace: String,
    #[serde(default)]
    archived: bool,
    issues_access_level: Option<String>,
    issues_enabled: Option<bool>,
    marked_for_deletion_on: Option<NaiveDate>,
}

pub(super) async fn project(gitlab: &GitLab, own: &Person, id: ProjectId) -> Vec<Finding> {
    let doing = format!("look at {}:{id}", gitlab.name);
    let asked = Read::at(format!("projects/{id}")).query_async(&gitlab.transport).await;
    let project: Project = match asked.map_err(gitlab.failed(doing)) {
        Ok(project) => project,
        Err(error) => return vec![unseen(&error, &format!("project {id}"), own)],
    };
    let called = format!("project {id} ({})", project.path_with_namespace);
    let mut findings = state(&project, &called);
    // A number stands for a project wherever its path does.
    let principal = Principal::Project(id.to_string());
    let level = role(gitlab, own, &principal, &called, &mut findings).await;
    if level.is_some_and(|level| level >= MAINTAINER) {
        findings.extend(hooks::of(gitlab, id, &called).await);
    }
    findings
}

/// What in the project itself is in the way.
fn state(project: &Project, called: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if project.archived {
        findings.push(Finding::bad(
            format!("The {called} is archived: nothing can be changed there."),
            "Unarchive it, or take it out of the configuration.",
        ));
    }
    if let Some(day) = project.marked_for_deletion_on {
        findings.push(Finding::bad(
            format!("The {called} is to be deleted since {day}."),
            "Restore it, or take it out of the configuration.",
        ));
    }
    let disabled = project.issues_access_level.as_deref() == Some("disabled")
        || project.issues_enabled == Some(false);
    if disabled {
        findings.push(Finding::bad(
            format!("Issues are switched off in {called}."),
            "Switch them on in its settings, under Visibility, project features, permissions.",
        ));
    }
    findings
}

pub(super) async fn group(gitlab: &GitLab, own: &Person, path: &str) -> Vec<Finding> {
    let called = format!("group {path}");
    let listed = match projects::of(gitlab, path).await {
        Ok(listed) => listed,
        Err(error) => return vec![unseen(&error, &called, own)],
    };
    let mut findings = vec![match listed.len() {
        0 => Finding::doubtful(
            format!("There is no project with issues in {called}, as far as we see."),
            format!("Make `{}` a Reporter there or more, or correct its path.", own.username),
        ),
        1 => Finding::good(format!("There is one project with issues in {called}.")),
        count => Finding::good(format!("There are {count} projects with issues in {called}.")),
    }];
    role(gitlab, own, &Principal::Group(path.to_owned()), &called, &mut findings).await;
    findings
}

fn unseen(error: &PortError, called: &str, own: &Person) -> Finding {
    if error.verdict == Verdict::Missing {
        return Finding::bad(
            format!("There is no {called}, or we may not see it."),
            format!("Correct it in the configuration, or make `{}` a member.", own.username),
        );
    }
    failed(error, "Try again.")
}

/// Our access level in a place; what there is to say of it joins the findings.
async fn role(
    gitlab: &GitLab,
    own: &Person,
    place: &Principal,
    called: &str,
    findings: &mut Vec<Finding>,
) -> Option<u64> {
    match membership::member(gitlab, own.id, place).await {
        Ok(member) => {
            let today = gitlab.clock.now().date_naive();
            findings.push(judge_role(member.as_ref(), own, called, today));
            member.map(|member| member.access_level)
        }
        Err(error) => {
            findings.push(failed(&error, "Try again."));
            None
        }
    }
}

fn judge_role(member: Option<&Member>, own: &Person, called: &str, today: NaiveDate) -> Finding {
    let advice = format!(
        "Make `{}` a Reporter or more there: else labels, due dates, confidential issues and \
         internal notes are out of reach.",
        own.username
    );
    let Some(member) = member else {
        return Finding::bad(format!("We are not a member of {called}."), advice);
    };
    let role = role_name(member.access_level);
    if !TENDING.contains(&member.access_level) {
        return Finding::bad(format!("We are only a {role} in {called}."), advice);
    }
    match member.expires_at {
        Some(day) if (day - today).num_days() <= SOON => Finding::doubtful(
            format!("We are a {role} in {called}, but only until {day}."),
            "Give the membership another end, or none.",
        ),
        _ => Finding::good(format!("We are a {role} in {called}.")),
    }
}

fn role_name(level: u64) -> &'static str {
    match level {
        5 => "member with minimal access",
        10 => "Guest",
        15 => "Planner",
        20 => "Reporter",
        25 => "Security Manager",
        30 => "Developer",
        40 => "Maintainer",
        50 => "Owner",
        _ => "member of an unknown kind",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{judge_role, state};
    use crate::{
        identity::{Person, UserId},
        ports::finding::Grade::{Bad, Doubtful, Good},
    };

    #[test]
    fn a_role_must_suffice_to_tend_issues() {
        let own = Person { id: UserId(9), username: "innkeeper".to_owned() };
        let today = "2026-11-21".parse().unwrap();
        let grade = |member: Option<serde_json::Value>| {
            let member = member.map(|member| serde_json::from_value(member).unwrap());
            judge_role(member.as_ref(), &own, "project 7", today).grade
        };
        assert_eq!(grade(None), Bad);
        let levels = [
            (5, Bad),
            (10, Bad),
            (15, Good),
            (20, Good),
            (25, Bad),
            (30, Good),
            (40, Good),
            (50, Good),
        ];
        for (level, expected) in levels {
            assert_eq!(grade(Some(json!({"access_level": level}))), expected, "{level}");
        }
        for (day, expected) in [("2026-12-21", Doubtful), ("2026-12-22", Good)] {
            let member = json!({"access_level": 20, "expires_at": day});
            assert_eq!(grade(Some(member)), expected, "{day}");
        }
    }

    #[test]
    fn a_project_must_have_issues_and_a_future() {
        let findings = |more: serde_json::Value| {
            let mut project = json!({"path_with_namespace": "tpo/tpa", "archived": false});
            project.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            state(&serde_json::from_value(project).unwrap(), "project 7 (tpo/tpa)").len()
        };
        assert_eq!(findings(json!({})), 0);
        assert_eq!(findings(json!({"issues_access_level": "private", "issues_enabled": true})), 0);
        assert_eq!(findings(json!({"issues_access_level": "disabled"})), 1);
        assert_eq!(findings(json!({"issues_enabled": false})), 1);
        assert_eq!(findings(json!({"archived": true})), 1);
        assert_eq!(findings(json!({"marked_for_deletion_on": "2026-11-01"})), 1);
    }
}
