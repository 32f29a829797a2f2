//! Looking whether a database is sound, without changing anything in it: it may
//! be in use, and by another version than this.

use std::{cmp::Ordering, path::Path};

use sqlx::{AnyConnection, Connection as _};

use super::{Place, Server, SqlStore, audit, dialect::Dialect, failure::Doing, postgres, sqlite};
use crate::{
    ports::{PortError, finding::Finding},
    store::audit_chain,
};

/// How many entries of the audit log are held at a time.
const PIECE: usize = 1_000;

impl SqlStore {
    /// Looks at the store at this place. Never fails: what cannot be found out
    /// is a finding.
    pub async fn examine(place: impl Into<Place>) -> Vec<Finding> {
        let place = place.into();
        let doing = format!("read the database {place}");
        let mut findings = Vec::new();
        let looked = match &place {
            Place::File(path) if !path.exists() => return vec![missing(path)],
            Place::File(path) => file(path, &mut findings).await.doing(&doing),
            Place::Server(at) => server(at, &mut findings).await.doing(&doing),
        };
        if let Err(error) = looked {
            findings.push(bad(&error, &place));
        }
        findings
    }
}

fn missing(path: &Path) -> Finding {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_none_or(Path::is_dir) {
        return Finding::good(format!(
            "There is no file at {} yet: the service makes it when it first starts.",
            path.display()
        ));
    }
    Finding::bad(
        format!("The folder of {} is not there.", path.display()),
        "Create it, for the account Innkeeper runs as, or name another in [store] path.",
    )
}

fn bad(error: &PortError, place: &Place) -> Finding {
    let advice = error.advice.clone().unwrap_or_else(|| match place {
        Place::File(_) => "Run this as the account Innkeeper runs as.".to_owned(),
        Place::Server(_) => {
            "Check that the server runs and can be reached from here: see [store] url.".to_owned()
        }
    });
    Finding::bad(format!("{}.", error.chain()), advice)
}

async fn file(path: &Path, findings: &mut Vec<Finding>) -> sqlx::Result<()> {
    let mut database = sqlite::look(path).await?;
    let sound: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_all(&mut database).await?;
    match sound.first().map(String::as_str) {
        Some("ok") => {
            findings.push(Finding::good("The file can be read and is sound."));
            findings.push(content(&mut database, Dialect::Sqlite).await?);
        }
        other => findings.push(Finding::bad(
            format!("The file is damaged: {}.", other.unwrap_or("it says nothing")),
            "Stop the service and restore the file from a backup.",
        )),
    }
    // It was only read: there is nothing to lose if this fails.
    let _ = database.close().await;
    Ok(())
}

async fn server(server: &Server, findings: &mut Vec<Finding>) -> sqlx::Result<()> {
    let mut database = postgres::look(server).await?;
    let (version, standby, flushes): (String, bool, String) = sqlx::query_as(
        "SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('fsync')",
    )
    .fetch_one(&mut database)
    .await?;
    findings.push(if standby {
        Finding::bad(
            format!("PostgreSQL {version} answers, but is a standby that nobody can write to."),
            super::failure::NAME_THE_PRIMARY,
        )
    } else if flushes == "off" {
        Finding::bad(
            format!(
                "PostgreSQL {version} runs with `fsync = off`: a power cut destroys the store."
            ),
            "Set `fsync = on` on the server.",
        )
    } else {
        Finding::good(format!("PostgreSQL {version} answers."))
    });
    findings.push(if postgres::has_tables(&mut database).await? {
        content(&mut database, Dialect::Postgres).await?
    } else {
        Finding::good("The database is empty: the service fills it when it first starts.")
    });
    // It was only read: there is nothing to lose if this fails.
    let _ = database.close().await;
    Ok(())
}

async fn content(database: &mut AnyConnection, dialect: Dialect) -> sqlx::Result<Finding> {
    let schema: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
        .fetch_one(&mut *database)
        .await?;
    let known = dialect.newest_schema();
    Ok(match schema.cmp(&known) {
        Ordering::Greater => Finding::bad(
            format!(
                "It was written by a newer version: its schema is number {schema}, this version knows those up to {known}."
            ),
            "Install the newer version again, or restore the backup made before the upgrade.",
        ),
        Ordering::Less => Finding::doubtful(
            format!("Its schema is number {schema}, and the next start brings it to {known}."),
            "Make a backup before that: an older version cannot read it afterwards.",
        ),
        Ordering::Equal => audit_log(database).await?,
    })
}

async fn audit_log(database: &mut AnyConnection) -> sqlx::Result<Finding> {
    let mut last = None;
    let mut count: u64 = 0;
    loop {
        let entries = audit::read(&mut *database, count + 1, PIECE).await?;
        if let Err(broken) = audit_chain::verify_after(last.as_ref(), &entries) {
            return Ok(Finding::bad(
                format!("{broken}."),
                "Somebody wrote into it past Innkeeper, or it is damaged: compare it with a backup.",
            ));
        }
        let Some(newest) = entries.into_iter().next_back() else {
            return Ok(Finding::good(format!("The audit log is whole: {count} entries.")));
        };
        count = newest.number;
        last = Some(newest);
    }
}

#[cfg(test)]
mod tests {
    use super::SqlStore;
    use crate::ports::{
        finding::Grade,
        store::{Actor, AuditNote, Change, Store as _},
    };

    fn change() -> Change {
        let note = AuditNote {
            actor: Actor::Clock,
            action: "tested".to_owned(),
            authority: None,
            request: None,
            lease: None,
            digest: None,
            policy_version: None,
        };
        Change { audit: vec![note.clone(), note], ..Change::default() }
    }

    #[tokio::test]
    async fn a_sound_file_is_told_from_a_changed_a_newer_and_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqlStore::open(&path).await.unwrap();
        store.commit(&change()).await.unwrap();
        let findings = SqlStore::examine(&path).await;
        let all_good = findings.iter().all(|finding| finding.grade == Grade::Good);
        assert!(all_good && findings[1].what.contains("2 entries"), "{findings:?}");

        sqlx::query("DROP TRIGGER audit_log_is_never_changed")
            .execute(&store.writer)
            .await
            .unwrap();
        sqlx::query("UPDATE audit_log SET at = 7").execute(&store.writer).await.unwrap();
        let findings = SqlStore::examine(&path).await;
        assert!(findings[1].what.contains("broken at entry 1"), "{findings:?}");

        sqlx::query("UPDATE _sqlx_migrations SET version = version + 9000")
            .execute(&store.writer)
            .await
            .unwrap();
        let findings = SqlStore::examine(&path).await;
        assert!(findings[1].what.contains("newer version"), "{findings:?}");

        let other = folder.path().join("letters.db");
        std::fs::write(&other, "Dear Sir or Madam, ".repeat(99)).unwrap();
        let findings = SqlStore::examine(&other).await;
        assert!(findings[0].advice.as_ref().unwrap().contains("backup"), "{findings:?}");
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_fine_and_not_made_and_its_folder_has_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        assert_eq!(SqlStore::examine(&path).await[0].grade, Grade::Good);
        assert!(!path.exists());
        assert_eq!(
            SqlStore::examine(&folder.path().join("no/store.db")).await[0].grade,
            Grade::Bad
        );
    }
}
