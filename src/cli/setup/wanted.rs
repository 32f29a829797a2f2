//! What configuration and cookbooks want of a project.

use secrecy::ExposeSecret as _;
use url::Url;

use crate::{
    config::Project,
    cookbook::{Cookbook, Cookbooks, issue_template},
    engine::Labels,
    identity::ForgeName,
    setup::{File, Label, Place, Proof, Webhook},
};

/// How signing tokens begin.
const SIGNING_PREFIX: &str = "whsec_";

/// The colour of cookbooks' labels.
const COOKBOOK_COLOUR: &str = "#330066";

/// GitHub takes no more, and nobody reads more.
const LONGEST_DESCRIPTION: usize = 100;

/// The cookbooks offered in a project.
fn offered<'a>(
    cookbooks: &'a Cookbooks,
    project: &'a Project,
) -> impl Iterator<Item = &'a Cookbook> {
    let is_offered = |cookbook: &&Cookbook| {
        project.cookbooks.as_ref().is_none_or(|names| names.contains(&cookbook.name))
    };
    cookbooks.cookbooks.iter().filter(is_offered)
}

/// The labels that show states, and those of the cookbooks.
pub(super) fn labels(states: &Labels, cookbooks: &Cookbooks, project: &Project) -> Vec<Label> {
    let Labels {
        incomplete,
        awaiting,
        making,
        adopted,
        active,
        expired,
        ended,
        rejected,
        withdrawn,
    } = states;
    let mut labels: Vec<Label> = [
        (incomplete, "#ed9121", "The requester has to add or correct something"),
        (awaiting, "#6699cc", "An approver has to decide"),
        (making, "#9400d3", "Machines are being made"),
        (adopted, "#8fbc8f", "A machine was found, and a sysadmin has to confirm it"),
        (active, "#009966", "Machines are in use"),
        (expired, "#cd5b45", "Machines are stopped and keep their disks for now"),
        (ended, "#808080", "All machines are gone"),
        (rejected, "#dc143c", "An approver said no"),
        (withdrawn, "#36454f", "Closed before approval"),
    ]
    .map(|(name, colour, description)| Label {
        name: name.clone(),
        colour,
        description: description.to_owned(),
    })
    .into();
    for cookbook in offered(cookbooks, project) {
        let Some(name) = &cookbook.label else { continue };
        if labels.iter().all(|label| label.name != *name) {
            let description = format!("Asks for: {}", cookbook.title);
            labels.push(Label {
                name: name.clone(),
                colour: COOKBOOK_COLOUR,
                description: description.chars().take(LONGEST_DESCRIPTION).collect(),
            });
        }
    }
    labels
}

/// The webhook, which is sent to where `src/web.rs` listens.
pub(super) fn webhook(
    forge: &ForgeName,
    url: Option<&Url>,
    project: &Project,
    reset_secret: bool,
) -> Webhook {
    let path = format!("/webhooks/{forge}");
    let signs = project.webhook_secret.expose_secret().starts_with(SIGNING_PREFIX);
    Webhook {
        url: url.map(|url| format!("{}{path}", url.as_str().trim_end_matches('/'))),
        path,
        proof: if signs { Proof::Signature } else { Proof::Token },
        reset_secret,
    }
}

/// The issue templates, where GitLab looks for them.
pub(super) fn gitlab_templates(cookbooks: &Cookbooks, project: &Project) -> Vec<File> {
    offered(cookbooks, project)
        .map(|cookbook| File {
            path: format!(".gitlab/issue_templates/{}.md", cookbook.name),
            text: issue_template::gitlab(cookbook),
        })
        .collect()
}

/// The lines that a project needs in the configuration.
pub(super) fn configuration(forge: &ForgeName, place: &Place) -> String {
    let Place { id, path, .. } = place;
    let name = path.rsplit('/').next().unwrap_or_default();
    // A path holds nothing that TOML would read otherwise.
    format!(
        "[[forge.{forge}.project]]\nid = {id}\npath = \"{path}\"\nsigning_token_file = \"{name}.signing-token\"    # before GitLab 19.0: webhook_token_file"
    )
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::{cookbook::load::embedded, identity::ProjectId};

    fn project(secret: &str, cookbooks: Option<&[&str]>) -> Project {
        Project {
            id: ProjectId(7),
            path: None,
            webhook_secret: SecretString::from(secret),
            cookbooks: cookbooks.map(|names| names.iter().map(|name| (*name).into()).collect()),
        }
    }

    #[test]
    fn only_the_cookbooks_offered_there_count() {
        let cookbooks = embedded();
        let some = project("x", Some(&["vm"]));
        let paths = |project: &Project| {
            let files = gitlab_templates(&cookbooks, project);
            files.into_iter().map(|file| file.path).collect::<Vec<_>>()
        };
        assert_eq!(paths(&some), [".gitlab/issue_templates/vm.md"]);
        assert_eq!(paths(&project("x", None)).len(), cookbooks.cookbooks.len());
        assert_eq!(paths(&project("x", Some(&[]))), [""; 0]);
        let none = labels(&Labels::default(), &cookbooks, &project("x", Some(&[])));
        assert_eq!(none.len(), 9);
    }

    #[test]
    fn a_label_is_wanted_once_with_a_colour_and_few_words() {
        let mut cookbooks = embedded();
        for cookbook in &mut cookbooks.cookbooks {
            cookbook.label = Some("machine".to_owned());
            cookbook.title = "é".repeat(200);
        }
        let labels = labels(&Labels::default(), &cookbooks, &project("x", None));
        assert_eq!(labels.len(), 10);
        for label in &labels {
            assert!(label.colour.len() == 7 && label.colour.starts_with('#'), "{label:?}");
            assert!(label.description.chars().count() <= 100, "{label:?}");
        }
    }

    #[test]
    fn the_webhooks_address_is_the_services_and_its_proof_the_secrets() {
        let forge = ForgeName::from("gitlab");
        for written in ["https://innkeeper.example", "https://innkeeper.example/"] {
            let url = Url::parse(written).unwrap();
            let hook = webhook(&forge, Some(&url), &project("whsec_x", None), false);
            assert_eq!(hook.url.unwrap(), "https://innkeeper.example/webhooks/gitlab");
            assert_eq!(hook.proof, Proof::Signature);
        }
        let below = Url::parse("https://example.org/inn/").unwrap();
        let hook = webhook(&forge, Some(&below), &project("x", None), true);
        assert_eq!(hook.url.unwrap(), "https://example.org/inn/webhooks/gitlab");
        assert_eq!((hook.proof, hook.reset_secret), (Proof::Token, true));
    }
}
