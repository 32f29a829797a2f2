//! Where the program keeps its state. Everything else here asks no more than
//! this which database it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use sqlx::{Connection as _, SqliteConnection};

use crate::{
    dice::Dice,
    postgres::{self, Cluster},
    service::Ballast,
};

/// Room for the store, where the test may give it a file system of its own.
const ROOM: &str = "size=32m";

/// Looks through every index, and whether each row is in it.
const CHECK_INDEXES: &str = "SELECT count(bt_index_check(index.indexrelid, true))
     FROM pg_index AS index
     JOIN pg_class AS class ON class.oid = index.indexrelid
     JOIN pg_am AS method ON method.oid = class.relam AND method.amname = 'btree'
     WHERE class.relnamespace = 'public'::regnamespace";

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// One, started.
pub(crate) enum Database {
    Sqlite {
        folder: PathBuf,
        /// Whether the folder is a small file system that can be filled.
        small: bool,
    },
    Postgres {
        database: postgres::Database,
        server: Box<Cluster>,
    },
}

impl Database {
    /// `None` where it is not installed.
    pub(crate) async fn start(kind: Kind, folder: &Path) -> Option<Self> {
        match kind {
            Kind::Sqlite => {
                let folder = folder.join("store");
                fs::create_dir(&folder).unwrap();
                let mut mount = Command::new("mount");
                mount.args(["-t", "tmpfs", "-o", ROOM, "survival"]).arg(&folder);
                let small = mount.output().is_ok_and(|mount| mount.status.success());
                Some(Self::Sqlite { folder, small })
            }
            Kind::Postgres => {
                let server = Box::new(Cluster::start()?);
                // Without the schema, so that the migrations are interrupted too.
                let database = server.create("template1").await;
                Some(Self::Postgres { database, server })
            }
        }
    }

    /// What the configuration says of it.
    pub(crate) fn section(&self) -> String {
        match self {
            Self::Sqlite { folder, .. } => {
                format!("[store]\npath = \"{}\"\n", folder.join("innkeeper.db").display())
            }
            Self::Postgres { database, .. } => format!("[store]\nurl = \"{}\"\n", database.url),
        }
    }

    /// Leaves it no room until what is returned is dropped; nothing where that
    /// cannot be done.
    pub(crate) fn fill(&self) -> Option<Ballast> {
        match self {
            Self::Sqlite { folder, small } => small.then(|| Ballast::fill(folder)),
            Self::Postgres { .. } => None,
        }
    }

    /// Its server goes away, well or not, and comes back; `false` where there is none.
    pub(crate) async fn stumble(&self, dice: &mut Dice) -> bool {
        let Self::Postgres { server, .. } = self else { return false };
        server.order(if dice.below(3) == 0 { "stop" } else { "crash" });
        tokio::time::sleep(Duration::from_millis(dice.below(1_500))).await;
        server.order("start");
        // Until it has recovered.
        drop(server.administrator().await);
        true
    }

    /// What the database itself finds wrong with what it keeps.
    pub(crate) async fn damage(&self) -> Option<String> {
        match self {
            Self::Sqlite { folder, .. } => {
                let url = format!("sqlite://{}", folder.join("innkeeper.db").display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let asked = sqlx::query_scalar("PRAGMA integrity_check");
                let said: Vec<String> = asked.fetch_all(&mut connection).await.unwrap();
                (said != ["ok"]).then(|| said.join("; "))
            }
            Self::Postgres { database, .. } => {
                let mut connection = database.connect().await;
                let extension = sqlx::raw_sql("CREATE EXTENSION amcheck");
                extension.execute(&mut connection).await.unwrap();
                let checked = sqlx::query_scalar::<_, i64>(CHECK_INDEXES);
                checked.fetch_one(&mut connection).await.err().map(|error| error.to_string())
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::Sqlite { folder, small: true } = self {
            let _ = Command::new("umount").args(["--lazy"]).arg(folder).status();
        }
    }
}
