//! A backup: everything in the store, in one file that is the same whatever
//! database it came from.
//!
//! ```text
//! {"innkeeper_backup":1,"version":"0.1.0","taken_at":"...","migration":5,"tables":[...]}
//! ["leases","6f0c...",1,"active",...]
//! ...
//! {"rows":{"leases":1,...},"sha256":"..."}
//! ```
//!
//! Lines of JSON: what it is, every row of every table under the table's name,
//! and what must have been there, with the digest of all that stands before.
//! So a file that was cut off or changed is refused. Binary values are base64.
//! Both directions hold one row at a time.

mod read;
mod write;

use std::{collections::BTreeMap, io};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::{
    read::{Reader, check},
    write::Writer,
};
use crate::identity::Timestamp;

/// How the file is written. Raised when a reader has to know the difference.
const FORMAT: u32 = 1;

/// The longest line that is read: far longer than any row, and short enough
/// that a file which is something else does not fill the memory.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;

/// Who is told, while rows pass, how many did.
pub type Progress<'a> = &'a mut (dyn FnMut(u64) + Send);

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format.
    #[serde(rename = "innkeeper_backup")]
    pub format: u32,
    /// The version of Innkeeper that wrote it.
    pub version: String,
    /// When the store was as it says.
    pub taken_at: Timestamp,
    /// The last migration of the schema that the rows fit.
    pub migration: i64,
    /// The tables, in the order of their rows.
    pub tables: Vec<Table>,
}

impl Header {
    /// What this version writes.
    #[must_use]
    pub fn new(taken_at: Timestamp, migration: i64, tables: Vec<Table>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, version, taken_at, migration, tables }
    }
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of their values.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// What a column holds, besides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Whole numbers of 64 bits.
    Integer,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trailer {
    rows: BTreeMap<String, u64>,
    sha256: String,
}

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// The version of Innkeeper that wrote it.
    pub version: String,
    /// When the store was as it says.
    pub taken_at: Timestamp,
    /// The last migration of its schema.
    pub migration: i64,
    /// How many rows each table has.
    pub rows: BTreeMap<String, u64>,
    /// The digest of everything before the last line.
    pub sha256: String,
}

impl Contents {
    fn of(header: &Header, trailer: Trailer) -> Self {
        let Trailer { rows, sha256 } = trailer;
        let Header { version, taken_at, migration, .. } = header;
        Self { version: version.clone(), taken_at: *taken_at, migration: *migration, rows, sha256 }
    }

    /// How many rows it has.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// Why a backup cannot be written or read.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The file cannot be written or read.
    #[error("the file cannot be written or read")]
    File(#[from] io::Error),
    /// It is something else.
    #[error("this is no backup of Innkeeper")]
    NotOurs,
    /// A newer version wrote it.
    #[error("it was written by a newer version, {version}: install that one first")]
    Newer {
        /// Which.
        version: String,
    },
    /// It ends too early.
    #[error("the backup is cut off after line {line}: use another one")]
    CutOff {
        /// The last line there is.
        line: u64,
    },
    /// A line is not what was written.
    #[error("the backup is damaged at line {line}: {what}; use another one")]
    Damaged {
        /// Where.
        line: u64,
        /// How.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let tables = vec![
            Table { name: "notes".to_owned(), columns: vec![column("text", Kind::Text)] },
            Table {
                name: "bodies".to_owned(),
                columns: vec![column("id", Kind::Integer), column("body", Kind::Blob)],
            },
        ];
        Header::new(Timestamp::UNIX_EPOCH, 5, tables)
    }

    fn written() -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::begin(&mut file, header()).unwrap();
        writer.row(0, &[Cell::Text("two\nlines \u{1F980}".to_owned())]).unwrap();
        writer.row(1, &[Cell::Integer(i64::MIN), Cell::Blob(vec![0, 255, 10])]).unwrap();
        writer.row(1, &[Cell::Integer(2), Cell::Null]).unwrap();
        let contents = writer.finish().unwrap();
        assert_eq!(contents.total(), 3);
        file
    }

    #[test]
    fn what_is_written_is_read_back() {
        let file = written();
        let mut reader = Reader::open(file.as_slice()).unwrap();
        assert_eq!(reader.header(), &header());
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row().unwrap() {
            rows.push(row);
        }
        assert_eq!(
            rows,
            [
                (0, vec![Cell::Text("two\nlines \u{1F980}".to_owned())]),
                (1, vec![Cell::Integer(i64::MIN), Cell::Blob(vec![0, 255, 10])]),
                (1, vec![Cell::Integer(2), Cell::Null]),
            ]
        );
        assert_eq!(reader.contents().unwrap().rows["bodies"], 2);
        assert_eq!(check(file.as_slice()).unwrap(), *reader.contents().unwrap());
    }

    #[test]
    fn whatever_is_cut_off_is_refused() {
        let file = written();
        // The line break at its end is all that may be missing.
        for length in 0..file.len() - 1 {
            let error = check(&file[..length]).unwrap_err();
            assert!(!matches!(error, BackupError::File(_)), "{length}: {error:?}");
        }
        check(&file[..file.len() - 1]).unwrap();
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let file = written();
        for at in 0..file.len() - 1 {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(check(changed.as_slice()).is_err(), "byte {at}");
        }
        let mut more = file.clone();
        more.extend_from_slice(b"[\"notes\",\"more\"]\n");
        assert!(matches!(check(more.as_slice()), Err(BackupError::Damaged { line: 6, .. })));
        let text = String::from_utf8(file).unwrap();
        let fewer: Vec<&str> = text.lines().filter(|line| !line.contains("AP8K")).collect();
        let error = check(fewer.join("\n").as_bytes()).unwrap_err();
        assert!(matches!(error, BackupError::Damaged { line: 4, .. }), "{error:?}");
    }

    #[test]
    fn other_files_and_newer_ones_are_told_apart() {
        assert!(matches!(check(&b"Dear Sir or Madam,\n"[..]), Err(BackupError::NotOurs)));
        assert!(matches!(check(&b""[..]), Err(BackupError::NotOurs)));
        let newer = br#"{"innkeeper_backup":2,"version":"9.0.0","tables":"otherwise"}"#;
        let error = check(&newer[..]).unwrap_err();
        assert!(error.to_string().contains("9.0.0"), "{error}");
    }
}
