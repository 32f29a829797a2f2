//! Reading a backup.

use std::{
    collections::BTreeMap,
    io::{BufRead, Read as _},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    BackupError, Cell, Contents, FORMAT, Header, Kind, LONGEST_LINE, Table, Trailer,
    write::hexadecimal,
};

/// Reads a backup, line by line. Nothing in it may be believed before
/// [`Reader::contents`] says what it is.
pub struct Reader<R> {
    file: R,
    header: Header,
    line: u64,
    digest: Sha256,
    rows: BTreeMap<String, u64>,
    contents: Option<Contents>,
}

/// As much of the first line as every version has.
#[derive(Deserialize)]
struct Format {
    #[serde(rename = "innkeeper_backup")]
    format: u32,
    version: String,
}

/// Reads a backup to its end, and says what is in it.
///
/// # Errors
///
/// When it is no backup, or not all of one.
pub fn check(file: impl BufRead) -> Result<Contents, BackupError> {
    let mut reader = Reader::open(file)?;
    while reader.next_row()?.is_some() {}
    reader.contents().cloned().ok_or(BackupError::CutOff { line: reader.line })
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// When it is no backup, or one of a newer version.
    pub fn open(mut file: R) -> Result<Self, BackupError> {
        let mut digest = Sha256::new();
        let Some(line) = next_line(&mut file)? else { return Err(BackupError::NotOurs) };
        digest.update(&line);
        let format: Format = serde_json::from_slice(&line).map_err(|_| BackupError::NotOurs)?;
        if format.format > FORMAT {
            return Err(BackupError::Newer { version: format.version });
        }
        let header: Header = serde_json::from_slice(&line)
            .map_err(|error| BackupError::Damaged { line: 1, what: error.to_string() })?;
        let rows = header.tables.iter().map(|table| (table.name.clone(), 0)).collect();
        Ok(Self { file, header, line: 1, digest, rows, contents: None })
    }

    /// The first line.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What is in it; `None` before the last line was read and found to fit.
    #[must_use]
    pub fn contents(&self) -> Option<&Contents> {
        self.contents.as_ref()
    }

    /// The next row, with the place of its table in the header; nothing after
    /// the last one.
    ///
    /// # Errors
    ///
    /// When it is damaged or cut off.
    pub fn next_row(&mut self) -> Result<Option<(usize, Vec<Cell>)>, BackupError> {
        if self.contents.is_some() {
            return Ok(None);
        }
        let Some(line) = next_line(&mut self.file)? else {
            return Err(BackupError::CutOff { line: self.line });
        };
        self.line += 1;
        if line.first() == Some(&b'{') {
            self.end(&line)?;
            return Ok(None);
        }
        let values: Vec<Value> = match serde_json::from_slice(&line) {
            Ok(values) => values,
            // The end of a file that was cut off in the middle of a line.
            Err(_) if !line.ends_with(b"\n") => {
                return Err(BackupError::CutOff { line: self.line });
            }
            Err(error) => return Err(self.damaged(&error.to_string())),
        };
        self.digest.update(&line);
        let row = self.row(values)?;
        Ok(Some(row))
    }

    fn row(&mut self, values: Vec<Value>) -> Result<(usize, Vec<Cell>), BackupError> {
        let mut values = values.into_iter();
        let Some(Value::String(name)) = values.next() else {
            return Err(self.damaged("it names no table"));
        };
        let mut tables = self.header.tables.iter().enumerate();
        let Some((index, table)) = tables.find(|(_, table)| table.name == name) else {
            return Err(self.damaged("it names a table that is not in the first line"));
        };
        let cells = cells(table, values).map_err(|what| self.damaged(what))?;
        *self.rows.entry(name).or_default() += 1;
        Ok((index, cells))
    }

    fn end(&mut self, line: &[u8]) -> Result<(), BackupError> {
        let trailer: Trailer = match serde_json::from_slice(line) {
            Ok(trailer) => trailer,
            Err(_) if !line.ends_with(b"\n") => {
                return Err(BackupError::CutOff { line: self.line });
            }
            Err(error) => return Err(self.damaged(&error.to_string())),
        };
        if trailer.rows != self.rows {
            return Err(self.damaged("it counts other rows than there are"));
        }
        if trailer.sha256 != hexadecimal(&self.digest.clone().finalize()) {
            return Err(self.damaged("something before it was changed"));
        }
        if next_line(&mut self.file)?.is_some() {
            self.line += 1;
            return Err(self.damaged("there is something after the end"));
        }
        self.contents = Some(Contents::of(&self.header, trailer));
        Ok(())
    }

    fn damaged(&self, what: &str) -> BackupError {
        BackupError::Damaged { line: self.line, what: what.to_owned() }
    }
}

/// A line with its end; `None` at the end of the file.
fn next_line(file: &mut impl BufRead) -> Result<Option<Vec<u8>>, BackupError> {
    let mut line = Vec::new();
    file.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

fn cells(
    table: &Table,
    values: impl ExactSizeIterator<Item = Value>,
) -> Result<Vec<Cell>, &'static str> {
    if values.len() != table.columns.len() {
        return Err("it has another number of values than its table has columns");
    }
    let cell = |(kind, value): (Kind, Value)| match (kind, value) {
        (_, Value::Null) => Ok(Cell::Null),
        (Kind::Integer, Value::Number(number)) => {
            number.as_i64().map(Cell::Integer).ok_or("a number is too large")
        }
        (Kind::Text, Value::String(text)) => Ok(Cell::Text(text)),
        (Kind::Blob, Value::String(text)) => {
            STANDARD.decode(text).map(Cell::Blob).map_err(|_| "a value is not base64")
        }
        _ => Err("a value is not what its column holds"),
    };
    table.columns.iter().map(|column| column.kind).zip(values).map(cell).collect()
}
