//! The form for a new issue, with the project's templates.

use maud::{Markup, html};

use super::visitor::Visitor;
use crate::rehearsal::state::{Refused, State};

pub(super) fn content(
    state: &State,
    visitor: &Visitor,
    project: u64,
    query: &str,
) -> Result<(String, Markup), Refused> {
    let project = state
        .project(project)
        .filter(|project| state.may_read_project(visitor.user, project.id))
        .ok_or(Refused::NotFound("Project"))?;
    let asked = |name: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    };
    let chosen = asked("issuable_template").unwrap_or_default();
    let template = project.templates.iter().find(|(name, _)| *name == chosen);
    let mut description = template.map(|(_, text)| text.clone()).unwrap_or_default();
    if let Some(more) = asked("issue[description]") {
        if !description.is_empty() {
            description.push_str("\n\n");
        }
        description.push_str(&more);
    }
    let action = format!("/{}/-/issues", project.path);
    let content = html! {
        nav.crumbs aria-label="Breadcrumb" {
            a href="/" { "Projects" } " / " a href={ "/" (project.path) } { (project.path) }
        }
        h1 { "New issue" }
        section.card {
            @if !project.templates.is_empty() {
                form.chooser method="get" action={ (action) "/new" } {
                    label { "Template "
                        select name="issuable_template" {
                            option value="" { "None" }
                            @for (name, _) in &project.templates {
                                option value=(name) selected[*name == chosen] { (name) }
                            }
                        }
                    }
                    " " button type="submit" { "Use this template" }
                    " " span.quiet { "It replaces what you have typed below." }
                }
            }
            form.stacked method="post" action=(action) {
                label { "Title"
                    input type="text" name="title" required maxlength="255"
                        value=(asked("issue[title]").unwrap_or_default());
                }
                label { "Description"
                    // A browser drops the first line break after the tag.
                    textarea name="description" rows="22" { "\n" (description) }
                }
                label.check {
                    input type="checkbox" name="confidential" value="true";
                    " Confidential: only you, assignees and planners see it"
                }
                p.actions { button.primary type="submit" { "Create issue" } }
            }
        }
    };
    Ok((format!("New issue in {}", project.path), content))
}
