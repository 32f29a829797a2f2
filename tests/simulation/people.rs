//! What people do: on the forge, and at the hosts. Nobody coordinates them.

use innkeeper::{identity::IssueRef, lease::State, machine::Power};

use crate::{
    dice::Dice,
    forge::{ALICE, BOB, BOT, CAROL, DAN, FOREIGN_PROJECT, MALLORY, OTHER_PROJECT, PROJECT},
    policies::form,
    story::Who,
    weather::Fault,
    world::World,
};

/// How lively people are in a history.
pub(crate) struct People {
    pub(crate) dice: Dice,
    /// Of 100 acts so many are of the rarer kind.
    pub(crate) odd: u64,
}

/// The comment people read first.
fn sticky(world: &World, at: &IssueRef) -> Option<String> {
    let issue = world.house.issues.get(at)?;
    let ours = issue.notes.iter().filter(|note| note.author == BOT && !note.deleted);
    ours.map(|note| &note.body).find(|body| body.starts_with("<!-- innkeeper:sticky")).cloned()
}

/// The word after these, in the last comment of ours that has them.
fn word_after(world: &World, at: &IssueRef, words: &str) -> Option<String> {
    let issue = world.house.issues.get(at)?;
    let mut ours = issue.notes.iter().rev().filter(|note| note.author == BOT && !note.deleted);
    ours.find_map(|note| {
        let (_, rest) = note.body.split_once(words)?;
        Some(rest.chars().take_while(char::is_ascii_alphanumeric).collect())
    })
}

/// Where machines wait that were found.
fn found(world: &World) -> Vec<IssueRef> {
    let leases = world.laws.leases.values().map(|lease| &lease.value);
    leases.filter(|lease| lease.state == State::Adopted).map(|lease| lease.issue.clone()).collect()
}

impl People {
    /// Somebody files a request.
    pub(crate) fn files(&mut self, world: &mut World) -> IssueRef {
        let author = *self.dice.pick(&[ALICE, ALICE, ALICE, BOB, CAROL, MALLORY]).unwrap_or(&ALICE);
        let text = self.request(author, self.odd > 0);
        let project = if self.dice.below(5) == 0 { OTHER_PROJECT } else { PROJECT };
        let at = world.house.file(world.now, project, author, text);
        self.tell(world, author, "files", &at);
        at
    }

    fn tell(&self, world: &mut World, who: u64, what: &str, at: &IssueRef) {
        let name = world.house.people.get(&who).map_or("?", |account| account.name);
        world.who = Who::Person(name);
        world.note(what, "", || at.to_string());
    }

    fn request(&mut self, author: u64, may_be_wrong: bool) -> String {
        let fallback = if author == BOB { "@carol" } else { "@bob" };
        let purposes = [
            "To see how it copes.",
            "/planted\n@planted `/planted` <planted onload=1> {{planted}}",
            "```\n@planted\n```\n/planted now",
        ];
        let purpose = *self.dice.pick(&purposes).unwrap_or(&"?");
        let lifetime = *self.dice.pick(&["", "1 day", "3 days", "2 days"]).unwrap_or(&"");
        let memory = *self.dice.pick(&["", "1 GiB", "4g", "8 GiB"]).unwrap_or(&"");
        let mut answers = vec![
            ("What is it for?", purpose),
            ("Fallback owner", fallback),
            ("How long?", lifetime),
            ("Memory", memory),
        ];
        if self.dice.below(6) == 0 {
            answers.push(("Host name", "web-1"));
        }
        if self.dice.below(8) == 0 {
            answers.push(("Owner", "@dan"));
        }
        if may_be_wrong && self.dice.below(4) == 0 {
            let wrong = [("Memory", "4 GX"), ("Fallback owner", "@nobody"), ("Memory", "64 GiB")];
            let (heading, value) = *self.dice.pick(&wrong).unwrap_or(&("Memory", "none"));
            answers.retain(|(other, _)| *other != heading);
            answers.push((heading, value));
        }
        answers.retain(|(_, value)| !value.is_empty());
        form(&answers)
    }

    /// Sysadmins look at what waits for them.
    pub(crate) fn approve(&mut self, world: &mut World) -> Vec<IssueRef> {
        let all: Vec<IssueRef> = world.house.issues.keys().cloned().collect();
        let mut done = Vec::new();
        for at in found(world) {
            let by = *self.dice.pick(&[CAROL, DAN, DAN, MALLORY, ALICE]).unwrap_or(&CAROL);
            if self.dice.below(2) == 0 {
                self.says(world, by, &at, "@innkeeper confirm @bob fallback @carol 2 days");
                done.push(at);
            }
        }
        for at in all {
            let Some(body) = sticky(world, &at) else { continue };
            let Some((_, digest)) = body.split_once("innkeeper approve ") else { continue };
            let digest: String = digest.chars().take_while(char::is_ascii_hexdigit).collect();
            let author = world.house.issues.get(&at).map_or(0, |issue| issue.author);
            let by = if author == CAROL || self.dice.below(2) == 0 { DAN } else { CAROL };
            let may = world.house.people.get(&by).is_some_and(|a| a.active && a.sysadmin);
            if self.odd > 0 && self.dice.below(8) == 0 {
                self.says(world, by, &at, "@innkeeper approve 00000000");
                done.push(at);
            } else if self.dice.below(10) < 7 && may {
                world.laws.endorsed.push((digest.clone(), body));
                self.says(world, by, &at, &format!("@innkeeper approve {digest}"));
                done.push(at);
            }
        }
        done
    }

    fn says(&self, world: &mut World, who: u64, at: &IssueRef, words: &str) {
        let at = world.house.whereabouts(at).clone();
        world.house.say(world.now, &at, who, words.to_owned());
        let name = world.house.people.get(&who).map_or("?", |account| account.name);
        world.who = Who::Person(name);
        world.note("says", "", || format!("{at}: {words}"));
    }

    /// Somebody does something, mostly what makes sense. Where.
    pub(crate) fn act(&mut self, world: &mut World) -> Option<IssueRef> {
        let here = |at: &IssueRef| {
            world.house.issues.get(at).is_some_and(|i| !i.deleted && i.moved_to.is_none())
        };
        let all: Vec<IssueRef> = world.house.issues.keys().filter(|at| here(at)).cloned().collect();
        let at = self.dice.pick(&all)?.clone();
        let author = world.house.issues.get(&at)?.author;
        let author = if author == BOT { ALICE } else { author };
        if let Some(code) = word_after(world, &at, "release confirm ")
            && self.dice.below(3) == 0
        {
            self.says(world, author, &at, &format!("@innkeeper release confirm {code}"));
            return Some(at);
        }
        if self.dice.below(100) < self.odd {
            self.odd_act(world, &at, author);
            return Some(at);
        }
        let owner = *self.dice.pick(&[author, author, BOB, CAROL]).unwrap_or(&author);
        let words = [
            "@innkeeper extend 1d because I am slow",
            "@innkeeper extend 2 days",
            "@innkeeper restore 1d",
            "@innkeeper restore",
            "@innkeeper release",
            "@innkeeper status",
            "Nice machine. Thanks!",
            "@innkeeper stop",
            "@innkeeper start",
            "@innkeeper reboot",
            "@innkeeper resize memory 2 GiB",
            "@innkeeper rebuild",
        ];
        let words = *self.dice.pick(&words).unwrap_or(&"hm");
        self.says(world, owner, &at, words);
        Some(at)
    }

    fn odd_act(&mut self, world: &mut World, at: &IssueRef, author: u64) {
        let now = world.now;
        match self.dice.below(28) {
            0..=2 => {
                let by = if self.dice.below(4) == 0 { BOB } else { author };
                let text = self.request(author, true);
                world.house.edit(now, at, by, text);
                self.tell(world, by, "edits", at);
            }
            3 | 26 | 27 => self.says(world, CAROL, at, "@innkeeper approve 00000000"),
            4 => self.approves_wrongly(world, at, MALLORY),
            5 => self.approves_wrongly(world, at, author),
            6 => self.says(world, CAROL, at, "@innkeeper reject there is another one"),
            7 => self.says(world, DAN, at, "@innkeeper hold the host is being moved"),
            8 => self.says(world, DAN, at, "@innkeeper unhold"),
            9 => self.says(world, CAROL, at, "@innkeeper protect"),
            10 => self.says(world, CAROL, at, "@innkeeper unprotect"),
            11 => self.says(world, author, at, "@innkeeper transfer @bob"),
            12 | 13 => self.says(world, BOB, at, "@innkeeper accept"),
            14 => self.says(world, CAROL, at, "@innkeeper retry"),
            15 => self.says(world, MALLORY, at, "@innkeeper release\n@innkeeper extend 30d"),
            16 => {
                world.house.touch(now, at, |issue| issue.open = false);
                self.tell(world, author, "closes", at);
            }
            17 => {
                world.house.touch(now, at, |issue| {
                    issue.open = true;
                    issue.reopened = true;
                });
                self.tell(world, author, "reopens", at);
            }
            18 => {
                world.house.touch(now, at, |issue| {
                    issue.labels.insert("innkeeper::active".to_owned());
                    issue.labels.remove("innkeeper::needs-approval");
                    issue.due_date = now.date_naive().succ_opt();
                });
                self.tell(world, author, "changes labels", at);
            }
            19 => {
                let pick = self.dice.next();
                world.house.touch(now, at, |issue| {
                    let mut ours: Vec<_> = issue
                        .notes
                        .iter_mut()
                        .filter(|note| note.author == BOT && !note.deleted)
                        .collect();
                    let count = ours.len() as u64;
                    let index = usize::try_from(pick.checked_rem(count).unwrap_or(0)).unwrap_or(0);
                    if let Some(note) = ours.get_mut(index) {
                        note.deleted = true;
                    }
                });
                self.tell(world, MALLORY, "deletes a comment", at);
            }
            20 if self.dice.below(4) == 0 => {
                world.house.touch(now, at, |issue| issue.deleted = true);
                self.tell(world, CAROL, "deletes", at);
            }
            21 if self.dice.below(2) == 0 => {
                let elsewhere = if at.project.0 == PROJECT { OTHER_PROJECT } else { PROJECT };
                let to = if self.dice.below(3) == 0 { FOREIGN_PROJECT } else { elsewhere };
                world.house.move_issue(now, at, to);
                self.tell(world, CAROL, "moves", at);
            }
            22 => self.leaves(world, DAN),
            23 => self.leaves(world, ALICE),
            24 => {
                let edited = world.house.issues.get_mut(at);
                let last = edited.and_then(|i| i.notes.iter_mut().rev().find(|n| n.author != BOT));
                if let Some(note) = last {
                    note.edited_at.get_or_insert(now);
                    note.body.push_str("\n@innkeeper release");
                }
                self.tell(world, MALLORY, "edits a comment", at);
            }
            _ => self.at_the_host(world),
        }
    }

    fn approves_wrongly(&self, world: &mut World, at: &IssueRef, by: u64) {
        let digest = word_after(world, at, "innkeeper approve ");
        let digest = digest.unwrap_or_else(|| "12345678".to_owned());
        if by == CAROL || by == DAN {
            let body = sticky(world, at).unwrap_or_default();
            world.laws.endorsed.push((digest.clone(), body));
        }
        self.says(world, by, at, &format!("@innkeeper approve {digest}"));
    }

    /// Somebody's account is blocked, or works again.
    fn leaves(&self, world: &mut World, who: u64) {
        let now = world.now;
        let Some(account) = world.house.people.get_mut(&who) else { return };
        account.active = !account.active;
        if account.sysadmin && !account.active {
            account.sysadmin_until = Some(now);
        }
        let what = if account.active { "comes back" } else { "leaves" };
        world.who = Who::Person(account.name);
        world.note(what, "", String::new);
    }

    /// Somebody switches a machine on or off, or takes it away.
    fn at_the_host(&mut self, world: &mut World) {
        let machines: Vec<_> = world
            .hosts
            .iter()
            .flat_map(|(host, inside)| {
                inside
                    .machines
                    .values()
                    .filter_map(|m| Some((host.clone(), m.name.clone(), m.lease?)))
            })
            .collect();
        let Some((host, name, lease)) = self.dice.pick(&machines).cloned() else { return };
        world.who = Who::Person("admin");
        let state = world.laws.leases.get(&lease).map(|lease| lease.value.state);
        let removes = self.dice.below(3) == 0 && state != Some(State::Provisioning);
        let replaces = self.dice.below(3) == 0 && state == Some(State::Active);
        let Some(inside) = world.hosts.get_mut(&host) else { return };
        if replaces {
            inside.replace(&name);
            world.laws.impostors.push((host, name.clone(), lease));
        } else if removes {
            inside.machines.remove(&name);
            world.laws.removed.insert(lease);
            *world.faults.entry(Fault::Removal).or_default() += 1;
        } else if let Some(machine) = inside.machines.get_mut(&name) {
            machine.power = if machine.power == Power::On { Power::Off } else { Power::On };
        }
        let what = match (replaces, removes) {
            (true, _) => "replaces",
            (_, true) => "removes",
            _ => "switches",
        };
        world.note(what, "", || name.to_string());
    }

    /// At the end sysadmins deal with all that waits for them.
    pub(crate) fn tidy(&mut self, world: &mut World) -> Vec<IssueRef> {
        for (_, account) in &mut world.house.people {
            account.active = true;
        }
        for (host, name, lease) in std::mem::take(&mut world.laws.impostors) {
            let inside = world.hosts.get_mut(&host);
            inside.and_then(|inside| inside.machines.remove(&name));
            world.laws.removed.insert(lease);
        }
        let leases: Vec<_> = world.laws.leases.values().map(|lease| lease.value.clone()).collect();
        let mut issues = Vec::new();
        for lease in leases.into_iter().filter(|lease| lease.state != State::Ended) {
            let at = world.house.whereabouts(&lease.issue).clone();
            let at = if at.project.0 == FOREIGN_PROJECT { lease.issue.clone() } else { at };
            let mut words = String::new();
            let host = world.hosts.get(&lease.provider);
            let is_there = host.is_some_and(|it| it.machines.contains_key(&lease.order.key.name));
            if lease.state == State::Adopted && is_there {
                words.push_str("@innkeeper confirm @bob 1 day\n");
            } else if lease.state == State::Adopted {
                // What was found and is gone is let go of, as the comment about it says.
                words.push_str("@innkeeper release\n");
            }
            if lease.hold.is_some() {
                words.push_str("@innkeeper unhold\n");
            }
            if lease.protected && lease.state != State::Adopted {
                words.push_str("@innkeeper unprotect\n");
            }
            words.push_str("@innkeeper retry");
            world.house.say(world.now, &at, CAROL, words.clone());
            world.who = Who::Person("carol");
            world.note("tidies", "", || format!("{at}: {words}"));
            issues.push(at);
        }
        issues
    }
}
