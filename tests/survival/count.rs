//! The count: what people, the forge and libvirt saw, against each other, and
//! against what the store says.

mod notice;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use innkeeper::{
    identity::{ForgeName, IssueNumber, IssueRef, ProjectId},
    lease::Lease,
    notice::marker::Marker,
    ports::store::Store,
    rehearsal::{Answer, IssueSnapshot},
};

use crate::{
    host::Record,
    people::{Filed, Kind},
    town::BOT,
    world::World,
};

/// What came out.
pub(crate) struct Counted {
    pub(crate) table: String,
    /// Everything that should not be, each in a line.
    pub(crate) wrong: Vec<String>,
}

#[derive(Default)]
struct Count {
    rows: Vec<(&'static str, u64)>,
    lost: u64,
    doubled: u64,
    unannounced: u64,
    warnings: u64,
    wrong: Vec<String>,
}

impl Count {
    fn lost(&mut self, what: &str) {
        self.lost += 1;
        self.wrong.push(format!("lost: {what}"));
    }

    fn doubled(&mut self, what: &str) {
        self.doubled += 1;
        self.wrong.push(format!("doubled: {what}"));
    }

    fn unannounced(&mut self, what: &str) {
        self.unannounced += 1;
        self.wrong.push(format!("unannounced: {what}"));
    }

    fn row(&mut self, what: &'static str, count: impl TryInto<u64>) {
        self.rows.push((what, count.try_into().unwrap_or(u64::MAX)));
    }

    fn finish(mut self) -> Counted {
        for (what, number) in
            [("lost", self.lost), ("doubled", self.doubled), ("unannounced", self.unannounced)]
        {
            self.row(what, number);
        }
        let mut table = String::new();
        for (what, number) in self.rows {
            writeln!(table, "{what:<44}{number:>8}").unwrap();
        }
        Counted { table, wrong: self.wrong }
    }
}

pub(crate) async fn count(world: &World) -> Counted {
    let mut count = Count::default();
    let blows = &world.blows;
    let cut =
        |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    count.row("killed with -9", blows.kills);
    count.row("  of them while starting", blows.while_starting);
    count.row("  of them after standing still", blows.stopped_and_killed);
    count.row("stopped for a while and woken", blows.stopped_and_woken);
    count.row("rolling restarts", blows.rolled);
    count.row("asked to end (SIGTERM)", blows.asked_to_end);
    count.row("the way to the forge broke", cut(&blows.forge_cut));
    count.row("the way to libvirt broke", cut(&blows.provider_cut));
    count.row("the store's disk was full", blows.disk_filled);
    count.row("the store's server was ended", blows.server_ended);

    deliveries(world, &mut count).await;
    let store = world.store().await;
    let record = world.host.record();
    let filed = world.people.lock().unwrap().filed.clone();
    let mut leases = Vec::new();
    for filed in &filed {
        let issue = world.forge.issue(filed.key).unwrap();
        leases.extend(request(&*store, filed, &issue, &mut count).await);
    }
    machines(&record, &leases, &mut count);
    let issues: Vec<IssueSnapshot> = world.forge.issues();
    for lease in &leases {
        let issue = issues.iter().find(|issue| issue.key.iid == lease.issue.number.0);
        let released =
            filed.iter().any(|filed| filed.key.iid == lease.issue.number.0 && filed.released);
        if let (Some(issue), Some(seen)) = (issue, record.machines.get(&lease.id.0)) {
            notice::check(lease, seen, issue, released, &mut count);
        }
    }
    let warnings = count.warnings;
    notes(world, &issues, &mut count);
    count.row("warnings", warnings);
    if record.stranger_was_touched {
        count.wrong.push("the machine that is not ours was stopped or is gone".to_owned());
    }
    records(world, &mut count).await;
    count.row("entries in the audit log", store.figures(world.now()).await.unwrap().audit_entries);
    count.finish()
}

/// Every delivery that was answered as accepted is known still: sent again, it
/// is a duplicate.
async fn deliveries(world: &World, count: &mut Count) {
    let sent = world.forge.webhook_deliveries();
    let answered = |wanted: u16| move |answer: &Answer| matches!(answer, Answer::Status { code, .. } if *code == wanted);
    let accepted: Vec<_> = sent.iter().filter(|one| answered(202)(&one.answer)).collect();
    let mut keys = BTreeSet::new();
    for one in &accepted {
        if !keys.insert(one.idempotency_key.clone()) {
            count.doubled(&format!("delivery {} was accepted twice", one.idempotency_key));
        }
    }
    let again: Vec<usize> =
        accepted.iter().map(|one| world.forge.resend(one.number).unwrap()).collect();
    world.forge.settle().await;
    let all = world.forge.webhook_deliveries();
    for number in again {
        let one = &all[number];
        if !answered(200)(&one.answer) {
            count.lost(&format!("delivery {}, sent again: {:?}", one.idempotency_key, one.answer));
        }
    }
    count.row("webhooks sent", sent.len());
    count.row("  of them again", world.people.lock().unwrap().resent);
    count.row("  accepted", accepted.len());
    count.row("  known already", sent.iter().filter(|one| answered(200)(&one.answer)).count());
}

/// What became of an issue; its leases.
async fn request(
    store: &dyn Store,
    filed: &Filed,
    issue: &IssueSnapshot,
    count: &mut Count,
) -> Vec<Lease> {
    let at = IssueRef {
        forge: ForgeName::from("gitlab"),
        project: ProjectId(filed.key.project),
        number: IssueNumber(filed.key.iid),
    };
    let ours: Vec<&str> = issue.comments_by(BOT).map(|note| note.body.as_str()).collect();
    if filed.kind == Kind::Chat {
        if !ours.is_empty() {
            count.wrong.push(format!("{at} is no request and was answered: {ours:?}"));
        }
        return Vec::new();
    }
    let first = ours.iter().filter(|body| Marker::Sticky.is_in(body)).count();
    match first {
        0 => count.lost(&format!("{at} has no first comment")),
        1 => {}
        _ => count.doubled(&format!("{at} has {first} first comments")),
    }
    let Some(request) = store.request_on(&at).await.unwrap() else {
        count.lost(&format!("{at} is not in the store"));
        return Vec::new();
    };
    let request = request.value;
    for note in &filed.questions {
        let marker = Marker::of_effect(&format!("request:{}:note:{note}:0", request.id));
        match ours.iter().filter(|body| marker.is_in(body)).count() {
            0 => count.lost(&format!("{at}: comment {note} was not answered")),
            1 => {}
            times => count.doubled(&format!("{at}: comment {note} was answered {times} times")),
        }
    }
    let wanted = usize::from(filed.kind != Kind::Hopeless);
    match request.leases.len() {
        number if number < wanted => count.lost(&format!("{at}: approved, and no machine")),
        number if number > wanted => count.doubled(&format!("{at}: {number} machines")),
        _ => {}
    }
    let mut leases = Vec::new();
    for id in &request.leases {
        leases.push(store.lease(*id).await.unwrap().unwrap().value);
    }
    leases
}

/// Each lease's machine was made once and is gone once, and there were no others.
fn machines(record: &Record, leases: &[Lease], count: &mut Count) {
    let known: BTreeMap<_, _> = leases.iter().map(|lease| (lease.id.0, lease)).collect();
    for lease in leases {
        let name = &lease.order.key.name;
        let Some(seen) = record.machines.get(&lease.id.0) else {
            // Released, or given up, before there was one.
            if lease.handed_over.is_some() {
                count.lost(&format!("{name} was handed over and never there"));
            }
            continue;
        };
        let (made, gone) = record.events.get(name.as_str()).copied().unwrap_or_default();
        for (what, by_list, by_event) in
            [("made", seen.made.len(), made), ("gone", seen.gone.len(), gone)]
        {
            if by_list > 1 || by_event > 1 {
                count.doubled(&format!("{name} was {what} {by_list} times, {by_event} by libvirt"));
            }
            if by_list < 1 || by_event < 1 {
                count.lost(&format!("{name} was {what} {by_list} times, {by_event} by libvirt"));
            }
        }
    }
    for (uuid, seen) in &record.machines {
        if !known.contains_key(uuid) {
            count.doubled(&format!("{} ({uuid}) was made for nobody", seen.name));
        }
    }
    count.row("machines made", record.machines.values().map(|seen| seen.made.len()).sum::<usize>());
    let gone = record.machines.values().map(|seen| seen.gone.len()).sum::<usize>();
    count.row("machines destroyed", gone);
}

/// Nothing is said twice.
fn notes(world: &World, issues: &[IssueSnapshot], count: &mut Count) {
    let mut ours = 0_u64;
    for issue in issues {
        let mut markers = BTreeSet::new();
        for note in issue.comments_by(BOT) {
            ours += 1;
            let marker = note.body.lines().next().unwrap_or_default();
            if !markers.insert(marker) {
                count.doubled(&format!("issue {}: {}", issue.key.iid, note.body));
            }
        }
    }
    // Those that were withdrawn again included.
    let mut posted: BTreeMap<(String, String), u64> = BTreeMap::new();
    for request in world.forge.requests() {
        let is_note = request.path.ends_with("/notes") && request.method == "POST";
        if !is_note || request.status != Some(201) {
            continue;
        }
        // A form: its first line is the marker.
        let marker = request.body.split("%0A").next().unwrap_or_default().to_owned();
        *posted.entry((request.path, marker)).or_default() += 1;
    }
    let withdrawn: u64 = posted.values().map(|times| times - 1).sum();
    let people = world.people.lock().unwrap();
    let requests = people.filed.iter().filter(|filed| filed.kind != Kind::Chat).count();
    count.row("requests filed", requests);
    count.row("comments by people", people.comments);
    count.row("  a sysadmin's `unhold` among them", people.unheld);
    count.row("comments by the bot", ours);
    count.row("  posted twice, and one withdrawn", withdrawn);
}

/// The store's own proofs, and the logs.
async fn records(world: &World, count: &mut Count) {
    let verified = world.replicas[0].run(&["audit", "verify"]);
    if !verified.status.success() {
        let said = String::from_utf8_lossy(&verified.stdout).into_owned();
        count.wrong.push(format!("the audit log is broken: {said}"));
    }
    if let Some(damage) = world.database.damage().await {
        count.wrong.push(format!("the store is damaged: {damage}"));
    }
    for replica in &world.replicas {
        let log = replica.log();
        let bad = |line: &&str| {
            line.contains("panicked")
                || line.contains(crate::town::TOKEN)
                || line.contains(crate::town::SECRET)
        };
        for line in log.lines().filter(bad).take(3) {
            count.wrong.push(format!("in the log of {}: {line}", replica.name));
        }
    }
}
