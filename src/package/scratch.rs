//! Room for what is larger than memory.

use std::sync::{Mutex, PoisonError};

use super::SinkError;

/// Takes bytes and gives them back, as often as asked, until it is dropped.
///
/// ```
/// use veduta::package::{MemoryScratch, Scratch};
/// let scratch = MemoryScratch::default();
/// scratch.append(b"first").unwrap();
/// let at = scratch.append(b"second").unwrap();
/// assert_eq!(scratch.read(at, 6).unwrap(), b"second");
/// ```
pub trait Scratch: Send + Sync {
    /// Keeps bytes after all others; where they begin.
    fn append(&self, bytes: &[u8]) -> Result<u64, SinkError>;

    /// The bytes from a place on, exactly so many.
    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, SinkError>;
}

/// Room in memory: small cities and tests.
#[derive(Debug, Default)]
pub struct MemoryScratch(Mutex<Vec<u8>>);

impl Scratch for MemoryScratch {
    fn append(&self, bytes: &[u8]) -> Result<u64, SinkError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        Ok((all.len() - bytes.len()) as u64)
    }

    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, SinkError> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let found = all.get(start..start.saturating_add(length)).map(<[u8]>::to_vec);
        found.ok_or_else(|| SinkError { cause: "nothing was kept there".to_owned(), name: format!("scratch at {at}") })
    }
}
