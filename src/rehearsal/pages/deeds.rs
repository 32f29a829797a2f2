//! What the pages' forms do. Each answers with a redirect to a page.

use std::collections::HashMap;

use axum::Form;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{NaiveDate, TimeDelta};

use super::address::Address;
use super::layout::Frame;
use super::refusal;
use super::visitor::Visitor;
use crate::rehearsal::Shared;
use crate::rehearsal::editing::IssueUpdate;
use crate::rehearsal::issue::{IssueKey, IssueState};
use crate::rehearsal::state::{Act, Refused, State};

type Fields = HashMap<String, String>;

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map(String::as_str).unwrap_or_default()
}

fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to.to_owned())]).into_response()
}

/// The page the form was on, if it is one of ours.
fn back(fields: &Fields) -> &str {
    let path = field(fields, "back");
    if path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    {
        path
    } else {
        "/"
    }
}

pub(super) async fn act_as(Form(fields): Form<Fields>) -> Response {
    let user = field(&fields, "user").parse().unwrap_or(0);
    let cookie = [(header::SET_COOKIE, Visitor::cookie(user))];
    (cookie, see_other(back(&fields))).into_response()
}

pub(super) async fn advance(
    Extracted(shared): Extracted<Shared>,
    Form(fields): Form<Fields>,
) -> Response {
    if let Some(advance) = &shared.options.advance {
        advance(TimeDelta::days(1)).await;
    }
    see_other(back(&fields))
}

pub(super) async fn perform(
    Extracted(shared): Extracted<Shared>,
    headers: HeaderMap,
    uri: Uri,
    Form(fields): Form<Fields>,
) -> Response {
    let mut state = shared.lock();
    let visitor = Visitor::of(&state, &headers);
    let act = Act { user: visitor.user, at: state.tick(), chain: None };
    let done = match Address::parse(&state, uri.path()) {
        Some(Address::Issues(project)) => create(&mut state, &act, project, &fields),
        Some(Address::Deed(key, deed)) => change(&mut state, &act, key, &deed, &fields),
        _ => Err(Refused::NotFound("Page")),
    };
    match done {
        Ok(key) => see_other(&state.issue_path(key)),
        Err(refused) => refusal(&Frame::new(&state, &shared.options, &visitor, "/"), &refused),
    }
}

/// Browsers send `\r\n`; GitLab's own page does not.
fn written(fields: &Fields, name: &str) -> String {
    field(fields, name).replace("\r\n", "\n")
}

fn create(
    state: &mut State,
    act: &Act,
    project: u64,
    fields: &Fields,
) -> Result<IssueKey, Refused> {
    let wanted = IssueUpdate {
        title: Some(written(fields, "title")),
        description: Some(written(fields, "description")),
        confidential: Some(field(fields, "confidential") == "true"),
        ..IssueUpdate::default()
    };
    state.create_issue(act, project, wanted)
}

fn change(
    state: &mut State,
    act: &Act,
    key: IssueKey,
    deed: &str,
    fields: &Fields,
) -> Result<IssueKey, Refused> {
    let note = || field(fields, "note").parse().map_err(|_| Refused::NotFound("Note"));
    let update = match deed {
        "notes" => {
            state.create_note(act, key, &written(fields, "body"), false)?;
            return Ok(key);
        }
        "edit_note" => {
            state.update_note(act, key, note()?, &written(fields, "body"))?;
            return Ok(key);
        }
        "delete_note" => {
            state.delete_note(act, key, note()?)?;
            return Ok(key);
        }
        "edit" => IssueUpdate {
            title: Some(written(fields, "title")),
            description: Some(written(fields, "description")),
            ..IssueUpdate::default()
        },
        "state" => IssueUpdate {
            state: match field(fields, "event") {
                "close" => Some(IssueState::Closed),
                "reopen" => Some(IssueState::Opened),
                _ => None,
            },
            ..IssueUpdate::default()
        },
        "labels" => IssueUpdate {
            labels: Some(field(fields, "labels").split(',').map(ToOwned::to_owned).collect()),
            ..IssueUpdate::default()
        },
        "due_date" => IssueUpdate {
            due_date: Some(field(fields, "due_date").parse::<NaiveDate>().ok().into()),
            ..IssueUpdate::default()
        },
        "confidential" => IssueUpdate {
            confidential: Some(field(fields, "confidential") == "true"),
            ..IssueUpdate::default()
        },
        _ => return Err(Refused::NotFound("Page")),
    };
    state.update_issue(act, key, update)?;
    Ok(key)
}
