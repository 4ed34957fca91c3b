//! Where the records of a `.shp` are.

use std::io::{BufReader, Read};

use crate::import::vector::{FEATURES_AT_ONCE, SourceReader};
use crate::import::{ImportError, Place, SourceFiles, SourceReport};

/// Bytes of records that are read at one time, unless one record has more.
const BYTES_AT_ONCE: u64 = 32 << 20;
/// Bytes of a file's header.
const HEADER: u64 = 100;

/// Place of a record's content and its bytes.
type Span = (u64, u64);

/// All records, in the order of their numbers.
pub(super) struct Records(Vec<Span>);

/// Records that are read together.
pub(super) struct Chunk<'a>(&'a [Span]);

impl Records {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Some thousand records each, and not too many bytes.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let mut bytes = 0;
            let fits = |(_, length): &&Span| {
                bytes += length;
                bytes <= BYTES_AT_ONCE
            };
            let count = rest.iter().take(FEATURES_AT_ONCE).take_while(fits).count().max(1).min(rest.len());
            let (chunk, after) = rest.split_at(count);
            rest = after;
            (!chunk.is_empty()).then_some(Chunk(chunk))
        })
    }
}

impl Chunk<'_> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The content of each record, or why there is none.
    pub fn read(&self, files: &dyn SourceFiles, name: &str) -> Result<Vec<Result<Vec<u8>, String>>, ImportError> {
        let start = self.0.iter().map(|(at, _)| *at).min().unwrap_or_default();
        let end = self.0.iter().map(|(at, length)| at + length).max().unwrap_or_default();
        let together = end - start <= 2 * BYTES_AT_ONCE || self.0.len() == 1;
        let all = if together { files.read_range(name, start..end)? } else { Vec::new() };
        let cut = || "the file ends before it does".to_owned();
        self.0
            .iter()
            .map(|(at, length)| {
                if together {
                    let from = usize::try_from(at - start).unwrap_or(usize::MAX);
                    let part = all.get(from..from.saturating_add(*length as usize));
                    return Ok(part.map(<[u8]>::to_vec).ok_or_else(cut));
                }
                let bytes = files.read_range(name, *at..at + length)?;
                Ok(if bytes.len() as u64 == *length { Ok(bytes) } else { Err(cut()) })
            })
            .collect()
    }
}

/// The records of a file: as its `.shx` says, where there is one that can be right; else one after another.
pub(super) fn records(
    files: &dyn SourceFiles,
    name: &str,
    shx: Option<&str>,
    report: &mut SourceReport,
) -> Result<Records, ImportError> {
    let size = files.size(name)?;
    if let Some(found) = shx.and_then(|shx| files.read(shx).ok()).and_then(|bytes| said(&bytes, size)) {
        return Ok(Records(found));
    }
    let place = Place::file(files.path_of(name));
    if shx.is_some() {
        report.warn(
            "shx-unusable",
            "the .shx does not fit the file; records are read one after another",
            place.clone(),
        );
    }
    let (found, whole) = walked(files, name, size)?;
    if !whole {
        let message = format!("after record {} the file holds no whole record", found.len());
        report.skip("file-cut", message, place);
    }
    Ok(Records(found))
}

/// What an index says; `None` where it cannot be: records beyond the file, or more bytes than it has.
fn said(shx: &[u8], size: u64) -> Option<Vec<Span>> {
    let entries = shx.strip_prefix(&super::FILE_CODE)?.get(HEADER as usize - 4..)?;
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_be_bytes).map_or(u64::MAX, |words| u64::from(words) * 2);
    let found: Vec<Span> =
        entries.chunks_exact(8).map(|entry| (number(&entry[..4]).saturating_add(8), number(&entry[4..]))).collect();
    let inside = found.iter().all(|(at, length)| *at >= HEADER + 8 && at.saturating_add(*length) <= size);
    let bytes = found.iter().fold(0_u64, |all, (_, length)| all.saturating_add(length + 8));
    (inside && bytes <= size).then_some(found)
}

/// Goes from record to record; whether the last one is whole.
fn walked(files: &dyn SourceFiles, name: &str, size: u64) -> Result<(Vec<Span>, bool), ImportError> {
    let mut stream = BufReader::new(SourceReader::new(files, name)?);
    let failed = |error: std::io::Error| ImportError::Read { cause: error.to_string(), path: files.path_of(name) };
    let mut found = Vec::new();
    let mut at = HEADER;
    stream.seek_relative(HEADER as i64).map_err(failed)?;
    while at + 8 <= size {
        let mut head = [0; 8];
        stream.read_exact(&mut head).map_err(failed)?;
        let [.., a, b, c, d] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d])) * 2;
        // The least record is an empty shape: its type.
        if length < 4 || at + 8 + length > size {
            return Ok((found, false));
        }
        found.push((at + 8, length));
        stream.seek_relative(length as i64).map_err(failed)?;
        at += 8 + length;
    }
    Ok((found, at == size))
}
