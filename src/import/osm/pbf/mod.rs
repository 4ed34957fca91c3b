//! The protocol buffers encoding of OpenStreetMap ("PBF"): blobs found once, then unpacked and read one at a time.
//!
//! What a blob claims about its size is held against the format's own limits (64 KiB for a head, 32 MiB unpacked), so a pass
//! needs the memory of one blob. A blob that is damaged is told once and left out.

mod block;

use std::io::Read;

use super::element::{Event, Kind, Visit};
use super::invalid;
use crate::formats::protobuf::{Field, Message, ProtobufError};
use crate::import::{ImportError, Place as Where, SourceFiles, SourceReport};
use block::read_block;

/// Limits of the format ("PBF Format", design): of a blob's head, and of a blob.
const MAX_HEAD_BYTES: u64 = 64 << 10;
const MAX_BLOB_BYTES: u64 = 32 << 20;
/// Bytes that hold the head of a blob in all files that are not meant to annoy.
const USUAL_HEAD_BYTES: u64 = 256;
/// Features that a file may require of its reader and that this one has.
const KNOWN_FEATURES: &[&str] = &["OsmSchema-V0.6", "DenseNodes"];

/// A file and where its blobs are.
pub(super) struct PbfFile<'a> {
    files: &'a dyn SourceFiles,
    name: &'a str,
    blobs: Vec<BlobEntry>,
}

/// One blob of data.
#[derive(Debug, Clone, Copy)]
struct BlobEntry {
    offset: u64,
    bytes: u64,
    /// Kinds of elements in it; all until it was read.
    kinds: Kinds,
    is_bad: bool,
}

/// Which kinds of elements there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kinds {
    nodes: bool,
    ways: bool,
    relations: bool,
}

impl Kinds {
    fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Node => self.nodes,
            Kind::Way => self.ways,
            Kind::Relation => self.relations,
        }
    }
}

/// Why a blob cannot be read.
#[derive(Debug, thiserror::Error)]
enum BlobError {
    #[error(transparent)]
    Encoding(#[from] ProtobufError),
    #[error("{0}")]
    Damaged(String),
    /// The visitor's error, or one that ends the import.
    #[error(transparent)]
    Stop(#[from] ImportError),
}

/// Whether a file begins as this encoding does.
pub(super) fn is_pbf(head: &[u8]) -> bool {
    head.get(4..15).is_some_and(|bytes| bytes == b"\x0a\x09OSMHeader")
}

impl<'a> PbfFile<'a> {
    /// Finds the blobs. A file that ends too early is read as far as it goes.
    pub(super) fn open(
        files: &'a dyn SourceFiles,
        name: &'a str,
        report: &mut SourceReport,
    ) -> Result<Self, ImportError> {
        let mut file = Self { files, name, blobs: Vec::new() };
        let size = files.size(name)?;
        let mut offset = 0;
        while offset < size {
            let place = Where::file(files.path_of(name)).detail(format!("byte {offset}"));
            let (head, data_offset) = match file.head(offset, size) {
                Ok(found) => found,
                Err(BlobError::Stop(error)) => return Err(error),
                Err(error) => {
                    report.skip("file-damaged", format!("what follows cannot be read: {error}"), place);
                    break;
                }
            };
            let entry = BlobEntry {
                offset: data_offset,
                bytes: head.bytes,
                kinds: Kinds { nodes: true, ways: true, relations: true },
                is_bad: false,
            };
            if data_offset + head.bytes > size {
                report.skip("file-damaged", "the file ends inside a block, which is left out", place);
                break;
            }
            match head.kind.as_slice() {
                b"OSMHeader" => file.check_header(entry, report)?,
                b"OSMData" => file.blobs.push(entry),
                _ => {}
            }
            offset = data_offset + head.bytes;
        }
        Ok(file)
    }

    /// The head of the blob at an offset, and where its data begin.
    fn head(&self, offset: u64, size: u64) -> Result<(BlobHead, u64), BlobError> {
        let mut bytes = self.files.read_range(self.name, offset..offset + 4 + USUAL_HEAD_BYTES)?;
        let length = bytes.first_chunk::<4>().map(|length| u64::from(u32::from_be_bytes(*length)));
        let length = length.ok_or(ProtobufError::Truncated)?;
        if length > MAX_HEAD_BYTES {
            return Err(BlobError::Damaged(format!("the head of a block claims {length} bytes")));
        }
        if length > USUAL_HEAD_BYTES {
            bytes = self.files.read_range(self.name, offset..offset + 4 + length)?;
        }
        let head = usize::try_from(length).ok().and_then(|length| bytes.get(4..4 + length));
        let head = BlobHead::read(head.ok_or(ProtobufError::Truncated)?)?;
        if head.bytes > MAX_BLOB_BYTES.min(size) {
            return Err(BlobError::Damaged(format!("a block claims {} bytes", head.bytes)));
        }
        Ok((head, offset + 4 + length))
    }

    /// Refuses files that ask for what is not known here, history above all.
    fn check_header(&self, entry: BlobEntry, report: &mut SourceReport) -> Result<(), ImportError> {
        let path = self.files.path_of(self.name);
        let damaged = |error: BlobError, report: &mut SourceReport| match error {
            BlobError::Stop(error) => Err(error),
            error => {
                report.skip("block-unreadable", error.to_string(), Where::file(&path).detail("header"));
                Ok(())
            }
        };
        let features = self.unpack(entry).and_then(|bytes| {
            let mut required = Vec::new();
            let mut message = Message::new(&bytes);
            while let Some((number, field)) = message.next()? {
                if let (4, Field::Bytes(feature)) = (number, field) {
                    required.push(String::from_utf8_lossy(feature).into_owned());
                }
            }
            Ok(required)
        });
        let required = match features {
            Ok(required) => required,
            Err(error) => return damaged(error, report),
        };
        match required.iter().find(|feature| !KNOWN_FEATURES.contains(&feature.as_str())) {
            Some(feature) if feature == "HistoricalInformation" => Err(invalid(
                &path,
                "it is a history file, which has many versions of everything; take one time of it (osmium time-filter)",
            )),
            Some(feature) => Err(invalid(&path, format!("it requires a reader that knows '{feature}'"))),
            None => Ok(()),
        }
    }

    /// Visits all elements of a kind, in the order of the file.
    pub(super) fn each(
        &mut self,
        kind: Kind,
        report: &mut SourceReport,
        visit: &mut Visit<'_>,
    ) -> Result<(), ImportError> {
        for index in 0..self.blobs.len() {
            let Some(&entry) = self.blobs.get(index).filter(|entry| entry.kinds.has(kind)) else { continue };
            let mut kinds = Kinds::default();
            let read = self.unpack(entry).and_then(|bytes| {
                read_block(&bytes, kind, &mut kinds, &mut |element| visit(Event::Element(element), report))
            });
            let outcome = match read {
                Ok(()) => None,
                Err(BlobError::Stop(error)) => return Err(error),
                Err(error) => Some(error),
            };
            if let Some(entry) = self.blobs.get_mut(index) {
                match outcome {
                    None => entry.kinds = kinds,
                    Some(error) if !entry.is_bad => {
                        entry.is_bad = true;
                        let place = Where::file(self.files.path_of(self.name)).detail(format!("byte {}", entry.offset));
                        report.skip("block-unreadable", error.to_string(), place);
                    }
                    Some(_) => {}
                }
            }
            visit(Event::Read(entry.offset + entry.bytes), report)?;
        }
        Ok(())
    }

    /// The bytes of a blob, unpacked.
    fn unpack(&self, entry: BlobEntry) -> Result<Vec<u8>, BlobError> {
        let bytes = self.files.read_range(self.name, entry.offset..entry.offset + entry.bytes)?;
        let mut message = Message::new(&bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Bytes(raw)) => return Ok(raw.to_vec()),
                (3, Field::Bytes(packed)) => return inflate(packed),
                (4..=7, Field::Bytes(_)) => {
                    let packing = ["LZMA", "bzip2", "LZ4", "Zstandard"].get(number as usize - 4).copied();
                    let cause = format!(
                        "its blocks are packed with {}, which few programs read; write it again with zlib (osmium cat -f pbf,pbf_compression=zlib)",
                        packing.unwrap_or_default()
                    );
                    return Err(invalid(&self.files.path_of(self.name), cause).into());
                }
                _ => {}
            }
        }
        Err(BlobError::Damaged("the block has no data".to_owned()))
    }
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, BlobError> {
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(packed)
        .take(MAX_BLOB_BYTES + 1)
        .read_to_end(&mut plain)
        .map_err(|error| BlobError::Damaged(format!("the zlib data are damaged: {error}")))?;
    if plain.len() as u64 > MAX_BLOB_BYTES {
        return Err(BlobError::Damaged("the block unpacks to more than 32 MiB".to_owned()));
    }
    Ok(plain)
}

/// `BlobHeader`.
struct BlobHead {
    kind: Vec<u8>,
    bytes: u64,
}

impl BlobHead {
    fn read(bytes: &[u8]) -> Result<Self, BlobError> {
        let mut head = Self { kind: Vec::new(), bytes: 0 };
        let mut message = Message::new(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Bytes(kind)) => head.kind = kind.to_vec(),
                (3, Field::Varint(bytes)) => head.bytes = bytes,
                _ => {}
            }
        }
        if head.kind.is_empty() {
            return Err(BlobError::Damaged("a block does not say what it is".to_owned()));
        }
        Ok(head)
    }
}
