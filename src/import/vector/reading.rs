//! A source's file as a stream, for decoders that read one.

use std::io::{Error, Read, Result, Seek, SeekFrom};
use std::sync::Arc;

use crate::import::{ImportError, SourceFiles};

/// One file among the [`SourceFiles`], read where it is asked for. Wants a `BufReader` around it.
pub(in crate::import) struct SourceReader {
    files: Arc<dyn SourceFiles>,
    name: String,
    at: u64,
    size: u64,
}

impl SourceReader {
    pub fn new(files: &dyn SourceFiles, name: &str) -> std::result::Result<Self, ImportError> {
        Ok(Self { files: files.shared(), name: name.to_owned(), at: 0, size: files.size(name)? })
    }
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let end = self.at.saturating_add(buffer.len() as u64).min(self.size);
        if end <= self.at {
            return Ok(0);
        }
        let bytes = self.files.read_range(&self.name, self.at..end).map_err(|error| Error::other(error.to_string()))?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for SourceReader {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at.ok_or_else(|| Error::other("a place before the beginning of the file"))?;
        Ok(self.at)
    }
}
