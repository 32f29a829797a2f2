//! Writing a backup.

use std::{collections::BTreeMap, io::Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{BackupError, Cell, Contents, Header, Trailer};

/// Writes a backup, line by line.
pub struct Writer<W> {
    out: W,
    header: Header,
    digest: Sha256,
    rows: BTreeMap<String, u64>,
}

impl<W: Write> Writer<W> {
    /// Writes the first line.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn begin(out: W, header: Header) -> Result<Self, BackupError> {
        let rows = header.tables.iter().map(|table| (table.name.clone(), 0)).collect();
        let line = serde_json::to_string(&header).map_err(std::io::Error::from)?;
        let mut writer = Self { out, header, digest: Sha256::new(), rows };
        writer.line(line)?;
        Ok(writer)
    }

    /// Writes a row of the table at this place in the header.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn row(&mut self, table: usize, cells: &[Cell]) -> Result<(), BackupError> {
        let Some(table) = self.header.tables.get(table) else { return Err(BackupError::NotOurs) };
        let mut values = vec![Value::from(table.name.as_str())];
        values.extend(cells.iter().map(|cell| match cell {
            Cell::Null => Value::Null,
            Cell::Integer(number) => Value::from(*number),
            Cell::Text(text) => Value::from(text.as_str()),
            Cell::Blob(bytes) => Value::from(STANDARD.encode(bytes)),
        }));
        *self.rows.entry(table.name.clone()).or_default() += 1;
        self.line(Value::from(values).to_string())
    }

    /// Writes the last line. Without it the backup is no good.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<Contents, BackupError> {
        let sha256 = hexadecimal(&self.digest.clone().finalize());
        let trailer = Trailer { rows: std::mem::take(&mut self.rows), sha256 };
        self.line(serde_json::to_string(&trailer).map_err(std::io::Error::from)?)?;
        self.out.flush()?;
        Ok(Contents::of(&self.header, trailer))
    }

    fn line(&mut self, mut line: String) -> Result<(), BackupError> {
        line.push('\n');
        self.digest.update(line.as_bytes());
        Ok(self.out.write_all(line.as_bytes())?)
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
