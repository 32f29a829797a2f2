//! Everything out of a database, as it is at one moment, and back into an
//! empty one. What tables and columns there are is asked of the database.

use std::{
    io::{BufRead, Write},
    path::Path,
};

use futures::TryStreamExt as _;
use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{Sqlite, audit, failure::Doing, open::MIGRATOR};
use crate::{
    identity::Timestamp,
    ports::{
        PortError,
        restoration::{MEMO, Restoration},
        store::{Actor, AuditNote},
    },
    store::backup::{
        BackupError, Cell, Column, Contents, Header, Kind, Progress, Reader, Table, Writer,
    },
};

/// The tables with their columns. Those that follow from others by triggers
/// come last, so that what was kept of them wins.
const COLUMNS: &str = "
SELECT tables.name, columns.name, columns.type
FROM pragma_table_list AS tables, pragma_table_info(tables.name) AS columns
WHERE tables.schema = 'main' AND tables.type = 'table'
  AND tables.name NOT LIKE 'sqlite_%' AND tables.name <> '_sqlx_migrations'
ORDER BY tables.name = 'usage', tables.name, columns.cid";

impl Sqlite {
    /// Writes everything in the database at `path`, as it is at this moment,
    /// whoever else uses it.
    ///
    /// # Errors
    ///
    /// The database's or the file's.
    pub async fn back_up(
        path: &Path,
        file: impl Write,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Contents, PortError> {
        let doing = format!("back up the database {}", path.display());
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut database = SqliteConnection::connect_with(&options).await.doing(&doing)?;
        let contents = write(&mut database, file, now, &doing, progress).await?;
        // It was only read: there is nothing to lose if this fails.
        let _ = database.close().await;
        Ok(contents)
    }

    /// Puts a backup into the database at `path`, which has to be empty, or is
    /// made. It bears the mark that it was restored from its first moment on.
    ///
    /// # Errors
    ///
    /// When there is something in it already, the backup is not whole or too
    /// new, or the database's. Nothing of the backup is in it then.
    pub async fn restore(
        path: &Path,
        backup: &mut Reader<impl BufRead>,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Contents, PortError> {
        restore_with(&MIGRATOR, path, backup, now, progress).await
    }
}

async fn write(
    database: &mut SqliteConnection,
    file: impl Write,
    now: Timestamp,
    doing: &str,
    progress: Progress<'_>,
) -> Result<Contents, PortError> {
    // What a transaction reads is as it was when it first read.
    let mut snapshot = database.begin().await.doing(doing)?;
    let migration: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&mut *snapshot)
        .await
        .doing(doing)?;
    let tables = tables(&mut snapshot).await.doing(doing)?;
    let failed = PortError::bug::<BackupError>("write the backup");
    let header = Header::new(now, migration, tables.clone());
    let mut writer = Writer::begin(file, header).map_err(&failed)?;
    let mut count = 0;
    for (index, table) in tables.iter().enumerate() {
        let names = names(table);
        let query = AssertSqlSafe(format!("SELECT {names} FROM {}", quoted(&table.name)));
        let mut rows = sqlx::query(query).fetch(&mut *snapshot);
        while let Some(row) = rows.try_next().await.doing(doing)? {
            writer.row(index, &cells(&row, table).doing(doing)?).map_err(&failed)?;
            count += 1;
            progress(count);
        }
    }
    snapshot.rollback().await.doing(doing)?;
    writer.finish().map_err(&failed)
}

async fn restore_with(
    migrator: &Migrator,
    path: &Path,
    backup: &mut Reader<impl BufRead>,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Contents, PortError> {
    let doing = format!("restore into the database {}", path.display());
    let Header { migration, version, taken_at, .. } = backup.header().clone();
    let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    if migration > known {
        let why = format!(
            "the backup is of version {version}, whose schema is number {migration}, and this \
             version knows those up to {known}"
        );
        return Err(PortError::give_up(doing, why).advice("Install that version or a newer one."));
    }
    let store =
        Sqlite::open_migrated(
            path,
            |writer| async move { migrator.run_to(migration, &writer).await },
        )
        .await?;
    let restoration = Restoration { taken_at, restored_at: now, gone_on_at: None };
    let contents = fill(&store, backup, &restoration, &doing, progress).await?;
    migrator.run(&store.writer).await.map_err(PortError::bug("bring the schema up to date"))?;
    store.close().await;
    Ok(contents)
}

/// All of it or nothing.
async fn fill(
    store: &Sqlite,
    backup: &mut Reader<impl BufRead>,
    restoration: &Restoration,
    doing: &str,
    progress: Progress<'_>,
) -> Result<Contents, PortError> {
    let damaged = |error: BackupError| PortError::give_up(doing, error);
    let mut transaction = store.begin().await.doing(doing)?;
    let tables = backup.header().tables.clone();
    is_empty(&mut transaction, doing).await?;
    fits(&tables, &self::tables(&mut transaction).await.doing(doing)?, doing)?;
    let inserts: Vec<String> = tables.iter().map(insert).collect();
    for table in &tables {
        // The schema itself puts rows into some.
        let query = AssertSqlSafe(format!("DELETE FROM {}", quoted(&table.name)));
        sqlx::query(query).execute(&mut *transaction).await.doing(doing)?;
    }
    let mut count = 0;
    while let Some((index, row)) = backup.next_row().map_err(damaged)? {
        let Some(insert) = inserts.get(index) else { continue };
        let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
        for cell in row {
            query = match cell {
                Cell::Null => query.bind(None::<String>),
                Cell::Integer(number) => query.bind(number),
                Cell::Text(text) => query.bind(text),
                Cell::Blob(bytes) => query.bind(bytes),
            };
        }
        query.execute(&mut *transaction).await.doing(doing)?;
        count += 1;
        progress(count);
    }
    let Some(contents) = backup.contents().cloned() else {
        return Err(damaged(BackupError::CutOff { line: count }));
    };
    // Whoever held them is gone.
    sqlx::query("DELETE FROM locks").execute(&mut *transaction).await.doing(doing)?;
    super::memory::set_memo(&mut *transaction, MEMO, &restoration.text()).await.doing(doing)?;
    let note = [AuditNote {
        actor: Actor::Operator,
        action: "restored".to_owned(),
        authority: None,
        request: None,
        lease: None,
        digest: None,
        policy_version: None,
    }];
    audit::append(&mut transaction, &note, restoration.restored_at).await.doing(doing)?;
    transaction.commit().await.doing(doing)?;
    Ok(contents)
}

/// Nothing may be lost by restoring.
async fn is_empty(database: &mut SqliteConnection, doing: &str) -> Result<(), PortError> {
    for Table { name, .. } in tables(database).await.doing(doing)? {
        // Its one row is there from the start.
        if name == "usage" {
            continue;
        }
        let query = AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM {})", quoted(&name)));
        let any: bool = sqlx::query_scalar(query).fetch_one(&mut *database).await.doing(doing)?;
        if any {
            return Err(PortError::give_up(doing, format!("there is something in it: see {name}"))
                .advice(
                    "Stop the service, move the old database away (with its -wal and -shm files), \
                     and restore again.",
                ));
        }
    }
    Ok(())
}

fn fits(backup: &[Table], database: &[Table], doing: &str) -> Result<(), PortError> {
    let named = |tables: &[Table]| {
        let columns = |table: &Table| {
            let mut columns: Vec<_> =
                table.columns.iter().map(|column| (column.name.clone(), column.kind)).collect();
            columns.sort_by(|a, b| a.0.cmp(&b.0));
            (table.name.clone(), columns)
        };
        tables.iter().map(columns).collect::<std::collections::BTreeMap<_, _>>()
    };
    if named(backup) == named(database) {
        return Ok(());
    }
    Err(PortError::give_up(doing, "its tables are not those that the backup was made of").advice(
        "Move the empty database away: one that fits the backup is made and brought up to date.",
    ))
}

async fn tables(database: &mut SqliteConnection) -> sqlx::Result<Vec<Table>> {
    let columns: Vec<(String, String, String)> =
        sqlx::query_as(COLUMNS).fetch_all(database).await?;
    let mut tables: Vec<Table> = Vec::new();
    for (table, name, kind) in columns {
        let kind = match kind.as_str() {
            "INTEGER" => Kind::Integer,
            "BLOB" => Kind::Blob,
            _ => Kind::Text,
        };
        let column = Column { name, kind };
        match tables.last_mut() {
            Some(last) if last.name == table => last.columns.push(column),
            _ => tables.push(Table { name: table, columns: vec![column] }),
        }
    }
    Ok(tables)
}

fn cells(row: &SqliteRow, table: &Table) -> sqlx::Result<Vec<Cell>> {
    let cell = |(index, column): (usize, &Column)| {
        Ok(match column.kind {
            Kind::Integer => row.try_get::<Option<i64>, _>(index)?.map(Cell::Integer),
            Kind::Text => row.try_get::<Option<String>, _>(index)?.map(Cell::Text),
            Kind::Blob => row.try_get::<Option<Vec<u8>>, _>(index)?.map(Cell::Blob),
        }
        .unwrap_or(Cell::Null))
    };
    table.columns.iter().enumerate().map(cell).collect()
}

fn insert(table: &Table) -> String {
    let places: Vec<String> = (1..=table.columns.len()).map(|place| format!("${place}")).collect();
    let (name, names) = (quoted(&table.name), names(table));
    format!("INSERT INTO {name} ({names}) VALUES ({})", places.join(", "))
}

fn names(table: &Table) -> String {
    let names: Vec<String> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    names.join(", ")
}

/// A name as it may stand in a statement, whoever wrote the backup.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
