//! Everything out of a database, as it is at one moment, and back into an
//! empty one, of either kind. What tables and columns there are is asked of
//! the database.

use std::io::{BufRead, Write};

use futures::TryStreamExt as _;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _, any::AnyRow};

use super::{
    Place, SqlStore, audit, column::from_text, dialect::Dialect, failure::Doing, open::migrate,
};
use crate::{
    identity::Timestamp,
    ports::{
        PortError,
        restoration::{MEMO, Restoration},
        store::AuditNote,
    },
    store::backup::{
        BackupError, Cell, Column, Contents, Header, Kind, Progress, Reader, Table, Writer,
    },
};

/// The tables with their columns. Those that follow from others by triggers
/// come last, so that what was kept of them wins.
const OF_SQLITE: &str = "
SELECT tables.name, columns.name, columns.type
FROM pragma_table_list AS tables, pragma_table_info(tables.name) AS columns
WHERE tables.schema = 'main' AND tables.type = 'table'
  AND tables.name NOT LIKE 'sqlite_%' AND tables.name <> '_sqlx_migrations'
ORDER BY tables.name = 'usage', tables.name, columns.cid";

const OF_POSTGRES: &str = "
SELECT CAST(columns.table_name AS TEXT), CAST(columns.column_name AS TEXT),
    CAST(columns.data_type AS TEXT)
FROM information_schema.columns AS columns
WHERE columns.table_schema = 'public' AND columns.table_name <> '_sqlx_migrations'
ORDER BY columns.table_name = 'usage', columns.table_name, columns.ordinal_position";

/// The table that the schema itself puts a row into.
const FILLED: &str = "usage";

/// The first schema that a server had. What an older one was made into by the
/// steps between, they do in a file alone.
const OLDEST_ON_SERVER: i64 = 6;

impl SqlStore {
    /// Writes everything in the store, as it is at this moment, whoever else
    /// uses it.
    ///
    /// # Errors
    ///
    /// The database's or the file's.
    pub async fn back_up(
        &self,
        file: impl Write,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Contents, PortError> {
        let doing = "back up the store";
        // What a transaction reads is as it was when it first read.
        let mut snapshot = self.dialect.begin_to_read(&self.readers).await.doing(doing)?;
        self.dialect.take_time(&mut snapshot).await.doing(doing)?;
        let migration: i64 =
            sqlx::query_scalar("SELECT COALESCE(max(version), 0) FROM _sqlx_migrations")
                .fetch_one(&mut *snapshot)
                .await
                .doing(doing)?;
        let tables = tables(self.dialect, &mut snapshot).await.doing(doing)?;
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

    /// Puts a backup into the store at this place, which has to be empty, or is
    /// made. It bears the mark that it was restored from its first moment on.
    ///
    /// # Errors
    ///
    /// When there is something in it already, the backup is not whole or too
    /// new, or the database's. Nothing of the backup is in it then.
    pub async fn restore(
        place: impl Into<Place>,
        backup: &mut Reader<impl BufRead>,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Contents, PortError> {
        let place = place.into();
        let doing = format!("restore into {place}");
        let Header { migration, version, taken_at, .. } = backup.header().clone();
        let dialect = match &place {
            Place::File(_) => Dialect::Sqlite,
            Place::Server(_) => Dialect::Postgres,
        };
        let known = dialect.newest_schema();
        if migration > known {
            let why = format!(
                "the backup is of version {version}, whose schema is number {migration}, and \
                 this version knows those up to {known}"
            );
            return Err(
                PortError::give_up(doing, why).advice("Install that version or a newer one.")
            );
        }
        if dialect == Dialect::Postgres && migration < OLDEST_ON_SERVER {
            let why =
                format!("the backup's schema, number {migration}, is older than any server's");
            return Err(PortError::give_up(doing, why).advice(
                "Restore it into an SQLite file with this version, back that up, and restore \
                 that backup here.",
            ));
        }
        let store = Self::open_at(place, migration).await?;
        let restoration = Restoration { taken_at, restored_at: now, gone_on_at: None };
        let filled = fill(&store, backup, &restoration, &doing, progress).await;
        let done = match filled {
            Ok(contents) => migrate(&store.writer, dialect, None, &doing).await.map(|()| contents),
            Err(error) => Err(error),
        };
        store.close().await;
        done
    }
}

/// All of it or nothing.
async fn fill(
    store: &SqlStore,
    backup: &mut Reader<impl BufRead>,
    restoration: &Restoration,
    doing: &str,
    progress: Progress<'_>,
) -> Result<Contents, PortError> {
    let damaged = |error: BackupError| PortError::give_up(doing, error);
    let mut transaction = store.begin().await.doing(doing)?;
    store.dialect.take_time(&mut transaction).await.doing(doing)?;
    let tables = backup.header().tables.clone();
    let present = self::tables(store.dialect, &mut transaction).await.doing(doing)?;
    is_empty(&mut transaction, &present, doing).await?;
    fits(&tables, &present, doing)?;
    let inserts: Vec<String> = tables.iter().map(|table| insert(store.dialect, table)).collect();
    // The schema itself puts a row there.
    for table in tables.iter().filter(|table| table.name == FILLED) {
        let query = AssertSqlSafe(format!("DELETE FROM {}", quoted(&table.name)));
        sqlx::query(query).execute(&mut *transaction).await.doing(doing)?;
    }
    let mut count = 0;
    while let Some((index, row)) = backup.next_row().map_err(damaged)? {
        let (Some(insert), Some(table)) = (inserts.get(index), tables.get(index)) else {
            continue;
        };
        let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
        for (cell, column) in row.into_iter().zip(&table.columns) {
            query = match (cell, column.kind) {
                (Cell::Null, Kind::Integer) => query.bind(None::<i64>),
                (Cell::Null, Kind::Text) => query.bind(None::<String>),
                (Cell::Null, Kind::Blob) => query.bind(None::<Vec<u8>>),
                (Cell::Integer(number), _) => query.bind(number),
                (Cell::Text(text), _) => query.bind(from_text(&text)),
                (Cell::Blob(bytes), _) => query.bind(bytes),
            };
        }
        query.execute(&mut *transaction).await.doing(doing)?;
        count += 1;
        progress(count);
    }
    let Some(contents) = backup.contents().cloned() else {
        return Err(damaged(BackupError::CutOff { line: count }));
    };
    if store.dialect == Dialect::Postgres {
        count_on(&mut transaction, &tables).await.doing(doing)?;
    }
    // Whoever held them is gone.
    sqlx::query("DELETE FROM locks").execute(&mut *transaction).await.doing(doing)?;
    super::memory::set_memo(&mut *transaction, MEMO, &restoration.text()).await.doing(doing)?;
    let note = [AuditNote::by_operator("restored")];
    audit::append(&mut transaction, &note, restoration.restored_at).await.doing(doing)?;
    transaction.commit().await.doing(doing)?;
    Ok(contents)
}

/// Nothing may be lost by restoring.
async fn is_empty(
    database: &mut AnyConnection,
    tables: &[Table],
    doing: &str,
) -> Result<(), PortError> {
    for Table { name, .. } in tables.iter().filter(|table| table.name != FILLED) {
        let query = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT 1) AS one", quoted(name));
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut *database)
            .await
            .doing(doing)?;
        if rows > 0 {
            return Err(PortError::give_up(doing, format!("there is something in it: see {name}"))
                .advice(
                    "Stop the service, move the old database away (a file with its -wal and -shm \
                     files), or name an empty one in [store], and restore again.",
                ));
        }
    }
    Ok(())
}

/// What a server numbers by itself goes on after what it was given.
async fn count_on(database: &mut AnyConnection, tables: &[Table]) -> sqlx::Result<()> {
    let numbered = |table: &&Table| {
        table.columns.iter().any(|column| column.name == "id" && column.kind == Kind::Integer)
    };
    for table in tables.iter().filter(numbered) {
        let name = quoted(&table.name);
        let query = format!(
            "SELECT setval(pg_get_serial_sequence('{name}', 'id'),
                 COALESCE(max(id), 1), max(id) IS NOT NULL) FROM {name}"
        );
        sqlx::query(AssertSqlSafe(query)).execute(&mut *database).await?;
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

async fn tables(dialect: Dialect, database: &mut AnyConnection) -> sqlx::Result<Vec<Table>> {
    let query = match dialect {
        Dialect::Sqlite => OF_SQLITE,
        Dialect::Postgres => OF_POSTGRES,
    };
    let columns: Vec<(String, String, String)> = sqlx::query_as(query).fetch_all(database).await?;
    let mut tables: Vec<Table> = Vec::new();
    for (table, name, kind) in columns {
        let kind = match kind.as_str() {
            "INTEGER" | "bigint" => Kind::Integer,
            "BLOB" | "bytea" => Kind::Blob,
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

fn cells(row: &AnyRow, table: &Table) -> sqlx::Result<Vec<Cell>> {
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

fn insert(dialect: Dialect, table: &Table) -> String {
    // Rows keep their numbers.
    let keep = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => " OVERRIDING SYSTEM VALUE",
    };
    let places: Vec<String> = (1..=table.columns.len()).map(|place| format!("${place}")).collect();
    let (name, names) = (quoted(&table.name), names(table));
    format!("INSERT INTO {name} ({names}){keep} VALUES ({})", places.join(", "))
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
