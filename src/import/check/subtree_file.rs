//! One subtree file (3D Tiles 1.1 section 7.3 and its JSON schema): header, buffers, availabilities and what they count.

use serde_json::{Map, Value as Json};

use super::findings::Findings;
use super::resolve;
use crate::formats::tiles3d::cells;
use crate::streaming::ByteSource;

const HEADER_BYTES: usize = 24;
/// Levels of a subtree whose bits are worth having in memory, as in the reader.
const MAX_LEVELS: u32 = 12;

/// Checks the subtree file `name` of a quadtree cut into subtrees of `levels`, in binary or JSON; findings are of that file.
pub fn check(source: &dyn ByteSource, name: &str, bytes: &[u8], levels: u32, findings: &mut Findings) {
    let file = std::mem::replace(&mut findings.file, name.to_owned());
    if let Some((text, binary)) = split(bytes, findings)
        && let Some(json) = findings.parse(text)
        && let Some(subtree) = findings.object(&json, "")
    {
        check_document(source, subtree, binary, levels, findings);
    }
    findings.file = file;
}

/// The JSON part, and the binary one where the file has a binary header.
fn split<'b>(bytes: &'b [u8], findings: &mut Findings) -> Option<(&'b [u8], Option<&'b [u8]>)> {
    if !bytes.starts_with(b"subt") {
        if bytes.trim_ascii_start().starts_with(b"{") {
            return Some((bytes, None));
        }
        findings.error("IO_ERROR", "", "is neither a binary subtree nor JSON");
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        let bytes = bytes.get(range)?;
        usize::try_from(bytes.iter().rev().fold(0_u64, |all, byte| all << 8 | u64::from(*byte))).ok()
    };
    let (Some(version), Some(text), Some(binary)) = (number(4..8), number(8..16), number(16..24)) else {
        findings.error("BINARY_INVALID_LENGTH", "", "ends within its header");
        return None;
    };
    if version != 1 {
        findings.error("BINARY_INVALID_VALUE", "", format!("its version is {version}, not 1"));
        return None;
    }
    if let Some((what, length)) = [("JSON", text), ("binary", binary)].into_iter().find(|(_, n)| !n.is_multiple_of(8)) {
        let message = format!("its {what} part of {length} bytes is no multiple of 8");
        findings.error("BINARY_INVALID_ALIGNMENT", "", message);
        return None;
    }
    let rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let (text, rest) = rest.split_at_checked(text).unwrap_or_default();
    if text.is_empty() || rest.len() != binary {
        let message = format!("the header's lengths are not those of the {} bytes there are", bytes.len());
        findings.error("BINARY_INVALID_LENGTH", "", message);
        return None;
    }
    Some((text, Some(rest)))
}

fn check_document(
    source: &dyn ByteSource,
    subtree: &Map<String, Json>,
    binary: Option<&[u8]>,
    levels: u32,
    findings: &mut Findings,
) {
    let before = findings.errors();
    let own_binary = binary.is_some_and(|binary| !binary.is_empty());
    check_buffers(subtree, !own_binary, findings);
    if findings.errors() > before {
        return;
    }
    findings.common(subtree, "");
    for key in ["tileAvailability", "childSubtreeAvailability"] {
        if let Some(said) = findings.required(subtree, key, "")
            && let Some(said) = findings.object(said, &format!("/{key}"))
        {
            check_availability(said, &format!("/{key}"), findings);
        }
    }
    let contents = subtree.get("contentAvailability");
    let contents = contents.map(|contents| findings.objects(contents, "/contentAvailability", 1)).unwrap_or_default();
    contents.iter().for_each(|(path, said)| check_availability(said, path, findings));
    if findings.errors() == before {
        check_metadata(subtree, findings);
    }
    if findings.errors() == before && (1..=MAX_LEVELS).contains(&levels) {
        Bits { source, subtree, binary }.check(&contents, levels, findings);
    }
}

/// A whole number of `least..below`.
fn index(value: &Json, path: &str, least: i64, below: usize, findings: &mut Findings) -> Option<usize> {
    let number = usize::try_from(findings.integer(value, path, least)?).ok()?;
    if number >= below {
        findings.error("VALUE_NOT_IN_RANGE", path, format!("{number} is not below {below}"));
        return None;
    }
    Some(number)
}

fn check_name(object: &Map<String, Json>, path: &str, findings: &mut Findings) {
    if findings.optional_string(object, "name", path) == Some("") {
        findings.error("STRING_LENGTH_MISMATCH", path, "its name is empty");
    }
}

/// `buffers` and `bufferViews`; the first buffer has no uri where it is the file's own binary part.
fn check_buffers(subtree: &Map<String, Json>, first_needs_uri: bool, findings: &mut Findings) {
    let before = findings.errors();
    let mut lengths = Vec::new();
    if let Some(buffers) = subtree.get("buffers") {
        for (i, (path, buffer)) in findings.objects(buffers, "/buffers", 1).into_iter().enumerate() {
            if !buffer.contains_key("uri") && (first_needs_uri || i > 0) {
                findings.error("REQUIRED_VALUE_NOT_FOUND", &path, "has no uri");
            }
            findings.optional_string(buffer, "uri", &path);
            check_name(buffer, &path, findings);
            let length = findings.required(buffer, "byteLength", &path);
            lengths.push(length.and_then(|n| findings.integer(n, &format!("{path}/byteLength"), 1)));
        }
    }
    let views = match (subtree.get("buffers"), subtree.get("bufferViews")) {
        (Some(_), None) if findings.errors() == before => {
            return findings.warning("BUFFERS_WITHOUT_BUFFER_VIEWS", "/buffers", "has buffers but no bufferViews");
        }
        (None, Some(_)) => {
            return findings.error("BUFFER_VIEWS_WITHOUT_BUFFERS", "/bufferViews", "has bufferViews but no buffers");
        }
        (Some(_), Some(views)) if findings.errors() == before => views,
        _ => return,
    };
    for (path, view) in findings.objects(views, "/bufferViews", 1) {
        check_name(view, &path, findings);
        let buffer = findings.required(view, "buffer", &path);
        let buffer = buffer.and_then(|n| index(n, &format!("{path}/buffer"), 0, lengths.len(), findings));
        let mut number = |key: &str, least: i64| {
            let number = findings.required(view, key, &path)?;
            findings.integer(number, &format!("{path}/{key}"), least)
        };
        let (offset, length) = (number("byteOffset", 0), number("byteLength", 1));
        let whole = buffer.and_then(|buffer| lengths.get(buffer).copied().flatten());
        if let (Some(offset), Some(length), Some(whole)) = (offset, length, whole)
            && offset.saturating_add(length) > whole
        {
            let message = format!("{length} bytes from {offset} on reach beyond the buffer's {whole}");
            findings.error("BUFFERS_INCONSISTENT", &path, message);
        }
    }
}

fn check_availability(said: &Map<String, Json>, path: &str, findings: &mut Findings) {
    findings.common(said, path);
    match (said.get("bitstream"), said.get("constant")) {
        (None, None) => findings.error("ANY_OF_ERROR", path, "has neither bitstream nor constant"),
        (Some(_), Some(_)) => findings.error("ONE_OF_ERROR", path, "has both bitstream and constant"),
        (Some(view), None) => _ = findings.integer(view, &format!("{path}/bitstream"), 0),
        (None, Some(constant)) if constant.as_u64().is_none_or(|constant| constant > 1) => {
            findings.error("VALUE_NOT_IN_LIST", &format!("{path}/constant"), format!("{constant} is neither 0 nor 1"));
        }
        _ => {}
    }
    if let Some(count) = said.get("availableCount") {
        findings.integer(count, &format!("{path}/availableCount"), 0);
    }
}

fn check_metadata(subtree: &Map<String, Json>, findings: &mut Findings) {
    let tables = subtree.get("propertyTables").map(|tables| findings.objects(tables, "/propertyTables", 1).len());
    if let Some(value) = subtree.get("tileMetadata") {
        let path = "/tileMetadata";
        match tables {
            Some(tables) => _ = index(value, path, 0, tables, findings),
            None if findings.integer(value, path, 0).is_none() => {}
            None => findings.error("REQUIRED_VALUE_NOT_FOUND", path, "there are no propertyTables"),
        }
    }
    let Some(contents) = subtree.get("contentMetadata") else { return };
    let contents = findings.array(contents, "/contentMetadata", 1).unwrap_or_default();
    if tables.is_none() && !contents.is_empty() {
        return findings.error("REQUIRED_VALUE_NOT_FOUND", "/contentMetadata", "there are no propertyTables");
    }
    for (i, value) in contents.iter().enumerate() {
        let path = format!("/contentMetadata/{i}");
        if !value.is_number() {
            findings.error("ARRAY_ELEMENT_TYPE_MISMATCH", &path, format!("{value} is no number"));
            return;
        }
        index(value, &path, 0, tables.unwrap_or_default(), findings);
    }
}

/// The availabilities' bits.
struct Bits<'a> {
    source: &'a dyn ByteSource,
    subtree: &'a Map<String, Json>,
    binary: Option<&'a [u8]>,
}

impl Bits<'_> {
    fn check(&self, contents: &[(String, &Map<String, Json>)], levels: u32, findings: &mut Findings) {
        let own = |key: &str| self.subtree.get(key).and_then(Json::as_object);
        let count = cells(levels);
        let tiles = own("tileAvailability").and_then(|said| self.read(said, count, "/tileAvailability", findings));
        let below = 1 << (2 * levels);
        if let Some(said) = own("childSubtreeAvailability") {
            self.read(said, below, "/childSubtreeAvailability", findings);
        }
        let Some(tiles) = tiles else { return };
        let mut told = |what: String| findings.error("SUBTREE_AVAILABILITY_INCONSISTENT", "/tileAvailability", what);
        if let Some(orphan) = (1..count).find(|i| tiles.get(*i) == Some(&true) && tiles.get((i - 1) / 4) != Some(&true))
        {
            return told(format!("tile {orphan} has no parent"));
        }
        for (path, said) in contents {
            let Some(bits) = self.read(said, count, path, findings) else { continue };
            if let Some(bare) = (0..count).find(|i| bits.get(*i) == Some(&true) && tiles.get(*i) != Some(&true)) {
                findings.error("SUBTREE_AVAILABILITY_INCONSISTENT", path, format!("content {bare} has no tile"));
            }
        }
    }

    /// The bits of an availability, held against its length and `availableCount`.
    fn read(&self, said: &Map<String, Json>, count: usize, path: &str, findings: &mut Findings) -> Option<Vec<bool>> {
        let bits = match said.get("bitstream").and_then(Json::as_u64) {
            None => vec![said.get("constant").and_then(Json::as_u64) == Some(1); count],
            Some(view) => {
                let views = self.subtree.get("bufferViews").and_then(Json::as_array).map_or(0, Vec::len);
                let view = index(&Json::from(view), &format!("{path}/bitstream"), 0, views, findings)?;
                let bytes = self.view(view, path, findings)?;
                let needed = count.div_ceil(8);
                if bytes.len() != needed {
                    let message = format!("has {} bytes of bits, {needed} are needed for {count}", bytes.len());
                    findings.error("SUBTREE_AVAILABILITY_INCONSISTENT", path, message);
                    return None;
                }
                (0..count).map(|i| bytes.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1)).collect()
            }
        };
        let available = bits.iter().filter(|bit| **bit).count();
        let claimed = said.get("availableCount").and_then(Json::as_u64);
        if claimed.is_some_and(|claimed| claimed != available as u64) {
            let message = format!("availableCount is {}, but {available} are available", claimed.unwrap_or_default());
            findings.error("SUBTREE_AVAILABILITY_INCONSISTENT", path, message);
            return None;
        }
        Some(bits)
    }

    fn view(&self, view: usize, path: &str, findings: &mut Findings) -> Option<Vec<u8>> {
        let view = self.subtree.get("bufferViews")?.get(view)?;
        let number = |key: &str| view.get(key)?.as_u64().and_then(|n| usize::try_from(n).ok());
        let (start, length) = (number("byteOffset")?, number("byteLength")?);
        let buffer = self.subtree.get("buffers")?.get(number("buffer")?)?;
        let found = match buffer.get("uri").and_then(Json::as_str) {
            None => self.binary.map(<[u8]>::to_vec),
            Some(uri) => match self.source.read(&resolve(&findings.file, uri)?, None) {
                Ok(bytes) => Some(bytes),
                Err(error) => {
                    findings.error("IO_ERROR", path, error.to_string());
                    return None;
                }
            },
        };
        let bytes = found.and_then(|bytes| bytes.get(start..start.checked_add(length)?).map(<[u8]>::to_vec));
        if bytes.is_none() {
            findings.error("BUFFERS_INCONSISTENT", path, "the buffer is shorter than its views");
        }
        bytes
    }
}
