//! Forgetting somebody: see [`personal`] for what that means.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt as _;
use serde::Serialize;
use sqlx::AnyConnection;

use super::{
    SqlStore, audit,
    column::{from_issue, from_value, to_count, to_value},
    failure::Doing,
    state,
};
use crate::{
    effect::{NewEffect, Task},
    identity::{ForgeName, IssueRef, Timestamp, UserId},
    lease::{Lease, State},
    personal::{self, Needed, Part, Subject},
    ports::{
        PortError,
        store::{AuditNote, Versioned},
    },
    request::Request,
};

/// What came of forgetting somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forgotten {
    /// Nobody of that name is in the store.
    Unknown,
    /// Several accounts have had that name.
    Ambiguous(BTreeSet<UserId>),
    /// They are needed; nothing was changed.
    Needed(Vec<Needed>),
    /// It is done.
    Done {
        /// Whom.
        who: UserId,
        /// What was erased; nothing when that was done before.
        erased: Erased,
    },
}

/// How much was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Requests from which something was taken.
    pub requests: u64,
    /// Leases from which something was taken.
    pub leases: u64,
    /// Comments that were said, or were to be said.
    pub comments: u64,
    /// Bodies of deliveries.
    pub bodies: u64,
    /// What names them and is still in use: comments on others' issues that are
    /// not posted yet, machines that were made for them and are others' now.
    pub left: u64,
}

/// What is in the store about somebody.
#[derive(Default)]
struct About {
    requests: Vec<Versioned<Request>>,
    leases: Vec<Versioned<Lease>>,
    needed: Vec<Needed>,
    issues: BTreeSet<IssueRef>,
    lanes: BTreeSet<String>,
    left: u64,
}

impl SqlStore {
    /// Forgets an account, given by its number or a name it had. In one
    /// transaction with the entry in the audit log.
    ///
    /// # Errors
    ///
    /// The database's; then nothing is changed.
    pub async fn forget(
        &self,
        forge: &ForgeName,
        who: &str,
        now: Timestamp,
    ) -> Result<Forgotten, PortError> {
        self.try_forget(forge, who, now).await.doing("forget somebody")
    }

    async fn try_forget(
        &self,
        forge: &ForgeName,
        who: &str,
        now: Timestamp,
    ) -> sqlx::Result<Forgotten> {
        let mut transaction = self.begin().await?;
        self.dialect.take_time(&mut transaction).await?;
        let known = known(&mut transaction, forge).await?;
        let called = |names: &BTreeSet<String>| {
            names.iter().any(|name| name.eq_ignore_ascii_case(who.trim_start_matches('@')))
        };
        let ids: BTreeSet<UserId> = match who.parse() {
            Ok(id) => [UserId(id)].into(),
            Err(_) => known.iter().filter(|(_, names)| called(names)).map(|(id, _)| *id).collect(),
        };
        let (Some(id), 1) = (ids.first().copied(), ids.len()) else {
            return Ok(if ids.is_empty() { Forgotten::Unknown } else { Forgotten::Ambiguous(ids) });
        };
        let names = known.get(&id).into_iter().flatten().cloned().collect();
        let subject = Subject { forge: forge.clone(), id, names };
        let about = about(&mut transaction, &subject).await?;
        if !about.needed.is_empty() {
            return Ok(Forgotten::Needed(about.needed));
        }
        let erased = erase(&mut transaction, &subject, &about).await?;
        if erased != (Erased { left: erased.left, ..Erased::default() }) {
            let note = [AuditNote::by_operator(format!("forgot:{forge}:{id}"))];
            audit::append(&mut transaction, &note, now).await?;
        }
        transaction.commit().await?;
        Ok(Forgotten::Done { who: id, erased })
    }
}

/// Every account of a forge that is named in a request or lease, with its names.
async fn known(
    database: &mut AnyConnection,
    forge: &ForgeName,
) -> sqlx::Result<BTreeMap<UserId, BTreeSet<String>>> {
    let mut known: BTreeMap<UserId, BTreeSet<String>> = BTreeMap::new();
    let mut note = |id: UserId, name: &str| {
        known.entry(id).or_default().insert(name.to_owned());
    };
    let mut rows = requests(database);
    while let Some(request) = rows.try_next().await? {
        if request.value.issue.forge == *forge {
            personal::known_as(&request.value, &mut note);
        }
    }
    drop(rows);
    let mut rows = leases(database);
    while let Some(lease) = rows.try_next().await? {
        if lease.value.issue.forge == *forge {
            personal::known_as(&lease.value, &mut note);
        }
    }
    drop(rows);
    Ok(known)
}

async fn about(database: &mut AnyConnection, subject: &Subject) -> sqlx::Result<About> {
    let mut about = About::default();
    let mut rows = requests(database);
    while let Some(request) = rows.try_next().await? {
        let part = subject.in_request(&request.value);
        if part == Part::None {
            continue;
        }
        let Request { state, issue, web_url, .. } = &request.value;
        if state.is_open() {
            about.needed.push(Needed::Request { page: web_url.clone() });
        }
        if part == Part::Own {
            about.issues.insert(issue.clone());
            about.lanes.extend([NewEffect::issue_lane(issue), NewEffect::team_lane(issue)]);
        }
        about.requests.push(request);
    }
    drop(rows);
    let mut rows = leases(database);
    while let Some(lease) = rows.try_next().await? {
        let part = subject.in_lease(&lease.value);
        if part == Part::None {
            continue;
        }
        let Lease { id, state, order, issue, .. } = &lease.value;
        if *state != State::Ended && !subject.is_needed_in(&lease.value) {
            // Somebody else's by now; its keys are needed until it ends.
            about.left += 1;
            continue;
        }
        if *state != State::Ended {
            about.needed.push(Needed::Lease {
                lease: *id,
                machine: order.key.name.to_string(),
                state: *state,
                issue: issue.clone(),
            });
        }
        if part == Part::Own {
            about.issues.insert(issue.clone());
            about.lanes.extend([NewEffect::issue_lane(issue), NewEffect::machine_lane(*id)]);
        }
        about.leases.push(lease);
    }
    drop(rows);
    Ok(about)
}

async fn erase(
    database: &mut AnyConnection,
    subject: &Subject,
    about: &About,
) -> sqlx::Result<Erased> {
    let unreadable = |error: serde_json::Error| sqlx::Error::Encode(error.into());
    let mut erased = Erased { left: about.left, ..Erased::default() };
    for Versioned { version, value } in &about.requests {
        let emptied = subject.out_of_request(value).map_err(unreadable)?;
        if emptied != *value {
            let emptied = Versioned { version: *version, value: emptied };
            state::save_request(&mut *database, &emptied).await?;
            erased.requests += 1;
        }
    }
    for Versioned { version, value } in &about.leases {
        let emptied = subject.out_of_lease(value).map_err(unreadable)?;
        if emptied != *value {
            let emptied = Versioned { version: *version, value: emptied };
            state::save_lease(&mut *database, &emptied).await?;
            erased.leases += 1;
        }
    }
    erase_comments(database, subject, about, &mut erased).await?;
    erased.bodies = erase_bodies(database, subject, about).await?;
    for issue in &about.issues {
        let (forge, project, number) = from_issue(issue);
        sqlx::query(
            "UPDATE looks SET last_error = NULL
             WHERE forge = $1 AND project = $2 AND number = $3 AND last_error IS NOT NULL",
        )
        .bind(forge)
        .bind(project)
        .bind(number)
        .execute(&mut *database)
        .await?;
    }
    Ok(erased)
}

async fn erase_comments(
    database: &mut AnyConnection,
    subject: &Subject,
    about: &About,
    erased: &mut Erased,
) -> sqlx::Result<()> {
    let forgotten = personal::forgotten_task();
    let of_forge = [format!("issue:{}:", subject.forge), format!("team:{}:", subject.forge)];
    let mut found: Vec<i64> = Vec::new();
    let mut rows = sqlx::query_as::<_, (i64, String, String, String)>(
        "SELECT id, lane, state, task FROM effects",
    )
    .fetch(&mut *database);
    while let Some((id, lane, state, task)) = rows.try_next().await? {
        let task: Task = to_value(&task, || format!("the stored effect {id}"))?;
        if task == forgotten {
            continue;
        }
        let own = about.lanes.contains(&lane);
        let elsewhere = || of_forge.iter().any(|forge| lane.starts_with(forge));
        if own || elsewhere() && subject.is_in_task(&task) {
            // Their own issues have nothing left to be said; others' have.
            if own || state == "done" {
                found.push(id);
            } else {
                erased.left += 1;
            }
        }
    }
    drop(rows);
    let forgotten = from_value(&forgotten)?;
    for id in found {
        sqlx::query("UPDATE effects SET task = $2, last_error = NULL WHERE id = $1")
            .bind(id)
            .bind(&forgotten)
            .execute(&mut *database)
            .await?;
        erased.comments += 1;
    }
    Ok(())
}

async fn erase_bodies(
    database: &mut AnyConnection,
    subject: &Subject,
    about: &About,
) -> sqlx::Result<u64> {
    let mut found: Vec<i64> = Vec::new();
    let mut rows = sqlx::query_as::<_, (i64, i64, Option<i64>, Vec<u8>)>(
        "SELECT id, project, issue, body FROM deliveries WHERE body IS NOT NULL AND forge = $1",
    )
    .bind(subject.forge.as_str())
    .fetch(&mut *database);
    while let Some((id, project, issue, body)) = rows.try_next().await? {
        let about_theirs = issue.is_some_and(|number| {
            about.issues.iter().any(|issue| {
                let (_, their_project, their_number) = from_issue(issue);
                (their_project, their_number) == (project, number)
            })
        });
        if about_theirs || subject.is_in_body(&body) {
            found.push(id);
        }
    }
    drop(rows);
    for id in &found {
        sqlx::query("UPDATE deliveries SET body = NULL WHERE id = $1")
            .bind(id)
            .execute(&mut *database)
            .await?;
    }
    Ok(found.len() as u64)
}

type Rows<'a, T> = futures::stream::BoxStream<'a, sqlx::Result<Versioned<T>>>;

/// All requests.
fn requests(database: &mut AnyConnection) -> Rows<'_, Request> {
    let rows = sqlx::query_as::<_, (String, i64, String)>(
        "SELECT id, version, document FROM requests ORDER BY id",
    );
    let read = |(id, version, document): (String, i64, String)| async move {
        let value = to_value(&document, || format!("the stored request {id}"))?;
        Ok(Versioned { version: to_count(version), value })
    };
    Box::pin(rows.fetch(database).and_then(read))
}

/// All leases, ended ones included.
fn leases(database: &mut AnyConnection) -> Rows<'_, Lease> {
    let rows = sqlx::query_as::<_, (String, i64, String)>(
        "SELECT id, version, document FROM leases ORDER BY id",
    );
    let read = |(id, version, document): (String, i64, String)| async move {
        let value = to_value(&document, || format!("the stored lease {id}"))?;
        Ok(Versioned { version: to_count(version), value })
    };
    Box::pin(rows.fetch(database).and_then(read))
}
