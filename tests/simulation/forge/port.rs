//! The port to the forge.

use async_trait::async_trait;
use chrono::NaiveDate;
use innkeeper::{
    cookbook::Principal,
    identity::{IssueRef, NoteId, Person, ProjectId, Timestamp, UserId},
    notice::markdown::Markdown,
    ports::{
        PortError,
        finding::Finding,
        forge::{
            Abilities, Audience, Discussion, Forge, Issue, IssueUpdate, ListedProject, Reaction,
            Standing, UpdatedIssue, Wanted,
        },
    },
};

use super::{BOT, SimulatedNote};
use crate::{gate::Gate, laws, sabotage::Sabotage, weather::Side, world::World};

/// The approval our first comment asks for.
fn named_digest(discussion: &Discussion) -> Option<String> {
    let sticky = discussion.notes.iter().find(|note| note.body.contains("innkeeper approve "))?;
    let (_, rest) = sticky.body.split_once("innkeeper approve ")?;
    Some(format!("approve {}", rest.get(..8)?))
}

/// The port.
pub(crate) struct SimulatedForge(pub(crate) Gate);

impl SimulatedForge {
    async fn ask<T>(
        &self,
        name: &'static str,
        issue: Option<&IssueRef>,
        deed: impl FnOnce(&mut World) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let detail = || issue.map_or_else(String::new, ToString::to_string);
        self.0.call(Side::Forge, name, detail, deed).await
    }
}

#[async_trait]
impl Forge for SimulatedForge {
    fn abilities(&self) -> Abilities {
        Abilities {
            due_dates: true,
            confidential_issues: true,
            team_notes: true,
            marked_templates: true,
        }
    }

    fn note_page(&self, issue_page: &str, note: NoteId) -> String {
        format!("{issue_page}#note_{note}")
    }

    fn new_issue_page(&self, issue_page: &str, template: &str) -> String {
        format!("{issue_page}/new?{template}")
    }

    async fn own_account(&self) -> Result<Person, PortError> {
        self.ask("own_account", None, |world| Ok(world.house.person(BOT))).await
    }

    async fn issue(&self, issue: &IssueRef) -> Result<Issue, PortError> {
        self.ask("issue", Some(issue), |world| world.house.shown(issue)).await
    }

    async fn moved_to(&self, issue: &IssueRef) -> Result<Option<IssueRef>, PortError> {
        self.ask("moved_to", Some(issue), |world| {
            Ok(world.house.issues.get(issue).and_then(|issue| issue.moved_to.clone()))
        })
        .await
    }

    async fn discussion(&self, issue: &IssueRef) -> Result<Discussion, PortError> {
        self.ask("discussion", Some(issue), |world| {
            let mut discussion = world.house.discussion(issue)?;
            if world.is_broken(Sabotage::NothingFound) {
                discussion
                    .notes
                    .retain(|note| note.author.id.0 != BOT || note.body.contains("sticky"));
            }
            if world.is_broken(Sabotage::AnyDigest)
                && let Some(digest) = named_digest(&discussion)
            {
                for note in &mut discussion.notes {
                    note.body = note.body.replace("approve 00000000", &digest);
                }
            }
            Ok(discussion)
        })
        .await
    }

    async fn reactions(
        &self,
        _issue: &IssueRef,
        _note: Option<NoteId>,
    ) -> Result<Vec<Reaction>, PortError> {
        self.ask("reactions", None, |_| Ok(Vec::new())).await
    }

    async fn issues_updated_since(
        &self,
        project: ProjectId,
        since: Timestamp,
    ) -> Result<Vec<UpdatedIssue>, PortError> {
        self.ask("issues_updated_since", None, |world| {
            let here = world.house.issues.iter().filter(|(at, issue)| {
                at.project == project && !issue.deleted && issue.updated_at >= since
            });
            let mut found: Vec<_> = here
                .map(|(at, issue)| UpdatedIssue {
                    reference: at.clone(),
                    updated_at: issue.updated_at,
                })
                .collect();
            found.sort_by_key(|issue| issue.updated_at);
            Ok(found)
        })
        .await
    }

    async fn issues_by(&self, project: ProjectId, by: UserId) -> Result<Vec<Issue>, PortError> {
        self.ask("issues_by", None, |world| {
            let here = world.house.issues.iter().filter(|(at, issue)| {
                at.project == project && issue.author == by.0 && !issue.deleted
            });
            let shown = here.filter_map(|(at, _)| world.house.shown(at).ok());
            Ok(shown.collect())
        })
        .await
    }

    async fn file_issue(
        &self,
        project: ProjectId,
        _title: &str,
        body: &Markdown,
    ) -> Result<Issue, PortError> {
        self.ask("file_issue", None, |world| {
            let now = world.now;
            let at = world.house.file(now, project.0, BOT, body.as_str().to_owned());
            laws::posted(world, &at, body.as_str());
            world.house.shown(&at)
        })
        .await
    }

    async fn post_note(
        &self,
        issue: &IssueRef,
        body: &Markdown,
        audience: Audience,
    ) -> Result<NoteId, PortError> {
        self.ask("post_note", Some(issue), |world| {
            world.house.changed(issue)?;
            let note = SimulatedNote {
                id: NoteId(0),
                author: BOT,
                body: body.as_str().to_owned(),
                edited_at: None,
                team: audience == Audience::Team,
                created_at: world.now,
                by_clock: world.clock(),
                deleted: false,
            };
            laws::posted(world, issue, body.as_str());
            let id = world.house.post(issue, note);
            let warns = body.as_str().contains("will be stopped on");
            if warns && world.is_broken(Sabotage::SilentWarnings) {
                world.house.changed(issue)?.notes.pop();
            }
            Ok(id)
        })
        .await
    }

    async fn edit_note(
        &self,
        issue: &IssueRef,
        note: NoteId,
        body: &Markdown,
    ) -> Result<(), PortError> {
        self.ask("edit_note", Some(issue), |world| {
            laws::posted(world, issue, body.as_str());
            let now = world.now;
            world.house.said_on.insert(issue.clone());
            let found = world.house.changed(issue)?;
            found.updated_at = now;
            let note = found.notes.iter_mut().find(|other| other.id == note && !other.deleted);
            let note = note.ok_or_else(|| PortError::missing("edit the comment", "404"))?;
            body.as_str().clone_into(&mut note.body);
            note.edited_at.get_or_insert(now);
            Ok(())
        })
        .await
    }

    async fn delete_note(&self, issue: &IssueRef, note: NoteId) -> Result<(), PortError> {
        self.ask("delete_note", Some(issue), |world| {
            if let Ok(found) = world.house.changed(issue) {
                let note = found.notes.iter_mut().find(|other| other.id == note);
                if let Some(note) = note {
                    note.deleted = true;
                }
            }
            Ok(())
        })
        .await
    }

    async fn update_issue(&self, issue: &IssueRef, update: &IssueUpdate) -> Result<(), PortError> {
        self.ask("update_issue", Some(issue), |world| {
            if world.is_broken(Sabotage::ViewsStay) {
                return Ok(());
            }
            let now = world.now;
            let found = world.house.changed(issue)?;
            found.updated_at = now;
            found.labels.extend(update.add_labels.iter().cloned());
            for label in &update.remove_labels {
                found.labels.remove(label);
            }
            if let Some(due) = update.due_date {
                found.due_date = due;
            }
            found.confidential = update.confidential.unwrap_or(found.confidential);
            found.open = update.open.unwrap_or(found.open);
            Ok(())
        })
        .await
    }

    async fn person_named(&self, username: &str) -> Result<Option<Person>, PortError> {
        self.ask("person_named", None, |world| {
            let mut people = world.house.people.iter();
            let found = people
                .find(|(_, account)| account.active && account.name.eq_ignore_ascii_case(username));
            Ok(found.map(|(id, _)| world.house.person(*id)))
        })
        .await
    }

    async fn person(&self, id: UserId) -> Result<Option<Person>, PortError> {
        self.ask("person", None, |world| {
            let account = world.house.people.get(&id.0).filter(|account| account.active);
            Ok(account.map(|_| world.house.person(id.0)))
        })
        .await
    }

    async fn is_among(
        &self,
        who: UserId,
        principal: &Principal,
        standing: Standing,
    ) -> Result<bool, PortError> {
        self.ask("is_among", None, |world| {
            let account = world.house.people.get(&who.0).filter(|account| account.active);
            if world.is_broken(Sabotage::EverybodyDecides) {
                return Ok(true);
            }
            Ok(account.is_some_and(|account| match principal {
                Principal::Group(path) if path == "tpo/tpa" => account.sysadmin,
                Principal::Group(path) if path == "tpo" => {
                    account.staff && standing == Standing::Member
                }
                Principal::User(name) => name == account.name,
                _ => false,
            }))
        })
        .await
    }

    async fn ssh_keys(&self, _who: UserId) -> Result<Vec<String>, PortError> {
        self.ask("ssh_keys", None, |_| Ok(vec!["ssh-ed25519 AAAA".to_owned()])).await
    }

    async fn projects_of(&self, _group: &str) -> Result<Vec<ListedProject>, PortError> {
        self.ask("projects_of", None, |_| Ok(Vec::new())).await
    }

    async fn credential_ends(&self) -> Result<Option<NaiveDate>, PortError> {
        self.ask("credential_ends", None, |_| Ok(None)).await
    }

    async fn examine(&self, _wanted: &Wanted) -> Vec<Finding> {
        Vec::new()
    }
}
