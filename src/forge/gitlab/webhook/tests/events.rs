//! What GitLab sends in all its versions, and what of it is about an issue.

use serde_json::{Value, json};

use super::{Hint, headers, hint};
use crate::{
    identity::{IssueNumber, ProjectId},
    ports::intake::About,
};

/// An issue event as a recent GitLab sends it, changed by `more`.
fn issue_event(more: &Value) -> Value {
    let mut event = json!({
        "object_kind": "issue", "event_type": "issue",
        "user": {"id": 5, "username": "alice", "email": "[REDACTED]"},
        "project": {"id": 7, "path_with_namespace": "ops/machines"},
        "object_attributes": {
            "id": 903, "iid": 3, "project_id": 7, "type": "Issue", "state": "opened",
            "created_at": "2026-11-20T10:00:00.123Z", "due_date": null, "action": "update",
            "url": "https://git.example/ops/machines/-/work_items/3",
        },
        "changes": {},
    });
    merge(&mut event, more);
    event
}

fn note_event(more: &Value) -> Value {
    let mut event = json!({
        "object_kind": "note", "event_type": "note", "project_id": 7,
        "user": {"id": 5, "username": "alice"},
        "object_attributes": {"id": 41, "note": "hello", "noteable_type": "Issue", "action": "create"},
        "issue": {"id": 903, "iid": 3, "project_id": 7, "state": "opened"},
    });
    merge(&mut event, more);
    event
}

/// Lays `more` over `value`, field by field.
fn merge(value: &mut Value, more: &Value) {
    match (value, more) {
        (Value::Object(fields), Value::Object(more)) => {
            for (name, more) in more {
                merge(fields.entry(name.clone()).or_insert(Value::Null), more);
            }
        }
        (value, more) => *value = more.clone(),
    }
}

fn without(mut event: Value, parent: &str, name: &str) -> Value {
    event.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    event
}

fn read(event: &str, body: &Value) -> Hint {
    hint(&headers(&[("x-gitlab-event", event)]), body.to_string().as_bytes()).unwrap()
}

#[track_caller]
fn is_issue_three(event: &str, body: &Value) {
    let Hint { claim, about } = read(event, body);
    assert_eq!(claim.map(|claim| claim.project), Some(ProjectId(7)), "{event}: {body}");
    assert_eq!(about, About::Issue(IssueNumber(3)), "{event}: {body}");
}

#[test]
fn whatever_happens_to_an_issue_is_a_hint_to_look_at_it() {
    let changed = |name: &str, previous: Value, current: Value| json!({"changes": {name: {"previous": previous, "current": current}}});
    let action = |action: &str| json!({"object_attributes": {"action": action}});
    for more in [
        action("open"),
        action("close"),
        action("reopen"),
        action("update"),
        action("a word of tomorrow"),
        json!({"object_attributes": {"action": null}, "changes": null}),
        // A close that comes as an update tells only by what changed.
        json!({"object_attributes": {"state": "closed"},
               "changes": {"state_id": {"previous": 1, "current": 2}}}),
        json!({"object_attributes": {"state": "closed", "moved_to_id": 911, "action": "close"}}),
        json!({"object_attributes": {"discussion_locked": true}}),
        changed("due_date", json!("2026-12-01"), json!(null)),
        changed("labels", json!([{"id": 1, "title": "vm::active"}]), json!([])),
        changed("assignees", json!([]), json!([{"id": 6, "username": "bob"}])),
        changed("description", json!("a"), json!("b")),
        changed("title", json!("a"), json!("b")),
        changed("confidential", json!(false), json!(true)),
        changed("discussion_locked", json!(null), json!(true)),
        changed("relative_position", json!(1), json!(2)),
        json!({"object_kind": "work_item", "event_type": "work_item"}),
        json!({"object_kind": "work_item", "event_type": "confidential_work_item"}),
    ] {
        is_issue_three("Issue Hook", &issue_event(&more));
        is_issue_three("Test Hook", &issue_event(&more));
    }
    let hidden =
        json!({"event_type": "confidential_issue", "object_attributes": {"confidential": true}});
    is_issue_three("Confidential Issue Hook", &issue_event(&hidden));
}

#[test]
fn what_older_versions_leave_out_is_not_missed() {
    let event = || issue_event(&json!({}));
    for body in [
        without(event(), "/user", "id"),
        without(event(), "", "user"),
        without(event(), "", "event_type"),
        without(event(), "", "changes"),
        without(event(), "/object_attributes", "type"),
        without(event(), "/object_attributes", "action"),
        without(event(), "/object_attributes", "state"),
        without(event(), "", "project"),
        without(event(), "/object_attributes", "project_id"),
    ] {
        is_issue_three("Issue Hook", &body);
    }
    for time in ["2013-12-03 17:23:34 UTC", "2013-12-03T17:23:34Z", "2026-01-03T17:23:34.123Z", ""]
    {
        let times = json!({"object_attributes": {"created_at": time, "updated_at": time}});
        is_issue_three("Issue Hook", &issue_event(&times));
        is_issue_three("Note Hook", &note_event(&times));
    }
}

#[test]
fn comments_and_emoji_on_issues_are_hints_too() {
    for (event, more) in [
        ("Note Hook", json!({})),
        ("Note Hook", json!({"object_attributes": {"action": "update"}})),
        ("Note Hook", json!({"object_attributes": {"action": null, "system": false}})),
        ("Note Hook", json!({"issue": {"type": "Issue", "issue_type": "issue"}})),
        ("Confidential Note Hook", json!({"event_type": "confidential_note"})),
        ("Confidential Note Hook", json!({"object_attributes": {"internal": true}})),
        ("Emoji Hook", json!({"object_kind": "emoji", "event_type": "award"})),
        (
            "Emoji Hook",
            json!({"object_kind": "emoji", "event_type": "revoke",
                              "object_attributes": {"action": null, "awardable_type": "Note"}}),
        ),
    ] {
        is_issue_three(event, &note_event(&more));
        let mut as_work_item = note_event(&more);
        as_work_item["work_item"] = as_work_item["issue"].take();
        is_issue_three(event, &as_work_item);
    }
    let as_work_item = json!({"object_attributes": {"noteable_type": "WorkItem"}});
    is_issue_three("Note Hook", &note_event(&as_work_item));
}

#[test]
fn whatever_is_about_something_else_is_ignored() {
    let kind = |kind: &str| issue_event(&json!({"object_kind": kind}));
    let item = |kind: &str| {
        issue_event(&json!({"object_kind": "work_item", "object_attributes": {"type": kind}}))
    };
    let note_on = |kind: &str| note_event(&json!({"object_attributes": {"noteable_type": kind}}));
    for body in [
        item("Task"),
        item("Incident"),
        item("Epic"),
        item("Requirement"),
        item("Objective"),
        item("Ticket"),
        // An epic belongs to a group: its project is null.
        json!({"object_kind": "work_item", "project": null, "repository": null,
               "object_attributes": {"iid": 3, "project_id": null, "type": "Epic"}}),
        note_event(&json!({"issue": {"type": "Task"}})),
        note_on("MergeRequest"),
        note_on("Commit"),
        note_on("Snippet"),
        note_event(&json!({"object_kind": "emoji", "issue": null, "merge_request": {"iid": 1}})),
        kind("push"),
        kind("merge_request"),
        kind("pipeline"),
        kind("a kind of tomorrow"),
        json!({"event_name": "project_rename", "project_id": 7}),
        json!({"event_name": "user_create", "user_id": 5}),
        // Bodies made by a webhook's own template.
        json!({}),
        json!({"text": "something happened"}),
        json!({"object_kind": 7}),
        json!({"object_kind": null}),
        json!([]),
        json!("words"),
        json!(7),
        json!(null),
    ] {
        let found = read("Issue Hook", &body);
        assert!(matches!(found.about, About::Nothing(_)), "{body} is {:?}", found.about);
    }
}

#[test]
fn what_an_issue_event_lacks_is_named() {
    for (body, words) in [
        (
            without(issue_event(&json!({})), "", "object_attributes"),
            "missing field `object_attributes`",
        ),
        (
            without(issue_event(&json!({})), "/object_attributes", "iid"),
            "`object_attributes`: missing field `iid`",
        ),
        (
            issue_event(&json!({"object_attributes": {"iid": "3"}})),
            "`object_attributes.iid`: invalid type",
        ),
        (
            issue_event(&json!({"object_attributes": {"iid": -3}})),
            "`object_attributes.iid`: invalid value",
        ),
        (
            issue_event(&json!({"object_attributes": {"iid": 3.5}})),
            "`object_attributes.iid`: invalid type",
        ),
        (
            issue_event(&json!({"object_attributes": {"type": 7}})),
            "`object_attributes.type`: invalid type",
        ),
        (without(note_event(&json!({})), "", "issue"), "missing field `issue`"),
        (note_event(&json!({"issue": {"iid": null}})), "`issue.iid`: invalid type"),
        (
            note_event(&json!({"issue": null, "work_item": {"id": 1}})),
            "`work_item`: missing field `iid`",
        ),
    ] {
        let error = hint(&headers(&[]), body.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    for body in ["", "{", "{\"object_kind\": \"issue\",", "<html>", "\u{feff}{}", &"[".repeat(500)]
    {
        let error = hint(&headers(&[]), body.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("the body is not JSON: "), "{error}");
    }
    assert!(hint(&headers(&[]), b"{\"object_kind\": \"\xff\"}").is_err());
}

#[test]
fn a_token_that_ends_soon_is_told() {
    let event = |place: Value, token: Value| {
        let mut event = json!({"object_kind": "access_token", "event_name": "expiring_access_token",
                               "object_attributes": token});
        merge(&mut event, &place);
        read("Resource Access Token Hook", &event)
    };
    let project = json!({"project": {"id": 7, "path_with_namespace": "ops/machines"}});
    let token = json!({"id": 25, "name": "innkeeper", "expires_at": "2026-11-28"});
    for (place, token, id, told) in [
        (
            project.clone(),
            token.clone(),
            Some(7),
            "the access token `innkeeper` of project ops/machines ends: 2026-11-28",
        ),
        (
            json!({"group": {"group_id": 35, "group_path": "ops", "full_path": "acme/ops"}}),
            token.clone(),
            None,
            "the access token `innkeeper` of group acme/ops ends: 2026-11-28",
        ),
        (
            json!({"group": {"group_id": 35, "group_path": "ops"}}),
            json!({"name": "a\nb", "expires_at": "2026-11-28"}),
            None,
            "the access token `ab` of group ops ends: 2026-11-28",
        ),
        (json!({}), json!({}), None, "the access token `` of group ? ends: soon"),
    ] {
        let Hint { claim, about } = event(place, token);
        assert_eq!(claim.map(|claim| claim.project.0), id);
        assert_eq!(about, About::Notice(told.to_owned()));
    }
}
