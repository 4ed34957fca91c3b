//! Where bytes come from.

use std::ops::Range;

/// A store of named byte strings that can be read in part: a folder, an HTTP server, memory. Names are relative, with `/`,
/// and never climb out (`..`). Reading blocks: hosts call it from their tasks, never from the frame.
///
/// ```
/// use veduta::streaming::{ByteSource, MemorySource};
/// let source = MemorySource::from_iter([("tileset.json".to_owned(), b"{}".to_vec())]);
/// assert_eq!(source.read("tileset.json", None).unwrap(), b"{}");
/// assert_eq!(source.read("tileset.json", Some(1..2)).unwrap(), b"}");
/// assert!(source.read("missing.glb", None).is_err());
/// ```
pub trait ByteSource: Send + Sync {
    /// The bytes of `name`, or the part of them in `range`.
    fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, ByteSourceError>;

    /// How many bytes `name` has.
    fn size(&self, name: &str) -> Result<u64, ByteSourceError>;
}

/// Why bytes did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ByteSourceError {
    /// There is no such name.
    #[error("not found: {0}")]
    NotFound(String),
    /// The range reaches beyond the end.
    #[error("bytes {start}..{end} asked of {size}: {name}")]
    OutOfRange {
        /// First byte asked for.
        start: u64,
        /// One after the last byte asked for.
        end: u64,
        /// Bytes there are.
        size: u64,
        /// What was read.
        name: String,
    },
    /// The store failed; trying again may help.
    #[error("{cause}: {name}")]
    Failed {
        /// What the store said.
        cause: String,
        /// What was read.
        name: String,
    },
}

/// Bytes in memory: tests, generated cities.
#[derive(Debug, Clone, Default)]
pub struct MemorySource(std::collections::BTreeMap<String, Vec<u8>>);

impl FromIterator<(String, Vec<u8>)> for MemorySource {
    fn from_iter<T: IntoIterator<Item = (String, Vec<u8>)>>(entries: T) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl ByteSource for MemorySource {
    fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, ByteSourceError> {
        let all = self.0.get(name).ok_or_else(|| ByteSourceError::NotFound(name.to_owned()))?;
        let Some(range) = range else { return Ok(all.clone()) };
        all.get(range.start as usize..range.end as usize).map(<[u8]>::to_vec).ok_or_else(|| {
            ByteSourceError::OutOfRange {
                start: range.start,
                end: range.end,
                size: all.len() as u64,
                name: name.to_owned(),
            }
        })
    }

    fn size(&self, name: &str) -> Result<u64, ByteSourceError> {
        self.0.get(name).map(|b| b.len() as u64).ok_or_else(|| ByteSourceError::NotFound(name.to_owned()))
    }
}
