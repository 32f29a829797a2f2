//! The forge: issues, comments and people in memory, and the port to them.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::NaiveDate;
use innkeeper::{
    cookbook::Principal,
    identity::{IssueNumber, IssueRef, NoteId, Person, ProjectId, Timestamp, UserId},
    notice::markdown::Markdown,
    ports::{
        PortError,
        finding::Finding,
        forge::{
            Abilities, Audience, Discussion, Forge, Issue, IssueUpdate, ListedProject, Note,
            Reaction, Standing, UpdatedIssue, Wanted,
        },
    },
};

use crate::{gate::Gate, laws, sabotage::Sabotage, weather::Side, world::World};

pub(crate) const FORGE: &str = "gitlab";
/// Served.
pub(crate) const PROJECT: u64 = 7;
/// Served as well.
pub(crate) const OTHER_PROJECT: u64 = 8;
/// Not served.
pub(crate) const FOREIGN_PROJECT: u64 = 9;
pub(crate) const BOT: u64 = 100;
pub(crate) const ALICE: u64 = 1;
pub(crate) const BOB: u64 = 2;
pub(crate) const CAROL: u64 = 3;
pub(crate) const DAN: u64 = 4;
pub(crate) const MALLORY: u64 = 5;

/// An account, and since when it is what.
pub(crate) struct Account {
    pub(crate) name: &'static str,
    pub(crate) active: bool,
    pub(crate) staff: bool,
    pub(crate) sysadmin: bool,
    /// When it last ceased to be an active sysadmin.
    pub(crate) sysadmin_until: Option<Timestamp>,
}

pub(crate) struct House {
    pub(crate) people: BTreeMap<u64, Account>,
    pub(crate) issues: BTreeMap<IssueRef, SimulatedIssue>,
    next_note: u64,
}

#[derive(Clone)]
pub(crate) struct SimulatedIssue {
    pub(crate) description: String,
    pub(crate) author: u64,
    pub(crate) open: bool,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) due_date: Option<NaiveDate>,
    confidential: bool,
    pub(crate) updated_at: Timestamp,
    pub(crate) notes: Vec<SimulatedNote>,
    editors: Vec<UserId>,
    pub(crate) moved_to: Option<IssueRef>,
    pub(crate) deleted: bool,
    /// Whether people act on it by hand: what it shows is not ours alone.
    pub(crate) reopened: bool,
}

#[derive(Clone)]
pub(crate) struct SimulatedNote {
    pub(crate) id: NoteId,
    pub(crate) author: u64,
    pub(crate) body: String,
    pub(crate) edited: bool,
    pub(crate) team: bool,
    /// In true time.
    pub(crate) created_at: Timestamp,
    /// As the replica's clock had it that posted it.
    pub(crate) by_clock: Timestamp,
    /// Somebody took it away; that it was there stays known.
    pub(crate) deleted: bool,
}

impl House {
    pub(crate) fn new() -> Self {
        let account = |name, staff, sysadmin| Account {
            name,
            active: true,
            staff,
            sysadmin,
            sysadmin_until: None,
        };
        let people = BTreeMap::from([
            (ALICE, account("alice", true, false)),
            (BOB, account("bob", true, false)),
            (CAROL, account("carol", true, true)),
            (DAN, account("dan", true, true)),
            (MALLORY, account("mallory", false, false)),
            (BOT, account("innkeeper", false, false)),
        ]);
        Self { people, issues: BTreeMap::new(), next_note: 1 }
    }

    pub(crate) fn person(&self, id: u64) -> Person {
        let name = self.people.get(&id).map_or("?", |account| account.name);
        Person { id: UserId(id), username: name.to_owned() }
    }

    /// Whether somebody could decide at some time from then on.
    pub(crate) fn decided(&self, id: u64, since: Timestamp) -> bool {
        self.people.get(&id).is_some_and(|account| {
            account.sysadmin && account.active
                || account.sysadmin_until.is_some_and(|until| until >= since)
        })
    }

    /// Somebody files an issue.
    pub(crate) fn file(
        &mut self,
        now: Timestamp,
        project: u64,
        author: u64,
        text: String,
    ) -> IssueRef {
        let number = self.issues.keys().filter(|issue| issue.project.0 == project).count() as u64;
        let reference = IssueRef {
            forge: FORGE.into(),
            project: ProjectId(project),
            number: IssueNumber(number + 1),
        };
        let issue = SimulatedIssue {
            description: text,
            author,
            open: true,
            labels: BTreeSet::new(),
            due_date: None,
            confidential: false,
            updated_at: now,
            notes: Vec::new(),
            editors: Vec::new(),
            moved_to: None,
            deleted: false,
            reopened: false,
        };
        self.issues.insert(reference.clone(), issue);
        reference
    }

    /// Somebody says something.
    pub(crate) fn say(
        &mut self,
        now: Timestamp,
        at: &IssueRef,
        author: u64,
        body: String,
    ) -> NoteId {
        self.post(
            at,
            SimulatedNote {
                id: NoteId(0),
                author,
                body,
                edited: false,
                team: false,
                created_at: now,
                by_clock: now,
                deleted: false,
            },
        )
    }

    fn post(&mut self, at: &IssueRef, mut note: SimulatedNote) -> NoteId {
        note.id = NoteId(self.next_note);
        self.next_note += 1;
        let id = note.id;
        if let Some(issue) = self.issues.get_mut(at) {
            issue.updated_at = note.created_at;
            issue.notes.push(note);
        }
        id
    }

    pub(crate) fn edit(&mut self, now: Timestamp, at: &IssueRef, by: u64, text: String) {
        if let Some(issue) = self.issues.get_mut(at) {
            issue.description = text;
            issue.updated_at = now;
            if !issue.editors.contains(&UserId(by)) {
                issue.editors.push(UserId(by));
            }
        }
    }

    pub(crate) fn touch(
        &mut self,
        now: Timestamp,
        at: &IssueRef,
        deed: impl FnOnce(&mut SimulatedIssue),
    ) {
        if let Some(issue) = self.issues.get_mut(at) {
            deed(issue);
            issue.updated_at = now;
        }
    }

    /// Everything goes into another project, with new numbers, and only the
    /// comments stay here as well.
    pub(crate) fn move_issue(&mut self, now: Timestamp, from: &IssueRef, project: u64) {
        let Some(old) = self.issues.get(from) else { return };
        let (text, author, open) = (old.description.clone(), old.author, old.open);
        let (labels, due, notes) = (old.labels.clone(), old.due_date, old.notes.clone());
        let to = self.file(now, project, author, text);
        for note in notes.into_iter().filter(|note| !note.deleted) {
            self.post(&to, note);
        }
        self.touch(now, &to, |issue| {
            issue.open = open;
            issue.labels = labels;
            issue.due_date = due;
        });
        self.touch(now, from, |issue| {
            issue.open = false;
            issue.moved_to = Some(to);
        });
    }

    /// Where an issue is now, however often it was moved.
    pub(crate) fn whereabouts<'a>(&'a self, issue: &'a IssueRef) -> &'a IssueRef {
        let mut at = issue;
        while let Some(to) = self.issues.get(at).and_then(|issue| issue.moved_to.as_ref()) {
            at = to;
        }
        at
    }

    fn there(&self, at: &IssueRef) -> Result<&SimulatedIssue, PortError> {
        let missing = || PortError::missing("read the issue", "404");
        self.issues.get(at).filter(|issue| !issue.deleted).ok_or_else(missing)
    }

    fn changed(&mut self, at: &IssueRef) -> Result<&mut SimulatedIssue, PortError> {
        let missing = || PortError::missing("change the issue", "404");
        self.issues.get_mut(at).filter(|issue| !issue.deleted).ok_or_else(missing)
    }

    fn shown(&self, at: &IssueRef) -> Result<Issue, PortError> {
        let issue = self.there(at)?;
        if issue.moved_to.is_some() {
            return Err(PortError::missing("read the issue", "it was moved"));
        }
        Ok(Issue {
            reference: at.clone(),
            title: "A machine, please".to_owned(),
            description: issue.description.clone(),
            author: self.person(issue.author),
            by_bot: false,
            open: issue.open,
            labels: issue.labels.iter().cloned().collect(),
            due_date: issue.due_date,
            confidential: issue.confidential,
            thumbs_up: 0,
            web_url: format!("https://gitlab.example/{}/issues/{}", at.project, at.number),
            updated_at: issue.updated_at,
        })
    }

    fn discussion(&self, at: &IssueRef) -> Result<Discussion, PortError> {
        let issue = self.there(at)?;
        let notes = issue.notes.iter().filter(|note| !note.deleted).map(|note| Note {
            id: note.id,
            author: self.person(note.author),
            by_bot: note.author == BOT,
            body: note.body.clone(),
            edited: note.edited && note.author != BOT,
            created_at: note.created_at,
        });
        Ok(Discussion { notes: notes.collect(), description_editors: issue.editors.clone() })
    }
}

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

    async fn issues_by(&self, _: ProjectId, _: UserId) -> Result<Vec<Issue>, PortError> {
        self.ask("issues_by", None, |_| Ok(Vec::new())).await
    }

    async fn file_issue(&self, _: ProjectId, _: &str, _: &Markdown) -> Result<Issue, PortError> {
        Err(PortError::give_up("file an issue", "nothing is adopted here"))
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
                edited: false,
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
            let found = world.house.changed(issue)?;
            found.updated_at = now;
            let note = found.notes.iter_mut().find(|other| other.id == note && !other.deleted);
            let note = note.ok_or_else(|| PortError::missing("edit the comment", "404"))?;
            body.as_str().clone_into(&mut note.body);
            note.edited = true;
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
