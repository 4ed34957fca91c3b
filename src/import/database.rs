//! Databases that sources are: read through the platform, which opens them.

use super::ImportError;

/// What a column of a row holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A number.
    Real(f64),
    /// Words; what is not UTF-8 in them is replaced.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Cell {
    /// The whole number this is, if it is one.
    pub fn int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The words this is, if it is any.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Takes the rows of a query, one after another; its error ends the query.
pub type RowSink<'a> = dyn FnMut(Vec<Cell>) -> Result<(), ImportError> + 'a;

/// A relational database in a file (SQLite), open for reading.
///
/// ```
/// use veduta::import::{Cell, Database, ImportError, RowSink};
/// struct Answer;
/// impl Database for Answer {
///     fn query(&self, _sql: &str, _words: &[&str], each: &mut RowSink<'_>) -> Result<(), ImportError> {
///         each(vec![Cell::Int(42)])
///     }
/// }
/// let mut found = Vec::new();
/// Answer.query("SELECT 42", &[], &mut |row| Ok(found.extend(row))).unwrap();
/// assert_eq!(found[0].int(), Some(42));
/// ```
pub trait Database: Send {
    /// Gives every row of a query to `each`, in the order in which the database finds them. `words` are its parameters, `?1`
    /// and on. An error where the query is none, the file is damaged, or `each` has one.
    fn query(&self, sql: &str, words: &[&str], each: &mut RowSink<'_>) -> Result<(), ImportError>;
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
