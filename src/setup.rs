//! Making a project ready for the service: what is wanted there, compared with
//! what is there, gives the steps to be done. Which requests a step takes is
//! the forge's; nothing here asks or changes anything.
//!
//! A step is looked at anew at every run, so whatever was interrupted is found
//! half done and completed.

mod account;
mod labels;
mod templates;
mod webhook;

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::identity::ProjectId;

/// The branch on which templates are proposed.
pub const BRANCH: &str = "innkeeper-templates";

/// The title of that proposal, and its commit.
pub const PROPOSAL_TITLE: &str = "Issue templates for requesting machines";

/// What is said about that proposal.
pub const PROPOSAL_TEXT: &str = "These forms are written from Innkeeper's cookbooks: whoever files an issue with one of them asks for a machine.\n\nThey are kept up to date by `innkeeper setup`. To change a form, change its cookbook and run that again; what is edited here is proposed to be undone the next time. Other templates are not touched.";

/// What a project needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The labels the service uses.
    pub labels: Vec<Label>,
    /// How the forge is to tell of events.
    pub events: Events,
    /// The templates of the cookbooks offered there.
    pub templates: Vec<File>,
    /// What keeps others of those cookbooks from being offered there.
    pub without_template: Vec<Obstacle>,
}

/// A label, as it is made when it is missing. One that is there stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// `#` and six hexadecimal digits.
    pub colour: &'static str,
    /// What it means, in at most 100 characters.
    pub description: String,
}

/// How the forge is to tell of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Events {
    /// By a webhook of the project's own.
    Webhook(Webhook),
    /// In another way, or not at all, as this sentence says.
    Otherwise(String),
}

/// A webhook of a project's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// How its address ends, e.g. `/webhooks/gitlab`. Without an address, a
    /// webhook that is there is known by this.
    pub path: String,
    /// Its whole address, when it was said.
    pub url: Option<String>,
    /// How the forge is to prove that it knows the secret.
    pub proof: Proof,
    /// Whether the secret is set again in a webhook that is there.
    pub reset_secret: bool,
}

/// How a webhook proves to know its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It sends it along.
    Token,
    /// It signs with it.
    Signature,
}

/// A file in a project's repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path from the root.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A project on a forge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its id.
    pub id: ProjectId,
    /// Its full path.
    pub path: String,
    /// Its page.
    pub page: String,
    /// The branch everything is merged into; `None` while the repository is
    /// empty or switched off.
    pub default_branch: Option<String>,
    /// Whether it is archived: nothing can be changed there.
    pub archived: bool,
}

/// What is there, each part as far as it can be seen.
#[derive(Clone, Debug)]
pub struct Present {
    /// Where this is.
    pub place: Place,
    /// The service's account.
    pub account: Seen<Account>,
    /// The names of the labels that can be used, those of groups included.
    pub labels: Seen<Vec<String>>,
    /// Whether names of labels that differ in case alone are the same.
    pub labels_ignore_case: bool,
    /// What keeps us from making labels.
    pub no_labels: Option<Obstacle>,
    /// The webhooks.
    pub webhooks: Seen<Vec<FoundWebhook>>,
    /// The templates.
    pub templates: Seen<Repository>,
    /// What keeps us from proposing templates.
    pub no_proposals: Option<Obstacle>,
}

/// What was seen, or why it was not.
pub type Seen<T> = Result<T, Obstacle>;

/// Why something cannot be seen or done, and what a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What is wrong, as a sentence.
    pub why: String,
    /// What to do, as a sentence.
    pub by_hand: String,
}

/// The service's account, in this project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub username: String,
    /// What it may be called there, e.g. `Developer`; `None` if it is no member.
    pub role: Option<String>,
    /// Whether that is enough to serve the project.
    pub suffices: bool,
    /// What it has to be made at least, e.g. `a Reporter`.
    pub needed: &'static str,
    /// Who can do that.
    pub by: &'static str,
    /// Where members are added.
    pub members_page: String,
}

/// A webhook of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundWebhook {
    /// Its id.
    pub id: u64,
    /// Where it sends to.
    pub url: String,
    /// What is not as it should be, a few words each, the secret aside.
    pub flaws: Vec<String>,
    /// Whether it has the kind of secret that is wanted, when that is told.
    pub has_secret: Option<bool>,
    /// Since or until when, and how, the forge stopped sending.
    pub stopped: Option<String>,
    /// Its page.
    pub page: String,
}

/// The templates as they are in the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// Texts of the wanted files in the default branch, by path; the missing
    /// ones are left out.
    pub merged: BTreeMap<String, String>,
    /// The same in [`BRANCH`]; `None` if there is no such branch.
    pub proposed: Option<BTreeMap<String, String>>,
    /// The page of the open proposal to merge that branch.
    pub proposal: Option<String>,
    /// What such a proposal is called there, e.g. `merge request`.
    pub called: &'static str,
}

/// One thing that has to be so, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it is about.
    pub about: About,
    /// How far it is.
    pub state: State,
    /// What is so, or is to be done, as a sentence.
    pub what: String,
    /// What remains for a person.
    pub by_hand: Option<String>,
    /// What does it.
    #[serde(skip)]
    pub deed: Option<Deed>,
}

/// What a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The service's account.
    Account,
    /// A label.
    Label,
    /// The webhook.
    Webhook,
    /// The issue templates.
    Templates,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is as it should be.
    Ok,
    /// It can be done.
    ToDo,
    /// It was done.
    Done,
    /// A person has to do it.
    Cannot,
}

/// One change to a project. Doing it twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Make this label.
    CreateLabel(Label),
    /// Make a webhook with the secret.
    CreateWebhook {
        /// Its address.
        url: String,
        /// What it proves to know the secret by.
        proof: Proof,
    },
    /// Correct a webhook.
    CorrectWebhook {
        /// Its id.
        id: u64,
        /// Its address, which stays.
        url: String,
        /// Set the secret, too, to be proved like this.
        secret: Option<Proof>,
    },
    /// Propose templates.
    Propose(Proposal),
}

/// Templates to be proposed on [`BRANCH`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Into which branch.
    pub into: String,
    /// Whether the branch is to be made from that.
    pub new_branch: bool,
    /// What is to be committed; may be nothing.
    pub changes: Vec<Change>,
    /// The page of the proposal that is open already.
    pub open: Option<String>,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which, and its text.
    pub file: File,
    /// Whether there is one of that path already.
    pub exists: bool,
}

/// What came of a deed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was made of it, when it is not what was announced.
    pub what: Option<String>,
    /// What remains for a person.
    pub by_hand: Option<String>,
    /// Whether what was wanted is not so yet, and a person has to finish it.
    pub unfinished: bool,
}

/// What is to be done, in the order in which it is done.
#[must_use]
pub fn plan(wanted: &Wanted, present: &Present) -> Vec<Step> {
    let mut steps = vec![account::step(&present.account)];
    steps.extend(labels::steps(&wanted.labels, present));
    steps.extend(match &wanted.events {
        Events::Webhook(webhook) => webhook::steps(webhook, &present.webhooks),
        Events::Otherwise(how) => vec![Step::ok(About::Webhook, how)],
    });
    steps.push(templates::step(&wanted.templates, present));
    let missing = wanted.without_template.iter().cloned();
    steps.extend(missing.map(|obstacle| Step::impossible(About::Templates, obstacle)));
    if present.place.archived {
        for step in steps.iter_mut().filter(|step| step.state == State::ToDo) {
            step.cannot(Obstacle {
                why: format!("{} The project is archived.", step.what),
                by_hand: format!("Unarchive it in its settings: {}", present.place.page),
            });
        }
    }
    steps
}

impl Step {
    fn ok(about: About, what: impl Into<String>) -> Self {
        Self { about, state: State::Ok, what: what.into(), by_hand: None, deed: None }
    }

    fn to_do(about: About, what: impl Into<String>, deed: Deed) -> Self {
        Self { about, state: State::ToDo, what: what.into(), by_hand: None, deed: Some(deed) }
    }

    fn impossible(about: About, obstacle: Obstacle) -> Self {
        let mut step = Self::ok(about, "");
        step.cannot(obstacle);
        step
    }

    /// A person has to do it.
    pub fn cannot(&mut self, obstacle: Obstacle) {
        self.state = State::Cannot;
        self.what = obstacle.why;
        self.by_hand = Some(obstacle.by_hand);
        self.deed = None;
    }

    /// It was done.
    pub fn done(&mut self, outcome: Outcome) {
        self.state = if outcome.unfinished { State::Cannot } else { State::Done };
        self.what = outcome.what.unwrap_or_else(|| std::mem::take(&mut self.what));
        self.by_hand = outcome.by_hand;
        self.deed = None;
    }

    fn left(mut self, by_hand: impl Into<String>) -> Self {
        self.by_hand = Some(by_hand.into());
        self
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Label => "label",
            Self::Webhook => "webhook",
            Self::Templates => "templates",
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn obstacle() -> Obstacle {
        Obstacle { why: "It is locked.".to_owned(), by_hand: "Unlock it.".to_owned() }
    }

    /// A project as it is before anything was done.
    pub(crate) fn fresh() -> Present {
        Present {
            place: Place {
                id: ProjectId(7),
                path: "tpo/tpa/team".to_owned(),
                page: "https://git.example/tpo/tpa/team".to_owned(),
                default_branch: Some("main".to_owned()),
                archived: false,
            },
            account: Ok(Account {
                username: "innkeeper".to_owned(),
                role: Some("Maintainer".to_owned()),
                suffices: true,
                needed: "a Reporter",
                by: "A Maintainer or Owner of the project",
                members_page: "https://git.example/tpo/tpa/team/-/project_members".to_owned(),
            }),
            labels: Ok(Vec::new()),
            labels_ignore_case: false,
            no_labels: None,
            webhooks: Ok(Vec::new()),
            templates: Ok(Repository { called: "merge request", ..Repository::default() }),
            no_proposals: None,
        }
    }

    pub(crate) fn webhook() -> Webhook {
        Webhook {
            path: "/webhooks/gitlab".to_owned(),
            url: Some("https://innkeeper.example/webhooks/gitlab".to_owned()),
            proof: Proof::Token,
            reset_secret: false,
        }
    }

    pub(crate) fn wanted() -> Wanted {
        Wanted {
            labels: vec![Label {
                name: "innkeeper::active".to_owned(),
                colour: "#009966",
                description: "Machines are in use".to_owned(),
            }],
            events: Events::Webhook(webhook()),
            templates: vec![File { path: "templates/vm.md".to_owned(), text: "vm\n".to_owned() }],
            without_template: Vec::new(),
        }
    }

    fn states(steps: &[Step]) -> Vec<(About, State)> {
        steps.iter().map(|step| (step.about, step.state)).collect()
    }

    #[test]
    fn a_fresh_project_needs_everything_but_the_account() {
        let steps = plan(&wanted(), &fresh());
        assert_eq!(
            states(&steps),
            [
                (About::Account, State::Ok),
                (About::Label, State::ToDo),
                (About::Webhook, State::ToDo),
                (About::Templates, State::ToDo),
            ]
        );
        assert!(steps.iter().all(|step| step.deed.is_some() == (step.state == State::ToDo)));
    }

    #[test]
    fn where_events_come_in_another_way_no_webhook_is_made() {
        let events = Events::Otherwise("The group's webhook tells of it.".to_owned());
        let steps = plan(&Wanted { events, ..wanted() }, &fresh());
        assert_eq!((steps[2].about, steps[2].state), (About::Webhook, State::Ok));
        assert_eq!(steps[2].what, "The group's webhook tells of it.");
    }

    #[test]
    fn a_cookbook_that_cannot_be_offered_there_is_told() {
        let steps = plan(&Wanted { without_template: vec![obstacle()], ..wanted() }, &fresh());
        assert_eq!((steps[4].about, steps[4].state), (About::Templates, State::Cannot));
    }

    #[test]
    fn nothing_is_tried_in_an_archived_project() {
        let mut present = fresh();
        present.place.archived = true;
        let steps = plan(&wanted(), &present);
        for step in &steps[1..] {
            assert_eq!((step.state, &step.deed), (State::Cannot, &None));
            assert!(step.by_hand.as_ref().unwrap().starts_with("Unarchive it"), "{step:?}");
        }
    }

    #[test]
    fn what_was_done_may_leave_something_to_a_person() {
        let mut step = plan(&wanted(), &fresh()).remove(3);
        let announced = step.what.clone();
        step.done(Outcome { by_hand: Some("Merge it.".to_owned()), ..Outcome::default() });
        assert_eq!((step.state, &step.what), (State::Done, &announced));
        assert_eq!(step.by_hand.as_deref(), Some("Merge it."));
        step.done(Outcome { unfinished: true, ..Outcome::default() });
        assert_eq!(step.state, State::Cannot);
    }
}
