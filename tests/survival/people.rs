//! The load: people who file, mend, approve, extend, release and talk, and
//! webhooks that come twice. What they did is noted, for the count.

use std::sync::{Arc, Mutex};

use innkeeper::rehearsal::{IssueKey, IssueSnapshot, IssueState, Rehearsal};

use crate::{
    dice::Dice,
    town::{BOT, PROJECT, REQUESTERS, SYSADMINS, form},
};

/// What is wrong with a request at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: it can be approved.
    Good,
    /// Something, until its author mends it.
    Mended,
    /// Something, for ever.
    Hopeless,
    /// It is no request at all.
    Chat,
}

/// An issue somebody filed.
#[derive(Clone, Debug)]
pub(crate) struct Filed {
    pub(crate) key: IssueKey,
    pub(crate) kind: Kind,
    pub(crate) author: &'static str,
    cookbook: usize,
    is_mended: bool,
    approved: Vec<String>,
    /// Comments that each ask for one answer.
    pub(crate) questions: Vec<u64>,
    /// Its release was confirmed.
    pub(crate) released: bool,
}

pub(crate) struct People {
    forge: Arc<Rehearsal>,
    dice: Dice,
    most: usize,
    pub(crate) filed: Vec<Filed>,
    /// How many webhooks were sent again.
    pub(crate) resent: u64,
    /// How many comments people wrote.
    pub(crate) comments: u64,
    /// How often a sysadmin took a machine off hold.
    pub(crate) unheld: u64,
}

pub(crate) type Shared = Arc<Mutex<People>>;

impl People {
    /// Who file so many issues at most.
    pub(crate) fn new(forge: &Arc<Rehearsal>, seed: u64, most: usize) -> Self {
        Self {
            forge: Arc::clone(forge),
            dice: Dice::new(seed, 1),
            most,
            filed: Vec::new(),
            resent: 0,
            comments: 0,
            unheld: 0,
        }
    }

    /// Somebody does something.
    pub(crate) fn act(&mut self) {
        match self.dice.below(100) {
            0..25 => self.file(),
            25..50 => self.approve_one(),
            50..62 => self.ask(),
            62..70 => self.on_label("innkeeper::active", "extend 1 day because it is not done"),
            70..75 => self.release(),
            75..79 => self.on_label("innkeeper::expired", "restore 1 day"),
            79..83 => self.edit(),
            83..89 => self.mend_one(),
            _ => self.resend(),
        }
    }

    /// Whatever still waits for somebody is done: mended, approved, and taken off
    /// hold, where warnings were late for so long that a sysadmin has to decide.
    pub(crate) fn finish(&mut self) {
        for index in 0..self.filed.len() {
            self.mend(index);
            self.approve(index);
            let is_held =
                |body: &str| body.contains("innkeeper:sticky") && body.contains("on hold:");
            if self.issue(index).comments_by(BOT).any(|note| is_held(&note.body)) {
                self.says(SYSADMINS[0], index, &format!("@{BOT} unhold"));
                self.unheld += 1;
            }
        }
    }

    fn file(&mut self) {
        if self.filed.len() >= self.most {
            return;
        }
        let author = *self.dice.pick(&REQUESTERS).unwrap();
        let cookbook = self.dice.index(6);
        let kind = match self.dice.below(20) {
            0 => Kind::Chat,
            1 => Kind::Hopeless,
            2..6 => Kind::Mended,
            _ => Kind::Good,
        };
        let number = self.filed.len() + 1;
        let text = match kind {
            Kind::Good => form(cookbook, "To see how it copes.", "1 GiB"),
            Kind::Mended => form(cookbook, "To see how it copes.", "4 GX"),
            Kind::Hopeless => form(cookbook, "", "64 GiB"),
            Kind::Chat => "Does anybody know where the coffee is?".to_owned(),
        };
        let key = self.forge.file_issue(author, PROJECT, &format!("Wish {number}"), &text).unwrap();
        let approved = Vec::new();
        let questions = Vec::new();
        let is_mended = false;
        let released = false;
        self.filed.push(Filed {
            key,
            kind,
            author,
            cookbook,
            is_mended,
            approved,
            questions,
            released,
        });
    }

    fn any(&mut self) -> Option<usize> {
        (!self.filed.is_empty()).then(|| self.dice.index(self.filed.len()))
    }

    fn issue(&self, index: usize) -> IssueSnapshot {
        self.forge.issue(self.filed[index].key).unwrap()
    }

    fn says(&mut self, who: &str, index: usize, words: &str) -> u64 {
        self.comments += 1;
        self.forge.comment(who, self.filed[index].key, words).unwrap().unwrap()
    }

    /// Several are looked at, because somebody is usually found.
    fn approve_one(&mut self) {
        for _ in 0..8 {
            let Some(index) = self.any() else { return };
            if self.approve(index) {
                return;
            }
        }
    }

    fn approve(&mut self, index: usize) -> bool {
        let issue = self.issue(index);
        let asks = issue.comments_by(BOT).find_map(|note| {
            let (_, digest) = note.body.split_once(&format!("@{BOT} approve "))?;
            let is_sticky = note.body.contains("innkeeper:sticky");
            let word = |letter: &char| letter.is_ascii_hexdigit();
            is_sticky.then(|| digest.chars().take_while(word).collect::<String>())
        });
        let Some(digest) = asks.filter(|digest| !digest.is_empty()) else { return false };
        // Now and then two do it at once.
        let again = self.filed[index].approved.contains(&digest);
        if again && self.dice.below(20) > 0 {
            return false;
        }
        let by = *self.dice.pick(&SYSADMINS).unwrap();
        self.says(by, index, &format!("@{BOT} approve {digest}"));
        self.filed[index].approved.push(digest);
        true
    }

    fn ask(&mut self) {
        let Some(index) = self.any() else { return };
        let filed = self.filed[index].clone();
        let issue = self.issue(index);
        // Before it is known to be a request nobody is answered.
        let is_known = issue.comments_by(BOT).next().is_some();
        if filed.kind == Kind::Chat || !is_known || issue.state == IssueState::Closed {
            self.says(filed.author, index, "Never mind.");
            return;
        }
        let words = *self.dice.pick(&["status", "frobnicate the widget", "help"]).unwrap();
        let note = self.says(filed.author, index, &format!("@{BOT} {words}"));
        self.filed[index].questions.push(note);
    }

    fn on_label(&mut self, label: &str, words: &str) {
        let Some(index) = self.any() else { return };
        if self.issue(index).labels.iter().any(|one| one == label) {
            let author = self.filed[index].author;
            self.says(author, index, &format!("@{BOT} {words}"));
        }
    }

    /// Asks for it, or confirms what was asked.
    fn release(&mut self) {
        let Some(index) = self.any() else { return };
        let issue = self.issue(index);
        let author = self.filed[index].author;
        let confirm = format!("@{BOT} release confirm ");
        let code = issue.comments_by(BOT).filter_map(|note| note.body.split_once(&confirm)).last();
        let code = code.map(|(_, code)| code.chars().take_while(char::is_ascii_alphanumeric));
        if let Some(code) = code.map(Iterator::collect::<String>) {
            self.says(author, index, &format!("{confirm}{code}"));
            self.filed[index].released = true;
        } else if issue.labels.iter().any(|label| label == "innkeeper::active") {
            self.says(author, index, &format!("@{BOT} release"));
        }
    }

    fn edit(&mut self) {
        let Some(index) = self.any() else { return };
        let filed = self.filed[index].clone();
        if filed.kind == Kind::Good {
            let number = self.dice.below(1000);
            let text = form(filed.cookbook, &format!("Thought {number}."), "2 GiB");
            self.forge.edit_description(filed.author, filed.key, &text).unwrap();
        }
    }

    fn mend_one(&mut self) {
        if let Some(index) = self.any() {
            self.mend(index);
        }
    }

    fn mend(&mut self, index: usize) {
        let filed = &mut self.filed[index];
        if filed.kind == Kind::Mended && !filed.is_mended {
            filed.is_mended = true;
            let text = form(filed.cookbook, "To see how it copes.", "4 GiB");
            self.forge.edit_description(filed.author, filed.key, &text).unwrap();
        }
    }

    fn resend(&mut self) {
        let deliveries = self.forge.webhook_deliveries();
        if deliveries.is_empty() {
            return;
        }
        let number = self.dice.index(deliveries.len());
        for _ in 0..=self.dice.below(2) {
            self.forge.resend(number).unwrap();
            self.resent += 1;
        }
    }
}
