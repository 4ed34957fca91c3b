//! The XML encoding of OpenStreetMap (`.osm`, also in gzip): read as it streams, once a pass.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event as XmlEvent};

use super::element::{Body, Element, Event, Key, Kind, MAX_ID, MAX_PARTS, Member, Place, Role, Tags, Visit};
use super::invalid;
use crate::import::{ImportError, Place as Where, SourceFiles, SourceReport};

/// Bytes read at one time.
const CHUNK_BYTES: u64 = 256 << 10;
/// Bytes that one tag or text may have: a bomb in gzip would have more.
const MAX_EVENT_BYTES: usize = 1 << 20;
/// Bytes of a file in which its root element stands.
const HEAD_BYTES: usize = 16 << 10;

/// A file of this encoding.
pub(super) struct XmlFile<'a> {
    files: &'a dyn SourceFiles,
    name: &'a str,
    size: u64,
    is_bad: bool,
}

/// What a file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// `osm`.
    Osm,
    /// `osmChange`.
    Change,
}

/// The root element of a file, plain or in gzip; `None` where it is another one.
pub(super) fn root(files: &dyn SourceFiles, name: &str) -> Option<Root> {
    let mut head = vec![0; HEAD_BYTES];
    let mut source = plain(files, name).ok()?;
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) | Err(_) => break,
            Ok(more) => filled += more,
        }
    }
    let head = String::from_utf8_lossy(head.get(..filled)?).into_owned();
    let mut tags = head.split('<').map(|tag| tag.split([' ', '>', '\t', '\r', '\n', '/']).next().unwrap_or_default());
    tags.find_map(|tag| match tag {
        "osm" => Some(Some(Root::Osm)),
        "osmChange" => Some(Some(Root::Change)),
        // Neither the text before the first tag, nor a declaration or comment.
        _ if tag.is_empty() || tag.starts_with(['?', '!', '\u{feff}']) => None,
        _ => Some(None),
    })?
}

/// The bytes of a file, unpacked where they are gzip.
fn plain<'a>(files: &'a dyn SourceFiles, name: &'a str) -> Result<Box<dyn Read + 'a>, ImportError> {
    let size = files.size(name)?;
    let bytes = RangeReader { files, name, size, at: 0, chunk: Vec::new(), taken: 0 };
    if files.head(name, 2)? == [0x1f, 0x8b] {
        return Ok(Box::new(flate2::bufread::MultiGzDecoder::new(bytes)));
    }
    Ok(Box::new(bytes))
}

/// Reads a file in parts.
struct RangeReader<'a> {
    files: &'a dyn SourceFiles,
    name: &'a str,
    size: u64,
    /// Where the next part begins.
    at: u64,
    chunk: Vec<u8>,
    taken: usize,
}

impl BufRead for RangeReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken >= self.chunk.len() && self.at < self.size {
            let end = (self.at + CHUNK_BYTES).min(self.size);
            self.chunk = self.files.read_range(self.name, self.at..end).map_err(io::Error::other)?;
            (self.at, self.taken) = (end, 0);
        }
        Ok(self.chunk.get(self.taken..).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.taken += bytes;
    }
}

impl Read for RangeReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let bytes = there.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..bytes), there.get(..bytes)) {
            to.copy_from_slice(from);
        }
        self.consume(bytes);
        Ok(bytes)
    }
}

/// Stops a reader that takes more than [`MAX_EVENT_BYTES`] for one event, and counts what it takes in all.
struct Guard<R> {
    inner: R,
    event_bytes: Rc<Cell<usize>>,
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(out)?;
        let taken = self.event_bytes.get() + bytes;
        self.event_bytes.set(taken);
        if taken > MAX_EVENT_BYTES {
            return Err(io::Error::other("a tag has more than 1 MiB"));
        }
        Ok(bytes)
    }
}

/// An element while it is read.
struct Open {
    kind: Kind,
    element: Element<'static>,
    is_visible: bool,
    is_too_long: bool,
}

impl<'a> XmlFile<'a> {
    pub(super) fn open(files: &'a dyn SourceFiles, name: &'a str) -> Result<Self, ImportError> {
        let path = files.path_of(name);
        match root(files, name) {
            Some(Root::Osm) => Ok(Self { files, name, size: files.size(name)?, is_bad: false }),
            Some(Root::Change) => Err(invalid(
                &path,
                "it is a change file, which holds only what others have changed; apply it to its extract (osmium apply-changes) and import that",
            )),
            None => Err(invalid(&path, "its first element is not 'osm'")),
        }
    }

    /// Visits all elements of a kind, in the order of the file. A file that is damaged is read up to there.
    pub(super) fn each(
        &mut self,
        kind: Kind,
        report: &mut SourceReport,
        visit: &mut Visit<'_>,
    ) -> Result<(), ImportError> {
        let event_bytes = Rc::new(Cell::new(0));
        let guard = Guard { inner: plain(self.files, self.name)?, event_bytes: Rc::clone(&event_bytes) };
        let mut reader = Reader::from_reader(BufReader::with_capacity(64 << 10, guard));
        let mut buffer = Vec::new();
        let mut open: Option<Open> = None;
        loop {
            buffer.clear();
            event_bytes.set(0);
            let event = match reader.read_event_into(&mut buffer) {
                Ok(event) => event,
                Err(error) => {
                    let cause = format!("what follows cannot be read: {error}");
                    self.damaged(reader.error_position(), &cause, report);
                    break;
                }
            };
            let ended = match event {
                XmlEvent::Start(tag) => {
                    begin(&tag, kind, &mut open);
                    None
                }
                XmlEvent::Empty(tag) => {
                    begin(&tag, kind, &mut open);
                    element_kind(tag.name().as_ref()).and_then(|_| open.take())
                }
                XmlEvent::End(tag) => element_kind(tag.name().as_ref()).and_then(|_| open.take()),
                XmlEvent::Eof => break,
                _ => None,
            };
            if let Some(mut ended) = ended.filter(|ended| ended.is_visible && ended.kind == kind) {
                if ended.is_too_long {
                    let cause = format!("{} has more than {MAX_PARTS} parts", Key::new(kind, ended.element.id));
                    self.damaged(reader.buffer_position(), &cause, report);
                    continue;
                }
                if let Body::Way { nodes, places } = &mut ended.element.body
                    && nodes.len() != places.len()
                {
                    places.clear();
                }
                visit(Event::Element(ended.element), report)?;
            }
        }
        // How far into a gzip the reader is, it does not tell.
        visit(Event::Read(self.size), report)
    }

    fn damaged(&mut self, position: u64, cause: &str, report: &mut SourceReport) {
        if !self.is_bad {
            self.is_bad = true;
            let place = Where::file(self.files.path_of(self.name)).detail(format!("character {position}"));
            report.skip("file-damaged", cause, place);
        }
    }
}

fn element_kind(name: &[u8]) -> Option<Kind> {
    match name {
        b"node" => Some(Kind::Node),
        b"way" => Some(Kind::Way),
        b"relation" => Some(Kind::Relation),
        _ => None,
    }
}

/// Takes a start tag: of an element, or of a part of the open one.
fn begin(tag: &BytesStart<'_>, wanted: Kind, open: &mut Option<Open>) {
    if let Some(kind) = element_kind(tag.name().as_ref()) {
        *open = (kind == wanted).then(|| opened(tag, kind)).flatten();
        return;
    }
    let Some(open) = open else { return };
    let element = &mut open.element;
    let parts = match &element.body {
        Body::Node(_) => 0,
        Body::Way { nodes, .. } => nodes.len(),
        Body::Relation(members) => members.len(),
    };
    open.is_too_long |= parts >= MAX_PARTS;
    if open.is_too_long {
        return;
    }
    match (tag.name().as_ref(), &mut element.body) {
        (b"tag", _) => {
            if let [Some(key), Some(value)] = attributes(tag, ["k", "v"]) {
                element.tags.push(key.into(), value.into());
            }
        }
        (b"nd", Body::Way { nodes, places }) => {
            let [id, longitude, latitude] = attributes(tag, ["ref", "lon", "lat"]);
            if let Some(id) = id.as_deref().and_then(identity) {
                nodes.push(id);
                places.extend(place(longitude, latitude));
            }
        }
        (b"member", Body::Relation(members)) => {
            let [kind, id, role] = attributes(tag, ["type", "ref", "role"]);
            let kind = kind.and_then(|kind| element_kind(kind.as_bytes()));
            if let (Some(kind), Some(id)) = (kind, id.as_deref().and_then(identity)) {
                let role = Role::from_words(role.as_deref().unwrap_or_default());
                members.push(Member { key: Key::new(kind, id), role });
            }
        }
        _ => {}
    }
}

fn opened(tag: &BytesStart<'_>, kind: Kind) -> Option<Open> {
    let [id, longitude, latitude, visible, action] = attributes(tag, ["id", "lon", "lat", "visible", "action"]);
    let id = identity(id.as_deref()?)?;
    let body = match kind {
        Kind::Node => Body::Node(place(longitude, latitude)),
        Kind::Way => Body::Way { nodes: Vec::new(), places: Vec::new() },
        Kind::Relation => Body::Relation(Vec::new()),
    };
    let is_visible = visible.as_deref() != Some("false") && action.as_deref() != Some("delete");
    Some(Open { kind, element: Element { id, tags: Tags::default(), body }, is_visible, is_too_long: false })
}

fn identity(words: &str) -> Option<i64> {
    words.parse().ok().filter(|id: &i64| id.unsigned_abs() <= MAX_ID.unsigned_abs())
}

fn place(longitude: Option<String>, latitude: Option<String>) -> Option<Place> {
    let nanodegrees = |words: Option<String>| {
        let degrees: f64 = words?.parse().ok()?;
        (degrees.abs() <= 360.0).then_some((degrees * 1e9).round() as i64)
    };
    Place::from_nanodegrees(nanodegrees(longitude)?, nanodegrees(latitude)?)
}

/// The values of some attributes, without their escapes.
fn attributes<const N: usize>(tag: &BytesStart<'_>, names: [&str; N]) -> [Option<String>; N] {
    let mut values = [const { None }; N];
    for attribute in tag.attributes().with_checks(false).flatten() {
        let slot = names.iter().position(|name| name.as_bytes() == attribute.key.as_ref());
        if let Some(slot) = slot.and_then(|slot| values.get_mut(slot)) {
            let raw = String::from_utf8_lossy(&attribute.value);
            *slot =
                Some(quick_xml::escape::unescape(&raw).map_or_else(|_| raw.to_string(), |words| words.into_owned()));
        }
    }
    values
}
