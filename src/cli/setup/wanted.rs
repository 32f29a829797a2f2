//! What configuration and cookbooks want of a project.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::{
    config::{Forge, ForgeKind, Group, Project},
    cookbook::{Cookbook, Cookbooks, issue_template},
    engine::Labels,
    identity::ForgeName,
    setup::{Events, File, Label, Obstacle, Place, Proof, Webhook},
};

/// How signing tokens begin.
const SIGNING_PREFIX: &str = "whsec_";

/// The colour of cookbooks' labels.
const COOKBOOK_COLOUR: &str = "#330066";

/// GitHub takes no more, and nobody reads more.
const LONGEST_DESCRIPTION: usize = 100;

/// How the configuration has a project.
#[derive(Clone, Copy)]
pub(super) enum Listed<'a> {
    /// By itself.
    Project(&'a Project),
    /// As one of a group.
    Group(&'a Group),
}

impl<'a> Listed<'a> {
    /// In `forge`, the project at this place.
    pub(super) fn find(forge: &'a Forge, place: &Place) -> Option<Self> {
        let by_id = forge.projects.iter().find(|project| project.id == place.id);
        let is_below = |group: &&Group| {
            let path = place.path.to_lowercase();
            path.strip_prefix(&group.path.to_lowercase()).is_some_and(|rest| rest.starts_with('/'))
        };
        // Groups may be listed with groups of theirs: the nearest one counts.
        let nearest = || forge.groups.iter().filter(is_below).max_by_key(|group| group.path.len());
        by_id.map(Self::Project).or_else(|| nearest().map(Self::Group))
    }

    /// The secret of a webhook of its own.
    pub(super) fn secret(self) -> Option<&'a SecretString> {
        match self {
            Self::Project(project) => Some(&project.webhook_secret),
            Self::Group(_) => None,
        }
    }

    /// The cookbooks offered there.
    fn offered(self, cookbooks: &'a Cookbooks) -> impl Iterator<Item = &'a Cookbook> {
        let names = match self {
            Self::Project(project) => project.cookbooks.as_ref(),
            Self::Group(group) => group.cookbooks.as_ref(),
        };
        let is_offered =
            move |cookbook: &&Cookbook| names.is_none_or(|names| names.contains(&cookbook.name));
        cookbooks.cookbooks.iter().filter(is_offered)
    }
}

/// The labels that show states, and those of the cookbooks. States may share
/// one, or have none.
pub(super) fn labels(states: &Labels, cookbooks: &Cookbooks, project: Listed<'_>) -> Vec<Label> {
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
    let mut labels: Vec<Label> = Vec::new();
    for (name, colour, meaning) in [
        (incomplete, "#ed9121", "The requester has to add or correct something"),
        (awaiting, "#6699cc", "An approver has to decide"),
        (making, "#9400d3", "Machines are being made"),
        (adopted, "#8fbc8f", "A machine was found, and a sysadmin has to confirm it"),
        (active, "#009966", "Machines are in use"),
        (expired, "#cd5b45", "Machines are stopped and keep their disks for now"),
        (ended, "#808080", "All machines are gone"),
        (rejected, "#dc143c", "An approver said no"),
        (withdrawn, "#36454f", "Closed before approval"),
    ] {
        match labels.iter_mut().find(|label| label.name == *name) {
            Some(shared) => {
                shared.description = short(&format!("{}; {meaning}", shared.description));
            }
            None => labels.push(Label { name: name.clone(), colour, description: short(meaning) }),
        }
    }
    for cookbook in project.offered(cookbooks) {
        for name in cookbook.label.iter().chain(&cookbook.issue.labels) {
            if labels.iter().all(|label| label.name != *name) {
                let description = short(&format!("Asks for: {}", cookbook.title));
                labels.push(Label { name: name.clone(), colour: COOKBOOK_COLOUR, description });
            }
        }
    }
    labels.retain(|label| !label.name.is_empty());
    labels
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST_DESCRIPTION).collect()
}

/// The webhook, which is sent to where `src/web.rs` listens.
pub(super) fn events(
    forge: &ForgeName,
    url: Option<&Url>,
    (configured, project): (&Forge, Listed<'_>),
    reset_secret: bool,
) -> Events {
    let of_app = configured.app_webhook_secret.as_ref().map(SecretString::expose_secret);
    let secret = match project {
        Listed::Project(Project { webhook_secret, .. })
        | Listed::Group(Group { webhook_secret: Some(webhook_secret), .. })
            if of_app == Some(webhook_secret.expose_secret()) =>
        {
            let how = "The App's webhook is to tell of every repository it is installed in.";
            return Events::Otherwise(how.to_owned());
        }
        Listed::Project(project) => &project.webhook_secret,
        Listed::Group(Group { path, webhook_secret: Some(_), .. }) => {
            return Events::Otherwise(format!("The webhook of group `{path}` is to tell of it."));
        }
        Listed::Group(Group { path, .. }) => {
            return Events::Otherwise(format!(
                "Group `{path}` is configured without one: its projects are polled."
            ));
        }
    };
    let path = format!("/webhooks/{forge}");
    let signs = secret.expose_secret().starts_with(SIGNING_PREFIX);
    Events::Webhook(Webhook {
        url: url.map(|url| format!("{}{path}", url.as_str().trim_end_matches('/'))),
        path,
        proof: if signs { Proof::Signature } else { Proof::Token },
        reset_secret,
    })
}

/// The issue templates, where GitLab looks for them.
pub(super) fn gitlab_templates(cookbooks: &Cookbooks, project: Listed<'_>) -> Vec<File> {
    project
        .offered(cookbooks)
        .map(|cookbook| File {
            path: format!(".gitlab/issue_templates/{}.md", cookbook.name),
            text: issue_template::gitlab(cookbook),
        })
        .collect()
}

/// The issue forms, where GitHub looks for them; and why some cookbooks get none.
pub(super) fn github_forms(
    cookbooks: &Cookbooks,
    project: Listed<'_>,
) -> (Vec<File>, Vec<Obstacle>) {
    let mut forms = Vec::new();
    let mut obstacles = Vec::new();
    for cookbook in project.offered(cookbooks) {
        let name = &cookbook.name;
        if cookbook.label.is_some() {
            forms.push(File {
                path: format!(".github/ISSUE_TEMPLATE/{name}.yml"),
                text: issue_template::github(cookbook),
            });
        } else {
            obstacles.push(Obstacle {
                why: format!(
                    "Cookbook `{name}` has no `label`: issues from its form would not be recognised, for GitHub's forms leave no other mark."
                ),
                by_hand: format!("Give cookbook `{name}` a `label`, and run this again"),
            });
        }
    }
    (forms, obstacles)
}

/// The lines that a project needs in the configuration.
pub(super) fn configuration(kind: ForgeKind, forge: &ForgeName, place: &Place) -> String {
    let Place { id, path, .. } = place;
    let name = path.rsplit('/').next().unwrap_or_default();
    let secret = match kind {
        ForgeKind::GitLab => {
            format!(
                "signing_token_file = \"{name}.signing-token\"    # before GitLab 19.0: webhook_token_file"
            )
        }
        ForgeKind::GitHub => format!(
            "webhook_token_file = \"{name}.webhook-token\"    # not if the App's webhook has one"
        ),
    };
    // A path holds nothing that TOML would read otherwise.
    format!("[[forge.{forge}.project]]\nid = {id}\npath = \"{path}\"\n{secret}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{config::Config, cookbook::load::embedded, identity::ProjectId};

    fn project(secret: &str, cookbooks: Option<&[&str]>) -> Project {
        Project {
            id: ProjectId(7),
            path: None,
            webhook_secret: SecretString::from(secret),
            cookbooks: cookbooks.map(|names| names.iter().map(|name| (*name).into()).collect()),
        }
    }

    fn forge_of(app_secret: Option<&str>) -> Forge {
        let app = app_secret.map_or(String::new(), |secret| {
            format!("[forge.g.app]\nid = 1\nprivate_key = \"-----BEGIN RSA PRIVATE KEY-----\"\nwebhook_token = \"{secret}\"")
        });
        let token = if app.is_empty() { "token = \"x\"" } else { "" };
        let text = format!("[forge.g]\nkind = \"github\"\n{token}\n{app}");
        let config = Config::parse("test", &text, Path::new(""), &[]).unwrap();
        config.forges[&ForgeName::from("g")].clone()
    }

    #[test]
    fn states_may_share_a_label_or_have_none() {
        let states = Labels {
            making: "Doing".to_owned(),
            expired: "Doing".to_owned(),
            ended: String::new(),
            ..Labels::default()
        };
        let mut cookbooks = embedded();
        cookbooks.cookbooks[0].issue.labels = vec!["Doing".to_owned(), "Machines".to_owned()];
        cookbooks.cookbooks.truncate(1);
        cookbooks.cookbooks[0].label = None;
        let project = project("x", None);
        let labels = labels(&states, &cookbooks, Listed::Project(&project));
        assert_eq!(labels.len(), 8);
        let doing = labels.iter().find(|label| label.name == "Doing").unwrap();
        assert_eq!(
            doing.description,
            "Machines are being made; Machines are stopped and keep their disks for now"
        );
        assert!(labels.iter().all(|label| !label.name.is_empty()));
        assert_eq!(labels.last().unwrap().name, "Machines");
    }

    #[test]
    fn a_secret_of_the_app_is_no_repositorys() {
        let forge = forge_of(Some("of the app"));
        let told = |secret: &str| {
            let project = project(secret, None);
            events(&"g".into(), None, (&forge, Listed::Project(&project)), false)
        };
        assert!(matches!(told("of the app"), Events::Otherwise(_)));
        assert!(matches!(told("its own"), Events::Webhook(_)));
    }

    #[test]
    fn without_a_label_there_is_no_form_on_github() {
        let mut cookbooks = embedded();
        let project = project("x", None);
        let (forms, obstacles) = github_forms(&cookbooks, Listed::Project(&project));
        assert_eq!((forms.len(), obstacles.len()), (cookbooks.cookbooks.len(), 0));
        assert!(forms.iter().any(|form| form.path == ".github/ISSUE_TEMPLATE/vm.yml"));
        cookbooks.cookbooks[0].label = None;
        let (forms, obstacles) = github_forms(&cookbooks, Listed::Project(&project));
        assert_eq!((forms.len(), obstacles.len()), (cookbooks.cookbooks.len() - 1, 1));
    }

    #[test]
    fn only_the_cookbooks_offered_there_count() {
        let cookbooks = embedded();
        let some = project("x", Some(&["vm"]));
        let paths = |project: &Project| {
            let files = gitlab_templates(&cookbooks, Listed::Project(project));
            files.into_iter().map(|file| file.path).collect::<Vec<_>>()
        };
        assert_eq!(paths(&some), [".gitlab/issue_templates/vm.md"]);
        assert_eq!(paths(&project("x", None)).len(), cookbooks.cookbooks.len());
        assert_eq!(paths(&project("x", Some(&[]))), [""; 0]);
        let none =
            labels(&Labels::default(), &cookbooks, Listed::Project(&project("x", Some(&[]))));
        assert_eq!(none.len(), 9);
    }

    #[test]
    fn a_label_is_wanted_once_with_a_colour_and_few_words() {
        let mut cookbooks = embedded();
        for cookbook in &mut cookbooks.cookbooks {
            cookbook.label = Some("machine".to_owned());
            cookbook.title = "é".repeat(200);
        }
        let labels = labels(&Labels::default(), &cookbooks, Listed::Project(&project("x", None)));
        assert_eq!(labels.len(), 10);
        for label in &labels {
            assert!(label.colour.len() == 7 && label.colour.starts_with('#'), "{label:?}");
            assert!(label.description.chars().count() <= 100, "{label:?}");
        }
    }

    #[test]
    fn a_project_of_a_group_has_no_webhook_of_its_own() {
        let group = |secret: Option<&str>| Group {
            path: "tpo".to_owned(),
            webhook_secret: secret.map(SecretString::from),
            cookbooks: None,
        };
        for (secret, words) in [(Some("x"), "The webhook of group"), (None, "are polled")] {
            let group = group(secret);
            let place = (&forge_of(None), Listed::Group(&group));
            let events = events(&"gitlab".into(), None, place, false);
            let Events::Otherwise(how) = events else { panic!("{events:?}") };
            assert!(how.contains(words), "{how}");
        }
    }

    #[test]
    fn the_webhooks_address_is_the_services_and_its_proof_the_secrets() {
        let hook = |url: &Url, secret: &str, reset| {
            let project = project(secret, None);
            let forge = ForgeName::from("gitlab");
            match events(&forge, Some(url), (&forge_of(None), Listed::Project(&project)), reset) {
                Events::Webhook(hook) => hook,
                Events::Otherwise(how) => panic!("{how}"),
            }
        };
        for written in ["https://innkeeper.example", "https://innkeeper.example/"] {
            let url = Url::parse(written).unwrap();
            let hook = hook(&url, "whsec_x", false);
            assert_eq!(hook.url.unwrap(), "https://innkeeper.example/webhooks/gitlab");
            assert_eq!(hook.proof, Proof::Signature);
        }
        let below = Url::parse("https://example.org/inn/").unwrap();
        let hook = hook(&below, "x", true);
        assert_eq!(hook.url.unwrap(), "https://example.org/inn/webhooks/gitlab");
        assert_eq!((hook.proof, hook.reset_secret), (Proof::Token, true));
    }
}
