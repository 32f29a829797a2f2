//! Looking whether a database is sound, without changing anything in it: it may
//! be in use, and by another version than this.

use std::{cmp::Ordering, path::Path};

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{Sqlite, audit, failure::Doing, open::MIGRATOR};
use crate::{
    ports::{PortError, finding::Finding},
    store::audit_chain,
};

/// How many entries of the audit log are held at a time.
const PIECE: usize = 1_000;

impl Sqlite {
    /// Looks at the database at `path`. Never fails: what cannot be found out
    /// is a finding.
    pub async fn examine(path: &Path) -> Vec<Finding> {
        if !path.exists() {
            return vec![missing(path)];
        }
        let doing = format!("read the database {}", path.display());
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut database = match options.connect().await.doing(&doing) {
            Ok(database) => database,
            Err(error) => return vec![bad(&error)],
        };
        let mut findings = Vec::new();
        match look(&mut database, &mut findings).await.doing(&doing) {
            Ok(()) => {}
            Err(error) => findings.push(bad(&error)),
        }
        // It was only read: there is nothing to lose if this fails.
        let _ = database.close().await;
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

fn bad(error: &PortError) -> Finding {
    let advice = error.advice.clone();
    let advice = advice.unwrap_or_else(|| "Run this as the account Innkeeper runs as.".to_owned());
    Finding::bad(format!("{}.", error.chain()), advice)
}

async fn look(database: &mut SqliteConnection, findings: &mut Vec<Finding>) -> sqlx::Result<()> {
    let sound: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_all(&mut *database).await?;
    match sound.first().map(String::as_str) {
        Some("ok") => findings.push(Finding::good("The file can be read and is sound.")),
        other => {
            findings.push(Finding::bad(
                format!("The file is damaged: {}.", other.unwrap_or("it says nothing")),
                "Stop the service and restore the file from a backup.",
            ));
            return Ok(());
        }
    }
    let schema: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
        .fetch_one(&mut *database)
        .await?;
    let known = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
    findings.push(match schema.cmp(&known) {
        Ordering::Greater => Finding::bad(
            format!("It was written by a newer version: its schema is number {schema}, this version knows those up to {known}."),
            "Install the newer version again, or restore the backup made before the upgrade.",
        ),
        Ordering::Less => Finding::doubtful(
            format!("Its schema is number {schema}, and the next start brings it to {known}."),
            "Make a backup before that: an older version cannot read it afterwards.",
        ),
        Ordering::Equal => audit_log(database).await?,
    });
    Ok(())
}

async fn audit_log(database: &mut SqliteConnection) -> sqlx::Result<Finding> {
    let mut last = None;
    let mut count: u64 = 0;
    loop {
        let entries = audit::read(&mut *database, count + 1, PIECE).await?;
        if let Err(broken) = audit_chain::verify_after(last.as_ref(), &entries) {
            return Ok(Finding::bad(
                format!("{broken}."),
                "Somebody wrote into the file past Innkeeper, or it is damaged: compare it with a backup.",
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
    use super::Sqlite;
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
        let store = Sqlite::open(&path).await.unwrap();
        store.commit(&change()).await.unwrap();
        let findings = Sqlite::examine(&path).await;
        let all_good = findings.iter().all(|finding| finding.grade == Grade::Good);
        assert!(all_good && findings[1].what.contains("2 entries"), "{findings:?}");

        sqlx::query("DROP TRIGGER audit_log_is_never_changed")
            .execute(&store.writer)
            .await
            .unwrap();
        sqlx::query("UPDATE audit_log SET at = 7").execute(&store.writer).await.unwrap();
        let findings = Sqlite::examine(&path).await;
        assert!(findings[1].what.contains("broken at entry 1"), "{findings:?}");

        sqlx::query("UPDATE _sqlx_migrations SET version = version + 9000")
            .execute(&store.writer)
            .await
            .unwrap();
        let findings = Sqlite::examine(&path).await;
        assert!(findings[1].what.contains("newer version"), "{findings:?}");

        let other = folder.path().join("letters.db");
        std::fs::write(&other, "Dear Sir or Madam, ".repeat(99)).unwrap();
        let findings = Sqlite::examine(&other).await;
        assert!(findings[0].advice.as_ref().unwrap().contains("backup"), "{findings:?}");
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_fine_and_not_made_and_its_folder_has_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        assert_eq!(Sqlite::examine(&path).await[0].grade, Grade::Good);
        assert!(!path.exists());
        assert_eq!(Sqlite::examine(&folder.path().join("no/store.db")).await[0].grade, Grade::Bad);
    }
}
