//! One issue: what was asked, what was said, and what can be changed.

use maud::{Markup, PreEscaped, html};

use super::layout::{day, label, moment, person, state_badge};
use super::visitor::Visitor;
use crate::rehearsal::issue::{Issue, IssueKey, IssueState, Note};
use crate::rehearsal::markdown;
use crate::rehearsal::state::{Refused, State};

pub(super) fn content(
    state: &State,
    visitor: &Visitor,
    key: IssueKey,
) -> Result<(String, Markup), Refused> {
    let issue = state.visible_issue(visitor.user, key)?;
    let view = View {
        state,
        issue,
        path: state.issue_path(key),
        user: visitor.user,
        updates: state.may_update_issue(visitor.user, issue),
        tends: state.may_tend_issues(visitor.user, key.project),
    };
    Ok((format!("{} (#{})", issue.title, key.iid), view.page()))
}

struct View<'a> {
    state: &'a State,
    issue: &'a Issue,
    path: String,
    user: u64,
    updates: bool,
    tends: bool,
}

impl View<'_> {
    fn page(&self) -> Markup {
        let issue = self.issue;
        let project = self.state.project(issue.key.project).map_or("", |one| &one.path);
        html! {
            nav.crumbs aria-label="Breadcrumb" {
                a href="/" { "Projects" } " / " a href={ "/" (project) } { (project) }
            }
            h1 { (issue.title) " " span.quiet { "#" (issue.key.iid) } }
            p.byline {
                (state_badge(issue.state)) " "
                @if issue.confidential { span.badge.secret { "Confidential" } " " }
                "Filed by " (person(self.state, issue.author)) ", " (moment(issue.created_at))
                @if let Some((at, by)) = issue.edited() {
                    span.quiet { " · edited by @" (self.state.username(by)) ", " (moment(at)) }
                }
            }
            div.columns {
                div {
                    (self.description())
                    h2 { "Activity " a.small href=(self.path) { "Reload" } }
                    (self.activity())
                    (self.comment_box())
                }
                aside aria-label="Details" { (self.sidebar()) }
            }
        }
    }

    fn deed(&self, deed: &str) -> String {
        format!("{}/{deed}", self.path)
    }

    fn description(&self) -> Markup {
        html! {
            section.card aria-label="Description" {
                @if self.issue.description.trim().is_empty() {
                    p.empty { "No description." }
                } @else {
                    div.prose { (PreEscaped(markdown::render(&self.issue.description))) }
                }
                @if self.updates {
                    details.edit {
                        summary { "Edit title and description" }
                        form.stacked method="post" action=(self.deed("edit")) {
                            label { "Title"
                                input type="text" name="title" required maxlength="255"
                                    value=(self.issue.title);
                            }
                            label { "Description"
                                textarea name="description" rows="18" {
                                    "\n" (self.issue.description)
                                }
                            }
                            p.actions { button.primary type="submit" { "Save changes" } }
                        }
                    }
                }
            }
        }
    }

    fn activity(&self) -> Markup {
        html! {
            @if self.issue.notes.is_empty() {
                p.quiet { "Nothing has happened yet." }
            }
            ol.activity {
                @for note in &self.issue.notes {
                    @if self.state.may_read_note(self.user, self.issue, note) {
                        (self.note(note))
                    }
                }
            }
        }
    }

    fn note(&self, note: &Note) -> Markup {
        let anchor = format!("note_{}", note.id);
        if note.system {
            return html! {
                li.system id=(anchor) {
                    b { (self.state.username(note.author)) } " "
                    span.said { (PreEscaped(markdown::render(&note.body))) }
                    " · " (moment(note.created_at))
                }
            };
        }
        html! {
            li.card.note id=(anchor) {
                p.byline {
                    (person(self.state, note.author)) " · "
                    a href={ "#" (anchor) } { (moment(note.created_at)) }
                    @if note.edited { span.quiet { " · edited, " (moment(note.updated_at)) } }
                    @if note.internal { " " span.badge.secret { "Internal" } }
                }
                div.prose { (PreEscaped(markdown::render(&note.body))) }
                @if !note.awards.is_empty() {
                    p { @for award in &note.awards { span.label { span.scope { ":" (award.name) ":" } } " " } }
                }
                @if self.state.may_change_note(self.user, self.issue, note) {
                    details.edit {
                        summary { "Edit or delete" }
                        form.stacked method="post" action=(self.deed("edit_note")) {
                            input type="hidden" name="note" value=(note.id);
                            label { "Comment"
                                textarea name="body" rows="6" { "\n" (note.body) }
                            }
                            p.actions {
                                button type="submit" { "Save comment" } " "
                                button type="submit" formaction=(self.deed("delete_note")) { "Delete comment" }
                            }
                        }
                    }
                }
            }
        }
    }

    fn comment_box(&self) -> Markup {
        if !self.state.may_comment(self.user, self.issue) {
            return html! { p.quiet { "The discussion is locked; only members can comment." } };
        }
        html! {
            form.stacked.card method="post" action=(self.deed("notes")) {
                label { "Write a comment"
                    textarea name="body" rows="5" required {}
                }
                p.actions {
                    button.primary type="submit" { "Comment" }
                    " " span.quiet { "Markdown and quick actions such as /close work." }
                }
            }
        }
    }

    fn sidebar(&self) -> Markup {
        let issue = self.issue;
        let project = self.issue.key.project;
        html! {
            section {
                h3 { "State" }
                p { (state_badge(issue.state)) }
                @if self.updates {
                    form method="post" action=(self.deed("state")) {
                        @let (value, word) = match issue.state {
                            IssueState::Opened => ("close", "Close issue"),
                            IssueState::Closed => ("reopen", "Reopen issue"),
                        };
                        button type="submit" name="event" value=(value) { (word) }
                    }
                }
            }
            section {
                h3 { "Labels" }
                p {
                    @if issue.labels.is_empty() { span.quiet { "None" } }
                    @for name in &issue.labels { (label(name)) " " }
                }
                @if self.tends {
                    form method="post" action=(self.deed("labels")) {
                        input type="text" name="labels" value=(issue.labels.join(", "))
                            aria-label="Labels, separated by commas" list="known-labels";
                        datalist id="known-labels" {
                            @for known in self.state.labels.iter().filter(|one| one.project == project) {
                                option value=(known.name) {}
                            }
                        }
                        button type="submit" { "Set labels" }
                    }
                }
            }
            section {
                h3 { "Due date" }
                p {
                    @match issue.due_date {
                        Some(date) => (day(date)),
                        None => span.quiet { "None" },
                    }
                }
                @if self.tends {
                    form method="post" action=(self.deed("due_date")) {
                        input type="date" name="due_date" aria-label="Due date"
                            value=(issue.due_date.map(|date| date.to_string()).unwrap_or_default());
                        button type="submit" { "Set due date" }
                    }
                }
            }
            section {
                h3 { "Assignees" }
                p {
                    @if issue.assignees.is_empty() { span.quiet { "None" } }
                    @for id in &issue.assignees { (person(self.state, *id)) " " }
                }
            }
            section {
                h3 { "Confidentiality" }
                p { @if issue.confidential { "Confidential" } @else { "Not confidential" } }
                @if self.tends {
                    form method="post" action=(self.deed("confidential")) {
                        button type="submit" name="confidential" value=(!issue.confidential) {
                            @if issue.confidential { "Show to everyone" } @else { "Make confidential" }
                        }
                    }
                }
            }
            @if !issue.awards.is_empty() {
                section {
                    h3 { "Reactions" }
                    p { @for award in &issue.awards { span.label { span.scope { ":" (award.name) ":" } } " " } }
                }
            }
        }
    }
}
