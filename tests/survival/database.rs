//! Where the program keeps its state. Everything else here asks no more than
//! this which database it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sqlx::{Connection as _, SqliteConnection};

use crate::service::Ballast;

/// Room for the store, where the test may give it a file system of its own.
const ROOM: &str = "size=32m";

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
}

/// One, started.
pub(crate) enum Database {
    Sqlite {
        folder: PathBuf,
        /// Whether the folder is a small file system that can be filled.
        small: bool,
    },
}

impl Database {
    pub(crate) fn start(kind: Kind, folder: &Path) -> Self {
        match kind {
            Kind::Sqlite => {
                let folder = folder.join("store");
                fs::create_dir(&folder).unwrap();
                let mut mount = Command::new("mount");
                mount.args(["-t", "tmpfs", "-o", ROOM, "survival"]).arg(&folder);
                let small = mount.output().is_ok_and(|mount| mount.status.success());
                Self::Sqlite { folder, small }
            }
        }
    }

    /// What the configuration says of it.
    pub(crate) fn section(&self) -> String {
        match self {
            Self::Sqlite { folder, .. } => {
                format!("[store]\npath = \"{}\"\n", folder.join("innkeeper.db").display())
            }
        }
    }

    /// Leaves it no room until what is returned is dropped; nothing where that
    /// cannot be done.
    pub(crate) fn fill(&self) -> Option<Ballast> {
        match self {
            Self::Sqlite { folder, small } => small.then(|| Ballast::fill(folder)),
        }
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
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Self::Sqlite { folder, small } = self;
        if *small {
            let _ = Command::new("umount").args(["--lazy"]).arg(folder).status();
        }
    }
}
