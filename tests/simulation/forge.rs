//! The forge as it is: issues, comments and people in memory. What is deleted
//! stays known, because laws ask what was there.

mod port;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta};
use innkeeper::{
    identity::{IssueNumber, IssueRef, NoteId, Person, ProjectId, Timestamp, UserId},
    ports::{
        PortError,
        forge::{Discussion, Issue, Note},
    },
};

pub(crate) use self::port::SimulatedForge;

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

/// What an issue says that asks for nothing.
pub(crate) const PLAIN: &str = "A machine's issue was deleted.";

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
    /// Issues on which something of ours came to be, or was changed, since laws
    /// last looked at what is said there.
    pub(crate) said_on: BTreeSet<IssueRef>,
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
    /// When somebody first changed it, in true time.
    pub(crate) edited_at: Option<Timestamp>,
    pub(crate) team: bool,
    /// In true time.
    pub(crate) created_at: Timestamp,
    /// As the replica's clock had it that posted it.
    pub(crate) by_clock: Timestamp,
    /// Somebody took it away; that it was there stays known.
    pub(crate) deleted: bool,
}

/// How long it may take from reading comments to storing what follows from them.
const READING: TimeDelta = TimeDelta::minutes(15);

impl SimulatedNote {
    /// Whether it could be read as it was written by whoever stores something now.
    pub(crate) fn was_whole(&self, now: Timestamp) -> bool {
        self.edited_at.is_none_or(|edited| edited > now - READING)
    }
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
        Self { people, issues: BTreeMap::new(), said_on: BTreeSet::new(), next_note: 1 }
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
                edited_at: None,
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
        if note.author == BOT {
            self.said_on.insert(at.clone());
        }
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
        let reopened = old.reopened;
        let (labels, due, notes) = (old.labels.clone(), old.due_date, old.notes.clone());
        let to = self.file(now, project, author, text);
        for note in notes.into_iter().filter(|note| !note.deleted) {
            self.post(&to, note);
        }
        self.touch(now, &to, |issue| {
            issue.open = open;
            issue.reopened = reopened;
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
            edited: note.edited_at.is_some() && note.author != BOT,
            created_at: note.created_at,
        });
        Ok(Discussion { notes: notes.collect(), description_editors: issue.editors.clone() })
    }
}
