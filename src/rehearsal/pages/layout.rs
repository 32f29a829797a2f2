//! The frame around every page, and small things that recur.

use chrono::{DateTime, NaiveDate, Utc};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::style::STYLE;
use super::visitor::Visitor;
use crate::rehearsal::Options;
use crate::rehearsal::issue::IssueState;
use crate::rehearsal::state::State;

/// Header, clock and "act as" around a page's content.
pub(super) struct Frame<'a> {
    state: &'a State,
    visitor: &'a Visitor,
    may_advance: bool,
    here: &'a str,
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        state: &'a State,
        options: &Options,
        visitor: &'a Visitor,
        here: &'a str,
    ) -> Self {
        Self { state, visitor, may_advance: options.advance.is_some(), here }
    }

    pub(super) fn page(&self, title: &str, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) " · Rehearsal GitLab" }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#content" { "Skip to content" }
                    header { div.bar { nav aria-label="Main" { a.brand href="/" { "Rehearsal " b { "GitLab" } } } (self.clock()) (self.act_as()) } }
                    main id="content" { (content) }
                    footer {
                        p { "A rehearsal: it lives in memory and is forgotten when it stops." }
                    }
                }
            }
        }
    }

    fn clock(&self) -> Markup {
        html! {
            form.clock method="post" action="/-/rehearsal/advance" {
                (moment(self.state.clock.now()))
                @if self.may_advance {
                    input type="hidden" name="back" value=(self.here);
                    " " button type="submit" { "Move the clock ahead a day" }
                }
            }
        }
    }

    fn act_as(&self) -> Markup {
        html! {
            form method="post" action="/-/rehearsal/act-as" {
                input type="hidden" name="back" value=(self.here);
                label { "Acting as "
                    select name="user" {
                        @for user in Visitor::choices(self.state) {
                            option value=(user.id) selected[user.id == self.visitor.user] {
                                (user.name) " (@" (user.username) ")"
                            }
                        }
                    }
                }
                " " button type="submit" { "Switch" }
            }
        }
    }
}

/// `2 Mar 2026, 09:00 UTC`
pub(super) fn moment(at: DateTime<Utc>) -> Markup {
    html! {
        time datetime=(at.to_rfc3339()) { (at.format("%-d %b %Y, %H:%M UTC").to_string()) }
    }
}

/// `2 Mar 2026`
pub(super) fn day(date: NaiveDate) -> Markup {
    html! { time datetime=(date.to_string()) { (date.format("%-d %b %Y").to_string()) } }
}

pub(super) fn state_badge(state: IssueState) -> Markup {
    match state {
        IssueState::Opened => html! { span.badge.opened { "Open" } },
        IssueState::Closed => html! { span.badge.closed { "Closed" } },
    }
}

/// `key::value` labels in two halves, as GitLab draws them.
pub(super) fn label(name: &str) -> Markup {
    let (scope, value) = match name.rsplit_once("::") {
        Some((scope, value)) => (scope, Some(value)),
        None => (name, None),
    };
    html! {
        span.label title=(name) {
            span.scope { (scope) }
            @if let Some(value) = value { span.value { (value) } }
        }
    }
}

/// Where a user name is shown.
pub(super) fn person(state: &State, id: u64) -> Markup {
    let name = state.user(id).map_or("Ghost User", |user| user.name.as_str());
    html! { b { (name) } " " span.quiet { "@" (state.username(id)) } }
}
