//! The lists of projects and issues.

use maud::{Markup, html};

use super::layout::{day, label, moment, state_badge};
use super::visitor::Visitor;
use crate::rehearsal::issue::Issue;
use crate::rehearsal::state::{Refused, State};
use crate::rehearsal::world::Project;

pub(super) fn content(state: &State, visitor: &Visitor) -> Markup {
    let projects: Vec<&Project> = state
        .world
        .projects
        .iter()
        .filter(|project| state.may_read_project(visitor.user, project.id))
        .collect();
    html! {
        h1 { "Projects" }
        @if projects.is_empty() {
            p { "There is no project you may see." }
        }
        @for project in projects {
            (section(state, visitor, project))
        }
    }
}

pub(super) fn project_page(
    state: &State,
    visitor: &Visitor,
    project: u64,
) -> Result<(String, Markup), Refused> {
    let project = state
        .project(project)
        .filter(|project| state.may_read_project(visitor.user, project.id))
        .ok_or(Refused::NotFound("Project"))?;
    Ok((project.path.clone(), html! { h1 { "Issues" } (section(state, visitor, project)) }))
}

fn section(state: &State, visitor: &Visitor, project: &Project) -> Markup {
    let new = format!("/{}/-/issues/new", project.path);
    let mut issues: Vec<&Issue> = state
        .issues
        .iter()
        .filter(|issue| {
            issue.key.project == project.id && state.may_read_issue(visitor.user, issue)
        })
        .collect();
    issues.sort_by_key(|issue| std::cmp::Reverse(issue.key.iid));
    html! {
        section.card {
            div.head {
                h2 { a href={ "/" (project.path) } { (project.path) } }
                p.actions {
                    @if project.templates.is_empty() {
                        a.button.primary href=(new) { "New issue" }
                    }
                    @for (name, _) in &project.templates {
                        a.button.primary href=(with_template(&new, name)) { "New issue: " (name) }
                        " "
                    }
                }
            }
            @if issues.is_empty() {
                p.empty { "No issues yet." }
            } @else {
                (table(state, &issues))
            }
        }
    }
}

fn with_template(new: &str, name: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("issuable_template", name)
        .finish();
    format!("{new}?{query}")
}

fn table(state: &State, issues: &[&Issue]) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Issue" }
                    th scope="col" { "State" }
                    th scope="col" { "Labels" }
                    th scope="col" { "Due" }
                    th scope="col" { "Author" }
                    th scope="col" { "Comments" }
                    th scope="col" { "Updated" }
                }
            }
            tbody {
                @for issue in issues {
                    tr {
                        td.title {
                            a href=(state.issue_path(issue.key)) {
                                span.quiet { "#" (issue.key.iid) } " " (issue.title)
                            }
                            @if issue.confidential { " " span.badge.secret { "Confidential" } }
                        }
                        td { (state_badge(issue.state)) }
                        td { @for name in &issue.labels { (label(name)) " " } }
                        td.narrow { @if let Some(date) = issue.due_date { (day(date)) } }
                        td { (state.username(issue.author)) }
                        td.number { (issue.notes.iter().filter(|note| !note.system).count()) }
                        td.narrow { (moment(issue.updated_at)) }
                    }
                }
            }
        }
    }
}
