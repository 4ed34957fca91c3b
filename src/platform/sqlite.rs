//! SQLite databases that sources are.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use crate::import::{Cell, Database, ImportError, RowSink};

/// No text or blob of a source is larger.
const LARGEST_CELL: i32 = 256 << 20;

/// A database, open for reading; nothing in it is trusted.
pub struct SqliteFile {
    connection: Connection,
    path: String,
}

impl SqliteFile {
    /// Opens a file. `shown` is its path as the user gave it.
    pub fn open(path: &Path, shown: String) -> Result<Self, ImportError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LARGEST_CELL)?;
            connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self { connection, path: shown }),
            Err(cause) => Err(ImportError::Read { cause: cause.to_string(), path: shown }),
        }
    }

    fn invalid(&self, cause: &rusqlite::Error) -> ImportError {
        ImportError::Invalid { expected: "an SQLite database", cause: cause.to_string(), path: self.path.clone() }
    }
}

impl Database for SqliteFile {
    fn query(&self, sql: &str, words: &[&str], each: &mut RowSink<'_>) -> Result<(), ImportError> {
        let mut statement = self.connection.prepare(sql).map_err(|cause| self.invalid(&cause))?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(words)).map_err(|cause| self.invalid(&cause))?;
        while let Some(row) = rows.next().map_err(|cause| self.invalid(&cause))? {
            let mut cells = Vec::with_capacity(columns);
            for column in 0..columns {
                cells.push(match row.get_ref(column).map_err(|cause| self.invalid(&cause))? {
                    ValueRef::Null => Cell::Null,
                    ValueRef::Integer(number) => Cell::Int(number),
                    ValueRef::Real(number) => Cell::Real(number),
                    ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
                });
            }
            each(cells)?;
        }
        Ok(())
    }
}
