//! The bones of a TIFF (TIFF 6.0, BigTIFF): header, directories, values of tags.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::import::{ImportError, SourceFiles};

/// Bytes of the beginning of a file that are read at once: in most files all that is not pixels.
const HEAD_BYTES: u64 = 1 << 16;
/// Directories of one file that are looked at.
const MOST_DIRECTORIES: usize = 256;
/// Tags of one directory.
const MOST_TAGS: u64 = 4096;
/// Bytes of the values of one tag: places of eight million tiles.
const MOST_VALUE_BYTES: u64 = 1 << 26;

/// The bytes of a file, and the order in which it has those of a number.
#[derive(Clone)]
pub struct TiffBytes {
    files: Arc<dyn SourceFiles>,
    name: String,
    size: u64,
    head: Arc<[u8]>,
    /// Least byte first.
    pub is_little: bool,
}

/// What cannot be used, in words without the path.
pub type Cause = String;

/// The words for a file that is shorter than it says.
pub fn cut_off() -> Cause {
    "this GeoTIFF is cut off: it ends before its pixels do".to_owned()
}

impl TiffBytes {
    /// Of a file among others.
    pub fn new(files: Arc<dyn SourceFiles>, name: &str) -> Result<Self, ImportError> {
        let (size, head) = (files.size(name)?, files.head(name, HEAD_BYTES as usize)?);
        Ok(Self { files, name: name.to_owned(), size, head: head.into(), is_little: true })
    }

    /// How many there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How messages call the file.
    pub fn path(&self) -> String {
        self.files.path_of(&self.name)
    }

    /// An error about the file.
    pub fn failed(&self, cause: impl Into<String>) -> ImportError {
        ImportError::Read { cause: cause.into(), path: self.path() }
    }

    /// All bytes of a range, or an error where the file ends before.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ImportError> {
        if range.end > self.size || range.start > range.end {
            return Err(self.failed(cut_off()));
        }
        let in_head = || self.head.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
        if let Some(bytes) = in_head() {
            return Ok(bytes.to_vec());
        }
        let length = range.end - range.start;
        let bytes = self.files.read_range(&self.name, range)?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(self.failed(cut_off())) }
    }

    fn number(&self, at: u64, bytes: u64) -> Result<u64, ImportError> {
        Ok(whole(&self.read(at..at.saturating_add(bytes))?, self.is_little))
    }
}

/// Bytes as a whole number without sign.
fn whole(bytes: &[u8], is_little: bool) -> u64 {
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    if is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
}

/// The tags of one image.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    entries: BTreeMap<u16, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: u16,
    count: u64,
    at: u64,
}

impl Entry {
    /// Bytes of one value, by its type (TIFF 6.0 section 2, BigTIFF); `None` of types that nobody has specified.
    fn value_bytes(self) -> Option<u64> {
        match self.kind {
            1 | 2 | 6 | 7 => Some(1),
            3 | 8 => Some(2),
            4 | 9 | 11 | 13 => Some(4),
            5 | 10 | 12 | 16..=18 => Some(8),
            _ => None,
        }
    }
}

/// The directories of a file: those of the chain, each followed by its SubIFDs. The first is the image.
pub fn directories(bytes: &mut TiffBytes) -> Result<Vec<Directory>, ImportError> {
    if bytes.size() == 0 {
        return Err(bytes.failed("the file is empty"));
    }
    let mark = bytes.read(0..bytes.size().min(16))?;
    bytes.is_little = mark.starts_with(b"II");
    let version = whole(mark.get(2..4).unwrap_or_default(), bytes.is_little);
    let is_big = version == 43;
    if !(bytes.is_little || mark.starts_with(b"MM")) || !(is_big || version == 42) {
        return Err(ImportError::Invalid {
            expected: "a GeoTIFF",
            cause: "it does not begin as a TIFF does".to_owned(),
            path: bytes.path(),
        });
    }
    let first = if is_big { bytes.number(8, 8)? } else { bytes.number(4, 4)? };
    let (mut found, mut seen, mut ahead) = (Vec::new(), BTreeSet::new(), vec![first]);
    while let Some(at) = ahead.pop() {
        // A chain that leads back to itself ends where it was before.
        if at == 0 || !seen.insert(at) || found.len() >= MOST_DIRECTORIES {
            continue;
        }
        let (directory, next) = match directory(bytes, at, is_big) {
            Ok(read) => read,
            // Damage behind the image is not the image's.
            Err(_) if !found.is_empty() => break,
            Err(error) => return Err(error),
        };
        ahead.push(next);
        let below = directory.whole(bytes, SUB_IFDS).unwrap_or_default();
        ahead.extend(below.into_iter().take(MOST_DIRECTORIES).rev());
        found.push(directory);
    }
    if found.is_empty() { Err(bytes.failed("there is no image in this TIFF")) } else { Ok(found) }
}

const SUB_IFDS: u16 = 330;

/// One directory, and where the next is.
fn directory(bytes: &TiffBytes, at: u64, is_big: bool) -> Result<(Directory, u64), ImportError> {
    let (count_bytes, entry_bytes, place_bytes) = if is_big { (8, 20, 8) } else { (2, 12, 4) };
    let count = bytes.number(at, count_bytes)?;
    if count > MOST_TAGS {
        return Err(bytes.failed(format!("a directory of this TIFF claims {count} tags")));
    }
    let begin = at + count_bytes;
    let table = bytes.read(begin..begin + count * entry_bytes)?;
    let mut entries = BTreeMap::new();
    for (index, entry) in table.chunks_exact(entry_bytes as usize).enumerate() {
        let part = |range: Range<usize>| whole(entry.get(range).unwrap_or_default(), bytes.is_little);
        let place_at = if is_big { 12 } else { 8 };
        let count = part(4..place_at);
        let found = Entry { kind: part(2..4) as u16, count, at: 0 };
        let inline = found.value_bytes().is_some_and(|size| size.saturating_mul(count) <= place_bytes);
        let here = begin + index as u64 * entry_bytes + place_at as u64;
        let at = if inline { here } else { part(place_at..entry_bytes as usize) };
        entries.entry(part(0..2) as u16).or_insert(Entry { at, ..found });
    }
    let next = bytes.number(begin + count * entry_bytes, place_bytes).unwrap_or(0);
    Ok((Directory { entries }, next))
}

impl Directory {
    /// The bytes of the values of a tag, and how many one has; `None` where the tag is not there.
    fn values(&self, bytes: &TiffBytes, tag: u16) -> Result<Option<(u16, Vec<u8>)>, ImportError> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(None) };
        let length = entry.value_bytes().unwrap_or(1).saturating_mul(entry.count);
        if length > MOST_VALUE_BYTES {
            return Err(bytes.failed(format!("tag {tag} of this GeoTIFF claims {} values", entry.count)));
        }
        Ok(Some((entry.kind, bytes.read(entry.at..entry.at.saturating_add(length))?)))
    }

    /// Whole numbers without sign; empty where the tag is not there or holds no such numbers.
    pub fn whole(&self, bytes: &TiffBytes, tag: u16) -> Result<Vec<u64>, ImportError> {
        let Some((kind, values)) = self.values(bytes, tag)? else { return Ok(Vec::new()) };
        let size = match kind {
            1 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 13 => 4,
            16..=18 => 8,
            _ => return Ok(Vec::new()),
        };
        Ok(values.chunks_exact(size).map(|value| whole(value, bytes.is_little)).collect())
    }

    /// The first whole number.
    pub fn one(&self, bytes: &TiffBytes, tag: u16) -> Result<Option<u64>, ImportError> {
        Ok(self.whole(bytes, tag)?.first().copied())
    }

    /// Floating numbers; empty where the tag is not there or holds others.
    pub fn floats(&self, bytes: &TiffBytes, tag: u16) -> Result<Vec<f64>, ImportError> {
        let Some((kind, values)) = self.values(bytes, tag)? else { return Ok(Vec::new()) };
        let order = bytes.is_little;
        Ok(match kind {
            11 => values.chunks_exact(4).map(|v| f64::from(f32::from_bits(whole(v, order) as u32))).collect(),
            12 => values.chunks_exact(8).map(|v| f64::from_bits(whole(v, order))).collect(),
            _ => Vec::new(),
        })
    }

    /// Words; those that are not UTF-8 are taken as Latin 1. Empty where the tag is not there.
    pub fn text(&self, bytes: &TiffBytes, tag: u16) -> Result<String, ImportError> {
        let Some((_, values)) = self.values(bytes, tag)? else { return Ok(String::new()) };
        Ok(match String::from_utf8(values) {
            Ok(text) => text,
            Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
        })
    }

    /// The bytes of a tag as they are.
    pub fn raw(&self, bytes: &TiffBytes, tag: u16) -> Result<Option<Vec<u8>>, ImportError> {
        Ok(self.values(bytes, tag)?.map(|(_, values)| values))
    }
}
