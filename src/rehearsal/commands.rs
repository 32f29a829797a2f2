//! What quick actions do to an issue, with the rights of whoever wrote them.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::editing::{DueDate, IssueUpdate};
use super::issue::{Issue, IssueState};
use super::quick_actions::QuickAction;
use super::state::{Act, State};

/// What a text's quick actions come to.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) update: IssueUpdate,
    /// As the API reports it.
    pub(super) changes: Map<String, Value>,
    /// "Closed this issue."
    pub(super) summary: Vec<String>,
    /// "Could not apply merge command."
    pub(super) failures: Vec<String>,
}

impl State {
    /// Interprets quick actions on an issue, or on one about to be created.
    pub(super) fn interpret(
        &self,
        act: &Act,
        project: u64,
        issue: Option<&Issue>,
        actions: &[QuickAction],
    ) -> Outcome {
        let tends = match issue {
            Some(_) => self.may_tend_issues(act.user, project),
            // A member may set the labels and dates of an issue they file.
            None => self.level(act.user, project).is_some(),
        };
        let updates = issue.is_none_or(|issue| self.may_update_issue(act.user, issue));
        let mut outcome = Outcome::default();
        for action in actions {
            let applied = match action.name.as_str() {
                "close" | "reopen" | "title" => updates && outcome.words_and_state(issue, action),
                "label" | "labels" | "unlabel" | "remove_label" | "relabel" => {
                    tends && outcome.labels(issue, action)
                }
                "due" | "remove_due_date" => tends && outcome.due_date(issue, action, self.today()),
                "assign" | "unassign" => tends && self.assign(&mut outcome, act, issue, action),
                "confidential" | "lock" | "unlock" => tends && outcome.switches(issue, action),
                _ => false,
            };
            if !applied {
                outcome.failures.push(format!("Could not apply {} command.", action.name));
            }
        }
        outcome
    }

    fn assign(
        &self,
        outcome: &mut Outcome,
        act: &Act,
        issue: Option<&Issue>,
        action: &QuickAction,
    ) -> bool {
        let present = issue.map(|issue| issue.assignees.clone()).unwrap_or_default();
        let mut assignees = outcome.update.assignees.take().unwrap_or(present);
        let named: Vec<u64> = action
            .argument
            .split_whitespace()
            .filter_map(|word| match word {
                "me" => Some(act.user),
                name => self.user_named(name.trim_start_matches('@')).map(|user| user.id),
            })
            .collect();
        let adding = action.name == "assign";
        let known = !named.is_empty() || (!adding && action.argument.is_empty());
        if adding {
            // Free allows one assignee an issue: the first one named.
            assignees = named.first().copied().into_iter().collect();
            outcome.summary.push(format!("Assigned {}.", action.argument));
        } else if action.argument.is_empty() {
            assignees.clear();
            outcome.summary.push("Removed all assignees.".to_owned());
        } else {
            assignees.retain(|user| !named.contains(user));
            outcome.summary.push(format!("Removed assignee {}.", action.argument));
        }
        if !known {
            outcome.summary.pop();
            return false;
        }
        outcome.changes.insert("assignee_ids".to_owned(), json!(assignees));
        outcome.update.assignees = Some(assignees);
        true
    }
}

impl Outcome {
    fn note(&mut self, attribute: &str, value: Value, summary: &str) -> bool {
        self.changes.insert(attribute.to_owned(), value);
        self.summary.push(summary.to_owned());
        true
    }

    fn words_and_state(&mut self, issue: Option<&Issue>, action: &QuickAction) -> bool {
        let state = issue.map(|issue| issue.state);
        match action.name.as_str() {
            "close" if state == Some(IssueState::Opened) => {
                self.update.state = Some(IssueState::Closed);
                self.note("state_event", json!("close"), "Closed this issue.")
            }
            "reopen" if state == Some(IssueState::Closed) => {
                self.update.state = Some(IssueState::Opened);
                self.note("state_event", json!("reopen"), "Reopened this issue.")
            }
            "title" if !action.argument.is_empty() => {
                let title = action.argument.clone();
                self.update.title = Some(title.clone());
                let summary = format!("Changed the title to \"{title}\".");
                self.note("title", json!(title), &summary)
            }
            _ => false,
        }
    }

    fn labels(&mut self, issue: Option<&Issue>, action: &QuickAction) -> bool {
        let names = label_names(&action.argument);
        let listed: Vec<String> = names.iter().map(|name| format!("~\"{name}\"")).collect();
        let listed = listed.join(" ");
        match action.name.as_str() {
            "label" | "labels" if !names.is_empty() => {
                self.update.add_labels.extend(names.clone());
                self.note("add_labels", json!(names), &format!("Added {listed}."))
            }
            "relabel" if !names.is_empty() => {
                self.update.labels = Some(names.clone());
                self.note("labels", json!(names), &format!("Replaced all labels with {listed}."))
            }
            "unlabel" | "remove_label" if names.is_empty() => {
                let all = issue.map(|issue| issue.labels.clone()).unwrap_or_default();
                self.update.remove_labels.extend(all.clone());
                self.note("remove_labels", json!(all), "Removed all labels.")
            }
            "unlabel" | "remove_label" => {
                self.update.remove_labels.extend(names.clone());
                self.note("remove_labels", json!(names), &format!("Removed {listed}."))
            }
            _ => false,
        }
    }

    fn due_date(&mut self, issue: Option<&Issue>, action: &QuickAction, today: NaiveDate) -> bool {
        if action.name == "remove_due_date" {
            return issue.is_some_and(|issue| issue.due_date.is_some()) && {
                self.update.due_date = Some(DueDate::None);
                self.note("due_date", Value::Null, "Removed the due date.")
            };
        }
        let date = match action.argument.as_str() {
            "today" => Some(today),
            "tomorrow" => today.succ_opt(),
            written => NaiveDate::parse_from_str(written, "%Y-%m-%d").ok(),
        };
        let Some(date) = date else { return false };
        self.update.due_date = Some(DueDate::On(date));
        let summary = format!("Set the due date to {}.", date.format("%b %-d, %Y"));
        self.note("due_date", json!(date.to_string()), &summary)
    }

    fn switches(&mut self, issue: Option<&Issue>, action: &QuickAction) -> bool {
        match action.name.as_str() {
            "confidential" if issue.is_none_or(|issue| !issue.confidential) => {
                self.update.confidential = Some(true);
                self.note("confidential", json!(true), "Made this issue confidential.")
            }
            "lock" if issue.is_some_and(|issue| !issue.discussion_locked) => {
                self.update.discussion_locked = Some(true);
                self.note("discussion_locked", json!(true), "Locked the discussion.")
            }
            "unlock" if issue.is_some_and(|issue| issue.discussion_locked) => {
                self.update.discussion_locked = Some(false);
                self.note("discussion_locked", json!(false), "Unlocked the discussion.")
            }
            _ => false,
        }
    }
}

/// The names in `~bug ~"two words" ~a::b`.
fn label_names(argument: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = argument.trim();
    while !rest.is_empty() {
        let body = rest.strip_prefix('~').unwrap_or(rest);
        let (name, tail) = match body.strip_prefix('"').and_then(|inside| inside.split_once('"')) {
            Some(split) => split,
            None => body.split_once([' ', ',']).unwrap_or((body, "")),
        };
        if !name.is_empty() {
            names.push(name.to_owned());
        }
        rest = tail.trim_start_matches([' ', ',']);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::label_names;

    #[test]
    fn label_names_may_be_quoted() {
        assert_eq!(label_names("~bug ~\"two words\" a::b"), ["bug", "two words", "a::b"]);
        assert_eq!(label_names(""), Vec::<String>::new());
    }
}
